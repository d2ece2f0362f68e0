import { describe, expect, it } from 'vitest';
import { draw, isPending, last, table, windowOf, zoomTo } from '../src/pages/graphs/data';
import { parseRoute } from '../src/lib/route';
import type { Series } from '../src/api/types';

const series: Series = {
  figure: 'asr', from_unix_s: 600, step_s: 60, points: 4, pending: [{ from_unix_s: 780, to_unix_s: 840, nodes: ['n'] }],
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
    expect(windowOf(31_536_000, 1_763_900_123, 60).step).toBe(3600);
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
