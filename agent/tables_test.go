package main

import (
	"context"
	"crypto/ed25519"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// signedTable gives acme the thousand numbers from first on.
func signedTable(t *testing.T, key ed25519.PrivateKey, version int, first string) []byte {
	t.Helper()
	text := fmt.Sprintf("version: %d\nissued: 2026-11-01T00:00:00Z\ngrid: {start: \"1000\", size: 1000}\n"+
		"customers:\n  - id: acme\n    addresses: [203.0.113.0/28]\n    blocks: [{first: %q, last: %q}]\n", version, first, first[:1]+"999")
	signed, err := seal.Sign([]byte(text), key)
	if err != nil {
		t.Fatal(err)
	}
	return signed
}

// centred is an agent whose customers come from the centre.
func centred(t *testing.T, dir string, key ed25519.PrivateKey) *agent {
	t.Helper()
	public, err := seal.EncodePublic(seal.Public(key))
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "table.pub")
	if err := os.WriteFile(file, public, 0o600); err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(dir, "agent.yaml")
	text := quiet + "capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}\ntable: {public_key_file: " + file + "}\nguard: {dir: " + dir + "}\n"
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return parts(t, text)
}

// begin runs it until the function that is returned is called.
func begin(t *testing.T, a *agent, config string) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	waits := a.parts()
	go func() { done <- a.run(ctx, config) }()
	for _, p := range waits {
		<-p.ready
	}
	return func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func (a *agent) allows(number string) bool {
	return a.guard.Check(&register.Request{
		To: parse.URI{User: number}, Source: netip.MustParseAddr("203.0.113.7"), Contacts: []parse.Contact{{Expires: -1}}, Expires: -1,
	}).Reason == "allowed"
}

// TestTableOfTheCentre: a table is in force as soon as it was offered, one that is
// refused changes nothing, and the last one is there after a restart, without
// anybody who offers it.
func TestTableOfTheCentre(t *testing.T) {
	dir := t.TempDir()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	a := centred(t, dir, key)
	stop := begin(t, a, filepath.Join(dir, "agent.yaml"))
	if !a.allows("2005") {
		t.Error("without a table numbers are nobody's")
	}
	a.offered(signedTable(t, key, 2, "1000"))
	if a.allows("2005") || !a.allows("1005") {
		t.Error("the table is not in force")
	}
	for what, signed := range map[string][]byte{
		"older": signedTable(t, key, 1, "2000"), "wrong_key": signedTable(t, stranger, 3, "2000"),
		"truncated": signedTable(t, key, 3, "2000")[:100], "changed": []byte(strings.Replace(string(signedTable(t, key, 3, "2000")), "acme", "zeta", 1)),
	} {
		a.offered(signed)
		if a.allows("2005") {
			t.Errorf("%s: the table was taken", what)
		}
		if s := a.tables.status(time.Now(), nil); s.Version != 2 || s.LastError == "" {
			t.Errorf("%s: %+v", what, s)
		}
	}
	stop()
	if got := a.Status().Figures.Customers; len(got) != 2 || got[0].Name != "acme" {
		t.Errorf("calls are counted for %+v", got)
	}

	b := centred(t, dir, key)
	stop = begin(t, b, filepath.Join(dir, "agent.yaml"))
	defer stop()
	if b.allows("2005") || !b.allows("1005") {
		t.Error("the last table is not in force after a restart")
	}
	if s := tableState(b.tables.status(time.Now(), nil), time.Now()); s.Version != 2 || s.AgeS <= 0 {
		t.Errorf("%+v", s)
	}
	r := newReloader(b, filepath.Join(dir, "agent.yaml"))
	if err := r.reload(t.Context()); err != nil || len(r.cfg.Customers) != 1 {
		t.Errorf("after SIGHUP: %v, %d customers", err, len(r.cfg.Customers))
	}
}

// TestAnswer: the centre is told who is registered, and why it is not told.
func TestAnswer(t *testing.T) {
	a := parts(t, quiet+"capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}")
	for question, want := range map[string]string{
		`{"id": "7", "ask": "bindings", "first": "1000", "last": "1999"}`: `{"id":"7","bindings":[],"more":0}`,
		`{"id": "7", "ask": "bindings", "customer": "acme"}`:              `{"id":"7","customer":"acme","bindings":[],"more":0}`,
		`{"id": "7", "ask": "bindings", "first": "2000", "last": "1999"}`: `{"id":"7","bindings":[],"more":0,"error":"numbers`,
		`{"id": "7", "ask": "weather"}`:                                   `{"id":"7","bindings":[],"more":0,"error":"nothing is known`,
		`{"ask": "bindings"}`:                                             "",
		`?`:                                                               "",
	} {
		answer, known := a.answer([]byte(question))
		if known != (want != "") || !strings.HasPrefix(string(answer), want) || known && !json.Valid(answer) {
			t.Errorf("%s: %s %v", question, answer, known)
		}
	}
}

// TestAnswerOfCalls: the centre is told which calls are in progress.
func TestAnswerOfCalls(t *testing.T) {
	a := parts(t, quiet+"capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- a.task.Run(ctx) }()
	answer, known := a.answer([]byte(`{"id": "7", "ask": "calls", "customer": "acme"}`))
	if !known || string(answer) != `{"id":"7","bindings":[],"more":0}` {
		t.Errorf("%s %v", answer, known)
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// TestTableOfTheFile: customers of the file stay out of it when they are to come
// from the centre after a restart.
func TestTableOfTheFile(t *testing.T) {
	a := parts(t, quiet+"customers: [{id: acme, domains: [acme.example]}]\ncapture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:0'}]}")
	r := newReloader(a, "")
	next := configs.Defaults()
	next.Table.PublicKeyFile = "table.pub"
	if err := r.keepTable(next); err != nil || len(next.Customers) != 1 {
		t.Errorf("%v, %d customers", err, len(next.Customers))
	}
}
