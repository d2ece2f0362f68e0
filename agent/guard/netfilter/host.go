package netfilter

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// runTimeout is how long one call of a firewall program may take. They wait for
// one another.
const runTimeout = 10 * time.Second

// host runs the programs of the host. No shell is between.
type host struct {
	variant string // of iptables: "", "-nft" or "-legacy"
	path    string // folders to look in; "": the usual ones
}

// sbin is where the programs are when PATH, as services have it, lacks it.
const sbin = "/usr/sbin:/sbin:/usr/local/sbin:/usr/bin:/bin"

// find returns the path of a program.
func (h host) find(name string) (string, error) {
	path := h.path
	if path == "" {
		path = os.Getenv("PATH") + ":" + sbin
	}
	for _, dir := range filepath.SplitList(path) {
		file := filepath.Join(dir, name)
		if s, err := os.Stat(file); filepath.IsAbs(dir) && err == nil && s.Mode().IsRegular() && s.Mode().Perm()&0o111 != 0 {
			return file, nil
		}
	}
	return "", fmt.Errorf("%s: %w: install %s", name, exec.ErrNotFound, packageOf(name))
}

// packageOf names what a program comes in.
func packageOf(name string) string {
	switch name {
	case "nft":
		return "nftables"
	case "ipset":
		return "ipset"
	}
	return "iptables"
}

// run runs a program with input and returns its output.
func (h host) run(ctx context.Context, name, input string, args ...string) (string, error) {
	file, err := h.find(name)
	if err != nil {
		return "", err
	}
	ctx, cancel := context.WithTimeout(ctx, runTimeout)
	defer cancel()
	cmd := exec.CommandContext(ctx, file, args...)
	cmd.Stdin = strings.NewReader(input)
	var out, said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &said
	cmd.Env = append(os.Environ(), "LC_ALL=C", "PATH="+os.Getenv("PATH")+":"+sbin)
	cmd.WaitDelay = time.Second
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} // Ctrl-C ends the agent, not what takes its rules away
	if err := cmd.Run(); err != nil {
		if ctx.Err() != nil {
			err = ctx.Err()
		}
		return "", fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, brief(said.String()))
	}
	return out.String(), nil
}

// brief is what a program said, on one line and not too long.
func brief(s string) string {
	s = strings.Join(strings.Fields(s), " ")
	return s[:min(len(s), 500)]
}

// missing reports whether err says that a program is not installed.
func missing(err error) bool { return errors.Is(err, exec.ErrNotFound) }
