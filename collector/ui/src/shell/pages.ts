import { lazy, type ComponentType, type LazyExoticComponent } from 'react';
import type { Me } from '../api/types';
import type { Key } from '../i18n/i18n';
import type { IconName } from '../parts/Icon';

export interface PageDef {
  path: string;
  label: Key;
  icon: IconName;
  key: string; // after g
  who: 'all' | 'staff' | 'operator'; // staff: operator and viewer
  group: Key;
  page: LazyExoticComponent<ComponentType>;
}

// Every page is a chunk of its own: charts and tables come when they are asked for.
export const pages: PageDef[] = [
  { path: 'graphs', label: 'nav.graphs', icon: 'graphs', key: 'g', who: 'all', group: 'nav.traffic', page: lazy(() => import('../pages/Graphs')) },
  { path: 'summary', label: 'nav.summary', icon: 'summary', key: 's', who: 'all', group: 'nav.traffic', page: lazy(() => import('../pages/Summary')) },
  { path: 'calls', label: 'nav.calls', icon: 'calls', key: 'c', who: 'all', group: 'nav.traffic', page: lazy(() => import('../pages/Calls')) },
  { path: 'parties', label: 'nav.parties', icon: 'parties', key: 'p', who: 'staff', group: 'nav.manage', page: lazy(() => import('../pages/Parties')) },
  { path: 'blocks', label: 'nav.blocks', icon: 'blocks', key: 'b', who: 'staff', group: 'nav.manage', page: lazy(() => import('../pages/Blocks')) },
  { path: 'registrations', label: 'nav.registrations', icon: 'registrations', key: 'r', who: 'staff', group: 'nav.manage', page: lazy(() => import('../pages/Registrations')) },
  { path: 'nodes', label: 'nav.nodes', icon: 'nodes', key: 'n', who: 'staff', group: 'nav.system', page: lazy(() => import('../pages/Nodes')) },
  { path: 'alerts', label: 'nav.alerts', icon: 'alerts', key: 'a', who: 'staff', group: 'nav.system', page: lazy(() => import('../pages/Alerts')) },
  { path: 'accounts', label: 'nav.accounts', icon: 'accounts', key: 'u', who: 'operator', group: 'nav.system', page: lazy(() => import('../pages/Accounts')) },
  { path: 'audit', label: 'nav.audit', icon: 'audit', key: 'l', who: 'operator', group: 'nav.system', page: lazy(() => import('../pages/Audit')) },
];

export function pagesFor(me: Me): PageDef[] {
  return pages.filter((p) => p.who === 'all' || me.role === 'operator' || (p.who === 'staff' && me.role === 'viewer'));
}

export const accountPage = lazy(() => import('../pages/Account'));
