package accounts

import "net/netip"

// Principal is who asks: a person with a session or a program with a token.
// The zero value may do nothing.
type Principal struct {
	Account  string // id; empty for a program
	Token    string // id; empty for a person
	Name     string // e-mail address, or the token's name
	Role     Role
	Customer string // whose data a customer sees
	From     netip.Addr

	session Digest
	epoch   int64 // of the session
}

// CommandLine is who asks on the host of the collector and may use its socket. Whoever
// hands it on has checked that. Its name is no e-mail address: nobody in the audit log can
// be taken for it.
func CommandLine(who string) *Principal {
	return &Principal{Name: cut(who, maxTarget) + ", command line", Role: Operator}
}

// Can reports whether p may do this. A program has its role's permissions
// without those that are a person's: it has no self, and a token that leaked
// must not be able to make accounts or tokens that outlive it.
func (p *Principal) Can(perm Permission) bool {
	if p.Token != "" && (perm == EditSelf || perm == EditAccounts || perm == EditTokens) {
		return false
	}
	if p.Role == Customer && p.Customer == "" {
		return false // an empty customer would select all of them
	}
	return p.Role.Can(perm)
}

// Scope returns the customer that every question of p is about, and whether
// there is one; without, p may ask about all.
func (p *Principal) Scope() (customer string, only bool) {
	if p.Can(SeeAllCustomers) {
		return "", false
	}
	return p.Customer, true
}

// actor returns the id under which p stands in the audit log.
func (p *Principal) actor() string {
	if p.Token != "" {
		return p.Token
	}
	return p.Account
}
