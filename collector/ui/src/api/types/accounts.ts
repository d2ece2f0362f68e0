import type { Role } from './session';

// Accounts: GET, POST /accounts; PATCH, DELETE /accounts/{id}; POST /accounts/{id}/link; GET, POST /tokens; DELETE /tokens/{id}; GET /audit

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
