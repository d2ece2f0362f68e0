import type { Unreached } from './registrations';

// Calls: GET /calls, /attempts (filters, after, limit); GET /calls/{key}

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
