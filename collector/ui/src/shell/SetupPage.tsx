import { PasswordInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api, passwordMin } from '../api/client';
import type { Session, Setup } from '../api/types';
import { useT } from '../i18n/i18n';
import { go, href } from '../lib/route';
import { Form, useSubmit } from '../parts/forms';
import { GatePage } from './GatePage';

// SetupPage makes the first account, or lets its owner set the password of an
// account that an operator made: what the token is for, the collector knows.
export function SetupPage({ token, onDone }: { token: string; onDone: (s: Session) => Promise<void> }) {
  const t = useT();
  const submit = useSubmit();
  const [form, setForm] = useState({ name: '', email: '', password: '', again: '' });
  const differ = form.again !== '' && form.again !== form.password;
  const send = async () => {
    if (form.password !== form.again) return;
    const { again: _, ...rest } = form;
    const session = await api.post<Session>('/setup', { token, ...rest } satisfies Setup);
    go(href('graphs'));
    await onDone(session);
  };
  return (
    <GatePage>
      <h1>{t('setup.title')}</h1>
      <p className="dim small">{t('setup.help')}</p>
      <Form submit={submit} label={t('setup.submit')} fullWidth onSubmit={send}>
        <TextInput label={t('field.name')} autoComplete="name" required autoFocus value={form.name} onChange={(e) => setForm({ ...form, name: e.currentTarget.value })} />
        <TextInput label={t('field.email')} type="email" autoComplete="username" required value={form.email} error={submit.field('email')} onChange={(e) => setForm({ ...form, email: e.currentTarget.value })} />
        <PasswordInput
          label={t('field.password_new')} description={t('field.password_rule', { n: passwordMin() })} autoComplete="new-password" required minLength={passwordMin()} value={form.password}
          visibilityToggleButtonProps={{ 'aria-label': t('field.password_show') }}
          error={submit.field('password')} onChange={(e) => setForm({ ...form, password: e.currentTarget.value })}
        />
        <PasswordInput
          label={t('field.password_again')} autoComplete="new-password" required value={form.again}
          visibilityToggleButtonProps={{ 'aria-label': t('field.password_show') }}
          error={differ ? t('field.password_differ') : undefined} onChange={(e) => setForm({ ...form, again: e.currentTarget.value })}
        />
      </Form>
    </GatePage>
  );
}
