package table

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

// memory is a history in memory.
type memory struct{ versions []*Version }

var errChanged = errors.New("somebody was faster")

func (m *memory) Newest(context.Context) (*Version, error) {
	if len(m.versions) == 0 {
		return nil, nil
	}
	v := *m.versions[len(m.versions)-1]
	return &v, nil
}

func (m *memory) at(version uint64) bool {
	return len(m.versions) == 0 && version == 0 || len(m.versions) > 0 && m.versions[len(m.versions)-1].Version == version
}

func (m *memory) Put(_ context.Context, before uint64, v *Version) error {
	if !m.at(before) {
		return errChanged
	}
	c := *v
	m.versions = append(m.versions, &c)
	return nil
}

func (m *memory) Stage(_ context.Context, version uint64, nodes []string) error {
	if !m.at(version) {
		return errChanged
	}
	m.versions[len(m.versions)-1].Stage = nodes
	return nil
}

func newEditor(t *testing.T) (*Editor, *memory, ed25519.PrivateKey) {
	t.Helper()
	key, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	m := &memory{}
	now := time.Date(2026, 11, 23, 8, 0, 0, 123456, time.UTC)
	return &Editor{History: m, Key: func() (ed25519.PrivateKey, error) { return key, nil }, Now: func() time.Time { return now }}, m, key
}

// edit makes one change.
func edit(e *Editor, s Save, do func(*configs.Table) error) (*Version, error) {
	d, err := e.Open(context.Background())
	if err != nil {
		return nil, err
	}
	if err := do(d.Table); err != nil {
		return nil, err
	}
	return e.Save(context.Background(), d, s)
}

func addCustomer(id string) func(*configs.Table) error {
	return func(t *configs.Table) error {
		t.Grid = configs.Grid{Start: "1000", Size: 1000}
		_, err := Assign(t, Assignment{Customer: id, New: true})
		return err
	}
}

