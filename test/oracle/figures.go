// Package oracle reads captures with tshark, by no code of this project's
// own, and says what an agent must find in them. Its figures are those of
// `sipward-agent replay --json`; each is defined where it is counted.
package oracle

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Figures are what a capture holds.
type Figures struct {
	Packets int `json:"packets"`
	SIP     struct {
		Messages   int            `json:"messages"`
		Transports map[string]int `json:"transports"`
	} `json:"sip"`
	Calls         Calls         `json:"calls"`
	Registrations Registrations `json:"registrations"`
	RTP           struct {
		Packets int `json:"packets"`
		Streams int `json:"streams"`
	} `json:"rtp"`
	// DTMF holds digits by "source destination ssrc"; see Flow.
	DTMF     map[string]string `json:"dtmf"`
	DTMFInfo map[string]string `json:"dtmf_info"` // by Call-ID
	// Guessed says that no SDP announced the media that DTMF is from.
	Guessed bool `json:"guessed"`
}

// Calls are counts of calls; a call is a Call-ID with an initial INVITE.
type Calls struct {
	Total       int `json:"total"`
	Answered    int `json:"answered"`
	Cancelled   int `json:"cancelled"`
	EndedByBye  int `json:"ended_by_bye"`
	OpenAtEnd   int `json:"open_at_end"`
	SeenMidcall int `json:"seen_midcall"`
	Forked      int `json:"forked"`
	Reinvites   int `json:"reinvites"`
	MaxLive     int `json:"max_live"`
	MaxAnswered int `json:"max_answered"`
}

// Registrations are counts of REGISTER.
type Registrations struct {
	Requests     int            `json:"requests"`
	Transactions int            `json:"transactions"`
	Outcomes     map[string]int `json:"outcomes"` // by final status; the unanswered are not in it
}

// Flow is the key of Figures.DTMF. Addresses are without brackets, whatever
// the tool that printed them did.
func Flow(src, dst, ssrc string) string {
	strip := strings.NewReplacer("[", "", "]", "")
	return strip.Replace(src) + " " + strip.Replace(dst) + " " + ssrc
}

// Differences lists where got is not want, a line each.
func Differences(want, got *Figures) []string {
	var d []string
	number := func(name string, w, g int) {
		if w != g {
			d = append(d, fmt.Sprintf("%s: %d, want %d", name, g, w))
		}
	}
	number("packets", want.Packets, got.Packets)
	number("sip.messages", want.SIP.Messages, got.SIP.Messages)
	number("calls.total", want.Calls.Total, got.Calls.Total)
	number("calls.answered", want.Calls.Answered, got.Calls.Answered)
	number("calls.cancelled", want.Calls.Cancelled, got.Calls.Cancelled)
	number("calls.ended_by_bye", want.Calls.EndedByBye, got.Calls.EndedByBye)
	number("calls.open_at_end", want.Calls.OpenAtEnd, got.Calls.OpenAtEnd)
	number("calls.seen_midcall", want.Calls.SeenMidcall, got.Calls.SeenMidcall)
	number("calls.forked", want.Calls.Forked, got.Calls.Forked)
	number("calls.reinvites", want.Calls.Reinvites, got.Calls.Reinvites)
	number("calls.max_live", want.Calls.MaxLive, got.Calls.MaxLive)
	number("calls.max_answered", want.Calls.MaxAnswered, got.Calls.MaxAnswered)
	number("registrations.requests", want.Registrations.Requests, got.Registrations.Requests)
	number("registrations.transactions", want.Registrations.Transactions, got.Registrations.Transactions)
	number("rtp.packets", want.RTP.Packets, got.RTP.Packets)
	number("rtp.streams", want.RTP.Streams, got.RTP.Streams)
	d = append(d, mapDifferences("sip.transports", want.SIP.Transports, got.SIP.Transports)...)
	d = append(d, mapDifferences("registrations.outcomes", want.Registrations.Outcomes, got.Registrations.Outcomes)...)
	d = append(d, mapDifferences("dtmf", want.DTMF, got.DTMF)...)
	return append(d, mapDifferences("dtmf_info", want.DTMFInfo, got.DTMFInfo)...)
}

// mapDifferences compares two maps; a zero value is as good as none.
func mapDifferences[V comparable](name string, want, got map[string]V) []string {
	var d []string
	keys := maps.Clone(want)
	if keys == nil {
		keys = make(map[string]V)
	}
	maps.Copy(keys, got)
	for _, k := range slices.Sorted(maps.Keys(keys)) {
		if want[k] != got[k] {
			d = append(d, fmt.Sprintf("%s[%s]: %v, want %v", name, k, got[k], want[k]))
		}
	}
	return d
}
