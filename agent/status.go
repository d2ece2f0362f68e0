package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/configs"
)

type statusCmd struct {
	Config string `default:"${config}" help:"Configuration of the running agent; its admin.socket is asked (${default})."`
	Socket string `help:"Ask this unix socket instead."`
	URL    string `name:"url" help:"Ask this address instead, as in 127.0.0.1:9464."`
	JSON   bool   `name:"json" help:"Print JSON for programs. Ratios have num, den and value; no calls is a value of null."`
}

// Run asks the agent and prints.
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

// where finds the agent: as the flags say, else as the configuration does.
func (c *statusCmd) where() (string, error) {
	if c.Socket != "" && c.URL != "" {
		return "", errors.New("--socket and --url name two places: give one")
	}
	if c.URL != "" && !strings.Contains(c.URL, "://") {
		return "http://" + c.URL, nil
	}
	if c.URL != "" && !strings.HasPrefix(c.URL, "http://") {
		return "", fmt.Errorf("--url %s: the agent speaks plain HTTP; give http://address:port", c.URL)
	}
	if c.Socket+c.URL != "" {
		return c.Socket + c.URL, nil
	}
	cfg, err := configs.Load(c.Config)
	switch {
	case errors.Is(err, fs.ErrNotExist) && c.Config == defaultConfig:
		return configs.Defaults().Admin.Socket, nil
	case errors.Is(err, fs.ErrPermission):
		return configs.Defaults().Admin.Socket, nil // whoever may not read it may still use the usual socket
	case err != nil:
		return "", explainConfig(c.Config, err)
	case cfg.Admin.Socket != configs.Off:
		return cfg.Admin.Socket, nil
	case cfg.Admin.Listen != configs.Off:
		return "http://" + cfg.Admin.Listen, nil
	}
	return "", errors.New("admin.socket and admin.listen are off: this agent cannot be asked; turn one on")
}
