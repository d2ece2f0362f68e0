package guard

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/sip/parse"
	"github.com/sipward/sipward/sip/register"
)

// Pages are what the command line asks a running guard, below /guard/. They show
// who owns which number and lift bans, so they belong on a socket that only the
// operator can open.
func (g *Guard) Pages() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /guard/check", g.checkPage)
	mux.HandleFunc("GET /guard/bindings", func(w http.ResponseWriter, r *http.Request) { g.bindingsPage(w, r, false) })
	mux.HandleFunc("GET /guard/strays", func(w http.ResponseWriter, r *http.Request) { g.bindingsPage(w, r, true) })
	mux.HandleFunc("GET /guard/bans", g.bansPage)
	mux.HandleFunc("DELETE /guard/bans", g.liftPage)
	return mux
}

func (g *Guard) checkPage(w http.ResponseWriter, r *http.Request) {
	q, err := question(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	show(w, g.Check(q))
}

// question reads the REGISTER that somebody asks about: user and source must be
// given; domain, request_host, username, contact and expires may be.
func question(r *http.Request) (*register.Request, error) {
	v := r.URL.Query()
	for _, must := range []string{"user", "source"} {
		if !v.Has(must) {
			return nil, fmt.Errorf("%s is missing", must)
		}
	}
	source, err := parseSource(v.Get("source"))
	if err != nil {
		return nil, err
	}
	q := &register.Request{
		To:     parse.URI{User: v.Get("user"), Host: strings.ToLower(v.Get("domain"))},
		Source: source, Username: v.Get("username"), Expires: -1,
	}
	if q.RequestHost = strings.ToLower(v.Get("request_host")); q.RequestHost == "" {
		q.RequestHost = q.To.Host
	}
	if s := v.Get("expires"); s != "" {
		n, err := strconv.ParseUint(s, 10, 31)
		if err != nil {
			return nil, fmt.Errorf("expires %q is no number of seconds", s)
		}
		q.Expires = int32(n) // 31 bits
	}
	contact := parse.Contact{URI: parse.URI{User: q.To.User, Host: source.String()}, Expires: -1}
	if c := v.Get("contact"); c != "" {
		contact.URI.Host = strings.ToLower(c)
	}
	q.Contacts = []parse.Contact{contact}
	return q, nil
}

// parseSource reads an address, with or without a port.
func parseSource(s string) (netip.Addr, error) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return a.Unmap().WithZone(""), nil
	}
	if ap, err := netip.ParseAddrPort(s); err == nil {
		return ap.Addr().Unmap().WithZone(""), nil
	}
	return netip.Addr{}, fmt.Errorf("%q is no address; write one as 203.0.113.7 or 2001:db8::7", s)
}

// BanList is the page of bans.
type BanList struct {
	NowUnixMs int64    `json:"now_unix_ms"`
	Bans      []BanRow `json:"bans"`
}

// BanRow is one of them.
type BanRow struct {
	Site        string `json:"site"` // an IPv4 address, or a /64
	SinceUnixMs int64  `json:"since_unix_ms"`
	UntilUnixMs int64  `json:"until_unix_ms"`
	Refusals    uint32 `json:"refusals"` // that led to it
	Seen        uint64 `json:"seen"`     // REGISTERs since that the kernel did not drop
	Kernel      bool   `json:"kernel"`   // the kernel drops what it sends
}

func (g *Guard) bansPage(w http.ResponseWriter, _ *http.Request) {
	list := BanList{NowUnixMs: time.Now().UnixMilli(), Bans: []BanRow{}}
	for _, b := range g.BannedSources() {
		list.Bans = append(list.Bans, BanRow{siteText(b.Site), b.Since / 1e6, b.Until / 1e6, b.Refusals, b.Seen, b.Told})
	}
	show(w, list)
}

func (g *Guard) liftPage(w http.ResponseWriter, r *http.Request) {
	s := r.URL.Query().Get("source")
	if p, err := netip.ParsePrefix(s); err == nil {
		s = p.Addr().String()
	}
	a, err := parseSource(s)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	lifted, err := g.Lift(a)
	switch {
	case err != nil:
		http.Error(w, err.Error(), http.StatusInternalServerError)
	case !lifted:
		http.Error(w, fmt.Sprintf("%s is not banned", siteText(siteOf(a).prefix())), http.StatusNotFound)
	default:
		show(w, struct {
			Lifted string `json:"lifted"`
		}{siteText(siteOf(a).prefix())})
	}
}

// siteText writes a site as people would: one IPv4 address has no length.
func siteText(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

// show writes v as JSON.
func show(w http.ResponseWriter, v any) {
	b, err := json.MarshalIndent(v, "", " ")
	if err != nil { // no field of what is shown can fail
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(b, '\n')) // whoever asked has gone
}
