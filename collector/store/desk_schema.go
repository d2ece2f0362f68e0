package store

import "strings"

// deskSchema makes the tables of the desk. In it INT is a whole number, REAL one with a
// fraction, BYTES a blob, WORD a text that is compared and ordered by its bytes, and ID
// a number that the database counts up.
const deskSchema = `
CREATE TABLE accounts (id WORD PRIMARY KEY, version INT NOT NULL, email WORD NOT NULL UNIQUE, role WORD NOT NULL, customer WORD NOT NULL,
  disabled INT NOT NULL, profile WORD NOT NULL, password WORD NOT NULL, password_ms INT NOT NULL, totp WORD NOT NULL, totp_pending WORD NOT NULL,
  totp_step INT NOT NULL, totp_ms INT NOT NULL, recovery WORD NOT NULL, session_epoch INT NOT NULL, created_ms INT NOT NULL,
  login_ms INT NOT NULL, login_origin WORD NOT NULL);
CREATE TABLE sessions (hash BYTES PRIMARY KEY, account WORD NOT NULL, epoch INT NOT NULL, factor INT NOT NULL, created_ms INT NOT NULL,
  seen_ms INT NOT NULL, origin WORD NOT NULL, agent WORD NOT NULL);
CREATE INDEX sessions_account ON sessions (account);
CREATE TABLE tokens (id WORD PRIMARY KEY, hash BYTES NOT NULL UNIQUE, hint WORD NOT NULL, name WORD NOT NULL, role WORD NOT NULL,
  customer WORD NOT NULL, created_by WORD NOT NULL, created_ms INT NOT NULL, expires_ms INT NOT NULL, used_ms INT NOT NULL);
CREATE TABLE links (hash BYTES PRIMARY KEY, purpose INT NOT NULL, account WORD NOT NULL, epoch INT NOT NULL, expires_ms INT NOT NULL);
CREATE UNIQUE INDEX links_purpose ON links (account, purpose);
CREATE TABLE audit (id ID, at_ms INT NOT NULL, actor WORD NOT NULL, name WORD NOT NULL, origin WORD NOT NULL, action WORD NOT NULL,
  target WORD NOT NULL, detail WORD NOT NULL);
CREATE TABLE settings (key WORD PRIMARY KEY, value WORD NOT NULL, version INT NOT NULL, updated_ms INT NOT NULL);
CREATE TABLE balances (customer WORD PRIMARY KEY, amount_minor INT NOT NULL, currency WORD NOT NULL, payment_url WORD NOT NULL, updated_ms INT NOT NULL);
CREATE TABLE alert_rules (id WORD PRIMARY KEY, version INT NOT NULL, updated_ms INT NOT NULL, kind WORD NOT NULL, party WORD NOT NULL, body WORD NOT NULL);
CREATE TABLE alert_events (id WORD PRIMARY KEY, rule WORD NOT NULL, rule_name WORD NOT NULL, level WORD NOT NULL, kind WORD NOT NULL,
  party WORD NOT NULL, node WORD NOT NULL, raised_ms INT NOT NULL, cleared_ms INT NOT NULL, acked_ms INT NOT NULL, acked_by WORD NOT NULL,
  num INT NOT NULL, den INT NOT NULL, value REAL, threshold REAL NOT NULL, message WORD NOT NULL, sent_ms INT NOT NULL, failed_sends INT NOT NULL);
CREATE UNIQUE INDEX alert_events_open ON alert_events (rule, kind, party, node) WHERE cleared_ms = 0;
CREATE INDEX alert_events_raised ON alert_events (raised_ms, id);
`

// eventAreas keeps with an alert what its rule measured: rules are changed and removed.
const eventAreas = `
ALTER TABLE alert_events ADD COLUMN area WORD NOT NULL DEFAULT '';
ALTER TABLE alert_events ADD COLUMN operator WORD NOT NULL DEFAULT '';
`

// typed puts a database's names of types into a schema.
func typed(schema string, names ...string) string {
	return strings.NewReplacer(names...).Replace(schema)
}

var (
	sqliteAreas   = typed(eventAreas, " WORD ", " TEXT ")
	postgresAreas = typed(eventAreas, " WORD ", ` text COLLATE "C" `)
	sqliteDesk    = typed(deskSchema, " INT ", " INTEGER ", " WORD ", " TEXT ", " BYTES ", " BLOB ", " ID,", " INTEGER PRIMARY KEY AUTOINCREMENT,")
	postgresDesk  = typed(deskSchema, " INT ", " bigint ", " WORD ", ` text COLLATE "C" `, " BYTES ", " bytea ", " ID,", " bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,",
		" REAL ", " double precision ", " REAL,", " double precision,")
)
