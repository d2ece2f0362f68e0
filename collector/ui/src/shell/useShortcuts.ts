import { useEffect, useRef } from 'react';
import { go, href } from '../lib/route';
import type { PageDef } from './pages';

const chordMs = 1500;

// typing says whether a key belongs to a field, or to a table that moves by keys.
export function typing(target: EventTarget | null): boolean {
  if (!(target instanceof HTMLElement)) return false;
  return target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName);
}

// useShortcuts: single keys, and g followed by a page's key. Keys with Ctrl, Alt
// or Meta are the browser's.
export function useShortcuts({ pages, on }: { pages: PageDef[]; on: Record<string, () => void> }): void {
  const kept = useRef({ pages, on });
  kept.current = { pages, on };
  useEffect(() => {
    let chordAt = -Infinity; // when g was pressed; events count from when the page was opened
    const press = (e: KeyboardEvent) => {
      if (e.ctrlKey || e.altKey || e.metaKey || e.defaultPrevented || typing(e.target)) return;
      if (document.querySelector('[role="dialog"][aria-modal="true"]')) return;
      if (e.timeStamp - chordAt < chordMs) {
        chordAt = -Infinity;
        const page = kept.current.pages.find((p) => p.key === e.key);
        if (page) {
          e.preventDefault();
          go(href(page.path));
        }
        return;
      }
      if (e.key === 'g') {
        chordAt = e.timeStamp;
        return;
      }
      if (e.key === '/') {
        const field = document.querySelector<HTMLElement>('[data-search]');
        if (field) {
          e.preventDefault();
          field.focus();
        }
        return;
      }
      const act = kept.current.on[e.key];
      if (act) {
        e.preventDefault();
        act();
      }
    };
    addEventListener('keydown', press);
    return () => removeEventListener('keydown', press);
  }, []);
}
