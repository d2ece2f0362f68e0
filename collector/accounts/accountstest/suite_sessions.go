package accountstest

import (
	"context"
	"strings"
	"sync"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
)

func testSessions(t *testing.T, r Under) {
	ctx := context.Background()
	a, b := account("a", "a@example.net"), account("b", "b@example.net")
	must(t, r.AddAccount(ctx, a, entry(0)))
	must(t, r.AddAccount(ctx, b, entry(1)))
	_, err := r.Session(ctx, accounts.Digest{0})
	wantErr(t, "an unknown session", err, accounts.ErrNotFound)
	first := &accounts.Session{Hash: accounts.Digest{1}, Account: a.ID, Epoch: 7, SecondFactor: accounts.Pending, CreatedUnixMs: 1,
		SeenUnixMs: 2, From: "192.0.2.1", Agent: "Ünïcode/1.0"}
	must(t, r.AddSession(ctx, first, 3))
	got, err := r.Session(ctx, first.Hash)
	must(t, err)
	same(t, "a session", got, first)
	change := *first
	change.Epoch, change.SecondFactor, change.SeenUnixMs = 8, accounts.Passed, 5
	must(t, r.UpdateSession(ctx, &change))
	got, err = r.Session(ctx, first.Hash)
	must(t, err)
	same(t, "a changed session", got, &change)
	must(t, r.UpdateSession(ctx, &accounts.Session{Hash: accounts.Digest{99}, Account: a.ID}))
	_, err = r.Session(ctx, accounts.Digest{99})
	wantErr(t, "a session that an update must not make", err, accounts.ErrNotFound)

	must(t, r.AddSession(ctx, &accounts.Session{Hash: accounts.Digest{50}, Account: b.ID, SecondFactor: accounts.NotAsked}, 3))
	for i := byte(2); i <= 4; i++ {
		must(t, r.AddSession(ctx, &accounts.Session{Hash: accounts.Digest{i}, Account: a.ID, SecondFactor: accounts.NotAsked, CreatedUnixMs: int64(i)}, 3))
	}
	all, err := r.Sessions(ctx, a.ID)
	must(t, err)
	var order []byte
	for _, s := range all {
		order = append(order, s.Hash[0])
	}
	same(t, "the newest three", order, []byte{4, 3, 2})
	_, err = r.Session(ctx, accounts.Digest{50})
	must(t, err)
	logged(t, r, 2)
	must(t, r.EndSession(ctx, accounts.Digest{4}, entry(3)))
	must(t, r.EndSession(ctx, accounts.Digest{3}, nil))
	must(t, r.EndSession(ctx, accounts.Digest{3}, nil))
	_, err = r.Session(ctx, accounts.Digest{4})
	wantErr(t, "an ended session", err, accounts.ErrNotFound)
	logged(t, r, 3)
}

func testTokens(t *testing.T, r Under) {
	ctx := context.Background()
	one := &accounts.Token{ID: strings.Repeat("1", 32), Hash: accounts.Digest{1}, Hint: "spw_abcd", Name: "billing", Role: accounts.Customer,
		Customer: "customer-1", CreatedBy: "op@example.net", CreatedUnixMs: 1, ExpiresUnixMs: 2}
	two := &accounts.Token{ID: strings.Repeat("2", 32), Hash: accounts.Digest{2}, Name: "archive", Role: accounts.Viewer, ExpiresUnixMs: 9}
	must(t, r.AddToken(ctx, one, entry(1)))
	must(t, r.AddToken(ctx, two, entry(2)))
	got, err := r.Token(ctx, one.Hash)
	must(t, err)
	same(t, "a token", got, one)
	_, err = r.Token(ctx, accounts.Digest{3})
	wantErr(t, "an unknown token", err, accounts.ErrNotFound)
	must(t, r.UseToken(ctx, one.ID, 77))
	must(t, r.UseToken(ctx, "x", 77))
	one.UsedUnixMs = 77
	all, err := r.Tokens(ctx)
	must(t, err)
	same(t, "tokens by name", all, []*accounts.Token{two, one})
	must(t, r.RemoveToken(ctx, one.ID, entry(3)))
	wantErr(t, "a removed token", r.RemoveToken(ctx, one.ID, entry(4)), accounts.ErrNotFound)
	_, err = r.Token(ctx, one.Hash)
	wantErr(t, "a removed token", err, accounts.ErrNotFound)
	logged(t, r, 3)
}

