package configs

import (
	"net"
	"net/url"
)

// Web says where the collector serves its dashboard.
type Web struct {
	Listen      string `yaml:"listen"`       // address:port, or off
	CertFile    string `yaml:"cert_file"`    // PEM certificate chain; "" for HTTP without TLS
	KeyFile     string `yaml:"key_file"`     // PEM key of it
	BehindProxy bool   `yaml:"behind_proxy"` // a proxy on the way speaks TLS, and names the client
	PublicURL   string `yaml:"public_url"`   // how people reach it; default from Listen
}

// On reports whether there is a dashboard.
func (w *Web) On() bool { return w.Listen != Off }

// TLS reports whether it speaks TLS itself.
func (w *Web) TLS() bool { return w.CertFile != "" }

// check refuses to send passwords over an open network.
func (w *Web) check(d *decoder) {
	if !w.On() {
		return
	}
	host, _, err := net.SplitHostPort(w.Listen)
	switch {
	case err != nil || !address(w.Listen):
		d.at("web.listen", "listen %q: write address:port, or off%s", w.Listen, addressHint(w.Listen))
	case !loopback(host) && !w.TLS() && !w.BehindProxy:
		d.at("web.listen", "listen %q: passwords would cross the network in clear; set cert_file and key_file, or listen on loopback behind a proxy that speaks TLS, with behind_proxy", w.Listen)
	}
	checkPair(d, "web", w.CertFile, w.KeyFile)
	if w.TLS() && w.BehindProxy {
		d.at("web.behind_proxy", "with a certificate here clients are believed to come by themselves; leave one of the two out")
	}
	if u, err := url.Parse(w.PublicURL); w.PublicURL != "" && (err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http" || u.RawQuery != "" || u.Fragment != "") {
		d.at("web.public_url", "public_url %q: write it as https://sipward.example", w.PublicURL)
	}
}
