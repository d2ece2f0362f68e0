import { Button, TextInput } from '@mantine/core';
import { useState } from 'react';
import { api } from '../api/client';
import type { SecondFactor, Session } from '../api/types';
import { useT } from '../i18n/i18n';
import { Form, useSubmit } from '../parts/forms';
import { GatePage } from './GatePage';

export function Totp({ onDone, onBack }: { onDone: (s: Session) => Promise<void>; onBack: () => void }) {
  const t = useT();
  const submit = useSubmit();
  const [code, setCode] = useState('');
  const send = async () => onDone(await api.post<Session>('/session/totp', { code: code.trim() } satisfies SecondFactor));
  return (
    <GatePage>
      <h1>{t('totp.title')}</h1>
      <p className="dim small">{t('totp.help')}</p>
      <Form submit={submit} label={t('login.submit')} onSubmit={send} extra={<Button variant="subtle" onClick={onBack}>{t('back')}</Button>}>
        <TextInput
          label={t('totp.code')} autoComplete="one-time-code" required autoFocus value={code} error={submit.field('code')}
          onChange={(e) => setCode(e.currentTarget.value)}
        />
      </Form>
    </GatePage>
  );
}
