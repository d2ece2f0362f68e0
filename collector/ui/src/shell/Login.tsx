import { PasswordInput, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api } from '../api/client';
import type { Login as Credentials, Session } from '../api/types';
import { useT } from '../i18n/i18n';
import { Form, useSubmit } from '../parts/forms';
import { GatePage } from './GatePage';

export function Login({ ended, onDone }: { ended: boolean; onDone: (s: Session) => Promise<void> }) {
  const t = useT();
  const submit = useSubmit();
  const [login, setLogin] = useState<Credentials>({ email: '', password: '' });
  return (
    <GatePage>
      <h1>{t('login.title')}</h1>
      <p className="dim small" role="status">{ended ? t('login.ended') : ''}</p>
      <Form submit={submit} label={t('login.submit')} fullWidth onSubmit={async () => onDone(await api.post<Session>('/session', login))}>
        <TextInput
          label={t('field.email')} type="email" autoComplete="username" required autoFocus value={login.email}
          onChange={(e) => setLogin({ ...login, email: e.currentTarget.value })}
        />
        <PasswordInput
          label={t('field.password')} autoComplete="current-password" required value={login.password}
          visibilityToggleButtonProps={{ 'aria-label': t('field.password_show') }}
          onChange={(e) => setLogin({ ...login, password: e.currentTarget.value })}
        />
      </Form>
    </GatePage>
  );
}
