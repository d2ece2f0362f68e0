import type { Blocks } from '../api/types';

export interface Cell {
  first: string;
  last: string;
  customer: string; // empty: free
  share: number; // of the row
}
export interface MapRow {
  length: number; // of the numbers: those of different lengths are different spaces
  first: string;
  last: string;
  cells: Cell[];
}

// mapOf lays blocks side by side with what is free between them, from the first of
// a length (or the grid's start) to the last, and one block of the grid beyond.
// Numbers may have more digits than a double holds.
export function mapOf(map: Blocks): MapRow[] {
  const lengths = [...new Set(map.blocks.map((b) => b.first.length))].sort((a, b) => a - b);
  return lengths.map((length) => {
    const held = map.blocks.filter((b) => b.first.length === length);
    const text = (n: bigint) => n.toString().padStart(length, '0');
    const top = 10n ** BigInt(length) - 1n;
    const grid = map.grid?.start.length === length ? map.grid : null;
    const lowest = BigInt(held[0]?.first ?? '0');
    const start = grid && BigInt(grid.start) < lowest ? BigInt(grid.start) : lowest;
    const highest = held.reduce((most, b) => (BigInt(b.last) > most ? BigInt(b.last) : most), 0n);
    const beyond = highest + BigInt(grid?.size ?? 0);
    const end = beyond > top ? top : beyond;
    const total = Number(end - start + 1n);
    const cells: Cell[] = [];
    const add = (a: bigint, b: bigint, customer: string) => {
      if (b >= a) cells.push({ first: text(a), last: text(b), customer, share: Number(b - a + 1n) / total });
    };
    let at = start;
    for (const b of held) {
      add(at, BigInt(b.first) - 1n, '');
      add(BigInt(b.first), BigInt(b.last), b.customer);
      at = BigInt(b.last) + 1n;
    }
    add(at, end, '');
    return { length, first: text(start), last: text(end), cells };
  });
}

// onlyBlock says whether a customer has no other one. Without any its phones may use what
// is in nobody's block (collector/table/stray.go).
export function onlyBlock(map: Blocks, block: Blocks['blocks'][number]): boolean {
  return map.blocks.every((b) => b.customer !== block.customer || b.first === block.first);
}
