package accounts

import (
	"errors"
	"strings"
	"testing"
	"testing/quick"
	"unicode/utf8"
)

func TestCheckPassword(t *testing.T) {
	const email = "anna.smith@carrier-one.example"
	good := []string{
		"a quiet river in may", "Tr0ub4dor&3x", "kxqwmvbnzu", "ÄÖÜäöüßéèê", "日本語のパスワード文字列", "purple monkey dishwasher",
		"anna likes rivers", "xkcd-936-stapler", strings.Repeat("ab cdefgh", 100), "7kd92hf73k", "          a bit of air",
		"smithsonian museum", "aabbccddeeffgghhx",
	}
	for _, p := range good {
		if err := CheckPassword(p, email); err != nil {
			t.Errorf("%.40q: %v", p, err)
		}
	}
	for _, tc := range []struct{ password, why string }{
		{"", "at least 10"}, {"short", "at least 10"}, {"ÄÖÜäöüßéè", "9 characters"}, {"\xff\xfe\xfdabcdefgh", "UTF-8"},
		{strings.Repeat("x y z ", 200), "1024 bytes"},
		{email, "e-mail"}, {"Anna.Smith2026!", "e-mail"}, {"annasmith1", "e-mail"}, {"1-anna-smith-2", "e-mail"}, {"carrier-one1", "e-mail"},
		{"annasmithannasmith", "e-mail"}, {"AnnaSmithCarrierOne", "e-mail"},
		{"aaaaaaaaaa", "repeats"}, {"ababababab", "repeats"}, {"abc1abc1abc1", "repeats"}, {"passwordpassword", "repeats"}, {"123456123456", "repeats"},
		{"1234567890", "neighbouring"}, {"0987654321", "neighbouring"}, {"abcdefghij", "neighbouring"}, {"qwertyuiop", "neighbouring"},
		{"poiuztrewq", "neighbouring"}, {"qwerty12345", "neighbouring"}, {"1q2w3e4r5t", "neighbouring"}, {"asdfghjkl123", "neighbouring"},
		{"1qaz2wsx3edc", "neighbouring"}, {"QWERTZUIOP", "neighbouring"},
		{"password123", "tried first"}, {"P@ssw0rd2026", "tried first"}, {"Password!!", "tried first"}, {"welcome2026", "tried first"},
		{"sipward2026", "tried first"}, {"administrator", "tried first"}, {"Administrator1", "tried first"}, {"!!!letmein!!!", "tried first"},
		{"changeme123", "tried first"}, {"Sommer2026!", "tried first"}, {"asterisk2026", "tried first"}, {"correcthorsebatterystaple", "tried first"},
	} {
		err := CheckPassword(tc.password, email)
		if !errors.Is(err, ErrPassword) || !strings.Contains(err.Error(), tc.why) {
			t.Errorf("%.40q: err = %v, want %q", tc.password, err, tc.why)
		}
		if err != nil && len(tc.password) > 9 && strings.Contains(err.Error(), tc.password) && tc.password != "" {
			t.Errorf("the error shows the password: %v", err)
		}
	}
}

// TestAnyPassword: whatever is typed, there is an answer, and no bad one is
// taken for good because of its form.
func TestAnyPassword(t *testing.T) {
	f := func(p, email string) bool {
		err := CheckPassword(p, email)
		return err != nil || utf8.ValidString(p) && utf8.RuneCountInString(p) >= MinPassword && len(p) <= MaxPassword
	}
	if err := quick.Check(f, &quick.Config{MaxCount: 2000}); err != nil {
		t.Error(err)
	}
}

func TestRunsOfLongPasswordsEnd(t *testing.T) {
	for _, p := range []string{strings.Repeat("abcdefghi", 113), strings.Repeat("a", MaxPassword), strings.Repeat("qwe", 341)} {
		if err := CheckPassword(p, ""); !errors.Is(err, ErrPassword) {
			t.Errorf("%.20q...: %v", p, err)
		}
	}
}
