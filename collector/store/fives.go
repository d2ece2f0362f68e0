package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// A five is the minute counters of one party on one node in five minutes, kept
// beside the minutes and changed in the transaction that stores them. Minutes are in the
// order of time, since that is how they come; fives are in the order of parties, since
// that is how graphs ask: a month of one party is read in one go.

const (
	fiveS      = query.FineStepS
	slots      = fiveS / 60 // minutes of a five
	maxGauge   = 1 << 40    // beyond anything real: a sum over nodes still fits
	fiveCounts = query.PointCounts
)

// five holds what a row does. The peaks of each minute are apart: those of several
// nodes may be added up within a minute only.
type five struct {
	query.Point              // without the peaks
	lastS       int64        // minute that LiveSetup and LiveAnswered are of
	peak        [slots]int64 // by minute
	answered    [slots]int64 // the peaks of answered calls alone
}

// fiveKey is what fives are kept by.
type fiveKey struct {
	kind, party string
	s           int64 // its beginning, Unix seconds
	node        string
}

func compareFiveKeys(a, b fiveKey) int {
	return cmp.Or(cmp.Compare(a.kind, b.kind), cmp.Compare(a.party, b.party), cmp.Compare(a.s, b.s), cmp.Compare(a.node, b.node))
}

type fiveMap map[fiveKey]*five

// add adds a part of a minute.
func (m fiveMap) add(node string, minuteS int64, x *record.Minute) {
	k := fiveKey{text(x.GetKind()), text(x.GetParty()), minuteS - mod(minuteS, fiveS), node}
	f := m[k]
	if f == nil {
		f = new(five)
		m[k] = f
	}
	f.add(minuteS, x)
}

// minutesOfDay is what fives are made of again.
const minutesOfDay = `SELECT minute_s, node, record FROM minutes WHERE minute_s >= ? AND minute_s < ?`

// scan returns what adds a row of minutesOfDay.
func (m fiveMap) scan(name string) func(*sql.Rows) error {
	return func(rows *sql.Rows) error {
		var s int64
		var node string
		var raw sql.RawBytes
		if err := rows.Scan(&s, &node, &raw); err != nil {
			return fmt.Errorf("reading a minute of %s: %w", name, err)
		}
		return m.decode(name, s, node, raw)
	}
}

func (m fiveMap) decode(name string, s int64, node string, raw []byte) error {
	x, err := record.Decode(raw)
	if err != nil {
		return fmt.Errorf("reading a minute of %s: %w", name, err)
	}
	m.add(node, s, x.GetMinute())
	return nil
}

func (m fiveMap) sorted() []fiveKey {
	return sortedKeys(m, compareFiveKeys)
}

// add adds a part of a minute: counts add up, and of gauges the largest of the
// minute's parts stands for it. So the order in which parts come is all the same.
func (f *five) add(minuteS int64, x *record.Minute) {
	f.ObservedMs = plus(f.ObservedMs, int64(x.GetObservedMs()))
	f.Channels = max(f.Channels, int64(x.GetChannels()))
	slot := mod(minuteS, fiveS) / 60
	f.peak[slot], f.answered[slot] = max(f.peak[slot], gauge(x.GetPeak())), max(f.answered[slot], gauge(x.GetPeakAnswered()))
	if minuteS > f.lastS {
		f.lastS, f.LiveSetup, f.LiveAnswered = minuteS, 0, 0
	}
	if minuteS == f.lastS {
		f.LiveSetup, f.LiveAnswered = max(f.LiveSetup, gauge(x.GetLiveSetup())), max(f.LiveAnswered, gauge(x.GetLiveAnswered()))
	}
	for i, v := range [fiveCounts]uint64{x.GetStarted(), x.GetInbound(), x.GetSeenMidcall(), x.GetOutcomes(), x.GetAnswered(), x.GetEffective(),
		x.GetOver(), x.GetEnded(), x.GetAnsweredMs(), x.GetPddCount(), x.GetPddSumMs(), x.GetMediaVisible(), x.GetCallsWithDigits()} {
		to := f.Counts()[i]
		*to = plus(*to, count(v))
	}
}

// gauge and count bound what a message may say: no node can keep the sums of others from
// being read.
func gauge(v uint64) int64 { return int64(min(v, maxGauge)) } // bounded
func count(v uint64) int64 { return int64(min(v, maxCount)) } // bounded

// plus adds, and stays at maxSum.
func plus(a, b int64) int64 { return min(a+b, 1<<62) }

// Columns of fives. The gauges are between observed_ms and the counts.
var (
	fiveKeyColumns   = []string{"kind", "party", "five_s", "node"}
	fiveGaugeColumns = []string{"last_s", "live_setup", "live_answered", "channels"}
	fiveCountColumns = [fiveCounts]string{"started", "inbound", "midcall", "outcomes", "answered", "effective", "over_count", "ended", "answered_ms",
		"pdd_count", "pdd_sum_ms", "media_visible", "digit_calls"}
	fivePeakColumns = slices.Concat(numberedColumns("peak"), numberedColumns("peak_answered"))
	fiveColumns     = slices.Concat(fiveKeyColumns, []string{"observed_ms"}, fiveGaugeColumns, fiveCountColumns[:], fivePeakColumns)
)

// numberedColumns returns name_0 to name_4, one for each minute.
func numberedColumns(name string) (out []string) {
	for i := range slots {
		out = append(out, name+"_"+strconv.Itoa(i))
	}
	return out
}

// appendFive appends the values of fiveColumns.
func appendFive(to []any, k fiveKey, f *five) []any {
	to = append(to, k.kind, k.party, k.s, k.node, f.ObservedMs, f.lastS, f.LiveSetup, f.LiveAnswered, f.Channels)
	for _, v := range f.Counts() {
		to = append(to, *v)
	}
	for _, v := range slices.Concat(f.peak[:], f.answered[:]) {
		to = append(to, v)
	}
	return to
}

// upsertFives is the end of a statement that adds to fives; least and greatest are
// how the database calls min and max of two.
func upsertFives(least, greatest string) string {
	var parts []string
	for _, c := range append([]string{"observed_ms"}, fiveCountColumns[:]...) {
		parts = append(parts, c+"="+least+"(fives."+c+"+excluded."+c+","+maxSum+")")
	}
	for _, c := range append([]string{"last_s", "channels"}, fivePeakColumns...) {
		parts = append(parts, c+"="+greatest+"(fives."+c+",excluded."+c+")")
	}
	for _, c := range []string{"live_setup", "live_answered"} { // both sides are the values before the update
		parts = append(parts, c+"=CASE WHEN excluded.last_s > fives.last_s THEN excluded."+c+" WHEN excluded.last_s < fives.last_s THEN fives."+c+
			" ELSE "+greatest+"(fives."+c+",excluded."+c+") END")
	}
	return "ON CONFLICT (" + strings.Join(fiveKeyColumns, ",") + ") DO UPDATE SET " + strings.Join(parts, ",")
}

var sqliteFives = upsertFives("min", "max")

// createFives makes the table; integer and text are the names of the types.
func createFives(integer, text, tail string) string {
	var parts []string
	for _, c := range fiveColumns {
		t := integer
		if c == "kind" || c == "party" || c == "node" {
			t = text
		}
		parts = append(parts, c+" "+t+" NOT NULL")
	}
	return "CREATE TABLE fives (" + strings.Join(parts, ", ") + ", PRIMARY KEY (" + strings.Join(fiveKeyColumns, ", ") + "))" + tail + ";\n"
}
