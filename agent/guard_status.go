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
	return tally.Stage("guard", []tally.Event{
		{"bindings_refused", s.Registry.Discarded, "registered contacts beyond `guard.max_bindings`: they are registered, and not followed"},
		{"reports_discarded", s.Discarded, "refusals and strays that nobody will hear of: too many came at once"},
	})
}

func guardCounts(s *guard.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("guard", []tally.Event{
			{"faults", s.Panics, "verdicts lost to a fault in the agent: they were as `guard.fail` says; more than 0 is a bug"},
			{"verdicts_forgotten", s.Forgotten, "transactions forgotten early: when sent again, their requests count anew"},
			{"registers_forgotten", s.Registry.Forgotten, "requests forgotten before their response came: what it registered was not learnt"},
			{"answers_unasked", s.Registry.Unasked, "2xx from where no REGISTER was sent: not believed"},
			{"strayed", s.Strayed, "strays that were reported"},
			{"bindings_restored", s.Restored, "known from the last run"},
			{"bindings_damaged", s.Damaged, "of the last run, unreadable"},
			{"saves", s.Saves, "writes of changed bindings to disk"},
			{"save_errors", s.SaveFails, "of these, failed; they are tried again"},
			{"reports", s.Reports, "refusals and strays handed on"},
			{"reports_coalesced", s.Coalesced, "further refusals that were only counted in another report"},
		}),
		tally.Stage("guard", []tally.Event{
			{"bans", s.Bans, "sources that were banned"},
			{"bans_spared", s.Spared, "sources that were not, since they are never banned"},
			{"bans_refused", s.BansRefused, "sources that were not banned, for want of room"},
			{"bans_forgotten", s.Uncounted, "sources whose refusals were forgotten early for want of room"},
			{"ban_errors", s.KernelErrors, "bans and lifts that the kernel refused; they are tried again"},
		}),
	)
}

func queueDrops(q *netfilter.Stats) []tally.Count {
	return tally.Stage("netfilter", []tally.Event{
		{"queue_dropped", q.QueueDropped, "REGISTERs that found the queue full: they went as `guard.fail` says"},
		{"socket_dropped", q.SocketDropped, "REGISTERs that found the agent's socket full: they went as `guard.fail` says"},
		{"bypassed", q.Bypassed, "REGISTERs that passed without a verdict, with `fail: open`"},
	})
}

func queueCounts(q *netfilter.Stats) []tally.Count {
	return tally.Stage("netfilter", []tally.Event{
		{"packets", q.Packets, "read from the queues: the sum of the next five"},
		{"passed", q.Passed, "REGISTERs"},
		{"refused", q.Refused, "REGISTERs"},
		{"others", q.Others, "no REGISTER: let through"},
		{"undecodable", q.Undecodable, "dropped"},
		{"faults", q.Panics, "lost to a fault in the agent: they went as `guard.fail` says"},
		{"answers", q.Answers, "403 sent"},
		{"limited_source", q.LimitedSource, "refused without an answer: too many to one source"},
		{"limited_all", q.LimitedAll, "refused without an answer: too many to all"},
		{"unanswerable", q.Unanswerable, "refused without an answer: nowhere to send it"},
		{"send_errors", q.SendErrors, "answers that could not be sent"},
		{"overruns", q.Overruns, "times that the agent's socket was full"},
		{"verdict_errors", q.VerdictErrors, "verdicts on packets that the kernel no longer had"},
		{"malformed", q.Malformed, "messages of the kernel that could not be read"},
		{"rules_lost", q.RulesLost, "times that somebody had removed rules, and they were put back"},
	})
}

func authorizeCounts(q *authorize.Stats) []tally.Count {
	return tally.Stage("authorize", []tally.Event{
		{"asked", q.Asked, "questions: the sum of the next four"},
		{"allowed", q.Allowed, "REGISTERs"},
		{"refused", q.Refused, "REGISTERs"},
		{"elsewhere", q.Elsewhere, "questions of FreeSWITCH about something else"},
		{"bad", q.Bad, "questions that could not be understood"},
		{"slow", q.Slow, "of all, answered after more than 1 ms"},
		{"busy", q.Busy, "turned away: too many at once"},
		{"shed", q.Shed, "connections closed at once: too many"},
	})
}
