import { Button, Switch } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { AlertEvent } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { eventText, scopeText } from '../../lib/alerts';
import { useApp } from '../../lib/app';
import { problemOf, problemText } from '../../parts/forms';
import { PagedList, usePages, type Col } from '../../parts/List';
import { tone } from './tone';

export function Events() {
  const t = useT();
  const { operator, format, notify } = useApp();
  const queries = useQueryClient();
  const [open, setOpen] = useState(false);
  const pages = usePages<AlertEvent>('/alerts/events', open ? { open } : {}, 10_000);
  const ack = (e: AlertEvent) => {
    api.post(`/alerts/events/${encodeURIComponent(e.id)}/ack`)
      .then(() => Promise.all([queries.invalidateQueries({ queryKey: ['list', '/alerts/events'] }), queries.invalidateQueries({ queryKey: ['checklist'] })]))
      .catch((x: unknown) => notify(problemText(t, problemOf(x)), true));
  };
  const cols: Col<AlertEvent>[] = [
    { title: t('registrations.since'), cell: (e) => <span className="num">{format.time(e.since_unix_ms)}</span> },
    { title: t('node.state'), cell: (e) => (e.ended_unix_ms > 0 ? <span className="tag">{t('alerts.over')}</span> : <span className={`tag ${tone[e.level]}`}>{t(`level.${e.level}`)}</span>) },
    { title: t('alerts.one'), cell: (e) => <><b>{e.name}</b><br /><span className="dim small" title={e.text}>{eventText(t, format, e)}</span></> },
    { title: t('alerts.scope'), cell: (e) => scopeText(t, e.scope) },
    { title: t('calls.ended'), cell: (e) => e.ended_unix_ms > 0 && <span className="num">{format.time(e.ended_unix_ms)}</span> },
    { title: t('alerts.acked'), cell: (e) => e.acked_by || (operator && <Button size="compact-xs" variant="default" onClick={() => ack(e)} aria-label={`${t('alerts.ack')} ${e.name}`}>{t('alerts.ack')}</Button>) },
  ];
  return (
    <>
      <div className="row onlyopen"><Switch label={t('alerts.only_open')} checked={open} onChange={(e) => setOpen(e.currentTarget.checked)} /></div>
      <PagedList pages={pages} cols={cols} id={(e) => e.id} label={t('alerts.events')} empty={open ? t('alerts.all_quiet') : t('alerts.none')} />
    </>
  );
}
