import { Button } from '@mantine/core';
import { useInfiniteQuery, type UseInfiniteQueryResult, type InfiniteData } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../api/client';
import type { Page } from '../api/types';
import { useT } from '../i18n/i18n';
import { Trouble, Waiting } from './common';

export interface Col<T> {
  title: string;
  cell: (row: T) => ReactNode;
  right?: boolean;
}

export type Pages<T> = UseInfiniteQueryResult<InfiniteData<Page<T>>>;

// usePages asks for a list page by page.
export function usePages<T>(path: string, query: object, everyMs?: number): Pages<T> {
  return useInfiniteQuery({
    queryKey: ['list', path, query],
    queryFn: ({ pageParam, signal }) => api.get<Page<T>>(path, { ...query, after: pageParam }, signal),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
    ...(everyMs ? { refetchInterval: everyMs } : {}),
  });
}

interface Props<T> {
  cols: Col<T>[];
  rows: T[];
  id: (row: T) => string;
  label: string;
  empty: string;
  more?: { has: boolean; busy: boolean; load: () => void };
}

export function List<T>({ cols, rows, id, label, empty, more }: Props<T>) {
  const t = useT();
  if (rows.length === 0) return <div className="card empty">{empty}</div>;
  return (
    <div className="card">
      <div className="listwrap" tabIndex={0} role="region" aria-label={label}>
        <table className="list">
          <thead><tr>{cols.map((c) => <th key={c.title} className={c.right ? 'right' : ''} scope="col">{c.title}</th>)}</tr></thead>
          <tbody>
            {rows.map((row) => (
              <tr key={id(row)}>{cols.map((c) => <td key={c.title} className={c.right ? 'right' : ''}>{c.cell(row)}</td>)}</tr>
            ))}
          </tbody>
        </table>
        {more?.has && <div className="empty"><Button variant="default" loading={more.busy} onClick={more.load}>{t('more')}</Button></div>}
      </div>
    </div>
  );
}

// PagedList is a list with its waiting, its trouble and its next pages.
export function PagedList<T>({ pages, ...rest }: Omit<Props<T>, 'rows' | 'more'> & { pages: Pages<T> }) {
  const rows = pages.data?.pages.flatMap((p) => p.items) ?? [];
  return (
    <>
      <Trouble error={pages.error} retry={() => void pages.refetch()} />
      {pages.isPending ? <Waiting /> : pages.data && (
        <List {...rest} rows={rows} more={{ has: pages.hasNextPage, busy: pages.isFetchingNextPage, load: () => void pages.fetchNextPage() }} />
      )}
    </>
  );
}
