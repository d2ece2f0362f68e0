import { Button, PasswordInput, TextInput } from '@mantine/core';
import { lazy, Suspense, useState } from 'react';
import { api } from '../../api/client';
import type { Me, RecoveryCodes, TotpBegin } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp, useUpdate } from '../../lib/app';
import { copyText, download } from '../../lib/save';
import { Form, FormProblem, useSubmit } from '../../parts/forms';

const Qr = lazy(() => import('../../parts/Qr'));

export function TwoFactor() {
  const { me } = useApp();
  const [codes, setCodes] = useState<string[] | null>(null);
  if (codes) return <Codes codes={codes} onDone={() => setCodes(null)} />;
  return me.totp ? <Enabled onCodes={setCodes} /> : <Enable onCodes={setCodes} />;
}

function useReload(): () => Promise<void> {
  const update = useUpdate();
  return async () => update(await api.get<Me>('/me'));
}

function Enable({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const t = useT();
  const submit = useSubmit();
  const reload = useReload();
  const [begin, setBegin] = useState<TotpBegin | null>(null);
  const [code, setCode] = useState('');
  if (!begin) {
    return (
      <div className="form">
        <p>{t('totp.why')}</p>
        <FormProblem submit={submit} />
        <div><Button loading={submit.busy} onClick={() => void submit.run(async () => setBegin(await api.post<TotpBegin>('/me/totp')))}>{t('totp.enable')}</Button></div>
      </div>
    );
  }
  const confirm = async () => {
    const made = await api.put<RecoveryCodes>('/me/totp', { code: code.trim() });
    onCodes(made.codes);
    await reload();
  };
  return (
    <Form submit={submit} label={t('totp.confirm')} onSubmit={confirm} extra={<Button variant="subtle" onClick={() => setBegin(null)}>{t('cancel')}</Button>}>
      <p>{t('totp.scan')}</p>
      <Suspense fallback={<div className="qr" />}><Qr text={begin.uri} label={t('totp.qr')} /></Suspense>
      <p className="small">{t('totp.secret')}<br /><span className="mono break">{begin.secret}</span></p>
      <TextInput label={t('totp.code')} inputMode="numeric" autoComplete="one-time-code" required pattern="[0-9 ]{6,7}" value={code} error={submit.field('code')} onChange={(e) => setCode(e.currentTarget.value)} />
    </Form>
  );
}

function Enabled({ onCodes }: { onCodes: (codes: string[]) => void }) {
  const t = useT();
  const { me, notify } = useApp();
  const reload = useReload();
  const renew = useSubmit();
  const disable = useSubmit();
  const [first, setFirst] = useState('');
  const [second, setSecond] = useState('');
  return (
    <div className="columns">
      <section>
        <p><span className="tag ok">{t('totp.on')}</span> {t('totp.left', { n: me.recovery_left })}</p>
        <Form
          submit={renew} label={t('totp.renew')}
          onSubmit={async () => {
            const made = await api.post<RecoveryCodes>('/me/recovery', { password: first });
            onCodes(made.codes);
            await reload();
          }}
        >
          <PasswordInput label={t('field.password_current')} autoComplete="current-password" required value={first} error={renew.field('password')} visibilityToggleButtonProps={{ 'aria-label': t('field.password_show') }} onChange={(e) => setFirst(e.currentTarget.value)} />
        </Form>
      </section>
      <section>
        <p>{t('totp.disable_note')}</p>
        <Form
          submit={disable} label={t('totp.disable')} danger
          onSubmit={async () => {
            await api.delete('/me/totp', {}, { password: second });
            await reload();
            notify(t('totp.disabled'));
          }}
        >
          <PasswordInput label={t('field.password_current')} autoComplete="current-password" required value={second} error={disable.field('password')} visibilityToggleButtonProps={{ 'aria-label': t('field.password_show') }} onChange={(e) => setSecond(e.currentTarget.value)} />
        </Form>
      </section>
    </div>
  );
}

function Codes({ codes, onDone }: { codes: string[]; onDone: () => void }) {
  const t = useT();
  const { notify } = useApp();
  const text = codes.join('\n') + '\n';
  return (
    <div className="form">
      <h2>{t('totp.codes')}</h2>
      <p>{t('totp.codes_note')}</p>
      <ul className="codes mono">{codes.map((c) => <li key={c}>{c}</li>)}</ul>
      <div className="row">
        <Button variant="default" onClick={() => void copyText(text).then(() => notify(t('copied')))}>{t('copy')}</Button>
        <Button variant="default" onClick={() => download('sipward-recovery-codes.txt', new Blob([text], { type: 'text/plain' }))}>{t('download')}</Button>
        <Button onClick={onDone}>{t('totp.kept')}</Button>
      </div>
    </div>
  );
}