func TestEditor(t *testing.T) {
	e, m, key := newEditor(t)
	first, err := edit(e, Save{Who: "ann", Comment: "begin"}, addCustomer("globex"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := edit(e, Save{Above: 7}, addCustomer("acme")); err != nil {
		t.Fatal(err)
	}
	text, id, err := seal.Open(m.versions[1].Signed, []ed25519.PublicKey{seal.Public(key)})
	if err != nil || id != first.KeyID || first.Version != 1 || first.Who != "ann" || first.Comment != "begin" || first.Size != int64(len(first.Signed)) {
		t.Errorf("%+v, %v", first, err)
	}
	want := `version: 8
issued: "2026-11-23T08:00:00Z"
grid: {start: 1000, size: 1000}
customers:
  - id: acme
    blocks:
      - {first: 2000, last: 2999}
  - id: globex
    blocks:
      - {first: 1000, last: 1999}
`
	if diff := cmp.Diff(want, string(text)); diff != "" {
		t.Error(diff)
	}
}

// TestEditorBelievesNoAbsurdVersion: a node cannot use up all versions.
func TestEditorBelievesNoAbsurdVersion(t *testing.T) {
	e, m, _ := newEditor(t)
	for i, c := range []struct{ above, want uint64 }{
		{1<<53 - 2, 1}, {1<<64 - 1, 2}, {2 + maxLead + 1, 3}, {3 + maxLead, 3 + maxLead + 1}, {0, 3 + maxLead + 2},
	} {
		if _, err := edit(e, Save{Above: c.above}, addCustomer(fmt.Sprintf("c%d", i))); err != nil {
			t.Fatal(err)
		}
		if got := m.versions[len(m.versions)-1].Version; got != c.want {
			t.Errorf("above %d: version %d, want %d", c.above, got, c.want)
		}
	}
}

func TestEditorRefuses(t *testing.T) {
	e, m, _ := newEditor(t)
	if _, err := e.Publish(t.Context(), nil); !errors.Is(err, ErrNone) {
		t.Errorf("publishing nothing: %v", err)
	}
	if _, err := edit(e, Save{}, addCustomer("a")); err != nil {
		t.Fatal(err)
	}
	other, err := seal.Generate()
	if err != nil {
		t.Fatal(err)
	}
	none := func(*configs.Table) error { return nil }
	tests := map[string]struct {
		do  func() error
		is  error
		say string
	}{
		"no change":         {func() error { _, err := edit(e, Save{}, none); return err }, ErrUnchanged, ""},
		"a bad id":          {func() error { _, err := edit(e, Save{}, addCustomer("a b")); return err }, nil, `id "a b"`},
		"a bad comment":     {func() error { _, err := edit(e, Save{Comment: "a\nb"}, addCustomer("b")); return err }, nil, "one line"},
		"a long comment":    {func() error { _, err := edit(e, Save{Comment: strings.Repeat("x", 501)}, addCustomer("b")); return err }, nil, "one line"},
		"published already": {func() error { _, err := e.Publish(t.Context(), nil); return err }, ErrUnchanged, "for all nodes"},
		"another key": {func() error {
			x := *e
			x.Key = func() (ed25519.PrivateKey, error) { return other, nil }
			_, err := edit(&x, Save{}, addCustomer("b"))
			return err
		}, ErrOtherKey, seal.KeyID(seal.Public(other))},
		"a document that somebody changed": {func() error {
			newest := m.versions[len(m.versions)-1]
			was := newest.Signed
			defer func() { newest.Signed = was }()
			newest.Signed = bytes.Replace(was, []byte("last: 1999"), []byte("last: 1998"), 1)
			_, err := edit(e, Save{}, addCustomer("b"))
			return err
		}, seal.ErrChanged, "not left as it was"},
		"no key": {func() error {
			x := *e
			x.Key = func() (ed25519.PrivateKey, error) { return nil, errChanged }
			_, err := edit(&x, Save{}, addCustomer("b"))
			return err
		}, errChanged, ""},
		"too large": {func() error {
			x := *e
			x.Fits = func(signed []byte) error {
				if !bytes.Contains(signed, []byte("# signature")) {
					t.Error("what is measured is not what is sent")
				}
				return errors.New("too large")
			}
			_, err := edit(&x, Save{}, addCustomer("b"))
			return err
		}, nil, "too large"},
		"somebody was faster": {func() error {
			d, err := e.Open(t.Context())
			if err != nil {
				return err
			}
			if err := addCustomer("mine")(d.Table); err != nil {
				return err
			}
			if _, err := edit(e, Save{}, addCustomer("theirs")); err != nil {
				return err
			}
			_, err = e.Save(t.Context(), d, Save{})
			return err
		}, errChanged, ""},
	}
	for name, tt := range tests {
		if err := tt.do(); err == nil || tt.is != nil && !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: %v", name, err)
		}
	}
	x := *e
	x.Key = func() (ed25519.PrivateKey, error) { return other, nil }
	if _, err := edit(&x, Save{OtherKey: true}, addCustomer("vouched")); err != nil {
		t.Errorf("when the key is lost: %v", err)
	}
	m.versions = m.versions[:2]
	x.Retired = func() ([]ed25519.PublicKey, error) {
		key, err := e.Key()
		return []ed25519.PublicKey{seal.Public(key)}, err
	}
	if v, err := edit(&x, Save{}, addCustomer("b")); err != nil || v.KeyID != seal.KeyID(seal.Public(other)) {
		t.Errorf("with a key that follows another: %v", err)
	}
	if n := len(m.versions); n != 3 {
		t.Errorf("there are %d versions", n)
	}
}

func TestStages(t *testing.T) {
	e, m, _ := newEditor(t)
	if _, err := edit(e, Save{}, addCustomer("a")); err != nil {
		t.Fatal(err)
	}
	if _, err := edit(e, Save{Stage: []string{"sw1"}}, addCustomer("b")); err != nil {
		t.Fatal(err)
	}
	if _, err := edit(e, Save{}, addCustomer("c")); !errors.Is(err, ErrStaged) || !strings.Contains(err.Error(), "version 2 is for sw1 only") {
		t.Errorf("to all while one is staged: %v", err)
	}
	if _, err := edit(e, Save{Stage: []string{"sw2"}}, addCustomer("c")); !errors.Is(err, ErrStaged) || !strings.Contains(err.Error(), "sw1, who must be among") {
		t.Errorf("to others while one is staged: %v", err)
	}
	if _, err := edit(e, Save{Stage: []string{"sw1", "sw2"}}, addCustomer("c")); err != nil {
		t.Error(err)
	}
	if _, err := e.Publish(t.Context(), []string{"sw2"}); !errors.Is(err, ErrUnchanged) {
		t.Errorf("to the same: %v", err)
	}
	v, err := e.Publish(t.Context(), []string{"sw3"})
	if err != nil || strings.Join(v.Stage, " ") != "sw1 sw2 sw3" || strings.Join(m.versions[2].Stage, " ") != "sw1 sw2 sw3" {
		t.Errorf("%+v, %v", v, err)
	}
	v, err = e.Publish(t.Context(), nil)
	if err != nil || v.Staged() || v.PublishedUnixMs == 0 || m.versions[2].Staged() {
		t.Errorf("%+v, %v", v, err)
	}
	if _, err := edit(e, Save{}, addCustomer("d")); err != nil {
		t.Error(err)
	}
}
