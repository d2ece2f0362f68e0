import { Tabs } from '@mantine/core';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';

// ListTabs chooses between calls that are over, attempts at carriers, and calls in progress.
export function ListTabs({ list, onChange }: { list: string; onChange: (list: string) => void }) {
  const t = useT();
  const { all } = useApp();
  return (
    <Tabs value={list} onChange={(x) => onChange(x ?? 'calls')}>
      <Tabs.List>
        <Tabs.Tab value="calls">{t('nav.calls')}</Tabs.Tab>
        {all && <Tabs.Tab value="attempts">{t('calls.attempts')}</Tabs.Tab>}
        <Tabs.Tab value="live">{t('calls.live')}</Tabs.Tab>
      </Tabs.List>
    </Tabs>
  );
}
