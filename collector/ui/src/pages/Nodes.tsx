import { useQuery } from '@tanstack/react-query';
import { api } from '../api/client';
import type { Loss, NodeDetail, NodeRow } from '../api/types';
import { useT } from '../i18n/i18n';
import { useApp } from '../lib/app';
import { href, useRoute } from '../lib/route';
import { PageHead, Trouble, Waiting } from '../parts/common';
import { Icon } from '../parts/Icon';
import { List, PagedList, usePages, type Col } from '../parts/List';

const skewWarnMs = 2000;
const spoolWarn = 0.5;

export default function Nodes() {
  const id = useRoute().path[1];
  return id ? <One id={id} /> : <All />;
}

function State({ n }: { n: NodeRow }) {
  const t = useT();
  if (n.state !== 'up') return <span className={`tag ${n.state === 'down' ? 'bad' : ''}`}>{t(`node.${n.state}`)}</span>;
  if (!n.ready) return <span className="tag warn">{t('node.not_ready')}</span>;
  if (n.suspect.length > 0) return <span className="tag warn">{t('node.suspect')}</span>;
  return <span className="tag ok">{t('node.up')}</span>;
}

function All() {
  const t = useT();
  const { format } = useApp();
  const pages = usePages<NodeRow>('/nodes', {}, 5_000);
  const used = (n: NodeRow) => (n.spool_budget_bytes > 0 ? n.spool_bytes / n.spool_budget_bytes : 0);
  const cols: Col<NodeRow>[] = [
    { title: t('node'), cell: (n) => <a href={href(`nodes/${encodeURIComponent(n.id)}`)}>{n.id}</a> },
    { title: t('node.state'), cell: (n) => <><State n={n} /> <span className="dim small">{[...n.not_ready, ...n.suspect].join(', ')}</span></> },
    { title: t('channels.title'), right: true, cell: (n) => (n.live_age_ms === null ? '' : format.count(n.setup + n.answered)) },
    { title: t('channels.cps'), right: true, cell: (n) => (n.live_age_ms === null ? '' : format.count(n.calls_per_second)) },
    { title: t('node.seen'), right: true, cell: (n) => (n.live_age_ms === null ? format.age(Date.now() - n.last_seen_unix_ms) : format.age(n.live_age_ms)) },
    { title: t('node.spool'), right: true, cell: (n) => <span className={used(n) > spoolWarn ? 'bad' : ''}>{format.bytes(n.spool_bytes)}</span> },
    { title: t('node.lag'), right: true, cell: (n) => (n.spool_records > 0 ? format.age(n.oldest_unacked_ms) : '') },
    { title: t('node.skew'), right: true, cell: (n) => (n.skew_ms === null ? '' : <span className={Math.abs(n.skew_ms) > skewWarnMs ? 'bad' : ''}>{format.milliseconds(n.skew_ms)}</span>) },
    { title: t('node.lost'), right: true, cell: (n) => <span className={n.lost > 0 ? 'bad' : ''}>{format.count(n.lost)}</span> },
    { title: t('node.late'), right: true, cell: (n) => <span className={n.late_hours > 0 ? 'bad' : ''}>{format.count(n.late_hours)}</span> },
    { title: t('node.bindings'), right: true, cell: (n) => (n.guard ? format.count(n.guard.bindings) : '') },
    { title: t('node.table'), right: true, cell: (n) => <span className={n.table_error ? 'bad' : ''} title={n.table_error}>{n.table_version || ''}</span> },
    { title: t('node.version'), cell: (n) => <span className="dim nowrap">{n.version} {n.mode}</span> },
  ];
  return (
    <>
      <PageHead title={t('nav.nodes')} />
      <PagedList pages={pages} cols={cols} id={(n) => n.id} label={t('nav.nodes')} empty={t('node.nothing')} />
    </>
  );
}

