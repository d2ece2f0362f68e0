import { useQuery } from '@tanstack/react-query';
import { api } from '../../api/client';
import type { NodeRow, Page } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { scopeText, type ScopeKind } from '../../lib/alerts';
import { useParties } from '../../lib/parties';

interface Choice { value: string; label: string }

// useScopes lists whom a rule can be about: all, each, or one by its id. What the rule has
// now is among them, also when it is gone.
export function useScopes(kinds: ScopeKind[], now: string): { group: string; items: Choice[] }[] {
  const t = useT();
  const parties = useParties();
  const { data } = useQuery({ queryKey: ['nodes', 'ids'], queryFn: ({ signal }) => api.get<Page<NodeRow>>('/nodes', {}, signal), staleTime: 60_000 });
  const ids = { total: [], customer: parties.customers, carrier: parties.carriers, node: (data?.items ?? []).map((n) => n.id) };
  const groups = [
    { group: t('all'), items: kinds.map((kind) => ({ value: kind as string, label: scopeText(t, kind) })) },
    ...kinds.filter((kind) => kind !== 'total').map((kind) => ({
      group: t(kind === 'customer' ? 'customers' : kind === 'carrier' ? 'carriers' : 'nav.nodes'),
      items: ids[kind].map((id) => ({ value: `${kind}:${id}`, label: id })),
    })),
  ].filter((g) => g.items.length > 0);
  if (!groups.some((g) => g.items.some((i) => i.value === now))) groups[0]?.items.push({ value: now, label: scopeText(t, now) });
  return groups;
}
