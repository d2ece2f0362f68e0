package web

import (
	"errors"
	"net/http"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

type callRow struct {
	Key        string `json:"key"`
	Node       string `json:"node"`
	Counted    int64  `json:"counted_unix_ms"`
	Invited    int64  `json:"invited_unix_ms"`
	Kind       string `json:"kind"`
	Customer   string `json:"customer"`
	Carrier    string `json:"carrier"`
	Direction  string `json:"direction"`
	Caller     string `json:"caller"`
	Called     string `json:"called"`
	CallID     string `json:"call_id"`
	Status     uint32 `json:"status"`
	Release    string `json:"release"`
	Answered   bool   `json:"answered"`
	Midcall    bool   `json:"midcall"`
	DurationMs int64  `json:"duration_ms"`
	PddMs      *int64 `json:"pdd_ms"`
	MediaClass string `json:"media_class"`
	Digits     int64  `json:"digits"`
}

func callRowOf(v *view, r *query.CallRow) callRow {
	return callRow{Key: sealPlace(v.s.placeOf(r.Position())), Node: v.node(r.Node), Counted: r.CountedUnixMs, Invited: r.InvitedUnixMs, Kind: r.Kind,
		Customer: r.Customer, Carrier: v.hide(r.Carrier), Direction: r.Direction, Caller: r.Caller, Called: r.Called, CallID: r.CallID,
		Status: r.Status, Release: r.Release, Answered: r.Answered, Midcall: r.Midcall, DurationMs: r.DurationMs, PddMs: copied(r.PddMs),
		MediaClass: r.MediaClass, Digits: r.Digits}
}

// copied takes what is valid only until the row's turn is over.
func copied(p *int64) *int64 {
	if p == nil {
		return nil
	}
	return new(*p)
}

// callFilter reads the filters that calls and attempts share, newest first. One row
// more than the page has is read, to know whether there is more.
func callFilter(q *request) (f query.CallFilter, limit int, err error) {
	a := q.args
	limit = a.limit()
	f = query.CallFilter{Node: a.text("node"), Customer: a.text("customer"), Carrier: a.text("carrier"), Kind: a.word("kind", "", "call", "carrier_leg"),
		CallID: a.text("call_id"), Answered: a.flag("answered"), Release: a.text("release"),
		Status: uint32(a.number("status", 0, 100, 699)), MinDurationMs: a.number("min_duration_ms", 0, 0, maxUnix*1000), // at most 699
		Newest: true, Limit: limit + 1}
	f.FromUnixMs, f.ToUnixMs = a.times()
	number := a.text("number")
	if prefix, ok := cutSuffix(number, "*"); ok {
		f.Prefix = prefix
	} else {
		f.Number = number
	}
	if a.err != nil {
		return f, limit, a.err
	}
	f.After, err = q.after()
	return f, limit, err
}

func (s *Server) calls(q *request) (any, error) {
	f, limit, err := callFilter(q)
	if err != nil {
		return nil, err
	}
	out := page[callRow]{Items: []callRow{}}
	var last query.Position
	err = q.view.calls(q.Context(), f, func(r *query.CallRow) error {
		if len(out.Items) == limit {
			out.Next = sealPlace(s.placeOf(last))
			return nil
		}
		last = r.Position()
		out.Items = append(out.Items, callRowOf(q.view, r))
		return nil
	})
	return out, err
}

type attemptRow struct {
	Key        string `json:"key"`
	N          int    `json:"n"`
	Counted    int64  `json:"counted_unix_ms"`
	Invited    int64  `json:"invited_unix_ms"`
	Customer   string `json:"customer"`
	Carrier    string `json:"carrier"`
	Called     string `json:"called"`
	Status     uint32 `json:"status"`
	Release    string `json:"release"`
	Answered   bool   `json:"answered"`
	Outcome    bool   `json:"outcome"`
	DurationMs int64  `json:"duration_ms"`
	PddMs      *int64 `json:"pdd_ms"`
}

func (s *Server) attempts(q *request) (any, error) {
	f, limit, err := callFilter(q)
	if err != nil {
		return nil, err
	}
	if f.Kind != "" || f.CallID != "" {
		return nil, fault(http.StatusBadRequest, "attempts are not found by kind or call_id: open their call")
	}
	out := page[attemptRow]{Items: []attemptRow{}}
	var last query.Position
	err = q.view.attempts(q.Context(), f, func(r *query.AttemptRow) error {
		if len(out.Items) == limit {
			out.Next = sealPlace(s.placeOf(last))
			return nil
		}
		last = r.Position()
		call := last
		call.N = 0
		out.Items = append(out.Items, attemptRow{sealPlace(s.placeOf(call)), r.N, r.CountedUnixMs, r.InvitedUnixMs, r.Customer, q.view.hide(r.Carrier),
			q.view.hide(r.Called), r.Status, r.Release, r.Answered, r.Outcome, r.DurationMs, copied(r.PddMs)})
		return nil
	})
	return out, err
}

type callDetail struct {
	callRow
	FromTag    string        `json:"from_tag"`
	CallerHost string        `json:"caller_host"`
	CalledHost string        `json:"called_host"`
	To         string        `json:"to"`
	UserAgent  string        `json:"user_agent"`
	Src        string        `json:"src"`
	Dst        string        `json:"dst"`
	Transport  string        `json:"transport"`
	Ringing    int64         `json:"ringing_unix_ms"`
	AnsweredAt int64         `json:"answered_unix_ms"`
	Ended      int64         `json:"ended_unix_ms"`
	RingMs     int64         `json:"ring_ms"`
	SIPReason  string        `json:"sip_reason"`
	Q850Cause  uint32        `json:"q850_cause"`
	ReleasedBy string        `json:"released_by"`
	Forks      uint32        `json:"forks"`
	Reinvites  uint32        `json:"reinvites"`
	Codec      string        `json:"codec"`
	Encrypted  bool          `json:"encrypted"`
	Attempts   []callAttempt `json:"attempts"`
	FromCaller *mediaSide    `json:"from_caller"`
	FromCallee *mediaSide    `json:"from_callee"`
}

type callAttempt struct {
	Carrier    string `json:"carrier"`
	Called     string `json:"called"`
	Src        string `json:"src"`
	Dst        string `json:"dst"`
	Invited    int64  `json:"invited_unix_ms"`
	Ringing    int64  `json:"ringing_unix_ms"`
	Answered   int64  `json:"answered_unix_ms"`
	Ended      int64  `json:"ended_unix_ms"`
	PddMs      *int64 `json:"pdd_ms"`
	DurationMs int64  `json:"duration_ms"`
	Status     uint32 `json:"status"`
	Release    string `json:"release"`
}

type mediaSide struct {
	Codec         string   `json:"codec"`
	Packets       uint64   `json:"rtp_packets"`
	Lost          uint64   `json:"rtp_lost"`
	JitterMs      float64  `json:"jitter_ms"`
	MOS           *float64 `json:"mos"`
	DTMFCount     uint32   `json:"dtmf_count"`
	DTMF          string   `json:"dtmf"`
	DTMFInfoCount uint32   `json:"dtmf_info_count"`
}

func (s *Server) oneCall(q *request) (any, error) {
	at, err := q.view.position(q.Context(), q.PathValue("key"))
	if errors.Is(err, errPlace) {
		return nil, accounts.ErrNotFound
	}
	if err != nil {
		return nil, err
	}
	var out *callDetail
	f := query.CallFilter{FromUnixMs: at.CountedUnixMs, ToUnixMs: at.CountedUnixMs + 1, Only: &at.Key, Limit: 1}
	err = q.view.calls(q.Context(), f, func(r *query.CallRow) error {
		c, err := r.Call()
		if err != nil {
			return err
		}
		out = new(callDetailOf(q.view, r, c))
		return nil
	})
	if err == nil && out == nil {
		err = accounts.ErrNotFound
	}
	return out, err
}

// callDetailOf leaves out what is inside the operator's network when a customer asks: to
// whom a call was sent, and from where.
func callDetailOf(v *view, r *query.CallRow, c *record.Call) callDetail {
	d := callDetail{callRow: callRowOf(v, r), FromTag: c.GetFromTag(), CallerHost: c.GetCallerHost(), CalledHost: c.GetCalledHost(), To: c.GetTo(),
		UserAgent: c.GetUserAgent(), Src: c.GetSrc(), Dst: v.hide(c.GetDst()), Transport: c.GetTransport(),
		Ringing: c.GetRingingUnixMs(), AnsweredAt: c.GetAnsweredUnixMs(), Ended: c.GetEndedUnixMs(), RingMs: c.GetRingMs(),
		SIPReason: c.GetSipReason(), Q850Cause: c.GetQ850Cause(), ReleasedBy: c.GetReleasedBy(), Forks: c.GetForks(), Reinvites: c.GetReinvites(),
		Codec: c.GetCodec(), Encrypted: c.GetEncrypted(), Attempts: []callAttempt{},
		FromCaller: sideOf(c.GetFromCaller()), FromCallee: sideOf(c.GetFromCallee())}
	if v.own && c.GetDirection() == "inbound" { // it came from a carrier or a switch
		d.Src, d.CallerHost, d.UserAgent = "", "", ""
	}
	for _, a := range c.GetAttempts() {
		d.Attempts = append(d.Attempts, callAttempt{v.hide(a.GetCarrier()), v.hide(a.GetCalled()), v.hide(a.GetSrc()), v.hide(a.GetDst()),
			a.GetInvitedUnixMs(), a.GetRingingUnixMs(), a.GetAnsweredUnixMs(), a.GetEndedUnixMs(), a.PddMs, a.GetDurationMs(), a.GetSipStatus(), a.GetRelease()})
	}
	return d
}

func sideOf(m *record.Side) *mediaSide {
	if m == nil {
		return nil
	}
	out := &mediaSide{Codec: m.GetCodec(), Packets: m.GetRtpPackets(), Lost: m.GetRtpLost(), JitterMs: m.GetJitterMs(),
		DTMFCount: m.GetDtmfCount(), DTMF: m.GetDtmf(), DTMFInfoCount: m.GetDtmfInfoCount()}
	if mos := m.GetMos(); mos != 0 { // it begins at 1
		out.MOS = &mos
	}
	return out
}
