package main

import (
	"slices"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/alerts"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/ingest/broker"
	"github.com/sipward/sipward/collector/store"
	"github.com/sipward/sipward/internal/tally"
)

// These tables give every counter of every part the words that operators see.
// They are words of their own, not the names of fields: a field that is renamed
// must not rename a metric. docs/collector.md explains each.

// drops is what was turned away or set aside. None of it is lost: nodes keep
// what is not acked, and what is set aside is in the loss ledger.
func drops(i *ingest.Stats, s *store.Stats, b *broker.Stats, a *alerts.Stats) []tally.Count {
	var refused []tally.Event
	for n, why := range broker.Refusals {
		refused = append(refused, tally.Event{Name: "refused_" + why, N: b.Refused[n]})
	}
	return slices.Concat(
		tally.Stage("broker", []tally.Event{
			{"turned_away", b.TurnedAway},
			{"dropped", b.Dropped},
			{"denied", b.Denied},
			{"panics", b.Panics},
		}),
		tally.Stage("broker", refused),
		tally.Stage("ingest", []tally.Event{
			{"damaged", i.Damaged},
			{"buried", i.Buried},
			{"unburied", i.Unburied},
			{"turned_away", i.TurnedAway},
			{"unanswered", i.Unanswered},
			{"foreign", i.Foreign},
			{"unreadable", i.Unreadable},
			{"unlisted", i.Unlisted},
			{"unsent_tables", i.Unsent},
			{"unasked", i.Unasked},
			{"panics", i.Panics},
		}),
		tally.Stage("store", []tally.Event{
			{"poisoned", s.Poisoned},
			{"letters_discarded", s.LettersDiscarded},
			{"rolled_back", s.RolledBack},
			{"odd_times", s.OddTimes},
		}),
		tally.Stage("alerts", []tally.Event{
			{"overflow", a.Overflow},
			{"rows", a.DroppedRows},
			{"results", a.LostResults},
		}),
	)
}

func counts(i *ingest.Stats, s *store.Stats, b *broker.Stats, a *alerts.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("broker", []tally.Event{
			{"taken", b.Taken},
			{"takeovers", b.Takeovers},
		}),
		tally.Stage("ingest", []tally.Event{
			{"messages", i.Messages},
			{"bytes", i.Bytes},
			{"batches", i.Batches},
			{"records", i.Records},
			{"duplicates", i.Duplicates},
			{"hellos", i.Hellos},
			{"acks", i.Acks},
			{"tables", i.Tables},
			{"retries", i.Retries},
			{"refusals", i.Refusals},
			{"reconnects", i.Reconnects},
		}),
		tally.Stage("store", []tally.Event{
			{"commits", s.Commits},
			{"rows", s.Rows},
			{"known", s.Known},
			{"retries", s.Retries},
			{"buried", s.Buried},
			{"cursors_forgotten", s.CursorsForgotten},
		}),
		tally.Stage("alerts", []tally.Event{
			{"judged", a.Steps},
			{"unread", a.ReadErrors},
			{"unstored", a.StoreErrors},
		}),
	)
}

// load is what is so at this moment.
func load(i *ingest.Stats, s *store.Stats, b *broker.Stats) admin.Load {
	l := admin.Load{
		QueueBytes: i.QueueBytes, QueueMaxBytes: i.QueueMax, QueueMessages: i.QueueMessages, QueueWaiting: i.QueueWaiting,
		Brokers: i.Brokers, BrokersConnected: i.Connected, NodesReporting: i.Nodes, NodesActive: i.Active, NodesConnected: b.Present,
		StoreFailing: i.StoreFailing, LastCommitSeconds: s.LastCommitSeconds,
		Commits: admin.Histogram{Count: i.Commits.Count, SumSeconds: i.Commits.Sum.Seconds()},
	}
	for n, bound := range ingest.LatencyBounds {
		l.Commits.Buckets = append(l.Commits.Buckets, admin.Bucket{UpToSeconds: bound.Seconds(), Count: i.Commits.Buckets[n]})
	}
	return l
}
