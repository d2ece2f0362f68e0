package alerts

import (
	"fmt"
	"maps"
	"math"
	"net/mail"
	"net/url"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/sipward/sipward/collector/query"
)

// Bounds of a rule. Times are in seconds.
const (
	maxName       = 100 // runes
	maxParty      = 200 // bytes
	maxMail       = 20
	maxWebhooks   = 5
	maxPeriodS    = 86_400
	minRepeatS    = 60
	maxRepeatS    = 30 * 86_400
	maxSample     = 1_000_000
	maxURL        = 2000 // bytes
	maxMailLength = 254  // RFC 5321 section 4.5.3.1.3, without the brackets
)

// Invalid says what is wrong with a rule: a sentence for each field, by its JSON name.
type Invalid map[string]string

// Error lists all fields.
func (x Invalid) Error() string {
	var out []string
	for _, field := range slices.Sorted(maps.Keys(x)) {
		out = append(out, field+": "+x[field])
	}
	return "the rule is not valid: " + strings.Join(out, "; ")
}

// Check returns an Invalid when something is wrong with a rule.
func Check(r *query.Rule) error {
	x := Invalid{}
	x.text("name", r.Name, maxName)
	if !slices.Contains([]string{LevelInfo, LevelWarning, LevelCritical}, r.Level) {
		x["level"] = fmt.Sprintf("%.20q is neither info nor warning nor critical", r.Level)
	}
	if a, ok := areas[r.Area]; ok {
		x.scope(r, a)
		x.thresholds(r, a)
		x.times(r, a)
	} else {
		x["area"] = fmt.Sprintf("%.20q is none of %s", r.Area, strings.Join(Areas(), ", "))
	}
	x.delivery(r)
	if len(x) == 0 {
		return nil
	}
	return x
}

func (x Invalid) text(field, s string, most int) {
	switch {
	case strings.TrimSpace(s) == "":
		x[field] = "it must not be empty"
	case !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl):
		x[field] = "it has control characters, or is no UTF-8"
	case utf8.RuneCountInString(s) > most:
		x[field] = fmt.Sprintf("it is longer than %d characters", most)
	}
}

func (x Invalid) scope(r *query.Rule, a Area) {
	switch {
	case !slices.Contains(a.Kinds, r.Kind):
		x["kind"] = fmt.Sprintf("%.20q: an alert of area %s is about %s", r.Kind, r.Area, strings.Join(a.Kinds, ", "))
	case r.Kind == query.KindTotal && r.Party != "":
		x["party"] = "the total has no party"
	case r.Party != "":
		x.text("party", r.Party, maxParty)
	}
}

func (x Invalid) thresholds(r *query.Rule, a Area) {
	if r.Operator != Above && (a.Above || r.Operator != Below) {
		x["operator"] = fmt.Sprintf("%.20q is neither above nor below", r.Operator)
		if a.Above {
			x["operator"] = fmt.Sprintf("%.20q: of area %s it must be above", r.Operator, r.Area)
		}
		return
	}
	for _, v := range []struct {
		field string
		value float64
	}{{"threshold", r.Threshold}, {"reset", reset(r)}} {
		if math.IsNaN(v.value) || v.value < 0 || v.value > a.Most {
			x[v.field] = fmt.Sprintf("%g is not from 0 to %g%s", v.value, a.Most, a.Unit)
			return
		}
	}
	switch low := reset(r) < r.Threshold; {
	case r.Operator == Below && r.Threshold == 0:
		x["threshold"] = "nothing is below 0"
	case r.Operator == Above && a.Most <= 100 && r.Threshold == a.Most:
		x["threshold"] = fmt.Sprintf("nothing is above %g%s", a.Most, a.Unit)
	case r.Operator == Below && low:
		x["reset"] = fmt.Sprintf("%g lies below the threshold %g: the alert would be over while it is raised", reset(r), r.Threshold)
	case r.Operator == Above && reset(r) > r.Threshold:
		x["reset"] = fmt.Sprintf("%g lies above the threshold %g: the alert would be over while it is raised", reset(r), r.Threshold)
	}
}

func (x Invalid) times(r *query.Rule, a Area) {
	switch {
	case r.MinSample < 0 || r.MinSample > maxSample:
		x["min_sample"] = fmt.Sprintf("%d is not from 0 to %d", r.MinSample, maxSample)
	case r.MinSample > 0 && !a.Sample:
		x["min_sample"] = fmt.Sprintf("an alert of area %s has no sample", r.Area)
	}
	switch {
	case r.PeriodS < 0 || r.PeriodS > maxPeriodS:
		x["period_s"] = fmt.Sprintf("%d is not from 0 to %d", r.PeriodS, maxPeriodS)
	case a.Counted && (r.PeriodS == 0 || r.PeriodS%60 != 0):
		x["period_s"] = fmt.Sprintf("%d: calls are counted in whole minutes: 60, 120, ...", r.PeriodS)
	}
	if r.RepeatS != 0 && (r.RepeatS < minRepeatS || r.RepeatS > maxRepeatS) {
		x["repeat_s"] = fmt.Sprintf("%d is neither 0 (said once) nor from %d to %d", r.RepeatS, minRepeatS, maxRepeatS)
	}
}

