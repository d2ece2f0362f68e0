package faults

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// collector is a sipward-collector with SQLite.
type collector struct {
	*lab
	*proc
	dir    string
	data   string
	config string
	at     netip.AddrPort // of the embedded broker
}

// newCollector writes the configuration of a collector; without brokers it has
// its own. It starts nothing.
func (l *lab) newCollector(data string, brokers ...string) *collector {
	l.Helper()
	c := &collector{lab: l, dir: l.folder("collector"), data: data, at: l.freePort()}
	if data == "" {
		c.data = filepath.Join(c.dir, "data")
	}
	c.config = filepath.Join(c.dir, "collector.yaml")
	text := fmt.Sprintf("id: collector\ndata: %s\nweb:\n  listen: \"off\"\nadmin:\n  listen: \"off\"\n  socket: %s\n", c.data, c.socket())
	if len(brokers) > 0 {
		text += fmt.Sprintf("external:\n  brokers: [\"%s\"]\n", strings.Join(brokers, `", "`))
	} else {
		text += fmt.Sprintf("embedded:\n  listen: %s\n  listen_tls: \"off\"\n", c.at)
	}
	l.check(os.WriteFile(c.config, []byte(text), 0o600))
	return c
}

func (c *collector) socket() string { return filepath.Join(c.dir, "collector.sock") }
func (c *collector) broker() string { return "mqtt://" + c.at.String() }

// node makes a password for a node, and returns its file.
func (c *collector) node(id string) string {
	c.lab.Helper()
	file := filepath.Join(c.dir, id+".password")
	c.output(c.lab.collector, "node", "add", id, "--password", "--config", c.config, "--out", file)
	return file
}

// run starts the collector and returns when it is ready.
func (c *collector) run() {
	c.lab.Helper()
	c.proc = c.start("collector", c.lab.collector, "run", "--config", c.config)
	c.poll(readyWait, "the collector to be ready", func() bool {
		if c.ended() {
			c.Fatalf("the collector ended: %v\n%s", c.err, tail(c.log, 3000))
		}
		s, err := c.status()
		return err == nil && s.Ready
	}, nil)
}

// collectorStatus is the part of the collector's status that tests read.
type collectorStatus struct {
	Ready   bool   `json:"ready"`
	StoreID string `json:"store_id"`
	Nodes   []struct {
		Node      string `json:"node"`
		State     string `json:"state"`
		Duplicate int64  `json:"duplicate_unix_ms"`
		Live      *struct {
			TimeUnixMs int64 `json:"time_unix_ms"`
		} `json:"live"`
	} `json:"nodes"`
	Attention []string `json:"attention"`
	Losses    []struct {
		Node    string `json:"node"`
		Stream  string `json:"stream"`
		Reason  string `json:"reason"`
		Records uint64 `json:"records"`
	} `json:"losses"`
	Load struct {
		Failing bool `json:"store_failing"`
	} `json:"load"`
}

func (c *collector) status() (*collectorStatus, error) {
	res, err := socketClient(c.socket()).Get("http://collector/status")
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	s := new(collectorStatus)
	return s, json.NewDecoder(res.Body).Decode(s)
}

// now is status of a collector that has to answer.
func (c *collector) now() *collectorStatus {
	c.lab.Helper()
	s, err := c.status()
	c.check(err)
	return s
}

// query hands the rows of a query to each.
func (c *collector) query(files, text string, each func(*sql.Rows) error) error {
	return peers.QuerySQLite(c.Context(), filepath.Join(c.data, "store", files), text, each)
}

// stored counts the stored records of each Call-ID.
func (c *collector) stored() (map[string]int, error) {
	out := make(map[string]int)
	err := c.query("calls-*.db", `SELECT call_id FROM calls`, func(rows *sql.Rows) error {
		var id string
		err := rows.Scan(&id)
		out[id]++
		return err
	})
	return out, err
}

// lost is a row of the ledger.
type lost struct {
	node              string
	epoch             string
	stream            int
	first, last, lost uint64
	reason            string
}

// ledger reads what the database says is lost, and fails on any dead letter.
func (c *collector) ledger() (all []lost) {
	c.lab.Helper()
	c.check(c.query("sipward.db", `SELECT node, epoch, stream, first, last, lost, reason FROM losses ORDER BY epoch, stream, first`, func(rows *sql.Rows) error {
		var l lost
		var epoch int64
		err := rows.Scan(&l.node, &epoch, &l.stream, &l.first, &l.last, &l.lost, &l.reason)
		l.epoch = fmt.Sprintf("%016x", uint64(epoch)) // the same bits
		if l.lost > 0 {
			all = append(all, l)
		}
		return err
	}))
	c.check(c.query("sipward.db", `SELECT node, reason FROM letters`, func(rows *sql.Rows) error {
		var node, reason string
		err := rows.Scan(&node, &reason)
		c.Errorf("a dead letter of %s: %s", node, reason)
		return err
	}))
	return all
}

// noLosses fails if anything is declared lost.
func (c *collector) noLosses() {
	c.lab.Helper()
	if all := c.ledger(); len(all) > 0 {
		c.Errorf("nothing was lost, and the ledger has %+v", all)
	}
}

// exactly fails unless each played call is stored once and nothing else is.
func (c *collector) exactly(played map[string]time.Time) {
	c.lab.Helper()
	missing, doubled, foreign := c.compare(played)
	if len(missing)+len(doubled)+len(foreign) > 0 || len(played) == 0 {
		c.Errorf("of %d calls %d are not stored, %d are more than once, and %d others are: %.5q %.5q %.5q",
			len(played), len(missing), len(doubled), len(foreign), few(missing), few(doubled), few(foreign))
	}
}

func few(all []string) []string { return all[:min(len(all), 5)] }

func (c *collector) compare(played map[string]time.Time) (missing, doubled, foreign []string) {
	c.lab.Helper()
	have, err := c.stored()
	c.check(err)
	for id := range played {
		if have[id] == 0 {
			missing = append(missing, id)
		}
	}
	for id, n := range have {
		if n > 1 {
			doubled = append(doubled, id)
		}
		if _, ok := played[id]; !ok {
			foreign = append(foreign, id)
		}
	}
	return missing, doubled, foreign
}
