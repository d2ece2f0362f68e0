package verdicts

import "strings"

// The customers of most rows.
//
//	acme    203.0.113.0/24, 2001:db8:a::/48, acme.example   1000-1999, 0100-0199
//	site    203.0.113.128/25 within acme's                  3000-3099, two phones a number
//	bolt    198.51.100.0/24, bolt.example                   2000-2999
//	free    100.64.0.0/24                                   no blocks
//	names   100.64.1.0/24                                   4000-4999, and names
//	strict  100.64.2.0/24                                   no blocks, and no names
//	west    192.0.2.128/25, a carrier
var usual = Table{
	UnknownCustomer: "allow", MaxContacts: 3, Local: []string{"192.0.2.1", "2001:db8:f::1"},
	Customers: []Customer{
		{ID: "acme", Addresses: []string{"203.0.113.0/24", "2001:db8:a::/48"}, Domains: []string{"acme.example"}, Blocks: []string{"1000-1999", "0100-0199"}},
		{ID: "site", Addresses: []string{"203.0.113.128/25"}, Blocks: []string{"3000-3099"}, MaxContacts: 2},
		{ID: "bolt", Addresses: []string{"198.51.100.0/24"}, Domains: []string{"bolt.example"}, Blocks: []string{"2000-2999"}},
		{ID: "free", Addresses: []string{"100.64.0.0/24"}},
		{ID: "names", Addresses: []string{"100.64.1.0/24"}, Blocks: []string{"4000-4999"}, NonNumeric: "allow"},
		{ID: "strict", Addresses: []string{"100.64.2.0/24"}, NonNumeric: "deny"},
	},
	Carriers: []Customer{{ID: "west", Addresses: []string{"192.0.2.128/25"}, Domains: []string{"west.example"}}},
}

// closed is the usual table on a node that wants to know everybody.
var closed = func() Table { t := usual; t.UnknownCustomer = "deny"; return t }()

// open is the usual table on a node without a limit of contacts.
var open = func() Table { t := usual; t.MaxContacts = 0; return t }()

const (
	acme, acme6 = "203.0.113.7", "2001:db8:a::7"
	site        = "203.0.113.200"
	bolt        = "198.51.100.9"
	free        = "100.64.0.5"
	named       = "100.64.1.5"
	strict      = "100.64.2.5"
	west        = "192.0.2.200"
	nobody      = "100.127.0.9"
)

// desk is the one phone of most rows.
func desk(source string) []Phone { return []Phone{{URI: "desk@" + at(source)}} }

func at(source string) string {
	if strings.Contains(source, ":") {
		return "[" + source + "]:5060"
	}
	return source + ":5060"
}

