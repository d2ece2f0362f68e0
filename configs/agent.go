// Package configs reads and checks the configuration files of both programs.
// Reading is strict: a key that is not known is an error with its file and line
// and the key that was probably meant. It starts nothing and opens nothing but
// the files that it is told to read.
package configs

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"path/filepath"
	"time"

	"github.com/sipward/sipward/sip/dtmf"
)

// Agent is the configuration of sipward-agent.
type Agent struct {
	Node      string       `yaml:"node"`            // id of this host; default its name
	Capture   Capture      `yaml:"capture"`         // where packets come from
	Calls     Calls        `yaml:"calls"`           // what ends a call that no BYE ends
	DTMF      DTMF         `yaml:"dtmf"`            // what is kept of digits
	Local     []netip.Addr `yaml:"local_addresses"` // the switch's own; default the host's
	Customers []Customer   `yaml:"customers"`
	Carriers  []Carrier    `yaml:"carriers"`
	Admin     Admin        `yaml:"admin"`   // where figures are served
	Records   Records      `yaml:"records"` // where finished calls are written
	Uplink    Uplink       `yaml:"uplink"`  // which collectors get them
	Spool     Spool        `yaml:"spool"`   // where they wait for that
	Guard     Guard        `yaml:"guard"`   // what becomes of registrations
	Table     TableSource  `yaml:"table"`   // whose customers and carriers count

	file  string
	found bool // Local is the host's, not the file's
	odd   []string
}

// Capture says where packets come from.
type Capture struct {
	Interfaces   []string      `yaml:"interfaces"`    // names, patterns, or "any"; none with HEP alone
	SIPPorts     []uint16      `yaml:"sip_ports"`     // UDP and TCP
	RingMiB      int           `yaml:"ring_mib"`      // receive ring of each interface, 1 to 1024
	MaxEndpoints int           `yaml:"max_endpoints"` // media addresses watched at once
	Tunnels      bool          `yaml:"tunnels"`       // look into IP in IP, GRE, VXLAN and GTP-U
	RTCP         bool          `yaml:"rtcp"`          // pass RTCP up, to be counted
	Promiscuous  bool          `yaml:"promiscuous"`   // for mirror ports
	Filter       Filter        `yaml:"filter"`        // auto, ebpf or classic
	HEP          []HEPListener `yaml:"hep"`
}

// Filter says which kernel filter capture uses.
type Filter string

// Filters.
const (
	FilterAuto    Filter = "auto" // eBPF, or classic where the kernel refuses it
	FilterEBPF    Filter = "ebpf"
	FilterClassic Filter = "classic"
)

// HEPListener takes HEPv3 from switches and other capture agents.
type HEPListener struct {
	Network  string `yaml:"network"`       // udp, tcp or tls
	Address  string `yaml:"address"`       // address:port, or :port for all
	CertFile string `yaml:"cert_file"`     // tls: PEM certificate chain
	KeyFile  string `yaml:"key_file"`      // tls: PEM key
	AuthFile string `yaml:"auth_key_file"` // the authenticate key that senders must give; none: any

	AuthKey Secret // what AuthFile holds
}

// Calls bounds calls in number and time.
type Calls struct {
	Max          int           `yaml:"max"`           // legs held at once
	SetupTimeout time.Duration `yaml:"setup_timeout"` // without a message before an answer
	MediaTimeout Timeout       `yaml:"media_timeout"` // media silence that ends a call; never turns it off
	MaxAge       time.Duration `yaml:"max_age"`       // of an answered call
}

// DTMF says what is kept of digits.
type DTMF struct {
	Digits dtmf.Policy `yaml:"digits"` // count, mask or store
}

// Customer is who places calls over the switch.
type Customer struct {
	ID       string   `yaml:"id"`
	Channels int      `yaml:"channels"` // 0: no limit given
	Nets     []Prefix `yaml:"addresses"`
	Domains  []string `yaml:"domains"`
	Blocks   []Block  `yaml:"blocks"`

	NonNumeric  Rule `yaml:"non_numeric"`  // register a user that is no number; "": Deny with blocks, else Allow
	MaxContacts int  `yaml:"max_contacts"` // phones with one number at once; 0: as the guard says
}

// Carrier is whom the switch sends calls to, or gets them from.
type Carrier struct {
	ID       string   `yaml:"id"`
	Channels int      `yaml:"channels"` // 0: no limit given
	Nets     []Prefix `yaml:"addresses"`
	Domains  []string `yaml:"domains"`
}

// Block is an inclusive range of extension numbers of equal length.
type Block struct {
	First string `yaml:"first"`
	Last  string `yaml:"last"`
}

