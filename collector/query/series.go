package query

import (
	"errors"
	"fmt"
)

// MaxPoints bounds the points of one series: a month of minutes fits.
const MaxPoints = 50_000

// FineStepS is the shortest step that is kept ready for long times, and
// maxFineS how long a time of a shorter one may be, in seconds.
const (
	FineStepS = 300
	maxFineS  = 3 * 86_400
)

// SeriesFilter asks for a graph: the minute counters of one party, or of all calls,
// in equal steps.
type SeriesFilter struct {
	FromUnixS, ToUnixS int64  // begins at or before From, ends at or after To; both are rounded outwards to steps
	StepS              int64  // 60, 120 or 180, or a multiple of 300 that divides a day
	Kind, Party        string // KindTotal without a party, or one customer or carrier
	Node               string // of this node alone; empty: all
	Only               Drawing
}

// Drawing says what of a point is asked for; the rest of it may be left out. A month has
// many points, and most of what reading them costs is for what nobody draws.
type Drawing uint8

// Drawings; the zero value is all of a point.
const (
	DrawAll      Drawing = iota
	DrawChannels         // peaks and limits
	DrawASR              // Answered, Outcomes
	DrawACD              // AnsweredMs, Ended
	DrawDTMF             // DigitCalls, MediaVisible
)

// Check says what is wrong with a filter, and rounds it to whole steps.
func (f *SeriesFilter) Check() error {
	switch f.Kind {
	case KindTotal:
		if f.Party != "" {
			return errors.New("the total has no party")
		}
	case KindCustomer, KindCarrier:
		if f.Party == "" {
			return fmt.Errorf("a series of one %s needs its id", f.Kind)
		}
	default:
		return fmt.Errorf("%.20q is neither total nor customer nor carrier", f.Kind)
	}
	if f.StepS <= 0 || 86_400%f.StepS != 0 || f.StepS%60 != 0 || f.StepS > 180 && f.StepS%FineStepS != 0 {
		return fmt.Errorf("a step of %d s: it must be 60, 120 or 180 s, or a multiple of 300 s that divides a day", f.StepS)
	}
	if f.FromUnixS < 0 || f.ToUnixS <= f.FromUnixS || f.ToUnixS > 1<<40 {
		return errors.New("the time ends before it begins")
	}
	f.FromUnixS -= f.FromUnixS % f.StepS
	f.ToUnixS += (f.StepS - f.ToUnixS%f.StepS) % f.StepS
	if n := (f.ToUnixS - f.FromUnixS) / f.StepS; n > MaxPoints {
		return fmt.Errorf("%d points: at most %d; take a longer step", n, MaxPoints)
	}
	if f.StepS < FineStepS && f.ToUnixS-f.FromUnixS > maxFineS {
		return fmt.Errorf("a step of %d s goes with at most %d days; take 300 s or more", f.StepS, maxFineS/86_400)
	}
	return nil
}

// Series is a graph. Points has one entry for each step of the filter, in order.
type Series struct {
	FromUnixS, StepS int64
	Points           []Point
	Pending          []Pending // nodes whose last minutes are still to come
}

// Point is what all nodes saw within one step. Counts add up over nodes and over
// the parts of a minute that an agent's restart makes.
type Point struct {
	ObservedMs int64 // how much of it was watched, added up over nodes; 0: a gap, and all figures mean nothing
	Pending    bool  // a node has not delivered all of it

	// Gauges. Each node's last minute, and the most that any minute of the step had when the nodes'
	// peaks of that minute are added up.
	LiveSetup, LiveAnswered int64
	Peak, PeakAnswered      int64
	Channels                int64 // configured; 0: no limit given

	Started, Inbound, Midcall int64
	Outcomes, Answered        int64 // ASR is Answered / Outcomes
	Effective                 int64 // NER is Effective / Outcomes
	Over, Ended, AnsweredMs   int64 // ACD is AnsweredMs / Ended
	PddCount, PddSumMs        int64 // mean PDD is PddSumMs / PddCount
	MediaVisible, DigitCalls  int64 // the DTMF share is DigitCalls / MediaVisible
}

// PointCounts is how many of the fields of a point add up.
const PointCounts = 13

// Counts lists what adds up, in the order of the fields.
func (p *Point) Counts() [PointCounts]*int64 {
	return [...]*int64{&p.Started, &p.Inbound, &p.Midcall, &p.Outcomes, &p.Answered, &p.Effective, &p.Over, &p.Ended,
		&p.AnsweredMs, &p.PddCount, &p.PddSumMs, &p.MediaVisible, &p.DigitCalls}
}

// Pending says that the minutes of a node from one time to another are not here
// yet. A node that was silent for a week is given up: its minutes are gaps.
type Pending struct {
	Node               string
	FromUnixS, ToUnixS int64
}
