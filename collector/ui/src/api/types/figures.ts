import type { Page, PartyKind, Ratio } from './base';

// Series: GET /series?figure=&by=&from=&to=&step= (from, to: Unix seconds; step: seconds, a multiple of 60)

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

// Summaries: GET /summaries?tab=&by=&after=&limit= (by as of series)

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