function One({ id }: { id: string }) {
  const t = useT();
  const { format } = useApp();
  const node = useQuery({ queryKey: ['node', id], queryFn: ({ signal }) => api.get<NodeDetail>(`/nodes/${encodeURIComponent(id)}`, {}, signal), refetchInterval: 5_000 });
  const n = node.data;
  const losses: Col<Loss>[] = [
    { title: t('calls.time'), cell: (l) => <span className="num">{format.time(l.at_unix_ms)}</span> },
    { title: t('node.stream'), cell: (l) => l.stream },
    { title: t('node.records'), right: true, cell: (l) => format.count(l.count) },
    { title: t('registrations.reason'), cell: (l) => l.reason },
  ];
  return (
    <>
      <PageHead title={id}>
        {n && <State n={n} />}
        <a href={href('nodes')} className="row tight"><Icon name="back" size={15} />{t('nav.nodes')}</a>
      </PageHead>
      <Trouble error={node.error} retry={() => void node.refetch()} />
      {node.isPending && !node.error && <Waiting />}
      {n && (
        <div className="stack">
          <div className="columns">
            <dl className="card pad facts num">
              <dt>{t('node.version')}</dt><dd>{n.version} {n.mode}</dd>
              <dt>{t('node.started')}</dt><dd>{n.started_unix_ms > 0 ? format.time(n.started_unix_ms) : ''}</dd>
              <dt>{t('node.seen')}</dt><dd>{format.time(n.last_seen_unix_ms)}</dd>
              <dt>{t('node.skew')}</dt><dd>{n.skew_ms === null ? '' : format.milliseconds(n.skew_ms)}</dd>
              <dt>{t('node.not_ready')}</dt><dd>{n.not_ready.join(', ') || t('no')}</dd>
              <dt>{t('node.suspect')}</dt><dd>{n.suspect.join(', ') || t('no')}</dd>
              {n.duplicate_unix_ms > 0 && <><dt>{t('node.duplicate')}</dt><dd className="bad">{format.time(n.duplicate_unix_ms)}</dd></>}
            </dl>
            <dl className="card pad facts num">
              <dt>{t('node.spool')}</dt><dd>{format.bytes(n.spool_bytes)} / {format.bytes(n.spool_budget_bytes)}</dd>
              <dt>{t('node.records')}</dt><dd>{format.count(n.spool_records)}</dd>
              <dt>{t('node.lag')}</dt><dd>{n.spool_records > 0 ? format.age(n.oldest_unacked_ms) : ''}</dd>
              <dt>{t('node.lost')}</dt><dd className={n.lost > 0 ? 'bad' : ''}>{format.count(n.lost)}</dd>
              <dt>{t('node.late')}</dt><dd className={n.late_hours > 0 ? 'bad' : ''}>{format.count(n.late_hours)}</dd>
            </dl>
            {n.guard && (
              <dl className="card pad facts num">
                <dt>{t('node.guard')}</dt><dd>{n.guard.mode}</dd>
                <dt>{t('node.bindings')}</dt><dd>{format.count(n.guard.bindings)}</dd>
                <dt>{t('registrations.stray')}</dt><dd className={n.guard.strays > 0 ? 'warn' : ''}>{format.count(n.guard.strays)}</dd>
                <dt>{t('registrations.refusals')}</dt><dd>{format.count(n.guard.refused)}</dd>
                <dt>{t('node.banned')}</dt><dd>{format.count(n.guard.banned)}</dd>
                <dt>{t('node.table')}</dt><dd className={n.table_error ? 'bad' : ''}>{n.table_version} {n.table_error}</dd>
              </dl>
            )}
          </div>
          <h2>{t('node.ledger')}</h2>
          <List cols={losses} rows={n.losses} id={(l) => `${l.at_unix_ms} ${l.stream} ${l.reason} ${l.count}`} label={t('node.ledger')} empty={t('node.no_losses')} />
        </div>
      )}
    </>
  );
}
