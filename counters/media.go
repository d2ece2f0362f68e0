package counters

import (
	"github.com/sipward/sipward/sip/dialog"
	"github.com/sipward/sipward/sip/media"
)

// MediaClass says what was seen of the media of an answered call.
type MediaClass uint8

// Media classes; the zero value is invalid.
const (
	MediaTwoWay    MediaClass = iota + 1 // both sides sent
	MediaEncrypted                       // both sides sent, as SRTP: its digits are unknown
	MediaOneWay                          // one side never sent: one-way audio
	MediaNone                            // it had to pass here and nobody sent: false answer supervision
	MediaNotSeen                         // it does not pass here (bypassed), or nothing here can see it
	mediaClassEnd
)

// MediaClasses is the number of MediaClass values with the invalid one, for
// arrays indexed by one.
const MediaClasses = int(mediaClassEnd)

var mediaClassNames = [MediaClasses]string{"", "two_way", "encrypted", "one_way", "answered_without_media", "not_seen"}

// String returns the word that metrics and records use; "" for the zero value,
// which a call that was never answered has.
func (c MediaClass) String() string {
	if int(c) < MediaClasses {
		return mediaClassNames[c]
	}
	return "invalid"
}

// MediaResult is what was seen of the media of one finished leg.
type MediaResult struct {
	Sent      [2]media.Summary // by the caller (what the callee received), by the callee
	Expected  bool             // it had to pass this host, where audio can be seen
	Shared    bool             // other calls used the same ports at the same time: what is missing may be with them
	Restored  bool             // the agent was started anew while it went on: what is missing may have been before
	Encrypted bool             // SRTP was agreed
}

// Class returns the media class of an answered call.
func (m *MediaResult) Class() MediaClass {
	caller, callee := m.Sent[0].Packets > 0, m.Sent[1].Packets > 0
	switch {
	case caller && callee && m.hidden():
		return MediaEncrypted
	case caller && callee:
		return MediaTwoWay
	case m.Shared, m.Restored:
		return MediaNotSeen
	case caller || callee:
		return MediaOneWay
	case m.Expected:
		return MediaNone
	}
	return MediaNotSeen
}

// Visible reports whether the media of an answered call was seen and readable,
// so that it counts in the DTMF share.
func (m *MediaResult) Visible() bool {
	class := m.Class()
	return !m.hidden() && class != MediaNone && class != MediaNotSeen
}

func (m *MediaResult) hidden() bool {
	return m.Encrypted || m.Sent[0].Encrypted || m.Sent[1].Encrypted
}

// Media counts what was seen of the media of a leg that is about to be closed,
// for its customer, for all calls, and for the carriers that answered it.
func (c *Counters) Media(leg *dialog.Leg, m *MediaResult) {
	if leg.Call {
		c.total.media(leg, m)
		c.customer(leg.Customer).media(leg, m)
	}
	for i := range leg.Attempts {
		if a := &leg.Attempts[i]; a.Answer != 0 {
			c.carrier(a.Carrier).media(leg, m)
		}
	}
}

func (f *Figures) media(leg *dialog.Leg, m *MediaResult) {
	if leg.Digits[0].Count+leg.Digits[1].Count > 0 {
		f.CallsWithInfo++
	}
	for i := range m.Sent {
		s := &m.Sent[i]
		f.Digits[i] += uint64(max(s.Presses, 0)) // not negative
		f.InfoDigits[i] += uint64(leg.Digits[i].Count)
		f.Packets[i] += s.Packets
		f.Lost[i] += s.Lost
		if s.MOS > 0 {
			f.MOSMilli[i] += uint64(s.MOS*1000 + 0.5)
			f.MOSCalls[i]++
		}
	}
	if leg.Answer == 0 {
		return // early media, or the rest of a call joined late, says nothing about an answer
	}
	f.Media[m.Class()]++
	if !m.Visible() {
		return
	}
	f.MediaVisible++
	if m.Sent[0].Presses+m.Sent[1].Presses > 0 {
		f.CallsWithDigits++
	}
}
