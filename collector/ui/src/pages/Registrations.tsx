import { Button, Select, Tabs, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useState, type FormEvent } from 'react';
import { api } from '../api/client';
import type { Binding, Bindings, Registration, Unreached } from '../api/types';
import { isKey, useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useParties } from '../lib/parties';
import { replaceQuery, useRoute } from '../lib/route';
import { PageHead, Trouble, Waiting } from '../parts/common';
import { List, PagedList, usePages, type Col } from '../parts/List';
import { TimeRange } from '../parts/TimeRange';

export default function Registrations() {
  const t = useT();
  const { query } = useRoute();
  const tab = query.get('tab') === 'bindings' ? 'bindings' : 'refusals';
  return (
    <>
      <PageHead title={t('nav.registrations')}>
        <Tabs value={tab} onChange={(x) => replaceQuery('registrations', { tab: x === 'bindings' ? x : undefined })}>
          <Tabs.List>
            <Tabs.Tab value="refusals">{t('registrations.refusals')}</Tabs.Tab>
            <Tabs.Tab value="bindings">{t('registrations.bindings')}</Tabs.Tab>
          </Tabs.List>
        </Tabs>
      </PageHead>
      {tab === 'refusals' ? <Refusals /> : <WhoIsRegistered first={query.get('first') ?? ''} last={query.get('last') ?? ''} />}
    </>
  );
}

function Refusals() {
  const t = useT();
  const { all, format } = useApp();
  const parties = useParties();
  const [customer, setCustomer] = useState<string | null>(null);
  const [range, setRange] = useState<[number | undefined, number | undefined]>([undefined, undefined]);
  const pages = usePages<Registration>('/registrations', { customer, from: range[0], to: range[1] }, 15_000);
  const word = (key: string, plain: string) => (isKey(key) ? t(key) : plain); // a newer agent may have more words
  const cols: (Col<Registration> | false)[] = [
    { title: t('calls.time'), cell: (r) => <span className="num nowrap">{format.time(r.at_unix_ms)}</span> },
    { title: t('registrations.verdict'), cell: (r) => <span className={`tag ${r.verdict === 'refused' ? 'bad' : 'warn'}`}>{word(`verdict.${r.verdict}`, r.verdict)}</span> },
    { title: t('registrations.reason'), cell: (r) => word(`reason.${r.reason}`, r.reason) },
    { title: t('calls.number'), cell: (r) => <span className="num">{r.number}<span className="dim">@{r.domain}</span></span> },
    all && { title: t('customer'), cell: (r) => r.customer },
    { title: t('registrations.block'), cell: (r) => r.block && <span className="num">{r.block}{r.holder && <span className="dim"> · {r.holder}</span>}</span> },
    { title: t('registrations.source'), cell: (r) => <span className="mono nowrap">{r.src} {r.transport}</span> },
    { title: 'User-Agent', cell: (r) => <span className="dim">{r.user_agent}</span> },
    { title: t('registrations.repeated'), right: true, cell: (r) => (r.repeated > 0 ? `+${format.count(r.repeated)}` : '') },
  ];
  return (
    <>
      <div className="row filters">
        {all && <Select size="xs" w={150} clearable searchable label={t('customer')} data={parties.customers} value={customer} onChange={setCustomer} />}
        <TimeRange from={range[0]} to={range[1]} onChange={(a, b) => setRange([a, b])} />
      </div>
      <PagedList pages={pages} cols={cols.filter((c) => c !== false)} id={(r) => r.key} label={t('registrations.refusals')} empty={t('registrations.nothing')} />
    </>
  );
}

function WhoIsRegistered({ first, last }: { first: string; last: string }) {
  const t = useT();
  const [form, setForm] = useState({ first, last });
  const asked = first !== '';
  const found = useQuery({
    queryKey: ['bindings', first, last], enabled: asked, refetchInterval: 30_000,
    queryFn: ({ signal }) => api.get<Bindings>('/bindings', { first, last, limit: 500 }, signal),
  });
  const ask = (e: FormEvent) => {
    e.preventDefault();
    replaceQuery('registrations', { tab: 'bindings', first: form.first.trim(), last: form.last.trim() || form.first.trim() });
  };
  return (
    <>
      <form className="row filters" onSubmit={ask}>
        <TextInput size="xs" label={t('registrations.first')} required value={form.first} data-search onChange={(e) => setForm({ ...form, first: e.currentTarget.value })} />
        <TextInput size="xs" label={t('registrations.last')} value={form.last} onChange={(e) => setForm({ ...form, last: e.currentTarget.value })} />
        <Button size="xs" type="submit" loading={found.isFetching}>{t('search')}</Button>
      </form>
      <Trouble error={found.error} retry={() => void found.refetch()} />
      {asked && found.isPending && !found.error && <Waiting />}
      {found.data && <BindingList items={found.data.items} more={found.data.more} unreached={found.data.unreached} />}
      {!asked && <div className="card empty">{t('registrations.ask')}</div>}
    </>
  );
}

// BindingList shows who is registered, and says whom it could not ask.
export function BindingList({ items, more, unreached }: { items: Binding[]; more: number; unreached: Unreached[] }) {
  const t = useT();
  const { all, format } = useApp();
  const cols: (Col<Binding> | false)[] = [
    { title: t('calls.number'), cell: (b) => <span className="num">{b.number}<span className="dim">@{b.domain}</span></span> },
    all && { title: t('customer'), cell: (b) => b.customer },
    { title: t('registrations.source'), cell: (b) => <span className="mono nowrap">{b.source} {b.transport}</span> },
    { title: t('registrations.since'), cell: (b) => <span className="num nowrap">{format.time(b.since_unix_ms)}</span> },
    { title: t('registrations.expires'), cell: (b) => <span className="num nowrap">{format.time(b.expires_unix_ms)}</span> },
    all && { title: t('node'), cell: (b) => b.node },
    { title: t('registrations.stray'), cell: (b) => b.stray && <span className="tag warn">{b.stray}</span> },
  ];
  return (
    <>
      {unreached.map((u) => <p key={u.node} className="warn">{t('registrations.unreached', { node: u.node, error: u.error })}</p>)}
      <List cols={cols.filter((c) => c !== false)} rows={items} id={(b) => `${b.node} ${b.number} ${b.domain} ${b.contact}`} label={t('registrations.bindings')} empty={t('registrations.none')} />
      {more > 0 && <p className="dim">{t('registrations.more', { n: format.count(more) })}</p>}
    </>
  );
}
