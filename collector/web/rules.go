package web

import (
	"context"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// Alarm watches by the rules that are kept on the desk, and tells people.
type Alarm interface {
	// Check says what is wrong with a rule, by the JSON names of query.Rule; nothing: it is valid.
	Check(r *query.Rule) map[string]string
	// CheckDelivery is the same for the recipients of a rule alone.
	CheckDelivery(r *query.Rule) map[string]string
	// Sender is the address that e-mail comes from; empty: no mail server is configured.
	Sender() string
	// Changed makes it read the rules again. It never waits.
	Changed()
	// TestMail and TestWebhook send a test at once; the error is for the asker to read.
	TestMail(ctx context.Context, to string) error
	TestWebhook(ctx context.Context, to string) error
}

// Actions on rules.
const (
	actionRuleCreate accounts.Action = "alert.rule.create"
	actionRuleUpdate accounts.Action = "alert.rule.update"
	actionRuleRemove accounts.Action = "alert.rule.remove"
)

type ruleInput struct {
	Name      string   `json:"name"`
	Enabled   bool     `json:"enabled"`
	Area      string   `json:"area"`
	By        string   `json:"by"`
	Operator  string   `json:"operator"`
	Threshold float64  `json:"threshold"`
	Reset     float64  `json:"reset"`
	MinSample int64    `json:"min_sample"`
	PeriodS   int64    `json:"period_s"`
	RepeatS   int64    `json:"repeat_s"`
	Level     string   `json:"level"`
	Email     []string `json:"email"`
	Webhook   string   `json:"webhook"`
}

type ruleRow struct {
	ID     string `json:"id"`
	Firing int    `json:"firing"`
	ruleInput
}

// rule is what the alarm understands of it.
func (in *ruleInput) rule() *query.Rule {
	r := &query.Rule{Name: in.Name, Disabled: !in.Enabled, Area: in.Area, Operator: in.Operator, Threshold: in.Threshold, Reset: &in.Reset,
		MinSample: in.MinSample, PeriodS: in.PeriodS, RepeatS: in.RepeatS, Level: in.Level, Mail: in.Email}
	r.Kind, r.Party, _ = strings.Cut(in.By, ":")
	if in.Webhook != "" {
		r.Webhooks = []string{in.Webhook}
	}
	return r
}

func ruleOf(r *query.Rule, firing int) ruleRow {
	x := ruleRow{r.ID, firing, ruleInput{Name: r.Name, Enabled: !r.Disabled, Area: r.Area, By: r.Kind, Operator: r.Operator, Threshold: r.Threshold, Reset: r.Threshold,
		MinSample: r.MinSample, PeriodS: r.PeriodS, RepeatS: r.RepeatS, Level: r.Level, Email: append([]string{}, r.Mail...)}}
	if r.Party != "" {
		x.By += ":" + r.Party
	}
	if r.Reset != nil {
		x.Reset = *r.Reset
	}
	if len(r.Webhooks) > 0 {
		x.Webhook = r.Webhooks[0]
	}
	return x
}

// formFields are the fields of a form whose names in a rule are others.
var formFields = map[string]string{"kind": "by", "party": "by", "mail": "email", "webhooks": "webhook"}

// ruleWords are what the pages say of fields: one sentence each, which holds for all that
// can be wrong with it.
var ruleWords = map[string]string{"name": "name", "threshold": "beyond", "reset": "reset", "email": "recipients", "webhook": "webhook",
	"level": "choice", "area": "choice", "operator": "choice", "by": "scope", "min_sample": "sample", "period_s": "period", "repeat_s": "repeat"}

var errNoAlarm = fault(http.StatusNotFound, "this collector does not watch for alerts")

// readRule reads a rule that is valid.
func (s *Server) readRule(q *request) (*query.Rule, error) {
	if s.cfg.Alarm == nil {
		return nil, errNoAlarm
	}
	var in ruleInput
	if err := q.body(&in); err != nil {
		return nil, err
	}
	r := in.rule()
	bad := s.cfg.Alarm.Check(r)
	if kind, party, given := strings.Cut(in.By, ":"); given && party == "" {
		bad = map[string]string{"party": "after " + strconv.Quote(kind+":") + " there must be an id"}
	}
	return r, notValid(bad)
}

// notValid tells of what is wrong with a rule under the names of the form's fields; nil
// when nothing is.
func notValid(bad map[string]string) error {
	if len(bad) == 0 {
		return nil
	}
	fields, words := map[string]string{}, map[string]string{}
	var all []string
	for name, why := range bad {
		if form := formFields[name]; form != "" {
			name = form
		}
		fields[name] = why
		if word := ruleWords[name]; word != "" {
			words[name] = word
		}
		all = append(all, name+": "+why)
	}
	slices.Sort(all)
	p := fault(http.StatusUnprocessableEntity, strings.Join(all, "; "))
	p.Fields, p.Words = fields, words
	return p
}

// firing counts the alerts of each rule that are on.
func (s *Server) firing(ctx context.Context, rule string) (map[string]int, error) {
	n := map[string]int{}
	return n, s.cfg.Desk.Events(ctx, query.EventFilter{Open: true, Rule: rule}, func(e *query.Event) error {
		n[e.Rule]++
		return nil
	})
}

func (s *Server) rules(q *request) (any, error) {
	firing, err := s.firing(q.Context(), "")
	if err != nil {
		return nil, err
	}
	out := page[ruleRow]{Items: []ruleRow{}}
	err = s.cfg.Desk.Rules(q.Context(), "", func(r *query.Rule) error {
		x := ruleOf(r, firing[r.ID])
		x.Webhook = q.view.webhook(x.Webhook)
		out.Items = append(out.Items, x)
		return nil
	})
	slices.SortStableFunc(out.Items, func(a, b ruleRow) int { return strings.Compare(strings.ToLower(a.Name), strings.ToLower(b.Name)) })
	return out, err
}

func (s *Server) addRule(q *request) (any, error) {
	r, err := s.readRule(q)
	if err != nil {
		return nil, err
	}
	return s.putRule(q, r, actionRuleCreate)
}

func (s *Server) changeRule(q *request) (any, error) {
	r, err := s.readRule(q)
	if err != nil {
		return nil, err
	}
	old, err := s.oneRule(q)
	if err != nil {
		return nil, err
	}
	r.ID, r.Version = old.ID, old.Version
	if len(old.Webhooks) > 1 && len(r.Webhooks) == 1 && r.Webhooks[0] == old.Webhooks[0] {
		r.Webhooks = old.Webhooks // the form shows the first one only
	}
	return s.putRule(q, r, actionRuleUpdate)
}

func (s *Server) putRule(q *request, r *query.Rule, a accounts.Action) (any, error) {
	if err := s.cfg.Desk.PutRule(q.Context(), r, s.entry(q, a, r.Name, r.Area)); err != nil {
		return nil, err
	}
	s.ruleChanged()
	firing, err := s.firing(q.Context(), r.ID)
	return ruleOf(r, firing[r.ID]), err
}

func (s *Server) removeRule(q *request) (any, error) {
	r, err := s.oneRule(q)
	if err != nil {
		return nil, err
	}
	if err := s.cfg.Desk.DeleteRule(q.Context(), r.ID, r.Version, s.entry(q, actionRuleRemove, r.Name, r.Area)); err != nil {
		return nil, err
	}
	s.ruleChanged()
	return nil, nil //nolint:nilnil // 204
}

func (s *Server) ruleChanged() {
	s.checks.drop()
	if s.cfg.Alarm != nil {
		s.cfg.Alarm.Changed()
	}
}

// oneRule is the rule that the path names.
func (s *Server) oneRule(q *request) (*query.Rule, error) {
	var found *query.Rule
	err := s.cfg.Desk.Rules(q.Context(), q.PathValue("id"), func(r *query.Rule) error {
		found = new(*r)
		return nil
	})
	if err == nil && found == nil {
		err = query.ErrNotFound
	}
	return found, err
}
