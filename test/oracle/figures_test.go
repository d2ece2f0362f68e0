package oracle

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestMost(t *testing.T) {
	for _, v := range []struct {
		name  string
		spans []span
		want  int
	}{
		{"none", nil, 0},
		{"one after the other", []span{{1, 2}, {2, 3}}, 1},
		{"two at once", []span{{1, 3}, {2, 4}, {5, 6}}, 2},
		{"one that never ends", []span{{1, never}, {5, 6}, {7, 8}}, 2},
		{"one that ends before it begins", []span{{5, 1}, {5, 6}}, 1},
	} {
		if got := most(v.spans); got != v.want {
			t.Errorf("%s: %d, want %d", v.name, got, v.want)
		}
	}
}

// Every figure that differs is named; a comparison that misses one proves nothing.
func TestDifferences(t *testing.T) {
	full := func() *Figures {
		f := &Figures{Packets: 1, Calls: Calls{2, 3, 4, 5, 6, 7, 8, 9, 10, 11},
			Registrations: Registrations{12, 13, map[string]int{"200": 14}},
			DTMF:          map[string]string{"a b c": "12"}, DTMFInfo: map[string]string{"x": "3"}}
		f.SIP.Messages, f.SIP.Transports = 15, map[string]int{"udp": 16}
		f.RTP.Packets, f.RTP.Streams = 17, 18
		return f
	}
	if d := Differences(full(), full()); d != nil {
		t.Errorf("equal figures differ: %q", d)
	}
	const fields = 16 + 4 // numbers and maps
	d := Differences(full(), &Figures{})
	if len(d) != fields {
		t.Errorf("%d differences from nothing, want %d: %q", len(d), fields, d)
	}
	slices.Sort(d)
	if len(slices.Compact(d)) != fields {
		t.Errorf("a difference twice: %q", d)
	}
	if d := Differences(full(), withDigits(full(), "13")); len(d) != 1 || !strings.Contains(d[0], "dtmf[a b c]") {
		t.Errorf("other digits: %q", d)
	}
}

func withDigits(f *Figures, digits string) *Figures {
	f.DTMF["a b c"] = digits
	return f
}

// What is written down reads back the same.
func TestExpectedRoundTrip(t *testing.T) {
	f := &Figures{Packets: 9, Calls: Calls{1, 2, 3, 4, 5, 6, 7, 8, 9, 10},
		Registrations: Registrations{3, 2, map[string]int{"401": 1}},
		DTMF:          map[string]string{Flow("[2001:db8::1]:5", "10.0.0.1:6", "0x1"): "5#"}, DTMFInfo: map[string]string{"x": "3"}, Guessed: true}
	f.SIP.Messages, f.SIP.Transports = 15, map[string]int{"udp": 16}
	f.RTP.Packets, f.RTP.Streams = 17, 18
	for _, name := range []string{"a.pcap", "b.pcapng.gz"} {
		file := filepath.Join(t.TempDir(), name)
		if err := WriteExpected(file, f); err != nil {
			t.Fatal(err)
		}
		got, err := ReadExpected(file)
		if err != nil {
			t.Fatal(err)
		}
		if d := Differences(f, got); d != nil || got.Guessed != f.Guessed {
			t.Errorf("%s: %q", name, d)
		}
	}
}

func TestLegal(t *testing.T) {
	if got := string(legal([]byte("a\x00b\tc\xff\ufffe\n"))); got != "a?b\tc??\n" {
		t.Errorf("%q", got)
	}
}
