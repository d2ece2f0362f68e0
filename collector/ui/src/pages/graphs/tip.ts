import type uPlot from 'uplot';
import { isPending, type Drawn } from './data';

// Words is how the numbers of a figure are said.
export interface Words {
  limit: string;
  pending: string;
  gap: string;
  more(n: number): string;
  time(s: number): string;
  axis(v: number): string;
  value(v: number): string;
  parts(d: Drawn, line: number, i: number): string; // numerator and denominator
}

const mostRows = 8;

// makeTip shows what is under the cursor. It writes into elements of its own: at 60
// moves a second of four charts, React would have no part in it but cost.
export function makeTip(d: Drawn, words: Words, stroke: (i: number) => string): uPlot.Plugin {
  const tip = document.createElement('div');
  tip.className = 'charttip num';
  tip.hidden = true;
  return {
    hooks: {
      init: (u) => u.over.append(tip),
      destroy: () => tip.remove(),
      setCursor: (u) => {
        const { idx, left } = u.cursor;
        const at = idx == null || left == null || left < 0 ? undefined : d.times[idx];
        tip.hidden = at === undefined;
        if (at === undefined || idx == null || left == null) return;
        tip.replaceChildren(...rows(d, words, stroke, idx, at));
        place(tip, u, left);
      },
    },
  };
}

function rows(d: Drawn, words: Words, stroke: (i: number) => string, i: number, at: number): HTMLElement[] {
  const out = [line('time', words.time(at))];
  const there = d.values
    .map((v, j) => ({ j, v: v[i] ?? null }))
    .filter((x): x is { j: number; v: number } => x.v !== null)
    .sort((a, b) => b.v - a.v);
  for (const { j, v } of there.slice(0, mostRows)) {
    const row = document.createElement('div');
    if (d.values.length > 1) {
      const dot = document.createElement('i');
      dot.style.background = stroke(j);
      row.append(dot, line('name', d.names[j] ?? '', 'span'));
    }
    row.append(line('value', words.value(v), 'b'), line('parts', words.parts(d, j, i), 'span'));
    out.push(row);
  }
  if (there.length > mostRows) out.push(line('dim', words.more(there.length - mostRows)));
  if (there.length === 0) out.push(line('dim', words.gap));
  if (d.limit !== null) out.push(line('dim', `${words.limit} ${words.value(d.limit)}`));
  if (isPending(d, at)) out.push(line('warn', words.pending));
  return out;
}

function line(kind: string, text: string, tag = 'div'): HTMLElement {
  const e = document.createElement(tag);
  e.className = kind;
  e.textContent = text;
  return e;
}

function place(tip: HTMLElement, u: uPlot, left: number): void {
  const right = left > u.over.clientWidth / 2;
  tip.style.left = right ? '' : `${left + 12}px`;
  tip.style.right = right ? `${u.over.clientWidth - left + 12}px` : '';
}
