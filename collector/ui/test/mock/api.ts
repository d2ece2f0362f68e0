// Answers of the API as the contract has them, for tests of the pages and for
// looking at them: nothing of this is in the product.
import type * as api from '../../src/api/types';

export interface Answer {
  status: number;
  body?: unknown;
}

const ratio = (num: number, den: number): api.Ratio => ({ num, den, value: den === 0 ? null : num / den });
export const now = Date.UTC(2026, 10, 23, 14, 25, 0);

// noise is the same for the same place, so that pictures can be compared.
const noise = (n: number) => {
  const x = Math.sin(n * 12.9898) * 43_758.5453;
  return x - Math.floor(x);
};
const busy = (s: number) => 0.25 + 0.75 * Math.max(0, Math.sin(((s % 86_400) / 86_400 - 0.25) * 2 * Math.PI));

export const customers = ['acme', 'globex'];
export const carriers = ['north', 'south'];

export const me: api.Me = {
  id: 'a1', email: 'ops@example.net', role: 'operator', customer: '', name: 'Ada Ops', phone: '+49 30 1234', mobile: '', department: 'Voice',
  language: 'en', time_zone: 'Europe/Berlin', totp: false, recovery_left: 0,
  balance: { amount: '1284.50', currency: 'EUR', at_unix_ms: now - 3_600_000, payment_url: 'https://billing.example.net/pay' },
};

export const checklist: api.Checklist = {
  items: [
    { id: 'first_node', done: true, missing: 0 }, { id: 'customers', done: true, missing: 0 }, { id: 'carriers', done: true, missing: 0 },
    { id: 'blocks', done: false, missing: 1 }, { id: 'two_factor', done: false, missing: 2 }, { id: 'email', done: false, missing: 0 },
  ],
  alerts: [],
  open: 3,
};

export function live(at: number): api.Live {
  const wave = Math.sin(at / 9_000);
  const answered = Math.round(142 + 12 * wave);
  return {
    time_unix_ms: at, setup: Math.round(9 + 4 * wave), answered, configured: 400, calls_per_second: 4.2 + wave, nodes_up: 2, nodes: 2, open: 3,
    parties: [
      { kind: 'customer', id: 'acme', setup: 6, answered: answered - 40, channels: 300 }, { kind: 'customer', id: 'globex', setup: 3, answered: 40, channels: 100 },
      { kind: 'carrier', id: 'north', setup: 5, answered: answered - 60, channels: 200 }, { kind: 'carrier', id: 'south', setup: 4, answered: 60, channels: null },
    ],
  };
}

export function series(q: URLSearchParams): api.Series {
  const figure = (q.get('figure') ?? 'asr') as api.Figure;
  const by = q.get('by') ?? 'total';
  const from = Number(q.get('from'));
  const to = Number(q.get('to'));
  const step = Number(q.get('step'));
  const points = Math.max(0, Math.round((to - from) / step));
  const ids = by === 'customer' ? customers : by === 'carrier' ? carriers : [by.split(':')[1] ?? ''];
  const kind = by.split(':')[0] as api.PartyKind;
  const lines = ids.map((party, k): api.Line => {
    const line: api.Line = { kind, party, limit: figure === 'channels' ? 400 / (k + 1) : null, num: [], ...(figure === 'channels' ? { answered: [] } : { den: [] }) };
    for (let i = 0; i < points; i++) {
      const s = from + i * step;
      const gap = i > points * 0.55 && i < points * 0.6;
      const calls = Math.round(busy(s) * step * (0.8 + 0.4 * noise(s + k * 7)) * (k === 0 ? 1 : 0.5));
      if (gap) {
        line.num.push(null);
        line.den?.push(null);
        line.answered?.push(null);
      } else if (figure === 'channels') {
        const used = Math.round(330 * busy(s) * (0.9 + 0.15 * noise(s + k)) / (k + 1));
        line.num.push(used);
        line.answered?.push(Math.round(used * 0.93));
      } else {
        const share = (figure === 'dtmf' ? 0.22 : 0.58) + 0.08 * noise(s / 7 + k) - 0.1 * k;
        line.den?.push(calls);
        line.num.push(Math.round(calls * (figure === 'acd' ? 95 + 60 * noise(s / 3 + k) : share)));
      }
    }
    return line;
  });
  return { figure, from_unix_s: from, step_s: step, points, pending: [{ from_unix_s: to - Math.round((to - from) * 0.04), to_unix_s: to, nodes: ['edge-2'] }], more: 0, lines };
}

