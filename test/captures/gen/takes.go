package main

import (
	"context"
	"strings"

	"github.com/sipward/sipward/test/peers"
)

var (
	anywhere = []string{"any"}
	customer = []string{peers.CustomerSide}
	carrierA = []string{peers.CarrierASide}
	both     = []string{peers.CustomerSide, peers.CarrierASide, peers.CarrierBSide}
)

// big makes an INVITE of more than two Ethernet frames.
var big = strings.Repeat("a long header value that no frame can hold; ", 80)

// takes are all captures, the plain ones first.
var takes = []take{
	{"udp.pcap", customer, "", direct(peers.V4, false, 5, peers.Caller{Hold: 1200}, peers.Callee{Answer: 200})},
	{"udp6.pcap", customer, "", direct(peers.V6, false, 5, peers.Caller{Hold: 1200}, peers.Callee{Answer: 200})},
	{"tcp.pcap", customer, "", direct(peers.V4, true, 5, peers.Caller{Hold: 1200}, peers.Callee{Answer: 200})},
	{"tcp6.pcap", customer, "", direct(peers.V6, true, 5, peers.Caller{Hold: 1200}, peers.Callee{Answer: 200})},
	{"fragments.pcap", customer, "", direct(peers.V4, false, 2, peers.Caller{Pad: big}, peers.Callee{})},
	{"fragments6.pcap", customer, "", direct(peers.V6, false, 2, peers.Caller{Pad: big}, peers.Callee{})},
	{"reinvite.pcap", customer, "", direct(peers.V4, false, 2, peers.Caller{Reinvite: true}, peers.Callee{Reinvite: true})},
	{"info.pcap", customer, "", direct(peers.V4, false, 1, peers.Caller{Info: split("1 2 3 * #")}, peers.Callee{Info: split("1 2 3 * #")})},
	{"open.pcap", customer, "", direct(peers.V4, false, 3, peers.Caller{Abandon: true}, peers.Callee{Abandon: true})},
	{"digits.pcap", customer, "", direct(peers.V4, false, 1, peers.Caller{Play: peers.Keys("0123456789*#")}, peers.Callee{})},
	{"digits6.pcap", carrierA, "", direct(peers.V6, false, 1, peers.Caller{Play: append(peers.Keys("42"), peers.Voice(1500))}, peers.Callee{})},
	{"early.pcap", customer, "", direct(peers.V4, false, 1, peers.Caller{Play: peers.Keys("7")}, peers.Callee{Early: true, Answer: 300})},
	{"lossy.pcap", customer, "", lossy},
	{"midcall.pcap", customer, "", midcall},
	{"proxy.pcapng", both, "", proxied(plan{addresses: peers.V4, number: "1000", calls: 3, a: peers.Callee{Answer: 300}})},
	{"proxy6.pcapng", both, "", proxied(plan{addresses: peers.V6, number: "1000", calls: 3, a: peers.Callee{Answer: 300}})},
	{"proxy-tcp.pcapng", both, "", proxied(plan{addresses: peers.V4, tcp: true, number: "1000", calls: 3, a: peers.Callee{Answer: 300}})},
	{"proxy-any.pcap", anywhere, "LINUX_SLL2", proxied(plan{addresses: peers.V4, number: "1000", calls: 3,
		caller: peers.Caller{Play: peers.Keys("59")}, a: peers.Callee{Answer: 300}})},
	{"proxy-sll.pcap", anywhere, "LINUX_SLL", proxied(plan{addresses: peers.V4, number: "1000", calls: 2})},
	{"failover.pcapng", both, "", proxied(plan{addresses: peers.V4, number: "2000", calls: 3,
		a: peers.Callee{Refuse: "503 Service Unavailable"}})},
	{"fork.pcapng", both, "", proxied(plan{addresses: peers.V4, number: "3000", calls: 2,
		a: peers.Callee{Answer: 300}, b: peers.Callee{Ring: true}})},
	{"auth.pcapng", both, "", proxied(plan{addresses: peers.V4, number: "4000", calls: 2, caller: peers.Caller{Auth: true}})},
	{"outcomes.pcapng", both, "", proxied(
		plan{addresses: peers.V4, number: "1486", caller: peers.Caller{Refused: "486"}, a: peers.Callee{Refuse: "486 Busy Here"}},
		plan{addresses: peers.V4, number: "1487", caller: peers.Caller{Cancel: true, Refused: "487"}, a: peers.Callee{Ring: true}},
		plan{addresses: peers.V4, number: "2404", caller: peers.Caller{Refused: "404"},
			a: peers.Callee{Refuse: "503 Service Unavailable"}, b: peers.Callee{Refuse: "404 Not Found"}},
		plan{addresses: peers.V4, number: "7000", caller: peers.Caller{Refused: "480"}},
		plan{addresses: peers.V4, number: "1000"},
	)},
	{"rtpengine.pcapng", both, "", proxied(plan{addresses: peers.V4, rtpengine: true, number: "5000",
		caller: peers.Caller{Play: append(peers.Keys("12#"), peers.Voice(1500))}})},
	{"register.pcap", customer, "", register(peers.V4, false)},
	{"register6.pcap", customer, "", register(peers.V6, false)},
	{"register-tcp.pcap", customer, "", register(peers.V4, true)},
	{"loopback.pcap", []string{"lo"}, "", loopback},
	{"vlan.pcap", []string{"eth0"}, "", vlan},
	{"qinq.pcap", []string{"eth0"}, "", qinq},
	{"baresip.pcap", anywhere, "LINUX_SLL2", baresip},
}

func split(s string) []string { return strings.Fields(s) }

// midcall starts to listen when the calls are up.
func midcall(ctx context.Context, s *stage) error {
	answer, err := s.callee("carrier-a-sipp", s.CarrierA, peers.V4.CarrierA, false, peers.Callee{Reinvite: true}).Start(ctx)
	if err != nil {
		return err
	}
	call := s.caller(peers.V4, false, peers.Caller{Reinvite: true, Hold: 300, Play: []peers.Clip{peers.Voice(3000)}}, "1000", 2)
	call.Remote = peers.At(peers.V4.CarrierA)
	play, err := call.Start(ctx)
	if err != nil {
		return err
	}
	if err := peers.Poll(ctx, takeTimeout, "2 calls", func() (bool, error) {
		st, err := play.Stats()
		return st.Current == 2, err
	}); err != nil {
		return err
	}
	if err := s.record(ctx); err != nil {
		return err
	}
	if err := play.Wait(ctx); err != nil {
		return err
	}
	return answer.End(ctx)
}
