import type { CallFilter } from '../../api/types';

// What is searched for is kept in the page's address, so that it can be sent to
// somebody, and the summary can link to the calls of a row.
export function readFilter(q: URLSearchParams): CallFilter {
  const text = (name: string) => q.get(name) || undefined;
  const ms = (name: string) => {
    const n = Number(q.get(name));
    return Number.isSafeInteger(n) && n > 0 ? n : undefined;
  };
  const kind = q.get('kind');
  const answered = q.get('answered');
  const all: Record<keyof CallFilter, unknown> = {
    from: ms('from'), to: ms('to'), kind: kind === 'call' || kind === 'carrier_leg' ? kind : undefined, customer: text('customer'), carrier: text('carrier'),
    node: text('node'), number: text('number'), call_id: text('call_id'), answered: answered === 'true' ? true : answered === 'false' ? false : undefined,
  };
  return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined)) as CallFilter;
}

export function writeFilter(list: string, f: CallFilter): Record<string, string | number | undefined> {
  const { answered, ...rest } = f;
  return { list: list === 'calls' ? undefined : list, ...rest, answered: answered === undefined ? undefined : String(answered) };
}