export function summaryRow(from: number, to: number, party: string, kind: api.PartyKind, i: number): api.SummaryRow {
  const attempts = i === 4 ? 0 : Math.round(900 * busy(from) * (0.8 + 0.4 * noise(from + i)) * ((to - from) / 3600));
  const outcomes = Math.round(attempts * 0.99);
  const connected = Math.round(outcomes * (0.55 + 0.1 * noise(i)));
  const seconds = connected * Math.round(90 + 50 * noise(i + 3));
  return {
    from_unix_s: from, to_unix_s: to, kind, party, attempts, connected, asr: ratio(connected, outcomes), acd: ratio(seconds, connected), duration_ms: seconds * 1000,
    dtmf: ratio(Math.round(connected * 0.2), Math.round(connected * 0.9)), ner: ratio(Math.round(outcomes * 0.93), outcomes), pdd: ratio(outcomes * 1800, outcomes),
    completeness: i === 0 ? { state: 'open', hours: 2, complete: 0 } : i === 3 ? { state: 'late', hours: 2, complete: 1, late_since_unix_s: to } : { state: 'complete', hours: 2, complete: 2 },
  };
}

function summaries(q: URLSearchParams): api.Summaries {
  const tab = q.get('tab') ?? 'live';
  const by = q.get('by') ?? 'total';
  const kind = by.split(':')[0] as api.PartyKind;
  const ids = by === 'customer' ? customers : by === 'carrier' ? carriers : [by.split(':')[1] ?? ''];
  const length = tab === 'live' ? 3600 : tab === 'daily' ? 86_400 : 30 * 86_400;
  const count = tab === 'live' ? 24 : tab === 'daily' ? 400 : 12;
  const items: api.SummaryRow[] = [];
  for (let i = 0; i < count; i++) {
    const from = Math.floor(now / 1000 / length) * length - i * length;
    for (const id of ids) items.push(summaryRow(from, from + length, id, kind, i));
  }
  return { items, made_unix_ms: now, next_unix_ms: now + 1_800_000 };
}

const party = (id: string, k: number): api.Party => ({ id, channels: k === 0 ? 300 : 0, addresses: [`198.51.100.${k * 16}/28`], domains: k === 0 ? [`${id}.example.net`] : [] });
export const parties: api.Parties = {
  version: 7, made_unix_ms: now - 86_400_000, made_by: 'ops@example.net', staged: [], source: 'table',
  customers: customers.map((id, k) => ({ ...party(id, k), blocks: k === 0 ? [{ first: '1000', last: '1999' }, { first: '3000', last: '3999' }] : [{ first: '2000', last: '2499' }], non_numeric: '' as const, max_contacts: 0 })),
  carriers: carriers.map(party),
};

export function callRow(i: number): api.CallRow {
  const answered = noise(i) < 0.6;
  return {
    key: `edge-1.1f.${i}`, node: i % 3 ? 'edge-1' : 'edge-2', counted_unix_ms: now - i * 41_000, invited_unix_ms: now - i * 41_000 - 90_000, kind: 'call', customer: customers[i % 2] ?? '', carrier: carriers[i % 2] ?? '',
    direction: i % 5 ? 'outbound' : 'inbound', caller: `10${String(i % 100).padStart(2, '0')}`, called: `+4930${1_000_000 + i * 7919}`, call_id: `c${i}@198.51.100.1`, status: answered ? 200 : i % 2 ? 486 : 503,
    release: answered ? 'bye' : 'rejected', answered, midcall: false, duration_ms: answered ? Math.round(noise(i + 9) * 300_000) : 0, pdd_ms: answered ? 900 + i : null, media_class: answered ? 'both' : '', digits: answered && i % 4 === 0 ? 6 : 0,
  };
}

export const registrations: api.Registration[] = Array.from({ length: 30 }, (_, i) => ({
  key: `r${i}`, node: 'edge-1', at_unix_ms: now - i * 60_000, verdict: 'refused', reason: i % 2 ? 'foreign_block' : 'outside_blocks', mode: 'nfqueue', customer: 'globex', number: String(1000 + i), domain: 'globex.example.net',
  src: '198.51.100.20:5060', transport: 'udp', user_agent: 'Phone 1.0', username: String(1000 + i), block: '1000-1999', holder: 'acme', repeated: i,
}));

