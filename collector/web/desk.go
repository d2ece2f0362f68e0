package web

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// entry is a line of the audit log for a change that the asker makes here.
func (s *Server) entry(q *request, a accounts.Action, target, detail string) *accounts.Entry {
	e := &accounts.Entry{AtUnixMs: s.cfg.Now().UnixMilli(), Actor: q.who.Account, Name: q.who.Name, Action: a, Target: target, Detail: detail}
	if q.who.Token != "" {
		e.Actor = q.who.Token
	}
	if q.from.IsValid() {
		e.From = q.from.String()
	}
	return e
}

// Actions of this package.
const (
	actionBalance       accounts.Action = "balance.set"
	actionBalanceRemove accounts.Action = "balance.remove"
	actionAck           accounts.Action = "alert.ack"
)

func isLink(s string, schemes ...string) bool {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User != nil || len(s) > 1024 {
		return false
	}
	for _, x := range schemes {
		if u.Scheme == x {
			return true
		}
	}
	return false
}

type balance struct {
	Amount     string `json:"amount"`
	Currency   string `json:"currency"`
	At         int64  `json:"at_unix_ms"`
	PaymentURL string `json:"payment_url,omitempty"`
}

type balanceRow struct {
	Customer string `json:"customer"`
	balance
}

// exponents are the currencies whose smallest unit is no hundredth (ISO 4217).
var exponents = func() map[string]int {
	m := map[string]int{"CLF": 4, "UYW": 4}
	for c := range strings.FieldsSeq("BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF") {
		m[c] = 0
	}
	for c := range strings.FieldsSeq("BHD IQD JOD KWD LYD OMR TND") {
		m[c] = 3
	}
	return m
}()

func exponent(currency string) int {
	if n, ok := exponents[currency]; ok {
		return n
	}
	return 2
}

// amountOf writes an amount in the smallest unit as a decimal.
func amountOf(minor int64, currency string) string {
	n := exponent(currency)
	sign := ""
	u := uint64(minor) // the next lines take care of its sign
	if minor < 0 {
		sign, u = "-", -u
	}
	text := fmt.Sprintf("%0*d", n+1, u)
	if n == 0 {
		return sign + text
	}
	return sign + text[:len(text)-n] + "." + text[len(text)-n:]
}

var errAmount = errors.New("write a decimal as 12.50, with no more digits than the currency has")

// minorOf reads what amountOf writes, and fewer digits after the point.
func minorOf(amount, currency string) (int64, error) {
	n := exponent(currency)
	whole, part, point := strings.Cut(amount, ".")
	digits := strings.TrimPrefix(whole, "-")
	if digits == "" || point && part == "" || len(part) > n || strings.Trim(digits+part, "0123456789") != "" {
		return 0, errAmount
	}
	v, err := strconv.ParseInt(whole+part+strings.Repeat("0", n-len(part)), 10, 64)
	if err != nil {
		return 0, errAmount
	}
	return v, nil
}

func balanceOf(b *query.Balance) balance {
	return balance{amountOf(b.AmountMinor, b.Currency), b.Currency, b.UpdatedUnixMs, b.PaymentURL}
}

func (s *Server) balances(q *request) (any, error) {
	out := page[balanceRow]{Items: []balanceRow{}}
	err := q.view.balances(q.Context(), func(b *query.Balance) error {
		out.Items = append(out.Items, balanceRow{b.Customer, balanceOf(b)})
		return nil
	})
	return out, err
}

