import { describe, expect, it } from 'vitest';
import en from '../src/i18n/en.json';
import { makeT } from '../src/i18n/i18n';
import { makeFormat } from '../src/lib/format';
import { csv } from '../src/lib/save';
import { xlsx } from '../src/lib/xlsx';
import { callsOf, columnsOf, fields, sheet, totals } from '../src/pages/summary/columns';
import cells from './cells.json';
import { summaryRow } from './mock/api';

const t = makeT(en);
const columns = columnsOf('live', true, t, makeFormat('en', 'UTC'));
const ratio = (num: number, den: number) => ({ num, den, value: den ? num / den : null });
const row = (attempts: number, asr: [number, number]) => ({ ...summaryRow(0, 3600, '', 'total', 1), attempts, asr: ratio(...asr) });

describe('totals', () => {
  const of = (id: string, rows: ReturnType<typeof row>[]) => totals(rows, columns).find((x) => x.column.id === id);
  it('weigh averages by their denominators, and give the plain one beside it', () => {
    const got = of('asr', [row(10, [9, 10]), row(1000, [100, 1000])]);
    expect(got?.weighted).toBeCloseTo(109 / 1010);
    expect(got?.plain).toBeCloseTo(0.5);
    expect(got?.sum).toBeNull();
  });
  it('leave cells without a value out', () => {
    const got = of('asr', [row(0, [0, 0]), row(10, [5, 10])]);
    expect(got).toMatchObject({ cells: 1, weighted: 0.5, plain: 0.5 });
  });
  it('of nothing are blank', () => {
    expect(of('asr', [row(0, [0, 0])])).toMatchObject({ cells: 0, weighted: null, plain: null });
    expect(of('attempts', [])).toMatchObject({ sum: null, plain: null });
  });
  it('add counts up', () => {
    expect(of('attempts', [row(10, [1, 1]), row(20, [1, 1])])).toMatchObject({ sum: 30, plain: 15, weighted: null });
  });
});

describe('copies', () => {
  const part = columns.filter((c) => ['period', 'attempts', 'asr'].includes(c.id));
  it('have tabs between cells, and headers if asked', () => {
    expect(fields([row(1200, [1, 2])], part, false, t)).toBe('1970-01-01 00:00\t1,200\t50.0 %');
    expect(fields([row(1200, [1, 2])], part, true, t).split('\n')[0]).toBe('Period (UTC)\tAttempts\tASR');
  });
  it('of a file are numbers, with what ratios were made of', () => {
    expect(sheet([row(1200, [1, 2]), row(0, [0, 0])], part, t)).toEqual([
      ['Period (UTC)', 'Attempts', 'ASR', 'ASR (numerator)', 'ASR (denominator)'],
      ['1970-01-01 00:00', 1200, 0.5, 1, 2],
      ['1970-01-01 00:00', 0, null, 0, 0],
    ]);
  });
  it('quote CSV, and keep formulas from being any', () => {
    expect(csv([['a,b', 'say "x"', null, 1.5]])).toBe('"a,b","say ""x""",,1.5\r\n');
    expect(csv([['=1+1', '+49301', '@x', -3]])).toBe("'=1+1,'+49301,'@x,-3\r\n");
  });
  it.each(cells as [string, string][])('of %j are as the collector writes them', (text, want) => {
    const quoted = /[",\r\n]/.test(want) ? `"${want}"` : want;
    expect(csv([[text]])).toBe(`${quoted}\r\n`);
  });
  it('make a workbook', async () => {
    const made = await xlsx(sheet([row(1200, [1, 2])], part, t), 'Summary');
    const bytes = await new Promise<Uint8Array>((done) => {
      const reader = new FileReader();
      reader.onload = () => done(new Uint8Array(reader.result as ArrayBuffer));
      reader.readAsArrayBuffer(made);
    });
    expect([...bytes.slice(0, 2)]).toEqual([0x50, 0x4b]); // a zip file
    expect(bytes.length).toBeGreaterThan(1000);
  });
});

describe('a row', () => {
  it('leads to exactly the calls that it sums up', () => {
    expect(callsOf(summaryRow(3600, 7200, 'acme', 'customer', 1))).toMatchObject({ list: 'calls', from: 3_600_000, to: 7_200_000, kind: 'call', customer: 'acme' });
    expect(callsOf(summaryRow(3600, 7200, 'north', 'carrier', 1))).toMatchObject({ list: 'attempts', carrier: 'north', kind: undefined });
    expect(callsOf(summaryRow(3600, 7200, '', 'total', 1))).toMatchObject({ kind: 'call', customer: undefined, carrier: undefined });
  });
});
