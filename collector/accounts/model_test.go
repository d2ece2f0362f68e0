package accounts_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

// TestAnyOrder changes accounts in any order. After each step somebody can
// manage accounts, and exactly the sessions are good that nothing has ended.
func TestAnyOrder(t *testing.T) {
	for seed := range uint64(20) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { anyOrder(t, rand.New(rand.NewPCG(seed, 1))) })
	}
}

type modelSession struct {
	account string
	token   string
	good    bool
}

func anyOrder(t *testing.T, rnd *rand.Rand) {
	ctx := context.Background()
	r := newRig(t)
	boss := r.boss()
	ids := []string{boss.Account}
	var sessions []*modelSession
	end := func(id string) {
		for _, s := range sessions {
			if s.account == id {
				s.good = false
			}
		}
	}
	const password = "patience is a virtue"
	for step := range 150 {
		r.pass(time.Second)
		id := ids[rnd.IntN(len(ids))]
		a, _ := r.repo.Account(ctx, id)
		if a == nil {
			continue // it was removed
		}
		by := &accounts.Principal{Account: boss.Account, Name: "test", Role: accounts.Operator, From: home}
		switch rnd.IntN(7) {
		case 0:
			n := r.add(by, fmt.Sprintf("u%d@example.net", step), accounts.Roles()[rnd.IntN(2)], "", password)
			ids = append(ids, n.ID)
		case 1:
			c := accounts.Change{Role: ptr(accounts.Roles()[rnd.IntN(2)]), Customer: ptr("")}
			if _, err := r.Update(ctx, by, id, c); err == nil && *c.Role != a.Role {
				end(id)
			} else if err != nil {
				r.want("role", err, accounts.ErrLastOperator)
			}
		case 2:
			c := accounts.Change{Disabled: ptr(rnd.IntN(2) == 0)}
			if _, err := r.Update(ctx, by, id, c); err == nil && *c.Disabled != a.Disabled {
				end(id)
			} else if err != nil {
				r.want("disabled", err, accounts.ErrLastOperator)
			}
		case 3:
			if err := r.Remove(ctx, by, id); err == nil {
				end(id)
			} else {
				r.want("remove", err, accounts.ErrLastOperator)
			}
		case 4:
			r.must(r.EndSessions(ctx, by, id))
			end(id)
		default:
			l, err := r.login(a.Email, password)
			switch {
			case err == nil:
				sessions = append(sessions, &modelSession{id, l.Token, true})
			case !a.Disabled && id != boss.Account && !errors.As(err, new(*accounts.LockedError)):
				t.Errorf("step %d: %s cannot log in: %v", step, a.Email, err)
			}
		}
		if link, err := r.Setup(ctx); err != nil || link != nil {
			t.Fatalf("step %d: nobody can manage accounts: %v", step, err)
		}
		for _, s := range sessions {
			if _, err := r.Still(ctx, s.token, home); (err == nil) != s.good {
				t.Fatalf("step %d: the session of %s: %v, want it good: %v", step, s.account, err, s.good)
			}
		}
	}
}
