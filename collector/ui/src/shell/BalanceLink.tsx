import type { Balance } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { Icon } from '../parts/Icon';

// money formats what a billing system said; its currency may be one that the
// browser does not know.
export function money(language: string, b: Balance): string {
  const n = Number(b.amount);
  try {
    return new Intl.NumberFormat(language === 'en' ? 'en-GB' : language, { style: 'currency', currency: b.currency }).format(n);
  } catch {
    return `${b.amount} ${b.currency}`;
  }
}

export function BalanceLink({ balance }: { balance: Balance | undefined }) {
  const t = useT();
  const { me, format } = useApp();
  if (!balance) return null;
  const text = money(me.language, balance);
  const title = t('balance.title', { time: format.time(balance.at_unix_ms) });
  const body = <><Icon name="wallet" size={16} className="dim" /><span className={`num ${Number(balance.amount) < 0 ? 'bad' : ''}`}>{text}</span></>;
  if (!balance.payment_url?.startsWith('https://')) return <span className="topbutton wide-only" title={title} data-testid="balance">{body}</span>;
  return (
    <a className="topbutton wide-only" href={balance.payment_url} target="_blank" rel="noopener noreferrer" title={title} data-testid="balance">
      {body}<span className="small">{t('balance.pay')}</span>
    </a>
  );
}