// forms: what can be read in one way only, and what takes a number from nobody.
func forms() []Row {
	r := func(name string, change func(*Row)) Row {
		row := Row{Name: name, Table: usual, Source: acme, To: "2005@pbx.example", Phones: desk(acme), Expires: "600", Customer: "acme"}
		change(&row)
		return row
	}
	malformed := func(name string, change func(*Row)) Row {
		return r(name, func(r *Row) { r.Reason, r.Broken = "malformed", true; change(r) })
	}
	passes := func(name string, change func(*Row)) Row {
		return r(name, func(r *Row) { r.Reason = "deregistration"; change(r) })
	}
	judged := func(name string, change func(*Row)) Row {
		return r(name, func(r *Row) { r.Reason, r.Block, r.Holder = "outside_blocks", "2000-2999", "bolt"; change(r) })
	}
	return []Row{
		malformed("a REGISTER without To", func(r *Row) { r.ToHeader = "-"; r.To = "1005@pbx.example" }),
		malformed("two To that differ", func(r *Row) { r.To = "1005@pbx.example"; r.Extra = []string{"To: <sip:2005@pbx.example>"} }),
		malformed("two To that differ, one compact", func(r *Row) { r.To = "1005@pbx.example"; r.Extra = []string{"t: <sip:2005@pbx.example>"} }),
		malformed("two To that differ, one folded", func(r *Row) { r.To = "1005@pbx.example"; r.Extra = []string{"To:\r\n <sip:2005@pbx.example>"} }),
		malformed("two From that differ", func(r *Row) { r.Extra = []string{"From: <sip:2005@pbx.example>;tag=x"} }),
		malformed("two Call-IDs that differ", func(r *Row) { r.Extra = []string{"i: another@pbx.example"} }),
		malformed("two CSeqs that differ", func(r *Row) { r.Extra = []string{"CSeq: 2 REGISTER"} }),
		malformed("two Expires that differ: a removal to one reader", func(r *Row) { r.Expires = "0"; r.Extra = []string{"Expires: 3600"} }),
		malformed("a contact that expires twice: a removal to one reader", func(r *Row) { r.Phones[0].Expires = "3600;expires=0" }),
		malformed("the CSeq of another method", func(r *Row) { r.CSeq = "1 INVITE" }),
		malformed("the CSeq of no method", func(r *Row) { r.CSeq = "1" }),
		malformed("a zero with a backslash, which is an hour to some readers", func(r *Row) { r.Phones[0].Expires = `"\0"` }),
		malformed("a zero that overflows", func(r *Row) { r.Expires = "00000000000" }),
		malformed("a line without a colon, which takes the next one's name", func(r *Row) { r.Expires = ""; r.Extra = []string{"X", "Expires: 0"} }),
		malformed("a CR that ends the headers to some readers", func(r *Row) { r.Expires = ""; r.Extra = []string{"\rX: y", "Expires: 0"} }),
		malformed("a To in a parameter of the To", func(r *Row) {
			r.To, r.ToHeader = "1005@pbx.example", "sip:2005@pbx.example;x=<sip:1005@pbx.example>"
		}),
		malformed("a contact within quotes within another", func(r *Row) {
			r.Extra = []string{`Contact: <sip:a"b@203.0.113.7>;expires=0;x=,<sip:d"e@203.0.113.7>`}
			r.Phones = nil
		}),
		malformed("more contacts than are read, all but the last removed", func(r *Row) {
			r.Expires = "0"
			r.Extra = []string{"Contact: " + strings.Repeat("<sip:x@203.0.113.7>;expires=0,", 64) + "<sip:y@203.0.113.7>;expires=60"}
		}),
		r("* and another contact (RFC 3261 section 10.3)", func(r *Row) {
			r.Reason, r.Expires, r.Phones = "malformed", "0", []Phone{{URI: "*"}, {URI: "desk@203.0.113.7"}}
		}),
		r("* with an expiry", func(r *Row) { r.Reason, r.Phones = "malformed", []Phone{{URI: "*"}} }),
		r("* without Expires", func(r *Row) { r.Reason, r.Expires, r.Phones = "malformed", "", []Phone{{URI: "*"}} }),

		passes("* with Expires 0, of a number of another", func(r *Row) { r.Expires, r.Phones = "0", []Phone{{URI: "*"}} }),
		passes("a contact removed by the header", func(r *Row) { r.Expires = "0" }),
		passes("a contact removed by its own expiry", func(r *Row) { r.Phones[0].Expires = "0" }),
		passes("all contacts removed, by the header and by their own expiry", func(r *Row) {
			r.Expires, r.Phones = "0", []Phone{{URI: "desk@203.0.113.7"}, {URI: "soft@203.0.113.7", Expires: "0"}}
		}),
		passes("from a banned source", func(r *Row) { r.Expires, r.Banned = "0", true }),
		passes("from an unknown source, which may not register", func(r *Row) {
			r.Table, r.Source, r.Expires, r.Customer = closed, nobody, "0", "unknown"
		}),
		passes("of a number in use by another", func(r *Row) {
			r.Expires, r.Bindings = "0", []Binding{{To: "2005@pbx.example", Source: bolt, Phone: desk(bolt)[0]}}
		}),
		passes("of a name", func(r *Row) { r.Expires, r.To = "0", "alice@acme.example" }),
		passes("the same To twice", func(r *Row) { r.Expires, r.Extra = "0", []string{"To: <sip:2005@pbx.example>"} }),

		judged("one contact removed, another added", func(r *Row) {
			r.Phones = []Phone{{URI: "desk@203.0.113.7", Expires: "0"}, {URI: "soft@203.0.113.7"}}
		}),
		judged("a contact's own expiry comes before Expires 0", func(r *Row) { r.Expires, r.Phones[0].Expires = "0", "60" }),
		judged("an expiry that is no number is an hour, not 0", func(r *Row) { r.Phones[0].Expires = "0x" }),
		judged("an Expires that is no number says nothing", func(r *Row) { r.Expires = "0 seconds" }),
		judged("no expiry at all", func(r *Row) { r.Expires = "" }),
		judged("no contact: it asks which there are", func(r *Row) { r.Expires, r.Phones = "0", nil }),

		r("a banned source", func(r *Row) { r.Reason, r.Banned, r.To = "banned", true, "1005@pbx.example" }),
		r("a banned source, whatever it asks for", func(r *Row) { r.Reason, r.Banned = "banned", true }),
		malformed("a banned source that sends nonsense", func(r *Row) { r.Banned, r.CSeq = true, "1 INVITE" }),
	}
}

