import { api } from '../../api/client';
import type { Summaries, SummaryTab } from '../../api/types';

const pageRows = 1000;
const mostRows = 20_000;

export interface Loaded extends Summaries {
  cut: boolean; // there are more rows than a page can be asked to show
}

// loadSummaries asks for page after page: sums and averages are over what one sees,
// so all of it must be here.
export async function loadSummaries(tab: SummaryTab, by: string, signal: AbortSignal): Promise<Loaded> {
  const out: Loaded = { items: [], made_unix_ms: 0, next_unix_ms: 0, cut: false };
  let after: string | undefined;
  do {
    const page: Summaries = await api.get<Summaries>('/summaries', { tab, by, after, limit: pageRows }, signal);
    out.items.push(...page.items);
    out.made_unix_ms = page.made_unix_ms;
    out.next_unix_ms = page.next_unix_ms;
    after = page.next;
  } while (after && out.items.length < mostRows);
  out.cut = after !== undefined;
  return out;
}
