package main

import (
	"context"
	"errors"
	"os"
	"strings"

	"golang.org/x/term"

	"github.com/sipward/sipward/agent/top"
)

type topCmd struct {
	Config string `default:"${config}" placeholder:"FILE" help:"Configuration of the running agent; its admin.socket is asked (${default})."`
	Socket string `placeholder:"PATH" help:"Ask this unix socket instead."`
	ASCII  bool   `name:"ascii" help:"Draw with plain signs only, as where the locale is not UTF-8."`
}

var (
	errNoTerminal = errors.New("top needs a terminal; status prints the figures once, and status --json does so for programs")
	errTopSocket  = errors.New("calls in progress are told on the unix socket alone, and admin.socket is off: turn it on")
)

// Run shows the agent until the user quits.
func (c *topCmd) Run() error {
	if !term.IsTerminal(int(os.Stdout.Fd())) || !term.IsTerminal(int(os.Stdin.Fd())) { // a small number
		return errNoTerminal
	}
	where, err := (&statusCmd{Config: c.Config, Socket: c.Socket}).where()
	if err != nil {
		return err
	}
	if strings.HasPrefix(where, "http://") {
		return errTopSocket
	}
	return top.Run(context.Background(), top.Socket(where), c.ASCII)
}
