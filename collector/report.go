package main

import (
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/ingest"
	"github.com/sipward/sipward/collector/query"
	"github.com/sipward/sipward/sync/record"
)

// Times after which what a node said counts no more.
const (
	liveFresh = 15 * time.Second
	goneAfter = 30 * 24 * time.Hour
)

// merge makes one list of what the database, the broker and the folder of nodes
// know.
func merge(v *view, heard []ingest.Node, now time.Time) []admin.Node {
	all := map[string]*admin.Node{}
	at := func(id string) *admin.Node {
		if all[id] == nil {
			all[id] = &admin.Node{ID: id, State: admin.Unknown, HoursLate: []admin.Hour{}}
		}
		return all[id]
	}
	for id := range v.allowed {
		at(id).CertUnixMs = v.ends[id]
	}
	for i := range v.nodes {
		stored(at(v.nodes[i].ID), &v.nodes[i])
	}
	for i := range heard {
		said(at(heard[i].ID), &heard[i], now)
	}
	out := make([]admin.Node, 0, len(all))
	for id, n := range all {
		if h := v.hours[id]; h != nil {
			n.HoursComplete = h.complete
			n.HoursLate = append(n.HoursLate, h.late...)
		}
		removed := v.allowed != nil && !v.allowed[id]
		silent := n.LastSeenUnixMs != 0 && now.Sub(time.UnixMilli(n.LastSeenUnixMs)) > goneAfter
		if n.State != record.StateUp && (removed || silent) {
			n.State = admin.Gone
		}
		out = append(out, *n)
	}
	slices.SortFunc(out, func(a, b admin.Node) int { return strings.Compare(a.ID, b.ID) })
	return out
}

func stored(n *admin.Node, s *query.Node) {
	n.FirstSeenUnixMs, n.LastSeenUnixMs = s.FirstSeenUnixMs, s.LastSeenUnixMs
	n.Version, n.DuplicateUnixMs = s.Program, s.DuplicateUnixMs
	if s.Epoch != 0 {
		skew := s.SkewMs
		n.SkewMs, n.Epoch = &skew, epochWord(s.Epoch)
	}
}

// said adds the newest live figures and state of a node. A state that was
// retained by the broker can be of long ago; only that it is up or down counts
// then.
func said(n *admin.Node, h *ingest.Node, now time.Time) {
	if h.Live != nil {
		n.LastSeenUnixMs = max(n.LastSeenUnixMs, h.LiveAt.UnixMilli())
		if now.Sub(h.LiveAt) <= liveFresh {
			n.Live = h.Live
		}
	}
	s := h.State
	if s == nil {
		return
	}
	n.State = s.State
	if s.State != record.StateUp {
		return
	}
	n.LastSeenUnixMs = max(n.LastSeenUnixMs, h.StateAt.UnixMilli())
	n.NotReady, n.Suspect, n.Spool, n.Table = s.NotReady, s.Suspect, &s.Spool, s.Table
	if s.Version != "" {
		n.Version = s.Version
	}
	if s.Epoch != "" {
		n.Epoch = s.Epoch
	}
	if s.SkewMs != nil {
		n.SkewMs = s.SkewMs
	}
	lag := s.Spool.OldestUnackedMs
	n.LagMs = &lag
}
