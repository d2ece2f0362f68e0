package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// Actions on delivery.
const (
	actionDelivery accounts.Action = "alert.delivery"
	actionTest     accounts.Action = "alert.test"
)

// Bounds of tests: whoever asks for one waits, and nobody is to be flooded with them.
const (
	testTimeout = 20 * time.Second // of one request
	testBurst   = 5                // requests of one account in testWindow
	testWindow  = time.Minute
)

// deliveryInput is where alerts go whose rule names nobody.
type deliveryInput struct {
	Email   []string `json:"email"`
	Webhook string   `json:"webhook"`
}

type delivery struct {
	deliveryInput
	Sender string `json:"sender"`
	Tested int64  `json:"tested_unix_ms"`
}

// rule is a rule that is delivered there, as far as that goes.
func (in *deliveryInput) rule() *query.Rule {
	r := &query.Rule{Mail: in.Email}
	if in.Webhook != "" {
		r.Webhooks = []string{in.Webhook}
	}
	return r
}

func (s *Server) delivery(ctx context.Context) (d delivery, version int64, err error) {
	d.Email = []string{}
	if s.cfg.Alarm != nil {
		d.Sender = s.cfg.Alarm.Sender()
	}
	if x, err := s.setting(ctx, query.SettingEmailTested); err != nil {
		return d, 0, err
	} else if x != nil {
		d.Tested, _ = strconv.ParseInt(string(x.Value), 10, 64) // what is no time was not written by noteMailTest
	}
	x, err := s.setting(ctx, query.SettingDelivery)
	if err != nil || x == nil {
		return d, 0, err
	}
	if err := json.Unmarshal(x.Value, &d.deliveryInput); err != nil {
		return d, 0, fmt.Errorf("reading where alerts go: %w", err)
	}
	return d, x.Version, nil
}

// setting is nil where there is none.
func (s *Server) setting(ctx context.Context, key string) (*query.Setting, error) {
	x, err := s.cfg.Desk.Setting(ctx, key)
	if errors.Is(err, query.ErrNotFound) {
		return nil, nil //nolint:nilnil // none, and that is no error
	}
	return x, err
}

func (s *Server) getDelivery(q *request) (any, error) {
	d, _, err := s.delivery(q.Context())
	d.Webhook = q.view.webhook(d.Webhook)
	return d, err
}

func (s *Server) putDelivery(q *request) (any, error) {
	if s.cfg.Alarm == nil {
		return nil, errNoAlarm
	}
	var in deliveryInput
	if err := q.body(&in); err != nil {
		return nil, err
	}
	if err := notValid(s.cfg.Alarm.CheckDelivery(in.rule())); err != nil {
		return nil, err
	}
	d, version, err := s.delivery(q.Context())
	if err != nil {
		return nil, err
	}
	if d.deliveryInput = in; d.Email == nil {
		d.Email = []string{}
	}
	raw, err := json.Marshal(d.deliveryInput)
	if err != nil {
		return nil, err
	}
	x := &query.Setting{Key: query.SettingDelivery, Value: raw, Version: version}
	detail := fmt.Sprintf("%d e-mail addresses", len(d.Email))
	if d.Webhook != "" {
		detail += ", webhook " + hostOf(d.Webhook)
	}
	if err := s.cfg.Desk.PutSetting(q.Context(), x, s.entry(q, actionDelivery, "", detail)); err != nil {
		return nil, err
	}
	s.ruleChanged()
	return d, nil
}

// hostOf is what of a webhook's URL is shown to others: its path can be a secret.
func hostOf(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return ""
	}
	return u.Host
}

func (s *Server) testDelivery(q *request) (any, error) {
	if s.cfg.Alarm == nil {
		return nil, errNoAlarm
	}
	var in deliveryInput
	if err := q.body(&in); err != nil {
		return nil, err
	}
	if len(in.Email) == 0 && in.Webhook == "" {
		return nil, wrongAs("nobody", "email", "name an e-mail address or a webhook")
	}
	if err := notValid(s.cfg.Alarm.CheckDelivery(in.rule())); err != nil {
		return nil, err
	}
	if wait := s.tests.take(cmp.Or(q.who.Token, q.who.Account), s.cfg.Now()); wait > 0 {
		p := fault(http.StatusTooManyRequests, fmt.Sprintf("there were %d tests within a minute: wait a little", testBurst))
		p.RetryAfter = int64((wait + time.Second - 1) / time.Second)
		return nil, p
	}
	ctx, cancel := context.WithTimeout(q.Context(), testTimeout)
	defer cancel()
	for _, to := range in.Email {
		if err := s.tried(q, to, "e-mail", s.cfg.Alarm.TestMail(ctx, to)); err != nil {
			return nil, onlyField(err, "email")
		}
		if err := s.noteMailTest(q); err != nil {
			return nil, err
		}
	}
	if in.Webhook != "" {
		if err := s.tried(q, hostOf(in.Webhook), "webhook", s.cfg.Alarm.TestWebhook(ctx, in.Webhook)); err != nil {
			return nil, onlyField(err, "webhook")
		}
	}
	return nil, nil //nolint:nilnil // 204
}

// undelivered is what the other side of a test said.
type undelivered struct{ error }

// tried writes a test down, also one that failed.
func (s *Server) tried(q *request, to, by string, failed error) error {
	detail := by + ": delivered"
	if failed != nil {
		detail = by + ": failed"
	}
	err := s.cfg.Service.Record(context.WithoutCancel(q.Context()), q.who, actionTest, to, detail)
	if failed != nil {
		return undelivered{failed}
	}
	return err
}

// onlyField names the field of a test that was not delivered; other errors are no
// matter of the form.
func onlyField(err error, field string) error {
	var u undelivered
	if errors.As(err, &u) {
		return wrong(field, u.Error())
	}
	return err
}

// noteMailTest keeps when the mail server last took a test. Of two at once the second
// finds that it is noted.
func (s *Server) noteMailTest(q *request) error {
	old, err := s.setting(q.Context(), query.SettingEmailTested)
	if err != nil {
		return err
	}
	x := &query.Setting{Key: query.SettingEmailTested, Value: strconv.AppendInt(nil, s.cfg.Now().UnixMilli(), 10)}
	if old != nil {
		x.Version = old.Version
	}
	if err := s.cfg.Desk.PutSetting(q.Context(), x, nil); err != nil && !errors.Is(err, query.ErrConflict) {
		return err
	}
	s.checks.drop()
	return nil
}
