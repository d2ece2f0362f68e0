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
	for want, err := range map[string]error{
		"copy configs/x.yaml there":                       err,
		"the configuration has problems:\nf:1: ":          bad,
		"run as the user who owns /etc/sipward/here.yaml": fs.ErrPermission,
	} {
		got := Explain(err, "/etc/sipward/here.yaml", "configs/x.yaml")
		if !errors.Is(got, err) || !strings.Contains(got.Error(), want) {
			t.Errorf("%v, want %s", got, want)
		}
	}
	if other := errors.New("other"); Explain(other, "", "") != other {
		t.Error("what needs no advice got some")
	}
}
