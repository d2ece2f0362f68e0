package query

// Kinds of sums and of minute counters.
const (
	KindTotal    = "total" // of all calls; its party is empty
	KindCustomer = "customer"
	KindCarrier  = "carrier"
)

// SumFields is how many figures Sums has.
const SumFields = 13

// Sums is what calls, or a carrier's attempts, add up to. Outcomes is the
// denominator of ASR and NER, Ended that of ACD, MediaVisible that of the DTMF
// share, PddCount that of the average post-dial delay.
type Sums struct {
	Calls        int64 // all, with those of the next two
	NoOutcome    int64 // without an outcome: joined midway, or cut off
	Midcall      int64 // joined midway: in no figure but Calls and NoOutcome
	Outcomes     int64
	Connected    int64 // of the outcomes: answered
	Effective    int64 // of the outcomes: the network did its part
	Over         int64 // with an outcome or an answer, seen from the start
	Ended        int64 // answered, seen from the start
	AnsweredMs   int64 // their length
	DigitCalls   int64 // with visible media: at least one RFC 4733 digit
	MediaVisible int64 // answered, and their media was seen and readable
	PddSumMs     int64
	PddCount     int64
}

// Fields lists the figures in the order of the fields.
func (s *Sums) Fields() [SumFields]*int64 {
	return [...]*int64{&s.Calls, &s.NoOutcome, &s.Midcall, &s.Outcomes, &s.Connected, &s.Effective, &s.Over,
		&s.Ended, &s.AnsweredMs, &s.DigitCalls, &s.MediaVisible, &s.PddSumMs, &s.PddCount}
}

// Add adds other to s.
func (s *Sums) Add(other *Sums) {
	to, from := s.Fields(), other.Fields()
	for i := range to {
		*to[i] += *from[i]
	}
}
