package main

import (
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"sipward-collector": main})
}

// TestScripts runs the command line as a user does.
func TestScripts(t *testing.T) {
	reference, err := filepath.Abs("../configs/collector.yaml")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir: "testdata/script",
		Setup: func(e *testscript.Env) error {
			e.Setenv("REFERENCE", reference)
			return nil
		},
	})
}
