import { renderHook } from '@testing-library/react';
import { beforeEach, expect, it } from 'vitest';
import { pages } from '../src/shell/pages';
import { useShortcuts } from '../src/shell/useShortcuts';

// press is a key, so many milliseconds after the page was opened.
function press(key: string, at: number): void {
  const e = new KeyboardEvent('keydown', { key, bubbles: true });
  Object.defineProperty(e, 'timeStamp', { value: at });
  dispatchEvent(e);
}

let acted: string[];

beforeEach(() => {
  location.hash = '';
  acted = [];
  renderHook(() => useShortcuts({ pages, on: { b: () => acted.push('b') } }));
});

it('g and a letter lead to a page, from the first moment on', () => {
  press('g', 10);
  expect(location.hash).toBe('');
  press('c', 20);
  expect(location.hash).toBe('#/calls');
  press('g', 30);
  press('g', 40);
  expect(location.hash).toBe('#/graphs');
  expect(acted).toEqual([]);
});

it('a letter alone is no second one, however young the page is', () => {
  press('c', 10);
  expect(location.hash).toBe('');
  press('b', 20);
  expect(acted).toEqual(['b']);
});

it('a letter that comes late is one of its own', () => {
  press('g', 10);
  press('b', 1600);
  expect(location.hash).toBe('');
  expect(acted).toEqual(['b']);
});
