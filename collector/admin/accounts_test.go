package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// crowd is People in memory.
type crowd struct {
	all    []Account
	wanted []LinkWanted
	err    error
}

func (c *crowd) Accounts(context.Context) ([]Account, error) { return c.all, c.err }

func (c *crowd) LinkAccount(_ context.Context, w LinkWanted) (*AccountLink, error) {
	c.wanted = append(c.wanted, w)
	return &AccountLink{URL: "http://x/#/setup/t", ExpiresUnixMs: 7}, c.err
}

// TestAccounts asks over a socket; over TCP nobody may ask.
func TestAccounts(t *testing.T) {
	dir, err := os.MkdirTemp("", "sipward") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	people := &crowd{all: []Account{{ID: "1", Email: "a@example.org", Role: "operator", SecondFactor: true}}}
	at := filepath.Join(dir, "s")
	s := New(Config{Listen: "127.0.0.1:0", Socket: at, Source: fixed{sample()}, People: people})
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- s.Run(ctx) }()
	<-s.Ready()
	defer func() {
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		http.DefaultClient.CloseIdleConnections()
	}()
	got, err := FetchAccounts(t.Context(), at)
	if diff := cmp.Diff(people.all, got); err != nil || diff != "" {
		t.Errorf("%v %s", err, diff)
	}
	want := LinkWanted{ID: "1", Who: "root@host", ResetSecondFactor: true}
	l, err := FetchLink(t.Context(), at, want)
	if err != nil || l.URL != "http://x/#/setup/t" || l.ExpiresUnixMs != 7 || len(people.wanted) != 1 || people.wanted[0] != want {
		t.Errorf("%+v %v %+v", l, err, people.wanted)
	}
	tcp := "http://" + s.Addr().String()
	if _, err := FetchAccounts(t.Context(), tcp); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("over TCP: %v", err)
	}
	if _, err := FetchLink(t.Context(), tcp, want); err == nil || !strings.Contains(err.Error(), "404") {
		t.Errorf("over TCP: %v", err)
	}
	for _, q := range []string{"", "?id=1&who=a", "?id=1&reset_second_factor=false&enable=false", "?id=1&who=a&reset_second_factor=maybe&enable=false"} {
		if _, err := Program.Ask(t.Context(), at, http.MethodPost, accountsPage+q, new(json.RawMessage)); err == nil || !strings.Contains(err.Error(), "400") {
			t.Errorf("%q: %v", q, err)
		}
	}
	for says, err := range map[string]error{"404 Not Found: there is no such account": ErrNoAccount, "409 Conflict: a: the account is disabled": fmt.Errorf("a: %w", ErrDisabled), "503 Service Unavailable: away": errors.New("away")} {
		people.err = err
		if _, err := FetchLink(t.Context(), at, want); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%v, want %s", err, says)
		}
	}
	if _, err := FetchAccounts(t.Context(), at); err == nil {
		t.Error("no accounts and no error")
	}
}
