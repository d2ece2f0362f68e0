import { Popover } from '@mantine/core';
import { useState } from 'react';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { useLive } from '../lib/live';

// Channels in use now, of those configured; what they are made of is shown on
// hover, on focus and on a tap.
export function Channels() {
  const t = useT();
  const { format } = useApp();
  const { live, stale } = useLive();
  const [open, setOpen] = useState(false);
  const used = live ? live.setup + live.answered : null;
  const full = live?.configured ? used !== null && used >= live.configured : false;
  const of = live ? Math.max(live.configured ?? used ?? 1, used ?? 1, 1) : 1;
  const text = used === null ? '–' : format.count(used);
  return (
    <Popover opened={open} onChange={setOpen} position="bottom-end" withRoles={false}>
      <Popover.Target>
        <button
          type="button" className={`topbutton channels${stale ? ' stale' : ''}`} data-testid="channels"
          aria-describedby={open ? 'channels-split' : undefined}
          onMouseEnter={() => setOpen(true)} onMouseLeave={() => setOpen(false)} onFocus={() => setOpen(true)} onBlur={() => setOpen(false)}
        >
          <span className="value">
            {stale && <span className="staledot" />}
            <b>{text}</b>
            {live?.configured ? <span className="dim"> / {format.count(live.configured)}</span> : <span className="dim"> {t('channels.unit')}</span>}
          </span>
          <span className={full ? 'meter full' : 'meter'} ref={(e) => fill(e, live ? [live.answered / of, live.setup / of] : [0, 0])}>
            <i /><i className="setup" />
          </span>
          <span className="hidden-visually">{t('channels.title')}</span>
        </button>
      </Popover.Target>
      <Popover.Dropdown id="channels-split" role="tooltip">
        <h2>{t('channels.title')}</h2>
        {live ? (
          <dl className="facts num">
            <dt>{t('channels.answered')}</dt><dd>{format.count(live.answered)}</dd>
            <dt>{t('channels.setup')}</dt><dd>{format.count(live.setup)}</dd>
            <dt>{t('channels.configured')}</dt><dd>{live.configured === null ? t('channels.nolimit') : format.count(live.configured)}</dd>
            <dt>{t('channels.cps')}</dt><dd>{format.decimal(live.calls_per_second, 1)}</dd>
            {live.nodes > 0 && <><dt>{t('channels.nodes')}</dt><dd>{format.count(live.nodes_up)} / {format.count(live.nodes)}</dd></>}
          </dl>
        ) : <p className="dim">{t('channels.none')}</p>}
        {stale && <p className="warn small">{live ? t('channels.stale', { time: format.clock(live.time_unix_ms) }) : t('channels.waiting')}</p>}
      </Popover.Dropdown>
    </Popover>
  );
}

function fill(meter: HTMLElement | null, shares: number[]): void {
  meter?.querySelectorAll('i').forEach((bar, i) => {
    bar.style.width = `${Math.min(100, (shares[i] ?? 0) * 100)}%`;
  });
}
