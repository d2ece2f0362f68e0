package peers

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"os"
	"path/filepath"
	"text/template"
)

// Kamailio is the switch: a proxy and registrar. What it does with a call its
// first digit says:
//
//	1  to carrier A
//	2  to carrier A, on a refusal to carrier B
//	3  to both at once, the first that answers has it
//	4  asks for credentials (password "secret"), then to carrier A
//	5  to carrier A, its media relayed by rtpengine
//	7  to the phone that registered the number (password "secret")
type Kamailio struct {
	Host      *Host
	Addresses Addresses
	TCP       bool // how it reaches the carriers
	RTPEngine bool
}

//go:embed kamailio.cfg
var kamailioConfig string

// Start starts Kamailio and returns when it can take calls.
func (k *Kamailio) Start(ctx context.Context) (*Proc, error) {
	t, err := template.New("kamailio.cfg").Funcs(template.FuncMap{"host": hostPart}).Parse(kamailioConfig)
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, k); err != nil {
		return nil, err
	}
	path := filepath.Join(k.Host.lab.Dir, "kamailio.cfg")
	if err := os.WriteFile(path, b.Bytes(), 0o644); err != nil {
		return nil, err
	}
	dir := filepath.Join(k.Host.lab.Dir, "kamailio")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return nil, err
	}
	p, err := k.Host.Start("kamailio", "kamailio", "-DD", "-E", "-f", path, "-m", "64", "-M", "8", "-w", dir, "-Y", dir)
	if err != nil {
		return nil, err
	}
	if err := p.WaitSocket(ctx, "udp", 5060); err != nil {
		return nil, err
	}
	// TCP comes up last, when every child has started.
	return p, p.WaitSocket(ctx, "tcp", 5060)
}

// hostPart prints an address as a URI has it.
func hostPart(a fmt.Stringer) string {
	s := a.String()
	if bytes.IndexByte([]byte(s), ':') >= 0 {
		return "[" + s + "]"
	}
	return s
}
