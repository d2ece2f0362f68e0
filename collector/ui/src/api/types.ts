// What /api/v1 takes and gives: the contract with the collector. Times are UTC:
// `..._unix_ms` and `..._unix_s` are integers. A ratio travels as numerator and
// denominator; nothing to divide by is null, never 0. Lists come in pages.

export interface Ratio {
  num: number;
  den: number;
  value: number | null;
}

// Page is a part of a list; next is the `after` of the following one.
export interface Page<T> {
  items: T[];
  next?: string;
}

// Problem is an error (RFC 9457). Its type ends in #WORD where the page has a text for it, as
// `error.WORD`. `fields` names what is wrong with a form.
export interface Problem {
  type?: string;
  title: string;
  status: number;
  detail?: string;
  retry_after_s?: number;
  fields?: Record<string, string>;
  words?: Record<string, string>; // of fields: what the page has a text for, as `invalid.WORD`
  values?: Record<string, Record<string, string>>; // of fields with a word: what the text names
}

// --- Session: GET, POST, DELETE /session; POST /session/totp; POST /setup

export interface Session {
  state: 'none' | 'totp' | 'in'; // totp: the password was right, the code is missing
  password_min: number; // characters of a new password
  csrf?: string; // for X-CSRF of every request that changes something
  me?: Me; // when the state is in
}
export interface Login {
  email: string;
  password: string;
}
export interface SecondFactor {
  code: string; // six digits, or a recovery code
}
export interface Setup {
  token: string; // of the one-time link
  name: string;
  email: string;
  password: string;
}

// --- Own account: GET, PATCH /me; PUT /me/password; POST, PUT, DELETE /me/totp; POST /me/recovery

export type Role = 'operator' | 'viewer' | 'customer';
export type Language = 'en' | 'de';

export interface Me {
  id: string;
  email: string;
  role: Role;
  customer: string; // id; empty unless the role is customer
  name: string;
  phone: string;
  mobile: string;
  department: string;
  language: Language;
  time_zone: string; // IANA name
  totp: boolean;
  recovery_left: number;
  balance?: Balance; // absent where none is set
}
export type MePatch = Partial<Pick<Me, 'name' | 'phone' | 'mobile' | 'department' | 'language' | 'time_zone'>>;
export interface Balance {
  amount: string; // decimal, as the billing system said it
  currency: string; // ISO 4217
  at_unix_ms: number;
  payment_url?: string; // https only
}
export interface PasswordChange {
  current: string;
  new: string;
}
export interface TotpBegin {
  secret: string; // base32, for typing
  uri: string; // otpauth://
}
export interface RecoveryCodes {
  codes: string[];
}

// --- Company: GET, PATCH /company?customer= (the operator's own, or a customer's; a customer's account: its customer's)

export interface Company {
  name: string;
  address: string;
  email: string;
  phone: string;
  website: string;
  tax_id: string;
}

// --- Checklist: GET /checklist

export type ChecklistId = 'first_node' | 'customers' | 'carriers' | 'blocks' | 'two_factor' | 'email';
export interface Checklist {
  items: { id: ChecklistId; done: boolean; missing: number }[]; // missing: e.g. accounts without two-factor
  alerts: AlertEvent[]; // that are on and nobody acknowledged, newest first
  open: number; // items that are not done, and these alerts
}

// --- Live: GET /live, server-sent events `live` once a second

export interface Live {
  time_unix_ms: number;
  setup: number;
  answered: number;
  configured: number | null; // channels; null: no limit given
  calls_per_second: number;
  nodes_up: number;
  nodes: number;
  open: number; // as of the checklist
  parties: LiveParty[]; // a customer gets its own only
}
export interface LiveParty {
  kind: 'customer' | 'carrier';
  id: string;
  setup: number;
  answered: number;
  channels: number | null;
}

// --- Series: GET /series?figure=&by=&from=&to=&step= (from, to: Unix seconds; step: seconds, a multiple of 60)