export const nodes: api.NodeRow[] = ['edge-1', 'edge-2'].map((id, i) => ({
  id, state: i === 0 ? 'up' : 'down', ready: i === 0, not_ready: i === 0 ? [] : ['uplink'], suspect: i === 0 ? [] : ['drops'], version: 'v1.0.0', mode: 'ebpf', started_unix_ms: now - 86_400_000, last_seen_unix_ms: now - 1000 - i * 900_000,
  live_age_ms: i === 0 ? 400 : null, setup: 9, answered: 142, calls_per_second: 4, skew_ms: 3 + i * 2500, spool_bytes: 1_200_000 * (1 + i * 400), spool_budget_bytes: 2 ** 30, spool_records: 120, oldest_unacked_ms: 900, lost: i * 40, late_hours: i, table_version: 7 - i, table_error: '',
  guard: { mode: 'nfqueue', bindings: 412, strays: i, refused: 1204, banned: 2 }, flaps: 0, duplicate_unix_ms: 0,
}));

const event: api.AlertEvent = {
  id: 'e1', rule: 'r1', name: 'ASR of north', text: 'ASR of north is 31 %, below 40 %', area: 'asr', level: 'warning', scope: 'carrier:north', value: 31, num: 31, den: 100, operator: 'below', threshold: 40, since_unix_ms: now - 600_000, ended_unix_ms: 0, acked_by: '', acked_unix_ms: 0,
};
const rule: api.AlertRule = {
  id: 'r1', name: 'ASR of north', enabled: true, area: 'asr', by: 'carrier:north', operator: 'below', threshold: 40, reset: 45, min_sample: 20, period_s: 900, repeat_s: 3600, level: 'warning', email: ['noc@example.net'], webhook: '', firing: 1,
};
const account: api.Account = { id: 'a1', email: me.email, name: me.name, role: 'operator', customer: '', totp: false, disabled: false, locked_until_unix_ms: 0, last_login_unix_ms: now - 7_200_000 };

export interface World {
  session: api.Session['state'];
  me: api.Me;
}

// answer answers one request; undefined: there is no such path.
export function answer(world: World, method: string, path: string, q: URLSearchParams, body: unknown): Answer | undefined {
  const ok = (b: unknown): Answer => ({ status: 200, body: b });
  const session = () => ok({ state: world.session, password_min: 10, csrf: 'token', ...(world.session === 'in' ? { me: world.me } : {}) } satisfies api.Session);
  switch (`${method} ${path}`) {
    case 'GET /session': return session();
    case 'POST /session': {
      if ((body as api.Login).password !== 'correct horse') return { status: 401, body: { type: '/api/v1/openapi.yaml#bad-credentials', title: 'Unauthorized', status: 401 } satisfies api.Problem };
      world.session = 'in';
      return session();
    }
    case 'DELETE /session': world.session = 'none'; return { status: 204 };
    case 'GET /me': return ok(world.me);
    case 'PATCH /me': world.me = { ...world.me, ...(body as api.MePatch) }; return ok(world.me);
    case 'POST /me/totp': return ok({ secret: 'JBSWY3DPEHPK3PXP', uri: 'otpauth://totp/Sipward:ops@example.net?secret=JBSWY3DPEHPK3PXP&issuer=Sipward' } satisfies api.TotpBegin);
    case 'PUT /me/totp':
      world.me = { ...world.me, totp: true, recovery_left: 10 };
      return ok({ codes: Array.from({ length: 10 }, (_, i) => `ABCDE-1234${i}`) } satisfies api.RecoveryCodes);
    case 'GET /company': return ok({ name: 'Example Voice', address: 'Ring 1\n10115 Berlin', email: 'noc@example.net', phone: '', website: '', tax_id: '' } satisfies api.Company);
    case 'GET /checklist': return ok({ ...checklist, alerts: [event], open: 4 } satisfies api.Checklist);
    case 'GET /series': return ok(series(q));
    case 'GET /summaries': return ok(summaries(q));
    case 'GET /parties': return ok(parties);
    case 'GET /calls/live': return ok({ items: [0, 1].map((i): api.LiveCall => ({ key: `n-1-${i}`, node: 'sw1', kind: 'call', customer: 'acme', carrier: 'north', direction: 'outbound', caller: '4930111', called: `498920${i}`, call_id: `live-${i}`, state: i ? 'answered' : 'setup', started_unix_ms: now - i * 60_000, ringing_unix_ms: 0, answered_unix_ms: i ? now - 50_000 : 0, held: false, media_class: '', digits: i })), more: 3, at_unix_ms: now, unreached: [{ node: 'sw2', error: 'silent' }] } satisfies api.LiveCalls);
    case 'GET /calls': return ok({ items: Array.from({ length: 100 }, (_, i) => callRow(i)), next: 'more' } satisfies api.Page<api.CallRow>);
    case 'GET /attempts': return ok({ items: [] } satisfies api.Page<api.AttemptRow>);
    case 'GET /registrations': return ok({ items: registrations } satisfies api.Page<api.Registration>);
    case 'GET /nodes': return ok({ items: nodes } satisfies api.Page<api.NodeRow>);
    case 'GET /blocks': return ok(blocks);
    case 'GET /alerts/rules': return ok({ items: [rule] } satisfies api.Page<api.AlertRule>);
    case 'GET /alerts/delivery': return ok({ email: ['noc@example.net'], webhook: '', sender: 'sipward@example.net', tested_unix_ms: 0 } satisfies api.Delivery);
    case 'GET /alerts/events': return ok({ items: [event] } satisfies api.Page<api.AlertEvent>);
    case 'GET /accounts': return ok({ items: [account] } satisfies api.Page<api.Account>);
    case 'GET /tokens': return ok({ items: [] } satisfies api.Page<api.Token>);
    case 'GET /bindings': return ok({ items: [binding], more: 0, unreached: [{ node: 'edge-2', error: 'timeout' }] } satisfies api.Bindings);
    case 'DELETE /blocks': return ok({ version: 7, strays: [binding], more: 0, unreached: [] } satisfies api.Released);
    case 'GET /audit': return ok({ items: [{ id: '1', at_unix_ms: now, who: 'ops@example.net', address: '192.0.2.1', action: 'blocks.assign', object: 'acme', detail: '3000-3999' }] } satisfies api.Page<api.AuditRow>);
  }
  if (method === 'GET' && path.startsWith('/calls/')) return ok(detail(path.slice(7)));
  if (method === 'GET' && path.startsWith('/nodes/')) return ok({ ...nodes[0], losses: [{ stream: 'telemetry', count: 40, reason: 'shed', at_unix_ms: now - 3_600_000 }], hours: [] });
  return undefined;
}

