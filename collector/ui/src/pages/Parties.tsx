import { Button, NumberInput, Select, Tabs, TagsInput, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { Changed, Customer, Parties as Table, Party, PartyPut } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useLive } from '../lib/live';
import { href, replaceQuery, useRoute } from '../lib/route';
import { Note, PageHead, Trouble, Waiting } from '../parts/common';
import { Dialog } from '../parts/Dialog';
import { Form, useSubmit } from '../parts/forms';
import { List, type Col } from '../parts/List';

type Kind = 'customers' | 'carriers';
type Row = Party & Partial<Pick<Customer, 'blocks' | 'non_numeric' | 'max_contacts'>>;

export default function Parties() {
  const t = useT();
  const { operator } = useApp();
  const tab: Kind = useRoute().query.get('tab') === 'carriers' ? 'carriers' : 'customers';
  const table = useQuery({ queryKey: ['parties'], queryFn: ({ signal }) => api.get<Table>('/parties', {}, signal) });
  const [edited, setEdited] = useState<Row | 'new' | null>(null);
  const editable = operator && table.data?.source === 'table';
  return (
    <>
      <PageHead title={t('nav.parties')}>
        <Tabs value={tab} onChange={(x) => replaceQuery('parties', { tab: x === 'carriers' ? x : undefined })}>
          <Tabs.List><Tabs.Tab value="customers">{t('customers')}</Tabs.Tab><Tabs.Tab value="carriers">{t('carriers')}</Tabs.Tab></Tabs.List>
        </Tabs>
        <span className="grow" />
        {editable && <Button size="compact-sm" onClick={() => setEdited('new')}>{tab === 'customers' ? t('parties.add_customer') : t('parties.add_carrier')}</Button>}
      </PageHead>
      <Trouble error={table.error} retry={() => void table.refetch()} />
      {table.isPending && !table.error && <Waiting />}
      {table.data?.source === 'nodes' && <Note>{t('parties.from_nodes')}</Note>}
      {table.data && table.data.staged.length > 0 && <p className="warn">{t('parties.staged', { version: table.data.version, nodes: table.data.staged.join(', ') })}</p>}
      {table.data && <PartyList kind={tab} rows={table.data[tab]} {...(editable ? { onEdit: setEdited } : {})} />}
      {table.data && edited && <Editor key={edited === 'new' ? '' : edited.id} kind={tab} version={table.data.version} row={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />}
    </>
  );
}

function PartyList({ kind, rows, onEdit }: { kind: Kind; rows: Row[]; onEdit?: (r: Row) => void }) {
  const t = useT();
  const { format } = useApp();
  const { live } = useLive();
  const now = (id: string) => live?.parties.find((p) => p.id === id && `${p.kind}s` === kind);
  const cols: (Col<Row> | false)[] = [
    { title: 'Id', cell: (r) => <b>{r.id}</b> },
    { title: t('channels.title'), right: true, cell: (r) => { const p = now(r.id); return p ? format.count(p.setup + p.answered) : ''; } },
    { title: t('channels.configured'), right: true, cell: (r) => (r.channels > 0 ? format.count(r.channels) : t('channels.nolimit')) },
    { title: t('parties.addresses'), cell: (r) => <span className="mono break">{r.addresses.join(', ')}</span> },
    { title: t('parties.domains'), cell: (r) => <span className="break">{r.domains.join(', ')}</span> },
    kind === 'customers' && { title: t('nav.blocks'), cell: (r) => <span className="num break">{(r.blocks ?? []).map((b) => `${b.first}-${b.last}`).join(', ')}</span> },
    { title: t('nav.calls'), cell: (r) => <a href={kind === 'customers' ? href('calls', { customer: r.id }) : href('calls', { list: 'attempts', carrier: r.id })}>{t('nav.calls')}</a> },
    onEdit !== undefined && { title: t('edit'), cell: (r) => <Button size="compact-xs" variant="default" aria-label={`${t('edit')} ${r.id}`} onClick={() => onEdit(r)}>{t('edit')}</Button> },
  ];
  return <List cols={cols.filter((c) => c !== false)} rows={rows} id={(r) => r.id} label={t(kind)} empty={t('parties.nothing')} />;
}

function Editor({ kind, version, row, onClose }: { kind: Kind; version: number; row: Row | null; onClose: () => void }) {
  const t = useT();
  const { notify } = useApp();
  const queries = useQueryClient();
  const submit = useSubmit();
  const remove = useSubmit();
  const [id, setId] = useState(row?.id ?? '');
  const [form, setForm] = useState({
    channels: row?.channels ?? 0, addresses: row?.addresses ?? [], domains: row?.domains ?? [], non_numeric: row?.non_numeric ?? ('' as const), max_contacts: row?.max_contacts ?? 0, comment: '',
  });
  const path = `/parties/${kind}/${encodeURIComponent(id.trim())}`;
  const done = async (c: Changed) => {
    await queries.invalidateQueries({ queryKey: ['parties'] });
    await queries.invalidateQueries({ queryKey: ['blocks'] });
    notify(t('parties.saved', { version: c.version }));
    onClose();
  };
  const save = async () => {
    const { non_numeric, max_contacts, ...both } = form;
    await done(await api.put<Changed>(path, { version, new: row === null, ...both, ...(kind === 'customers' ? { non_numeric, max_contacts } : {}) } satisfies PartyPut));
  };
  return (
    <Dialog onClose={onClose} title={row ? row.id : kind === 'customers' ? t('parties.add_customer') : t('parties.add_carrier')}>
      <Form
        submit={submit} label={t('save')} onSubmit={save}
        extra={row && (
          <Button variant="subtle" color="red" loading={remove.busy} onClick={() => void remove.run(async () => done(await api.delete<Changed>(path, { version })))}>
            {t('remove')}
          </Button>
        )}
      >
        {!row && <TextInput label="Id" required data-autofocus value={id} error={submit.field('id')} onChange={(e) => setId(e.currentTarget.value)} />}
        <NumberInput label={t('channels.configured')} description={t('parties.zero')} min={0} allowDecimal={false} value={form.channels} error={submit.field('channels')} onChange={(x) => setForm({ ...form, channels: Number(x) || 0 })} />
        <TagsInput label={t('parties.addresses')} description={t('parties.addresses_help')} value={form.addresses} error={submit.field('addresses')} splitChars={[',', ' ']} onChange={(addresses) => setForm({ ...form, addresses })} />
        <TagsInput label={t('parties.domains')} value={form.domains} error={submit.field('domains')} splitChars={[',', ' ']} onChange={(domains) => setForm({ ...form, domains })} />
        {kind === 'customers' && (
          <>
            <Select
              label={t('parties.non_numeric')} allowDeselect={false} value={form.non_numeric || 'default'}
              data={[{ value: 'default', label: t('parties.by_default') }, { value: 'allow', label: t('parties.allow') }, { value: 'deny', label: t('parties.deny') }]}
              onChange={(x) => setForm({ ...form, non_numeric: x === 'allow' || x === 'deny' ? x : '' })}
            />
            <NumberInput label={t('parties.max_contacts')} description={t('parties.guard')} min={0} allowDecimal={false} value={form.max_contacts} onChange={(x) => setForm({ ...form, max_contacts: Number(x) || 0 })} />
          </>
        )}
        <TextInput label={t('comment')} maxLength={500} value={form.comment} onChange={(e) => setForm({ ...form, comment: e.currentTarget.value })} />
        {remove.problem && <span className="bad" role="alert">{remove.problem.detail || remove.problem.title}</span>}
      </Form>
    </Dialog>
  );
}
