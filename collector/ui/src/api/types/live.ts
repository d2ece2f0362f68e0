// Live: GET /live, server-sent events `live` once a second

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
