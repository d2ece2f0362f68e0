import { useSyncExternalStore } from 'react';
import type { Live } from '../api/types';
import { address } from '../api/client';

// One connection for the whole page. It is made anew after a loss, with a wait
// that grows and is drawn at random, so that many dashboards do not come at once
// after the collector was restarted.
export interface LiveState {
  live: Live | null;
  stale: boolean; // nothing came for a while: what is shown is old
}

export const staleAfterMs = 5_000;
const longestWaitMs = 30_000;

export class LiveFeed {
  private state: LiveState = { live: null, stale: false };
  private readonly listeners = new Set<() => void>();
  private source: EventSource | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private tries = 0;

  subscribe = (tell: () => void): (() => void) => {
    this.listeners.add(tell);
    if (this.listeners.size === 1) this.open();
    return () => {
      this.listeners.delete(tell);
      if (this.listeners.size === 0) this.close();
    };
  };

  snapshot = (): LiveState => this.state;

  private open(): void {
    this.watch();
    const source = new EventSource(address('/live'));
    this.source = source;
    source.addEventListener('live', (e) => this.take((e as MessageEvent<string>).data));
    source.onerror = () => this.again();
  }

  private take(text: string): void {
    let live: Live;
    try {
      live = JSON.parse(text) as Live;
    } catch {
      return; // the next second brings another
    }
    this.tries = 0;
    this.watch();
    this.set({ live, stale: false });
  }

  private watch(): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => this.again(), staleAfterMs);
  }

  private again(): void {
    this.stop();
    this.set({ live: this.state.live, stale: true });
    const most = Math.min(longestWaitMs, 1000 * 2 ** this.tries++);
    this.retry = setTimeout(() => this.open(), most / 2 + (Math.random() * most) / 2);
  }

  private stop(): void {
    clearTimeout(this.watchdog);
    clearTimeout(this.retry);
    if (this.source) {
      this.source.onerror = null;
      this.source.close();
    }
    this.source = null;
  }

  private close(): void {
    this.stop();
    this.tries = 0;
    this.state = { live: null, stale: false };
  }

  private set(state: LiveState): void {
    this.state = state;
    for (const tell of this.listeners) tell();
  }
}

const feed = new LiveFeed();

export function useLive(): LiveState {
  return useSyncExternalStore(feed.subscribe, feed.snapshot);
}
