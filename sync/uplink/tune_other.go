//go:build !linux

package uplink

import (
	"context"
	"syscall"
)

func tune(context.Context, string, string, syscall.RawConn) error { return nil }
