package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// What the programs print, cut short.
func TestFound(t *testing.T) {
	for name, c := range map[string]struct {
		read   func([]byte) []found
		output string
		want   []found
	}{
		"replay":             {replayed, `{"sip":{"messages":17},"calls":{"total":2,"answered":1},"rtp":{"packets":0}}`, []found{{calls, 1}}},
		"replay with media":  {replayed, `{"calls":{"answered":1},"rtp":{"packets":9},"dtmf":[{"count":4},{"count":2}]}`, []found{{calls, 1}, {rtp, 9}, {digits, 6}}},
		"replay broke off":   {replayed, `{"calls":{"answ`, nil},
		"sngrep":             {dialogs, "\rDialog count: 1\rDialog count: 12\rDialog count: 120", []found{{calls, 120}}},
		"sngrep says none":   {dialogs, "could not open", nil},
		"tshark":             {statistics, "SIP Statistics\n\nNumber of SIP messages: 340000\nNumber of resent SIP messages: 2\n", []found{{messages, 340000}}},
		"tshark says none":   {statistics, "", nil},
		"more than can be":   {statistics, "Number of SIP messages: 99999999999999999999999", nil},
		"replay without RTP": {replayed, `{"calls":{"answered":0}}`, []found{{calls, 0}}},
	} {
		if diff := cmp.Diff(c.want, c.read([]byte(c.output)), cmp.AllowUnexported(found{})); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

// What was found is the least of the rounds; figures are their median.
func TestMedian(t *testing.T) {
	got := median([]sample{
		{cpu: 3 * time.Second, peak: 30, wall: 1, idle: 5, found: []found{{calls, 10}, {rtp, 7}}},
		{cpu: 1 * time.Second, peak: 20, wall: 9, idle: 4, found: []found{{calls, 9}, {rtp, 8}}},
		{cpu: 2 * time.Second, peak: 90, wall: 2, idle: 6, found: []found{{calls, 10}}, late: true},
	})
	want := sample{cpu: 2 * time.Second, peak: 30, wall: 2, idle: 5, found: []found{{calls, 9}}, late: true}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(sample{}, found{})); diff != "" {
		t.Error(diff)
	}
	if even := median([]sample{{cpu: 2}, {cpu: 1}}); even.cpu != 1 {
		t.Errorf("the median of two is %v", even.cpu)
	}
}

// The capture is what the plan says, and the table says so.
func TestTable(t *testing.T) {
	o := options{mediaCalls: 3, seed: 1, limit: time.Minute}
	l, err := o.withMedia().write(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if b, err := os.ReadFile(l.file); err != nil || binary.LittleEndian.Uint32(b) != 0x0a0d0d0a || len(b) < 200*l.packets() {
		t.Fatalf("%d bytes for %d packets: %v", len(b), l.packets(), err)
	}
	if l.want.Calls.Answered != 3 || l.want.DigitCount != 12 || l.want.Messages != 3*17 {
		t.Fatalf("%+v", l.want)
	}
	all := []found{{calls, 3}, {rtp, l.want.RTPPackets}, {digits, 12}}
	tools := []tool{{program: "/x/sipward-agent", does: "much", filter: "ebpf"}, {program: "other", does: "less"}, {program: "last", does: "nothing"}}
	samples := [][]sample{
		{{wall: time.Second, cpu: time.Second, idle: 1e6, peak: 10e6, found: all}},
		{{wall: 2 * time.Second, cpu: 1500 * time.Millisecond, idle: 2e6, peak: 5e6, found: []found{{calls, 2}}, late: true}},
		{{}},
	}
	var b bytes.Buffer
	fileTable(&b, &o, l, tools, samples)
	for i, want := range []string{
		"| sipward-agent | much | 1.00 s | 1.00 s | 1.0× | 10 MB | 1.0× | 1,000 | all calls, all RTP packets, all digits |",
		"| other | less | 2.00 s | 1.50 s | > 1.5× | 5 MB | 0.5× | – | 2 of 3 calls, not done in 1m0s |",
		"| last | nothing | 0.00 s | 0.00 s | 0.0× | 0 MB | 0.0× | – | it does not say |",
	} {
		if got := strings.Split(b.String(), "\n")[2+i]; got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	b.Reset()
	liveTable(&b, l, tools, samples)
	if want := "| other | less | 1.50 s | > 1.5× | 2 MB | 5 MB | 0.5× | 2 of 3 calls, not done |"; !strings.Contains(b.String(), want) {
		t.Errorf("no row %q in\n%s", want, b.String())
	}
}

func TestThousands(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := thousands(n); got != want {
			t.Errorf("%d is written %s", n, got)
		}
	}
}

// A row of tools is measured with what it says: ours first, the rest by
// arguments that name this run's file or device.
func TestTools(t *testing.T) {
	o := &options{agent: "agent"}
	for what, list := range map[string][]tool{"FILE": append(files(o, false), files(o, true)...), "DEVICE": append(live(o, false), live(o, true)...)} {
		if list[0].program != "agent" {
			t.Errorf("%s: the first is %s", what, list[0].program)
		}
		for _, c := range list {
			if c.filter == "" && strings.Count(" "+strings.Join(c.args, " ")+" ", " "+what+" ") != 1 || c.does == "" {
				t.Errorf("%s: %+v", what, c)
			}
			args := c.fill(map[string]string{what: "here", "LIMIT": "5"})
			if s := strings.Join(args, " "); strings.Contains(s, what) || strings.Contains(s, "LIMIT") {
				t.Errorf("%s is run with %q", c.program, args)
			}
		}
	}
}

// A program's memory is found while it runs.
func TestMemory(t *testing.T) {
	if n := memory(os.Getpid(), "VmRSS"); n < 1<<20 || n > 1<<32 {
		t.Errorf("this test has %d bytes in memory", n)
	}
	if got := statusBytes("Name:\tx\nVmHWM:\t    2048 kB\nVmRSS:\t  12 kB\n", "VmHWM"); got != 2<<20 {
		t.Errorf("VmHWM is %d", got)
	}
	if d, err := cpuOf(os.Getpid()); err != nil || d < 0 {
		t.Errorf("%v, %v", d, err)
	}
	stop := watchPeak(os.Getpid())
	if n := stop(); n < 1<<20 {
		t.Errorf("at most %d", n)
	}
}

func TestFlags(t *testing.T) {
	for args, ok := range map[string]bool{"": true, "-rounds 5 -calls 10 -no-live": true, "-rounds 0": false, "-pps 0": false, "-limit -1s": false, "more": false, "-unknown": false} {
		if _, err := flags(strings.Fields(args), io.Discard); (err == nil) != ok {
			t.Errorf("%q: %v", args, err)
		}
	}
	o := &options{agent: filepath.Join(t.TempDir(), "none")}
	if err := run(t.Context(), o, io.Discard); err == nil || !strings.Contains(err.Error(), "make build") {
		t.Errorf("without an agent: %v", err)
	}
}
