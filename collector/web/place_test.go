package web

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/query"
)

// TestPlaceKey: links to calls are the same on all collectors of a database and after a
// restart, and nobody computes the name of a node in them.
func TestPlaceKey(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	link := func() string {
		var got page[callRow]
		decode(t, boss.ask(get, "/calls?limit=1", nil), 200, &got)
		return got.Items[0].Key
	}
	d.must(d.openPlaceKey(t.Context()))
	first := link()
	if w := boss.ask(get, "/calls/"+first, nil); w.Code != 200 {
		t.Errorf("%d %s", w.Code, w.Body)
	}

	key := d.placeKey
	d.placeKey = newPlaceKey() // another process
	if w := boss.ask(get, "/calls/"+first, nil); w.Code != 404 {
		t.Errorf("by another key: %d %s", w.Code, w.Body)
	}
	d.must(d.openPlaceKey(t.Context()))
	if !bytes.Equal(key, d.placeKey) || link() != first {
		t.Errorf("the next start hashes otherwise")
	}
	if other := newDesk(t); other.nodeHash("sw-one") == d.nodeHash("sw-one") {
		t.Error("another installation hashes the same")
	}
}

// TestOldLinks: a link from when names of nodes were hashed without a key is a call that
// is not there, for everybody.
func TestOldLinks(t *testing.T) {
	d := newDesk(t)
	boss, acme := d.operator(), d.person(accounts.Customer, "acme")
	var old string
	d.must(d.store.Calls(context.Background(), query.CallFilter{Customer: "acme", Limit: 1}, func(r *query.CallRow) error {
		p := d.placeOf(r.Position())
		sum := sha256.Sum256([]byte("sipward node " + r.Node))
		p.N = hex.EncodeToString(sum[:8])
		old = sealPlace(p)
		return nil
	}))
	for _, p := range []*person{boss, acme} {
		if w := p.ask(get, "/calls/"+old, nil); w.Code != 404 || !strings.Contains(w.Body.String(), "not-found") {
			t.Errorf("%d %s", w.Code, w.Body)
		}
		if w := p.ask(get, "/calls?after="+old, nil); w.Code != 400 {
			t.Errorf("going on from it: %d %s", w.Code, w.Body)
		}
	}
}

// TestDamagedPlaceKey is said at the start, and not found out by a link.
func TestDamagedPlaceKey(t *testing.T) {
	d := newDesk(t)
	d.must(d.store.PutSetting(t.Context(), &query.Setting{Key: query.SettingPlaceKey, Value: []byte(`"c2hvcnQ="`)}, nil))
	if err := d.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "no key of 32 bytes") {
		t.Error(err)
	}
}
