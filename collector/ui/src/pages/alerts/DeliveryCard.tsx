import { TagsInput, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Delivery, DeliveryInput } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { Note, Trouble, Waiting } from '../../parts/common';
import { Form, useSubmit } from '../../parts/forms';
import { isEmpty, recipients, TestButton, useDelivery } from './delivery';

// DeliveryCard says where alerts go whose rule names nobody.
export function DeliveryCard() {
  const t = useT();
  const { operator, format } = useApp();
  const { data, error, refetch } = useDelivery();
  return (
    <section className="card pad delivery" aria-labelledby="delivery-title">
      <h2 id="delivery-title">{t('alerts.delivery')}</h2>
      <Note>{t('alerts.delivery_note')}</Note>
      <Trouble error={error} retry={() => void refetch()} />
      {!data && !error && <Waiting />}
      {data && <p className={data.sender ? 'dim small' : 'warn small'}>
        {data.sender ? t('alerts.sender', { sender: data.sender }) : t('alerts.no_sender')}
        {' '}{data.tested_unix_ms > 0 && t('alerts.last_test', { time: format.time(data.tested_unix_ms) })}
      </p>}
      {data && (operator ? <Editor from={data} /> : <p className="break">{isEmpty(data) ? t('alerts.to_nobody') : recipients(data)}</p>)}
    </section>
  );
}

function Editor({ from }: { from: Delivery }) {
  const t = useT();
  const { notify } = useApp();
  const queries = useQueryClient();
  const submit = useSubmit();
  const [form, setForm] = useState<DeliveryInput>({ email: from.email, webhook: from.webhook });
  const save = async () => {
    queries.setQueryData(['delivery'], await api.put<Delivery>('/alerts/delivery', form));
    notify(t('saved'));
  };
  return (
    <Form submit={submit} label={t('save')} onSubmit={save} extra={<TestButton to={form} />}>
      <TagsInput label={t('alerts.email')} value={form.email} error={submit.field('email')} splitChars={[',', ' ']} acceptValueOnBlur onChange={(email) => setForm({ ...form, email })} />
      <TextInput label={t('alerts.webhook')} type="url" value={form.webhook} error={submit.field('webhook')} onChange={(e) => setForm({ ...form, webhook: e.currentTarget.value })} />
    </Form>
  );
}
