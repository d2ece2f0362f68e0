package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

// Actions on the table of customers and blocks.
const (
	actionPartyPut    accounts.Action = "party.set"
	actionPartyRemove accounts.Action = "party.remove"
	actionAssign      accounts.Action = "blocks.assign"
	actionRelease     accounts.Action = "blocks.release"
)

type changed struct {
	Version uint64 `json:"version"`
}

// draft opens a change of the table, which the asker has seen as it is in a version.
func (s *Server) draft(q *request, seen uint64) (*table.Draft, error) {
	if _, err := q.view.all(); err != nil {
		return nil, err
	}
	if s.cfg.Table == nil {
		return nil, fault(http.StatusNotFound, "customers and blocks are not kept here")
	}
	d, err := s.cfg.Table.Open(q.Context())
	if err != nil {
		return nil, err
	}
	if versionOf(d) != seen {
		s.table.drop() // so that it is read anew
		return nil, query.ErrTableChanged
	}
	return d, nil
}

// versionOf is what a draft began with; 0 for no table.
func versionOf(d *table.Draft) uint64 {
	if d.Before == nil {
		return 0
	}
	return d.Before.Version
}

// seen is the version of a form that has no body.
func (a *args) seen() uint64 {
	if a.values.Get("version") == "" {
		a.fail("version", "is missing: say which version of the table this changes")
	}
	return uint64(a.number("version", 0, 0, 1<<53-1)) // not negative
}

// save makes the next version of a draft, and writes down who did. A draft that changes
// nothing is good as it is: whoever repeats a request gets the same answer.
func (s *Server) save(q *request, d *table.Draft, comment string, a accounts.Action, target, detail string) (changed, error) {
	if d.Before != nil && d.Difference().None() {
		return changed{d.Before.Version}, nil
	}
	v, err := s.cfg.Table.Save(q.Context(), d, table.Save{Who: q.who.Name, Comment: comment})
	if err != nil {
		return changed{}, notSaved(d, err)
	}
	s.table.drop()
	s.checks.drop()
	// The version is there, with who made it: that its line of the log is missing is no
	// reason to tell the asker that nothing was done, nor is a browser that hung up.
	e := s.cfg.Service.Record(context.WithoutCancel(q.Context()), q.who, a, target, fmt.Sprintf("version %d: %s", v.Version, detail))
	if e != nil {
		s.count.failed.Add(1)
		s.seldom.Error(s.cfg.Now(), "a change of the table is missing in the audit log", "version", v.Version, "error", e)
	}
	return changed{v.Version}, nil
}

// belongs is how a table is refused in which two have the same address or domain. Which of
// them is changed it does not know: the later one is blamed, and the line of the other is
// one of a text that nobody sees here.
var belongs = regexp.MustCompile(`^((?:address|domain) (\S+) of \w+ (\S+) belongs to \w+ (\S+) already), in line \d+$`)

// notSaved says which field of a form an error is about: the new table was checked as a
// text, and its keys are the names of the fields.
func notSaved(d *table.Draft, err error) error {
	if errors.Is(err, table.ErrStaged) || errors.Is(err, table.ErrOtherKey) {
		return fault(http.StatusConflict, err.Error()) // says who, and what can be done
	}
	var bad *configs.Error
	if !errors.As(err, &bad) {
		return err
	}
	problem := bad.Problem
	m := belongs.FindStringSubmatch(problem)
	if m != nil {
		problem = m[1]
	}
	p := fault(http.StatusUnprocessableEntity, problem)
	lines := strings.Split(string(d.Table.Text()), "\n")
	if at := bad.Line - 1; at >= 0 && at < len(lines) {
		key, _, is := strings.Cut(strings.TrimLeft(lines[at], " -"), ":")
		if is && slices.Contains([]string{"id", "channels", "addresses", "domains", "non_numeric", "max_contacts"}, key) {
			p.Fields = map[string]string{key: problem}
			if m != nil {
				p.named("both", key, map[string]string{"what": m[2], "one": m[4], "other": m[3]})
			}
		}
	}
	return p
}

// checkComment refuses what the history does not keep.
func checkComment(comment string) error {
	if len(comment) > maxComment || strings.ContainsAny(comment, "\r\n") {
		return wrongAs("line", "comment", fmt.Sprintf("write one line of at most %d bytes", maxComment))
	}
	return nil
}

const maxComment = 500 // as the table's editor has it

type partyPut struct {
	Version     uint64   `json:"version"`
	New         bool     `json:"new"`
	Comment     string   `json:"comment"`
	Channels    int      `json:"channels"`
	Addresses   []string `json:"addresses"`
	Domains     []string `json:"domains"`
	NonNumeric  string   `json:"non_numeric"`
	MaxContacts int      `json:"max_contacts"`
}

