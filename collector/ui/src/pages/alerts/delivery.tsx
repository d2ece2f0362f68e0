import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../../api/client';
import type { Delivery, DeliveryInput } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { problemText, useSubmit } from '../../parts/forms';

export function useDelivery() {
  return useQuery({ queryKey: ['delivery'], queryFn: ({ signal }) => api.get<Delivery>('/alerts/delivery', {}, signal), refetchOnWindowFocus: false });
}

export const isEmpty = (to: DeliveryInput): boolean => to.email.length === 0 && !to.webhook;
export const recipients = (to: DeliveryInput): string => [...to.email, to.webhook].filter(Boolean).join(', ');

// TestButton sends a test at once, and says what the other side answered.
export function TestButton({ to }: { to: DeliveryInput }) {
  const t = useT();
  const queries = useQueryClient();
  const submit = useSubmit();
  const [sent, setSent] = useState('');
  const test = async () => {
    setSent('');
    try {
      await api.post('/alerts/test', to);
      setSent(recipients(to));
    } finally {
      await Promise.all([queries.invalidateQueries({ queryKey: ['checklist'] }), queries.invalidateQueries({ queryKey: ['delivery'] })]);
    }
  };
  return (
    <>
      <Button variant="default" loading={submit.busy} disabled={isEmpty(to)} onClick={() => void submit.run(test)}>{t('alerts.test')}</Button>
      <div role="status" className="break">
        {submit.problem ? <span className="bad">{problemText(t, submit.problem)}</span> : sent && <span className="ok">{t('alerts.tested', { to: sent })}</span>}
      </div>
    </>
  );
}
