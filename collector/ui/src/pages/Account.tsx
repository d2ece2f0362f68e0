import { Tabs } from '@mantine/core';
import { useT } from '../i18n/i18n';
import { replaceQuery, useRoute } from '../lib/route';
import { PageHead } from '../parts/common';
import { CompanyForm } from './account/CompanyForm';
import { PasswordForm } from './account/PasswordForm';
import { ProfileForm } from './account/ProfileForm';
import { TwoFactor } from './account/TwoFactor';

const tabs = ['profile', 'company', 'password', 'security'] as const;

export default function Account() {
  const t = useT();
  const asked = useRoute().query.get('tab');
  const tab = tabs.find((x) => x === asked) ?? 'profile';
  return (
    <>
      <PageHead title={t('nav.account')} />
      <Tabs value={tab} keepMounted={false} onChange={(x) => replaceQuery('account', { tab: x ?? 'profile' })}>
        <Tabs.List mb="md">
          {tabs.map((x) => <Tabs.Tab key={x} value={x}>{t(`account.${x}`)}</Tabs.Tab>)}
        </Tabs.List>
        <Tabs.Panel value="profile"><div className="card pad"><ProfileForm /></div></Tabs.Panel>
        <Tabs.Panel value="company"><div className="card pad"><CompanyForm /></div></Tabs.Panel>
        <Tabs.Panel value="password"><div className="card pad"><PasswordForm /></div></Tabs.Panel>
        <Tabs.Panel value="security"><div className="card pad"><TwoFactor /></div></Tabs.Panel>
      </Tabs>
    </>
  );
}
