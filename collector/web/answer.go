package web

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
)

// ratio is a numerator and a denominator; without anything to divide by its value is
// null, never 0.
type ratio struct {
	Num   float64  `json:"num"`
	Den   int64    `json:"den"`
	Value *float64 `json:"value"`
}

// ratioOf divides num by unit first: what is counted in milliseconds is shown in seconds.
func ratioOf(num, den int64, unit float64) ratio {
	r := ratio{Num: float64(num) / unit, Den: den}
	if den > 0 {
		r.Value = new(r.Num / float64(den))
	}
	return r
}

// page is a part of a list; Next is the `after` of the following one.
type page[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// gzipFrom is how long an answer must be for compressing to be worth it, in bytes.
const gzipFrom = 1400

var zippers = sync.Pool{New: func() any {
	z, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // the level is a valid one
	return z
}}

// encoded is an answer as JSON, and compressed if that is worth it.
type encoded struct{ plain, packed []byte }

// encode writes and compresses v once, for all who ask for it.
func encode(v any) *encoded {
	e := &encoded{plain: marshal(v)}
	if len(e.plain) >= gzipFrom {
		var b bytes.Buffer
		zip(&b, e.plain)
		e.packed = b.Bytes()
	}
	return e
}

func marshal(v any) []byte {
	if long, ok := v.(interface{ appendJSON([]byte) []byte }); ok {
		return long.appendJSON(nil)
	}
	body, err := json.Marshal(v)
	if err != nil {
		panic(err) // of our own types: a bug, which is counted and answered as one
	}
	return body
}

// write answers with JSON, compressed where the asker can read that.
func write(w http.ResponseWriter, r *http.Request, status int, kind string, v any) {
	e, ok := v.(*encoded)
	if !ok {
		send(w, r, status, kind, marshal(v))
		return
	}
	if e.packed == nil || !accepts(r, "gzip") {
		send(w, r, status, kind, e.plain)
		return
	}
	head(w, kind)
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	_, _ = w.Write(e.packed) // whoever asked is gone: nobody to tell
}

func head(w http.ResponseWriter, kind string) {
	h := w.Header()
	h.Set("Content-Type", kind)
	if h.Get("Cache-Control") == "" {
		h.Set("Cache-Control", "no-store")
	}
	h.Add("Vary", "Accept-Encoding")
}

func send(w http.ResponseWriter, r *http.Request, status int, kind string, body []byte) {
	head(w, kind)
	if len(body) < gzipFrom || !accepts(r, "gzip") {
		w.WriteHeader(status)
		_, _ = w.Write(body) // whoever asked is gone: nobody to tell
		return
	}
	w.Header().Set("Content-Encoding", "gzip")
	w.WriteHeader(status)
	zip(w, body)
}

func zip(w io.Writer, body []byte) {
	z := zippers.Get().(*gzip.Writer)
	defer zippers.Put(z)
	z.Reset(w)
	_, _ = z.Write(body) // as above
	_ = z.Close()
}

// accepts reports whether the asker takes an encoding (RFC 9110, section 12.5.3).
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, weight, _ := strings.Cut(part, ";")
		if !strings.EqualFold(strings.TrimSpace(name), encoding) {
			continue
		}
		weight = strings.ReplaceAll(weight, " ", "")
		return weight != "q=0" && strings.Trim(strings.TrimPrefix(weight, "q=0."), "0") != "" || weight == ""
	}
	return false
}

// readJSON reads exactly one JSON value. A name that is not known is an error: what is
// silently left out would look as if it had been done.
func readJSON(r *http.Request, to any) error {
	kind, _, _ := strings.Cut(r.Header.Get("Content-Type"), ";")
	if !strings.EqualFold(strings.TrimSpace(kind), "application/json") {
		return fault(http.StatusUnsupportedMediaType, "send application/json")
	}
	var raw bytes.Buffer
	if _, err := raw.ReadFrom(r.Body); err != nil {
		return bodyFault(err)
	}
	d := json.NewDecoder(&raw)
	d.DisallowUnknownFields()
	if err := d.Decode(to); err != nil {
		return fault(http.StatusBadRequest, "the body is not what is wanted: "+err.Error())
	}
	if d.More() {
		return fault(http.StatusBadRequest, "the body has more than one value")
	}
	return nil
}
