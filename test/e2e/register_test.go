package e2e

import (
	"testing"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// Registrations through Kamailio are seen: challenged, accepted, refused, and
// taken away.
func TestRegistrations(t *testing.T) {
	need(t)
	t.Parallel()
	for _, tcp := range []bool{false, true} {
		name := "UDP"
		if tcp {
			name = "TCP"
		}
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, peers.V4, tcp, "")
			const phones = 20
			rounds := []peers.RegisterRound{
				{User: "7001", Password: "secret", Expires: 600, Outcome: "200"},
				{User: "7002", Password: "wrong", Expires: 600, Outcome: "401"},
				{User: "7001", Password: "secret", Expires: 0, Outcome: "200"},
			}
			phone := &peers.SIPp{Host: w.Customer, Name: "phones", TCP: tcp, Calls: phones, Rate: 20,
				Local: peers.At(peers.V4.Customer), Remote: peers.At(peers.V4.ToCustomer), Fill: peers.Register{Rounds: rounds}}
			w.must(phone.Run(t.Context()))
			var s *peers.AgentStatus
			err := peers.Poll(t.Context(), 10*time.Second, "the agent to see every REGISTER", func() (bool, error) {
				s = w.status()
				return s.Registrations.Transactions >= phones*len(rounds)*2, nil
			})
			if err != nil {
				t.Errorf("%v: %+v", err, s.Registrations)
			}
			// Each round is a REGISTER that is challenged and one with credentials.
			w.equal("REGISTER transactions", s.Registrations.Transactions, phones*6)
			w.equal("REGISTER with 401", s.Registrations.Outcomes["401"], phones*4)
			w.equal("REGISTER with 200", s.Registrations.Outcomes["200"], phones*2)
			w.equal("calls", s.Calls.Started, 0)
		})
	}
}
