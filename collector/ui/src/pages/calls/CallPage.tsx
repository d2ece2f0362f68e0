import { useQuery } from '@tanstack/react-query';
import type { ReactNode } from 'react';
import { api } from '../../api/client';
import type { CallAttempt, CallDetail, MediaSide } from '../../api/types';
import { useT } from '../../i18n/i18n';
import { useApp } from '../../lib/app';
import { href } from '../../lib/route';
import { PageHead, Trouble, Waiting } from '../../parts/common';
import { Icon } from '../../parts/Icon';
import { List, type Col } from '../../parts/List';
import { Result } from './Result';

export function CallPage({ id }: { id: string }) {
  const t = useT();
  const call = useQuery({ queryKey: ['call', id], queryFn: ({ signal }) => api.get<CallDetail>(`/calls/${encodeURIComponent(id)}`, {}, signal), staleTime: Infinity });
  return (
    <>
      <PageHead title={t('calls.one')}>
        <a href={href('calls')} className="row tight" onClick={(e) => { if (history.length > 1) { e.preventDefault(); history.back(); } }}><Icon name="back" size={15} />{t('back')}</a>
      </PageHead>
      <Trouble error={call.error} retry={() => void call.refetch()} />
      {call.isPending && !call.error && <Waiting />}
      {call.data && <Detail c={call.data} />}
    </>
  );
}

// Facts leaves out what is not known.
function Facts({ rows }: { rows: [string, ReactNode][] }) {
  return (
    <dl className="facts num">
      {rows.filter(([, v]) => v !== '' && v !== null && v !== false && v !== 0).map(([k, v]) => [<dt key={`k${k}`}>{k}</dt>, <dd key={`v${k}`}>{v}</dd>])}
    </dl>
  );
}

function Detail({ c }: { c: CallDetail }) {
  const t = useT();
  const { all, format } = useApp();
  const time = (ms: number) => (ms > 0 ? format.time(ms) : '');
  const address = (user: string, host: string) => <span className="break">{host ? `${user}@${host}` : user}</span>;
  const cols: (Col<CallAttempt> | false)[] = [
    { title: t('calls.time'), cell: (a) => <span className="nowrap">{time(a.invited_unix_ms)}</span> },
    all && { title: t('carrier'), cell: (a) => a.carrier },
    { title: t('calls.called'), cell: (a) => a.called },
    { title: t('calls.result'), cell: (a) => <Result status={a.status} release={a.release} answered={a.answered_unix_ms > 0} /> },
    { title: t('summary.pdd'), right: true, cell: (a) => format.milliseconds(a.pdd_ms) },
    { title: t('summary.duration'), right: true, cell: (a) => (a.answered_unix_ms > 0 ? format.span(a.duration_ms) : '') },
    all && { title: t('calls.path'), cell: (a) => <span className="mono nowrap">{a.src} → {a.dst}</span> },
  ];
  return (
    <div className="stack">
      <div className="columns">
        <section className="card pad stack">
          <h2>{t('calls.parties')}</h2>
          <Facts rows={[
            [t('calls.caller'), address(c.caller, c.caller_host)], [t('calls.called'), address(c.called, c.called_host)], [t('calls.to'), c.to !== c.called && c.to],
            [t('customer'), c.customer], [t('carrier'), c.carrier], [t('calls.direction'), c.direction], [t('node'), c.node],
            [t('calls.path'), c.src && <span className="mono">{c.src} → {c.dst} {c.transport}</span>], ['User-Agent', c.user_agent],
            ['Call-ID', <span key="id" className="mono break">{c.call_id}</span>],
          ]} />
        </section>
        <section className="card pad stack">
          <h2>{t('calls.course')}</h2>
          <Facts rows={[
            [t('calls.result'), <Result key="r" status={c.status} release={c.release} answered={c.answered} />], [t('calls.reason'), c.sip_reason], ['Q.850', c.q850_cause], [t('calls.released_by'), c.released_by],
            [t('calls.invited'), time(c.invited_unix_ms)], [t('calls.ringing'), time(c.ringing_unix_ms)], [t('calls.answered'), time(c.answered_unix_ms)], [t('calls.ended'), time(c.ended_unix_ms)],
            [t('calls.counted'), time(c.counted_unix_ms)],
            [t('summary.pdd'), format.milliseconds(c.pdd_ms)], [t('summary.duration'), c.answered && format.span(c.duration_ms)],
            ['re-INVITE', c.reinvites], [t('calls.midcall'), c.midcall && t('yes')],
          ]} />
        </section>
        <section className="card pad stack">
          <h2>{t('calls.media')}</h2>
          <Facts rows={[[t('calls.class'), c.media_class], [t('calls.codec'), c.codec], ['SRTP', c.encrypted && t('yes')]]} />
          {c.from_caller && <Side title={t('calls.from_caller')} s={c.from_caller} />}
          {c.from_callee && <Side title={t('calls.from_callee')} s={c.from_callee} />}
        </section>
      </div>
      <h2>{t('calls.attempts')}</h2>
      <List cols={cols.filter((x) => x !== false)} rows={c.attempts} id={(a) => `${a.invited_unix_ms} ${a.dst} ${a.carrier} ${a.called}`} label={t('calls.attempts')} empty={t('calls.no_attempts')} />
    </div>
  );
}

function Side({ title, s }: { title: string; s: MediaSide }) {
  const t = useT();
  const { format } = useApp();
  const sent = s.rtp_packets + s.rtp_lost;
  return (
    <div>
      <b>{title}</b>
      <Facts rows={[
        [t('calls.codec'), s.codec], [t('calls.packets'), format.count(s.rtp_packets)],
        [t('calls.lost'), sent > 0 && `${format.count(s.rtp_lost)} (${format.share(s.rtp_lost / sent)})`],
        [t('calls.jitter'), `${format.decimal(s.jitter_ms, 1)} ms`], ['MOS', s.mos !== null && format.decimal(s.mos, 2)],
        [t('calls.digits'), `${format.count(s.dtmf_count)}${s.dtmf ? ` (${s.dtmf})` : ''}`], ['SIP INFO', s.dtmf_info_count],
      ]} />
    </div>
  );
}
