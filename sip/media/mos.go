package media

import "strings"

// The E-model of ITU-T G.107, with everything at its default that cannot be
// seen in the packets: R = Ro - Is - Id - Ie,eff + A, where Ro - Is is 93.2.
const (
	defaultRating = 93.2
	// networkDelay is the one-way delay in milliseconds that is assumed for the
	// network and the codecs: it cannot be measured from one place.
	networkDelay = 50.0
	// audibleDelay is where conversation begins to suffer, in milliseconds.
	audibleDelay = 177.3
	// bufferJitters is how many times the jitter a receiver's buffer holds.
	bufferJitters = 2
)

// impairment is what a codec costs: ie without loss, and bpl, how well it bears
// loss (packet-loss robustness; more is better).
type impairment struct{ ie, bpl float64 }

// impairments are by SDP codec name in upper case. G.711 (with concealment of
// losses), G.723.1, G.729A and GSM-EFR have the values of ITU-T G.113 appendix
// I; the others have those in common use, or robustness by likeness. The scale
// is that of narrow-band telephony, on which a wideband codec cannot do better
// than G.711: hence an ie of 0.
var impairments = map[string]impairment{
	"PCMU":    {0, 25.1},
	"PCMA":    {0, 25.1},
	"G722":    {0, 25.1},
	"G729":    {11, 19},
	"G723":    {15, 16.1},
	"G726-32": {7, 19},
	"G726-24": {25, 19},
	"G726-40": {2, 19},
	"G728":    {7, 17},
	"GSM":     {20, 43},
	"GSM-EFR": {5, 10},
	"GSM-HR":  {23, 10},
	"AMR":     {5, 10},
	"AMR-WB":  {0, 13},
	"EVS":     {0, 20},
	"ILBC":    {11, 32},
	"SPEEX":   {11, 20},
	"OPUS":    {0, 25.1},
	"L16":     {0, 4.3},
}

// unknownCodec stands for any codec not in the table: a middling one, so that
// the estimate neither flatters nor condemns it.
var unknownCodec = impairment{10, 19}

// mos estimates the mean opinion score, 1 (bad) to 4.5 (best), of a stream of
// codec from the packets that came, those lost, and the interarrival jitter in
// nanoseconds. Without packets it is 0, which means blank: silence has no
// score. Echo, noise and the true delay are unknown to it; it compares routes
// and finds the bad ones, and does not replace a measurement.
func mos(codec string, packets, lost uint64, jitter int64) float64 {
	if packets == 0 {
		return 0
	}
	return score(rating(codec, float64(lost)/float64(packets+lost), jitter))
}

// rating is R of G.107, with loss as a ratio.
func rating(codec string, loss float64, jitter int64) float64 {
	c, known := impairments[strings.ToUpper(codec)]
	if !known {
		c = unknownCodec
	}
	delay := networkDelay + bufferJitters*float64(max(jitter, 0))/1e6
	id := 0.024 * delay
	if delay > audibleDelay {
		id += 0.11 * (delay - audibleDelay)
	}
	percent := 100 * loss
	ieEff := c.ie + (95-c.ie)*percent/(percent+c.bpl)
	return defaultRating - id - ieEff
}

// score turns R into a MOS (G.107 annex B).
func score(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	// The cubic dips below 1 for very small R.
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}