// parties: whose REGISTER it is.
func parties() []Row {
	ok := func(name, source, to, customer, block string) Row {
		return Row{Name: name, Table: usual, Source: source, To: to, Phones: desk(source), Reason: "allowed", Customer: customer, Block: block}
	}
	with := func(r Row, change func(*Row)) Row { change(&r); return r }
	unknown := func(name, source, to string) Row {
		return Row{Name: name, Table: closed, Source: source, To: to, Phones: desk(source), Reason: "unknown_customer", Customer: "unknown"}
	}
	return []Row{
		ok("a customer by source", acme, "1005@pbx.example", "acme", "1000-1999"),
		ok("a customer by source, over IPv6", acme6, "1005@pbx.example", "acme", "1000-1999"),
		ok("the longest prefix wins", site, "3005@pbx.example", "site", "3000-3099"),
		with(ok("the longest prefix wins: the other's block is another's", site, "1005@pbx.example", "site", "1000-1999"), func(r *Row) {
			r.Reason, r.Holder = "outside_blocks", "acme"
		}),
		ok("a customer by the domain of To", nobody, "1005@acme.example", "acme", "1000-1999"),
		ok("a domain in capitals", nobody, "1005@ACME.example", "acme", "1000-1999"),
		with(ok("a customer by the domain of the Request-URI", nobody, "1005@pbx.example", "acme", "1000-1999"), func(r *Row) { r.Request = "acme.example" }),
		with(ok("To comes before the Request-URI", nobody, "2005@bolt.example", "bolt", "2000-2999"), func(r *Row) { r.Request = "acme.example" }),
		with(ok("the source comes before domains", acme, "2005@bolt.example", "acme", "2000-2999"), func(r *Row) {
			r.Reason, r.Holder = "outside_blocks", "bolt"
		}),
		with(ok("never by the number: anyone can claim one", nobody, "1005@pbx.example", "unknown", "1000-1999"), func(r *Row) {
			r.Reason, r.Holder = "foreign_block", "acme"
		}),
		ok("a stranger may register what is nobody's, unless the node says no", nobody, "7005@pbx.example", "unknown", ""),
		ok("a carrier's address is no customer's", west, "7005@pbx.example", "unknown", ""),
		ok("a customer behind a carrier, by its domain", west, "1005@acme.example", "acme", "1000-1999"),
		unknown("a stranger where everybody must be known", nobody, "7005@pbx.example"),
		unknown("a stranger who asks for a number of a block", nobody, "1005@pbx.example"),
		unknown("a stranger with a name", nobody, "alice@pbx.example"),
		unknown("a carrier where everybody must be known", west, "1005@west.example"),
		with(ok("a customer where everybody must be known", acme, "1005@pbx.example", "acme", "1000-1999"), func(r *Row) { r.Table = closed }),
	}
}

