import { Select } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { LiveCall, LiveCalls as Answer } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { useParties } from '../../lib/parties';
import { replaceQuery } from '../../lib/route';
import { PageHead, Trouble, Waiting } from '../../parts/common';
import { List, type Col } from '../../parts/List';
import { ListTabs } from './ListTabs';

const everyMs = 5000;

// LiveCalls lists calls in progress, as the nodes answer every few seconds.
export function LiveCalls() {
  const t = useT();
  const { all, format } = useApp();
  const parties = useParties();
  const [customer, setCustomer] = useState('');
  const [carrier, setCarrier] = useState('');
  const calls = useQuery({
    queryKey: ['calls-live', customer, carrier], refetchInterval: everyMs, placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.get<Answer>('/calls/live', { customer, carrier }, signal),
  });
  const data = calls.data;
  const choice = (label: string, ids: string[], value: string, set: (x: string) => void) => (
    <Select size="xs" w={140} clearable searchable label={label} data={ids} value={value || null} onChange={(x) => set(x ?? '')} />
  );
  const cols: (Col<LiveCall> | false)[] = [
    { title: t('calls.time'), cell: (c) => <span className="num nowrap">{format.time(c.started_unix_ms)}</span> },
    { title: t('node.state'), cell: (c) => <span className={`tag ${c.state === 'answered' ? 'ok' : ''}`}>{c.held ? t('calls.held') : c.state === 'answered' ? t('channels.answered') : t('channels.setup')}</span> },
    { title: t('calls.lasts'), right: true, cell: (c) => <span className="num">{format.span(Math.max(0, (data?.at_unix_ms ?? 0) - (c.answered_unix_ms || c.started_unix_ms)))}</span> },
    { title: t('calls.caller'), cell: (c) => <span className="num">{c.caller}</span> },
    { title: t('calls.called'), cell: (c) => <span className="num">{c.called}</span> },
    all && { title: t('customer'), cell: (c) => c.customer },
    all && { title: t('carrier'), cell: (c) => c.carrier },
    { title: t('calls.digits'), right: true, cell: (c) => (c.digits > 0 ? format.count(c.digits) : '') },
    all && { title: t('node'), cell: (c) => c.node },
    { title: 'Call-ID', cell: (c) => <span className="mono break">{c.call_id}</span> },
  ];
  return (
    <>
      <PageHead title={t('nav.calls')}>
        <ListTabs list="live" onChange={(list) => replaceQuery('calls', { list: list === 'calls' ? undefined : list })} />
      </PageHead>
      {all && (
        <div className="row filters">
          {choice(t('customer'), parties.customers, customer, setCustomer)}
          {choice(t('carrier'), parties.carriers, carrier, setCarrier)}
        </div>
      )}
      <Trouble error={calls.error} retry={() => void calls.refetch()} />
      {calls.isPending && !calls.error && <Waiting />}
      {data && (
        <>
          {data.unreached.map((u, i) => <p key={u.node || i} className="warn">{u.node ? t('registrations.unreached', { node: u.node, error: u.error }) : t('calls.unreached')}</p>)}
          <List cols={cols.filter((c) => c !== false)} rows={data.items} id={(c) => c.key} label={t('calls.live')} empty={t('calls.none_live')} />
          <p className="dim small">{data.more > 0 && t('registrations.more', { n: format.count(data.more) })} {t('calls.live_note')}</p>
        </>
      )}
    </>
  );
}