// Records says where finished calls are written.
type Records struct {
	File string `yaml:"file"` // JSON lines; "" for none
}

// Uplink says which collectors get calls and counters; none without brokers.
type Uplink struct {
	Brokers      []string `yaml:"brokers"`       // URLs, quoted: mqtts://host:8883, mqtt://, wss:// or ws://
	CAFile       string   `yaml:"ca_file"`       // PEM; whom the broker's certificate must be of; default the system's
	CertFile     string   `yaml:"cert_file"`     // PEM certificate chain of this node; CN is its id
	KeyFile      string   `yaml:"key_file"`      // PEM key
	Username     string   `yaml:"username"`      // default with a password: the node's id
	PasswordFile string   `yaml:"password_file"` // read at every connect
	BacklogRate  int      `yaml:"backlog_records_per_second"`
}

// On reports whether there is an uplink.
func (u *Uplink) On() bool { return len(u.Brokers) > 0 }

// Spool says where records wait until a collector has stored them.
type Spool struct {
	Dir        string        `yaml:"dir"`
	BudgetMiB  int           `yaml:"budget_mib"`   // most that it may take
	MinFreeMiB int           `yaml:"min_free_mib"` // what the file system keeps free
	ReserveMiB int           `yaml:"reserve_mib"`  // taken at once, given to calls when the disk is full
	KeepAcked  time.Duration `yaml:"keep_acked"`   // what is stored stays so long, to fill up a restored database
}

// Defaults returns the configuration of an empty file.
func Defaults() *Agent {
	return &Agent{
		Capture: Capture{
			Interfaces: []string{"any"}, SIPPorts: []uint16{5060, 5061, 5080},
			RingMiB: 16, MaxEndpoints: 262144, Filter: FilterAuto,
		},
		Calls: Calls{Max: 200_000, SetupTimeout: 5 * time.Minute, MediaTimeout: Timeout(5 * time.Minute), MaxAge: 12 * time.Hour},
		DTMF:  DTMF{Digits: dtmf.Count},
		Admin: Admin{Listen: "127.0.0.1:9464", Socket: "/run/sipward/agent.sock"},
		Guard: guardDefaults(),
		Spool: Spool{Dir: "/var/lib/sipward/spool", BudgetMiB: 4096, MinFreeMiB: 512, ReserveMiB: 64, KeepAcked: 24 * time.Hour},
	}
}

// Load reads and checks the file at path and the secrets it names. Its error
// joins one *Error a problem, in the order of their lines.
func Load(path string) (*Agent, error) {
	text, err := readText(path)
	if err != nil {
		return nil, err
	}
	a, d := parse(path, text)
	a.readFiles(d, filepath.Dir(path))
	if len(d.errs) > 0 {
		return nil, inOrder(d.errs)
	}
	return a, nil
}

// Parse reads and checks a configuration; name stands for the file in errors.
// It reads no other file: secrets stay empty.
func Parse(name string, text []byte) (*Agent, error) {
	a, d := parse(name, text)
	if len(d.errs) > 0 {
		return nil, inOrder(d.errs)
	}
	return a, nil
}

func parse(name string, text []byte) (*Agent, *decoder) {
	a := Defaults()
	a.file = name
	d := decode(name, text, a)
	if len(d.errs) == 0 {
		a.check(d)
	}
	return a, d
}

// readFiles reads what the file names. Paths are relative to its own folder,
// not to where the program happens to be started.
func (a *Agent) readFiles(d *decoder, dir string) {
	for _, p := range []*string{&a.Records.File, &a.Spool.Dir, &a.Guard.Dir, &a.Table.PublicKeyFile} {
		under(dir, p)
	}
	a.Uplink.readFiles(d, dir)
	for i := range a.Capture.HEP {
		h := &a.Capture.HEP[i]
		for _, p := range []*string{&h.CertFile, &h.KeyFile, &h.AuthFile} {
			under(dir, p)
		}
		if h.CertFile != "" && h.KeyFile != "" {
			if _, err := tls.LoadX509KeyPair(h.CertFile, h.KeyFile); err != nil {
				d.at(fmt.Sprintf("capture.hep[%d].cert_file", i), "cert_file and key_file: %v", explainFile(err))
			}
		}
		if h.AuthFile == "" {
			continue
		}
		secret, err := readSecret(h.AuthFile)
		if err != nil {
			d.at(fmt.Sprintf("capture.hep[%d].auth_key_file", i), "auth_key_file: %v", explainFile(err))
		}
		h.AuthKey = secret
	}
}
