package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"

	"github.com/sipward/sipward/configs"
)

type checkCmd struct {
	File string `arg:"" optional:"" default:"${config}" help:"Configuration file (${default})."`
}

// Run checks a file as run would read it.
func (c *checkCmd) Run() error {
	cfg, err := configs.Load(c.File)
	if err != nil {
		return explainConfig(c.File, err)
	}
	if _, err := cfg.FindLocal(net.InterfaceAddrs); err != nil {
		return err
	}
	for _, odd := range cfg.Odd() {
		fmt.Fprintf(os.Stdout, "odd: %s\n", odd)
	}
	fmt.Fprintf(os.Stdout, "%s is valid: node %s, %d customers, %d carriers, %d addresses of this switch\n",
		c.File, cfg.Node, len(cfg.Customers), len(cfg.Carriers), len(cfg.Local))
	return nil
}

// explainConfig says what to do about a file that is not there.
func explainConfig(path string, err error) error {
	var problem *configs.Error
	switch {
	case errors.As(err, &problem):
		return fmt.Errorf("the configuration has problems:\n%w", err)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%w; copy configs/agent.yaml there, or name another file with --config", err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w; run as the user who owns %s", err, path)
	}
	return err
}
