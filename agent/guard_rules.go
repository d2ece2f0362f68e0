package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/sipward/sipward/agent/guard/netfilter"
	"github.com/sipward/sipward/configs"
)

type guardRulesCmd struct {
	configFile
	Install bool `xor:"do" help:"Install the rules. With firewall: none this is for you to do, before the agent starts."`
	Remove  bool `xor:"do" help:"Remove the rules, of a run that crashed too."`
}

// Run prints, installs or removes the rules. Without one of the switches it
// changes nothing.
func (c *guardRulesCmd) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	if c.Remove {
		return explainRules(netfilter.Remove(ctx))
	}
	path, err := c.path()
	if err != nil {
		return err
	}
	cfg, err := configs.Load(path)
	if err != nil {
		return explainConfig(path, err)
	}
	rules, err := netfilter.Plan(ctx, netfilterConfig(cfg, nil, nil))
	if err != nil {
		return explainRules(err)
	}
	if c.Install {
		return explainRules(rules.Install(ctx))
	}
	_, err = fmt.Printf("# What `run` installs with guard.mode nfqueue.\n%s\n# What takes it away.\n%s", rules.Text(), rules.RemovalText())
	return err
}

func explainRules(err error) error {
	if err != nil && os.Geteuid() != 0 && !errors.Is(err, netfilter.ErrNoFirewall) {
		return fmt.Errorf("%w; run it as root, or with CAP_NET_ADMIN", err)
	}
	return err
}
