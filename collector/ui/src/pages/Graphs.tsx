import './graphs/graphs.css';
import { Button, SegmentedControl, Select } from '@mantine/core';
import { useCallback, useEffect, useMemo, useState } from 'react';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { replaceQuery, useRoute } from '../lib/route';
import { PageHead } from '../parts/common';
import { Icon } from '../parts/Icon';
import { PartyPicker } from '../parts/PartyPicker';
import { figures, isRange, ranges, steps, windowOf, zoomTo, type RangeName, type Window } from './graphs/data';
import { FigureCard } from './graphs/FigureCard';

const refreshMs = 60_000;
const deliveredMs = 3_000; // after a minute is over, its counters are here
const spreadMs = 7_000; // many dashboards do not ask at the same moment

export default function Graphs() {
  const t = useT();
  const { format } = useApp();
  const { query } = useRoute();
  const by = query.get('by') ?? 'total';
  const asked = query.get('range');
  const range: RangeName = isRange(asked) ? asked : '24h';
  const from = Number(query.get('from'));
  const to = Number(query.get('to'));
  const zoomed = from > 0 && to > from;
  const step = steps.find((x) => String(x) === query.get('step')) ?? 0;
  const now = useMinute();
  const window: Window = useMemo(
    () => (zoomed ? zoomTo(from, to, step) : windowOf(ranges[range], now / 1000, step)),
    [from, now, range, step, to, zoomed],
  );
  const show = useCallback((change: Record<string, string | number | undefined>) => {
    const keep = { by: query.get('by') ?? undefined, range: query.get('range') ?? undefined, from: query.get('from') ?? undefined, to: query.get('to') ?? undefined, step: query.get('step') ?? undefined };
    replaceQuery('graphs', { ...keep, ...change });
  }, [query]);
  const zoom = useCallback((a: number, b: number) => show({ from: Math.floor(a), to: Math.ceil(Math.max(b, a + 60)) }), [show]);
  const reset = useCallback(() => show({ from: undefined, to: undefined }), [show]);

  return (
    <>
      <PageHead title={t('nav.graphs')}>
        <SegmentedControl
          size="xs" value={zoomed ? '' : range} aria-label={t('graphs.range')}
          data={(Object.keys(ranges) as RangeName[]).map((r) => ({ value: r, label: t(`range.${r}`) }))}
          onChange={(r) => show({ range: r, from: undefined, to: undefined })}
        />
        <PartyPicker value={by} onChange={(x) => show({ by: x })} />
        <Select
          size="xs" w={130} allowDeselect={false} aria-label={t('graphs.step')} value={String(step)} data={steps.map((s) => ({ value: String(s), label: t(`step.${s}`) }))}
          onChange={(x) => show({ step: x === '0' ? undefined : (x ?? undefined) })}
        />
        {zoomed && (
          <Button size="compact-sm" variant="light" leftSection={<Icon name="back" size={14} />} onClick={reset}>
            {t('graphs.zoomed', { from: format.stamp(window.from * 1000), to: format.stamp(window.to * 1000) })}
          </Button>
        )}
      </PageHead>
      <div className="charts">
        {figures.map((figure) => <FigureCard key={figure} figure={figure} by={by} window={window} live={!zoomed} onZoom={zoom} onReset={reset} />)}
      </div>
      <div className="legend">
        <span><i className="pending" />{t('graphs.pending')}</span>
        <span>{t('graphs.help')}</span>
      </div>
    </>
  );
}

// useMinute changes with each whole minute, which is when there is more to draw.
function useMinute(): number {
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout>;
    const after = deliveredMs + Math.random() * spreadMs;
    const wait = () => {
      timer = setTimeout(() => {
        setNow(Date.now());
        wait();
      }, refreshMs - ((Date.now() - after) % refreshMs));
    };
    wait();
    return () => clearTimeout(timer);
  }, []);
  return now;
}