export type Figure = 'channels' | 'asr' | 'acd' | 'dtmf';
// by: total, customer, carrier (all of them), customer:ID, carrier:ID
export interface Series {
  figure: Figure;
  from_unix_s: number;
  step_s: number;
  points: number;
  pending: Pending[]; // times for which a node has not yet delivered all
  more: number; // parties without a line: the first 100 by their id have one
  lines: Line[];
}
// Line has one number a step, null where nobody watched. Of channels num is the most
// in use at once and answered how many of those were; of asr answered and outcomes;
// of acd answered seconds and answered; of dtmf calls with digits and those whose
// media was seen.
export interface Line {
  kind: PartyKind;
  party: string; // empty for the total
  limit: number | null; // of channels; of the total: the sum for all customers now
  num: (number | null)[];
  den?: (number | null)[];
  answered?: (number | null)[];
}
export interface Pending {
  from_unix_s: number;
  to_unix_s: number;
  nodes: string[]; // empty for a customer's account
}
export type PartyKind = 'total' | 'customer' | 'carrier';

// --- Summaries: GET /summaries?tab=&by=&after=&limit= (by as of series)

export type SummaryTab = 'live' | 'daily' | 'monthly';
export interface Summaries extends Page<SummaryRow> {
  made_unix_ms: number;
  next_unix_ms: number; // when the running hour closes
}
export interface SummaryRow {
  from_unix_s: number;
  to_unix_s: number;
  kind: PartyKind;
  party: string;
  attempts: number; // calls; of a carrier its attempts
  connected: number;
  asr: Ratio;
  acd: Ratio; // num: seconds
  duration_ms: number;
  dtmf: Ratio;
  ner: Ratio;
  pdd: Ratio; // num: milliseconds
  completeness: Completeness;
}
export interface Completeness {
  state: 'open' | 'complete' | 'late';
  hours: number; // hours times nodes of this row
  complete: number; // of those
  late_since_unix_s?: number;
}

// --- Calls: GET /calls, /attempts (filters, after, limit); GET /calls/{key}

export interface CallFilter {
  from?: number; // Unix ms of counted_unix_ms, [from, to)
  to?: number;
  kind?: 'call' | 'carrier_leg';
  customer?: string;
  carrier?: string;
  node?: string;
  number?: string; // caller or called
  call_id?: string;
  answered?: boolean;
}
export interface CallRow {
  key: string;
  node: string; // empty for a customer's account, and so is carrier
  counted_unix_ms: number;
  invited_unix_ms: number;
  kind: 'call' | 'carrier_leg';
  customer: string;
  carrier: string;
  direction: string;
  caller: string;
  called: string;
  call_id: string;
  status: number;
  release: string;
  answered: boolean;
  midcall: boolean;
  duration_ms: number;
  pdd_ms: number | null;
  media_class: string;
  digits: number;
}
export interface AttemptRow {
  key: string; // of its call
  n: number;
  counted_unix_ms: number;
  invited_unix_ms: number;
  customer: string;
  carrier: string;
  called: string;
  status: number;
  release: string;
  answered: boolean;
  outcome: boolean;
  duration_ms: number;
  pdd_ms: number | null;
}
export interface CallDetail extends CallRow {
  from_tag: string;
  caller_host: string;
  called_host: string;
  to: string;
  user_agent: string;
  src: string;
  dst: string;
  transport: string;
  ringing_unix_ms: number; // 0: never, and so below
  answered_unix_ms: number;
  ended_unix_ms: number;
  ring_ms: number;
  sip_reason: string;
  q850_cause: number;
  released_by: string;
  forks: number;
  reinvites: number;
  codec: string;
  encrypted: boolean;
  attempts: CallAttempt[];
  from_caller: MediaSide | null;
  from_callee: MediaSide | null;
}
// Calls in progress: GET /calls/live?customer=&carrier=&limit= asks the nodes.
export interface LiveCall {
  key: string; // for as long as it lasts
  node: string; // empty for a customer's account, and so is carrier
  kind: 'call' | 'carrier_leg';
  customer: string;
  carrier: string;
  direction: string;
  caller: string;
  called: string;
  call_id: string;
  state: 'setup' | 'answered';
  started_unix_ms: number;
  ringing_unix_ms: number; // 0: not yet
  answered_unix_ms: number;
  held: boolean;
  media_class: string;
  digits: number; // keys pressed so far
}
export interface LiveCalls {
  items: LiveCall[]; // the newest first
  more: number;
  at_unix_ms: number;
  unreached: Unreached[]; // without their names for a customer's account
}
export interface CallAttempt {
  carrier: string;
  called: string;
  src: string;
  dst: string;
  invited_unix_ms: number;
  ringing_unix_ms: number;
  answered_unix_ms: number;
  ended_unix_ms: number;
  pdd_ms: number | null;
  duration_ms: number;
  status: number;
  release: string;
}
export interface MediaSide {
  codec: string;
  rtp_packets: number;
  rtp_lost: number;
  jitter_ms: number;
  mos: number | null;
  dtmf_count: number;
  dtmf: string; // as far as the node's policy keeps digits
  dtmf_info_count: number;
}

