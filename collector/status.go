package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/configs"
)

type statusCmd struct {
	Config string `placeholder:"FILE" help:"Configuration of the running collector; its admin.socket is asked (${config})."`
	Data   string `placeholder:"DIR" help:"The --data of the running collector, if it has one."`
	Socket string `help:"Ask this unix socket instead."`
	URL    string `name:"url" help:"Ask this address instead, as in 127.0.0.1:9465."`
	JSON   bool   `name:"json" help:"Print JSON for programs."`
}

// Run asks the collector and prints.
func (c *statusCmd) Run() error {
	where, err := c.where()
	if err != nil {
		return err
	}
	report, raw, err := admin.Fetch(context.Background(), where)
	if err != nil {
		return err
	}
	if c.JSON {
		_, err := os.Stdout.Write(raw)
		return err
	}
	return admin.WriteTable(os.Stdout, report)
}

// where finds the collector: as the flags say, else as the configuration does.
func (c *statusCmd) where() (string, error) {
	if c.Socket != "" && c.URL != "" {
		return "", errors.New("--socket and --url name two places: give one")
	}
	if c.URL != "" && !strings.Contains(c.URL, "://") {
		return "http://" + c.URL, nil
	}
	if c.URL != "" && !strings.HasPrefix(c.URL, "http://") {
		return "", fmt.Errorf("--url %s: the collector speaks plain HTTP; give http://address:port", c.URL)
	}
	if c.Socket+c.URL != "" {
		return c.Socket + c.URL, nil
	}
	p := place{Config: c.Config, Data: c.Data}
	cfg, err := p.load()
	if errors.Is(err, fs.ErrPermission) { // whoever may not read it may still use the usual socket
		cfg = configs.CollectorDefaults()
		err = p.apply(cfg)
	}
	switch {
	case err != nil:
		return "", err
	case cfg.Admin.Socket != configs.Off:
		return cfg.Admin.Socket, nil
	case cfg.Admin.Listen != configs.Off:
		return "http://" + cfg.Admin.Listen, nil
	}
	return "", errors.New("admin.socket and admin.listen are off: this collector cannot be asked; turn one on")
}
