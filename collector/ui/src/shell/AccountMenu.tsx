import { Menu } from '@mantine/core';
import type { Language, Me } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { go, href } from '../lib/route';
import { Icon } from '../parts/Icon';
import { problemOf, problemText } from '../parts/forms';
import { money } from './BalanceLink';

interface Props {
  me: Me;
  scheme: 'light' | 'dark';
  onScheme: () => void;
  onLanguage: (l: Language) => void;
  onHelp: () => void;
  onLeave: () => Promise<void>;
}

export function AccountMenu({ me, scheme, onScheme, onLanguage, onHelp, onLeave }: Props) {
  const t = useT();
  const { notify } = useApp();
  const leave = () => onLeave().catch((e: unknown) => notify(problemText(t, problemOf(e)), true));
  const to = (tab: string) => () => go(href('account', { tab }));
  return (
    <Menu position="bottom-end" width={250} returnFocus>
      <Menu.Target>
        <button type="button" className="topbutton" data-testid="account">
          <Icon name="accounts" size={19} /><span className="hidden-visually">{t('nav.account')}: </span><span className="wide-only">{me.name || me.email}</span>
        </button>
      </Menu.Target>
      <Menu.Dropdown>
        <Menu.Label>{me.email}<br />{t(`role.${me.role}`)}{me.customer && ` · ${me.customer}`}</Menu.Label>
        {me.balance && <Menu.Label className="num">{t('balance.label')}: {money(me.language, me.balance)}</Menu.Label>}
        <Menu.Item onClick={to('profile')}>{t('account.profile')}</Menu.Item>
        <Menu.Item onClick={to('company')}>{t('account.company')}</Menu.Item>
        <Menu.Item onClick={to('password')}>{t('account.password')}</Menu.Item>
        <Menu.Item onClick={to('security')}>{t('account.security')}</Menu.Item>
        <Menu.Divider />
        <Menu.Item leftSection={<Icon name={scheme === 'dark' ? 'sun' : 'moon'} size={15} />} onClick={onScheme}>
          {scheme === 'dark' ? t('scheme.light') : t('scheme.dark')}
        </Menu.Item>
        <Menu.Item lang={me.language === 'de' ? 'en' : 'de'} onClick={() => onLanguage(me.language === 'de' ? 'en' : 'de')}>
          {me.language === 'de' ? 'English' : 'Deutsch'}
        </Menu.Item>
        <Menu.Item onClick={onHelp} rightSection={<kbd>?</kbd>}>{t('keys.title')}</Menu.Item>
        <Menu.Divider />
        <Menu.Item onClick={() => void leave()}>{t('account.leave')}</Menu.Item>
      </Menu.Dropdown>
    </Menu>
  );
}
