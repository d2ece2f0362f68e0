package ingest

import (
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	"github.com/sipward/sipward/sync/record"
)

// mosquitto is a real one, prepared by the script that is shipped.
type mosquitto struct {
	dir, host, port string
	script          string
	cmd             *exec.Cmd
	file            string // its configuration
}

func (m *mosquitto) url() string { return "tcp://" + net.JoinHostPort(m.host, m.port) }

func (m *mosquitto) run(t testing.TB, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), m.script, args...)
	cmd.Env = append(os.Environ(), "SIPWARD_DIR="+filepath.Join(m.dir, "secrets"), "DYNSEC_FILE="+filepath.Join(m.dir, "dynsec.json"),
		"MQTT_HOST="+m.host, "MQTT_PORT="+m.port)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

func (m *mosquitto) secret(t testing.TB, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(m.dir, "secrets", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func (m *mosquitto) password(t testing.TB, node string) string { return m.secret(t, node+".password") }

// startMosquitto runs mosquitto with the configuration that is shipped.
func startMosquitto(t testing.TB, nodes ...string) *mosquitto {
	t.Helper()
	for _, tool := range []string{"mosquitto", "mosquitto_ctrl", "mosquitto_rr"} {
		if _, err := exec.LookPath(tool); err != nil {
			t.Skipf("needs %s", tool)
		}
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	m := &mosquitto{dir: t.TempDir(), script: "../../configs/mosquitto/sipward-mosquitto"}
	m.host, m.port, _ = net.SplitHostPort(l.Addr().String())
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(m.dir, 0o755); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile("../../configs/mosquitto/sipward.conf")
	if err != nil {
		t.Fatal(err)
	}
	conf := strings.NewReplacer("/var/lib/mosquitto/sipward-dynamic-security.json", filepath.Join(m.dir, "dynsec.json"), "listener 1883", "listener "+m.port).Replace(string(b))
	if !strings.Contains(conf, m.dir) || !strings.Contains(conf, m.port) {
		t.Fatal("the shipped file has changed: nothing was replaced in it")
	}
	file := filepath.Join(m.dir, "mosquitto.conf")
	who, err := user.Current() // else it gives up root, and cannot read its file
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, []byte(conf+"\nuser "+who.Username+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	m.file = file
	m.run(t, "init")
	m.serve(t)
	m.run(t, "setup")
	m.run(t, append([]string{"add"}, nodes...)...)
	return m
}

// restart kills the server and starts it again.
func (m *mosquitto) restart(t testing.TB) {
	t.Helper()
	_ = m.cmd.Process.Kill()
	_ = m.cmd.Wait()
	m.serve(t)
}

func (m *mosquitto) serve(t testing.TB) {
	t.Helper()
	log, err := os.OpenFile(filepath.Join(m.dir, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("mosquitto", "-c", m.file)
	cmd.Stdout, cmd.Stderr = log, log
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	m.cmd = cmd
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		_ = log.Close()
		if b, err := os.ReadFile(log.Name()); err == nil && t.Failed() {
			t.Logf("%s", b)
		}
	})
	eventually(t, func() bool {
		c, err := net.DialTimeout("tcp", net.JoinHostPort(m.host, m.port), time.Second)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

func (m *mosquitto) config(t testing.TB, s *memory) Config {
	return Config{
		Name: "test", Store: s, Brokers: []string{m.url()}, Group: m.secret(t, "group"),
		Username: "sipward-collector", Password: func() (string, error) { return m.password(t, "collector"), nil },
	}
}

// TestMosquitto proves what sipward-mosquitto promises, with a real mosquitto:
// each thing that a node must not do is refused, or reaches nobody.
func TestMosquitto(t *testing.T) {
	m := startMosquitto(t, "a", "b")
	s := newMemory()
	i := start(t, m.config(t, s))
	eventually(t, func() bool { return i.Stats().Connected == 1 })
	a := mustDial(t, m.url(), "a", m.password(t, "a"))
	group := m.secret(t, "group")

	t.Run("a node is served", func(t *testing.T) {
		h, err := record.EncodeMessage(&record.Hello{Version: record.Version, Epoch: 1, SentUnixMs: 5})
		if err != nil {
			t.Fatal(err)
		}
		eventually(t, func() bool { // until the collector's subscriptions are there
			a.Publish(record.Topic("a", "hello"), 1, false, h).Wait()
			return len(a.acks) > 0
		})
		a.await(t, func(x *record.Ack) bool { return x.GetHelloUnixMs() == 5 })
		a.Publish(data("a"), 1, false, batch(t, 1, 1, "x", "y"))
		a.await(t, covers(1, 2))
		a.Publish(record.Topic("a", "state"), 1, true, `{"node":"a","state":"up"}`).Wait()
		a.Publish(record.Topic("a", "live"), 0, false, `{"node":"a","live_setup":3}`).Wait()
		eventually(t, func() bool {
			n, _ := i.Node("a")
			return n.State != nil && n.State.State == "up" && n.Live != nil && n.Live.LiveSetup == 3
		})
	})

	t.Run("subscriptions are refused", func(t *testing.T) {
		for _, filter := range []string{
			"sipward/v1/b/ack", "sipward/v1/b/cmd", "sipward/v1/+/ack", "sipward/v1/b/data/calls", "sipward/v1/a/data/calls",
			"sipward/v1/+/data/+", "sipward/v1/+/live", "sipward/v1/+/state", "sipward/v1/a/#", "sipward/v1/a/+", "sipward/#", "#", "+/#", "+/v1/a/ack", "sipward/v1/a/ack/#",
			"$SYS/#", "$CONTROL/#", "$CONTROL/dynamic-security/v1", "$CONTROL/dynamic-security/v1/response",
			"$share/" + group + "/sipward/v1/+/data/+", "$share/" + group + "/sipward/v1/+/hello", "$share/" + group + "/sipward/v1/a/data/calls",
			"$share/" + group + "/sipward/v1/a/ack", "$share/" + group + "/#", "$share/other/sipward/v1/+/data/+", "$share/other/#", "$share/other/sipward/v1/a/ack",
		} {
			if !a.refused(t, filter) {
				t.Errorf("%s was granted", filter)
			}
		}
		for _, filter := range []string{"sipward/v1/a/ack", "sipward/v1/a/cmd"} {
			if a.refused(t, filter) {
				t.Errorf("%s was refused", filter)
			}
		}
		// The same by MQTT 5, whose subscriptions have more to say.
		for _, filter := range []string{"$share/" + group + "/sipward/v1/+/data/+", "sipward/v1/a/ack", "#"} {
			out, _ := exec.Command("mosquitto_sub", "-V", "mqttv5", "-h", m.host, "-p", m.port, "-i", "b", "-u", "b", "-P", m.password(t, "b"), "-t", filter, "-W", "3").CombinedOutput()
			if !strings.Contains(string(out), "denied") {
				t.Errorf("%s by MQTT 5: %s", filter, out)
			}
		}
	})
	b := mustDial(t, m.url(), "b", m.password(t, "b"))

	t.Run("a rogue in the share group gets nothing", func(t *testing.T) {
		const n = 200
		for k := range uint64(n) {
			b.Publish(data("b"), 1, false, batch(t, 1, k+1, "x"))
		}
		b.await(t, covers(1, n))
		if topic := a.odd.Load(); topic != nil {
			t.Errorf("a got a message on %s", topic)
		}
	})

	t.Run("publishes reach nobody", func(t *testing.T) {
		before := i.Stats()
		for _, topic := range []string{
			"sipward/v1/b/data/calls", "sipward/v1/b/data/telemetry", "sipward/v1/b/hello", "sipward/v1/b/state", "sipward/v1/b/live",
			"sipward/v1/b/ack", "sipward/v1/b/cmd", "sipward/v1/a/ack", "sipward/v1/a/data/other", "sipward/v1/c/hello",
			"$share/" + group + "/sipward/v1/b/data/calls", "$CONTROL/dynamic-security/v1",
		} {
			p := batch(t, 99, 1, "forged")
			if strings.HasSuffix(topic, "state") {
				p = []byte(`{"node":"b","state":"down"}`)
			}
			if strings.HasSuffix(topic, "ack") {
				p, _ = record.EncodeMessage(&record.Ack{Version: record.Version, StoreId: "forged"})
			}
			for _, retain := range []bool{false, true} {
				a.Publish(topic, 1, retain, p).WaitTimeout(10 * time.Second)
			}
		}
		// What comes after them shows that none came before it.
		a.Publish(data("a"), 1, false, batch(t, 1, 3, "z"))
		a.await(t, covers(1, 3))
		b.Publish(data("b"), 1, false, batch(t, 1, 201, "z"))
		b.await(t, func(x *record.Ack) bool {
			if x.GetStoreId() == "forged" {
				t.Error("b got an ack of a")
			}
			return covers(1, 201)(x)
		})
		after := i.Stats()
		if got := after.Messages - before.Messages; got != 2 {
			t.Errorf("the collector got %d messages, not 2", got)
		}
		if s.has("b", 99, calls) != nil || s.has("a", 99, calls) != nil {
			t.Error("a forged batch was stored")
		}
	})

	t.Run("connections are refused", func(t *testing.T) {
		for name, c := range map[string]struct {
			id, user, password string
		}{
			"another client id":  {"b", "a", m.password(t, "a")},
			"no client id":       {"", "a", m.password(t, "a")},
			"wrong password":     {"a", "a", m.password(t, "b")},
			"unknown node":       {"c", "c", "x"},
			"nobody":             {"a", "", ""},
			"node as collector":  {"a", "sipward-collector", m.password(t, "a")},
			"node without a pw":  {"a", "a", ""},
			"administrator as a": {"a", "admin", m.password(t, "a")},
		} {
			_, err := dial(m.url(), "a", c.password, func(o *paho.ClientOptions) { o.SetClientID(c.id).SetUsername(c.user) })
			if err == nil {
				t.Errorf("%s: connected", name)
			}
		}
		select {
		case <-b.lost:
			t.Error("b lost its connection")
		default:
		}
	})

	t.Run("a will on another's topic reaches nobody", func(t *testing.T) {
		b.Publish(record.Topic("b", "state"), 1, true, `{"node":"b","state":"up"}`).Wait()
		eventually(t, func() bool { n, _ := i.Node("b"); return n.State != nil })
		for _, of := range []string{"b", "a"} {
			var raw net.Conn
			w, err := dial(m.url(), "a", m.password(t, "a"), func(o *paho.ClientOptions) {
				o.SetWill(record.Topic(of, "state"), `{"node":"`+of+`","state":"down"}`, 1, true)
				o.SetCustomOpenConnectionFn(func(*url.URL, paho.ClientOptions) (c net.Conn, err error) {
					raw, err = net.Dial("tcp", net.JoinHostPort(m.host, m.port))
					return raw, err
				})
			})
			t.Logf("will on the state of %s: %v", of, err) // what counts is who hears it
			if err == nil {
				_ = raw.(*net.TCPConn).CloseWrite() // without DISCONNECT
				<-w.lost
			}
		}
		eventually(t, func() bool { n, _ := i.Node("a"); return n.State.State == "down" })
		if n, _ := i.Node("b"); n.State.State != "up" {
			t.Error("a said that b is down")
		}
	})

	t.Run("collectors may no more than they need", func(t *testing.T) {
		c := mustDial(t, m.url(), "x", m.password(t, "collector"), func(o *paho.ClientOptions) { o.SetUsername("sipward-collector") })
		for _, filter := range []string{"#", "sipward/v1/+/data/+", "$share/other/sipward/v1/+/data/+", "sipward/v1/+/ack", "$SYS/#"} {
			if !c.refused(t, filter) {
				t.Errorf("%s was granted", filter)
			}
		}
	})

	t.Run("a node that is removed is out", func(t *testing.T) {
		again := mustDial(t, m.url(), "a", m.password(t, "a"))
		pw := m.password(t, "a")
		m.run(t, "remove", "a")
		<-again.lost
		if _, err := dial(m.url(), "a", pw); err == nil {
			t.Error("connected")
		}
		if got := m.run(t, "list"); strings.Contains(got, "a\n") && strings.HasPrefix(got, "a\n") {
			t.Errorf("listed: %s", got)
		}
	})
}