// --- Customers and carriers: GET /parties; PUT, DELETE /parties/customers/{id}, /parties/carriers/{id}
// --- Number blocks: GET, POST /blocks; DELETE /blocks?customer=&first=&last=&dry_run=

export interface Block {
  first: string;
  last: string;
}
export interface Party {
  id: string;
  channels: number; // 0: no limit given
  addresses: string[];
  domains: string[];
}
export interface Customer extends Party {
  blocks: Block[];
  non_numeric: '' | 'allow' | 'deny';
  max_contacts: number; // 0: as the guard says
}
export interface Parties {
  version: number; // of the table; 0: there is none
  made_unix_ms: number;
  made_by: string;
  staged: string[]; // nodes that alone have it
  source: 'table' | 'nodes'; // nodes: only what nodes' live figures name, not to be edited
  customers: Customer[];
  carriers: Party[];
}
// PartyPut changes one; version is what the form began with (409 when it is old).
export interface PartyPut {
  version: number;
  new?: boolean; // it must not be there yet
  comment?: string;
  channels: number;
  addresses: string[];
  domains: string[];
  non_numeric?: '' | 'allow' | 'deny';
  max_contacts?: number;
}
export interface Changed {
  version: number;
}
export interface Blocks {
  version: number;
  grid: { start: string; size: number } | null;
  blocks: (Block & { customer: string; numbers: number })[];
  free: Block[]; // of the grid, the lowest ones
}
export interface Assign {
  version: number;
  customer: string;
  count?: number; // next free blocks of the grid
  range?: Block;
  comment?: string;
}
export interface Assigned extends Changed {
  blocks: Block[];
}
export interface Released {
  version: number; // the new one; with dry_run the present one
  strays: Binding[]; // registered with numbers that would be nobody's
  more: number;
  unreached: Unreached[];
}

// --- Bindings: GET /bindings?first=&last=&limit= (asks the nodes)

export interface Binding {
  node: string;
  number: string;
  domain: string;
  customer: string;
  contact: string;
  source: string;
  transport: string;
  username?: string;
  stray?: string;
  since_unix_ms: number;
  expires_unix_ms: number;
}
export interface Bindings {
  items: Binding[];
  more: number;
  unreached: Unreached[];
}
export interface Unreached {
  node: string;
  error: string;
}

// --- Refusals: GET /registrations?from=&to=&customer=&node=&after=&limit=

export interface Registration {
  key: string;
  node: string;
  at_unix_ms: number;
  verdict: 'refused' | 'would_refuse' | 'stray';
  reason: string;
  mode: string;
  customer: string;
  number: string;
  domain: string;
  src: string;
  transport: string;
  user_agent: string;
  username: string;
  block: string;
  holder: string;
  repeated: number;
}

// --- Nodes: GET /nodes, /nodes/{id}

