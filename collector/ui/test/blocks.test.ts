import { describe, expect, it } from 'vitest';
import { mapOf, onlyBlock } from '../src/pages/blockmap';

const block = (first: string, last: string, customer: string) => ({ first, last, customer, numbers: Number(BigInt(last) - BigInt(first)) + 1 });

describe('the map of numbers', () => {
  it('shows what is free between blocks, and beyond', () => {
    const [row] = mapOf({ version: 1, grid: { start: '1000', size: 1000 }, free: [], blocks: [block('2000', '2999', 'a'), block('4000', '4499', 'b')] });
    expect(row?.cells.map((c) => [c.first, c.last, c.customer])).toEqual([['1000', '1999', ''], ['2000', '2999', 'a'], ['3000', '3999', ''], ['4000', '4499', 'b'], ['4500', '5499', '']]);
    expect(row?.cells.reduce((sum, c) => sum + c.share, 0)).toBeCloseTo(1);
  });
  it('keeps lengths apart, and leading zeros', () => {
    const rows = mapOf({ version: 1, grid: null, free: [], blocks: [block('0100', '0199', 'a'), block('100', '199', 'b')] });
    expect(rows.map((r) => [r.length, r.first, r.last])).toEqual([[3, '100', '199'], [4, '0100', '0199']]);
  });
  it('bears numbers longer than a double is exact', () => {
    const [row] = mapOf({ version: 1, grid: null, free: [], blocks: [block('493012345678901230', '493012345678901239', 'a'), block('493012345678901241', '493012345678901249', 'b')] });
    expect(row?.cells.map((c) => c.first)).toEqual(['493012345678901230', '493012345678901240', '493012345678901241']);
  });
});

describe('the only block of a customer', () => {
  const [first, second, other] = [block('1000', '1999', 'a'), block('3000', '3999', 'a'), block('2000', '2999', 'b')];
  const map = (...blocks: (typeof first)[]) => ({ version: 1, grid: null, free: [], blocks });
  it('is one beside those of others, and none beside another of its own', () => {
    expect(onlyBlock(map(first, other), first)).toBe(true);
    expect(onlyBlock(map(first, second, other), first)).toBe(false);
    expect(onlyBlock(map(first, second, other), other)).toBe(true);
  });
});