func (s *Server) putBalance(q *request) (any, error) {
	var in struct {
		Amount     string `json:"amount"`
		Currency   string `json:"currency"`
		PaymentURL string `json:"payment_url"`
	}
	if err := q.body(&in); err != nil {
		return nil, err
	}
	if len(in.Currency) != 3 || strings.Trim(in.Currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != "" {
		return nil, wrong("currency", "write three capital letters, as EUR (ISO 4217)")
	}
	minor, err := minorOf(in.Amount, in.Currency)
	if err != nil {
		return nil, wrong("amount", err.Error())
	}
	if in.PaymentURL != "" && !isLink(in.PaymentURL, "https") {
		return nil, wrong("payment_url", "write https://host/...")
	}
	b := &query.Balance{Customer: q.PathValue("customer"), AmountMinor: minor, Currency: in.Currency, PaymentURL: in.PaymentURL}
	if len(b.Customer) > maxText {
		return nil, fault(http.StatusBadRequest, "the customer's id is too long")
	}
	if err := s.cfg.Desk.PutBalance(q.Context(), b, s.entry(q, actionBalance, b.Customer, amountOf(minor, in.Currency)+" "+in.Currency)); err != nil {
		return nil, err
	}
	return balanceRow{b.Customer, balanceOf(b)}, nil
}

func (s *Server) removeBalance(q *request) (any, error) {
	id := q.PathValue("customer")
	return nil, s.cfg.Desk.DeleteBalance(q.Context(), id, s.entry(q, actionBalanceRemove, id, ""))
}

type alertEvent struct {
	ID        string   `json:"id"`
	Rule      string   `json:"rule"`
	Name      string   `json:"name"`
	Area      string   `json:"area"`
	Level     string   `json:"level"`
	Scope     string   `json:"scope"`
	Value     *float64 `json:"value"`
	Num       int64    `json:"num"`
	Den       int64    `json:"den"`
	Operator  string   `json:"operator"`
	Threshold float64  `json:"threshold"`
	Since     int64    `json:"since_unix_ms"`
	Ended     int64    `json:"ended_unix_ms"`
	AckedBy   string   `json:"acked_by"`
	Acked     int64    `json:"acked_unix_ms"`
	Text      string   `json:"text"`
}

// scopeWord is whom an alert is about, as a rule's `by` says it.
func scopeWord(e *query.Event) string {
	switch {
	case e.Node != "":
		return "node:" + e.Node
	case e.Party != "":
		return e.Kind + ":" + e.Party
	}
	return query.KindTotal
}

func (s *Server) events(ctx context.Context, f query.EventFilter, each func(*query.Event, alertEvent)) error {
	return s.cfg.Desk.Events(ctx, f, func(e *query.Event) error {
		x := alertEvent{ID: e.ID, Rule: e.Rule, Name: e.RuleName, Area: e.Area, Level: e.Level, Scope: scopeWord(e), Num: e.Num, Den: e.Den, Operator: e.Operator,
			Threshold: e.Threshold, Since: e.RaisedUnixMs, Ended: e.ClearedUnixMs, AckedBy: e.AckedBy, Acked: e.AckedUnixMs, Text: e.Text}
		if e.Value != nil {
			x.Value = new(*e.Value)
		}
		each(e, x)
		return nil
	})
}

func (s *Server) alertEvents(q *request) (any, error) {
	if _, err := q.view.all(); err != nil {
		return nil, err
	}
	limit := q.args.limit()
	f := query.EventFilter{Limit: limit + 1}
	if on := q.args.flag("open"); on != nil {
		f.Open = *on
	}
	f.FromUnixMs, f.ToUnixMs = q.args.times()
	if after := q.args.values.Get("after"); after != "" {
		f.After = new(query.EventPosition)
		if openPlace(after, f.After) != nil || len(f.After.ID) > maxText {
			q.args.fail("after", errPlace.Error())
		}
	}
	if q.args.err != nil {
		return nil, q.args.err
	}
	out := page[alertEvent]{Items: []alertEvent{}}
	var last query.EventPosition
	err := s.events(q.Context(), f, func(e *query.Event, x alertEvent) {
		if len(out.Items) == limit {
			out.Next = sealPlace(last)
			return
		}
		last = query.EventPosition{RaisedUnixMs: e.RaisedUnixMs, ID: e.ID}
		out.Items = append(out.Items, x)
	})
	return out, err
}

func (s *Server) ackEvent(q *request) (any, error) {
	id := q.PathValue("id")
	s.checks.drop()
	return nil, s.cfg.Desk.AckEvent(q.Context(), id, q.who.Name, s.entry(q, actionAck, id, ""))
}
