package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/certs"
)

// Every certificate of the configuration is watched: without an uplink, not those of one.
func TestCertFiles(t *testing.T) {
	cfg := &configs.Agent{}
	cfg.Uplink.CertFile, cfg.Uplink.CAFile = "own.pem", "ca.pem"
	cfg.Capture.HEP = []configs.HEPListener{{Network: "udp"}, {Network: "tls", CertFile: "hep.pem"}}
	want := []certs.File{{Use: admin.CertHEP}, {Use: admin.CertHEP, Path: "hep.pem"}}
	if diff := cmp.Diff(want, certFiles(cfg)); diff != "" {
		t.Error(diff)
	}
	cfg.Uplink.Brokers = []string{"mqtts://x"}
	want = append([]certs.File{{Use: admin.CertUplink, Path: "own.pem"}, {Use: admin.CertUplinkCA, Path: "ca.pem", Authority: true}}, want...)
	if diff := cmp.Diff(want, certFiles(cfg)); diff != "" {
		t.Error(diff)
	}
}
