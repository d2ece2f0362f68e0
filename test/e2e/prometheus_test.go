package e2e

import (
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/internal/testkit/promtool"
	"github.com/sipward/sipward/test/peers"
)

// prometheus is one that scrapes an agent and a collector every second.
type prometheus struct {
	t      *testing.T
	client *http.Client
}

const prometheusConfig = `
global: {scrape_interval: 1s, evaluation_interval: 1s}
rule_files: [%q]
scrape_configs:
  - job_name: sipward-agent
    static_configs: [{targets: ["127.0.0.1:9464"]}]
  - job_name: sipward-collector
    static_configs: [{targets: [%q]}]
`

// newPrometheus starts it on the switch.
func newPrometheus(w *world, program, collector string) *prometheus {
	t := w.t
	t.Helper()
	rules, err := filepath.Abs("../../monitoring/sipward.rules.yml")
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.Dir, "prometheus.yml")
	if err := os.WriteFile(file, fmt.Appendf(nil, prometheusConfig, rules, collector), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = w.Switch.Start("prometheus", program, "--config.file="+file, "--storage.tsdb.path="+filepath.Join(w.Dir, "tsdb"), "--web.listen-address=127.0.0.1:9090")
	if err != nil {
		t.Fatal(err)
	}
	return &prometheus{t, &http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DialContext: w.Switch.DialTCP, DisableKeepAlives: true}}}
}

// ask reads an answer of its API; false while there is none.
func (p *prometheus) ask(path string, data any) bool {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.t.Context(), http.MethodGet, "http://127.0.0.1:9090/api/v1/"+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	res, err := p.client.Do(r)
	if err != nil {
		return false // it starts
	}
	defer res.Body.Close()
	answer := struct {
		Status string `json:"status"`
		Data   any    `json:"data"`
	}{Data: data}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return false // 503: it reads its files
	}
	return answer.Status == "success"
}

// values are the answers to a query; false if it was not understood.
func (p *prometheus) values(query string) ([]float64, bool) {
	p.t.Helper()
	var data struct {
		Result []struct {
			Value [2]any `json:"value"` // time and value
		} `json:"result"`
	}
	if !p.ask("query?query="+url.QueryEscape(query), &data) {
		return nil, false
	}
	var all []float64
	for _, r := range data.Result {
		text, _ := r.Value[1].(string)
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			p.t.Errorf("%s: %v", query, err)
		}
		all = append(all, v)
	}
	return all, true
}

// value is the value of a query with one answer.
func (p *prometheus) value(query string) (float64, bool) {
	p.t.Helper()
	all, ok := p.values(query)
	if !ok || len(all) != 1 {
		return 0, false
	}
	return all[0], true
}

// becomes waits until a query has a value.
func (p *prometheus) becomes(query string, want float64) {
	p.t.Helper()
	var got float64
	var is bool
	err := peers.Poll(p.t.Context(), 15*time.Second, query, func() (bool, error) {
		got, is = p.value(query)
		return is && math.Abs(got-want) < 1e-9*math.Max(1, want), nil
	})
	if err != nil {
		p.t.Errorf("%v: it is %v (%t), want %v", err, got, is, want)
	}
}

// promRule is a rule; the state of an alert is "inactive", "pending" or "firing".
type promRule struct {
	Name      string `json:"name"`
	Type      string `json:"type"`
	Health    string `json:"health"`
	State     string `json:"state"`
	LastError string `json:"lastError"`
}

func (p *prometheus) rules() map[string]promRule {
	p.t.Helper()
	var data struct {
		Groups []struct {
			Rules []promRule `json:"rules"`
		} `json:"groups"`
	}
	all := map[string]promRule{}
	if p.ask("rules", &data) {
		for _, g := range data.Groups {
			for _, r := range g.Rules {
				all[r.Name] = r
			}
		}
	}
	return all
}

// healthy waits until every rule was evaluated, and complains of those that failed
// and of alerts about a world in which all is well.
func (p *prometheus) healthy() {
	p.t.Helper()
	var all map[string]promRule
	err := peers.Poll(p.t.Context(), 15*time.Second, "all rules to be evaluated", func() (bool, error) {
		all = p.rules()
		for _, r := range all {
			if r.Health == "unknown" {
				return false, nil
			}
		}
		return len(all) > 0, nil
	})
	if err != nil {
		p.t.Fatal(err)
	}
	alerts := 0
	for _, r := range all {
		if r.Health != "ok" || r.State == "firing" {
			p.t.Errorf("rule %+v", r)
		}
		if r.Type == "alerting" {
			alerts++
		}
	}
	if alerts == 0 || alerts == len(all) {
		p.t.Errorf("%d of %d rules are alerts", alerts, len(all))
	}
}

