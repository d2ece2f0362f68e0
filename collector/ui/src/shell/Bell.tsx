import { Popover } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useEffect, useRef } from 'react';
import { api } from '../api/client';
import type { Checklist, ChecklistId } from '../api/types';
import { useT, type Key } from '../i18n/i18n';
import { scopeText } from '../lib/alerts';
import { useApp } from '../lib/app';
import { useLive } from '../lib/live';
import { href } from '../lib/route';
import { Trouble, Waiting } from '../parts/common';
import { Icon } from '../parts/Icon';
import { pagesFor } from './pages';

const where: Record<ChecklistId, string> = {
  first_node: 'nodes', customers: 'parties', carriers: 'parties', blocks: 'blocks', two_factor: 'accounts', email: 'alerts',
};

export function Bell({ opened, onOpen }: { opened: boolean; onOpen: (o: boolean) => void }) {
  const t = useT();
  const { me, format } = useApp();
  const { live } = useLive();
  const list = useQuery({
    queryKey: ['checklist'],
    queryFn: ({ signal }) => api.get<Checklist>('/checklist', {}, signal),
    refetchInterval: 60_000,
  });
  const { refetch } = list;
  const heard = useRef<number>(undefined);
  useEffect(() => { // asked again as soon as the live figures say that it changed
    if (heard.current !== undefined && live && live.open !== heard.current) void refetch();
    heard.current = live?.open ?? heard.current;
  }, [live, refetch]);
  const open = list.data?.open ?? 0;
  const reach = new Set(pagesFor(me).map((p) => p.path));
  const link = (id: ChecklistId) => {
    if (id === 'two_factor' && !me.totp) return href('account', { tab: 'security' });
    return reach.has(where[id]) ? href(where[id], id === 'email' ? { tab: 'rules' } : {}) : null;
  };
  return (
    <Popover opened={opened} onChange={onOpen} position="bottom-end" width={380} trapFocus returnFocus>
      <Popover.Target>
        <button type="button" className="topbutton" data-testid="bell" onClick={() => onOpen(!opened)} aria-label={t('checklist.count', { n: open })}>
          <Icon name="bell" size={19} />
          {open > 0 && <span className="count" aria-hidden="true">{open > 99 ? '99+' : open}</span>}
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('checklist.title')}>
        <div className="panel">
          <Trouble error={list.error} retry={() => void list.refetch()} />
          {list.isPending && <Waiting />}
          {list.data && list.data.alerts.length > 0 && (
            <>
              <h2>{t('checklist.alerts')}</h2>
              <ul>
                {list.data.alerts.map((a) => (
                  <li key={a.id}>
                    <Icon name="alerts" className={a.level === 'critical' ? 'bad' : a.level === 'warning' ? 'warn' : 'dim'} />
                    <span className="grow break">
                      {reach.has('alerts') ? <a href={href('alerts')} onClick={() => onOpen(false)}>{a.name}</a> : <b>{a.name}</b>}
                      <span className="dim small"><br />{scopeText(t, a.scope)} · {t('since', { time: format.stamp(a.since_unix_ms) })}</span>
                    </span>
                  </li>
                ))}
              </ul>
            </>
          )}
          {list.data && (
            <>
              <h2>{t('checklist.title')}</h2>
              <ul>
                {list.data.items.map((item) => {
                  const text = t(`checklist.${item.id}` as Key);
                  const to = link(item.id);
                  return (
                    <li key={item.id}>
                      <Icon name={item.done ? 'check' : 'open'} className={item.done ? 'ok' : 'warn'} />
                      <span className="grow">
                        {item.done || !to ? text : <a href={to} onClick={() => onOpen(false)}>{text}</a>}
                        {!item.done && item.missing > 0 && <span className="dim small"> · {t('checklist.missing', { n: item.missing })}</span>}
                        <span className="hidden-visually">{item.done ? t('checklist.done') : t('checklist.todo')}</span>
                      </span>
                    </li>
                  );
                })}
                {list.data.items.length === 0 && list.data.alerts.length === 0 && <li className="dim">{t('checklist.nothing')}</li>}
              </ul>
            </>
          )}
        </div>
      </Popover.Dropdown>
    </Popover>
  );
}
