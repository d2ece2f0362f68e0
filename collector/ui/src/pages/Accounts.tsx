import { Button, Select, Switch, Tabs, TextInput } from '@mantine/core';
import { useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { api } from '../api/client';
import type { Account, AccountInput, AccountMade, Role, Token, TokenInput, TokenMade } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useParties } from '../lib/parties';
import { replaceQuery, useRoute } from '../lib/route';
import { copyText } from '../lib/save';
import { PageHead } from '../parts/common';
import { Dialog } from '../parts/Dialog';
import { Form, problemText, useSubmit } from '../parts/forms';
import { PagedList, usePages, type Col } from '../parts/List';

type Open = { account: Account | null } | { token: true } | null;

export default function Accounts() {
  const t = useT();
  const tab = useRoute().query.get('tab') === 'tokens' ? 'tokens' : 'accounts';
  const [open, setOpen] = useState<Open>(null);
  const [secret, setSecret] = useState<{ title: string; note: string; text: string } | null>(null);
  const close = () => setOpen(null);
  return (
    <>
      <PageHead title={t('nav.accounts')}>
        <Tabs value={tab} onChange={(x) => replaceQuery('accounts', { tab: x === 'tokens' ? x : undefined })}>
          <Tabs.List><Tabs.Tab value="accounts">{t('accounts.people')}</Tabs.Tab><Tabs.Tab value="tokens">{t('accounts.tokens')}</Tabs.Tab></Tabs.List>
        </Tabs>
        <span className="grow" />
        <Button size="compact-sm" onClick={() => setOpen(tab === 'accounts' ? { account: null } : { token: true })}>{tab === 'accounts' ? t('accounts.add') : t('accounts.add_token')}</Button>
      </PageHead>
      {tab === 'accounts' ? <People onEdit={(account) => setOpen({ account })} /> : <Tokens />}
      {open && 'account' in open && <AccountForm account={open.account} onClose={close} onLink={(text) => setSecret({ title: t('accounts.link'), note: t('accounts.link_note'), text })} />}
      {open && 'token' in open && <TokenForm onClose={close} onSecret={(text) => setSecret({ title: t('accounts.secret'), note: t('accounts.secret_note'), text })} />}
      {secret && (
        <Dialog onClose={() => setSecret(null)} title={secret.title} closeOnClickOutside={false}>
          <div className="stack">
            <p>{secret.note}</p>
            <code className="mono break" data-testid="secret">{secret.text}</code>
            <Button onClick={() => void copyText(secret.text)}>{t('copy')}</Button>
          </div>
        </Dialog>
      )}
    </>
  );
}

function People({ onEdit }: { onEdit: (a: Account) => void }) {
  const t = useT();
  const { format } = useApp();
  const pages = usePages<Account>('/accounts', {});
  const cols: Col<Account>[] = [
    { title: t('field.email'), cell: (a) => <b>{a.email}</b> },
    { title: t('field.name'), cell: (a) => a.name },
    { title: t('field.role'), cell: (a) => `${t(`role.${a.role}`)}${a.customer ? ` · ${a.customer}` : ''}` },
    { title: t('account.security'), cell: (a) => <span className={`tag ${a.totp ? 'ok' : 'warn'}`}>{a.totp ? t('yes') : t('no')}</span> },
    { title: t('node.state'), cell: (a) => (a.disabled ? <span className="tag bad">{t('accounts.disabled')}</span> : a.locked_until_unix_ms > Date.now() ? <span className="tag warn">{t('accounts.locked', { time: format.time(a.locked_until_unix_ms) })}</span> : '') },
    { title: t('accounts.last'), cell: (a) => (a.last_login_unix_ms > 0 ? <span className="num">{format.time(a.last_login_unix_ms)}</span> : '') },
    { title: t('edit'), cell: (a) => <Button size="compact-xs" variant="default" aria-label={`${t('edit')} ${a.email}`} onClick={() => onEdit(a)}>{t('edit')}</Button> },
  ];
  return <PagedList pages={pages} cols={cols} id={(a) => a.id} label={t('accounts.people')} empty={t('nothing')} />;
}

function RoleFields({ role, customer, onChange, error }: { role: Role; customer: string; onChange: (role: Role, customer: string) => void; error: string | undefined }) {
  const t = useT();
  const parties = useParties();
  const roles: Role[] = ['operator', 'viewer', 'customer'];
  return (
    <>
      <Select label={t('field.role')} allowDeselect={false} data={roles.map((r) => ({ value: r, label: t(`role.${r}`) }))} value={role} onChange={(r) => r && onChange(r as Role, r === 'customer' ? customer : '')} />
      {role === 'customer' && <Select label={t('customer')} required searchable data={parties.customers.filter((c) => c !== 'unknown')} value={customer || null} error={error} onChange={(c) => onChange(role, c ?? '')} />}
    </>
  );
}

