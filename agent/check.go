package main

import (
	"cmp"
	"crypto/tls"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/agent/capture"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/program"
	"github.com/sipward/sipward/internal/seal"
)

// configFile names the file that run and check read: as an argument, or as a flag.
type configFile struct {
	File   string `arg:"" optional:"" name:"config-file" help:"Configuration file (${config})."`
	Config string `placeholder:"FILE" help:"The same, as a flag."`
}

// path returns the file that was named, or the usual one.
func (c *configFile) path() (string, error) {
	if c.File != "" && c.Config != "" && c.File != c.Config {
		return "", fmt.Errorf("%s and --config %s name two files: give one", c.File, c.Config)
	}
	return cmp.Or(c.File, c.Config, defaultConfig), nil
}

type checkCmd struct {
	configFile
}

// Run checks a file as run would read it, and what it names of this host.
func (c *checkCmd) Run() error {
	path, err := c.path()
	if err != nil {
		return err
	}
	cfg, err := configs.Load(path)
	if err != nil {
		return configs.ExplainAll(err, path, reference)
	}
	if _, err := cfg.FindLocal(net.InterfaceAddrs); err != nil {
		return err
	}
	odds := slices.Concat(cfg.Odd(), oddHere(path, cfg), oddCertificate(path, cfg))
	if path == defaultConfig {
		odds = append(odds, program.Unreadable(serviceUser, append(cfg.Files(), path))...)
	}
	for _, odd := range odds {
		fmt.Fprintf(os.Stdout, "odd: %s\n", odd)
	}
	fmt.Fprintf(os.Stdout, "%s is valid: node %s, %d customers, %d carriers, %d addresses of this switch\n",
		path, cfg.Node, len(cfg.Customers), len(cfg.Carriers), len(cfg.Local))
	return nil
}

// serviceUser is as whom the unit runs the agent.
const serviceUser = "sipward"

// oddCertificate says that the certificate for the broker is of another node, which
// may not publish as this one.
func oddCertificate(path string, cfg *configs.Agent) []string {
	u := &cfg.Uplink
	if !u.On() || u.CertFile == "" || u.Username != "" {
		return nil
	}
	pair, err := tls.LoadX509KeyPair(u.CertFile, u.KeyFile)
	if err != nil || pair.Leaf == nil || pair.Leaf.Subject.CommonName == cfg.Node {
		return nil
	}
	return []string{fmt.Sprintf("%s: uplink.cert_file: the certificate is that of %q, and node is %q; the broker lets each publish as itself alone",
		path, pair.Leaf.Subject.CommonName, cfg.Node)}
}

// oddHere lists what the configuration names and this host does not have. The file may
// be meant for another host, or what is missing may come later.
func oddHere(path string, cfg *configs.Agent) (odd []string) {
	if links, err := net.Interfaces(); err == nil {
		for _, name := range cfg.Capture.Interfaces {
			there := func(l net.Interface) bool { return matches(name, l.Name) }
			if name != capture.AnyInterface && !slices.ContainsFunc(links, there) {
				odd = append(odd, fmt.Sprintf("%s: capture.interfaces: %s is not there now; run waits for it (`ip link` lists the names)", path, name))
			}
		}
	}
	odd = append(odd, oddRoom(path, &cfg.Spool, cfg.Uplink.On())...)
	if file := cfg.Records.File; file != "" {
		if info, err := os.Stat(filepath.Dir(file)); err != nil || !info.IsDir() {
			odd = append(odd, fmt.Sprintf("%s: records.file: there is no folder %s; run fails until it is made (systemd: StateDirectory=)", path, filepath.Dir(file)))
		} else if info, err := os.Stat(file); err == nil && info.IsDir() {
			odd = append(odd, fmt.Sprintf("%s: records.file: %s is a folder; name a file in it", path, file))
		}
	}
	if cfg.Table.On() {
		if _, err := seal.LoadPublic(cfg.Table.PublicKeyFile); err != nil {
			odd = append(odd, fmt.Sprintf("%s: table.public_key_file: %v", path, err))
		}
	}
	if socket := cfg.Admin.Socket; socket != configs.Off {
		if _, err := os.Stat(filepath.Dir(filepath.Dir(socket))); err != nil {
			odd = append(odd, fmt.Sprintf("%s: admin.socket: there is no folder %s; run fails until it is made", path, filepath.Dir(filepath.Dir(socket))))
		}
	}
	return odd
}

// oddRoom says that the spool would refuse records from the start: what is to stay
// free for others is more than there is.
func oddRoom(path string, s *configs.Spool, on bool) []string {
	dir := s.Dir
	for dir != filepath.Dir(dir) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
		dir = filepath.Dir(dir)
	}
	var fs unix.Statfs_t
	if !on || unix.Statfs(dir, &fs) != nil {
		return nil
	}
	free := int64(fs.Bavail) * fs.Bsize >> 20 // far below the limit
	if free > int64(s.MinFreeMiB) {
		return nil
	}
	return []string{fmt.Sprintf("%s: spool.min_free_mib: %s has %d MiB free, and %d must stay so: no record fits; free some space, or set less", path, dir, free, s.MinFreeMiB)}
}

// matches reports whether an interface is one that the configuration names.
func matches(pattern, name string) bool {
	ok, err := filepath.Match(pattern, name)
	return ok && err == nil
}

// reference is the example of a configuration.
const reference = "/usr/share/doc/sipward-agent/agent.yaml"

// explainConfig says what to do about a configuration that cannot be used.
func explainConfig(path string, err error) error {
	return configs.Explain(err, path, reference)
}
