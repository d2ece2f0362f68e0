import './alerts/alerts.css';
import { Button, Tabs } from '@mantine/core';
import { useState } from 'react';
import type { AlertRule } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { replaceQuery, useRoute } from '../lib/route';
import { PageHead } from '../parts/common';
import { DeliveryCard } from './alerts/DeliveryCard';
import { Events } from './alerts/Events';
import { RuleForm } from './alerts/RuleForm';
import { Rules } from './alerts/Rules';

export default function Alerts() {
  const t = useT();
  const { operator } = useApp();
  const tab = useRoute().query.get('tab') === 'rules' ? 'rules' : 'events';
  const [edited, setEdited] = useState<AlertRule | 'new' | null>(null);
  return (
    <>
      <PageHead title={t('nav.alerts')}>
        <Tabs value={tab} onChange={(x) => replaceQuery('alerts', { tab: x === 'rules' ? x : undefined })}>
          <Tabs.List><Tabs.Tab value="events">{t('alerts.events')}</Tabs.Tab><Tabs.Tab value="rules">{t('alerts.rules')}</Tabs.Tab></Tabs.List>
        </Tabs>
        <span className="grow" />
        {operator && tab === 'rules' && <Button size="compact-sm" onClick={() => setEdited('new')}>{t('alerts.add')}</Button>}
      </PageHead>
      {tab === 'events' ? <Events /> : <><DeliveryCard /><Rules {...(operator ? { onEdit: setEdited } : {})} /></>}
      {edited && <RuleForm rule={edited === 'new' ? null : edited} onClose={() => setEdited(null)} />}
    </>
  );
}
