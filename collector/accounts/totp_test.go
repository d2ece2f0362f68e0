package accounts

import (
	"encoding/base32"
	"fmt"
	"strings"
	"testing"
	"time"
)

// rfcSecret is that of RFC 6238, appendix B, for SHA-1.
var rfcSecret = Secret(base32.StdEncoding.EncodeToString([]byte("12345678901234567890")))

// TestRFC6238: appendix B, with the last six of its eight digits.
func TestRFC6238(t *testing.T) {
	for _, tc := range []struct {
		at   int64
		code string
	}{
		{59, "94287082"}, {1111111109, "07081804"}, {1111111111, "14050471"}, {1234567890, "89005924"},
		{2000000000, "69279037"}, {20000000000, "65353130"},
	} {
		step, ok, err := checkTOTP(rfcSecret, tc.code[2:], 0, time.Unix(tc.at, 0))
		if err != nil || !ok || step != tc.at/30 {
			t.Errorf("at %d: step %d, %v, %v", tc.at, step, ok, err)
		}
	}
}

func TestCodesAsTyped(t *testing.T) {
	for in, want := range map[string]string{
		"123456": "123456", "123 456": "123456", " 123456 ": "123456", "1 2 3 4 5 6": "123456",
		"": "", "12345": "", "1234567": "", "12345a": "", "-12345": "", "+12345": "", "１２３４５６": "", "12\x00456": "",
		strings.Repeat(" ", 1<<20) + "123456": "",
	} {
		if got, ok := cleanCode(in); got != want || ok != (want != "") {
			t.Errorf("%.20q: %q, %v", in, got, ok)
		}
	}
}

func TestDamagedSecret(t *testing.T) {
	if _, ok, err := checkTOTP("not base32!", "123456", 0, time.Unix(1e9, 0)); ok || err == nil {
		t.Errorf("ok %v, err %v", ok, err)
	}
}

func TestClockBeforeTheEpoch(t *testing.T) {
	if _, ok, err := checkTOTP(rfcSecret, "123456", 0, time.Unix(-1e9, 0)); ok || err != nil {
		t.Errorf("ok %v, err %v", ok, err)
	}
}

// FuzzCode: of all that can be typed only the codes of three steps are good.
func FuzzCode(f *testing.F) {
	for _, s := range []string{"287082", "287 082", "", "000000", "２８７０８２", "28708\x00"} {
		f.Add(s, int64(59), int64(0))
	}
	f.Fuzz(func(t *testing.T, code string, at, last int64) {
		at %= 1 << 40
		step, ok, err := checkTOTP(rfcSecret, code, last, time.Unix(at, 0))
		if err != nil {
			t.Fatal(err)
		}
		if !ok {
			return
		}
		if d := step - at/30; d < -1 || d > 1 || step <= last {
			t.Errorf("%q at %d after %d: step %d", code, at, last, step)
		}
		if again, ok, _ := checkTOTP(rfcSecret, code, step, time.Unix(at, 0)); ok && again <= step {
			t.Errorf("%q is good twice", code)
		}
	})
}

// FuzzRecovery: nothing but a code as it was handed out, with other signs
// between, is taken, and each once.
func FuzzRecovery(f *testing.F) {
	stored := []Digest{digest("abcdefghijklmnop"), digest("qrstuvwxyz234567")} // the same in each process
	f.Add("abcd-efgh-ijkl-mnop")
	f.Add("QRSTUVWXYZ234567")
	f.Add("aaaa-aaaa-aaaa-aaaa")
	f.Add("aaaaaaaaaaaaaaa=")
	f.Fuzz(func(t *testing.T, s string) {
		left, ok := useRecovery(stored, s)
		if clean, good := cleanRecovery(s); good && len(clean) != 16 || ok && !good {
			t.Errorf("%q: %q", s, clean)
		}
		if want := len(stored); ok && len(left) != want-1 || !ok && len(left) != want {
			t.Errorf("%q: %d of %d are left", s, len(left), want)
		}
		if ok && fmt.Sprint(left) == fmt.Sprint(stored) {
			t.Errorf("%q is still good", s)
		}
	})
}

// TestRecoveryAsTyped: every code is found in capitals, without dashes, and
// with the digits that are mistaken for letters.
func TestRecoveryAsTyped(t *testing.T) {
	codes, stored := newRecovery()
	for i, c := range codes {
		for _, s := range []string{c, strings.ToUpper(c), strings.ReplaceAll(c, "-", ""), "  " + c + "\n", strings.ReplaceAll(c, "o", "0"),
			strings.ReplaceAll(c, "l", "1"), strings.ReplaceAll(c, "b", "8")} {
			left, ok := useRecovery(stored, s)
			if !ok || len(left) != 9 {
				t.Errorf("code %d as %q: %v", i, s, ok)
			}
		}
	}
	if len(stored) != 10 {
		t.Errorf("%d codes are stored after others were used", len(stored))
	}
}
