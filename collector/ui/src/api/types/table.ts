import type { Binding, Unreached } from './registrations';

// Customers and carriers: GET /parties; PUT, DELETE /parties/customers/{id}, /parties/carriers/{id}
// Number blocks: GET, POST /blocks; DELETE /blocks?customer=&first=&last=&dry_run=

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
