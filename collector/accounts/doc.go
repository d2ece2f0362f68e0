// Package accounts knows the people and programs that use the dashboard: who
// they are, what their role may do, how they prove it, and what they changed.
//
// It has no HTTP and no database. What is kept goes through a Repository, the
// clock is injected, and every secret that a person or a program holds is
// stored as a hash only; the one exception is the secret of a second factor,
// which has to be known to check a code (RFC 6238).
package accounts
