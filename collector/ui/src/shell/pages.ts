import { createElement, lazy, useState, type ComponentType } from 'react';
import type { Me } from '../api/types';
import type { Key } from '../i18n/i18n';
import type { IconName } from '../parts/Icon';

export type Chunk = ComponentType & { preload(): Promise<unknown> };

// chunk is a page whose code comes when it is asked for. When that is here already it is
// drawn at once: Suspense would first show that it waits, and then for 300 ms at least.
export function chunk(load: () => Promise<{ default: ComponentType }>): Chunk {
  let here: ComponentType | null = null;
  const preload = () => load().then((m) => {
    here = m.default;
    return m;
  });
  const Later = lazy(preload);
  const Page = () => {
    const [page] = useState<ComponentType>(() => here ?? Later);
    return createElement(page);
  };
  return Object.assign(Page, { preload });
}

export interface PageDef {
  path: string;
  label: Key;
  icon: IconName;
  key: string; // after g
  who: 'all' | 'staff' | 'operator'; // staff: operator and viewer
  group: Key;
  page: Chunk;
}

// Every page is a chunk of its own: charts and tables come when they are asked for.
export const pages: PageDef[] = [
  { path: 'graphs', label: 'nav.graphs', icon: 'graphs', key: 'g', who: 'all', group: 'nav.traffic', page: chunk(() => import('../pages/Graphs')) },
  { path: 'summary', label: 'nav.summary', icon: 'summary', key: 's', who: 'all', group: 'nav.traffic', page: chunk(() => import('../pages/Summary')) },
  { path: 'calls', label: 'nav.calls', icon: 'calls', key: 'c', who: 'all', group: 'nav.traffic', page: chunk(() => import('../pages/Calls')) },
  { path: 'parties', label: 'nav.parties', icon: 'parties', key: 'p', who: 'staff', group: 'nav.manage', page: chunk(() => import('../pages/Parties')) },
  { path: 'blocks', label: 'nav.blocks', icon: 'blocks', key: 'b', who: 'all', group: 'nav.manage', page: chunk(() => import('../pages/Blocks')) },
  { path: 'registrations', label: 'nav.registrations', icon: 'registrations', key: 'r', who: 'all', group: 'nav.manage', page: chunk(() => import('../pages/Registrations')) },
  { path: 'nodes', label: 'nav.nodes', icon: 'nodes', key: 'n', who: 'staff', group: 'nav.system', page: chunk(() => import('../pages/Nodes')) },
  { path: 'alerts', label: 'nav.alerts', icon: 'alerts', key: 'a', who: 'staff', group: 'nav.system', page: chunk(() => import('../pages/Alerts')) },
  { path: 'accounts', label: 'nav.accounts', icon: 'accounts', key: 'u', who: 'operator', group: 'nav.system', page: chunk(() => import('../pages/Accounts')) },
  { path: 'audit', label: 'nav.audit', icon: 'audit', key: 'l', who: 'operator', group: 'nav.system', page: chunk(() => import('../pages/Audit')) },
];

export function pagesFor(me: Me): PageDef[] {
  return pages.filter((p) => p.who === 'all' || me.role === 'operator' || (p.who === 'staff' && me.role === 'viewer'));
}

export const accountPage = chunk(() => import('../pages/Account'));

// preload fetches the code of the page that will be shown first. If it fails, the page itself
// says so.
export function preload(path: string | undefined): Promise<unknown> {
  const page = path === 'account' ? accountPage : (pages.find((p) => p.path === path) ?? pages[0])?.page;
  return Promise.resolve(page?.preload()).catch(() => undefined);
}
