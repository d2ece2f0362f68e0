package accounts

import "fmt"

// Role says what an account or token may do. A closed list: a new one needs a
// column in the table of permissions.
type Role uint8

// Roles; the zero value is invalid and may do nothing.
const (
	Operator Role = iota + 1 // everything
	Viewer                   // sees what an operator sees, and changes nothing but itself
	Customer                 // sees what belongs to one customer, and changes nothing but itself and how to reach its company
)

// Roles lists all of them.
func Roles() []Role { return []Role{Operator, Viewer, Customer} }

// String returns the word that files, the API and the database use.
func (r Role) String() string {
	switch r {
	case Operator:
		return "operator"
	case Viewer:
		return "viewer"
	case Customer:
		return "customer"
	}
	return "invalid"
}

// ParseRole reads what String writes.
func ParseRole(s string) (Role, error) {
	for _, r := range Roles() {
		if r.String() == s {
			return r, nil
		}
	}
	return 0, fmt.Errorf("%.32q is no role: operator, viewer or customer", s)
}

// Permission is one thing that somebody may or may not do.
type Permission uint8

// Permissions; the zero value is invalid and nobody has it.
const (
	SeeFigures       Permission = iota + 1 // graphs, summaries, live channels
	SeeCalls                               // call records
	SeeRegistrations                       // bindings, registrations and refusals
	SeeBlocks                              // number blocks
	SeeBalance
	SeeCompany
	EditSelf // own profile, password, second factor, sessions

	SeeAllCustomers // more than one customer; without it every question is about the own one
	SeeCarriers     // carriers' names and figures
	SeeNodes
	SeeAlerts
	SeeChecklist
	SeeAudit
	SeeAccounts

	EditParties // customers, carriers and their limits
	EditBlocks
	EditAlerts // rules; acknowledging and testing too
	EditBalances
	EditCompany // of the customer in question
	EditAccounts
	EditTokens
	permissionEnd
)

// Permissions lists all of them.
func Permissions() []Permission {
	var out []Permission
	for p := SeeFigures; p < permissionEnd; p++ {
		out = append(out, p)
	}
	return out
}

var permissionNames = [permissionEnd]string{
	SeeFigures: "see_figures", SeeCalls: "see_calls", SeeRegistrations: "see_registrations", SeeBlocks: "see_blocks",
	SeeBalance: "see_balance", SeeCompany: "see_company", EditSelf: "edit_self", SeeAllCustomers: "see_all_customers",
	SeeCarriers: "see_carriers", SeeNodes: "see_nodes", SeeAlerts: "see_alerts", SeeChecklist: "see_checklist",
	SeeAudit: "see_audit", SeeAccounts: "see_accounts", EditParties: "edit_parties", EditBlocks: "edit_blocks",
	EditAlerts: "edit_alerts", EditBalances: "edit_balances", EditCompany: "edit_company",
	EditAccounts: "edit_accounts", EditTokens: "edit_tokens",
}

// String returns the permission's word.
func (p Permission) String() string {
	if p == 0 || p >= permissionEnd {
		return "invalid"
	}
	return permissionNames[p]
}

// Can is the one place that says what a role may do. What is not named here is
// refused, to every role.
func (r Role) Can(p Permission) bool {
	switch p {
	case SeeFigures, SeeCalls, SeeRegistrations, SeeBlocks, SeeBalance, SeeCompany, EditSelf:
		return r == Operator || r == Viewer || r == Customer
	case SeeAllCustomers, SeeCarriers, SeeNodes, SeeAlerts, SeeChecklist:
		return r == Operator || r == Viewer
	case EditCompany:
		return r == Operator || r == Customer
	case SeeAudit, SeeAccounts, EditParties, EditBlocks, EditAlerts, EditBalances, EditAccounts, EditTokens:
		return r == Operator
	}
	return false
}