const binding: api.Binding = { node: 'edge-1', number: '1001', domain: 'acme.example.net', customer: 'acme', contact: 'sip:1001@198.51.100.9:5060', source: '198.51.100.9:5060', transport: 'udp', since_unix_ms: now - 60_000, expires_unix_ms: now + 60_000 };
const blocks: api.Blocks = {
  version: 7, grid: { start: '1000', size: 1000 },
  blocks: parties.customers.flatMap((c) => c.blocks.map((b) => ({ ...b, customer: c.id, numbers: Number(b.last) - Number(b.first) + 1 }))).sort((a, b) => a.first.localeCompare(b.first)),
  free: [{ first: '4000', last: '9999' }],
};

function detail(key: string): api.CallDetail {
  const row = callRow(Number(key.split('.').pop() ?? 0));
  const at = row.invited_unix_ms;
  const side: api.MediaSide = { codec: 'PCMA', rtp_packets: 4500, rtp_lost: 3, jitter_ms: 1.8, mos: 4.3, dtmf_count: row.digits, dtmf: '', dtmf_info_count: 0 };
  return {
    ...row, key, from_tag: 'ft', caller_host: 'acme.example.net', called_host: 'sbc.example.net', to: row.called, user_agent: 'PBX 3', src: '198.51.100.9:5060', dst: '192.0.2.10:5060', transport: 'udp',
    ringing_unix_ms: at + 900, answered_unix_ms: row.answered ? at + 4000 : 0, ended_unix_ms: at + 90_000, ring_ms: 3100, sip_reason: row.answered ? 'OK' : 'Busy Here', q850_cause: 0, released_by: 'caller', forks: 1, reinvites: 0,
    codec: 'PCMA', encrypted: false,
    attempts: [{ carrier: 'north', called: row.called, src: '192.0.2.10:5060', dst: '203.0.113.5:5060', invited_unix_ms: at + 40, ringing_unix_ms: at + 900, answered_unix_ms: at + 4000, ended_unix_ms: at + 90_000, pdd_ms: 860, duration_ms: 86_000, status: row.status, release: row.release }],
    from_caller: row.answered ? side : null, from_callee: row.answered ? side : null,
  };
}
