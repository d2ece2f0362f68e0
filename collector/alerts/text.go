package alerts

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/query"
)

// scope names a party.
func scope(who party) string {
	if who.kind == query.KindTotal {
		return "all calls"
	}
	return who.kind + " " + who.id
}

// show writes a value with at most one place behind the point.
func show(v float64) string {
	return strings.TrimSuffix(strconv.FormatFloat(v, 'f', 1, 64), ".0")
}

// duration writes a time in its largest whole units.
func duration(d time.Duration) string {
	s := int64(d / time.Second)
	for _, u := range []struct {
		s    int64
		name string
	}{{86_400, "d"}, {3600, "h"}, {60, "min"}} {
		if s < u.s {
			continue
		}
		if n, rest := s/u.s, s%u.s; rest == 0 || u.s == 86_400 && rest < 3600 || u.s == 3600 && rest < 60 {
			return fmt.Sprintf("%d %s", n, u.name)
		}
	}
	switch {
	case s >= 86_400:
		return fmt.Sprintf("%d d %d h", s/86_400, s%86_400/3600)
	case s >= 3600:
		return fmt.Sprintf("%d h %d min", s/3600, s%3600/60)
	case s >= 60:
		return fmt.Sprintf("%d min %d s", s/60, s%60)
	}
	return fmt.Sprintf("%d s", s)
}

// measured says a figure: ASR of carrier alpha: 42.1% (421 of 1000).
func measured(r *query.Rule, who party, x *reading) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s of %s: ", names[r.Area], scope(who))
	switch {
	case x.blank != "":
		b.WriteString("no figure, since " + x.blank)
	case r.Area == AreaNodeDown:
		b.WriteString(duration(time.Duration(x.num) * time.Second))
	case x.den > 0 && r.Area == AreaACD, x.den > 0 && r.Area == AreaPDD:
		fmt.Fprintf(&b, "%s%s (of %d calls)", show(x.value), areas[r.Area].Unit, x.den)
	case x.den > 0:
		fmt.Fprintf(&b, "%s%s (%d of %d)", show(x.value), areas[r.Area].Unit, x.num, x.den)
	default:
		b.WriteString(show(x.value) + areas[r.Area].Unit)
	}
	if areas[r.Area].Counted {
		b.WriteString(", in the last " + duration(time.Duration(r.PeriodS)*time.Second))
	}
	return b.String()
}

func tail(x *reading) string {
	if len(x.notes) == 0 {
		return ""
	}
	return " (" + strings.Join(x.notes, "; ") + ")"
}

// bad says why an alert is on.
func bad(r *query.Rule, who party, x *reading) string {
	return fmt.Sprintf("%s; the threshold is %s %s%s%s", measured(r, who, x), r.Operator, show(r.Threshold), areas[r.Area].Unit, tail(x))
}

// good says why an alert is over.
func good(r *query.Rule, who party, x *reading) string {
	word := "more"
	if r.Operator == Above {
		word = "less"
	}
	return fmt.Sprintf("%s; it is over at %s%s or %s%s", measured(r, who, x), show(reset(r)), areas[r.Area].Unit, word, tail(x))
}
