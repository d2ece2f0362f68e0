package configs

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
)

func TestPlaces(t *testing.T) {
	for _, tt := range []struct {
		in             Admin
		listen, socket string
	}{
		{Admin{"127.0.0.1:1", "/s"}, "127.0.0.1:1", "/s"},
		{Admin{Off, "/s"}, "", "/s"},
		{Admin{"127.0.0.1:1", Off}, "127.0.0.1:1", ""},
		{Admin{Off, Off}, "", ""},
	} {
		if listen, socket := tt.in.Places(); listen != tt.listen || socket != tt.socket {
			t.Errorf("%+v: %q, %q", tt.in, listen, socket)
		}
	}
}

func TestExplain(t *testing.T) {
	missing := filepath.Join(t.TempDir(), "none.yaml")
	_, err := Load(missing)
	_, bad := Parse("f", []byte("nod: x"))
	_, worse := Parse("f", []byte("nod: x\nid: y"))
	for want, err := range map[string]error{
		"copy configs/x.yaml there":                                                             err,
		`f:1: unknown key "nod"; did you mean "node"?`:                                          bad,
		"(the first of 2 problems; check lists all)":                                            worse,
		"become root or, for the service, give /etc/sipward/here.yaml its group, and mode 0640": fs.ErrPermission,
	} {
		got := Explain(err, "/etc/sipward/here.yaml", "configs/x.yaml")
		if !strings.Contains(got.Error(), want) || strings.Contains(got.Error(), "\n") {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if got, want := ExplainAll(worse, "f", "").Error(), "f has 2 problems:\nf:1: unknown key \"nod\"; did you mean \"node\"?\nf:2: "; !strings.HasPrefix(got, want) {
		t.Errorf("all: %s, want %s", got, want)
	}
	if ExplainAll(bad, "f", "").Error() != bad.Error() {
		t.Error("one problem needs no list")
	}
	if other := errors.New("other"); Explain(other, "", "") != other {
		t.Error("what needs no advice got some")
	}
}
