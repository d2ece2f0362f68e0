package top

import (
	"context"
	"errors"
	"os"
	"time"

	tea "charm.land/bubbletea/v2"

	"github.com/sipward/sipward/agent/admin"
)

// frames a second are drawn at most: answers come once a second, and keys should
// not feel slow.
const frames = 20

// Run shows source until the user quits, or ctx ends. An agent that does not answer
// at all is an error before anything is drawn.
func Run(ctx context.Context, source Source, ascii bool) error {
	m := newModel(source, time.Now, os.Getenv, ascii)
	within, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	top, err := source.Top(within, admin.ByCustomers, "", listed)
	if err != nil {
		return err
	}
	m.take(&answer{by: admin.ByCustomers, top: top})
	_, err = tea.NewProgram(m, tea.WithContext(ctx), tea.WithFPS(frames)).Run()
	if errors.Is(err, tea.ErrProgramKilled) && ctx.Err() != nil || errors.Is(err, tea.ErrInterrupted) {
		return nil
	}
	return err
}
