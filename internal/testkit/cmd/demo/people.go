package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"time"
)

// person is somebody who may log in.
type person struct {
	Email    string `json:"email"`
	Password string `json:"password"`
	Customer string `json:"customer,omitempty"`
}

// access is how to get to the dashboard.
type access struct {
	url                string
	link               string // makes the first account; "" when there is one
	operator, customer person
}

// say tells people.
func (a *access) say(w io.Writer) {
	fmt.Fprintf(w, "\nThe dashboard   %s\n", a.url)
	if a.link != "" {
		fmt.Fprintf(w, "This link makes the first account: %s\n\n", a.link)
		return
	}
	fmt.Fprintf(w, "  operator      %s   password %s\n", a.operator.Email, a.operator.Password)
	fmt.Fprintf(w, "  customer %s %s   password %s\n", a.customer.Customer, a.customer.Email, a.customer.Password)
	fmt.Fprint(w, "These accounts are of this demo, and go with it.\n\n")
}

// admit makes the accounts of the demo, through the one-time links that people get.
func (d *demo) admit(ctx context.Context) error {
	link, err := dashboard(d.collector)
	if err != nil {
		return err
	}
	base, token, found := strings.Cut(link, "/#/setup/")
	if !found {
		return fmt.Errorf("the collector's link, %s, makes no account", link)
	}
	d.access.url = base + "/"
	if d.options.link {
		d.access.link = link
		return nil
	}
	customer := customers[0].id
	d.access.operator = person{Email: "operator@demo.example", Password: password()}
	d.access.customer = person{Email: "someone@" + customer + ".example", Password: password(), Customer: customer}
	return furnish(ctx, base, token, &d.access)
}

func password() string { return "demo-" + strings.ToLower(rand.Text()[:12]) }

// furnish has the operator set up what a customer portal needs: an account for a customer, his
// balance, the company, and rules that watch.
func furnish(ctx context.Context, base, token string, a *access) error {
	operator, err := newVisitor(base)
	if err != nil {
		return err
	}
	if err := operator.setUp(ctx, token, &a.operator, "Olivia Operator"); err != nil {
		return err
	}
	var made struct {
		Link string `json:"link"`
	}
	err = operator.do(ctx, http.MethodPost, "/accounts", map[string]any{
		"email": a.customer.Email, "name": "Carl Customer", "role": "customer", "customer": a.customer.Customer}, &made)
	if err != nil {
		return err
	}
	_, token, _ = strings.Cut(made.Link, "/#/setup/")
	customer, err := newVisitor(base)
	if err != nil {
		return err
	}
	if err := customer.setUp(ctx, token, &a.customer, "Carl Customer"); err != nil {
		return err
	}
	for i, c := range customers {
		err := operator.do(ctx, http.MethodPut, "/balances/"+c.id, map[string]any{
			"amount": fmt.Sprintf("%d.50", 128-90*i), "currency": "EUR", "payment_url": "https://billing.example/pay/" + c.id}, nil)
		if err != nil {
			return err
		}
	}
	if err := operator.do(ctx, http.MethodPatch, "/company", map[string]any{"name": "Demo Telecom", "email": "noc@demo.example"}, nil); err != nil {
		return err
	}
	for _, r := range rules {
		if err := operator.do(ctx, http.MethodPost, "/alerts/rules", r, nil); err != nil {
			return err
		}
	}
	return nil
}

// rules are alerts of the demo. The second is on whenever somebody tries a number that is not his.
var rules = []map[string]any{
	{"name": "Few calls are answered", "enabled": true, "area": "asr", "by": "total", "operator": "below", "threshold": 40, "reset": 45,
		"min_sample": 20, "period_s": 900, "repeat_s": 0, "level": "warning", "email": []string{}, "webhook": ""},
	{"name": "Registrations are refused", "enabled": true, "area": "refusals", "by": "total", "operator": "above", "threshold": 2, "reset": 0,
		"min_sample": 0, "period_s": 300, "repeat_s": 0, "level": "info", "email": []string{}, "webhook": ""},
}

// visitor is a browser without pages.
type visitor struct {
	base, csrf string
	client     http.Client
}

const requestWait = 15 * time.Second

func newVisitor(base string) (*visitor, error) {
	jar, err := cookiejar.New(nil)
	if err != nil {
		return nil, fmt.Errorf("visit the dashboard: %w", err)
	}
	return &visitor{base: base, client: http.Client{Jar: jar, Timeout: requestWait}}, nil
}

// setUp opens a one-time link, and is logged in then.
func (v *visitor) setUp(ctx context.Context, token string, p *person, name string) error {
	var s struct {
		State string `json:"state"`
		CSRF  string `json:"csrf"`
	}
	err := v.do(ctx, http.MethodPost, "/setup", map[string]any{"token": token, "name": name, "email": p.Email, "password": p.Password}, &s)
	v.csrf = s.CSRF
	return err
}

// do asks the API.
func (v *visitor) do(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	at, err := url.JoinPath(v.base, "/api/v1", path)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	q, err := http.NewRequestWithContext(ctx, method, at, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	q.Header.Set("Content-Type", "application/json")
	q.Header.Set("X-CSRF", v.csrf)
	a, err := v.client.Do(q)
	if err != nil {
		return fmt.Errorf("ask the dashboard: %w", err)
	}
	text, err := io.ReadAll(io.LimitReader(a.Body, 1<<20))
	if err := errors.Join(err, a.Body.Close()); err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if a.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %s: %s", method, path, a.Status, bytes.TrimSpace(text))
	}
	if out == nil {
		return nil
	}
	if err := json.Unmarshal(text, out); err != nil {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	return nil
}
