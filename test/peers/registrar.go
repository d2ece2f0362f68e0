package peers

import (
	"bytes"
	"context"
	_ "embed"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"text/template"
)

// Registrar is a Kamailio that takes registrations over UDP, TCP and TLS, with
// the password "secret" for everybody. It answers OPTIONS and sends calls to
// phones.
type Registrar struct {
	Host    *Host
	Listen  []netip.Addr
	Snippet string // path of a file that asks before a registration is saved; "" for none
	HEP     string // address:port that gets a copy of every message; "" for none
	proc    *Proc
	starts  int
}

//go:embed registrar.cfg
var registrarConfig string

// Dir is where its files are.
func (r *Registrar) Dir() string { return r.Host.lab.Dir }

// Start starts the registrar and returns when it takes requests. It may be
// started again after Stop.
func (r *Registrar) Start(ctx context.Context) error {
	t, err := template.New("registrar.cfg").Funcs(template.FuncMap{"host": hostPart}).Parse(registrarConfig)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	if err := t.Execute(&b, r); err != nil {
		return err
	}
	config, dir := filepath.Join(r.Dir(), "registrar.cfg"), filepath.Join(r.Dir(), "registrar")
	if err := os.WriteFile(config, b.Bytes(), 0o644); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	if err := r.certificate(ctx); err != nil {
		return err
	}
	r.starts++
	name := "registrar"
	if r.starts > 1 {
		name = fmt.Sprintf("registrar-%d", r.starts) // a log of its own
	}
	if r.proc, err = r.Host.Start(name, "kamailio", "-DD", "-E", "-f", config, "-m", "64", "-M", "8", "-w", dir, "-Y", dir); err != nil {
		return err
	}
	if err := r.proc.WaitSocket(ctx, "udp", 5060); err != nil {
		return err
	}
	return r.proc.WaitSocket(ctx, "tcp", 5061) // comes up last, when every child has started
}

// certificate makes one that nobody has to trust.
func (r *Registrar) certificate(ctx context.Context) error {
	crt, key := filepath.Join(r.Dir(), "registrar.crt"), filepath.Join(r.Dir(), "registrar.key")
	if _, err := os.Stat(crt); err == nil {
		return nil
	}
	return run(ctx, "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
		"-days", "2", "-subj", "/CN=registrar", "-keyout", key, "-out", crt)
}

// Stop ends the registrar; its bindings are gone then.
func (r *Registrar) Stop() error { return r.proc.kill() }

// Log is the path of its output.
func (r *Registrar) Log() string { return r.proc.Log }

// Saved returns the numbers that are registered.
func (r *Registrar) Saved(ctx context.Context) (map[string]bool, error) {
	saved := map[string]bool{}
	err := r.dump(ctx, func(key, value string) {
		if key == "AoR" {
			user, _, _ := strings.Cut(value, "@")
			saved[user] = true
		}
	})
	return saved, err
}

// Contacts returns the contacts that are registered and have not expired, by
// number.
func (r *Registrar) Contacts(ctx context.Context) (map[string][]string, error) {
	all := map[string][]string{}
	var user, contact string
	err := r.dump(ctx, func(key, value string) {
		switch key {
		case "AoR":
			user, _, _ = strings.Cut(value, "@")
		case "Address":
			contact = value
		case "Expires":
			if value != "expired" && value != "deleted" {
				all[user] = append(all[user], contact)
			}
		}
	})
	return all, err
}

// dump hands over the lines of what is registered.
func (r *Registrar) dump(ctx context.Context, each func(key, value string)) error {
	out, err := r.Host.Command(ctx, "kamcmd", "-s", "unix:"+filepath.Join(r.Dir(), "registrar.ctl"), "ul.dump").CombinedOutput()
	if err != nil {
		return fmt.Errorf("kamcmd ul.dump: %w: %s", err, out)
	}
	for line := range strings.Lines(string(out)) {
		if key, value, ok := strings.Cut(strings.TrimSpace(line), ": "); ok {
			each(key, value)
		}
	}
	return nil
}
