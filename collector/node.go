package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"text/tabwriter"
	"time"

	"github.com/sipward/sipward/collector/nodes"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/brokerurl"
)

type nodeCmd struct {
	Add    nodeAddCmd    `cmd:"" help:"Make the credentials of a node, and print what its agent's configuration needs."`
	List   nodeListCmd   `cmd:"" help:"List the nodes that may connect to the embedded broker."`
	Remove nodeRemoveCmd `cmd:"" help:"Take a node's credentials away. What it sent stays."`
}

type nodeAddCmd struct {
	place
	Name     string `arg:"" help:"Id of the node: the agent's node, and the common name of its certificate."`
	Password bool   `help:"Make a password instead of a certificate: for the embedded broker without TLS, and for external brokers."`
	Out      string `placeholder:"FILE" help:"Write the credentials to this new file (NAME.pem or NAME.password)."`
	Broker   string `placeholder:"URL" help:"How the agent reaches the broker, as in mqtts://collector.example:8883."`
	Replace  bool   `help:"Replace the credentials of a node that has some; the old ones are refused from then on."`
}

// Run makes credentials. The file is written first: a node that is known but
// whose key nobody has would have to be added again.
func (c *nodeAddCmd) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if c.Broker != "" {
		if _, err := brokerurl.Parse(c.Broker); err != nil {
			return fmt.Errorf("--broker: %w", err)
		}
	}
	if cfg.External.On() {
		return c.addExternal(cfg)
	}
	if secure(c.Broker) {
		if err := checkName(cfg, c.Broker); err != nil {
			warn("%v", err)
		}
	}
	if !c.Password && cfg.Embedded.ListenTLS == configs.Off {
		return errors.New("embedded.listen_tls is off, and certificates need it: turn it on, or give --password")
	}
	if err := makeData(cfg); err != nil {
		return err
	}
	folder := nodes.New(cfg.Data)
	if _, err := folder.Get(c.Name); err == nil && !c.Replace {
		return fmt.Errorf("%s has credentials already; --replace makes new ones", c.Name)
	} else if err != nil && !errors.Is(err, nodes.ErrNone) && !c.Replace {
		return err
	}
	authority, err := folder.Authority(time.Now())
	if err != nil {
		return err
	}
	if c.Password {
		return c.addPassword(cfg, folder, authority)
	}
	n, bundle, err := authority.NewCertificate(c.Name, time.Now())
	if err != nil {
		return err
	}
	file, err := c.write(".pem", bundle)
	if err != nil {
		return err
	}
	if err := folder.Add(n, c.Replace); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return printSnippet(&snippet{node: c.Name, broker: c.url(cfg, false), files: []string{file}, certificate: true})
}

// secure reports whether a broker's URL means TLS.
func secure(broker string) bool {
	u, err := brokerurl.Parse(broker)
	return err == nil && brokerurl.Secure(u)
}

// addPassword makes a password. An agent that uses TLS with it needs the
// authority as well.
func (c *nodeAddCmd) addPassword(cfg *configs.Collector, folder *nodes.Folder, authority *nodes.Authority) error {
	n, password, err := nodes.NewPassword(c.Name, time.Now())
	if err != nil {
		return err
	}
	file, err := c.write(".password", []byte(password+"\n"))
	if err != nil {
		return err
	}
	s := &snippet{node: c.Name, broker: c.url(cfg, true), files: []string{file}}
	if secure(s.broker) {
		ca := c.Name + ".ca.pem"
		if err := writeSecret(ca, authority.PEM(), true); err != nil {
			return errors.Join(err, os.Remove(file))
		}
		s.files, s.authority = append(s.files, ca), true
	}
	if err := folder.Add(n, c.Replace); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return printSnippet(s)
}

