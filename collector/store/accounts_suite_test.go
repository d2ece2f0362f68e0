package store

import (
	"testing"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/accounts/accountstest"
	"github.com/sipward/sipward/collector/query"
)

// TestAccountsSuite holds both databases to what accounts expect of them, which
// the repository that the tests of accounts use is held to as well.
func TestAccountsSuite(t *testing.T) {
	for _, b := range backends {
		t.Run(b.name, func(t *testing.T) {
			accountstest.Suite(t, func(t *testing.T) accountstest.Under {
				s := b.fresh(t)(Options{})
				t.Cleanup(func() { must(t, s.Close()) })
				return accountstest.Under{Repository: s, Entries: func() []accounts.Entry {
					var out []accounts.Entry
					for _, r := range auditRows(t, s, query.AuditFilter{}) {
						out = append(out, accounts.Entry{AtUnixMs: r.AtUnixMs, Actor: r.Actor, Name: r.Name, From: r.From,
							Action: accounts.Action(r.Action), Target: r.Target, Detail: r.Detail})
					}
					return out
				}}
			})
		})
	}
}
