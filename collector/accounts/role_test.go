package accounts_test

import (
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
)

// TestCan is the table of who may do what: operator, viewer, customer, and a
// program with each of their roles.
func TestCan(t *testing.T) {
	table := map[string]string{ // people, programs
		"see_figures":       "ovc ovc",
		"see_calls":         "ovc ovc",
		"see_registrations": "ovc ovc",
		"see_blocks":        "ovc ovc",
		"see_balance":       "ovc ovc",
		"see_company":       "ovc ovc",
		"edit_self":         "ovc ---",
		"see_all_customers": "ov- ov-",
		"see_carriers":      "ov- ov-",
		"see_nodes":         "ov- ov-",
		"see_alerts":        "ov- ov-",
		"see_checklist":     "ov- ov-",
		"see_audit":         "o-- o--",
		"see_accounts":      "o-- o--",
		"edit_parties":      "o-- o--",
		"edit_blocks":       "o-- o--",
		"edit_alerts":       "o-- o--",
		"edit_balances":     "o-- o--",
		"edit_company":      "o-c o-c",
		"edit_accounts":     "o-- ---",
		"edit_tokens":       "o-- ---",
	}
	for _, p := range accounts.Permissions() {
		want, ok := table[p.String()]
		if !ok {
			t.Errorf("the permission %v is not in the table", p)
		}
		if got := may(p, accounts.Principal{Account: "a"}) + " " + may(p, accounts.Principal{Token: "t"}); got != want {
			t.Errorf("%v: %q, want %q", p, got, want)
		}
		delete(table, p.String())
	}
	if len(table) > 0 {
		t.Errorf("the table has permissions that are none: %v", table)
	}
}

func may(p accounts.Permission, who accounts.Principal) string {
	out := ""
	for _, r := range accounts.Roles() {
		who.Role = r
		if r == accounts.Customer {
			who.Customer = "customer-1"
		}
		if who.Can(p) {
			out += r.String()[:1]
		} else {
			out += "-"
		}
	}
	return out
}

// TestNobodyCan: neither an unset role nor one from a newer version, nor a
// customer's account whose customer is missing, may do anything; and nobody
// may do what is no permission.
func TestNobodyCan(t *testing.T) {
	for _, who := range []accounts.Principal{
		{}, {Account: "a"}, {Account: "a", Role: 99}, {Token: "t", Role: accounts.Customer}, {Account: "a", Role: accounts.Customer},
	} {
		for _, p := range accounts.Permissions() {
			if who.Can(p) {
				t.Errorf("%+v may %v", who, p)
			}
		}
		if c, only := who.Scope(); c != "" || !only {
			t.Errorf("%+v: scope %q, %v: want no customer at all", who, c, only)
		}
	}
	for _, p := range []accounts.Permission{0, accounts.Permission(len(accounts.Permissions()) + 1), 255} {
		if accounts.Operator.Can(p) || p.String() != "invalid" {
			t.Errorf("an operator may do what is no permission: %d %v", p, p)
		}
	}
}

func TestScope(t *testing.T) {
	for _, tc := range []struct {
		who  accounts.Principal
		want string
		only bool
	}{
		{accounts.Principal{Account: "a", Role: accounts.Operator}, "", false},
		{accounts.Principal{Token: "t", Role: accounts.Viewer}, "", false},
		{accounts.Principal{Account: "a", Role: accounts.Customer, Customer: "x"}, "x", true},
		{accounts.Principal{Token: "t", Role: accounts.Customer, Customer: "x"}, "x", true},
	} {
		if c, only := tc.who.Scope(); c != tc.want || only != tc.only {
			t.Errorf("%+v: scope %q, %v", tc.who, c, only)
		}
	}
}

func TestRoleWords(t *testing.T) {
	for _, r := range accounts.Roles() {
		got, err := accounts.ParseRole(r.String())
		if err != nil || got != r {
			t.Errorf("%v reads back as %v, %v", r, got, err)
		}
	}
	for _, s := range []string{"", "invalid", "Operator", "root"} {
		if _, err := accounts.ParseRole(s); err == nil || !strings.Contains(err.Error(), "operator, viewer or customer") {
			t.Errorf("%q: %v", s, err)
		}
	}
}
