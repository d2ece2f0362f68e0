import { useEffect } from 'react';
import type { Live } from '../../api/types';
import { useLive } from '../../lib/live';
import type { Drawn } from './data';

// The counters of a minute come when it is over. Until then Live Channels shows the most
// that the live figures said within it, which is what its record will say: a peak. So the
// record takes the place of the point, and the line does not jump by it.

const keepMinutes = 90;

interface Most {
  used: number;
  answered: number;
}

// Peaks are the most channels in use of everybody, by minute, since the page was opened.
export class Peaks {
  private readonly minutes = new Map<number, Map<string, Most>>();

  // take adds a second's figures. Without a node to say them they are not known.
  take(l: Live): void {
    if (l.nodes > 0 && l.nodes_up === 0) return;
    const at = Math.floor(l.time_unix_ms / 60_000) * 60;
    let minute = this.minutes.get(at);
    if (!minute) {
      minute = new Map();
      this.minutes.set(at, minute);
      for (const old of this.minutes.keys()) if (old <= at - keepMinutes * 60) this.minutes.delete(old);
    }
    raise(minute, 'total:', l.setup, l.answered);
    for (const p of l.parties) raise(minute, `${p.kind}:${p.id}`, p.setup, p.answered);
  }

  // within is the most of somebody in [from, to), Unix seconds; null when nothing is known.
  within(from: number, to: number, kind: string, party: string): Most | null {
    const all = [...this.minutes].filter(([at]) => at >= from && at < to).flatMap(([, m]) => m.get(`${kind}:${party}`) ?? []);
    return all.length === 0 ? null : { used: Math.max(...all.map((x) => x.used)), answered: Math.max(...all.map((x) => x.answered)) };
  }
}

function raise(minute: Map<string, Most>, key: string, setup: number, answered: number): void {
  const x = minute.get(key);
  if (!x) {
    minute.set(key, { used: setup + answered, answered });
    return;
  }
  x.used = Math.max(x.used, setup + answered);
  x.answered = Math.max(x.answered, answered);
}

// fill puts what is known by the live figures where no record is: into the running step,
// and into those that are over and were not delivered. It says whether anything changed.
export function fill(d: Drawn, peaks: Peaks): boolean {
  let changed = false;
  for (let i = Math.max(0, d.delivered - keepMinutes); i < d.times.length; i++) {
    const from = d.times[i] ?? 0;
    d.lines.forEach((l, j) => {
      const values = d.values[j];
      const cell = i * d.lines.length + j;
      if (!values || (l.num[i] !== null && !d.filled.has(cell))) return; // its record is here
      const most = peaks.within(from, from + d.step, l.kind, l.party);
      if (!most || most.used === values[i]) return;
      values[i] = most.used;
      l.num[i] = most.used;
      if (l.answered) l.answered[i] = most.answered;
      d.filled.add(cell);
      changed = true;
    });
  }
  return changed;
}

const peaks = new Peaks();

// useRunning keeps the end of a chart up to date, and draws it again when that changed.
export function useRunning(d: Drawn | null, redraw: () => void): void {
  const { live, stale } = useLive();
  useEffect(() => {
    if (live && !stale) peaks.take(live);
    if (d && d.figure === 'channels' && fill(d, peaks)) redraw();
  }, [d, live, redraw, stale]);
}
