package testkit

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAgainstTshark has an independent program read what was generated: the
// figures of Expected must be those that it finds, and no checksum, length or
// header may be wrong.
func TestAgainstTshark(t *testing.T) {
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skip("tshark is not installed, so generated captures were not compared: run make deps")
	}
	for _, tc := range plans {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			file, want := record(t, tc.plan)
			got := reading(t, file)
			expect := figures{
				Messages: want.Messages, RTP: want.RTPPackets,
				Calls: want.CallIDs.Total, Answered: want.CallIDs.Answered, Registers: want.Registrations.Requests,
				Digits: digits(want),
			}
			if d := cmp.Diff(expect, got); d != "" {
				t.Errorf("expected figures against tshark's (-expected +tshark):\n%s", d)
			}
		})
	}
}

type figures struct {
	Messages, RTP, Calls, Answered, Registers int
	Digits                                    []string
	Bad                                       int // frames that are malformed or have a wrong checksum
}

func record(t *testing.T, plan Plan) (string, *Expected) {
	t.Helper()
	var b bytes.Buffer
	w, err := NewPcap(&b)
	if err != nil {
		t.Fatal(err)
	}
	want, err := Generate(plan, w)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Flush(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "plan.pcapng")
	if err := os.WriteFile(file, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return file, want
}

// digits are the streams' digits as tshark sees them: a set of timestamps with
// their events, so the order within a stream is kept by the text.
func digits(want *Expected) []string {
	var out []string
	for _, d := range want.Digits {
		out = append(out, fmt.Sprintf("%s>%s %s", d.Src.Addr(), d.Dst.Addr(), d.Text))
	}
	slices.Sort(out)
	return out
}

// reading asks tshark, one line a frame; fields with several values have commas.
func reading(t *testing.T, file string) figures {
	t.Helper()
	fields := []string{
		"sip.Request-Line", "sip.Status-Line", "sip.Call-ID", "sip.CSeq.method", "sip.Status-Code", "sip.to.tag", "rtp.ssrc", "rtp.timestamp", "rtpevent.event_id",
		"ip.src", "ip.dst", "ipv6.src", "ipv6.dst", "_ws.malformed", "ip.checksum.status", "udp.checksum.status", "tcp.checksum.status",
	}
	args := []string{"-r", file, "-T", "fields", "-E", "separator=|", "-E", "aggregator=\x01"}
	for _, check := range []string{"ip", "udp", "tcp"} {
		args = append(args, "-o", check+".check_checksum:TRUE")
	}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	var complaint bytes.Buffer
	cmd := exec.Command("tshark", args...)
	cmd.Stderr = &complaint
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark %s: %v\n%s", file, err, &complaint)
	}
	var got figures
	invites, answered := map[string]bool{}, map[string]bool{}
	streams := map[string][]string{}
	for _, line := range strings.Split(strings.TrimSuffix(string(out), "\n"), "\n") {
		v := strings.Split(line, "|")
		if v[13] != "" || strings.Contains(v[14]+v[15]+v[16], "0") {
			got.Bad++
		}
		got.sip(v, invites, answered)
		if v[6] != "" {
			got.RTP++
		}
		if v[8] != "" {
			key := fmt.Sprintf("%s%s>%s%s %s", v[9], v[11], v[10], v[12], v[6])
			if press := v[7] + " " + v[8]; !slices.Contains(streams[key], press) {
				streams[key] = append(streams[key], press)
			}
		}
	}
	got.Calls, got.Answered = len(invites), len(answered)
	for key, presses := range streams {
		text := ""
		for _, p := range presses {
			var ts, event int
			if _, err := fmt.Sscan(p, &ts, &event); err != nil {
				t.Fatalf("tshark shows the event %q: %v", p, err)
			}
			text += string(keys[event])
		}
		path, _, _ := strings.Cut(key, " ")
		got.Digits = append(got.Digits, path+" "+text)
	}
	slices.Sort(got.Digits)
	return got
}

// sip counts the messages of one frame; over TCP there may be several.
func (f *figures) sip(v []string, invites, answered map[string]bool) {
	requests, statuses := split(v[0]), split(v[1])
	f.Messages += len(requests) + len(statuses)
	if len(requests)+len(statuses) != 1 {
		return // several in a segment: the generator never does that
	}
	for _, r := range requests {
		if strings.HasPrefix(r, "REGISTER") {
			f.Registers++
		}
		if strings.HasPrefix(r, "INVITE") && v[5] == "" {
			invites[v[2]] = true
		}
	}
	if len(statuses) == 1 && v[3] == "INVITE" && v[4] == "200" {
		answered[v[2]] = true
	}
}

func split(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, "\x01")
}
