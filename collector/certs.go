package main

import (
	"crypto/tls"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/certs"
)

// certFiles lists the certificates that end one day.
func certFiles(cfg *configs.Collector) []certs.File {
	var out []certs.File
	if cfg.Web.On() {
		out = append(out, certs.File{Use: admin.CertDashboard, Path: cfg.Web.CertFile})
	}
	if x := &cfg.External; x.On() {
		return append(out, certs.File{Use: admin.CertExternal, Path: x.CertFile}, certs.File{Use: admin.CertExternalCA, Path: x.CAFile, Authority: true})
	}
	if cfg.Embedded.ListenTLS != configs.Off {
		out = append(out, certs.File{Use: admin.CertAuthority, Path: nodes.New(cfg.Data).AuthorityFile(), Authority: true})
	}
	return out
}

// brokerEnd is the certificate that a client of the embedded broker would be shown
// now. Asking for it makes it anew when it is time, so that it never comes close to
// its end, though all nodes stay connected for months.
func brokerEnd(secure *tls.Config) []certs.Certificate {
	if secure == nil {
		return nil
	}
	out := certs.Certificate{Use: admin.CertBroker}
	if cert, err := secure.GetCertificate(&tls.ClientHelloInfo{}); err != nil {
		out.Error = err.Error()
	} else {
		out.NotAfterUnixMs = cert.Leaf.NotAfter.UnixMilli()
	}
	return []certs.Certificate{out}
}
