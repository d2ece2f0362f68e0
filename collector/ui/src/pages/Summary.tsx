import { Button, Menu, Tabs } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useMemo, useState } from 'react';
import type { SummaryTab } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { replaceQuery, useRoute } from '../lib/route';
import { copyText, csv, download } from '../lib/save';
import { Note, PageHead, Trouble, Waiting } from '../parts/common';
import { problemOf, problemText } from '../parts/forms';
import { Icon } from '../parts/Icon';
import { PartyPicker } from '../parts/PartyPicker';
import { columnsOf, fields, sheet } from './summary/columns';
import { Grid, type Act, type Part } from './summary/Grid';
import { loadSummaries } from './summary/load';
import { StatusLine } from './summary/StatusLine';

const tabs: SummaryTab[] = ['live', 'daily', 'monthly'];
const none: Part = { rows: [], columns: [] };

// refreshIn waits for the hour to close, and a little for the nodes' marks.
function refreshIn(next: number | undefined): number {
  return Math.min(300_000, Math.max(15_000, (next ?? 0) + 20_000 - Date.now()));
}

export default function Summary() {
  const t = useT();
  const { format, notify } = useApp();
  const { query } = useRoute();
  const tab = tabs.find((x) => x === query.get('tab')) ?? 'live';
  const by = query.get('by') ?? 'total';
  const [part, setPart] = useState<Part>(none);
  const columns = useMemo(() => columnsOf(tab, by === 'customer' || by === 'carrier', t, format), [by, format, t, tab]);
  const { data, error, refetch } = useQuery({
    queryKey: ['summaries', tab, by],
    queryFn: ({ signal }) => loadSummaries(tab, by, signal),
    refetchInterval: (q) => refreshIn(q.state.data?.next_unix_ms),
  });

  const act = (a: Act, chosen: Part) => {
    const some = chosen.rows.length > 0 ? chosen : { rows: data?.items ?? [], columns };
    const period = columns.slice(0, 1); // the heading of each row: it goes with the headers, and into files
    const what = a === 'copy' ? some : { rows: some.rows, columns: [...period, ...some.columns.filter((c) => c.kind !== 'period')] };
    const name = `sipward-summary-${tab}-${new Date().toISOString().slice(0, 10)}`;
    const done = async () => {
      switch (a) {
        case 'copy':
        case 'copy_headers':
          await copyText(fields(what.rows, what.columns, a === 'copy_headers', t));
          notify(t('summary.copied', { n: format.count(what.rows.length) }));
          break;
        case 'csv':
          download(`${name}.csv`, new Blob([csv(sheet(what.rows, what.columns, t))], { type: 'text/csv' }));
          break;
        case 'xlsx': {
          const { xlsx } = await import('../lib/xlsx');
          download(`${name}.xlsx`, await xlsx(sheet(what.rows, what.columns, t), t('nav.summary')));
        }
      }
    };
    done().catch((e: unknown) => notify(problemText(t, problemOf(e)), true));
  };

  return (
    <>
      <PageHead title={t('nav.summary')}>
        <Tabs value={tab} onChange={(x) => { setPart(none); replaceQuery('summary', { tab: x ?? 'live', by: by === 'total' ? undefined : by }); }}>
          <Tabs.List aria-label={t('nav.summary')}>{tabs.map((x) => <Tabs.Tab key={x} value={x}>{t(`summary.tab_${x}`)}</Tabs.Tab>)}</Tabs.List>
        </Tabs>
        <PartyPicker value={by} onChange={(x) => { setPart(none); replaceQuery('summary', { tab, by: x === 'total' ? undefined : x }); }} />
        <span className="grow" />
        <div className="row tight">
          <Button size="compact-sm" variant="default" leftSection={<Icon name="copy" size={14} />} onClick={() => act('copy', part)}>{t('copy')}</Button>
          <Button size="compact-sm" variant="default" onClick={() => act('copy_headers', part)}>{t('copy_headers')}</Button>
          <Menu>
            <Menu.Target><Button size="compact-sm" variant="default" leftSection={<Icon name="download" size={14} />}>{t('export')}</Button></Menu.Target>
            <Menu.Dropdown>
              <Menu.Item onClick={() => act('csv', part)}>CSV</Menu.Item>
              <Menu.Item onClick={() => act('xlsx', part)}>XLSX</Menu.Item>
            </Menu.Dropdown>
          </Menu>
        </div>
      </PageHead>
      <Note>{t('summary.billing')}</Note>
      <Trouble error={error} retry={() => void refetch()} />
      {data?.cut && <p className="warn">{t('summary.cut', { n: format.count(data.items.length) })}</p>}
      {data ? (
        <div className="card gridcard">
          <Grid rows={data.items} columns={columns} label={t('nav.summary')} onPart={setPart} onAct={act} />
          <StatusLine part={part} rows={data.items.length} />
        </div>
      ) : !error && <Waiting />}
    </>
  );
}
