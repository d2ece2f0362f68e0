package main

import (
	"slices"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/agent/guard"
	"github.com/sipward/sipward/agent/guard/authorize"
	"github.com/sipward/sipward/agent/guard/netfilter"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/tally"
	"github.com/sipward/sipward/sync/record"
)

// status is what people are shown of the guard.
func (g *guards) status(cfg *configs.Guard, s *guard.Stats) *admin.Guard {
	out := &admin.Guard{
		Mode: string(cfg.Mode), Fail: string(cfg.Fail), Resent: s.Resent, Judged: s.Judged, Judging: s.Judging,
		Bindings: s.Registry.Bindings, MaxBindings: cfg.MaxBindings, Strays: s.Registry.Strays, Banned: s.Banned,
	}
	for _, v := range s.Verdicts {
		out.Verdicts = append(out.Verdicts, admin.Verdict(v))
	}
	return out
}

// guardState is what collectors are told of the guard.
func guardState(g *admin.Guard) *record.GuardState {
	out := &record.GuardState{Mode: g.Mode, Fail: g.Fail, Bindings: g.Bindings, Strays: g.Strays, Banned: g.Banned}
	for _, v := range g.Verdicts {
		if v.Verdict != guard.Passed {
			out.Refused += v.Count
		}
	}
	return out
}

// tallies returns the counters of the guard and of its edge: what was lost, and
// the rest.
func (g *guards) tallies(s *guard.Stats) (drops, counts []tally.Count) {
	drops, counts = guardDrops(s), guardCounts(s)
	if g.queue != nil {
		q := g.queue.Stats()
		drops, counts = append(drops, queueDrops(&q)...), append(counts, queueCounts(&q)...)
	}
	if g.authorize != nil {
		q := g.authorize.Stats()
		counts = append(counts, authorizeCounts(&q)...)
	}
	return drops, counts
}

func guardDrops(s *guard.Stats) []tally.Count {
	return tally.Stage("guard", []tally.Event{{"bindings_refused", s.Registry.Discarded}, {"reports_discarded", s.Discarded}})
}

func guardCounts(s *guard.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("guard", []tally.Event{
			{"faults", s.Panics},
			{"strayed", s.Strayed},
			{"bindings_restored", s.Restored},
			{"bindings_damaged", s.Damaged},
			{"saves", s.Saves},
			{"save_errors", s.SaveFails},
			{"registers_forgotten", s.Registry.Forgotten},
			{"answers_unasked", s.Registry.Unasked},
			{"verdicts_forgotten", s.Forgotten},
			{"reports", s.Reports},
			{"reports_coalesced", s.Coalesced},
		}),
		tally.Stage("guard", []tally.Event{
			{"bans", s.Bans},
			{"bans_spared", s.Spared},
			{"bans_refused", s.BansRefused},
			{"bans_forgotten", s.Uncounted},
			{"ban_errors", s.KernelErrors},
		}),
	)
}

func queueDrops(q *netfilter.Stats) []tally.Count {
	return tally.Stage("netfilter", []tally.Event{
		{"queue_dropped", q.QueueDropped}, {"socket_dropped", q.SocketDropped}, {"bypassed", q.Bypassed},
	})
}

func queueCounts(q *netfilter.Stats) []tally.Count {
	return tally.Stage("netfilter", []tally.Event{
		{"packets", q.Packets},
		{"passed", q.Passed},
		{"refused", q.Refused},
		{"others", q.Others},
		{"undecodable", q.Undecodable},
		{"faults", q.Panics},
		{"answers", q.Answers},
		{"limited_source", q.LimitedSource},
		{"limited_all", q.LimitedAll},
		{"unanswerable", q.Unanswerable},
		{"send_errors", q.SendErrors},
		{"overruns", q.Overruns},
		{"verdict_errors", q.VerdictErrors},
		{"malformed", q.Malformed},
		{"rules_lost", q.RulesLost},
	})
}

func authorizeCounts(q *authorize.Stats) []tally.Count {
	return tally.Stage("authorize", []tally.Event{
		{"asked", q.Asked},
		{"allowed", q.Allowed},
		{"refused", q.Refused},
		{"elsewhere", q.Elsewhere},
		{"bad", q.Bad},
		{"slow", q.Slow},
		{"busy", q.Busy},
		{"shed", q.Shed},
	})
}