export interface NodeRow {
  id: string;
  state: 'up' | 'down' | 'unknown';
  ready: boolean;
  not_ready: string[];
  suspect: string[]; // why its figures may be wrong, as drops
  version: string;
  mode: string;
  started_unix_ms: number;
  last_seen_unix_ms: number;
  live_age_ms: number | null; // since its last live message
  setup: number;
  answered: number;
  calls_per_second: number;
  skew_ms: number | null;
  spool_bytes: number;
  spool_budget_bytes: number;
  spool_records: number;
  oldest_unacked_ms: number;
  lost: number; // in the ledger
  late_hours: number;
  table_version: number;
  table_error: string;
  guard: { mode: string; bindings: number; strays: number; refused: number; banned: number } | null;
  flaps: number;
  duplicate_unix_ms: number;
}
export interface NodeDetail extends NodeRow {
  losses: Loss[]; // newest first, at most 100
  hours: { hour_unix_s: number; state: 'open' | 'complete' | 'late'; observed_ms: number; calls: number }[]; // last 24
}
export interface Loss {
  stream: 'calls' | 'telemetry';
  count: number;
  reason: string;
  at_unix_ms: number;
}

// --- Alerts: GET, POST /alerts/rules; PUT, DELETE /alerts/rules/{id}; GET /alerts/events;
//     POST /alerts/events/{id}/ack; GET, PUT /alerts/delivery; POST /alerts/test

export type AlertArea =
  | 'asr' | 'acd' | 'pdd' | 'ner' | 'channels' | 'live_channels' | 'cps' | 'failures'
  | 'node_down' | 'refusals' | 'strays' | 'spool' | 'reconciliation';
export type AlertLevel = 'info' | 'warning' | 'critical';
export interface AlertRuleInput {
  name: string;
  enabled: boolean;
  area: AlertArea;
  by: string; // total, customer:ID, carrier:ID, node:ID; customer, carrier, node: each of them
  operator: 'above' | 'below';
  threshold: number; // asr, ner, channels, spool: percent; acd: s; pdd: ms; node_down: s; else a count
  reset: number;
  min_sample: number;
  period_s: number;
  repeat_s: number; // 0: said once
  level: AlertLevel;
  email: string[];
  webhook: string; // URL; empty: none
}
export interface AlertRule extends AlertRuleInput {
  id: string;
  firing: number;
}
export interface AlertEvent {
  id: string;
  rule: string; // id
  name: string;
  text: string; // what it said
  area: AlertArea | ''; // of its rule when it was raised; empty: not known
  level: AlertLevel;
  scope: string; // as of by
  value: number | null;
  num: number;
  den: number; // what the value is a part or a mean of; 0: it is a count
  operator: 'above' | 'below' | '';
  threshold: number;
  since_unix_ms: number;
  ended_unix_ms: number; // 0: still on
  acked_by: string;
  acked_unix_ms: number;
}
// DeliveryInput says where something is sent: POST /alerts/test, PUT /alerts/delivery.
export interface DeliveryInput {
  email: string[];
  webhook: string; // URL; empty: none
}
// Delivery is where alerts go whose rule names nobody.
export interface Delivery extends DeliveryInput {
  sender: string; // empty: no mail server is configured
  tested_unix_ms: number; // when the mail server last took a test; 0: never
}

// --- Accounts: GET, POST /accounts; PATCH, DELETE /accounts/{id}; POST /accounts/{id}/link; GET, POST /tokens; DELETE /tokens/{id}; GET /audit

export interface Account {
  id: string;
  email: string;
  name: string;
  role: Role;
  customer: string;
  totp: boolean;
  disabled: boolean;
  locked_until_unix_ms: number; // 0: not locked
  last_login_unix_ms: number; // 0: never
}
export interface AccountInput {
  email: string;
  name: string;
  role: Role;
  customer: string;
  disabled?: boolean;
  reset_totp?: boolean;
  unlock?: boolean; // end the lock that failed logins have brought
}
// AccountMade has the one-time link by which its owner sets a password.
export interface AccountMade {
  account: Account;
  link: string;
}
export interface Token {
  id: string;
  name: string;
  role: Role;
  customer: string;
  made_unix_ms: number;
  expires_unix_ms: number;
  last_used_unix_ms: number;
}
export interface TokenInput {
  name: string;
  role: Role;
  customer: string;
  expires_unix_ms: number; // at most a year from now
}
export interface TokenMade {
  token: Token;
  secret: string; // shown once
}
export interface AuditRow {
  id: string;
  at_unix_ms: number;
  who: string;
  address: string;
  action: string;
  object: string;
  detail: string;
}
