package web

import (
	"encoding/json"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sipward/sipward/collector/accounts"
)

var (
	typeWord  = regexp.MustCompile(`faultOf\("([a-z-]+)"`)
	fieldWord = regexp.MustCompile(`(?:wrongAs|unusable)\("([a-z-]+)"|invalid\([^,]+, "([a-z-]+)"|(?:refused|named)\("([a-z-]+)"`)
)

// TestWordsHaveTexts: the pages say in each language what problems say by a word, and have no
// texts for what no problem says.
func TestWordsHaveTexts(t *testing.T) {
	types, fields := map[string]bool{"unreachable": true, "server": true, "page": true}, map[string]bool{"bad-password": true, "bad-code": true, "taken": true}
	for _, a := range answers {
		if a.word != "" {
			types[a.word] = true
		}
	}
	for _, word := range ruleWords {
		fields[word] = true
	}
	for _, pattern := range []string{"*.go", "../accounts/*.go", "../table/*.go"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			source, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range typeWord.FindAllSubmatch(source, -1) {
				types[string(m[1])] = true
			}
			for _, m := range fieldWord.FindAllSubmatch(source, -1) {
				fields[string(m[1])+string(m[2])+string(m[3])] = true
			}
		}
	}
	if len(types) < 15 || len(fields) < 20 {
		t.Fatalf("only %d and %d words were found", len(types), len(fields))
	}
	delete(types, "slow") // these have a status of 500 and more: the page says what the collector says,
	delete(types, "busy")
	for _, language := range []string{"en", "de"} {
		raw, err := os.ReadFile("../ui/src/i18n/" + language + ".json")
		if err != nil {
			t.Fatal(err)
		}
		var texts map[string]string
		if err := json.Unmarshal(raw, &texts); err != nil {
			t.Fatal(err)
		}
		for prefix, words := range map[string]map[string]bool{"error.": types, "invalid.": fields} {
			var has []string
			for key := range texts {
				if word, ok := strings.CutPrefix(key, prefix); ok {
					has = append(has, word)
				}
			}
			slices.Sort(has)
			if want := slices.Sorted(maps.Keys(words)); !slices.Equal(has, want) {
				t.Errorf("%s: %s has texts for\n%v\nproblems say\n%v", language, prefix, has, want)
			}
		}
	}
}

// TestProblemsSayWords: a problem of each way in and of forms has its word.
func TestProblemsSayWords(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	year := d.now().Add(366 * 24 * time.Hour).UnixMilli()
	for _, x := range []struct {
		p            *person
		method, path string
		body         any
		status       int
		word, field  string // of the type; field=word
	}{
		{d.nobody(), post, "/session", map[string]string{"email": "a@b.c", "password": "x"}, 401, "bad-credentials", ""},
		{d.nobody(), get, "/me", nil, 401, "logged-out", ""},
		{d.nobody(), post, "/setup", map[string]string{"token": "x"}, 410, "bad-token", ""},
		{acme, get, "/nodes", nil, 403, "forbidden", ""},
		{acme, get, "/calls?customer=globex", nil, 403, "forbidden", ""},
		{boss, put, "/me/password", map[string]string{"current": "x", "new": pass + "x"}, 422, "", "current=bad-password"},
		{boss, put, "/me/password", map[string]string{"current": pass, "new": "short"}, 422, "weak-password", "new=short"},
		{boss, put, "/me/password", map[string]string{"current": pass, "new": "aaaaaaaaaaaa"}, 422, "weak-password", "new=repeats"},
		{boss, put, "/me/password", map[string]string{"current": pass, "new": "qwertyuiop12345"}, 422, "weak-password", "new=row"},
		{boss, put, "/me/password", map[string]string{"current": pass, "new": "password123456"}, 422, "weak-password", "new=common"},
		{boss, put, "/me/password", map[string]string{"current": pass, "new": "boss@example.net"}, 422, "weak-password", "new=own-name"},
		{boss, put, "/me/password", map[string]string{"current": pass, "new": pass}, 422, "weak-password", "new=old"},
		{boss, post, "/accounts", map[string]string{"email": "x", "role": "viewer"}, 422, "", "email=email"},
		{boss, post, "/accounts", map[string]string{"email": "BOSS@example.net", "role": "viewer"}, 422, "", "email=taken"},
		{boss, post, "/accounts", map[string]string{"email": "x@example.org", "role": "customer"}, 422, "", "customer=no-customer"},
		{boss, post, "/accounts", map[string]string{"email": "x@example.org", "role": "king"}, 422, "", "role=role"},
		{boss, patch, "/me", map[string]string{"name": strings.Repeat("x", 101)}, 422, "", "name=text"},
		{boss, patch, "/me", map[string]string{"language": "fr"}, 422, "", "language=language"},
		{boss, post, "/tokens", map[string]any{"name": "x", "role": "viewer", "expires_unix_ms": 0}, 422, "", "expires_unix_ms=expires"},
		{boss, post, "/tokens", map[string]any{"name": "x", "role": "viewer", "expires_unix_ms": year + 1}, 422, "", "expires_unix_ms=expires"},
		{boss, post, "/tokens", map[string]any{"role": "viewer", "expires_unix_ms": year}, 422, "", "name=needed"},
		{boss, patch, "/accounts/" + d.boss.Account, map[string]any{"disabled": true}, 409, "last-operator", ""},
		{boss, get, "/calls/none", nil, 404, "not-found", ""},
	} {
		w := x.p.ask(x.method, x.path, x.body)
		var p problem
		if err := json.Unmarshal(w.Body.Bytes(), &p); err != nil {
			t.Fatal(err)
		}
		_, word, _ := strings.Cut(p.Type, "#")
		field, fieldsWord, _ := strings.Cut(x.field, "=")
		if w.Code != x.status || word != x.word || x.field != "" && (p.Words[field] != fieldsWord || p.Fields[field] == "") {
			t.Errorf("%s %s %v: %d %s", x.method, x.path, x.body, w.Code, w.Body)
		}
	}
	if w := boss.ask(post, "/tokens", map[string]any{"name": "x", "role": "viewer", "expires_unix_ms": year}); w.Code != 201 {
		t.Errorf("a token for a year: %d %s", w.Code, w.Body)
	}
}

