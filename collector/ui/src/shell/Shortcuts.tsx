import { Modal } from '@mantine/core';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import type { PageDef } from './pages';

export function Shortcuts({ opened, onClose, pages }: { opened: boolean; onClose: () => void; pages: PageDef[] }) {
  const t = useT();
  const { all } = useApp();
  const rows: [string[], string][] = [
    ...pages.map((p): [string[], string] => [['g', p.key], t(p.label)]),
    ...(all ? [[['b'], t('checklist.title')] as [string[], string]] : []),
    [['t'], t('clock.zone')],
    [['d'], t('keys.scheme')],
    [['/'], t('keys.search')],
    [['←', '→'], t('keys.chart_move')],
    [['+', '−'], t('keys.chart_zoom')],
    [['Esc'], t('keys.escape')],
    [['Ctrl', 'C'], t('keys.copy')],
    [['?'], t('keys.title')],
  ];
  return (
    <Modal opened={opened} onClose={onClose} title={t('keys.title')} closeButtonProps={{ 'aria-label': t('close') }}>
      <dl className="facts">
        {rows.map(([keys, text]) => [
          <dt key={`k${text}`}>{keys.map((k) => <span key={k}><kbd>{k}</kbd> </span>)}</dt>,
          <dd key={`v${text}`}>{text}</dd>,
        ])}
      </dl>
    </Modal>
  );
}
