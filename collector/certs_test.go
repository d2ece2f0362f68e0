package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/certs"
)

func TestCertFiles(t *testing.T) {
	cfg := &configs.Collector{Data: "/d"}
	cfg.Web.Listen, cfg.Web.CertFile = ":443", "web.pem"
	cfg.Embedded.ListenTLS = ":8883"
	web := certs.File{Use: admin.CertDashboard, Path: "web.pem"}
	for _, c := range []struct {
		change func()
		want   []certs.File
	}{
		{func() {}, []certs.File{web, {Use: admin.CertAuthority, Path: "/d/ca.pem", Authority: true}}},
		{func() { cfg.Embedded.ListenTLS = configs.Off }, []certs.File{web}},
		{func() {
			cfg.External = configs.External{Brokers: []string{"mqtts://x"}, CertFile: "own.pem", CAFile: "ca.pem"}
		}, []certs.File{web, {Use: admin.CertExternal, Path: "own.pem"}, {Use: admin.CertExternalCA, Path: "ca.pem", Authority: true}}},
	} {
		c.change()
		if diff := cmp.Diff(c.want, certFiles(cfg)); diff != "" {
			t.Error(diff)
		}
	}
}

// The embedded broker's certificate is made by being asked for, and is good for long.
func TestBrokerEnd(t *testing.T) {
	now := time.Now()
	authority, err := nodes.New(t.TempDir()).Authority(now)
	if err != nil {
		t.Fatal(err)
	}
	got := brokerEnd(authority.ServerTLS([]string{"localhost"}))
	if len(got) != 1 || got[0].Use != admin.CertBroker || time.UnixMilli(got[0].NotAfterUnixMs).Sub(now) < 80*24*time.Hour || got[0].Attention(now) != "" {
		t.Errorf("%+v", got)
	}
	if brokerEnd(nil) != nil {
		t.Error("a broker without TLS has a certificate")
	}
}
