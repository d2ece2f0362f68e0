package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/program"
)

// place is where a collector keeps its state. Every command takes it as run
// does, so that they find the same.
type place struct {
	Config string `placeholder:"FILE" help:"Configuration file (${config})."`
	Data   string `placeholder:"DIR" help:"Folder of database, credentials and status socket, in place of the configuration's."`
	Store  string `placeholder:"URL" help:"sqlite, or postgres://user@host/database, in place of the configuration's."`
}

// load reads the configuration; none in its usual place is one of defaults. What
// is on the command line goes before it.
func (p *place) load() (*configs.Collector, error) {
	path := cmp.Or(p.Config, defaultConfig)
	cfg, err := configs.LoadCollector(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && p.Config == "":
		if cfg, err = configs.ParseCollector("defaults", nil); err != nil {
			return nil, err
		}
	case err != nil:
		return nil, explainConfig(path, err)
	}
	return cfg, p.apply(cfg)
}

// flags returns the flags that were given, for another command.
func (p *place) flags() string {
	var b strings.Builder
	for _, f := range []struct{ name, value string }{{"config", p.Config}, {"data", p.Data}, {"store", p.Store}} {
		if f.value != "" {
			fmt.Fprintf(&b, " --%s %s", f.name, f.value)
		}
	}
	return b.String()
}

// apply puts what is on the command line in place of what the file says. With a
// folder of one's own the status socket is in it: a user who needs --data cannot
// make one in /run.
func (p *place) apply(cfg *configs.Collector) error {
	if p.Data != "" {
		data, err := filepath.Abs(p.Data)
		if err != nil {
			return fmt.Errorf("finding --data: %w", err)
		}
		if cfg.Data = data; cfg.Admin.Socket == configs.CollectorDefaults().Admin.Socket {
			cfg.Admin.Socket = filepath.Join(data, "collector.sock")
		}
	}
	if p.Store != "" {
		if err := configs.CheckStore(p.Store); err != nil {
			return fmt.Errorf("--store: %w", err)
		}
		cfg.Store.URL = p.Store
	}
	return nil
}

// configFile names the file that run and check read: as an argument, or as a flag.
type configFile struct {
	File string `arg:"" optional:"" name:"config-file" help:"Configuration file (${config})."`
}

// join makes one of the two ways to name a file.
func (c *configFile) join(flag *string) error {
	if c.File != "" && *flag != "" && c.File != *flag {
		return fmt.Errorf("%s and --config %s name two files: give one", c.File, *flag)
	}
	*flag = cmp.Or(c.File, *flag)
	return nil
}

type checkCmd struct {
	configFile
	Config string `placeholder:"FILE" help:"The same, as a flag."`
}

// Run checks a file as run would read it, and what it names of this host.
func (c *checkCmd) Run() error {
	if err := c.join(&c.Config); err != nil {
		return err
	}
	path := cmp.Or(c.Config, defaultConfig)
	cfg, err := configs.LoadCollector(path)
	if err != nil {
		return configs.ExplainAll(err, path, reference)
	}
	odds := slices.Concat(cfg.Odd(), oddHere(path, cfg))
	if path == defaultConfig {
		odds = append(odds, program.Unreadable(serviceUser, append(cfg.Files(), path))...)
	}
	for _, odd := range odds {
		fmt.Fprintf(os.Stdout, "odd: %s\n", odd)
	}
	fmt.Fprintf(os.Stdout, "%s is valid: collector %s, broker %s, store %s\n", path, cfg.ID, brokerWord(cfg), storeWord(cfg))
	return nil
}

// serviceUser is as whom the unit runs the collector.
const serviceUser = "sipward-collector"

// oddHere lists what the configuration names and this host does not have. The file may
// be meant for another host, or what is missing may come later.
func oddHere(path string, cfg *configs.Collector) (odd []string) {
	if info, err := os.Stat(cfg.Data); err == nil && !info.IsDir() {
		odd = append(odd, fmt.Sprintf("%s: data: %s is no folder; run fails", path, cfg.Data))
	} else if _, err := os.Stat(filepath.Dir(cfg.Data)); err != nil {
		odd = append(odd, fmt.Sprintf("%s: data: there is no folder %s; is %s what you mean? run makes it", path, filepath.Dir(cfg.Data), cfg.Data))
	}
	if socket := cfg.Admin.Socket; socket != configs.Off {
		if _, err := os.Stat(filepath.Dir(filepath.Dir(socket))); err != nil {
			odd = append(odd, fmt.Sprintf("%s: admin.socket: there is no folder %s; run fails until it is made", path, filepath.Dir(filepath.Dir(socket))))
		}
	}
	return odd
}

// reference is the example of a configuration.
const reference = "/usr/share/doc/sipward-collector/collector.yaml"

// explainConfig says what to do about a configuration that cannot be used.
func explainConfig(path string, err error) error {
	return configs.Explain(err, path, reference)
}

// makeData makes the folder of the state, and says what to do when it cannot.
func makeData(cfg *configs.Collector) error {
	err := os.MkdirAll(cfg.Data, 0o750)
	if err == nil {
		err = writable(cfg.Data)
	}
	return explainData(err)
}

// writable tries to write: permissions alone do not say it (a read-only file
// system, or systemd's ProtectSystem).
func writable(dir string) error {
	f, err := os.CreateTemp(dir, ".try-*")
	if err != nil {
		return err
	}
	return errors.Join(f.Close(), os.Remove(f.Name()))
}

// explainData says what to do about a folder that a user may not use.
func explainData(err error) error {
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("opening the data folder: %w; %s may not use it: run as the user who owns it (sudo, or systemctl start sipward-collector), or name a folder of your own with --data DIR", err, program.Me())
	case err != nil:
		return fmt.Errorf("opening the data folder: %w; name another one with --data DIR", err)
	}
	return nil
}

func brokerWord(cfg *configs.Collector) string {
	if cfg.External.On() {
		return "external"
	}
	return "embedded"
}

func storeWord(cfg *configs.Collector) string {
	if cfg.Store.URL == configs.SQLite {
		return configs.SQLite
	}
	return "postgres"
}

// postgresURL is the database's URL with the password of its file.
func postgresURL(cfg *configs.Collector) (string, error) {
	u, err := url.Parse(cfg.Store.URL)
	if err != nil {
		return "", errors.New("store.url cannot be read") // its text may hold a password
	}
	if p := cfg.Store.Password.Reveal(); p != "" {
		u.User = url.UserPassword(u.User.Username(), p)
	}
	return u.String(), nil
}
