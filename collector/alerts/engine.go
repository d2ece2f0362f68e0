package alerts

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// Change is what became of an alert.
type Change uint8

// Changes; the zero value is invalid.
const (
	Raised Change = iota + 1
	Repeated
	Updated // a newer value, for the page alone: nobody is told
	Cleared
	Dropped // its rule is gone: nobody is told
)

// String returns the word that messages use.
func (c Change) String() string {
	switch c {
	case Raised:
		return "raised"
	case Repeated:
		return "repeated"
	case Updated:
		return "updated"
	case Cleared:
		return "cleared"
	case Dropped:
		return "dropped"
	}
	return "invalid"
}

// transition is one change of an alert. Event is the engine's own: the store's id is set
// in it, and nothing else, before the next Step. A rule that is gone is nil.
type transition struct {
	Change Change
	Rule   *query.Rule
	Event  *query.Event
}

// maxStates bounds alerts that are on or about to be.
const maxStates = 5000

type key struct {
	rule string
	party
}

// engine judges rules. It is not safe for concurrent use.
type engine struct {
	rules    []query.Rule
	states   map[key]*state
	Overflow uint64 // alerts that were not raised for want of room
}

// newEngine returns an engine without rules.
func newEngine() *engine { return &engine{states: map[key]*state{}} }

// Restore takes over an alert that is open in the store. It comes before the rules.
func (e *engine) Restore(x query.Event) {
	who := key{x.Rule, party{x.Kind, x.Party}}
	if !x.Open() || e.states[who] != nil || len(e.states) >= maxStates {
		return
	}
	said := time.UnixMilli(max(x.SentUnixMs, x.RaisedUnixMs))
	e.states[who] = &state{event: &x, said: said, updated: said, unsaid: x.SentUnixMs == 0}
}

// SetRules replaces all rules. Alerts end whose rule is gone, disabled, or about
// something else now. Rules that are not valid are left out, and their errors
// returned.
func (e *engine) SetRules(now time.Time, rules []query.Rule) (out []transition, errs []error) {
	before := map[string]query.Rule{}
	for _, r := range e.rules {
		before[r.ID] = r
	}
	e.rules = nil
	keep := map[string]bool{}
	for _, r := range rules {
		if r.Disabled {
			continue
		}
		if err := Check(&r); err != nil {
			errs = append(errs, fmt.Errorf("rule %s: %w", r.ID, err))
			continue
		}
		old, known := before[r.ID]
		keep[r.ID] = !known || old.Area == r.Area && old.Operator == r.Operator
		e.rules = append(e.rules, r)
	}
	slices.SortFunc(e.rules, func(a, b query.Rule) int { return cmp.Compare(a.ID, b.ID) })
	for _, k := range e.keys() {
		if keep[k.rule] && e.covers(k) {
			continue
		}
		if x := e.states[k].event; x != nil {
			x.ClearedUnixMs, x.Text = now.UnixMilli(), "its rule is gone, was disabled or is about something else now"
			out = append(out, transition{Change: Dropped, Event: x})
		}
		delete(e.states, k)
	}
	return out, errs
}

// covers reports whether a rule is still about a party.
func (e *engine) covers(k key) bool {
	for i := range e.rules {
		if r := &e.rules[i]; r.ID == k.rule {
			return r.Kind == k.kind && (r.Party == "" || r.Party == k.id)
		}
	}
	return false
}

func (e *engine) keys() []key {
	out := make([]key, 0, len(e.states))
	for k := range e.states {
		out = append(out, k)
	}
	slices.SortFunc(out, func(a, b key) int {
		return cmp.Or(cmp.Compare(a.rule, b.rule), cmp.Compare(a.kind, b.kind), cmp.Compare(a.id, b.id))
	})
	return out
}

// Periods lists the periods that a tally must have.
func (e *engine) Periods() (out []int64) {
	for i := range e.rules {
		if areas[e.rules[i].Area].Counted {
			out = append(out, e.rules[i].PeriodS)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Uses reports whether a rule is of one of these areas.
func (e *engine) Uses(words ...string) bool {
	return slices.ContainsFunc(e.rules, func(r query.Rule) bool { return slices.Contains(words, r.Area) })
}

// ByParty reports whether a counted rule is about anything but the total.
func (e *engine) ByParty() bool {
	return slices.ContainsFunc(e.rules, func(r query.Rule) bool { return areas[r.Area].Counted && r.Kind != query.KindTotal })
}

// Open lists the alerts that are on, by rule and party. They are the engine's own.
func (e *engine) Open() (out []*query.Event) {
	for _, k := range e.keys() {
		if x := e.states[k].event; x != nil {
			out = append(out, x)
		}
	}
	return out
}

// Step judges all rules. Its order is that of rules and parties.
func (e *engine) Step(now time.Time, f *figures) (out []transition) {
	open := map[string][]party{}
	for _, k := range e.keys() {
		open[k.rule] = append(open[k.rule], k.party)
	}
	for i := range e.rules {
		r := &e.rules[i]
		scopes := f.scopes(r, now)
		for _, who := range open[r.ID] { // also of those who have no figures any more
			if !slices.Contains(scopes, who) {
				scopes = append(scopes, who)
			}
		}
		for _, who := range scopes {
			x := f.read(r, who, now)
			if t := e.judge(now, r, who, &x); t != nil {
				out = append(out, *t)
			}
		}
	}
	return out
}

// judge moves one alert on by one reading.
func (e *engine) judge(now time.Time, r *query.Rule, who party, x *reading) *transition {
	k := key{r.ID, who}
	s := e.states[k]
	if s == nil {
		if s = new(state); x.blank != "" || !passes(r, x.value, r.Threshold) {
			return nil
		}
		if len(e.states) >= maxStates {
			e.Overflow++
			return nil
		}
		e.states[k] = s
	}
	var t *transition
	if s.event == nil {
		t = s.waiting(now, r, who, x)
	} else {
		t = s.on(now, r, who, x)
	}
	if s.event == nil && s.bad.IsZero() {
		delete(e.states, k)
	}
	return t
}

// Forget drops an alert that somebody else ended in the store.
func (e *engine) Forget(x *query.Event) {
	k := key{x.Rule, party{x.Kind, x.Party}}
	if s := e.states[k]; s != nil && s.event == x {
		delete(e.states, k)
	}
}
