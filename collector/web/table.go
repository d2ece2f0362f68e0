package web

import (
	"net/http"

	"github.com/sipward/sipward/collector/accounts"
)

// access says what a route asks of whoever comes; the zero value lets nobody in.
type access uint8

const (
	permitted access = iota + 1 // a session or token with the route's permission
	anybody                     // the way in: who asks is found out by the handler
)

// handler does what a route is for. What it returns is shown as JSON; nil is 204.
type handler func(s *Server, q *request) (any, error)

// route is a row of the table of all that the API does.
type route struct {
	method, path string // path below /api/v1
	access       access
	perm         accounts.Permission
	params       []string // that its query may have
	do           handler
	made         bool // answers 201: something was made
	stream       bool // it answers by itself, for as long as it likes
}

// open and may make rows.
func open(method, path string, do handler) route {
	return route{method: method, path: path, access: anybody, do: do}
}

func may(perm accounts.Permission, method, path string, do handler, params ...string) route {
	return route{method: method, path: path, access: permitted, perm: perm, do: do, params: params}
}

func (r route) making() route    { r.made = true; return r }
func (r route) streaming() route { r.stream = true; return r }

const (
	get    = http.MethodGet
	post   = http.MethodPost
	put    = http.MethodPut
	patch  = http.MethodPatch
	remove = http.MethodDelete
)

// routes is the API. What is not here is not there.
var routes = []route{
	open(get, "/session", (*Server).getSession),
	open(post, "/session", (*Server).login),
	open(remove, "/session", (*Server).logout),
	open(post, "/session/totp", (*Server).secondFactor),
	open(post, "/setup", (*Server).setup),
	open(get, "/openapi.yaml", (*Server).openAPI).streaming(),

	may(accounts.EditSelf, get, "/me", (*Server).getMe),
	may(accounts.EditSelf, patch, "/me", (*Server).patchMe),
	may(accounts.EditSelf, put, "/me/password", (*Server).putPassword),
	may(accounts.EditSelf, post, "/me/totp", (*Server).beginTOTP),
	may(accounts.EditSelf, put, "/me/totp", (*Server).confirmTOTP),
	may(accounts.EditSelf, remove, "/me/totp", (*Server).disableTOTP),
	may(accounts.EditSelf, post, "/me/recovery", (*Server).newRecovery),

	may(accounts.SeeChecklist, get, "/checklist", (*Server).getChecklist),
	may(accounts.SeeFigures, get, "/live", (*Server).live).streaming(),
	may(accounts.SeeFigures, get, "/series", sameFor((*Server).series), "figure", "by", "from", "to", "step"),
	may(accounts.SeeFigures, get, "/summaries", sameFor((*Server).summaries), "tab", "by", "after", "limit"),

	may(accounts.SeeCalls, get, "/calls", (*Server).calls, callParams...),
	may(accounts.SeeCalls, get, "/calls/live", sameFor((*Server).liveCalls), "customer", "carrier", "limit"),
	may(accounts.SeeCalls, get, "/calls/{key}", (*Server).oneCall),
	may(accounts.SeeCalls, get, "/export/calls.csv", (*Server).exportCalls, callParams[:len(callParams)-2]...).streaming(),
	may(accounts.SeeCalls, get, "/attempts", (*Server).attempts, callParams...),
	may(accounts.SeeRegistrations, get, "/registrations", (*Server).registrations, "from", "to", "customer", "node", "verdict", "reason", "number", "source", "after", "limit"),
	may(accounts.SeeRegistrations, get, "/bindings", (*Server).bindings, "first", "last", "limit"),

	may(accounts.SeeNodes, get, "/nodes", (*Server).nodes),
	may(accounts.SeeNodes, get, "/nodes/{id}", (*Server).oneNode),

	may(accounts.SeeFigures, get, "/parties", (*Server).parties),
	may(accounts.EditParties, put, "/parties/customers/{id}", (*Server).putCustomer),
	may(accounts.EditParties, remove, "/parties/customers/{id}", (*Server).removeCustomer, "version"),
	may(accounts.EditParties, put, "/parties/carriers/{id}", (*Server).putCarrier),
	may(accounts.EditParties, remove, "/parties/carriers/{id}", (*Server).removeCarrier, "version"),
	may(accounts.SeeBlocks, get, "/blocks", (*Server).blocks),
	may(accounts.EditBlocks, post, "/blocks", (*Server).assign).making(),
	may(accounts.EditBlocks, remove, "/blocks", (*Server).release, "customer", "first", "last", "version", "dry_run"),

	may(accounts.SeeAlerts, get, "/alerts/rules", (*Server).rules),
	may(accounts.EditAlerts, post, "/alerts/rules", (*Server).addRule).making(),
	may(accounts.EditAlerts, put, "/alerts/rules/{id}", (*Server).changeRule),
	may(accounts.EditAlerts, remove, "/alerts/rules/{id}", (*Server).removeRule),
	may(accounts.SeeAlerts, get, "/alerts/delivery", (*Server).getDelivery),
	may(accounts.EditAlerts, put, "/alerts/delivery", (*Server).putDelivery),
	may(accounts.EditAlerts, post, "/alerts/test", (*Server).testDelivery),
	may(accounts.SeeAlerts, get, "/alerts/events", (*Server).alertEvents, "from", "to", "open", "after", "limit"),
	may(accounts.EditAlerts, post, "/alerts/events/{id}/ack", (*Server).ackEvent),

	may(accounts.SeeAccounts, get, "/accounts", (*Server).listAccounts, "after", "limit"),
	may(accounts.EditAccounts, post, "/accounts", (*Server).addAccount).making(),
	may(accounts.EditAccounts, patch, "/accounts/{id}", (*Server).changeAccount),
	may(accounts.EditAccounts, remove, "/accounts/{id}", (*Server).removeAccount),
	may(accounts.EditAccounts, post, "/accounts/{id}/link", (*Server).linkAccount).making(),
	may(accounts.EditTokens, get, "/tokens", (*Server).listTokens),
	may(accounts.EditTokens, post, "/tokens", (*Server).addToken).making(),
	may(accounts.EditTokens, remove, "/tokens/{id}", (*Server).removeToken),
	may(accounts.SeeAudit, get, "/audit", (*Server).audit, "from", "to", "who", "action", "object", "after", "limit"),

	may(accounts.SeeCompany, get, "/company", (*Server).getCompany, "customer"),
	may(accounts.EditCompany, patch, "/company", (*Server).patchCompany, "customer"),
	may(accounts.SeeBalance, get, "/balances", (*Server).balances),
	may(accounts.EditBalances, put, "/balances/{customer}", (*Server).putBalance),
	may(accounts.EditBalances, remove, "/balances/{customer}", (*Server).removeBalance),
}

var callParams = []string{"from", "to", "kind", "customer", "carrier", "node", "number", "call_id", "answered", "status", "release", "min_duration_ms", "after", "limit"}
