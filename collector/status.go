package main

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/sipward/sipward/collector/admin"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
)

type statusCmd struct {
	Config string `placeholder:"FILE" help:"Configuration of the running collector; its admin.socket is asked (${config})."`
	Data   string `placeholder:"DIR" help:"The --data of the running collector, if it has one."`
	Socket string `placeholder:"PATH" help:"Ask this unix socket instead."`
	URL    string `placeholder:"ADDRESS" name:"url" help:"Ask this address instead, as in 127.0.0.1:9465."`
	JSON   bool   `name:"json" help:"Print JSON for programs."`
}

// Run asks the collector and prints.
func (c *statusCmd) Run() error {
	where, err := c.where()
	if err != nil {
		return err
	}
	return adminhttp.Show(context.Background(), admin.Program, where, c.JSON, os.Stdout, admin.WriteTable)
}

// where finds the collector: as the flags say, else as the configuration does.
func (c *statusCmd) where() (string, error) {
	if where, err := admin.Program.Named(c.Socket, c.URL); where != "" || err != nil {
		return where, err
	}
	p := place{Config: c.Config, Data: c.Data}
	cfg, err := p.load()
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // the one that runs may have read it before
		cfg = configs.CollectorDefaults()
		cfg.Admin = configs.AdminOf(cmp.Or(c.Config, defaultConfig), cfg.Admin)
		err = p.apply(cfg)
	}
	if err != nil {
		return "", err
	}
	return admin.Program.Served(cfg.Admin.Places())
}
