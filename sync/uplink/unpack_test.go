package uplink

import (
	"fmt"
	"math/rand/v2"

	"github.com/klauspost/compress/zstd"

	"github.com/sipward/sipward/sync/record"
)

func unpack(h record.Header, packed []byte) ([]byte, error) {
	if h.Codec == record.Plain {
		return packed, nil
	}
	d, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(record.MaxBody))
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return d.DecodeAll(packed, nil)
}

// call is a call record like those of a switch.
func call(k key, seq uint64) *record.Record {
	r := rand.New(rand.NewPCG(k.epoch, seq))
	start := int64(1_700_000_000_000) + int64(seq)*90
	pdd := int64(r.IntN(3000))
	dur := int64(r.IntN(300_000))
	return &record.Record{Call: &record.Call{
		Node: "sw1", Kind: "call", CallId: fmt.Sprintf("%016x%d-%d-%d@10.0.0.1", r.Uint64(), k.epoch, k.stream, seq), FromTag: fmt.Sprintf("%08x", r.Uint32()),
		Customer: fmt.Sprintf("customer-%d", r.IntN(50)), Carrier: fmt.Sprintf("carrier-%d", r.IntN(5)), Direction: "outbound",
		Caller: fmt.Sprint(1000 + r.IntN(1000)), CallerHost: "pbx.example", Called: fmt.Sprintf("+4930%07d", r.IntN(10_000_000)), CalledHost: "sw.example",
		Src: fmt.Sprintf("10.1.%d.%d:5060", r.IntN(4), r.IntN(250)), Dst: "10.0.0.1:5060", Transport: "udp",
		InvitedUnixMs: start, RingingUnixMs: start + pdd, AnsweredUnixMs: start + pdd + 4000, EndedUnixMs: start + pdd + 4000 + dur,
		ClosedUnixMs: start + pdd + 8000 + dur, CountedUnixMs: start + pdd + 4000 + dur, PddMs: &pdd, RingMs: 4000, DurationMs: dur,
		Answered: true, SipStatus: 200, SipReason: "OK", Q850Cause: 16, Release: "bye_callee", ReleasedBy: "callee", Codec: "PCMA", MediaClass: "two_way",
		FromCaller: &record.Side{RtpPackets: uint64(dur) / 20, RtpBytes: uint64(dur) * 8, JitterMs: 1.25, Mos: 4.39, Codec: "PCMA"},
		FromCallee: &record.Side{RtpPackets: uint64(dur) / 20, RtpBytes: uint64(dur) * 8, JitterMs: 0.5, Mos: 4.41, Codec: "PCMA"},
		Attempts: []*record.Attempt{{Carrier: "carrier-1", Called: "4930123", Src: "10.0.0.2:5060", Dst: "10.9.0.3:5060", InvitedUnixMs: start + 10,
			RingingUnixMs: start + pdd, AnsweredUnixMs: start + pdd + 4000, EndedUnixMs: start + pdd + 4000 + dur, PddMs: &pdd, DurationMs: dur, SipStatus: 200,
			Release: "bye_callee", Outcome: true, Effective: true}},
		OpenedEpoch: k.epoch, LegId: seq, Outcome: true, Effective: true,
	}}
}

// newCalls is a spool of call records. Each is made once: some tests send the
// same ones hundreds of times.
func newCalls(epoch uint64) *memory {
	m := newMemory(epoch)
	type name struct {
		key
		seq uint64
	}
	made := map[name][]byte{}
	m.made = func(k key, seq uint64) []byte {
		b := made[name{k, seq}]
		if b == nil {
			var err error
			if b, err = record.Encode(call(k, seq)); err != nil {
				panic(err)
			}
			made[name{k, seq}] = b
		}
		return b
	}
	return m
}
