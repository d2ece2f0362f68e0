package program

import (
	"context"
	"log/slog"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// await waits until all of these are closed. It returns false when ctx ended
// before.
func await(ctx context.Context, all ...<-chan struct{}) bool {
	for _, c := range all {
		select {
		case <-c:
		case <-ctx.Done():
			return false
		}
	}
	return true
}

// AwaitPart is await for one part of a program. While that is not ready, systemd
// shows what is lacking as the status of the service.
func AwaitPart(ctx context.Context, log *slog.Logger, lacks string, ready <-chan struct{}) bool {
	select {
	case <-ready:
		return true
	default:
	}
	tell(log, "STATUS="+lacks)
	if !await(ctx, ready) {
		return false
	}
	tell(log, "STATUS=")
	return true
}

// Serve tells systemd that the program does its work, and that it stops when
// ctx ends; then it returns. In between it feeds systemd's watchdog, if there
// is one, whenever alive says so, which is asked for an interval: not fed for so
// long, systemd starts the program anew. Without systemd it only waits.
func Serve(ctx context.Context, log *slog.Logger, alive func(interval time.Duration) bool) {
	tell(log, daemon.SdNotifyReady)
	serving.Store(true)
	feed(ctx, log, alive)
	tell(log, daemon.SdNotifyStopping)
}

// tell tells systemd. That it cannot be told is no reason to stop working.
func tell(log *slog.Logger, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.Error("telling systemd", "state", state, "error", err)
	}
}

// feed returns when ctx ends.
func feed(ctx context.Context, log *slog.Logger, alive func(time.Duration) bool) {
	interval, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		log.Error("asking for systemd's watchdog", "error", err)
	}
	if err != nil || interval == 0 {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(interval / 2)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			if alive(interval) {
				tell(log, daemon.SdNotifyWatchdog)
			}
		case <-ctx.Done():
			return
		}
	}
}

// Waiting shows what a program that is not ready waits for, as the status of the
// service.
func Waiting(log *slog.Logger, why string) { tell(log, "STATUS="+OneLine(why)) }
