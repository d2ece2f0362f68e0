import 'uplot/dist/uPlot.min.css';
import { useEffect, useRef, type KeyboardEvent } from 'react';
import uPlot from 'uplot';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { ticksOf, type Drawn } from './data';
import { makeTip, type Words } from './tip';

export const palette = {
  light: ['#0e6f86', '#a3480f', '#5b4bb3', '#1c7a43', '#b3266b', '#8a6d00', '#2961c4', '#6b5344', '#008577', '#7c2fb0'],
  dark: ['#56b9d1', '#f0a067', '#a99cf5', '#5ecb8a', '#f285b8', '#dcc04f', '#84aef7', '#c4a896', '#4ad0bf', '#cf97f2'],
};

export interface ChartProps {
  data: Drawn;
  label: string;
  words: Words;
  scheme: 'light' | 'dark';
  onZoom: (from: number, to: number) => void;
  onReset: () => void;
  onPlot: (plot: uPlot | null) => void;
}

// One cursor for all charts of the page.
const sync = uPlot.sync('graphs');

export function Chart({ data, label, words, scheme, onZoom, onReset, onPlot }: ChartProps) {
  const t = useT();
  const { me, zone } = useApp();
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const kept = useRef({ onZoom, onReset, onPlot });
  kept.current = { onZoom, onReset, onPlot };

  useEffect(() => {
    const element = box.current;
    if (!element) return undefined;
    const begun = performance.now();
    const made = new uPlot(options(element, data, words, scheme, me.language, zone, (a, b) => kept.current.onZoom(a, b)), columns(data), element);
    measureFirst(made, `chart-${data.figure}`, begun);
    plot.current = made;
    kept.current.onPlot(made);
    const resized = new ResizeObserver(() => {
      const size = sizeOf(element);
      if (size.width !== made.width || size.height !== made.height) made.setSize(size); // it tells of the first size, too
    });
    resized.observe(element);
    return () => {
      resized.disconnect();
      made.destroy();
      plot.current = null;
      kept.current.onPlot(null);
    };
  }, [data, words, scheme, me.language, zone]);

  const press = (e: KeyboardEvent) => {
    const u = plot.current;
    if (!u || e.ctrlKey || e.altKey || e.metaKey) return;
    if (e.key === 'ArrowLeft' || e.key === 'ArrowRight') step(u, (e.key === 'ArrowLeft' ? -1 : 1) * (e.shiftKey ? 10 : 1));
    else if (e.key === '+' || e.key === '-' || e.key === '−') zoom(u, e.key === '+' ? 0.5 : 2, kept.current.onZoom);
    else if (e.key === 'Escape') kept.current.onReset();
    else return;
    e.preventDefault();
  };
  return (
    <div ref={box} className="chart" role="application" aria-roledescription={t('graphs.chart')} aria-label={label} tabIndex={0} onKeyDown={press} onDoubleClick={() => kept.current.onReset()} />
  );
}

// measureFirst notes among the browser's own figures how long the first drawing took.
// Only the last one of a name is kept: a dashboard is open for weeks.
function measureFirst(u: uPlot, name: string, begun: number): void {
  let first = true;
  (u.hooks.draw ??= []).push(() => {
    if (!first) return;
    first = false;
    performance.clearMeasures(name);
    performance.measure(name, { start: begun });
  });
}

function sizeOf(element: HTMLElement): { width: number; height: number } {
  return { width: Math.max(200, element.clientWidth), height: Math.max(150, element.clientHeight) };
}

function columns(d: Drawn): uPlot.AlignedData {
  const limit = d.limit === null ? [] : [d.times.map(() => d.limit)];
  return [d.times, ...d.values, ...limit] as uPlot.AlignedData;
}

// step moves the cursor by data points, zoom shows half or twice as much around it.
function step(u: uPlot, by: number): void {
  const times = u.data[0];
  const at = u.cursor.idx ?? times.length - 1;
  const to = Math.min(times.length - 1, Math.max(0, at + by));
  // The third parameter, which its types leave out, tells the other charts.
  const set = u.setCursor as (at: { left: number; top: number }, fire: boolean, tell: boolean) => void;
  set({ left: u.valToPos(times[to] ?? 0, 'x'), top: u.over.clientHeight / 2 }, true, true);
}

function zoom(u: uPlot, factor: number, tell: (from: number, to: number) => void): void {
  const times = u.data[0];
  const from = times[0] ?? 0;
  const to = times[times.length - 1] ?? 0;
  const middle = times[u.cursor.idx ?? -1] ?? (from + to) / 2;
  const half = ((to - from) * factor) / 2;
  tell(middle - half, Math.min(middle + half, Date.now() / 1000));
}

