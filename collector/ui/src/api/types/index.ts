// What /api/v1 takes and gives: the contract with the collector. Times are UTC:
// `..._unix_ms` and `..._unix_s` are integers. A ratio travels as numerator and
// denominator; nothing to divide by is null, never 0. Lists come in pages.

export type * from './base'; // what all of /api/v1 has
export type * from './session'; // who is logged in, and the own account
export type * from './company';
export type * from './checklist'; // what is still to be done
export type * from './live'; // figures of this second
export type * from './figures'; // graphs and summaries
export type * from './calls';
export type * from './table'; // the table of customers, carriers and number blocks
export type * from './registrations'; // who is registered, and who was refused
export type * from './nodes';
export type * from './alerts';
export type * from './accounts'; // accounts, tokens and the audit log
