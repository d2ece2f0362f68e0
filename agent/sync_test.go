package main

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/sipward/sipward/sync/spool"
)

func TestExplainOpen(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	inFile := filepath.Join(file, "spool")
	for _, v := range []struct {
		err  error
		want string
	}{
		{&fs.PathError{Op: "open", Path: "/x/lock", Err: fs.ErrPermission}, "chown"}, // tests may run as root, whom nobody refuses
		{spool.New(spool.Config{Dir: file}).Open(), "name a folder that can be written in spool.dir"},
		{spool.New(spool.Config{Dir: inFile}).Open(), "name a folder that can be written in spool.dir"},
		{spool.ErrLocked, spool.ErrLocked.Error()},
	} {
		got := explainOpen(v.err, "/x")
		if got == nil || !errors.Is(got, v.err) || !strings.Contains(got.Error(), v.want) {
			t.Errorf("%v is explained as %v", v.err, got)
		}
	}
}