// CheckDelivery is Check for the recipients alone.
func CheckDelivery(r *query.Rule) error {
	x := Invalid{}
	if x.delivery(r); len(x) == 0 {
		return nil
	}
	return x
}

func (x Invalid) delivery(r *query.Rule) {
	if len(r.Mail) > maxMail {
		x["mail"] = fmt.Sprintf("%d addresses: at most %d", len(r.Mail), maxMail)
	}
	for _, address := range r.Mail {
		if err := checkMail(address); err != nil {
			x["mail"] = err.Error()
			break
		}
	}
	if len(r.Webhooks) > maxWebhooks {
		x["webhooks"] = fmt.Sprintf("%d URLs: at most %d", len(r.Webhooks), maxWebhooks)
	}
	for _, hook := range r.Webhooks {
		if err := checkWebhook(hook); err != nil {
			x["webhooks"] = err.Error()
			break
		}
	}
}

// checkMail says what is wrong with an e-mail address: it must be bare, without a name
// and brackets, so that no header can be written into it.
func checkMail(address string) error {
	a, err := mail.ParseAddress(address)
	if err != nil || a.Address != address || a.Name != "" || len(address) > maxMailLength || strings.ContainsFunc(address, unicode.IsControl) {
		return fmt.Errorf("%.80q is no e-mail address as name@example.org", address)
	}
	return nil
}

// checkWebhook says what is wrong with a webhook's URL. Which addresses it may lead to is
// decided when it is dialled.
func checkWebhook(raw string) error {
	u, err := url.Parse(raw)
	switch {
	case err != nil || len(raw) > maxURL || u.Host == "" || u.Hostname() == "" || u.Opaque != "":
		return fmt.Errorf("%.80q is no URL as https://example.org/path", raw) // the parser's own words would repeat what may be a secret
	case u.Scheme != "https" && u.Scheme != "http":
		return fmt.Errorf("%.20q: a webhook goes over https, or over http within one's own network", u.Scheme)
	case u.User != nil:
		return fmt.Errorf("a webhook's URL must not have a user name or password: it is signed instead")
	case u.Fragment != "":
		return fmt.Errorf("a webhook's URL has no fragment (#)")
	}
	return nil
}

// reset is where an alert of r is over.
func reset(r *query.Rule) float64 {
	if r.Reset == nil {
		return r.Threshold
	}
	return *r.Reset
}

// Defaults are rules to start with: they name no party and no recipient, so they fit
// everywhere and are said to whom the settings name.
func Defaults() []query.Rule {
	to := func(v float64) *float64 { return &v }
	return []query.Rule{
		{Name: "A node is silent", Area: AreaNodeDown, Kind: KindNode, Operator: Above, Threshold: 60, Reset: to(10), RepeatS: 4 * 3600, Level: LevelCritical},
		{Name: "A carrier answers few calls", Area: AreaASR, Kind: query.KindCarrier, Operator: Below, Threshold: 30, Reset: to(40), MinSample: 30, PeriodS: 900, RepeatS: 4 * 3600, Level: LevelWarning},
		{Name: "A carrier's network fails", Area: AreaNER, Kind: query.KindCarrier, Operator: Below, Threshold: 80, Reset: to(90), MinSample: 30, PeriodS: 900, RepeatS: 4 * 3600, Level: LevelCritical},
		{Name: "A carrier fails calls in a row", Area: AreaFailures, Kind: query.KindCarrier, Operator: Above, Threshold: 20, Reset: to(0), PeriodS: 1800, RepeatS: 4 * 3600, Level: LevelCritical},
		{Name: "Calls of a carrier are short", Area: AreaACD, Kind: query.KindCarrier, Operator: Below, Threshold: 20, Reset: to(30), MinSample: 30, PeriodS: 1800, RepeatS: 24 * 3600, Level: LevelInfo},
		{Name: "A carrier rings late", Area: AreaPDD, Kind: query.KindCarrier, Operator: Above, Threshold: 8000, Reset: to(6000), MinSample: 30, PeriodS: 900, RepeatS: 24 * 3600, Level: LevelWarning},
		{Name: "A customer uses nearly all channels", Area: AreaChannels, Kind: query.KindCustomer, Operator: Above, Threshold: 90, Reset: to(80), PeriodS: 60, RepeatS: 24 * 3600, Level: LevelWarning},
		{Name: "Many registrations are refused", Area: AreaRefusals, Kind: query.KindTotal, Operator: Above, Threshold: 1000, Reset: to(500), PeriodS: 900, RepeatS: 24 * 3600, Level: LevelInfo},
		{Name: "Phones use numbers outside their block", Area: AreaStrays, Kind: KindNode, Operator: Above, Threshold: 0, PeriodS: 60, RepeatS: 24 * 3600, Level: LevelWarning},
		{Name: "A node's spool fills up", Area: AreaSpool, Kind: KindNode, Operator: Above, Threshold: 50, Reset: to(30), PeriodS: 60, RepeatS: 4 * 3600, Level: LevelCritical},
		{Name: "Counters and call records differ", Area: AreaReconciliation, Kind: KindNode, Operator: Above, Threshold: 0, RepeatS: 24 * 3600, Level: LevelWarning},
	}
}
