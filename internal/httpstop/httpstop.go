// Package httpstop ends the HTTP servers of both programs.
package httpstop

import (
	"context"
	"net/http"
	"time"
)

// After stops server when ctx ends, and returns then. Requests that are being answered
// have grace to end: a slow reader does not hold up the end of the program.
func After(ctx context.Context, server *http.Server, grace time.Duration) error {
	<-ctx.Done()
	within, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(within) != nil {
		return server.Close()
	}
	return nil
}
