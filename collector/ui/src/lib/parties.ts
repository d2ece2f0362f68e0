import { useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import type { Parties } from '../api/types';
import { useApp } from './app';

// useParties lists who there is to choose from, with those whose address nobody
// knows.
export function useParties(): { customers: string[]; carriers: string[] } {
  const { all } = useApp();
  const { data } = useQuery({ queryKey: ['parties'], queryFn: ({ signal }) => api.get<Parties>('/parties', {}, signal), enabled: all, staleTime: 60_000 });
  const ids = (list: { id: string }[] | undefined) => [...(list ?? []).map((x) => x.id), 'unknown'];
  return { customers: ids(data?.customers), carriers: ids(data?.carriers) };
}
