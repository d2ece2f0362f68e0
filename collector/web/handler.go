package web

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"
)

const apiPrefix = "/api/v1"

// resource is all methods of one path.
type resource struct {
	pattern string
	methods map[string]*route
}

// byPath gathers the methods of each path: http.ServeMux would answer a method that is
// not there in words of its own.
func (s *Server) byPath(table []route) []resource {
	var out []resource
	for i := range table {
		r := &table[i]
		at := slices.IndexFunc(out, func(p resource) bool { return p.pattern == r.path })
		if at < 0 {
			out, at = append(out, resource{r.path, map[string]*route{}}), len(out)
		}
		out[at].methods[r.method] = r
	}
	return out
}

func (s *Server) handler() http.Handler {
	mux := http.NewServeMux()
	for _, p := range s.paths {
		mux.HandleFunc(apiPrefix+p.pattern, func(w http.ResponseWriter, r *http.Request) { s.serve(w, r, &p) })
	}
	mux.HandleFunc("/api/", func(w http.ResponseWriter, r *http.Request) {
		s.fail(w, r, fault(http.StatusNotFound, "there is no such page of the API; "+apiPrefix+"/openapi.yaml lists all of them"))
	})
	return mux
}

// ServeHTTP serves a page or a file, without a listener.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.protect(w.Header())
	defer s.caught(w, r)
	if strings.HasPrefix(r.URL.Path, "/api/") {
		s.count.requests.Add(1)
		s.api.ServeHTTP(w, r)
		return
	}
	s.count.files.Add(1)
	s.static.ServeHTTP(w, r)
}

// policy lets a page of ours use its own files and nothing else: no inline script, no
// inline style, no frame around it. Images are also drawn by the page itself.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; " +
	"connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'"

// protect sets what every answer has.
func (s *Server) protect(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Permissions-Policy", "camera=(), geolocation=(), microphone=(), payment=()")
	if s.secure {
		h.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// caught turns a panic into an answer. net/http's own way of hanging up is left to it.
func (s *Server) caught(w http.ResponseWriter, r *http.Request) {
	why := recover()
	if why == nil {
		return
	}
	if err, ok := why.(error); ok && errors.Is(err, http.ErrAbortHandler) {
		panic(why)
	}
	s.count.panics.Add(1)
	s.seldom.Error(s.cfg.Now(), "panic while answering", "method", r.Method, "path", r.URL.Path, "panic", fmt.Sprint(why), "stack", string(debug.Stack()))
	s.fail(w, r, errors.New("panic"))
}

// serve answers for one path.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, p *resource) {
	row := p.methods[r.Method]
	if row == nil && r.Method == http.MethodHead {
		row = p.methods[get]
	}
	if row == nil {
		w.Header().Set("Allow", strings.Join(methodsOf(p), ", "))
		s.fail(w, r, fault(http.StatusMethodNotAllowed, "this page knows "+strings.Join(methodsOf(p), ", ")))
		return
	}
	if err := s.run(w, r, row); err != nil {
		s.fail(w, r, err)
	}
}

func methodsOf(p *resource) []string {
	var out []string
	for _, m := range []string{get, post, put, patch, remove} {
		if p.methods[m] != nil {
			out = append(out, m)
		}
	}
	return out
}

// run lets a request through to its handler, when it may.
func (s *Server) run(w http.ResponseWriter, r *http.Request, row *route) error {
	q, err := s.entered(w, r, row)
	if err != nil {
		return err
	}
	if q.args, err = parseArgs(r.URL.RawQuery, row.params); err != nil {
		return err
	}
	if err := q.receive(w, row); err != nil {
		return err
	}
	v, err := s.answer(q, row)
	switch {
	case err != nil || row.stream:
		return err
	case v == nil:
		w.Header().Set("Cache-Control", "no-store")
		w.WriteHeader(http.StatusNoContent)
	case row.made:
		write(w, r, http.StatusCreated, "application/json", v)
	default:
		write(w, r, http.StatusOK, "application/json", v)
	}
	return nil
}

func (s *Server) busy() error {
	s.count.busy.Add(1)
	p := fault(http.StatusServiceUnavailable, "too many requests at once")
	p.RetryAfter = 1
	return p
}

// entered finds out who asks.
func (s *Server) entered(w http.ResponseWriter, r *http.Request, row *route) (*request, error) {
	if !s.entries.take("") {
		return nil, s.busy()
	}
	defer s.entries.give("")
	ctx, cancel := context.WithTimeout(r.Context(), handleTimeout)
	defer cancel()
	q, err := s.admit(w, r.WithContext(ctx), row)
	if err == nil {
		q.Request = r
	}
	return q, err
}

// receive reads the body as a whole. Nobody waits for whoever sends slowly: it has no
// place yet.
func (q *request) receive(w http.ResponseWriter, row *route) error {
	if !changes(q.Method) {
		return nil
	}
	most := int64(maxBody)
	if row.access == anybody {
		most = maxOpenBody
	}
	var b bytes.Buffer
	if _, err := b.ReadFrom(http.MaxBytesReader(w, q.Body, most)); err != nil {
		return bodyFault(err)
	}
	own := *q.Request
	own.Body = io.NopCloser(&b)
	q.Request = &own
	return nil
}

// answer runs the handler of a route. A place is held meanwhile, and no more when the
// answer is sent: the asker may read slowly.
func (s *Server) answer(q *request, row *route) (any, error) {
	if row.stream {
		return row.do(s, q)
	}
	who := q.sharer()
	if !s.places.take(who) {
		return nil, s.busy()
	}
	defer s.places.give(who)
	ctx, cancel := context.WithTimeout(q.Context(), handleTimeout)
	defer cancel()
	q.Request = q.WithContext(ctx)
	return row.do(s, q)
}

// bodyFault says why a body could not be read.
func bodyFault(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return fault(http.StatusRequestEntityTooLarge, fmt.Sprintf("the body has more than %d bytes", large.Limit))
	}
	return fault(http.StatusBadRequest, "the body could not be read")
}
