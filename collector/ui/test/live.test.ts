import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { LiveFeed, staleAfterMs } from '../src/lib/live';
import { live } from './mock/api';

class FakeSource {
  static all: FakeSource[] = [];
  onerror: (() => void) | null = null;
  closed = false;
  private listener: ((e: { data: string }) => void) | null = null;
  constructor(readonly url: string) { FakeSource.all.push(this); }
  addEventListener(name: string, listener: (e: { data: string }) => void): void { if (name === 'live') this.listener = listener; }
  close(): void { this.closed = true; }
  say(data: string): void { this.listener?.({ data }); }
}

beforeEach(() => {
  FakeSource.all = [];
  vi.useFakeTimers();
  vi.stubGlobal('EventSource', FakeSource);
});
afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

describe('the live feed', () => {
  it('connects for the first who asks, and leaves with the last', () => {
    const feed = new LiveFeed();
    const one = feed.subscribe(() => undefined);
    const two = feed.subscribe(() => undefined);
    expect(FakeSource.all.map((s) => s.url)).toEqual(['/api/v1/live']);
    one();
    expect(FakeSource.all[0]?.closed).toBe(false);
    two();
    expect(FakeSource.all[0]?.closed).toBe(true);
    vi.advanceTimersByTime(120_000);
    expect(FakeSource.all).toHaveLength(1);
  });
  it('keeps what came last and marks it as stale, then connects again', () => {
    const feed = new LiveFeed();
    feed.subscribe(() => undefined);
    const figures = live(1000);
    FakeSource.all[0]?.say(JSON.stringify(figures));
    expect(feed.snapshot()).toEqual({ live: figures, stale: false });
    vi.advanceTimersByTime(staleAfterMs);
    expect(feed.snapshot()).toEqual({ live: figures, stale: true });
    vi.advanceTimersByTime(1000);
    expect(FakeSource.all).toHaveLength(2);
    FakeSource.all[1]?.say(JSON.stringify(figures));
    expect(feed.snapshot().stale).toBe(false);
  });
  it('waits longer each time that nobody answers, to a bound', () => {
    vi.spyOn(Math, 'random').mockReturnValue(0); // the shortest wait that can be drawn
    const feed = new LiveFeed();
    feed.subscribe(() => undefined);
    for (let i = 0; i < 8; i++) {
      const made = FakeSource.all.length;
      FakeSource.all[made - 1]?.onerror?.();
      vi.advanceTimersByTime(Math.min(30_000, 1000 * 2 ** i) / 2 - 1);
      expect(FakeSource.all, `try ${i}`).toHaveLength(made);
      vi.advanceTimersByTime(1);
      expect(FakeSource.all, `try ${i}`).toHaveLength(made + 1);
    }
  });
  it('passes over what is no JSON', () => {
    const feed = new LiveFeed();
    feed.subscribe(() => undefined);
    FakeSource.all[0]?.say('{');
    expect(feed.snapshot().live).toBeNull();
  });
});
