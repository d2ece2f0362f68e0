// Bindings: GET /bindings?first=&last=&limit= (asks the nodes)

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

// Refusals: GET /registrations?from=&to=&customer=&node=&after=&limit=

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
