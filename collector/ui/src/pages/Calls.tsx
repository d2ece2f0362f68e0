import { Button, Select, TextInput } from '@mantine/core';
import { useEffect, useState } from 'react';
import { address } from '../api/client';
import type { AttemptRow, CallFilter, CallRow } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useParties } from '../lib/parties';
import { href, replaceQuery, useRoute } from '../lib/route';
import { PageHead } from '../parts/common';
import { PagedList, usePages, type Col } from '../parts/List';
import { TimeRange } from '../parts/TimeRange';
import { CallPage } from './calls/CallPage';
import { readFilter, writeFilter } from './calls/filter';
import { ListTabs } from './calls/ListTabs';
import { LiveCalls } from './calls/LiveCalls';
import { Result } from './calls/Result';

type Change = { [K in keyof CallFilter]?: CallFilter[K] | undefined };

export default function Calls() {
  const { path, query } = useRoute();
  const key = path[1];
  if (key) return <CallPage id={key} />;
  const list = query.get('list');
  return list === 'live' ? <LiveCalls /> : <Search list={list === 'attempts' ? 'attempts' : 'calls'} filter={readFilter(query)} />;
}

function Search({ list, filter }: { list: 'calls' | 'attempts'; filter: CallFilter }) {
  const t = useT();
  const { all } = useApp();
  const parties = useParties();
  const show = (change: Change, other: string = list) => replaceQuery('calls', writeFilter(other, { ...filter, ...change } as CallFilter));
  const choice = (ids: string[]) => ids.map((id) => ({ value: id, label: id }));
  return (
    <>
      <PageHead title={t('nav.calls')}>
        <ListTabs list={list} onChange={(x) => (x === 'live' ? replaceQuery('calls', { list: x }) : show({ kind: undefined } as Partial<CallFilter>, x))} />
      </PageHead>
      <div className="row filters">
        <Text label={t('calls.number')} value={filter.number} onDone={(number) => show({ number })} search />
        <TimeRange from={filter.from} to={filter.to} onChange={(from, to) => show({ from, to })} />
        {all && <Select size="xs" w={124} clearable searchable label={t('customer')} data={choice(parties.customers)} value={filter.customer ?? null} onChange={(x) => show({ customer: x ?? undefined })} />}
        {all && <Select size="xs" w={124} clearable searchable label={t('carrier')} data={choice(parties.carriers)} value={filter.carrier ?? null} onChange={(x) => show({ carrier: x ?? undefined })} />}
        <Select
          size="xs" w={100} clearable label={t('calls.answered')} data={[{ value: 'true', label: t('yes') }, { value: 'false', label: t('no') }]}
          value={filter.answered === undefined ? null : String(filter.answered)} onChange={(x) => show({ answered: x === null ? undefined : x === 'true' })}
        />
        <Text label="Call-ID" value={filter.call_id} onDone={(call_id) => show({ call_id })} />
        <Button size="xs" variant="default" onClick={() => replaceQuery('calls', { list: list === 'calls' ? undefined : list })}>{t('clear')}</Button>
        {list === 'calls' && <Button size="xs" variant="default" component="a" href={address('/export/calls.csv', filter)} download="calls.csv" title={t('calls.export_note')}>{t('export_csv')}</Button>}
      </div>
      {list === 'calls' ? <CallList filter={filter} /> : <AttemptList filter={filter} />}
    </>
  );
}

// Text is taken with Enter, or when the field is left: each letter would be a search.
function Text({ label, value, onDone, search }: { label: string; value: string | undefined; onDone: (v: string | undefined) => void; search?: boolean }) {
  const [text, setText] = useState(value ?? '');
  useEffect(() => setText(value ?? ''), [value]);
  const done = () => {
    if (text.trim() !== (value ?? '')) onDone(text.trim() || undefined);
  };
  return (
    <TextInput
      size="xs" w={126} label={label} value={text} onChange={(e) => setText(e.currentTarget.value)} onBlur={done}
      onKeyDown={(e) => { if (e.key === 'Enter') done(); }} {...(search ? { 'data-search': true } : {})}
    />
  );
}

function CallList({ filter }: { filter: CallFilter }) {
  const t = useT();
  const { all, format } = useApp();
  const pages = usePages<CallRow>('/calls', filter, 30_000);
  const cols: (Col<CallRow> | false)[] = [
    { title: t('calls.time'), cell: (r) => <a className="num nowrap" href={href(`calls/${encodeURIComponent(r.key)}`)}>{format.time(r.invited_unix_ms)}</a> },
    { title: t('calls.caller'), cell: (r) => <span className="num">{r.caller}</span> },
    { title: t('calls.called'), cell: (r) => <span className="num">{r.called}</span> },
    all && { title: t('customer'), cell: (r) => r.customer },
    all && { title: t('carrier'), cell: (r) => r.carrier },
    { title: t('calls.result'), cell: (r) => <Result status={r.status} release={r.release} answered={r.answered} /> },
    { title: t('summary.duration'), right: true, cell: (r) => (r.answered ? format.span(r.duration_ms) : '') },
    { title: t('summary.pdd'), right: true, cell: (r) => format.milliseconds(r.pdd_ms) },
    { title: t('calls.digits'), right: true, cell: (r) => (r.digits > 0 ? format.count(r.digits) : '') },
    all && { title: t('node'), cell: (r) => r.node },
  ];
  return <PagedList pages={pages} cols={cols.filter((c) => c !== false)} id={(r) => r.key} label={t('nav.calls')} empty={t('calls.nothing')} />;
}

function AttemptList({ filter }: { filter: CallFilter }) {
  const t = useT();
  const { format } = useApp();
  const pages = usePages<AttemptRow>('/attempts', filter, 30_000);
  const cols: Col<AttemptRow>[] = [
    { title: t('calls.time'), cell: (r) => <a className="num nowrap" href={href(`calls/${encodeURIComponent(r.key)}`)}>{format.time(r.invited_unix_ms)}</a> },
    { title: t('calls.called'), cell: (r) => <span className="num">{r.called}</span> },
    { title: t('customer'), cell: (r) => r.customer },
    { title: t('carrier'), cell: (r) => r.carrier },
    { title: t('calls.result'), cell: (r) => <Result status={r.status} release={r.release} answered={r.answered} /> },
    { title: t('summary.duration'), right: true, cell: (r) => (r.answered ? format.span(r.duration_ms) : '') },
    { title: t('summary.pdd'), right: true, cell: (r) => format.milliseconds(r.pdd_ms) },
  ];
  return <PagedList pages={pages} cols={cols} id={(r) => `${r.key}/${r.n}`} label={t('calls.attempts')} empty={t('calls.nothing')} />;
}
