import './blocks.css';
import { Button, NumberInput, SegmentedControl, Select, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import { api } from '../api/client';
import type { Assign, Assigned, Blocks as Map, Parties, Released } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { href } from '../lib/route';
import { Note, PageHead, Trouble, Waiting } from '../parts/common';
import { Dialog } from '../parts/Dialog';
import { Form, FormProblem, useSubmit } from '../parts/forms';
import { List, type Col } from '../parts/List';
import { BindingList } from './Registrations';
import { mapOf, onlyBlock, type Cell } from './blockmap';

type Held = Map['blocks'][number];

export default function Blocks() {
  const t = useT();
  const { all, operator, format } = useApp();
  const map = useQuery({ queryKey: ['blocks'], queryFn: ({ signal }) => api.get<Map>('/blocks', {}, signal) });
  const parties = useQuery({ queryKey: ['parties'], queryFn: ({ signal }) => api.get<Parties>('/parties', {}, signal) });
  const [assigning, setAssigning] = useState(false);
  const [releasing, setReleasing] = useState<Held | null>(null);
  const customers = parties.data?.customers.map((c) => c.id) ?? [];
  const cols: (Col<Held> | false)[] = [
    { title: t('registrations.block'), cell: (b) => <span className="num">{b.first} – {b.last}</span> },
    all && { title: t('customer'), cell: (b) => b.customer },
    { title: t('blocks.numbers'), right: true, cell: (b) => format.count(b.numbers) },
    { title: t('registrations.bindings'), cell: (b) => <a href={href('registrations', { tab: 'bindings', first: b.first, last: b.last })}>{t('registrations.bindings')}</a> },
    operator && { title: t('blocks.release'), cell: (b) => <Button size="compact-xs" variant="default" aria-label={`${t('blocks.release')} ${b.first}-${b.last}`} onClick={() => setReleasing(b)}>{t('blocks.release')}</Button> },
  ];
  return (
    <>
      <PageHead title={t('nav.blocks')}>
        {map.data?.grid && <span className="dim num">{t('blocks.grid', { start: map.data.grid.start, size: format.count(map.data.grid.size) })}</span>}
        <span className="grow" />
        {operator && map.data && <Button size="compact-sm" onClick={() => setAssigning(true)}>{t('blocks.assign')}</Button>}
      </PageHead>
      <Trouble error={map.error} retry={() => void map.refetch()} />
      {map.isPending && !map.error && <Waiting />}
      {map.data && (
        <div className="stack">
          <Space map={map.data} />
          <List cols={cols.filter((c) => c !== false)} rows={map.data.blocks} id={(b) => `${b.first}-${b.last}`} label={t('nav.blocks')} empty={t('blocks.nothing')} />
        </div>
      )}
      {map.data && assigning && <AssignForm map={map.data} customers={customers} onClose={() => setAssigning(false)} />}
      {map.data && releasing && <ReleaseForm block={releasing} map={map.data} onClose={() => setReleasing(null)} />}
    </>
  );
}

// Space draws each length of number as a bar, blocks to scale.
function Space({ map }: { map: Map }) {
  const t = useT();
  const customers = useMemo(() => [...new Set(map.blocks.map((b) => b.customer))].sort(), [map]);
  const text = (c: Cell) => `${c.first}–${c.last} ${c.customer || t('blocks.free')}`;
  return (
    <div className="card pad stack">
      {mapOf(map).map((row) => (
        <div key={row.length}>
          <div className="row dim small num"><span>{row.first}</span><span className="grow" /><span>{row.last}</span></div>
          <div className="space" role="img" aria-label={row.cells.map(text).join(', ')}>
            {row.cells.map((c) => (
              <span
                key={c.first} title={text(c)} className={c.customer ? `held tone${customers.indexOf(c.customer) % 8}` : 'free'}
                ref={(e) => { if (e) e.style.flexGrow = String(c.share); }}
              >{c.share > 0.06 ? c.customer : ''}</span>
            ))}
          </div>
        </div>
      ))}
      {map.blocks.length === 0 && <span className="dim">{t('blocks.nothing')}</span>}
    </div>
  );
}

function useChanged(): () => Promise<void> {
  const queries = useQueryClient();
  return async () => {
    await queries.invalidateQueries({ queryKey: ['blocks'] });
    await queries.invalidateQueries({ queryKey: ['parties'] });
  };
}

function AssignForm({ map, customers, onClose }: { map: Map; customers: string[]; onClose: () => void }) {
  const t = useT();
  const { notify } = useApp();
  const changed = useChanged();
  const submit = useSubmit();
  const [how, setHow] = useState<string>(map.grid ? 'next' : 'range');
  const [form, setForm] = useState({ customer: '', count: 1, first: '', last: '', comment: '' });
  const save = async () => {
    const what: Assign = {
      version: map.version, customer: form.customer, comment: form.comment,
      ...(how === 'next' ? { count: form.count } : { range: { first: form.first.trim(), last: form.last.trim() } }),
    };
    const got = await api.post<Assigned>('/blocks', what);
    await changed();
    notify(t('blocks.assigned', { customer: form.customer, blocks: got.blocks.map((b) => `${b.first}-${b.last}`).join(', ') }));
    onClose();
  };
  const next = map.free[0];
  return (
    <Dialog onClose={onClose} title={t('blocks.assign')}>
      <Form submit={submit} label={t('blocks.assign')} onSubmit={save}>
        <Select label={t('customer')} required searchable data={customers} value={form.customer || null} error={submit.field('customer')} nothingFoundMessage={t('nothing')} onChange={(x) => setForm({ ...form, customer: x ?? '' })} />
        <SegmentedControl value={how} onChange={setHow} data={[{ value: 'next', label: t('blocks.next'), disabled: !map.grid }, { value: 'range', label: t('blocks.range') }]} />
        {how === 'next' ? (
          <>
            <NumberInput label={t('blocks.count')} min={1} max={10000} allowDecimal={false} value={form.count} error={submit.field('count')} onChange={(x) => setForm({ ...form, count: Number(x) || 1 })} />
            {next && <p className="dim small num">{t('blocks.lowest', { first: next.first })}</p>}
          </>
        ) : (
          <>
            <TextInput label={t('registrations.first')} required pattern="\+?[0-9]+" value={form.first} error={submit.field('first')} onChange={(e) => setForm({ ...form, first: e.currentTarget.value })} />
            <TextInput label={t('registrations.last')} required pattern="\+?[0-9]+" value={form.last} error={submit.field('last')} onChange={(e) => setForm({ ...form, last: e.currentTarget.value })} />
          </>
        )}
        <TextInput label={t('comment')} maxLength={500} value={form.comment} onChange={(e) => setForm({ ...form, comment: e.currentTarget.value })} />
      </Form>
    </Dialog>
  );
}

// ReleaseForm shows who would stay behind before anything is changed.
function ReleaseForm({ block, map, onClose }: { block: Held; map: Map; onClose: () => void }) {
  const [{ version, only }] = useState({ version: map.version, only: onlyBlock(map, block) }); // what is released is what was shown, and not asked for again once it is gone
  const t = useT();
  const { notify } = useApp();
  const changed = useChanged();
  const submit = useSubmit();
  const what = { customer: block.customer, first: block.first, last: block.last };
  const dry = useQuery({ queryKey: ['release', what, version], queryFn: () => api.delete<Released>('/blocks', { ...what, version, dry_run: true }), gcTime: 0, staleTime: 0 });
  const release = async () => {
    await api.delete<Released>('/blocks', { ...what, version });
    await changed();
    notify(t('blocks.released', { block: `${block.first}-${block.last}` }));
    onClose();
  };
  return (
    <Dialog onClose={onClose} size="xl" title={t('blocks.release_title', { block: `${block.first}–${block.last}`, customer: block.customer })}>
      <div className="stack">
        <Trouble error={dry.error} retry={() => void dry.refetch()} />
        {dry.isPending && <Waiting />}
        {dry.data && (
          <>
            <p>{t('blocks.strays', { n: dry.data.strays.length + dry.data.more })}</p>
            {only && <Note>{t('blocks.only', { customer: block.customer })}</Note>}
            {(dry.data.strays.length > 0 || dry.data.unreached.length > 0) && <BindingList items={dry.data.strays} more={dry.data.more} unreached={dry.data.unreached} />}
            <FormProblem submit={submit} />
            <div className="row">
              <Button color="red" loading={submit.busy} onClick={() => void submit.run(release)}>{t('blocks.release')}</Button>
              <Button variant="default" onClick={onClose}>{t('cancel')}</Button>
            </div>
          </>
        )}
      </div>
    </Dialog>
  );
}
