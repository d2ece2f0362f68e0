import { PasswordInput } from '@mantine/core';
import { useState } from 'react';
import { api, keepSession, passwordMin } from '../../api/client';
import type { PasswordChange, Session } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { Form, useSubmit } from '../../parts/forms';

const nothing = { current: '', new: '', again: '' };

export function PasswordForm() {
  const t = useT();
  const { me, notify } = useApp();
  const submit = useSubmit();
  const [form, setForm] = useState(nothing);
  const differ = form.again !== '' && form.again !== form.new;
  const save = async () => {
    if (form.new !== form.again) return;
    const session = await api.put<Session>('/me/password', { current: form.current, new: form.new } satisfies PasswordChange);
    keepSession(session); // the session was made anew, and its token with it
    setForm(nothing);
    notify(t('account.password_changed'));
  };
  const field = (name: keyof typeof nothing, label: string, complete: string, error?: string) => (
    <PasswordInput
      label={label} autoComplete={complete} required value={form[name]} error={error} {...(name === 'new' ? { minLength: passwordMin(), description: t('field.password_rule', { n: passwordMin() }) } : {})}
      visibilityToggleButtonProps={{ 'aria-label': t('field.password_show') }}
      onChange={(e) => setForm({ ...form, [name]: e.currentTarget.value })}
    />
  );
  return (
    <Form submit={submit} label={t('account.password')} onSubmit={save}>
      <input type="email" className="hidden-visually" autoComplete="username" value={me.email} readOnly tabIndex={-1} aria-hidden="true" />
      {field('current', t('field.password_current'), 'current-password', submit.field('current'))}
      {field('new', t('field.password_new'), 'new-password', submit.field('new'))}
      {field('again', t('field.password_again'), 'new-password', differ ? t('field.password_differ') : undefined)}
      <p className="dim small">{t('account.password_note')}</p>
    </Form>
  );
}
