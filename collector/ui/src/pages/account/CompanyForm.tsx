import { Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../../api/client';
import type { Company } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { Trouble, Waiting } from '../../parts/common';
import { Form, useSubmit } from '../../parts/forms';

export function CompanyForm() {
  const t = useT();
  const { me, notify } = useApp();
  const queries = useQueryClient();
  const submit = useSubmit();
  const company = useQuery({ queryKey: ['company'], queryFn: ({ signal }) => api.get<Company>('/company', {}, signal), refetchOnWindowFocus: false });
  const [form, setForm] = useState<Company | null>(null);
  useEffect(() => {
    if (company.data) setForm(company.data);
  }, [company.data]);
  if (company.error) return <Trouble error={company.error} retry={() => void company.refetch()} />;
  if (!form) return <Waiting />;
  const readOnly = me.role === 'viewer';
  const save = async () => {
    queries.setQueryData(['company'], await api.patch<Company>('/company', form));
    notify(t('saved'));
  };
  const text = (name: keyof Company, kind = 'text') => (
    <TextInput
      label={t(`company.${name}`)} type={kind} value={form[name]} readOnly={readOnly} error={submit.field(name)} maxLength={200}
      onChange={(e) => setForm({ ...form, [name]: e.currentTarget.value })}
    />
  );
  return (
    <Form submit={submit} label={t('save')} onSubmit={save}>
      {text('name')}
      <Textarea
        label={t('company.address')} minRows={3} rows={3} value={form.address} readOnly={readOnly} maxLength={500}
        onChange={(e) => setForm({ ...form, address: e.currentTarget.value })}
      />
      {text('email', 'email')}
      {text('phone', 'tel')}
      {text('website', 'url')}
      {text('tax_id')}
    </Form>
  );
}