// addExternal makes a password that the broker must be told: it keeps its users
// itself, and this program has no rights on it.
func (c *nodeAddCmd) addExternal(cfg *configs.Collector) error {
	if !c.Password {
		return errors.New("external brokers know their own authorities: give --password, or make a certificate with the common name of the node there (mosquitto: configs/mosquitto/sipward-mosquitto makes and removes accounts)")
	}
	_, password, err := nodes.NewPassword(c.Name, time.Now())
	if err != nil {
		return err
	}
	file, err := c.write(".password", []byte(password+"\n"))
	if err != nil {
		return err
	}
	broker := c.Broker
	if broker == "" {
		broker = cfg.External.Brokers[0]
	}
	return printSnippet(&snippet{node: c.Name, broker: broker, files: []string{file}, external: true})
}

// url is how the agent reaches the broker.
func (c *nodeAddCmd) url(cfg *configs.Collector, password bool) string {
	switch {
	case c.Broker != "":
		return c.Broker
	case password && cfg.Embedded.Listen != configs.Off:
		return "mqtt://" + reach(cfg.Embedded.Listen, "127.0.0.1")
	}
	return "mqtts://" + reach(cfg.Embedded.ListenTLS, brokerNames(cfg)[0])
}

func (c *nodeAddCmd) write(ending string, b []byte) (file string, err error) {
	if file = c.Out; file == "" {
		file = c.Name + ending
	}
	return file, writeSecret(file, b, c.Replace && c.Out == "")
}

// writeSecret makes a file that its owner alone can read. It never writes over
// one unless told so.
func writeSecret(file string, b []byte, over bool) error {
	if over {
		if err := os.Remove(file); err != nil && !errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("writing the credentials: %w", err)
		}
	}
	f, err := os.OpenFile(file, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	switch {
	case errors.Is(err, os.ErrExist):
		return fmt.Errorf("writing the credentials: %s exists; name another file with --out", file)
	case err != nil:
		return fmt.Errorf("writing the credentials: %w; name another file with --out", err)
	}
	_, err = f.Write(b)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("writing the credentials: %w", err)
	}
	return nil
}

type nodeListCmd struct {
	place
	JSON bool `name:"json" help:"Print JSON for programs."`
}

// Run prints the nodes. One that cannot be read does not hide the others.
func (c *nodeListCmd) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	list, err := nodes.New(cfg.Data).List()
	if c.JSON {
		e := json.NewEncoder(os.Stdout)
		for _, n := range list {
			n.PasswordSHA256 = hidden(n.PasswordSHA256)
			if err := e.Encode(n); err != nil {
				return fmt.Errorf("printing: %w", err)
			}
		}
		return explainNodes(err)
	}
	if len(list) == 0 && err == nil {
		fmt.Fprintf(os.Stdout, "no node may connect yet; `sipward-collector node add NAME` makes credentials\n")
		return nil
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 8, 2, ' ', 0)
	fmt.Fprintln(t, "node\tproves itself by\tadded\tuntil")
	for _, n := range list {
		by, until := "password", "removed"
		if n.CertSHA256 != "" {
			by, until = "certificate", day(n.ExpiresUnixMs)
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%s\n", n.ID, by, day(n.AddedUnixMs), until)
	}
	return errors.Join(explainNodes(err), t.Flush())
}

func hidden(s string) string {
	if s == "" {
		return ""
	}
	return "***"
}

func day(unixMs int64) string { return time.UnixMilli(unixMs).UTC().Format(time.DateOnly) }

type nodeRemoveCmd struct {
	place
	Name string `arg:"" help:"Id of the node."`
}

// Run takes the credentials away.
func (c *nodeRemoveCmd) Run() error {
	cfg, err := c.load()
	if err != nil {
		return err
	}
	if cfg.External.On() {
		return errors.New("external brokers keep their users themselves: remove the node there")
	}
	if err := nodes.New(cfg.Data).Remove(c.Name); err != nil {
		return explainNodes(err)
	}
	fmt.Fprintf(os.Stdout, "%s cannot connect any more; what it sent stays\n", c.Name)
	return nil
}

// explainNodes says what to do about a folder that cannot be read.
func explainNodes(err error) error {
	if errors.Is(err, os.ErrPermission) {
		return explainData(err)
	}
	return err
}
