// Nodes: GET /nodes, /nodes/{id}

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
