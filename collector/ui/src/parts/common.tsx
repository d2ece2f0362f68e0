import { Button, Loader } from '@mantine/core';
import type { ReactNode } from 'react';
import { useT } from '../i18n/i18n';
import { problemOf, problemText } from './forms';
import { Icon } from './Icon';

// Trouble says that something did not load, and offers to try again. What was
// loaded before stays on the page below it.
export function Trouble({ error, retry }: { error: unknown; retry: () => void }) {
  const t = useT();
  if (!error) return null;
  return (
    <div className="trouble" role="alert">
      <Icon name="alerts" className="bad" />
      <span className="grow">{problemText(t, problemOf(error))}</span>
      <Button size="compact-sm" variant="default" onClick={retry}>{t('retry')}</Button>
    </div>
  );
}

export function Waiting() {
  const t = useT();
  return <div className="empty" role="status"><Loader size="sm" aria-hidden /><span className="hidden-visually">{t('loading')}</span></div>;
}

export function PageHead({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="pagehead">
      <h1>{title}</h1>
      {children}
    </div>
  );
}

export function Note({ children }: { children: ReactNode }) {
  return <p className="note"><Icon name="info" size={16} /><span>{children}</span></p>;
}