// readParty reads a form, and the addresses in it.
func readParty(q *request) (in partyPut, nets []configs.Prefix, err error) {
	if err := q.body(&in); err != nil {
		return in, nil, err
	}
	for _, text := range in.Addresses {
		var p configs.Prefix
		if err := p.UnmarshalText([]byte(strings.TrimSpace(text))); err != nil {
			return in, nil, wrongAs("network", "addresses", err.Error())
		}
		nets = append(nets, p)
	}
	for i := range in.Domains {
		if in.Domains[i] = strings.TrimSpace(in.Domains[i]); !harmless(in.Domains[i]) {
			return in, nil, wrongAs("domain", "domains", fmt.Sprintf("%.64q: write the host part of a SIP address alone", in.Domains[i]))
		}
	}
	if id := q.PathValue("id"); !harmless(id) {
		return in, nil, wrongAs("id", "id", fmt.Sprintf("%.64q: use letters, digits, dots, dashes and underscores", id))
	}
	return in, nets, checkComment(in.Comment)
}

// harmless reports whether s stays one word in the text of the table, which is where it
// is checked: what ends a quoted word there must not get into it.
func harmless(s string) bool {
	return !strings.ContainsFunc(s, func(c rune) bool { return c == '"' || c == '\\' || !unicode.IsPrint(c) })
}

// partyIn finds the party of an id in a list; a new one is added. Lists of a draft may be
// those of the table before, so list is copied first.
func partyIn[T any](list []T, id func(*T) string, want string, isNew bool) ([]T, *T, error) {
	list = slices.Clone(list)
	for i := range list {
		if id(&list[i]) == want {
			if isNew {
				return nil, nil, wrongAs("exists", "id", want+" is there already")
			}
			return list, &list[i], nil
		}
	}
	var none T
	list = append(list, none)
	return list, &list[len(list)-1], nil
}

func customerID(c *configs.Customer) string { return c.ID }
func carrierID(c *configs.Carrier) string   { return c.ID }

func (s *Server) putCustomer(q *request) (any, error) {
	in, nets, err := readParty(q)
	if err != nil {
		return nil, err
	}
	rule := configs.Rule(in.NonNumeric)
	if rule != "" && rule.UnmarshalText([]byte(in.NonNumeric)) != nil {
		return nil, wrong("non_numeric", "write allow or deny, or nothing")
	}
	d, err := s.draft(q, in.Version)
	if err != nil {
		return nil, err
	}
	id := q.PathValue("id")
	list, c, err := partyIn(d.Table.Customers, customerID, id, in.New)
	if err != nil {
		return nil, err
	}
	c.ID, c.Channels, c.Nets, c.Domains, c.NonNumeric, c.MaxContacts = id, in.Channels, nets, in.Domains, rule, in.MaxContacts
	d.Table.Customers = list
	return s.save(q, d, in.Comment, actionPartyPut, "customer:"+id, inWords(d))
}

func (s *Server) putCarrier(q *request) (any, error) {
	in, nets, err := readParty(q)
	switch {
	case err != nil:
		return nil, err
	case in.NonNumeric != "":
		return nil, wrong("non_numeric", "a carrier has none")
	case in.MaxContacts != 0:
		return nil, wrong("max_contacts", "a carrier has none")
	}
	d, err := s.draft(q, in.Version)
	if err != nil {
		return nil, err
	}
	id := q.PathValue("id")
	list, c, err := partyIn(d.Table.Carriers, carrierID, id, in.New)
	if err != nil {
		return nil, err
	}
	c.ID, c.Channels, c.Nets, c.Domains = id, in.Channels, nets, in.Domains
	d.Table.Carriers = list
	return s.save(q, d, in.Comment, actionPartyPut, "carrier:"+id, inWords(d))
}

func (s *Server) removeCustomer(q *request) (any, error) {
	return s.removeParty(q, "customer", func(t *configs.Table, id string) bool {
		before := len(t.Customers)
		t.Customers = slices.DeleteFunc(slices.Clone(t.Customers), func(c configs.Customer) bool { return c.ID == id })
		return len(t.Customers) < before
	})
}

func (s *Server) removeCarrier(q *request) (any, error) {
	return s.removeParty(q, "carrier", func(t *configs.Table, id string) bool {
		before := len(t.Carriers)
		t.Carriers = slices.DeleteFunc(slices.Clone(t.Carriers), func(c configs.Carrier) bool { return c.ID == id })
		return len(t.Carriers) < before
	})
}

func (s *Server) removeParty(q *request, kind string, remove func(t *configs.Table, id string) bool) (any, error) {
	version := q.args.seen()
	if q.args.err != nil {
		return nil, q.args.err
	}
	d, err := s.draft(q, version)
	if err != nil {
		return nil, err
	}
	id := q.PathValue("id")
	if d.Before == nil || !remove(d.Table, id) {
		return nil, fault(http.StatusNotFound, "there is no such "+kind)
	}
	return s.save(q, d, "", actionPartyRemove, kind+":"+id, inWords(d))
}

// inWords says shortly what a draft changes, for the audit log.
func inWords(d *table.Draft) string {
	diff := d.Difference()
	var parts []string
	for i := range diff.Parties {
		p := &diff.Parties[i]
		words := append([]string{p.Change.String()}, p.Other...)
		for _, b := range p.Gained {
			words = append(words, "+"+table.Word(b))
		}
		for _, b := range p.Lost {
			words = append(words, "-"+table.Word(b))
		}
		parts = append(parts, strings.Join(words, " "))
	}
	return strings.Join(parts, "; ")
}
