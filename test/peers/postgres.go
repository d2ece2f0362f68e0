package peers

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"syscall"
)

// Postgres is a database cluster of its own. It has no port: whoever may open the
// folder of its socket is let in, from every host of the lab.
type Postgres struct {
	Host *Host
	dir  string
}

// Start makes the cluster and starts it. Its error is ErrNotInstalled for a program
// that is not there.
func (p *Postgres) Start(ctx context.Context) (err error) {
	program, err := postgresProgram()
	if err != nil {
		return err
	}
	owner, err := user.Lookup("postgres") // it does not run as root
	if err != nil {
		return fmt.Errorf("find a user for the database: %w", err)
	}
	uid, err := strconv.ParseUint(owner.Uid, 10, 32)
	if err != nil {
		return err
	}
	gid, err := strconv.ParseUint(owner.Gid, 10, 32)
	if err != nil {
		return err
	}
	// The lab's folder may be closed to that user, so it is not in there.
	if p.dir, err = os.MkdirTemp("", "sipward-pg-"); err != nil {
		return err
	}
	if err := os.Chown(p.dir, int(uid), int(gid)); err != nil {
		return err
	}
	data := filepath.Join(p.dir, "data")
	initdb := exec.CommandContext(ctx, filepath.Join(filepath.Dir(program), "initdb"), "-D", data, "-U", "sipward", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
	initdb.SysProcAttr, initdb.Dir = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}, p.dir
	if out, err := initdb.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w: %s", err, out)
	}
	proc, err := p.Host.Start("postgres", "setpriv", "--reuid="+owner.Uid, "--regid="+owner.Gid, "--clear-groups",
		program, "-D", data, "-k", p.dir, "-h", "", "-c", "shared_buffers=64MB", "-c", "fsync=off")
	if err != nil {
		return err
	}
	return proc.WaitLog(ctx, "ready to accept connections")
}

// Remove deletes its files. It may be called without Start.
func (p *Postgres) Remove() error {
	if p.dir == "" {
		return nil
	}
	return os.RemoveAll(p.dir)
}

// URL is where it is, for pgx; whoever uses it imports pgx's driver.
func (p *Postgres) URL() string {
	return "postgres://sipward@/postgres?" + url.Values{"host": {p.dir}}.Encode()
}

func postgresProgram() (string, error) {
	if path, err := exec.LookPath("postgres"); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/postgres")
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("postgres: %w", ErrNotInstalled)
	}
	return slices.Max(found), nil
}
