import { Select, TextInput } from '@mantine/core';
import { useMemo, useState } from 'react';
import { api } from '../../api/client';
import type { Me, MePatch } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp, useUpdate } from '../../lib/app';
import { zones } from '../../lib/format';
import { Form, useSubmit } from '../../parts/forms';

export function ProfileForm() {
  const t = useT();
  const { me, notify } = useApp();
  const update = useUpdate();
  const submit = useSubmit();
  const [form, setForm] = useState<Required<MePatch>>({
    name: me.name, phone: me.phone, mobile: me.mobile, department: me.department, language: me.language, time_zone: me.time_zone,
  });
  const list = useMemo(() => zones().map((z) => ({ value: z, label: z.replaceAll('_', ' ') })), []);
  const save = async () => {
    update(await api.patch<Me>('/me', form));
    notify(t('saved'));
  };
  const text = (name: 'name' | 'phone' | 'mobile' | 'department', kind: string, complete: string) => (
    <TextInput
      label={t(`field.${name}`)} type={kind} autoComplete={complete} value={form[name]} error={submit.field(name)} maxLength={200}
      onChange={(e) => setForm({ ...form, [name]: e.currentTarget.value })}
    />
  );
  return (
    <Form submit={submit} label={t('save')} onSubmit={save}>
      <TextInput label={t('field.email')} value={me.email} readOnly disabled description={t('account.fixed')} />
      <TextInput label={t('field.role')} value={t(`role.${me.role}`) + (me.customer && ` · ${me.customer}`)} readOnly disabled />
      {text('name', 'text', 'name')}
      {text('phone', 'tel', 'tel')}
      {text('mobile', 'tel', 'tel')}
      {text('department', 'text', 'organization-title')}
      <Select
        label={t('field.language')} allowDeselect={false} value={form.language}
        data={[{ value: 'en', label: 'English' }, { value: 'de', label: 'Deutsch' }]}
        onChange={(x) => setForm({ ...form, language: x === 'de' ? 'de' : 'en' })}
      />
      <Select
        label={t('clock.zone')} description={t('clock.note')} searchable allowDeselect={false} limit={60} data={list} value={form.time_zone}
        nothingFoundMessage={t('nothing')} onChange={(x) => setForm({ ...form, time_zone: x ?? 'UTC' })}
      />
    </Form>
  );
}
