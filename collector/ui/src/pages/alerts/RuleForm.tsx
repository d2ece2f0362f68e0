import { Button, Input, NumberInput, SegmentedControl, Select, Switch, TagsInput, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { AlertArea, AlertLevel, AlertRule, AlertRuleInput } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { areas, areaWords, kindOf } from '../../lib/alerts';
import { useApp } from '../../lib/app';
import { Dialog } from '../../parts/Dialog';
import { Form, problemText, useSubmit } from '../../parts/forms';
import { isEmpty, recipients, TestButton, useDelivery } from './delivery';
import { useScopes } from './scopes';
import { levels } from './tone';

// startWith is what is sensible for an area, with what of a rule still fits.
export function startWith(area: AlertArea, by: string): Pick<AlertRuleInput, 'area' | 'by' | 'operator' | 'threshold' | 'reset' | 'min_sample' | 'period_s'> {
  const { kinds, operator, threshold, reset, min_sample, period_s } = areas[area];
  return { area, by: kinds.includes(kindOf(by)) ? by : kinds[0] ?? 'total', operator, threshold, reset, min_sample, period_s };
}

const fresh: AlertRuleInput = { name: '', enabled: true, repeat_s: 4 * 3600, level: 'warning', email: [], webhook: '', ...startWith('asr', 'total') };

export function RuleForm({ rule, onClose }: { rule: AlertRule | null; onClose: () => void }) {
  const t = useT();
  const { notify } = useApp();
  const queries = useQueryClient();
  const byDefault = useDelivery().data;
  const submit = useSubmit();
  const removal = useSubmit();
  const [form, setForm] = useState<AlertRuleInput>(() => {
    if (!rule) return fresh;
    const { id: _, firing: __, ...input } = rule;
    return input;
  });
  const set = (change: Partial<AlertRuleInput>) => setForm({ ...form, ...change });
  const area = areas[form.area];
  const scopes = useScopes(area.kinds, form.by);
  const to = isEmpty(form) && byDefault ? { email: byDefault.email, webhook: byDefault.webhook } : { email: form.email, webhook: form.webhook };
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
  const remove = async (id: string) => {
    await api.delete(`/alerts/rules/${encodeURIComponent(id)}`);
    await done();
  };
  const amount = (name: 'threshold' | 'reset', description?: string) => (
    <NumberInput label={t(`alerts.${name}`)} description={description} required min={0} max={area.most} value={form[name]} error={submit.field(name)} suffix={area.unit ? ` ${area.unit}` : ''} onChange={(x) => set({ [name]: Number(x) || 0 })} />
  );
  const minutes = (name: 'period_s' | 'repeat_s', label: string, description: string, min: number) => (
    <NumberInput label={label} description={description} min={min} allowDecimal={false} suffix=" min" value={form[name] / 60} error={submit.field(name)} onChange={(x) => set({ [name]: (Number(x) || 0) * 60 })} />
  );
  return (
    <Dialog onClose={onClose} title={rule ? rule.name : t('alerts.add')}>
      <Form
        submit={submit} label={t('save')} onSubmit={save}
        extra={<>
          {rule && <Button variant="subtle" color="red" loading={removal.busy} onClick={() => void removal.run(() => remove(rule.id))}>{t('remove')}</Button>}
          <TestButton to={to} />
        </>}
      >
        <TextInput label={t('field.name')} required data-autofocus maxLength={100} value={form.name} error={submit.field('name')} onChange={(e) => set({ name: e.currentTarget.value })} />
        <Switch label={t('alerts.enabled')} checked={form.enabled} onChange={(e) => set({ enabled: e.currentTarget.checked })} />
        <Select label={t('alerts.area')} description={t(`about.${form.area}`)} allowDeselect={false} data={areaWords.map((a) => ({ value: a, label: t(`area.${a}`) }))} value={form.area} error={submit.field('area')} onChange={(a) => a && set(startWith(a as AlertArea, form.by))} />
        <Select label={t('alerts.scope')} searchable allowDeselect={false} data={scopes} value={form.by} error={submit.field('by')} onChange={(by) => by && set({ by })} />
        {!area.above && (
          <Input.Wrapper label={t('alerts.raised')} error={submit.field('operator')} labelElement="div">
            <SegmentedControl
              fullWidth aria-label={t('alerts.raised')} value={form.operator} data={[{ value: 'below', label: t('operator.below') }, { value: 'above', label: t('operator.above') }]}
              onChange={(o) => set({ operator: o === 'above' ? 'above' : 'below', reset: form.threshold })}
            />
          </Input.Wrapper>
        )}
        {amount('threshold', area.above ? t('alerts.above_only') : undefined)}
        {amount('reset', t('alerts.reset_help'))}
        {area.sample && <NumberInput label={t('alerts.min_sample')} description={t('alerts.sample_help')} min={0} allowDecimal={false} value={form.min_sample} error={submit.field('min_sample')} onChange={(x) => set({ min_sample: Number(x) || 0 })} />}
        {(area.lasts || form.period_s > 0) && minutes('period_s', area.counted ? t('alerts.period') : t('alerts.lasts'), area.counted ? t('alerts.period_help') : t('alerts.lasts_help'), area.counted ? 1 : 0)}
        {minutes('repeat_s', t('alerts.repeat'), t('alerts.once'), 0)}
        <Select label={t('alerts.level')} allowDeselect={false} data={levels.map((l) => ({ value: l, label: t(`level.${l}`) }))} value={form.level} error={submit.field('level')} onChange={(l) => l && set({ level: l as AlertLevel })} />
        <TagsInput
          label={t('alerts.email')} description={isEmpty(form) && byDefault ? (isEmpty(byDefault) ? t('alerts.to_nobody') : t('alerts.to_default', { to: recipients(byDefault) })) : undefined}
          value={form.email} error={submit.field('email')} splitChars={[',', ' ']} acceptValueOnBlur onChange={(email) => set({ email })}
        />
        <TextInput label={t('alerts.webhook')} type="url" value={form.webhook} error={submit.field('webhook')} onChange={(e) => set({ webhook: e.currentTarget.value })} />
        {removal.problem && <span className="bad" role="alert">{problemText(t, removal.problem)}</span>}
      </Form>
    </Dialog>
  );
}
