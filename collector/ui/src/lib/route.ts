import { useSyncExternalStore } from 'react';

// Pages are named in the fragment: the one-time set-up link has its token there,
// where no server and no log sees it, and links need no rewriting server.
export interface Route {
  path: string[]; // "/calls/abc" is ["calls", "abc"]
  query: URLSearchParams;
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#\/?/, '');
  const at = text.indexOf('?');
  const path = at < 0 ? text : text.slice(0, at);
  const parts = path.split('/').filter(Boolean);
  return { path: parts.map(decode), query: new URLSearchParams(at < 0 ? '' : text.slice(at + 1)) };
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part; // a broken escape in a link that somebody cut
  }
}

export function href(path: string, query: Record<string, string | number | undefined> = {}): string {
  const q = new URLSearchParams();
  for (const [k, v] of Object.entries(query)) if (v !== undefined && v !== '') q.set(k, String(v));
  const tail = q.toString();
  return `#/${path}${tail ? `?${tail}` : ''}`;
}

export function go(to: string): void {
  location.hash = to;
}

// replaceQuery keeps what a page shows in its address, without a step in the
// history for each change.
export function replaceQuery(path: string, query: Record<string, string | number | undefined>): void {
  history.replaceState(null, '', href(path, query));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

let seen = '';
let route: Route = { path: [], query: new URLSearchParams() };

function snapshot(): Route {
  if (location.hash !== seen) {
    seen = location.hash;
    route = parseRoute(seen);
  }
  return route;
}

function subscribe(tell: () => void): () => void {
  addEventListener('hashchange', tell);
  return () => removeEventListener('hashchange', tell);
}

export function useRoute(): Route {
  return useSyncExternalStore(subscribe, snapshot);
}
