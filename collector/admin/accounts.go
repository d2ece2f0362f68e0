package admin

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strconv"
)

// People is what the command line may do with the accounts of the dashboard. Its methods
// may be called at once.
type People interface {
	Accounts(ctx context.Context) ([]Account, error) // by e-mail address
	// LinkAccount makes a link with which an account gets a new password. An error that
	// is ErrNoAccount or ErrDisabled names the account.
	LinkAccount(ctx context.Context, want LinkWanted) (*AccountLink, error)
}

// Errors of People that are the asker's.
var (
	ErrNoAccount = errors.New("there is no such account")
	ErrDisabled  = errors.New("the account is disabled")
)

// Account is an account of the dashboard.
type Account struct {
	ID              string `json:"id"`
	Email           string `json:"email"`
	Name            string `json:"name,omitempty"`
	Role            string `json:"role"`
	Customer        string `json:"customer,omitempty"`
	Disabled        bool   `json:"disabled"`
	Password        bool   `json:"password_set"` // without one nobody can log in
	SecondFactor    bool   `json:"second_factor"`
	LockedUnixMs    int64  `json:"locked_until_unix_ms"` // at this collector; 0: it is not
	LastLoginUnixMs int64  `json:"last_login_unix_ms"`   // 0: never
}

// Accounts are all of them, by e-mail address.
type Accounts struct {
	Accounts []Account `json:"accounts"`
}

// LinkWanted says for whom a link is made, and what else stands in the way.
type LinkWanted struct {
	ID                string // of the account
	Who               string // who asks, for the audit log
	ResetSecondFactor bool   // take it away, if there is one
	Enable            bool   // the account, if it is disabled
}

// AccountLink is a link that sets a password, once.
type AccountLink struct {
	URL           string `json:"url"`
	ExpiresUnixMs int64  `json:"expires_unix_ms"`
}

// accountsPage is where a collector is asked for accounts and links.
const accountsPage = "/accounts"

// FetchAccounts asks a running collector for its accounts. where is the path of its socket.
func FetchAccounts(ctx context.Context, where string) ([]Account, error) {
	var a Accounts
	if _, err := Program.Ask(ctx, where, http.MethodGet, accountsPage, &a); err != nil {
		return nil, err
	}
	return a.Accounts, nil
}

// FetchLink has a running collector make a link. It stands in the answer alone, never in a
// request or a log.
func FetchLink(ctx context.Context, where string, want LinkWanted) (*AccountLink, error) {
	q := url.Values{"id": {want.ID}, "who": {want.Who}, "reset_second_factor": {strconv.FormatBool(want.ResetSecondFactor)}, "enable": {strconv.FormatBool(want.Enable)}}
	l := new(AccountLink)
	if _, err := Program.Ask(ctx, where, http.MethodPost, accountsPage+"?"+q.Encode(), l); err != nil {
		return nil, err
	}
	return l, nil
}

func answerAccounts(people People) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		all, err := people.Accounts(r.Context())
		answerPeople(w, Accounts{all}, err)
	})
}

func answerLink(people People) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		q := r.URL.Query()
		reset, err1 := strconv.ParseBool(q.Get("reset_second_factor"))
		enable, err2 := strconv.ParseBool(q.Get("enable"))
		if err := errors.Join(err1, err2); err != nil || q.Get("id") == "" || q.Get("who") == "" {
			http.Error(w, "write id=ID&who=NAME&reset_second_factor=false&enable=false", http.StatusBadRequest)
			return
		}
		l, err := people.LinkAccount(r.Context(), LinkWanted{ID: q.Get("id"), Who: q.Get("who"), ResetSecondFactor: reset, Enable: enable})
		answerPeople(w, l, err)
	})
}

func answerPeople(w http.ResponseWriter, answer any, err error) {
	switch {
	case errors.Is(err, ErrNoAccount):
		http.Error(w, err.Error(), http.StatusNotFound)
		return
	case errors.Is(err, ErrDisabled):
		http.Error(w, err.Error(), http.StatusConflict)
		return
	case err != nil:
		http.Error(w, err.Error(), http.StatusServiceUnavailable)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer) // the reader is gone: nobody to tell
}