// numbers: which numbers a customer may register.
func numbers() []Row {
	row := func(name, source, customer, to, reason, block, holder string) Row {
		return Row{Name: name, Table: usual, Source: source, To: to, Phones: desk(source), Reason: reason, Customer: customer, Block: block, Holder: holder}
	}
	return []Row{
		row("the first number of a block", acme, "acme", "1000@pbx.example", "allowed", "1000-1999", ""),
		row("the last number of a block", acme, "acme", "1999@pbx.example", "allowed", "1000-1999", ""),
		row("a leading + is dropped", acme, "acme", "+1005@pbx.example", "allowed", "1000-1999", ""),
		row("an escaped digit is a digit", acme, "acme", "%31005@pbx.example", "allowed", "1000-1999", ""),
		row("one below a block", acme, "acme", "0999@pbx.example", "outside_blocks", "0100-0199", ""),
		row("one above a block is the next one's", acme, "acme", "2000@pbx.example", "outside_blocks", "2000-2999", "bolt"),
		row("nobody's number", acme, "acme", "7005@pbx.example", "outside_blocks", "0100-0199", ""),
		row("a second block, with a leading zero", acme, "acme", "0100@pbx.example", "allowed", "0100-0199", ""),
		row("0100-0199 does not contain 100", acme, "acme", "100@pbx.example", "outside_blocks", "0100-0199", ""),
		row("1000-1999 does not contain 01000", acme, "acme", "01000@pbx.example", "outside_blocks", "0100-0199", ""),
		row("1000-1999 does not contain 10000", acme, "acme", "10000@pbx.example", "outside_blocks", "0100-0199", ""),
		row("a number longer than any block's", acme, "acme", strings.Repeat("1", 40)+"@pbx.example", "outside_blocks", "0100-0199", ""),
		row("a name of a customer with blocks", acme, "acme", "alice@acme.example", "non_numeric", "", ""),
		row("a number with a letter", acme, "acme", "1005a@pbx.example", "non_numeric", "", ""),
		row("a number with two +", acme, "acme", "++1005@pbx.example", "non_numeric", "", ""),
		row("no user part", acme, "acme", "pbx.example", "non_numeric", "", ""),
		row("a name, where the customer may", named, "names", "alice@pbx.example", "allowed", "", ""),
		row("a number outside, where the customer may have names", named, "names", "5005@pbx.example", "outside_blocks", "4000-4999", ""),
		row("a name of a customer without blocks", free, "free", "alice@pbx.example", "allowed", "", ""),
		row("a name, where a customer without blocks may not", strict, "strict", "alice@pbx.example", "non_numeric", "", ""),
		row("a name of a stranger", nobody, "unknown", "alice@pbx.example", "allowed", "", ""),
		row("nobody's number of a customer without blocks", free, "free", "7005@pbx.example", "allowed", "", ""),
		row("another's number, of a customer without blocks", free, "free", "1005@pbx.example", "foreign_block", "1000-1999", "acme"),
		row("another's number with a +, of a customer without blocks", free, "free", "+2005@pbx.example", "foreign_block", "2000-2999", "bolt"),
	}
}

// usernames: whose credentials it carries.
func usernames() []Row {
	row := func(name, source, customer, to, username, reason, block, holder string) Row {
		return Row{Name: name, Table: usual, Source: source, To: to, Username: username, Phones: desk(source), Reason: reason, Customer: customer, Block: block, Holder: holder}
	}
	return []Row{
		row("the username is the number", acme, "acme", "1005@pbx.example", "1005", "allowed", "1000-1999", ""),
		row("the username is another of the customer's numbers", acme, "acme", "1005@pbx.example", "1006", "allowed", "1000-1999", ""),
		row("the username is a name", acme, "acme", "1005@pbx.example", "alice", "allowed", "1000-1999", ""),
		row("the username is nobody's number", acme, "acme", "1005@pbx.example", "7005", "allowed", "1000-1999", ""),
		row("the username is another's number", acme, "acme", "1005@pbx.example", "2005", "foreign_username", "2000-2999", "bolt"),
		row("the username is another's number, with its realm", acme, "acme", "1005@pbx.example", "2005@bolt.example", "foreign_username", "2000-2999", "bolt"),
		row("the username is another's number, as a URI", acme, "acme", "1005@pbx.example", "sip:2005@bolt.example", "foreign_username", "2000-2999", "bolt"),
		row("the username is another's number, of a customer without blocks", free, "free", "7005@pbx.example", "1005", "foreign_username", "1000-1999", "acme"),
		row("the username is another's number, under a name", named, "names", "alice@pbx.example", "1005", "foreign_username", "1000-1999", "acme"),
		row("the number comes before the username", acme, "acme", "2005@pbx.example", "2005", "outside_blocks", "2000-2999", "bolt"),
	}
}

