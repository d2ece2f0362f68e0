package oracle

import (
	"context"
	"fmt"
	"strconv"
)

// columns of an RTP packet, in the order of rtpFields.
const (
	colSrc4 = iota
	colDst4
	colSrc6
	colDst6
	colSrcPort
	colDstPort
	colSSRC
	colType
	colTimestamp
	colUDPLength
	colEvent
)

var rtpFields = []string{"ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "udp.srcport", "udp.dstport",
	"rtp.ssrc", "rtp.p_type", "rtp.timestamp", "udp.length", "rtpevent.event_id"}

const (
	// eventLength is the UDP length of an RTP packet with one telephone event:
	// 8 bytes UDP, 12 bytes RTP, 4 bytes event (RFC 4733 section 2.3).
	eventLength = "24"
	lastEvent   = 16 // flash
	// fewest packets make a stream where no SDP says that there is one.
	fewest = 3
)

// press is what tells one digit from another.
type press struct{ timestamp, event string }

// stream is RTP of one source.
type stream struct {
	packets int
	byType  map[string]int // packets of each payload type
	events  map[string]int // of those, events
	digits  string
	pressed map[press]bool
}

// countMedia fills in f.RTP and f.DTMF: the packets that SDP announced, and
// the digits in them. Where those hold none, digits are looked for in
// whatever looks like RTP.
func (c *capture) countMedia(ctx context.Context, f *Figures, packets []packet) error {
	var rows [][]string
	unknown := false
	for i := range packets {
		p := &packets[i]
		if p.quoted() {
			continue
		}
		if p.has("rtp") && p.row[colSSRC] != "" {
			rows = append(rows, p.row)
		}
		unknown = unknown || p.layers[len(p.layers)-1] == "data"
	}
	streams := group(rows)
	f.RTP.Packets, f.RTP.Streams = len(rows), len(streams)
	if f.DTMF = digits(streams); len(f.DTMF) > 0 || !unknown {
		return nil
	}
	guessed, err := c.guess(ctx)
	f.DTMF = digits(guessed)
	f.Guessed = len(f.DTMF) > 0
	return err
}

// rtp lists the RTP packets; more are further arguments for tshark.
func (c *capture) rtp(ctx context.Context, more ...string) ([][]string, error) {
	rows, err := c.fields(ctx, "rtp && !icmp && !icmpv6", rtpFields, more...)
	with := rows[:0]
	for _, r := range rows {
		if r[colSSRC] != "" {
			with = append(with, r)
		}
	}
	return with, err
}

// guess finds streams by their look. A dynamic payload type all of whose
// packets are as long as an event is taken for telephone-event.
func (c *capture) guess(ctx context.Context) (map[string]*stream, error) {
	look := []string{"--enable-heuristic", "rtp_udp"}
	rows, err := c.rtp(ctx, look...)
	if err != nil {
		return nil, err
	}
	all, short, known := make(map[string]int), make(map[string]int), false
	for _, r := range rows {
		known = known || r[colEvent] != ""
		all[r[colType]]++
		if r[colUDPLength] == eventLength {
			short[r[colType]]++
		}
	}
	again := false
	for t, n := range all {
		// tshark knows 100 and 101 by itself.
		if v, err := strconv.Atoi(t); !known && err == nil && v >= 96 && v <= 127 && v != 100 && v != 101 && n >= fewest && n == short[t] {
			look, again = append(look, "-d", fmt.Sprintf("rtp.pt==%d,rtpevent", v)), true
		}
	}
	if again {
		if rows, err = c.rtp(ctx, look...); err != nil {
			return nil, err
		}
	}
	streams := group(rows)
	for k, s := range streams {
		if s.packets < fewest && len(s.events) == 0 {
			delete(streams, k)
		}
	}
	return streams, nil
}

// group sorts packets into streams, and events into digits: one for each
// RTP timestamp and event, in the order of their first packets.
func group(rows [][]string) map[string]*stream {
	streams := make(map[string]*stream)
	for _, r := range rows {
		src, dst := r[colSrc4], r[colDst4]
		if src == "" {
			src, dst = r[colSrc6], r[colDst6]
		}
		k := Flow(src+":"+r[colSrcPort], dst+":"+r[colDstPort], r[colSSRC])
		s := streams[k]
		if s == nil {
			s = &stream{byType: make(map[string]int), events: make(map[string]int), pressed: make(map[press]bool)}
			streams[k] = s
		}
		s.packets++
		s.byType[r[colType]]++
		event, err := strconv.Atoi(r[colEvent])
		if err != nil || r[colUDPLength] != eventLength || event > lastEvent {
			continue
		}
		s.events[r[colType]]++
		if p := (press{r[colTimestamp], r[colEvent]}); !s.pressed[p] {
			s.pressed[p] = true
			s.digits += string("0123456789*#ABCD!"[event])
		}
	}
	return streams
}

// digits returns what was pressed in each stream that has any. A payload
// type that carries events carries little else; if not, it is no event's.
func digits(streams map[string]*stream) map[string]string {
	d := make(map[string]string)
	for k, s := range streams {
		genuine := true
		for t, n := range s.events {
			genuine = genuine && n*10 >= s.byType[t]*9
		}
		if genuine && s.digits != "" {
			d[k] = s.digits
		}
	}
	return d
}
