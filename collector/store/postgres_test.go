package store

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// cluster is a PostgreSQL server of the tests' own, on a unix socket in a
// temporary folder.
type cluster struct {
	bin, dir  string
	as        *syscall.SysProcAttr
	server    *exec.Cmd
	databases atomic.Int64
	skip      string
}

var startCluster = sync.OnceValue(func() *cluster {
	c := new(cluster)
	if err := c.start(); err != nil {
		c.skip = err.Error()
	}
	return c
})

func TestMain(m *testing.M) {
	if dir := os.Getenv(childFolder); dir != "" {
		commitForEver(dir) // until it is killed
	}
	code := m.Run()
	if c := startCluster(); c.server != nil {
		_ = c.server.Process.Signal(syscall.SIGQUIT) // at once: nothing of it is kept
		_ = c.server.Wait()
		_ = os.RemoveAll(c.dir)
	}
	os.Exit(code)
}

func (c *cluster) start() (err error) {
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no PostgreSQL in /usr/lib/postgresql")
	}
	c.bin = filepath.Dir(found[len(found)-1])
	if c.dir, err = os.MkdirTemp("", "sipward-postgres-"); err != nil {
		return err
	}
	if os.Getuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		c.as = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		if err := os.Chown(c.dir, uid, gid); err != nil {
			return err
		}
	}
	initdb := c.command("initdb", "-D", c.dir+"/data", "-U", "postgres", "-A", "trust", "--no-sync", "-E", "UTF8", "--locale=C.UTF-8")
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	fsync := "off" // tests kill programs, never the machine
	if f := flag.Lookup("test.bench"); f != nil && f.Value.String() != "" {
		fsync = "on"
	}
	server := c.command("postgres", "-c", "fsync="+fsync, "-D", c.dir+"/data", "-k", c.dir, "-c", "listen_addresses=", "-c", "deadlock_timeout=200ms",
		"-c", "max_wal_size=4GB", "-c", "shared_buffers=512MB")
	log, err := os.Create(filepath.Join(c.dir, "log"))
	if err != nil {
		return err
	}
	server.Stdout, server.Stderr = log, log
	if err := server.Start(); err != nil {
		return err
	}
	c.server = server
	for range 300 { // pg_isready waits up to a second each
		ready := c.command("pg_isready", "-h", c.dir, "-t", "1")
		if ready.Run() == nil {
			return nil
		}
	}
	return fmt.Errorf("the server does not get ready")
}

func (c *cluster) command(name string, args ...string) *exec.Cmd {
	cmd := exec.Command(filepath.Join(c.bin, name), args...)
	cmd.SysProcAttr, cmd.Dir = c.as, c.dir
	return cmd
}

func (c *cluster) url(database string) string {
	return fmt.Sprintf("host=%s user=postgres dbname=%s", c.dir, database)
}

// exec runs SQL on a database of the cluster.
func (c *cluster) exec(t testing.TB, database, text string) {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), c.url(database))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(context.Background())
	if _, err := conn.Exec(context.Background(), text); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
}

// newDatabase returns the address of an empty database, and skips the test when
// there is no PostgreSQL.
func newDatabase(t testing.TB) string {
	t.Helper()
	c := startCluster()
	if c.skip != "" {
		t.Skip("PostgreSQL: " + strings.TrimSpace(c.skip))
	}
	name := fmt.Sprintf("test%d", c.databases.Add(1))
	c.exec(t, "postgres", "CREATE DATABASE "+name)
	return c.url(name)
}