func testLinks(t *testing.T, r Under) {
	ctx := context.Background()
	a, b := account("a", "a@example.net"), account("b", "b@example.net")
	must(t, r.AddAccount(ctx, a, entry(0)))
	must(t, r.AddAccount(ctx, b, entry(0)))
	links := []*accounts.Link{
		{Hash: accounts.Digest{1}, Purpose: accounts.FirstAccount, ExpiresUnixMs: 5},
		{Hash: accounts.Digest{2}, Purpose: accounts.NewPassword, Account: a.ID, Epoch: 3, ExpiresUnixMs: 6},
		{Hash: accounts.Digest{3}, Purpose: accounts.NewPassword, Account: b.ID, ExpiresUnixMs: 7},
		{Hash: accounts.Digest{4}, Purpose: accounts.NewPassword, Account: a.ID, Epoch: 4, ExpiresUnixMs: 8},
		{Hash: accounts.Digest{5}, Purpose: accounts.FirstAccount, ExpiresUnixMs: 9},
	}
	for _, l := range links {
		must(t, r.AddLink(ctx, l, entry(1)))
	}
	logged(t, r, 7)
	for i, l := range links {
		got, err := r.Link(ctx, l.Hash)
		if i < 2 {
			wantErr(t, "a link that another replaced", err, accounts.ErrNotFound)
			continue
		}
		must(t, err)
		same(t, "a link", got, l)
	}
	must(t, r.AddLink(ctx, links[0], nil))
	logged(t, r, 7)
	const n = 8
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = r.TakeLink(ctx, links[2].Hash) })
	}
	all.Wait()
	took := 0
	for _, err := range errs {
		if err == nil {
			took++
		} else {
			wantErr(t, "a link that is taken", err, accounts.ErrNotFound)
		}
	}
	same(t, "how many took a one-time link", took, 1)
}

func testExpire(t *testing.T, r Under) {
	ctx := context.Background()
	a := account("a", "a@example.net")
	must(t, r.AddAccount(ctx, a, entry(0)))
	for i, s := range []accounts.Session{
		{CreatedUnixMs: 99, SeenUnixMs: 200},
		{CreatedUnixMs: 100, SeenUnixMs: 199},
		{CreatedUnixMs: 149, SeenUnixMs: 200, SecondFactor: accounts.Pending},
		{CreatedUnixMs: 150, SeenUnixMs: 200, SecondFactor: accounts.Pending},
		{CreatedUnixMs: 100, SeenUnixMs: 200},
	} {
		s.Hash, s.Account = accounts.Digest{byte(i)}, a.ID
		if s.SecondFactor == 0 {
			s.SecondFactor = accounts.NotAsked
		}
		must(t, r.AddSession(ctx, &s, 9))
	}
	must(t, r.AddLink(ctx, &accounts.Link{Hash: accounts.Digest{1}, Purpose: accounts.FirstAccount, ExpiresUnixMs: 299}, nil))
	must(t, r.AddLink(ctx, &accounts.Link{Hash: accounts.Digest{2}, Purpose: accounts.NewPassword, Account: a.ID, ExpiresUnixMs: 300}, nil))
	must(t, r.AddToken(ctx, &accounts.Token{ID: "1", Hash: accounts.Digest{1}, Name: "a", Role: accounts.Viewer, ExpiresUnixMs: 399}, entry(0)))
	must(t, r.AddToken(ctx, &accounts.Token{ID: "2", Hash: accounts.Digest{2}, Name: "b", Role: accounts.Viewer, ExpiresUnixMs: 400}, entry(0)))
	b := accounts.Bounds{SessionsCreated: 100, SessionsSeen: 200, PendingCreated: 150, Links: 300, Tokens: 400}
	n, err := r.Expire(ctx, b)
	must(t, err)
	same(t, "removed", n, 5)
	all, err := r.Sessions(ctx, a.ID)
	must(t, err)
	var left []byte
	for _, s := range all {
		left = append(left, s.Hash[0])
	}
	same(t, "sessions that are left", left, []byte{3, 4})
	_, err = r.Link(ctx, accounts.Digest{1})
	wantErr(t, "an expired link", err, accounts.ErrNotFound)
	_, err = r.Link(ctx, accounts.Digest{2})
	must(t, err)
	_, err = r.Token(ctx, accounts.Digest{1})
	wantErr(t, "an expired token", err, accounts.ErrNotFound)
	_, err = r.Token(ctx, accounts.Digest{2})
	must(t, err)
	n, err = r.Expire(ctx, b)
	must(t, err)
	same(t, "removed again", n, 0)
}

func testAudit(t *testing.T, r Under) {
	ctx := context.Background()
	nobody := &accounts.Entry{AtUnixMs: 5, From: "192.0.2.9", Action: accounts.ActionLoginFailed, Detail: "once"}
	must(t, r.AddEntries(ctx, []*accounts.Entry{entry(1), nobody, entry(2)}))
	must(t, r.AddEntries(ctx, nil))
	got := r.Entries()
	same(t, "lines", len(got), 3)
	for i, want := range []*accounts.Entry{entry(1), nobody, entry(2)} {
		found := false
		for _, e := range got {
			found = found || e == *want
		}
		if !found {
			t.Errorf("line %d is missing: %+v in %+v", i, want, got)
		}
	}
}
