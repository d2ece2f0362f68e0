package adminhttp

import (
	"context"
	"net"
	"net/http"
	"os"
	"syscall"
)

// peerKey is under what a request on a socket carries the user at its other end.
type peerKey struct{}

// withPeer notes the user who opened a connection on a unix socket. The kernel says it
// (SO_PEERCRED): nobody can pose as somebody else.
func withPeer(ctx context.Context, c net.Conn) context.Context {
	u, ok := c.(*net.UnixConn)
	if !ok {
		return ctx
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return ctx
	}
	var cred *syscall.Ucred
	if raw.Control(func(fd uintptr) {
		cred, err = syscall.GetsockoptUcred(int(fd), syscall.SOL_SOCKET, syscall.SO_PEERCRED)
	}) != nil || err != nil {
		return ctx
	}
	return context.WithValue(ctx, peerKey{}, cred.Uid)
}

// OwnerOnly serves h to root and to the user whom this program runs as, and refuses the
// socket's group, who may look: for pages that hand out rights.
func OwnerOnly(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		uid, ok := r.Context().Value(peerKey{}).(uint32)
		if !ok || !owns(uid, os.Geteuid()) {
			http.Error(w, "this is for root and the user of the service; use sudo", http.StatusForbidden)
			return
		}
		h.ServeHTTP(w, r)
	})
}

// owns reports whether a user has all rights of a program that runs as own.
func owns(uid uint32, own int) bool { return uid == 0 || int64(uid) == int64(own) }
