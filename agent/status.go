package main

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"github.com/sipward/sipward/agent/admin"
	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/adminhttp"
)

type statusCmd struct {
	Config string `default:"${config}" placeholder:"FILE" help:"Configuration of the running agent; its admin.socket is asked (${default})."`
	Socket string `placeholder:"PATH" help:"Ask this unix socket instead."`
	URL    string `placeholder:"ADDRESS" name:"url" help:"Ask this address instead, as in 127.0.0.1:9464."`
	JSON   bool   `name:"json" help:"Print JSON for programs. Ratios have num, den and value; no calls is a value of null."`
}

// Run asks the agent and prints.
func (c *statusCmd) Run() error {
	where, err := c.where()
	if err != nil {
		return err
	}
	return adminhttp.Show(context.Background(), admin.Program, where, c.JSON, os.Stdout, admin.WriteTable)
}

// where finds the agent: as the flags say, else as the configuration does.
func (c *statusCmd) where() (string, error) {
	if where, err := admin.Program.Named(c.Socket, c.URL); where != "" || err != nil {
		return where, err
	}
	if _, err := os.Stat(c.Config); errors.Is(err, fs.ErrNotExist) && c.Config != defaultConfig {
		return "", explainConfig(c.Config, err)
	}
	return admin.Program.Served(configs.AdminOf(c.Config, configs.Defaults().Admin).Places())
}
