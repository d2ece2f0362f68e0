import { Popover, Select } from '@mantine/core';
import { useEffect, useMemo, useState } from 'react';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { zoneOffset, zones } from '../lib/format';
import { Icon } from '../parts/Icon';

export function Clock({ zone, opened, onOpen, onZone }: { zone: string; opened: boolean; onOpen: (o: boolean) => void; onZone: (zone: string) => void }) {
  const t = useT();
  const { format } = useApp();
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const tick = () => {
      setNow(Date.now());
      timer = setTimeout(tick, 1000 - (Date.now() % 1000));
    };
    tick();
    return () => clearTimeout(timer);
  }, []);
  const list = useMemo(() => (opened ? zones().map((z) => ({ value: z, label: z.replaceAll('_', ' ') })) : []), [opened]);
  return (
    <Popover opened={opened} onChange={onOpen} position="bottom-end" width={300} trapFocus returnFocus>
      <Popover.Target>
        <button type="button" className="topbutton num" data-testid="clock" onClick={() => onOpen(!opened)}>
          <span className="wide-only"><Icon name="clock" size={16} className="dim" /></span>
          <span>{format.clock(now).slice(0, 5)}<span className="wide-only">{format.clock(now).slice(5)}</span></span>
          <span className="dim small wide-only">{zone === 'UTC' ? 'UTC' : (zone.split('/').pop() ?? zone).replaceAll('_', ' ')}</span>
          <span className="hidden-visually">{t('clock.zone')}</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown aria-label={t('clock.zone')}>
        <Select
          label={t('clock.zone')} description={`${zone} · ${zoneOffset(zone, now)}`} searchable data={list} value={zone} limit={60} allowDeselect={false}
          data-autofocus nothingFoundMessage={t('nothing')} comboboxProps={{ withinPortal: false }} maxDropdownHeight={280}
          onChange={(z) => { if (z) { onZone(z); onOpen(false); } }}
        />
        <p className="dim small">{t('clock.note')}</p>
      </Popover.Dropdown>
    </Popover>
  );
}
