package oracle

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// suffix follows a capture's name, without its own suffixes, in the name of
// the file with what is expected of it.
const suffix = ".expected.json"

// expected is the file format of expectations: JSON, and more fields than
// these are ignored.
type expected struct {
	Packets int `json:"packets"`
	SIP     struct {
		Messages   int            `json:"messages"`
		Transports map[string]int `json:"transports"`
	} `json:"sip"`
	Calls struct {
		Total       int `json:"total"`
		Answered    int `json:"answered"`
		EndedByBye  int `json:"ended_by_bye"`
		Cancelled   int `json:"cancelled"`
		Forked      int `json:"forked"`
		Reinvites   int `json:"reinvites"`
		MaxAnswered int `json:"max_concurrent_answered"`
		OpenAtEnd   int `json:"answered_open_at_end"`
		MaxLive     int `json:"max_concurrent_any"`
		SeenMidcall int `json:"invite_dialogs_seen_midcall"`
	} `json:"calls"`
	Register struct {
		Requests     int            `json:"requests"`
		Transactions int            `json:"transactions"`
		Outcomes     map[string]int `json:"outcome_by_transaction"` // "None": unanswered
	} `json:"register"`
	RTP struct {
		Packets int `json:"packets"`
		Streams int `json:"streams"`
	} `json:"rtp"`
	DTMF struct {
		Source string            `json:"source"` // "sdp" or "heuristic"
		BySSRC []expectedDigits  `json:"by_ssrc"`
		Info   map[string]string `json:"sip_info"` // by Call-ID
	} `json:"dtmf"`
}

type expectedDigits struct {
	SSRC   string `json:"ssrc"`
	Src    string `json:"src"` // address:port, IPv6 without brackets
	Dst    string `json:"dst"`
	Digits string `json:"digits"`
}

const (
	fromSDP    = "sdp"
	fromLook   = "heuristic"
	unanswered = "None"
)

// expectedName is where the expectations of a capture are.
func expectedName(capture string) string {
	name := strings.TrimSuffix(capture, ".gz")
	return strings.TrimSuffix(name, filepath.Ext(name)) + suffix
}

// ReadExpected reads what is expected of a capture; the error is
// fs.ErrNotExist where nothing is.
func ReadExpected(capture string) (*Figures, error) {
	name := expectedName(capture)
	b, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var e expected
	if err := json.Unmarshal(b, &e); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	f := &Figures{
		Packets: e.Packets,
		Calls: Calls{Total: e.Calls.Total, Answered: e.Calls.Answered, Cancelled: e.Calls.Cancelled, EndedByBye: e.Calls.EndedByBye,
			OpenAtEnd: e.Calls.OpenAtEnd, SeenMidcall: e.Calls.SeenMidcall, Forked: e.Calls.Forked, Reinvites: e.Calls.Reinvites,
			MaxLive: e.Calls.MaxLive, MaxAnswered: e.Calls.MaxAnswered},
		Registrations: Registrations{Requests: e.Register.Requests, Transactions: e.Register.Transactions, Outcomes: e.Register.Outcomes},
		DTMF:          make(map[string]string),
		DTMFInfo:      e.DTMF.Info,
		Guessed:       e.DTMF.Source == fromLook && len(e.DTMF.BySSRC) > 0,
	}
	f.SIP.Messages, f.SIP.Transports = e.SIP.Messages, e.SIP.Transports
	f.RTP.Packets, f.RTP.Streams = e.RTP.Packets, e.RTP.Streams
	delete(f.Registrations.Outcomes, unanswered)
	for _, d := range e.DTMF.BySSRC {
		f.DTMF[Flow(d.Src, d.Dst, d.SSRC)] = d.Digits
	}
	return f, nil
}

// WriteExpected stores what is expected of a capture from now on.
func WriteExpected(capture string, f *Figures) error {
	var e expected
	e.Packets = f.Packets
	e.SIP.Messages, e.SIP.Transports = f.SIP.Messages, f.SIP.Transports
	c := &e.Calls
	c.Total, c.Answered, c.Cancelled, c.EndedByBye = f.Calls.Total, f.Calls.Answered, f.Calls.Cancelled, f.Calls.EndedByBye
	c.OpenAtEnd, c.SeenMidcall, c.Forked, c.Reinvites = f.Calls.OpenAtEnd, f.Calls.SeenMidcall, f.Calls.Forked, f.Calls.Reinvites
	c.MaxLive, c.MaxAnswered = f.Calls.MaxLive, f.Calls.MaxAnswered
	e.Register.Requests, e.Register.Transactions, e.Register.Outcomes = f.Registrations.Requests, f.Registrations.Transactions, f.Registrations.Outcomes
	e.RTP.Packets, e.RTP.Streams = f.RTP.Packets, f.RTP.Streams
	e.DTMF.Source, e.DTMF.Info = fromSDP, f.DTMFInfo
	if f.Guessed {
		e.DTMF.Source = fromLook
	}
	for flow, digits := range f.DTMF {
		part := strings.Fields(flow)
		e.DTMF.BySSRC = append(e.DTMF.BySSRC, expectedDigits{Src: part[0], Dst: part[1], SSRC: part[2], Digits: digits})
	}
	slices.SortFunc(e.DTMF.BySSRC, func(a, b expectedDigits) int {
		return cmp.Or(cmp.Compare(a.Src, b.Src), cmp.Compare(a.Dst, b.Dst), cmp.Compare(a.SSRC, b.SSRC))
	})
	b, err := json.MarshalIndent(&e, "", " ")
	if err != nil {
		return err
	}
	return os.WriteFile(expectedName(capture), append(b, '\n'), 0o644)
}

// Captures lists the captures in a folder.
func Captures(dir string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		switch filepath.Ext(strings.TrimSuffix(path, ".gz")) {
		case ".pcap", ".pcapng", ".cap":
			files = append(files, path)
		}
		return nil
	})
	return files, err
}
