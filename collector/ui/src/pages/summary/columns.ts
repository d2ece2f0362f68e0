import type { Ratio, SummaryRow, SummaryTab } from '../../api/types';
import type { Key, T } from '../../i18n/i18n';
import type { Format } from '../../lib/format';

// One column of the summary: how a cell is shown, what it is as a number, and, of
// ratios, what it was made of.
export interface Column {
  id: string;
  title: Key;
  kind: 'period' | 'party' | 'count' | 'ratio' | 'state';
  text(r: SummaryRow): string; // what is shown and copied
  number(r: SummaryRow): number | null; // what is summed and exported
  ratio?(r: SummaryRow): Ratio;
  say(v: number): string; // a sum or an average
  width: number;
  tip: Key;
}

function unitOf(tab: SummaryTab): 'hour' | 'day' | 'month' {
  return tab === 'live' ? 'hour' : tab === 'daily' ? 'day' : 'month';
}

const quotient = (r: Ratio): number | null => (r.den === 0 ? null : r.num / r.den);

export function columnsOf(tab: SummaryTab, parties: boolean, t: T, f: Format): Column[] {
  const unit = unitOf(tab);
  const count = (id: 'attempts' | 'connected', width: number): Column => ({
    id, title: `summary.${id}`, tip: `summary.${id}_tip`, kind: 'count', width, text: (r) => f.count(r[id]), number: (r) => r[id], say: (v) => f.decimal(v, Number.isInteger(v) ? 0 : 1),
  });
  const ratio = (id: 'asr' | 'acd' | 'dtmf' | 'ner' | 'pdd', width: number, say: (v: number) => string): Column => ({
    id, title: `summary.${id}`, tip: `summary.${id}_tip`, kind: 'ratio', width, ratio: (r) => r[id], number: (r) => quotient(r[id]),
    text: (r) => {
      const v = quotient(r[id]);
      return v === null ? '' : say(v);
    },
    say,
  });
  const share = (v: number) => f.share(v);
  const columns: Column[] = [
    { id: 'period', title: 'summary.period', tip: 'summary.period_tip', kind: 'period', width: 152, text: (r) => f.utc(r.from_unix_s, unit), number: () => null, say: () => '' },
    { id: 'party', title: 'summary.party', tip: 'summary.party_tip', kind: 'party', width: 165, text: (r) => r.party || t('total'), number: () => null, say: () => '' },
    count('attempts', 114),
    count('connected', 124),
    ratio('asr', 78, share),
    ratio('acd', 74, (v) => f.seconds(v)),
    { id: 'duration', title: 'summary.duration', tip: 'summary.duration_tip', kind: 'count', width: 122, text: (r) => f.span(r.duration_ms), number: (r) => r.duration_ms, say: (v) => f.span(v) },
    ratio('dtmf', 152, share),
    ratio('ner', 78, share),
    ratio('pdd', 90, (v) => f.milliseconds(v)),
    {
      id: 'completeness', title: 'summary.completeness', tip: 'summary.completeness_tip', kind: 'state', width: 150, number: () => null, say: () => '',
      text: (r) => {
        const c = r.completeness;
        const word = t(`state.${c.state}`);
        return c.state === 'complete' ? word : `${word} ${f.count(c.complete)}/${f.count(c.hours)}`;
      },
    },
  ];
  return parties ? columns : columns.filter((c) => c.kind !== 'party');
}

// Totals of one column over the chosen rows. The weighted average divides the sum
// of the numerators by the sum of the denominators, so a busy hour counts for more;
// the plain one is the average of the cells' averages.
export interface Total {
  column: Column;
  cells: number; // that have a value
  sum: number | null; // of counts only: shares do not add up
  weighted: number | null; // of ratios only
  plain: number | null;
}

export function totals(rows: SummaryRow[], columns: Column[]): Total[] {
  return columns.filter((c) => c.kind === 'count' || c.kind === 'ratio').map((column) => {
    let sum = 0;
    let cells = 0;
    let num = 0;
    let den = 0;
    for (const r of rows) {
      const v = column.number(r);
      if (v === null) continue;
      sum += v;
      cells++;
      const parts = column.ratio?.(r);
      num += parts?.num ?? 0;
      den += parts?.den ?? 0;
    }
    const counts = column.kind === 'count';
    return { column, cells, sum: counts && cells > 0 ? sum : null, weighted: den > 0 ? num / den : null, plain: cells > 0 ? sum / cells : null };
  });
}

// fields is a part of the table as text, for the clipboard.
export function fields(rows: SummaryRow[], columns: Column[], headers: boolean, t: T): string {
  const lines = rows.map((r) => columns.map((c) => c.text(r)).join('\t'));
  if (headers) lines.unshift(columns.map((c) => t(c.title)).join('\t'));
  return lines.join('\n');
}

// sheet is a part of the table for a file: ratios with their parts, durations in
// seconds, so that a spreadsheet can go on calculating.
export function sheet(rows: SummaryRow[], columns: Column[], t: T): (string | number | null)[][] {
  const head = columns.flatMap((c) => {
    const title = t(c.title);
    if (c.kind === 'ratio') return [title, `${title} (${t('numerator')})`, `${title} (${t('denominator')})`];
    return [c.id === 'duration' ? `${title} (s)` : title];
  });
  const cells = (c: Column, r: SummaryRow): (string | number | null)[] => {
    const parts = c.ratio?.(r);
    if (parts) return [c.number(r), parts.num, parts.den];
    if (c.kind === 'count') return [c.id === 'duration' ? (c.number(r) ?? 0) / 1000 : c.number(r)];
    return [c.text(r)];
  };
  return [head, ...rows.map((r) => columns.flatMap((c) => cells(c, r)))];
}

// callsOf is where the calls of a row are listed: exactly those that it sums up.
export function callsOf(r: SummaryRow): Record<string, string | number | undefined> {
  return {
    list: r.kind === 'carrier' ? 'attempts' : 'calls',
    from: r.from_unix_s * 1000,
    to: r.to_unix_s * 1000,
    kind: r.kind === 'carrier' ? undefined : 'call',
    customer: r.kind === 'customer' ? r.party : undefined,
    carrier: r.kind === 'carrier' ? r.party : undefined,
  };
}
