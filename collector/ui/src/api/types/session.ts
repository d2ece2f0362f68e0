// Session: GET, POST, DELETE /session; POST /session/totp; POST /setup

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

// Own account: GET, PATCH /me; PUT /me/password; POST, PUT, DELETE /me/totp; POST /me/recovery

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
