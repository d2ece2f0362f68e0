package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"time"
)

//go:embed dist
var dist embed.FS

//go:embed openapi.yaml
var openAPIFile []byte

// files is what make ui built; without it one page that says how to.
func files() fs.FS {
	f, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // the folder is embedded
	}
	return f
}

// file is one that is served.
type file struct {
	kind    string
	body    []byte
	packed  map[string][]byte // by Content-Encoding
	tag     string
	forever bool // its name changes with its content
}

// static serves files from memory. Only names that were there at the start are served, so
// there is no path to climb and no folder to list.
type static struct {
	all   map[string]*file
	index *file
}

var kinds = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".json": "application/json", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
}

// hashed is how Vite names what it builds.
var hashed = regexp.MustCompile(`^assets/.+-[A-Za-z0-9_-]{8}\.[a-z0-9]+$`)

func newStatic(from fs.FS) (*static, error) {
	s := &static{all: map[string]*file{}}
	err := fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if ext := path.Ext(name); ext == ".gz" || ext == ".br" {
			return nil
		}
		f, err := readFile(from, name)
		s.all["/"+name] = f
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("reading the dashboard's files: %w", err)
	}
	for _, name := range []string{"/index.html", "/unbuilt.html"} {
		if f := s.all[name]; f != nil && s.index == nil {
			s.index = f
		}
	}
	if s.index == nil {
		return nil, errors.New("the dashboard has no page: neither index.html nor unbuilt.html")
	}
	return s, nil
}

func readFile(from fs.FS, name string) (*file, error) {
	kind := kinds[path.Ext(name)]
	if kind == "" {
		kind = "application/octet-stream"
	}
	f := &file{kind: kind, packed: map[string][]byte{}, forever: hashed.MatchString(name)}
	var err error
	if f.body, err = fs.ReadFile(from, name); err != nil {
		return nil, err
	}
	sum := sha256.Sum256(f.body)
	f.tag = hex.EncodeToString(sum[:8])
	for ext, encoding := range map[string]string{".gz": "gzip", ".br": "br"} {
		if b, err := fs.ReadFile(from, name+ext); err == nil {
			f.packed[encoding] = b
		}
	}
	return f, nil
}

// ServeHTTP serves a file, or the page for what the dashboard calls a page of its own.
func (s *static) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "GET or HEAD", http.StatusMethodNotAllowed)
		return
	}
	f := s.all[r.URL.Path]
	if f == nil {
		if path.Ext(r.URL.Path) != "" { // a script that is gone must not become a page
			w.Header().Set("Cache-Control", "no-store")
			http.Error(w, "there is no such file", http.StatusNotFound)
			return
		}
		f = s.index
	}
	f.serve(w, r)
}

func (f *file) serve(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Type", f.kind)
	h.Set("Cache-Control", "no-cache")
	if f.forever {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	h.Add("Vary", "Accept-Encoding")
	body, tag := f.body, f.tag
	for _, encoding := range []string{"br", "gzip"} {
		if b := f.packed[encoding]; b != nil && accepts(r, encoding) {
			h.Set("Content-Encoding", encoding)
			body, tag = b, f.tag+"-"+encoding
			break
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	if f.packed["gzip"] != nil || f.packed["br"] != nil {
		r = r.Clone(r.Context())
		r.Header.Del("Range") // of a packed file, which no browser asks for
	}
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// openAPI serves the description of the API.
func (s *Server) openAPI(q *request) (any, error) {
	q.w.Header().Set("Content-Type", "application/yaml")
	q.w.Header().Set("Cache-Control", "no-cache")
	http.ServeContent(q.w, q.Request, "", time.Time{}, bytes.NewReader(openAPIFile))
	return nil, nil //nolint:nilnil // served
}
