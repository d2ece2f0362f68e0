import { useComputedColorScheme } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useCallback, useMemo, useRef } from 'react';
import type uPlot from 'uplot';
import { api } from '../../api/client';
import type { Figure, Series } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { useLive } from '../../lib/live';
import { csv, download } from '../../lib/save';
import { Trouble, Waiting } from '../../parts/common';
import { Icon } from '../../parts/Icon';
import { Chart, palette } from './Chart';
import { draw, last, table, type Drawn, type Window } from './data';
import { savePng } from './png';
import { useRunning } from './running';
import { wordsOf } from './words';

interface Props {
  figure: Figure;
  by: string;
  window: Window;
  live: boolean;
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
}

export function FigureCard({ figure, by, window, live, onZoom, onReset }: Props) {
  const t = useT();
  const { format } = useApp();
  const scheme = useComputedColorScheme('light');
  const plot = useRef<uPlot | null>(null);
  const { data, error, refetch } = useQuery({
    queryKey: ['series', figure, by, window],
    queryFn: ({ signal }) => api.get<Series>('/series', { figure, by, ...window }, signal),
    placeholderData: (before: Series | undefined, query) => (query?.queryKey[2] === by ? before : undefined),
    refetchOnWindowFocus: false,
    structuralSharing: false, // comparing hundreds of thousands of numbers with those before takes longer than drawing them
    gcTime: 120_000,
  });
  const drawn = useMemo(() => (data ? draw(data, t('total'), live) : null), [data, live, t]);
  const words = useMemo(() => wordsOf(figure, t, format), [figure, format, t]);
  const keep = useCallback((p: uPlot | null) => { plot.current = p; }, []);
  const redraw = useCallback(() => { plot.current?.setData(plot.current.data); }, []);
  const title = t(`figure.${figure}`);
  const file = `sipward-${figure}-${by.replace(/[^\w.-]+/g, '-')}-${new Date(window.from * 1000).toISOString().slice(0, 16).replace(/[:T]/g, '')}`;
  const at = drawn && drawn.lines.length === 1 ? last(drawn, 0) : -1;
  const newest = drawn && at >= 0 ? drawn.values[0]?.[at] ?? null : null;
  const nothing = drawn !== null && drawn.values.every((v) => v.every((x) => x === null));
  return (
    <section className="card chartcard" aria-label={title}>
      <div className="charthead">
        <h2>{title}</h2>
        {live && figure === 'channels' && by !== 'customer' && by !== 'carrier' ? <LiveNow by={by} /> : newest !== null && <span className="now" title={drawn ? words.time(drawn.times[at] ?? 0) : ''}>{words.value(newest)}</span>}
        <span className="dim small wide-only formula" title={t(`formula.${figure}`)}>{t(`formula.${figure}`)}</span>
        <span className="tools">
          <button type="button" className="topbutton" disabled={!drawn} aria-label={t('graphs.png', { figure: title })} onClick={() => plot.current && savePng(file, `${title} · ${by}`, plot.current)}>
            <Icon name="image" size={14} />PNG
          </button>
          <button type="button" className="topbutton" disabled={!drawn} aria-label={t('graphs.csv', { figure: title })} onClick={() => drawn && download(`${file}.csv`, new Blob([csv(table(drawn))], { type: 'text/csv' }))}>
            <Icon name="download" size={14} />CSV
          </button>
        </span>
      </div>
      {live && drawn && figure === 'channels' && <Running drawn={drawn} redraw={redraw} />}
      <Trouble error={error} retry={() => void refetch()} />
      {drawn && nothing && <p className="dim small nodata">{t('graphs.nothing')}</p>}
      {data && data.more > 0 && <p className="dim small nodata">{t('graphs.cut', { n: format.count(data.lines.length), more: format.count(data.more) })}</p>}
      {drawn ? <Chart data={drawn} label={`${title}. ${newest === null ? '' : words.value(newest)}`} words={words} scheme={scheme} onZoom={onZoom} onReset={onReset} onPlot={keep} />
        : !error && <div className="chart"><Waiting /></div>}
      {drawn && drawn.lines.length > 1 && drawn.lines.length <= palette[scheme].length && (
        <div className="legend">
          {drawn.names.map((name, i) => <span key={name}><i ref={(e) => { if (e) e.style.background = palette[scheme][i] ?? ''; }} />{name}</span>)}
        </div>
      )}
    </section>
  );
}

// LiveNow is what is in use this second.
function LiveNow({ by }: { by: string }) {
  const { format } = useApp();
  const { live, stale } = useLive();
  const who = by === 'total' ? live : live?.parties.find((p) => `${p.kind}:${p.id}` === by);
  if (!who) return null;
  return <span className={stale ? 'now stale' : 'now'}>{format.count(who.setup + who.answered)}</span>;
}

// Running draws the end of a chart anew each second. It is a component of its own, so that
// the rest of the card is not.
function Running({ drawn, redraw }: { drawn: Drawn; redraw: () => void }) {
  useRunning(drawn, redraw);
  return null;
}