function options(
  element: HTMLElement, d: Drawn, words: Words, scheme: 'light' | 'dark', language: string, zone: string, tell: (from: number, to: number) => void,
): uPlot.Options {
  const style = getComputedStyle(element);
  const colour = (name: string) => style.getPropertyValue(name).trim();
  const colours = palette[scheme];
  const stroke = (i: number) => colours[i % colours.length] ?? '#888';
  const font = `12px ${style.fontFamily}`;
  const locale = language === 'en' ? 'en-GB' : language;
  const ticks = ticksOf(d.figure);
  const axis = { stroke: colour('--sw-dim'), font, grid: { stroke: colour('--sw-chart-grid'), width: 1 }, ticks: { show: false } };
  return {
    ...sizeOf(element),
    padding: [8, 10, 0, 0],
    tzDate: (s) => uPlot.tzDate(new Date(s * 1000), zone),
    legend: { show: false },
    cursor: {
      sync: { key: sync.key, setSeries: false },
      drag: { x: true, y: false, setScale: false },
      points: { size: (_, series) => (series > d.values.length ? 0 : 7) }, // none on the limit
      focus: { prox: d.values.length > 1 ? 24 : -1 },
    },
    focus: { alpha: 0.25 },
    scales: { x: { time: true, range: (_, low, high) => [low, high + (d.delivered < d.times.length ? d.step : 0)] }, y: { range: (_, low, high) => rangeOf(d, low, high) } },
    axes: [
      { ...axis, size: 28, space: 70, values: (_, splits, __, ___, by) => splits.map((s) => axisTime(s, by, locale, zone)) },
      { ...axis, size: 54, space: 32, ...(ticks ? { incrs: ticks } : {}), values: (_, splits) => splits.map((v) => words.axis(v)) },
    ],
    series: [
      {},
      ...d.values.map((_, i): uPlot.Series => ({
        label: d.names[i] ?? '', stroke: stroke(i), width: d.values.length > 12 ? 1 : 1.75, spanGaps: false,
        ...(d.values.length === 1 && d.figure === 'channels' ? { fill: `${stroke(i)}22` } : {}),
        points: { show: (u, s) => few(u) || lonely(u, s).length > 0, filter: (u, s) => (few(u) ? null : lonely(u, s)), size: 4 },
      })),
      ...(d.limit === null ? [] : [{ label: words.limit, stroke: colour('--sw-bad'), width: 1.25, dash: [6, 5], points: { show: false } }]),
    ],
    hooks: {
      drawClear: [(u) => shadePending(u, d, colour('--sw-pending'))],
      setSelect: [(u) => {
        if (u.select.width < 6) return;
        const from = u.posToVal(u.select.left, 'x');
        const to = u.posToVal(u.select.left + u.select.width, 'x');
        u.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        tell(from, to);
      }],
    },
    plugins: [makeTip(d, words, stroke)],
  };
}

// rangeOf starts at zero always: a curve that is cut off at its foot lies. A share
// ends at 100 %.
function rangeOf(d: Drawn, _low: number | null, high: number | null): [number, number] {
  if (d.figure === 'asr' || d.figure === 'dtmf') return [0, 1];
  const most = Math.max(high ?? 0, d.limit ?? 0);
  return [0, most > 0 ? most * 1.08 : 1];
}

const few = (u: uPlot): boolean => u.data[0].length < 80;

// lonely lists the values of a line that lie between two gaps, which no stroke shows.
function lonely(u: uPlot, line: number): number[] {
  const values = u.data[line] ?? [];
  const out: number[] = [];
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null && values[i - 1] == null && values[i + 1] == null) out.push(i);
  }
  return out;
}

// Making a format costs more than the whole of a chart's axis: they are kept.
const formats = new Map<string, Intl.DateTimeFormat>();

function formatOf(locale: string, zone: string, days: boolean): Intl.DateTimeFormat {
  const key = `${locale} ${zone} ${String(days)}`;
  let f = formats.get(key);
  if (!f) {
    const o: Intl.DateTimeFormatOptions = days ? { day: '2-digit', month: 'short' } : { hour: '2-digit', minute: '2-digit' };
    f = new Intl.DateTimeFormat(locale, { timeZone: zone, hourCycle: 'h23', ...o });
    formats.set(key, f);
  }
  return f;
}

function axisTime(s: number, by: number, locale: string, zone: string): string {
  if (by >= 86_400) return formatOf(locale, zone, true).format(s * 1000);
  const text = formatOf(locale, zone, false).format(s * 1000);
  return text === '00:00' ? formatOf(locale, zone, true).format(s * 1000) : text;
}

function shadePending(u: uPlot, d: Drawn, colour: string): void {
  const { ctx, bbox } = u;
  ctx.save();
  ctx.fillStyle = colour;
  for (const p of d.pending) {
    const left = Math.max(bbox.left, u.valToPos(p.from_unix_s, 'x', true));
    const right = Math.min(bbox.left + bbox.width, u.valToPos(p.to_unix_s, 'x', true));
    if (right > left) ctx.fillRect(left, bbox.top, right - left, bbox.height);
  }
  ctx.restore();
}
