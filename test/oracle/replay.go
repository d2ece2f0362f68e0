package oracle

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
)

// replayed is one object of `sipward-agent replay --json --digits`.
type replayed struct {
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
	DTMF []struct {
		Src    string  `json:"src"`
		Dst    string  `json:"dst"`
		SSRC   string  `json:"ssrc"`
		Digits *string `json:"digits"`
	} `json:"dtmf"`
	DTMFInfo []struct {
		CallID string  `json:"call_id"`
		Digits *string `json:"digits"`
	} `json:"dtmf_info"`
}

// Replay lets an agent read a capture. With guess it also looks for RTP that
// no SDP announced.
func Replay(ctx context.Context, agent, capture string, guess bool) (*Figures, error) {
	args := []string{"replay", capture, "--json", "--digits"}
	if guess {
		args = append(args, "--rtp-without-sdp")
	}
	out, err := exec.CommandContext(ctx, agent, args...).Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			return nil, fmt.Errorf("%s %q: %w: %s", agent, args, err, exit.Stderr)
		}
		return nil, fmt.Errorf("%s %q: %w", agent, args, err)
	}
	var r replayed
	if err := json.Unmarshal(out, &r); err != nil {
		return nil, fmt.Errorf("%s %q: %w: %s", agent, args, err, out)
	}
	f := &Figures{Packets: r.Packets, SIP: r.SIP, Calls: r.Calls, Registrations: r.Registrations, RTP: r.RTP,
		DTMF: make(map[string]string), DTMFInfo: make(map[string]string), Guessed: guess}
	for _, d := range r.DTMF {
		if d.Digits == nil {
			return nil, fmt.Errorf("%s: no digits in dtmf though asked for: %s", capture, out)
		}
		k := Flow(d.Src, d.Dst, d.SSRC)
		if before, twice := f.DTMF[k]; twice {
			return nil, fmt.Errorf("%s: dtmf of %s twice: %q and %q", capture, k, before, *d.Digits)
		}
		f.DTMF[k] = *d.Digits
	}
	for _, d := range r.DTMFInfo {
		if d.Digits == nil {
			return nil, fmt.Errorf("%s: no digits in dtmf_info though asked for: %s", capture, out)
		}
		f.DTMFInfo[d.CallID] += *d.Digits
	}
	return f, nil
}