function AccountForm({ account, onClose, onLink }: { account: Account | null; onClose: () => void; onLink: (link: string) => void }) {
  const t = useT();
  const { me, notify } = useApp();
  const queries = useQueryClient();
  const submit = useSubmit();
  const remove = useSubmit();
  const [form, setForm] = useState<AccountInput>({ email: account?.email ?? '', name: account?.name ?? '', role: account?.role ?? 'customer', customer: account?.customer ?? '', disabled: account?.disabled ?? false });
  const locked = account !== null && account.locked_until_unix_ms > Date.now();
  const path = `/accounts/${encodeURIComponent(account?.id ?? '')}`;
  const reload = async () => {
    await queries.invalidateQueries({ queryKey: ['list', '/accounts'] });
    await queries.invalidateQueries({ queryKey: ['checklist'] });
  };
  const done = async () => {
    await reload();
    onClose();
  };
  // It is shown but once: when the form is closed, and before anything else is waited for.
  const show = async (link: string) => {
    onClose();
    onLink(link);
    await reload();
  };
  const save = async () => {
    if (account) {
      await api.patch<Account>(path, form);
      notify(t('saved'));
      await done();
    } else {
      const { disabled: _, ...input } = form;
      await show((await api.post<AccountMade>('/accounts', input)).link);
    }
  };
  const renew = async () => show((await api.post<AccountMade>(`${path}/link`)).link);
  return (
    <Dialog onClose={onClose} title={account ? account.email : t('accounts.add')}>
      <Form
        submit={submit} label={t('save')} onSubmit={save}
        extra={account && account.id !== me.id && (
          <>
            <Button variant="default" loading={remove.busy} onClick={() => void remove.run(renew)}>{t('accounts.new_link')}</Button>
            <Button variant="subtle" color="red" loading={remove.busy} onClick={() => void remove.run(async () => { await api.delete(path); await done(); })}>{t('remove')}</Button>
          </>
        )}
      >
        <TextInput label={t('field.email')} type="email" required data-autofocus value={form.email} error={submit.field('email')} onChange={(e) => setForm({ ...form, email: e.currentTarget.value })} />
        <TextInput label={t('field.name')} value={form.name} error={submit.field('name')} onChange={(e) => setForm({ ...form, name: e.currentTarget.value })} />
        <RoleFields role={form.role} customer={form.customer} error={submit.field('customer')} onChange={(role, customer) => setForm({ ...form, role, customer })} />
        {account && account.id !== me.id && <Switch label={t('accounts.disable')} checked={form.disabled ?? false} onChange={(e) => setForm({ ...form, disabled: e.currentTarget.checked })} />}
        {account?.totp && account.id !== me.id && <Switch label={t('accounts.reset_totp')} checked={form.reset_totp ?? false} onChange={(e) => setForm({ ...form, reset_totp: e.currentTarget.checked })} />}
        {locked && <Switch label={t('accounts.unlock')} checked={form.unlock ?? false} onChange={(e) => setForm({ ...form, unlock: e.currentTarget.checked })} />}
        {remove.problem && <span className="bad" role="alert">{problemText(t, remove.problem)}</span>}
      </Form>
    </Dialog>
  );
}

function Tokens() {
  const t = useT();
  const { format, notify } = useApp();
  const queries = useQueryClient();
  const submit = useSubmit();
  const pages = usePages<Token>('/tokens', {});
  const revoke = (x: Token) => submit.run(async () => {
    await api.delete(`/tokens/${encodeURIComponent(x.id)}`);
    await queries.invalidateQueries({ queryKey: ['list', '/tokens'] });
    notify(t('accounts.revoked'));
  });
  const cols: Col<Token>[] = [
    { title: t('field.name'), cell: (x) => <b>{x.name}</b> },
    { title: t('field.role'), cell: (x) => `${t(`role.${x.role}`)}${x.customer ? ` · ${x.customer}` : ''}` },
    { title: t('accounts.made'), cell: (x) => <span className="num">{format.time(x.made_unix_ms)}</span> },
    { title: t('registrations.expires'), cell: (x) => <span className={`num ${x.expires_unix_ms <= Date.now() ? 'bad' : ''}`}>{format.time(x.expires_unix_ms)}</span> },
    { title: t('accounts.used'), cell: (x) => (x.last_used_unix_ms > 0 ? <span className="num">{format.time(x.last_used_unix_ms)}</span> : '') },
    { title: t('accounts.revoke'), cell: (x) => <Button size="compact-xs" variant="default" aria-label={`${t('accounts.revoke')} ${x.name}`} onClick={() => void revoke(x)}>{t('accounts.revoke')}</Button> },
  ];
  return (
    <>
      {submit.problem && <p className="bad" role="alert">{problemText(t, submit.problem)}</p>}
      <PagedList pages={pages} cols={cols} id={(x) => x.id} label={t('accounts.tokens')} empty={t('accounts.no_tokens')} />
    </>
  );
}

const dayMs = 86_400_000;

function TokenForm({ onClose, onSecret }: { onClose: () => void; onSecret: (secret: string) => void }) {
  const t = useT();
  const queries = useQueryClient();
  const submit = useSubmit();
  const [form, setForm] = useState<Omit<TokenInput, 'expires_unix_ms'>>({ name: '', role: 'viewer', customer: '' });
  const [days, setDays] = useState('365');
  const save = async () => {
    const made = await api.post<TokenMade>('/tokens', { ...form, expires_unix_ms: Date.now() + Number(days) * dayMs } satisfies TokenInput);
    onClose(); // first, and then what is shown but once, before anything else is waited for
    onSecret(made.secret);
    await queries.invalidateQueries({ queryKey: ['list', '/tokens'] });
  };
  return (
    <Dialog onClose={onClose} title={t('accounts.add_token')}>
      <Form submit={submit} label={t('save')} onSubmit={save}>
        <TextInput label={t('field.name')} required data-autofocus value={form.name} error={submit.field('name')} onChange={(e) => setForm({ ...form, name: e.currentTarget.value })} />
        <RoleFields role={form.role} customer={form.customer} error={submit.field('customer')} onChange={(role, customer) => setForm({ ...form, role, customer })} />
        <Select
          label={t('registrations.expires')} allowDeselect={false} value={days} onChange={(d) => setDays(d ?? '365')}
          data={[30, 90, 365].map((n) => ({ value: String(n), label: t('accounts.days', { n }) }))}
        />
      </Form>
    </Dialog>
  );
}
