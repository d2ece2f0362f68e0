package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/alerts"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/configs"
)

// feed is what nodes say of themselves; *ingest.Ingest is one.
type feed interface {
	Nodes() []ingest.Node
	Stats() ingest.Stats
}

// alerting watches for alerts, and sends them.
type alerting struct {
	store      store.Store
	feed       feed
	log        *slog.Logger
	now        func() time.Time
	service    *alerts.Service
	dispatcher *alerts.Dispatcher
	dashboard  string // its address; "" without. Set before run
	sender     string // of e-mail; "" without a mail server

	mu        sync.Mutex // guards all below
	connected int        // brokers, when it was last looked at
	since     time.Time  // live messages come in
}

// newAlerting builds it; run must follow.
func newAlerting(cfg *configs.Alerts, s store.Store, f feed, now func() time.Time, log *slog.Logger) (*alerting, error) {
	a := &alerting{store: s, feed: f, now: now, log: log}
	if cfg.Mail.On() {
		a.sender = cfg.Mail.From
	}
	mail, err := mailServer(&cfg.Mail)
	if err != nil {
		return nil, err
	}
	a.dispatcher = alerts.NewDispatcher(alerts.DispatcherConfig{Mail: mail, Log: log, Now: now,
		Hook: alerts.Hook{Secret: []byte(cfg.Webhook.Secret.Reveal()), AllowPrivate: cfg.Webhook.AllowPrivate},
		Done: func(r alerts.Result) { a.service.Done(r) }})
	a.service = alerts.New(alerts.Config{Storage: s, Records: s, Present: a, Offer: a.dispatcher.Offer, Log: log, Now: now})
	return a, nil
}

// mailServer is the server of the configuration; nil when it names none.
func mailServer(m *configs.Mail) (*alerts.Mail, error) {
	if !m.On() {
		return nil, nil //nolint:nilnil // none, and that is no error
	}
	out := &alerts.Mail{Host: m.Host, Port: m.Port, Security: m.Security, Username: m.Username, Password: m.Password.Reveal(), From: m.From}
	return out, out.Check()
}

// run watches and sends until ctx ends.
func (a *alerting) run(ctx context.Context) error {
	if err := a.firstRules(ctx); err != nil && ctx.Err() == nil {
		a.log.Error("making the first rules for alerts; the next start tries again", "error", err)
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.service.Run(ctx) })
	group.Go(func() error { return a.dispatcher.Run(ctx) })
	return group.Wait()
}

// firstRules makes rules to start with, once: whoever removes them does not want them
// back. It is noted before they are made, so that of several collectors one makes them.
func (a *alerting) firstRules(ctx context.Context) error {
	_, err := a.store.Setting(ctx, query.SettingFirstRules)
	if !errors.Is(err, query.ErrNotFound) {
		return err
	}
	n := 0
	if err := a.store.Rules(ctx, "", func(*query.Rule) error { n++; return nil }); err != nil {
		return err
	}
	x := &query.Setting{Key: query.SettingFirstRules, Value: []byte("true")}
	err = a.store.PutSetting(ctx, x, nil)
	if errors.Is(err, query.ErrConflict) { // another collector makes them
		return nil
	}
	if err != nil || n > 0 {
		return err
	}
	rules := alerts.Defaults()
	for i := range rules {
		err = errors.Join(err, a.store.PutRule(ctx, &rules[i], nil))
	}
	return err
}

// Nodes joins what the store and the live messages know.
func (a *alerting) Nodes(ctx context.Context) ([]alerts.Node, time.Time, error) {
	stored, err := a.store.Nodes(ctx)
	if err != nil {
		return nil, time.Time{}, err
	}
	return joinNodes(stored, a.feed.Nodes()), a.listening(a.now()), nil
}

func joinNodes(stored []query.Node, live []ingest.Node) (out []alerts.Node) {
	now := map[string]ingest.Node{}
	for _, n := range live {
		now[n.ID] = n
	}
	for i := range stored {
		n := &stored[i]
		l := now[n.ID]
		delete(now, n.ID)
		out = append(out, alerts.Live(n.ID, time.UnixMilli(n.FirstSeenUnixMs), time.UnixMilli(n.LastSeenUnixMs), l.Live, l.LiveAt, l.State, l.StateAt))
	}
	for _, l := range live {
		if _, left := now[l.ID]; left {
			out = append(out, alerts.Live(l.ID, time.Time{}, time.Time{}, l.Live, l.LiveAt, l.State, l.StateAt))
		}
	}
	return out
}

// listening is since when live messages come in without a break. A broker that was lost
// is one: nodes may have been on it.
func (a *alerting) listening(now time.Time) time.Time {
	st := a.feed.Stats()
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case st.Brokers > 0 && st.Connected == 0:
		a.since = time.Time{}
	case a.since.IsZero() || st.Connected < a.connected:
		a.since = now
	}
	a.connected = st.Connected
	return a.since
}

// Delivery says to whom alerts go whose rule names nobody, and where the dashboard is.
func (a *alerting) Delivery(ctx context.Context) (alerts.Delivery, error) {
	d := alerts.Delivery{Dashboard: a.dashboard}
	x, err := a.store.Setting(ctx, query.SettingDelivery)
	if errors.Is(err, query.ErrNotFound) {
		return d, nil
	}
	if err != nil {
		return d, err
	}
	var to struct {
		Email   []string `json:"email"`
		Webhook string   `json:"webhook"`
	}
	if err := json.Unmarshal(x.Value, &to); err != nil {
		return d, fmt.Errorf("reading where alerts go: %w", err)
	}
	if d.Mail = to.Email; to.Webhook != "" {
		d.Webhooks = []string{to.Webhook}
	}
	return d, nil
}

// The following is what the dashboard asks for: web.Alarm.

func (a *alerting) Check(r *query.Rule) map[string]string { return fieldsOf(alerts.Check(r)) }
func (a *alerting) CheckDelivery(r *query.Rule) map[string]string {
	return fieldsOf(alerts.CheckDelivery(r))
}

func fieldsOf(err error) map[string]string {
	var x alerts.Invalid
	if errors.As(err, &x) {
		return x
	}
	return nil
}

func (a *alerting) Sender() string { return a.sender }

func (a *alerting) Changed() { a.service.Changed() }

func (a *alerting) TestMail(ctx context.Context, to string) error {
	return a.dispatcher.Test(ctx, alerts.ByMail, to)
}

func (a *alerting) TestWebhook(ctx context.Context, to string) error {
	return a.dispatcher.Test(ctx, alerts.ByWebhook, to)
}

// alertStatus is what the admin pages show.
func alertStatus(s *alerts.Stats, d *alerts.DispatchStats) *admin.Alerts {
	out := &admin.Alerts{Open: s.ByLevel, Rules: s.Rules, InvalidRules: s.InvalidRules, JudgedUnixMs: unixMs(s.LastStep), Error: s.LastError, Queued: d.Queued}
	for _, c := range []struct {
		name string
		*alerts.ChannelStats
	}{{alerts.ByMail, &d.Mail}, {alerts.ByWebhook, &d.Webhook}} {
		x := admin.AlertChannel{Channel: c.name, Sent: c.Sent, Retried: c.Retried, Failed: c.Failed, Dropped: c.Dropped, SentUnixMs: unixMs(c.LastSent)}
		if c.LastErrorAt.After(c.LastSent) {
			x.Error = c.LastError
		}
		out.Channels = append(out.Channels, x)
	}
	return out
}

func unixMs(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMilli()
}
