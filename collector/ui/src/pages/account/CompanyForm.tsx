import { Select, Textarea, TextInput } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useEffect, useState } from 'react';
import { api } from '../../api/client';
import type { Company } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { useParties } from '../../lib/parties';
import { Trouble, Waiting } from '../../parts/common';
import { Form, useSubmit } from '../../parts/forms';

// CompanyForm shows the operator's own profile, or that of a customer; a customer's
// account has that of its customer.
export function CompanyForm() {
  const t = useT();
  const { all } = useApp();
  const parties = useParties();
  const [customer, setCustomer] = useState('');
  const customers = parties.customers.filter((c) => c !== 'unknown');
  return (
    <div className="stack">
      {all && customers.length > 0 && (
        <Select
          className="form" label={t('company.whose')} searchable allowDeselect={false} value={customer} onChange={(c) => setCustomer(c ?? '')} nothingFoundMessage={t('nothing')}
          data={[{ value: '', label: t('company.own') }, { group: t('customers'), items: customers }]}
        />
      )}
      <Profile key={customer} customer={customer} />
    </div>
  );
}

function Profile({ customer }: { customer: string }) {
  const t = useT();
  const { me, notify } = useApp();
  const queries = useQueryClient();
  const submit = useSubmit();
  const company = useQuery({ queryKey: ['company', customer], queryFn: ({ signal }) => api.get<Company>('/company', { customer }, signal), refetchOnWindowFocus: false });
  const [form, setForm] = useState<Company | null>(null);
  useEffect(() => {
    if (company.data) setForm(company.data);
  }, [company.data]);
  if (company.error) return <Trouble error={company.error} retry={() => void company.refetch()} />;
  if (!form) return <Waiting />;
  const readOnly = me.role === 'viewer';
  const save = async () => {
    queries.setQueryData(['company', customer], await api.patch<Company>('/company', form, { customer }));
    notify(t('saved'));
  };
  const text = (name: keyof Company, kind = 'text') => (
    <TextInput
      label={t(`company.${name}`)} type={kind} value={form[name]} readOnly={readOnly} error={submit.field(name)} maxLength={200}
      onChange={(e) => setForm({ ...form, [name]: e.currentTarget.value })}
    />
  );
  return (
    <Form submit={submit} label={t('save')} onSubmit={save} readOnly={readOnly}>
      {text('name')}
      <Textarea
        label={t('company.address')} minRows={3} rows={3} value={form.address} error={submit.field('address')} readOnly={readOnly} maxLength={500}
        onChange={(e) => setForm({ ...form, address: e.currentTarget.value })}
      />
      {text('email', 'email')}
      {text('phone', 'tel')}
      {text('website', 'url')}
      {text('tax_id')}
    </Form>
  );
}
