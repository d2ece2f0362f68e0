import { editsRules } from '../lib/editable';
import { Button, Modal, NumberInput, SegmentedControl, Select, Switch, Tabs, TagsInput, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { AlertArea, AlertEvent, AlertLevel, AlertRule, AlertRuleInput, DeliveryTest } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useParties } from '../lib/parties';
import { replaceQuery, useRoute } from '../lib/route';
import { PageHead } from '../parts/common';
import { Form, problemOf, problemText, useSubmit } from '../parts/forms';
import { PagedList, usePages, type Col } from '../parts/List';

const areas: AlertArea[] = ['asr', 'acd', 'pdd', 'ner', 'channels', 'cps', 'failures', 'node_down', 'refusals', 'strays', 'spool', 'reconciliation'];
const levels: AlertLevel[] = ['info', 'warning', 'critical'];
const ofNodes: AlertArea[] = ['node_down', 'spool', 'reconciliation', 'strays', 'refusals'];
const tone = { info: '', warning: 'warn', critical: 'bad' } as const;

export default function Alerts() {
  const t = useT();
  const { operator } = useApp();
  const tab = useRoute().query.get('tab') === 'rules' ? 'rules' : 'events';
  const [edited, setEdited] = useState<AlertRule | 'new' | null>(null);
  return (
    <>
      <PageHead title={t('nav.alerts')}>
        <Tabs value={tab} onChange={(x) => replaceQuery('alerts', { tab: x === 'rules' ? x : undefined })}>
          <Tabs.List><Tabs.Tab value="events">{t('alerts.events')}</Tabs.Tab>{editsRules && <Tabs.Tab value="rules">{t('alerts.rules')}</Tabs.Tab>}</Tabs.List>
        </Tabs>
        <span className="grow" />
        {operator && editsRules && tab === 'rules' && <Button size="compact-sm" onClick={() => setEdited('new')}>{t('alerts.add')}</Button>}
      </PageHead>
      {tab === 'events' || !editsRules ? <Events /> : <Rules {...(operator && editsRules ? { onEdit: setEdited } : {})} />}
      {edited && <Editor rule={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />}
    </>
  );
}

// useAmount says a value in the unit of its area.
function useAmount(): (area: AlertArea, v: number) => string {
  const t = useT();
  const { format } = useApp();
  return (area, v) => {
    const text = format.decimal(v, Number.isInteger(v) ? 0 : 1);
    const unit = t(`unit.${area}`);
    return unit === '-' ? text : `${text} ${unit}`;
  };
}

function Events() {
  const t = useT();
  const { operator, format, notify } = useApp();
  const queries = useQueryClient();
  const amount = useAmount();
  const pages = usePages<AlertEvent>('/alerts/events', {}, 10_000);
  const ack = (e: AlertEvent) => {
    api.post(`/alerts/events/${encodeURIComponent(e.id)}/ack`)
      .then(() => Promise.all([queries.invalidateQueries({ queryKey: ['list', '/alerts/events'] }), queries.invalidateQueries({ queryKey: ['checklist'] })]))
      .catch((x: unknown) => notify(problemText(t, problemOf(x)), true));
  };
  const cols: (Col<AlertEvent> | false)[] = [
    { title: t('registrations.since'), cell: (e) => <span className="num">{format.time(e.since_unix_ms)}</span> },
    { title: t('node.state'), cell: (e) => (e.ended_unix_ms > 0 ? <span className="tag">{t('alerts.over')}</span> : <span className={`tag ${tone[e.level]}`}>{t(`level.${e.level}`)}</span>) },
    { title: t('field.name'), cell: (e) => <span title={e.text}>{e.name}</span> },
    { title: t('alerts.scope'), cell: (e) => e.scope },
    { title: t('alerts.area'), cell: (e) => t(`area.${e.area}`) },
    { title: t('alerts.value'), right: true, cell: (e) => (e.value === null ? '' : amount(e.area, e.value)) },
    { title: t('alerts.threshold'), right: true, cell: (e) => amount(e.area, e.threshold) },
    { title: t('calls.ended'), cell: (e) => e.ended_unix_ms > 0 && <span className="num">{format.time(e.ended_unix_ms)}</span> },
    { title: t('alerts.acked'), cell: (e) => e.acked_by || (operator && <Button size="compact-xs" variant="default" onClick={() => ack(e)} aria-label={`${t('alerts.ack')} ${e.name}`}>{t('alerts.ack')}</Button>) },
  ];
  return <PagedList pages={pages} cols={cols.filter((c) => c !== false)} id={(e) => e.id} label={t('alerts.events')} empty={t('alerts.none')} />;
}

function Rules({ onEdit }: { onEdit?: (r: AlertRule) => void }) {
  const t = useT();
  const { format } = useApp();
  const amount = useAmount();
  const pages = usePages<AlertRule>('/alerts/rules', {}, 30_000);
  const cols: (Col<AlertRule> | false)[] = [
    { title: t('field.name'), cell: (r) => <b>{r.name}</b> },
    { title: t('node.state'), cell: (r) => (!r.enabled ? <span className="tag">{t('alerts.off')}</span> : r.firing > 0 ? <span className={`tag ${tone[r.level]}`}>{t('alerts.firing', { n: r.firing })}</span> : <span className="tag ok">{t('alerts.quiet')}</span>) },
    { title: t('alerts.area'), cell: (r) => `${t(`area.${r.area}`)} ${t(`operator.${r.operator}`)} ${amount(r.area, r.threshold)}` },
    { title: t('alerts.reset'), right: true, cell: (r) => amount(r.area, r.reset) },
    { title: t('alerts.scope'), cell: (r) => r.by },
    { title: t('alerts.period'), right: true, cell: (r) => format.age(r.period_s * 1000) },
    { title: t('alerts.min_sample'), right: true, cell: (r) => format.count(r.min_sample) },
    { title: t('alerts.level'), cell: (r) => t(`level.${r.level}`) },
    { title: t('alerts.delivery'), cell: (r) => <span className="break">{[...r.email, r.webhook].filter(Boolean).join(', ')}</span> },
    onEdit !== undefined && { title: t('edit'), cell: (r) => <Button size="compact-xs" variant="default" aria-label={`${t('edit')} ${r.name}`} onClick={() => onEdit(r)}>{t('edit')}</Button> },
  ];
  return <PagedList pages={pages} cols={cols.filter((c) => c !== false)} id={(r) => r.id} label={t('alerts.rules')} empty={t('alerts.no_rules')} />;
}

const fresh: AlertRuleInput = {
  name: '', enabled: true, area: 'asr', by: 'total', operator: 'below', threshold: 40, reset: 45, min_sample: 20, period_s: 900, repeat_s: 3600, level: 'warning', email: [], webhook: '',
};

function Editor({ rule, onClose }: { rule: AlertRule | null; onClose: () => void }) {
  const t = useT();
  const { notify } = useApp();
  const queries = useQueryClient();
  const parties = useParties();
  const submit = useSubmit();
  const other = useSubmit();
  const [form, setForm] = useState<AlertRuleInput>(() => {
    if (!rule) return fresh;
    const { id: _, firing: __, ...input } = rule;
    return input;
  });
  const set = (change: Partial<AlertRuleInput>) => setForm({ ...form, ...change });
  const nodes = ofNodes.includes(form.area);
  const scopes = nodes
    ? [{ group: t('all'), items: [{ value: 'total', label: t('total') }, { value: 'node', label: t('alerts.each_node') }] }]
    : [
      { group: t('all'), items: [{ value: 'total', label: t('total') }, { value: 'customer', label: t('each_customer') }, { value: 'carrier', label: t('each_carrier') }] },
      { group: t('customers'), items: parties.customers.map((id) => ({ value: `customer:${id}`, label: id })) },
      { group: t('carriers'), items: parties.carriers.map((id) => ({ value: `carrier:${id}`, label: id })) },
    ];
  const done = async () => {
    await queries.invalidateQueries({ queryKey: ['list', '/alerts/rules'] });
    notify(t('saved'));
    onClose();
  };
  const save = async () => {
    if (rule) await api.put<AlertRule>(`/alerts/rules/${encodeURIComponent(rule.id)}`, form);
    else await api.post<AlertRule>('/alerts/rules', form);
    await done();
  };
  const test = async () => {
    const what: DeliveryTest = { ...(form.email[0] ? { email: form.email[0] } : {}), ...(form.webhook ? { webhook: form.webhook } : {}) };
    await api.post('/alerts/test', what);
    await queries.invalidateQueries({ queryKey: ['checklist'] });
    notify(t('alerts.tested'));
  };
  const number = (name: 'threshold' | 'reset' | 'min_sample', label: string, unit: boolean) => (
    <NumberInput label={label} min={0} value={form[name]} error={submit.field(name)} suffix={unit && t(`unit.${form.area}`) !== '-' ? ` ${t(`unit.${form.area}`)}` : ''} onChange={(x) => set({ [name]: Number(x) || 0 })} />
  );
  const minutes = (name: 'period_s' | 'repeat_s', label: string, description?: string) => (
    <NumberInput label={label} description={description} min={name === 'period_s' ? 1 : 0} suffix=" min" value={form[name] / 60} error={submit.field(name)} onChange={(x) => set({ [name]: (Number(x) || 0) * 60 })} />
  );
  return (
    <Modal opened onClose={onClose} title={rule ? rule.name : t('alerts.add')} closeButtonProps={{ 'aria-label': t('close') }}>
      <Form
        submit={submit} label={t('save')} onSubmit={save}
        extra={<>
          <Button variant="default" loading={other.busy} disabled={form.email.length === 0 && !form.webhook} onClick={() => void other.run(test)}>{t('alerts.test')}</Button>
          {rule && <Button variant="subtle" color="red" onClick={() => void other.run(async () => { await api.delete(`/alerts/rules/${encodeURIComponent(rule.id)}`); await done(); })}>{t('remove')}</Button>}
        </>}
      >
        <TextInput label={t('field.name')} required data-autofocus maxLength={100} value={form.name} error={submit.field('name')} onChange={(e) => set({ name: e.currentTarget.value })} />
        <Switch label={t('alerts.enabled')} checked={form.enabled} onChange={(e) => set({ enabled: e.currentTarget.checked })} />
        <Select label={t('alerts.area')} allowDeselect={false} data={areas.map((a) => ({ value: a, label: t(`area.${a}`) }))} value={form.area} onChange={(a) => a && set({ area: a as AlertArea, by: 'total' })} />
        <Select label={t('alerts.scope')} searchable allowDeselect={false} data={scopes} value={form.by} error={submit.field('by')} onChange={(by) => set({ by: by ?? 'total' })} />
        <SegmentedControl value={form.operator} data={[{ value: 'below', label: t('operator.below') }, { value: 'above', label: t('operator.above') }]} onChange={(o) => set({ operator: o === 'above' ? 'above' : 'below' })} />
        {number('threshold', t('alerts.threshold'), true)}
        {number('reset', t('alerts.reset'), true)}
        {number('min_sample', t('alerts.min_sample'), false)}
        {minutes('period_s', t('alerts.period'))}
        {minutes('repeat_s', t('alerts.repeat'), t('alerts.once'))}
        <Select label={t('alerts.level')} allowDeselect={false} data={levels.map((l) => ({ value: l, label: t(`level.${l}`) }))} value={form.level} onChange={(l) => l && set({ level: l as AlertLevel })} />
        <TagsInput label={t('alerts.email')} value={form.email} error={submit.field('email')} splitChars={[',', ' ']} onChange={(email) => set({ email })} />
        <TextInput label={t('alerts.webhook')} type="url" value={form.webhook} error={submit.field('webhook')} onChange={(e) => set({ webhook: e.currentTarget.value })} />
        {other.problem && <span className="bad" role="alert">{problemText(t, other.problem)}</span>}
      </Form>
    </Modal>
  );
}
