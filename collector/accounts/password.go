package accounts

import (
	"errors"
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Bounds of a password. NIST SP 800-63B section 5.1.1.2 asks for 8 characters
// and no rules on which; 10 is what remains of 8 when people add a digit. The
// most is in bytes and only keeps megabytes out of the hash.
const (
	MinPassword = 10
	MaxPassword = 1024
)

// ErrPassword is wrapped by what is wrong with a new password.
var ErrPassword = errors.New("this password cannot be used")

// CheckPassword says what is wrong with a new password of this account. There
// is no rule on which characters it must have: such rules make passwords alike.
func CheckPassword(password, email string) error {
	switch n := utf8.RuneCountInString(password); {
	case !utf8.ValidString(password):
		return unusable("encoding", "it is not valid UTF-8")
	case n < MinPassword:
		return unusable("short", fmt.Sprintf("it has %d characters, at least %d are needed", n, MinPassword))
	case len(password) > MaxPassword:
		return unusable("long", fmt.Sprintf("it has more than %d bytes", MaxPassword))
	}
	bare := strings.ToLower(password)
	if isName(bare, email) {
		return unusable("own-name", "it is made of the e-mail address")
	}
	if periodic(bare) {
		return unusable("repeats", "it repeats itself")
	}
	if run(bare) {
		return unusable("row", "it is a row of neighbouring keys, letters or digits")
	}
	if common[core(bare)] || common[core(unleet(core(bare)))] {
		return unusable("common", "it is one of those that are tried first")
	}
	return nil
}

// isName reports whether what is left without digits and signs is the address,
// its local part or its domain.
func isName(bare, email string) bool {
	if email == "" {
		return false
	}
	local, domain, _ := strings.Cut(strings.ToLower(email), "@")
	host, _, _ := strings.Cut(domain, ".")
	c := letters(bare)
	for _, name := range []string{email, local, domain, host, local + host} {
		if n := letters(strings.ToLower(name)); len(n) > 2 && (c == n || c == n+n) || bare == strings.ToLower(name) && name != "" {
			return true
		}
	}
	return false
}

// letters drops all that is not a letter.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return r
		}
		return -1
	}, s)
}

// core drops the digits and signs that people put around a word.
func core(s string) string {
	return strings.TrimFunc(s, func(r rune) bool { return !unicode.IsLetter(r) })
}

// unleet undoes the usual replacements of letters.
func unleet(s string) string { return leet.Replace(s) }

var leet = strings.NewReplacer("0", "o", "1", "i", "3", "e", "4", "a", "5", "s", "7", "t", "@", "a", "$", "s", "!", "i")

// periodic reports whether s is a shorter text again and again, of which
// fewer than five characters are different.
func periodic(s string) bool {
	r := []rune(s)
	for n := 1; n <= len(r)/2; n++ {
		same := true
		for i := n; i < len(r) && same; i++ {
			same = r[i] == r[i-n]
		}
		if same && (n < 5 || common[core(string(r[:n]))] || run(string(r[:n]))) {
			return true
		}
	}
	return false
}

// rows are those of keyboards, and alphabets: what fingers follow.
var rows = []string{
	"abcdefghijklmnopqrstuvwxyz", "01234567890", "qwertyuiop", "qwertzuiop", "azertyuiop", "asdfghjkl", "zxcvbnm", "yxcvbnm",
	"1qaz2wsx3edc4rfv5tgb6zhn7ujm", "1q2w3e4r5t6y7u8i9o0p", "1q2w3e4r5t6z7u8i9o0p",
}

// run reports whether s consists of pieces of rows, forwards or backwards, of
// at least three characters each.
func run(s string) bool {
	for s != "" {
		n := 0
		for _, row := range rows {
			n = max(n, prefix(s, row), prefix(s, reverse(row)))
		}
		if n < 3 {
			return false
		}
		s = s[n:]
	}
	return true
}

// prefix returns how much of s stands somewhere in row.
func prefix(s, row string) int {
	for n := min(len(s), len(row)); n >= 3; n-- {
		if strings.Contains(row, s[:n]) {
			return n
		}
	}
	return 0
}

func reverse(s string) string {
	r := []byte(s)
	for i, j := 0, len(r)-1; i < j; i, j = i+1, j-1 {
		r[i], r[j] = r[j], r[i]
	}
	return string(r)
}

// common are words that a password must not consist of, whatever digits and
// signs stand around them. Shorter passwords are refused anyway.
var common = func() map[string]bool {
	m := map[string]bool{}
	for w := range strings.FieldsSeq(`
		password passwort passwords passw pass kennwort motdepasse contrasena geheim secret topsecret letmein letmeinnow welcome
		willkommen admin admins administrator administrateur root toor superuser superadmin operator operators user users guest test tester
		testing testtest default changeme changethis changeit login logon access master iloveyou ichliebedich loveyou princess sunshine
		football baseball basketball superman batman dragon monkey shadow michael jennifer jordan charlie starwars pokemon trustno
		qwerty qwertyuiop qwertz azerty asdfgh asdfghjkl zxcvbn zxcvbnm abc abcd abcdef whatever freedom hello hallo summer winter
		spring autumn sommer herbst fruehling monday freitag friday january december company firma internet computer server
		support service manager sysadmin network router switch asterisk freeswitch kamailio opensips freepbx voip sip siptest
		sipward telephone telefon phone dashboard portal customer carrier temp temporary tempo example demo demodemo
		correcthorsebatterystaple`) {
		m[w] = true
	}
	delete(m, "")
	return m
}()