// TestTableSaysWords: why the table refuses a form has its word, and the values of its sentence.
func TestTableSaysWords(t *testing.T) {
	d, _ := editable(t)
	boss := d.operator()
	count := func(n int) form { return form{"version": 1, "customer": "acme", "count": n} }
	span := func(first, last string) form {
		return form{"version": 1, "customer": "acme", "range": block{first, last}}
	}
	for _, x := range []struct {
		method, path string
		body         any
		field, word  string
		values       map[string]string
	}{
		{post, "/blocks", span("1500", "1599"), "first", "held", map[string]string{"customer": "acme", "block": "1000-1999"}},
		{post, "/blocks", span("2500", "3499"), "first", "overlap", map[string]string{"customer": "globex", "block": "2000-2999"}},
		{post, "/blocks", count(9), "count", "no-free", map[string]string{"free": "7", "size": "1000"}},
		{post, "/blocks", count(1_000_000), "count", "count", map[string]string{"most": "10000"}},
		{remove, "/blocks?customer=acme&first=2000&last=2999&version=1&dry_run=true", nil, "first", "not-held", map[string]string{"customer": "acme", "block": "2000-2999"}},
		{put, "/parties/customers/acme", form{"version": 1, "addresses": []string{"10.2.0.0/16"}}, "addresses", "both", map[string]string{"what": "10.2.0.0/16", "one": "acme", "other": "globex"}},
		{put, "/parties/carriers/carrier-x", form{"version": 1, "domains": []string{"ACME.example"}}, "domains", "both", map[string]string{"what": "acme.example", "one": "acme", "other": "carrier-x"}},
	} {
		var p problem
		w := boss.ask(x.method, x.path, x.body)
		decode(t, w, 422, &p)
		if p.Words[x.field] != x.word || !maps.Equal(p.Values[x.field], x.values) || p.Fields[x.field] == "" {
			t.Errorf("%s %s %v: %s", x.method, x.path, x.body, w.Body)
		}
		pattern, _, _ := strings.Cut(x.path, "?")
		holdTo(t, x.method, pattern, w)
	}
}

// TestUnlock: an operator sees a lock, and ends it.
func TestUnlock(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	const email = "customeracme@example.org"
	login := func(password string, want int) {
		t.Helper()
		p := &person{d: d, from: "198.51.100.77"} // not where it was used last
		if w := p.ask(post, "/session", map[string]string{"email": email, "password": password}); w.Code != want {
			t.Errorf("login: %d %s, want %d", w.Code, w.Body, want)
		}
	}
	for range 5 {
		login("x", 401)
	}
	login("x", 429)
	find := func() (a account) {
		var all page[account]
		decode(t, boss.ask(get, "/accounts", nil), 200, &all)
		i := slices.IndexFunc(all.Items, func(a account) bool { return a.Role == "customer" })
		return all.Items[i]
	}
	a := find()
	if a.Locked <= d.now().UnixMilli() {
		t.Fatalf("not shown as locked: %+v", a)
	}
	if w := acme.ask(patch, "/accounts/"+a.ID, map[string]bool{"unlock": true}); w.Code != 403 {
		t.Errorf("a customer unlocks: %d", w.Code)
	}
	var after account
	decode(t, boss.ask(patch, "/accounts/"+a.ID, map[string]bool{"unlock": true}), 200, &after)
	if after.Locked != 0 || find().Locked != 0 {
		t.Errorf("still locked: %+v", after)
	}
	login(pass, 200)
	if w := boss.ask(get, "/audit?action=account.unlock", nil); !strings.Contains(w.Body.String(), email) {
		t.Errorf("not in the audit log: %s", w.Body)
	}
}
