package web

import (
	"errors"
	"net/http"
	"net/netip"
	"strings"

	"github.com/sipward/sipward/collector/accounts"
)

// request is what a handler gets: who asks, for what, and the data that it may see.
type request struct {
	*http.Request
	args  *args
	who   *accounts.Principal // nil where anybody may come
	view  *view               // nil with it
	w     http.ResponseWriter // for cookies and streams
	token string              // of the session; "" without one
	from  netip.Addr
}

// body reads the body, and its mistakes.
func (q *request) body(to any) error { return readJSON(q.Request, to) }

// admit says who asks, and whether it may. It is the only way to a handler.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, row *route) (*request, error) {
	q := &request{Request: r, w: w, from: s.address(r)}
	if c, err := r.Cookie(s.cookie); err == nil {
		q.token = c.Value
	}
	if err := s.crossed(r); err != nil {
		return nil, err
	}
	if row.access == anybody {
		return q, nil
	}
	var err error
	if q.who, err = s.authenticate(q); err != nil {
		return nil, err
	}
	if err := s.genuine(q); err != nil {
		return nil, err
	}
	if row.access != permitted || !q.who.Can(row.perm) {
		return nil, accounts.ErrForbidden
	}
	q.view = newView(s, q.who)
	return q, nil
}

// authenticate finds out who asks. Whoever sends a token means it: the cookie that a
// browser adds does not count then.
func (s *Server) authenticate(q *request) (*accounts.Principal, error) {
	head := q.Header.Get("Authorization")
	if head == "" {
		if q.token == "" {
			return nil, accounts.ErrUnauthenticated
		}
		p, err := s.cfg.Service.Authenticate(q.Context(), q.token, q.from)
		if errors.Is(err, accounts.ErrUnauthenticated) {
			s.forget(q.w) // it will not become good again
		}
		return p, err
	}
	kind, token, _ := strings.Cut(head, " ")
	if !strings.EqualFold(kind, "Bearer") {
		return nil, accounts.ErrUnauthenticated
	}
	q.token = ""
	p, err := s.cfg.Service.Program(q.Context(), strings.TrimSpace(token), q.from)
	if errors.Is(err, accounts.ErrUnauthenticated) {
		q.w.Header().Set("WWW-Authenticate", `Bearer realm="sipward"`)
	}
	return p, err
}

// crossed refuses what a browser sends for a page of somebody else (Sec-Fetch-Site,
// or Origin where that is missing).
func (s *Server) crossed(r *http.Request) error {
	if err := s.cross.Check(r); err != nil {
		s.count.forged.Add(1)
		return fault(http.StatusForbidden, "this was asked for by a page of another site")
	}
	return nil
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}

// genuine asks for the text that only a page with this session knows. A program's token
// is not added by a browser, so it proves itself.
func (s *Server) genuine(q *request) error {
	if q.token == "" || !changes(q.Method) || accounts.CheckCSRF(q.token, q.Header.Get("X-CSRF")) {
		return nil
	}
	s.count.forged.Add(1)
	return faultOf("stale-page", http.StatusForbidden, "the header X-CSRF is missing or of another session: load the page anew")
}

// address is who asks. Behind a proxy that is the last address in X-Forwarded-For: those
// before it were written by whoever asked.
func (s *Server) address(r *http.Request) netip.Addr {
	if s.cfg.BehindProxy {
		if all := r.Header.Values("X-Forwarded-For"); len(all) > 0 {
			last := all[len(all)-1]
			if i := strings.LastIndexByte(last, ','); i >= 0 {
				last = last[i+1:]
			}
			if a, err := netip.ParseAddr(strings.TrimSpace(last)); err == nil {
				return a.Unmap()
			}
		}
	}
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap()
}
