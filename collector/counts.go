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
// must not rename a metric. The text of each is for docs/collector.md.

// drops is what was turned away or set aside. None of it is lost: nodes keep
// what is not acked, and what is set aside is in the loss ledger.
func drops(i *ingest.Stats, s *store.Stats, b *broker.Stats, a *alerts.Stats) []tally.Count {
	var refused []tally.Event
	for n, why := range broker.Refusals {
		refused = append(refused, tally.Event{Name: "refused_" + why, N: b.Refused[n], Help: broker.RefusalHelp[n]})
	}
	return slices.Concat(
		tally.Stage("broker", []tally.Event{
			{"turned_away", b.TurnedAway, "messages that nobody took, and that are sent again"},
			{"dropped", b.Dropped, "messages to nodes that did not read"},
			{"denied", b.Denied, "publishes and subscriptions that a node may not"},
			{"panics", b.Panics, "faults in this program; please report them"},
		}),
		tally.Stage("broker", refused),
		tally.Stage("ingest", []tally.Event{
			{"damaged", i.Damaged, "messages that are no batch, or whose checksum is wrong"},
			{"buried", i.Buried, "batches set aside"},
			{"unburied", i.Unburied, "batches that could not even be set aside"},
			{"turned_away", i.TurnedAway, "batches that found no room; their nodes have them"},
			{"unanswered", i.Unanswered, "acks that could not be given; the node asks again"},
			{"foreign", i.Foreign, "messages on other topics, or too long"},
			{"unreadable", i.Unreadable, "hello, live, state and answer messages that make no sense"},
			{"unlisted", i.Unlisted, "live and state messages of nodes beyond the bound"},
			{"unsent_tables", i.Unsent, "tables of customers that a broker did not take; they are sent again"},
			{"unasked", i.Unasked, "questions to nodes that could not be sent"},
			{"panics", i.Panics, "batches that met a fault in this program; please report it"},
		}),
		tally.Stage("store", []tally.Event{
			{"poisoned", s.Poisoned, "transactions that failed because of their records"},
			{"letters_discarded", s.LettersDiscarded, "batches set aside that gave way to newer ones"},
			{"rolled_back", s.RolledBack, "records that an older database lost for good"},
			{"odd_times", s.OddTimes, "records whose time made no sense, stored under that of their coming"},
		}),
		tally.Stage("alerts", []tally.Event{
			{"overflow", a.Overflow, "times that an alert was not raised, for 5000 were on or about to be"},
			{"rows", a.DroppedRows, "counters of parties beyond 20,000 that no rule saw"},
			{"results", a.LostResults, "deliveries whose end was not written down"},
		}),
	)
}

func counts(i *ingest.Stats, s *store.Stats, b *broker.Stats, a *alerts.Stats) []tally.Count {
	return slices.Concat(
		tally.Stage("broker", []tally.Event{
			{"taken", b.Taken, "messages of nodes"},
			{"takeovers", b.Takeovers, "nodes that connected while they were connected"},
		}),
		tally.Stage("ingest", []tally.Event{
			{"messages", i.Messages, "messages of any topic"},
			{"bytes", i.Bytes, "bytes of batches"},
			{"batches", i.Batches, "batches stored"},
			{"records", i.Records, "records in them"},
			{"duplicates", i.Duplicates, "of those, stored before"},
			{"hellos", i.Hellos, "hellos"},
			{"acks", i.Acks, "acks handed to a broker"},
			{"tables", i.Tables, "tables of customers handed to a broker, one for each node"},
			{"retries", i.Retries, "transactions repeated because the database failed"},
			{"refusals", i.Refusals, "transactions that the database refused for their records"},
			{"reconnects", i.Reconnects, "connections to brokers that were lost or failed"},
		}),
		tally.Stage("store", []tally.Event{
			{"commits", s.Commits, "transactions"},
			{"rows", s.Rows, "records stored"},
			{"known", s.Known, "records left out, for they were stored before"},
			{"retries", s.Retries, "transactions tried again"},
			{"buried", s.Buried, "batches set aside"},
			{"cursors_forgotten", s.CursorsForgotten, "cursors that gave way to others in memory"},
		}),
		tally.Stage("alerts", []tally.Event{
			{"judged", a.Steps, "times that all rules were judged"},
			{"unread", a.ReadErrors, "times that rules or figures could not be read"},
			{"unstored", a.StoreErrors, "changes of alerts that could not be stored at once"},
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
