package oracle_test

import (
	"errors"
	"flag"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/sipward/sipward/test/oracle"
)

var update = flag.Bool("update", false, "write what tshark finds in the captures as what is expected of them")

// ours are the captures of the project's own.
const ours = "../captures"

// foldersOf lists the folders whose captures are tested: ours, and the one
// that SIPWARD_CAPTURES names.
func foldersOf(t *testing.T) []string {
	t.Helper()
	folders := []string{ours}
	if more := os.Getenv("SIPWARD_CAPTURES"); more != "" {
		folders = append(folders, more)
	}
	return folders
}

// eachCapture runs a subtest for every capture.
func eachCapture(t *testing.T, test func(t *testing.T, file string)) {
	t.Helper()
	for _, dir := range foldersOf(t) {
		files, err := oracle.Captures(dir)
		if err != nil {
			t.Fatal(err)
		}
		if len(files) == 0 {
			t.Errorf("no captures in %s", dir)
		}
		for _, f := range files {
			t.Run(filepath.Base(f), func(t *testing.T) {
				t.Parallel()
				test(t, f)
			})
		}
	}
}

func needTshark(t *testing.T) {
	t.Helper()
	if _, err := exec.LookPath("tshark"); err != nil {
		t.Skipf("tshark is not installed (make deps): %v", err)
	}
}

// buildAgent builds the agent once, or takes the one that SIPWARD_AGENT names.
var buildAgent = sync.OnceValues(func() (string, error) {
	if have := os.Getenv("SIPWARD_AGENT"); have != "" {
		return filepath.Abs(have)
	}
	out := filepath.Join(agentDir, "sipward-agent")
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", out, "../../agent")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0") // as make build does, so that little is compiled
	b, err := cmd.CombinedOutput()
	if err != nil {
		return "", errors.New(string(b))
	}
	return out, nil
})

var agentDir string

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "sipward-oracle-")
	if err != nil {
		panic(err)
	}
	agentDir = dir
	code := m.Run()
	_ = os.RemoveAll(dir)
	os.Exit(code)
}

// The expectations that are kept beside captures are what tshark reads today.
// With -update they become it.
func TestExpectationsAreWhatTsharkReads(t *testing.T) {
	needTshark(t)
	if testing.Short() {
		t.Skip("tshark reads every capture several times: not with -short")
	}
	eachCapture(t, func(t *testing.T, file string) {
		read, err := oracle.Read(t.Context(), file)
		if err != nil {
			t.Fatal(err)
		}
		want, err := oracle.ReadExpected(file)
		own := filepath.Dir(file) == ours
		switch {
		case own && *update:
			if err := oracle.WriteExpected(file, read); err != nil {
				t.Fatal(err)
			}
			return
		case errors.Is(err, fs.ErrNotExist) && !own:
			t.Skip("nothing is expected beside this capture")
		case err != nil:
			t.Fatal(err)
		}
		report(t, "tshark", oracle.Differences(want, read))
		if want.Guessed != read.Guessed {
			t.Errorf("media guessed: %v, want %v", read.Guessed, want.Guessed)
		}
	})
}

// The agent finds in every capture what is expected of it, or where nothing
// is, what tshark reads.
func TestReplayAgreesWithTshark(t *testing.T) {
	agent, err := buildAgent()
	if err != nil {
		t.Fatal("build the agent: ", err)
	}
	eachCapture(t, func(t *testing.T, file string) {
		want, err := oracle.ReadExpected(file)
		if errors.Is(err, fs.ErrNotExist) {
			needTshark(t)
			want, err = oracle.Read(t.Context(), file)
		}
		if err != nil {
			t.Fatal(err)
		}
		got, err := oracle.Replay(t.Context(), agent, file, false)
		if err != nil {
			t.Fatal(err)
		}
		if want.Guessed {
			compareGuessed(t, agent, file, want, got)
		}
		report(t, "replay", oracle.Differences(want, got))
	})
}

// compareGuessed compares digits that only looking for RTP without SDP finds,
// and takes them out of both sides.
func compareGuessed(t *testing.T, agent, file string, want, got *oracle.Figures) {
	t.Helper()
	guessed, err := oracle.Replay(t.Context(), agent, file, true)
	if err != nil {
		t.Fatal(err)
	}
	a, b := &oracle.Figures{DTMF: want.DTMF}, &oracle.Figures{DTMF: guessed.DTMF}
	report(t, "replay --rtp-without-sdp", oracle.Differences(a, b))
	if len(got.DTMF) > 0 {
		t.Errorf("replay without --rtp-without-sdp: digits %v in media that no SDP announced", got.DTMF)
	}
	want.DTMF, got.DTMF = nil, nil
}

func report(t *testing.T, who string, differences []string) {
	t.Helper()
	if len(differences) > 0 {
		t.Errorf("%s differs:\n\t%s", who, strings.Join(differences, "\n\t"))
	}
}