// quiet are metrics that are there when there is something to tell: losses, phones
// that were refused, a limit in the configuration. All else has to have values.
var quiet = map[string]bool{
	"sipward_dropped_total": true, "sipward_collector_dropped_total": true, "sipward_register_verdicts_total": true,
	"sipward_customer_channels_limit": true, "sipward_carrier_channels_limit": true,
}

// panels asks what the dashboard asks.
func (p *prometheus) panels() {
	p.t.Helper()
	fill := strings.NewReplacer("$__rate_interval", "1m", "$window", "5m", "$instance", ".*", "$node", ".*", "$customer", ".*", "$carrier", ".*", "$collector", ".*")
	for _, q := range promtool.Panels(p.t, "../../monitoring") {
		got, ok := p.values(fill.Replace(q.Expr))
		if !ok {
			p.t.Errorf("panel %s: Prometheus does not take %s", q.Of, q.Expr)
		} else if len(got) == 0 && !slices.ContainsFunc(q.Uses(), func(u promtool.Use) bool { return quiet[u.Metric] }) {
			p.t.Errorf("panel %s is empty: %s", q.Of, q.Expr)
		}
	}
}

// A real Prometheus scrapes both programs, understands every rule, works out the
// figures that the agent itself shows, and notices that an agent is gone.
func TestPrometheus(t *testing.T) {
	need(t)
	program, err := exec.LookPath("prometheus")
	if err != nil {
		t.Skip("prometheus is not installed: run make deps")
	}
	t.Parallel()
	o := &office{world: newSwitch(t, peers.V4, false)}
	metrics := netip.AddrPortFrom(officeAddr, 9465).String()
	o.collector = &peers.Collector{Admin: metrics}
	attach(t, o.Site, o.collector, func() {})
	uplink, err := o.collector.AddNode(t.Context(), "e2e")
	if err != nil {
		t.Fatal(err)
	}
	o.watch(liveCapture, uplink)
	w := o.world

	p := newPrometheus(w, program, metrics)
	p.becomes(`count(up{job=~"sipward-agent|sipward-collector"} == 1)`, 2)
	p.becomes(`sipward_customer_calls_started_total{customer="acme"}`, 0) // rates begin here
	p.becomes(`sipward_collector_node_up{node="e2e"}`, 1)

	sum := tally{w: w}
	for _, b := range []batch{
		{name: "answered", number: "1000", calls: 10, rate: 20,
			caller: peers.Caller{Play: append(peers.Keys("15"), peers.Voice(1000)), Hold: 500}, a: peers.Callee{Play: append(peers.Keys("2"), peers.Voice(1000))}},
		{name: "busy", number: "1486", calls: 6, rate: 20, caller: peers.Caller{Refused: "486"}, a: peers.Callee{Refuse: "486 Busy Here"}},
	} {
		sum.add(&b, w.start(&b).finish())
	}
	s := w.settle(sum.started)
	w.equal("calls", s.Calls.Outcomes, 16)
	w.equal("answered calls", s.Calls.Answered, 10)

	acme, alpha := peers.Party(s.Customers, "acme"), peers.Party(s.Carriers, "alpha")
	p.becomes("sum(sipward_calls_outcomes_total)", float64(s.Calls.Outcomes))
	for query, is := range map[string]peers.AgentRatio{
		"sipward:calls_asr:ratio_rate5m":                                          s.Calls.ASR,
		`customer:sipward_calls_asr:ratio_rate5m{customer="acme"}`:                acme.ASR,
		`carrier:sipward_attempts_asr:ratio_rate1h{carrier="alpha"}`:              alpha.ASR,
		`customer:sipward_calls_acd_seconds:ratio_rate1h{customer="acme"} * 1000`: acme.ACD,
	} {
		if is.Den == 0 {
			t.Errorf("the agent itself has no figure for %s", query)
			continue
		}
		p.becomes(query, float64(is.Num)/float64(is.Den))
	}
	p.healthy()
	p.panels()

	if err := w.agent.Stop(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = peers.Poll(t.Context(), 15*time.Second, "Prometheus to miss the agent", func() (bool, error) {
		return p.rules()["SipwardAgentDown"].State == "pending", nil
	})
	if err != nil {
		t.Error(err)
	}
}
