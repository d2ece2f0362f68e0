package main

import (
	"strings"
	"testing"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/configs"
)

func TestNeeded(t *testing.T) {
	const now, old = "6.1.0-18-amd64", "5.10.0"
	for name, tt := range map[string]struct {
		config  string
		filter  capture.Mode
		release string
		want    string
	}{
		"any interface":   {"", capture.EBPF, now, "none"},
		"an old kernel":   {"", capture.EBPF, old, "CAP_BPF"},
		"old and classic": {"", capture.Classic, old, "none"},
		"by name":         {"capture: {interfaces: [eth0]}", capture.EBPF, now, "CAP_NET_RAW"},
		"hep alone":       {"capture: {interfaces: [], hep: [{network: udp, address: '127.0.0.1:9060'}]}", 0, old, "none"},
		"nfqueue":         {"guard: {mode: nfqueue}", capture.EBPF, now, "CAP_NET_RAW CAP_NET_ADMIN"},
		"authorize":       {"guard: {mode: authorize}", capture.EBPF, now, "none"},
	} {
		cfg, err := configs.Parse(name, []byte(tt.config))
		if err != nil {
			t.Fatal(err)
		}
		if got := needed(cfg, tt.filter, tt.release).String(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}

func TestBefore(t *testing.T) {
	for release, want := range map[string]bool{"5.18.19": true, "5.19.0-rc1": false, "6.1.0-18-amd64": false, "4.19": true, "": true, "x": true} {
		if got := before(release, 5, 19); got != want {
			t.Errorf("%q: %v", release, got)
		}
	}
}

// TestPermitted: whoever runs the tests, the kernel answers.
func TestPermitted(t *testing.T) {
	if _, err := permitted(); err != nil {
		t.Error(err)
	}
}

func TestMayQueue(t *testing.T) {
	if err := mayQueue(configs.Monitor); err != nil {
		t.Errorf("monitor: %v", err)
	}
	have, err := permitted()
	if err != nil {
		t.Fatal(err)
	}
	err = mayQueue(configs.NFQueue)
	if lacks := have&capNetAdmin == 0; lacks != (err != nil) || err != nil && !strings.Contains(err.Error(), "nfqueue.conf") {
		t.Errorf("with %v: %v", have, err)
	}
}
