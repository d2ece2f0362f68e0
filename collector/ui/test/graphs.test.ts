import { describe, expect, it } from 'vitest';
import { draw, isPending, last, table, ticksOf, windowOf, zoomTo } from '../src/pages/graphs/data';
import { fill, Peaks } from '../src/pages/graphs/running';
import { live } from './mock/api';
import { parseRoute } from '../src/lib/route';
import type { Series } from '../src/api/types';

const series: Series = {
  figure: 'asr', from_unix_s: 600, step_s: 60, points: 4, more: 0, pending: [{ from_unix_s: 780, to_unix_s: 840, nodes: ['n'] }],
  lines: [{ kind: 'total', party: '', limit: null, num: [5, null, 0, 0], den: [10, null, 0, 4] }],
};

describe('a series', () => {
  const drawn = draw(series, 'Total');
  it('has gaps where nobody watched and where there was nothing to divide by', () => {
    expect(drawn.times).toEqual([600, 660, 720, 780]);
    expect(drawn.values).toEqual([[0.5, null, null, 0]]);
    expect(last(drawn, 0)).toBe(3);
  });
  it('marks what is pending', () => {
    expect(drawn.times.map((x) => isPending(drawn, x))).toEqual([false, false, false, true]);
  });
  it('becomes a table with its numerators and denominators', () => {
    expect(table(drawn)[0]).toEqual(['time_utc', 'party', 'numerator', 'denominator', 'asr', 'pending']);
    expect(table(drawn)[1]).toEqual(['1970-01-01T00:10:00.000Z', '', 5, 10, 0.5, '']);
    expect(table(drawn)[4]).toEqual(['1970-01-01T00:13:00.000Z', '', 0, 4, 0, 'yes']);
  });
  it('has a limit when one line has one', () => {
    const line = { kind: 'customer' as const, party: 'a', limit: 30, num: [1, 2, 3, 4], answered: [1, 1, 1, 1] };
    expect(draw({ ...series, figure: 'channels', lines: [line] }, 'Total').limit).toBe(30);
    expect(draw({ ...series, figure: 'channels', lines: [line, { ...line, party: 'b' }] }, 'Total').limit).toBeNull();
  });
});

describe('the marks of an axis', () => {
  it('are whole channels and seconds, of which none is written twice', () => {
    for (const figure of ['channels', 'acd'] as const) {
      const ticks = ticksOf(figure) ?? [];
      expect(ticks.length).toBeGreaterThan(10);
      expect(ticks.every((x, i) => Number.isInteger(x) && x > (ticks[i - 1] ?? 0))).toBe(true);
    }
    expect(ticksOf('asr')).toBeUndefined();
  });
});

describe('the running step', () => {
  const line = { kind: 'customer' as const, party: 'acme', limit: 30, num: [4, null, null], answered: [2, null, null] };
  const asked: Series = { ...series, figure: 'channels', points: 3, pending: [], lines: [line, { ...line, kind: 'total', party: '', num: [9, 9, null], answered: [5, 5, null] }] };
  const frame = (s: number, setup: number, answered: number) => ({ ...live(s * 1000), setup, answered, parties: [{ kind: 'customer' as const, id: 'acme', setup: 1, answered, channels: null }] });
  it('comes behind what was delivered, marked, in every chart', () => {
    const drawn = draw({ ...series, points: 4 }, 'Total', true);
    expect(drawn.times).toEqual([600, 660, 720, 780, 840]);
    expect(drawn.values).toEqual([[0.5, null, null, 0, null]]);
    expect(isPending(drawn, 840)).toBe(true);
    expect(series.lines[0]?.num).toHaveLength(4); // the answer itself is as it was
  });
  it('has the most of the live figures, as its record will, and keeps records', () => {
    const peaks = new Peaks();
    peaks.take(frame(725, 1, 6));
    peaks.take(frame(781, 2, 3));
    peaks.take(frame(790, 1, 7));
    peaks.take(frame(799, 0, 5));
    const drawn = draw(asked, 'Total', true);
    expect(fill(drawn, peaks)).toBe(true);
    expect(drawn.values).toEqual([[4, null, 7, 8], [9, 9, 7, 8]]);
    expect(drawn.lines[0]?.answered).toEqual([2, null, 6, 7]);
    expect(fill(drawn, peaks)).toBe(false);
    peaks.take(frame(810, 5, 9));
    expect(fill(drawn, peaks)).toBe(true);
    expect(drawn.values[1]).toEqual([9, 9, 7, 14]);
    const delivered = draw({ ...asked, points: 4, lines: [{ ...line, num: [4, 5, 7, 11], answered: [2, 3, 6, 10] }] }, 'Total', true);
    fill(delivered, peaks);
    expect(delivered.values).toEqual([[4, 5, 7, 11, null]]);
  });
  it('is not known when no node says anything, nor of whom none speaks', () => {
    const peaks = new Peaks();
    peaks.take({ ...frame(790, 0, 0), nodes: 2, nodes_up: 0 });
    expect(fill(draw(asked, 'Total', true), peaks)).toBe(false);
    peaks.take(frame(790, 1, 1));
    const drawn = draw({ ...asked, lines: [{ ...line, party: 'globex' }] }, 'Total', true);
    expect(fill(drawn, peaks)).toBe(false);
    expect(drawn.values[0]?.[3]).toBeNull();
  });
});

describe('windows', () => {
  it('lie on whole steps, and have few enough points', () => {
    for (const seconds of [3600, 86_400, 604_800, 2_592_000]) {
      const w = windowOf(seconds, 1_763_900_123);
      expect(w.from % w.step).toBe(0);
      expect(w.to % w.step).toBe(0);
      expect((w.to - w.from) / w.step).toBeLessThanOrEqual(750);
    }
  });
  it('can be a month of five minutes, but not years of minutes', () => {
    expect(windowOf(2_592_000, 1_763_900_123, 300)).toMatchObject({ step: 300 });
    expect(windowOf(31_536_000, 1_763_900_123, 60).step).toBe(10_800);
  });
  it('that are dragged are never empty', () => {
    const w = zoomTo(1000, 1001);
    expect(w.to - w.from).toBeGreaterThanOrEqual(300);
  });
});

describe('routes', () => {
  it('are read from the fragment', () => {
    expect(parseRoute('#/setup/a%2Fb').path).toEqual(['setup', 'a/b']);
    expect(parseRoute('#/calls?list=attempts&from=1').query.get('from')).toBe('1');
    expect(parseRoute('').path).toEqual([]);
    expect(parseRoute('#/x/%zz').path).toEqual(['x', '%zz']);
  });
});
