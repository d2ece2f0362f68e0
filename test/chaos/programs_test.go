package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// portRandom needs no seed: where a program listens changes nothing.
var portRandom = rand.New(rand.NewPCG(uint64(time.Now().UnixNano()), uint64(os.Getpid())))

// readyWait is how long a program may take to listen.
const readyWait = 30 * time.Second

// stopWait is how long a program may take to end when asked to.
const stopWait = 30 * time.Second

func stop(v *victim) error {
	if v.group == databases {
		return stopBy(v, syscall.SIGINT) // does not wait for its clients
	}
	return stopBy(v, syscall.SIGTERM)
}

func stopBy(v *victim, signal syscall.Signal) error {
	ctx, cancel := context.WithTimeout(context.Background(), stopWait)
	defer cancel()
	return v.stop(ctx, signal)
}

// addMosquitto starts a broker that keeps nothing, and returns its URL.
func (s *site) addMosquitto(ctx context.Context) (string, error) {
	dir, err := s.folder("mosquitto")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	program, err := findProgram("mosquitto", "/usr/sbin/mosquitto")
	if err != nil {
		return "", err
	}
	config := filepath.Join(dir, "mosquitto.conf")
	text := fmt.Sprintf("listener %d 127.0.0.1\nallow_anonymous true\npersistence false\nset_tcp_nodelay true\nlog_dest stdout\n", port)
	if os.Geteuid() == 0 { // it would become a user who may not read the file
		text += "user root\n"
	}
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return "", err
	}
	v := s.add(brokers, "mosquitto", func() *exec.Cmd { return exec.Command(program, "-c", config) })
	v.up()
	at := loopback(port)
	return "mqtt://" + at.String(), peers.Poll(ctx, readyWait, "mosquitto", func() (bool, error) { return answers(at), nil })
}

func findProgram(name string, patterns ...string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	for _, pattern := range patterns {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return slices.Max(found), nil
		}
	}
	return "", fmt.Errorf("%s is not installed: make deps", name)
}

// addPostgres makes a database cluster of its own and starts it.
func (s *site) addPostgres(ctx context.Context) (string, error) {
	program, err := findProgram("postgres", "/usr/lib/postgresql/*/bin/postgres")
	if err != nil {
		return "", err
	}
	dir, err := s.folder("postgres")
	if err != nil {
		return "", err
	}
	port, err := freePort()
	if err != nil {
		return "", err
	}
	as, err := databaseUser(dir)
	if err != nil {
		return "", err
	}
	data := filepath.Join(dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(filepath.Dir(program), "initdb"), "-D", data, "-U", "sipward", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: as}, dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	v := s.add(databases, "postgres", func() *exec.Cmd {
		cmd := exec.Command(program, "-D", data, "-k", dir, "-h", "127.0.0.1", "-p", strconv.Itoa(int(port)),
			"-c", "shared_buffers=64MB", "-c", "max_connections=60", "-c", "log_min_messages=warning")
		cmd.SysProcAttr, cmd.Dir = &syscall.SysProcAttr{Credential: as}, dir
		return cmd
	})
	v.up()
	url := fmt.Sprintf("postgres://sipward@%s/postgres", loopback(port))
	s.db = &postgres{url: url + "?search_path=sipward"}
	return url, peers.Poll(ctx, readyWait, "PostgreSQL", func() (bool, error) { return readable(ctx, s.db), nil })
}

// databaseUser gives the folder to the user postgres, and returns him: the
// database does not run as root. Another user runs it as himself.
func databaseUser(dir string) (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("find a user for the database: %w", err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// addCollector adds a collector, which is not started. The configuration is
// completed with what keeps it in its folder.
func (s *site) addCollector(name, config string) error {
	dir, err := s.folder(name)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "collector.yaml")
	config += fmt.Sprintf("id: %s\ndata: %s\nweb:\n  listen: \"off\"\nadmin:\n  listen: \"off\"\n  socket: %s\n", name, dir, filepath.Join(dir, "collector.sock"))
	if err := os.WriteFile(path, []byte(config), 0o600); err != nil {
		return err
	}
	s.exports = path
	s.add(collectors, name, func() *exec.Cmd { return exec.Command(s.collector, "run", "--config", path) })
	return nil
}

// output returns what a program of ours prints.
func output(ctx context.Context, program string, args ...string) ([]byte, error) {
	cmd := exec.CommandContext(ctx, program, args...)
	var complaint strings.Builder
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(args, " "), err, complaint.String())
	}
	return out, nil
}