// bindings: who is registered with the number already.
func bindings() []Row {
	row := func(name, source, customer, to string, live []Binding, reason, block, holder string) Row {
		return Row{Name: name, Table: usual, Bindings: live, Source: source, To: to, Phones: desk(source), Reason: reason, Customer: customer, Block: block, Holder: holder}
	}
	live := func(to, source string) []Binding {
		return []Binding{{To: to, Source: source, Phone: Phone{URI: "other@" + at(source)}}}
	}
	listed := []Binding{{To: "7005@pbx.example", Phone: Phone{URI: "other@198.51.100.9:5060"}}}
	over := row("what has expired is in nobody's way", free, "free", "7005@pbx.example", nil, "allowed", "", "")
	over.Over = live("7005@pbx.example", nobody)
	return []Row{
		row("the customer's own phone, elsewhere", acme6, "acme", "1005@pbx.example", live("1005@pbx.example", acme), "allowed", "1000-1999", ""),
		row("a stranger has nobody's number", free, "free", "7005@pbx.example", live("7005@pbx.example", nobody), "in_use", "", "unknown"),
		row("a customer has nobody's number", nobody, "unknown", "7005@pbx.example", live("7005@pbx.example", free), "in_use", "", "free"),
		row("a number is one whatever its domain", free, "free", "7005@pbx.example", live("7005@other.example", nobody), "in_use", "", "unknown"),
		row("a number is one with and without +", free, "free", "+7005@pbx.example", live("7005@pbx.example", nobody), "in_use", "", "unknown"),
		row("all strangers are one", nobody, "unknown", "7005@pbx.example", live("7005@pbx.example", "100.127.0.10"), "allowed", "", ""),
		row("a number of the customer's own block, that another got before: a stray keeps nobody out", acme, "acme", "1005@pbx.example", live("1005@pbx.example", free), "allowed", "1000-1999", ""),
		row("a name is one with its domain", free, "free", "alice@pbx.example", live("alice@pbx.example", nobody), "in_use", "", "unknown"),
		row("a name in another domain is another", free, "free", "alice@pbx.example", live("alice@other.example", nobody), "allowed", "", ""),
		row("a shorter number is another", free, "free", "7005@pbx.example", live("07005@pbx.example", nobody), "allowed", "", ""),
		row("a contact that nobody was seen registering is in nobody's way", free, "free", "7005@pbx.example", listed, "allowed", "", ""),
		over,
	}
}

// contacts: how many phones the number has already.
func contacts() []Row {
	phones := func(to, source string, n int) (live []Binding) {
		for i := range n {
			live = append(live, Binding{To: to, Source: source, Phone: Phone{URI: string(rune('a'+i)) + "@" + at(source)}})
		}
		return live
	}
	row := func(name, source, customer, to, block string, live []Binding, reason string, add ...Phone) Row {
		return Row{Name: name, Table: usual, Bindings: live, Source: source, To: to, Phones: add, Reason: reason, Customer: customer, Block: block}
	}
	more := Phone{URI: "new@203.0.113.7:5060"}
	mobile := []Binding{{To: "3005@pbx.example", Source: site, Phone: Phone{URI: "m@203.0.113.200:5060", Instance: "urn:uuid:1", RegID: "1"}}}
	mobile = append(mobile, phones("3005@pbx.example", site, 1)...)
	unlimited := row("no limit at all", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 12), "allowed", more)
	unlimited.Table = open
	return []Row{
		row("as many contacts as may be", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 2), "allowed", more),
		row("one contact too many", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 3), "too_many_contacts", more),
		row("too many at once", acme, "acme", "1005@pbx.example", "1000-1999", nil, "too_many_contacts",
			Phone{URI: "a@x.example"}, Phone{URI: "b@x.example"}, Phone{URI: "c@x.example"}, Phone{URI: "d@x.example"}),
		row("a refresh adds none", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 3), "allowed", Phone{URI: "b@" + at(acme)}),
		row("another port is another contact", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 3), "too_many_contacts", Phone{URI: "b@203.0.113.7:5062"}),
		row("one goes, one comes", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 3), "allowed",
			Phone{URI: "a@" + at(acme), Expires: "0"}, more),
		row("asking adds none", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", acme, 3), "allowed"),
		row("a customer's own limit", site, "site", "3005@pbx.example", "3000-3099", phones("3005@pbx.example", site, 2), "too_many_contacts", more),
		row("the same instance and reg-id is the same phone (RFC 5626)", site, "site", "3005@pbx.example", "3000-3099", mobile, "allowed",
			Phone{URI: "roamed@203.0.113.201:5060", Instance: "urn:uuid:1", RegID: "1"}),
		row("another reg-id is another flow", site, "site", "3005@pbx.example", "3000-3099", mobile, "too_many_contacts",
			Phone{URI: "roamed@203.0.113.201:5060", Instance: "urn:uuid:1", RegID: "2"}),
		row("contacts that nobody was seen registering count", acme, "acme", "1005@pbx.example", "1000-1999", []Binding{
			{To: "1005@pbx.example", Phone: Phone{URI: "a@x.example"}}, {To: "1005@pbx.example", Phone: Phone{URI: "b@x.example"}},
			{To: "1005@pbx.example", Phone: Phone{URI: "c@x.example"}},
		}, "too_many_contacts", more),
		row("strays on a number of the customer's own block do not count", acme, "acme", "1005@pbx.example", "1000-1999", phones("1005@pbx.example", free, 3), "allowed", more),
		row("another number's contacts do not count", acme, "acme", "1005@pbx.example", "1000-1999", phones("1006@pbx.example", acme, 3), "allowed", more),
		unlimited,
	}
}
