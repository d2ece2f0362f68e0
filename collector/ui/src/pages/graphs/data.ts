import type { Figure, Line, Series } from '../../api/types';

// What a chart draws: times in seconds and a column of values a line; null is a
// gap, in which nobody watched or there was nothing to divide by.
export interface Drawn {
  figure: Figure;
  step: number;
  times: number[];
  values: (number | null)[][];
  lines: Line[];
  names: string[];
  limit: number | null; // drawn when one line has one
  pending: Series['pending'];
  delivered: number; // points that the collector has; behind them is the step that is running
  filled: Set<number>; // points that are of the live figures: step times lines plus line
}

export const figures: Figure[] = ['channels', 'asr', 'acd', 'dtmf'];

// draw takes an answer; when it ends now, the step that is running comes behind it. All
// charts have that one, so that they go on sharing one axis of time.
export function draw(s: Series, total: string, running = false): Drawn {
  const points = s.points + (running ? 1 : 0);
  const end = s.from_unix_s + s.points * s.step_s;
  const times = Array.from({ length: points }, (_, i) => s.from_unix_s + i * s.step_s);
  // The live figures are written behind what was delivered of channels; all else stays as it came.
  const more = (list: (number | null)[]) => (running ? [...list, null] : [...list]);
  const lines = s.figure === 'channels' ? s.lines.map((l): Line => ({ ...l, num: more(l.num), ...(l.answered ? { answered: more(l.answered) } : {}) })) : s.lines;
  const limits = s.lines.filter((l) => l.limit !== null);
  return {
    figure: s.figure,
    step: s.step_s,
    times,
    values: lines.map((l) => valuesOf(s.figure, l, points)),
    lines,
    names: s.lines.map((l) => l.party || total),
    limit: s.lines.length === 1 && limits[0] ? limits[0].limit : null,
    pending: running ? [...s.pending, { from_unix_s: end, to_unix_s: end + s.step_s, nodes: [] }] : s.pending,
    delivered: s.points,
    filled: new Set(),
  };
}

// valuesOf divides. It is a plain loop: of 50 carriers and a month there are 430,000.
function valuesOf(figure: Figure, l: Line, points: number): (number | null)[] {
  if (figure === 'channels') return l.num.slice();
  const out = new Array<number | null>(points).fill(null);
  for (let i = 0; i < l.num.length; i++) {
    const n = l.num[i];
    const d = l.den?.[i];
    if (n != null && d) out[i] = n / d;
  }
  return out;
}

// Window is what is shown: the last so many seconds, or a part that was dragged.
export interface Window {
  from: number; // Unix seconds
  to: number;
  step: number;
}

export const ranges = { '1h': 3600, '6h': 21_600, '24h': 86_400, '7d': 604_800, '30d': 2_592_000 } as const;
export type RangeName = keyof typeof ranges;

export function isRange(text: string | null): text is RangeName {
  return text !== null && Object.hasOwn(ranges, text);
}

// steps that can be chosen; 0 is what fits the range.
export const steps = [0, 60, 300, 900, 3600] as const;
const mostPoints = 45_000; // a month of minutes

// stepOf is how long a point is: what was chosen, as long as that makes not too
// many, else so long that a hundred or so are shown. A share of three calls says less
// than one of three hundred.
function stepOf(seconds: number, chosen: number): number {
  if (chosen > 0 && seconds / chosen <= mostPoints) return chosen;
  if (seconds <= 2 * 3600) return 60;
  if (seconds <= 8 * 3600) return 300;
  if (seconds <= 2 * 86_400) return 900;
  return seconds <= 10 * 86_400 ? 3600 : 10_800;
}

// windowOf ends at the last whole step, so that all four charts, and what the
// server keeps of its answers, share their bounds.
export function windowOf(seconds: number, now: number, chosen = 0): Window {
  const step = stepOf(seconds, chosen);
  const to = Math.floor(now / step) * step;
  return { from: to - Math.ceil(seconds / step) * step, to, step };
}

export function zoomTo(from: number, to: number, chosen = 0): Window {
  const step = stepOf(to - from, chosen);
  const a = Math.floor(from / step) * step;
  return { from: a, to: Math.max(Math.ceil(to / step) * step, a + 5 * step), step };
}

// ticksOf are the distances that marks of the vertical axis may have: there is no half of
// a channel, and none of a second is written. Without any, those of the chart itself.
export function ticksOf(figure: Figure): number[] | undefined {
  if (figure === 'acd') return [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600];
  return figure === 'channels' ? Array.from({ length: 8 }, (_, i) => [1, 2, 5].map((x) => x * 10 ** i)).flat() : undefined;
}

// isPending says whether some node has not yet delivered a time.
export function isPending(d: Drawn, at: number): boolean {
  return d.pending.some((p) => at < p.to_unix_s && at + d.step > p.from_unix_s);
}

type Cell = string | number | null;

// table is what a CSV file of a chart holds: every number that is shown.
export function table(d: Drawn): Cell[][] {
  const head = d.figure === 'channels' ? ['peak', 'answered'] : ['numerator', 'denominator', d.figure];
  const rows: Cell[][] = [['time_utc', 'party', ...head, 'pending']];
  d.times.forEach((time, i) => {
    const at = new Date(time * 1000).toISOString();
    const pending = isPending(d, time) ? 'yes' : '';
    d.lines.forEach((l, j) => {
      const figures = d.figure === 'channels' ? [l.num[i] ?? null, l.answered?.[i] ?? null] : [l.num[i] ?? null, l.den?.[i] ?? null, d.values[j]?.[i] ?? null];
      rows.push([at, l.party, ...figures, pending]);
    });
  });
  return rows;
}

// last is the newest value there is, and where.
export function last(d: Drawn, line: number): number {
  const values = d.values[line] ?? [];
  for (let i = values.length - 1; i >= 0; i--) if (values[i] !== null && values[i] !== undefined) return i;
  return -1;
}
