package seal

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"strings"
	"testing"
)

// keyOf returns the same key for the same letter.
func keyOf(c byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{c}, ed25519.SeedSize))
}

func publics(letters string) (out []ed25519.PublicKey) {
	for i := range len(letters) {
		out = append(out, Public(keyOf(letters[i])))
	}
	return out
}

func mustSign(t testing.TB, text string, by byte) string {
	t.Helper()
	signed, err := Sign([]byte(text), keyOf(by))
	if err != nil {
		t.Fatal(err)
	}
	return string(signed)
}

const text = "version: 1\ncustomers:\n"

// TestFormat: others can make and check such texts by what the documents say.
func TestFormat(t *testing.T) {
	got := mustSign(t, text, 'a')
	want := text + "# signature ed25519 a3c761e56d55f45e " +
		"S798y1o6b89suBRjuliaOBls9ZNsyKvsvO9yryeJ0cyD3A9IT9hrSO+M7/VGVuq6v+NiFF/xGGfX/Faewxo5BA==\n"
	if got != want {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestOpen(t *testing.T) {
	a := mustSign(t, text, 'a')
	for _, tt := range []struct{ signed, keys, want string }{
		{a, "a", text},
		{a, "bca", text},
		{mustSign(t, "no line feed", 'a'), "a", "no line feed\n"},
		{mustSign(t, "", 'a'), "a", "\n"},
		{mustSign(t, a, 'b'), "b", a}, // only the last line counts
	} {
		got, id, err := Open([]byte(tt.signed), publics(tt.keys))
		if err != nil || string(got) != tt.want || len(id) != 16 {
			t.Errorf("%q by %s: %q, %v", tt.signed, id, got, err)
		}
	}
}

func TestErrors(t *testing.T) {
	signed := mustSign(t, text, 'a')
	a, b := KeyID(publics("a")[0]), KeyID(publics("b")[0])
	cut := len(signed) - len(text)
	tests := []struct {
		name, signed, keys string
		is                 error
		want               string
	}{
		{"empty", "", "a", ErrTruncated, "the end is missing: it is empty"},
		{"unsigned", text, "a", ErrUnsigned, "not signed, or the end is missing: the last line, 2, is no signature"},
		{"nothing but a line feed", "\n", "a", ErrUnsigned, "not signed, or the end is missing: the last line, 1, is no signature"},
		{"cut in the text", text[:len(text)-3], "a", ErrTruncated, "the end is missing: it stops in the middle of line 2"},
		{"cut in the signature", signed[:len(signed)-9], "a", ErrTruncated, "the end is missing: it stops in the middle of line 3"},
		{"cut by the last byte", signed[:len(signed)-1], "a", ErrTruncated, "the end is missing: it stops in the middle of line 3"},
		{"cut at the end of a line", text[:len(text)-len("customers:\n")], "a", ErrUnsigned, "not signed, or the end is missing: the last line, 1, is no signature"},
		{"something behind", signed + "x: y\n", "a", ErrUnsigned, "the last line, 4, is no signature"},
		{"wrong key", signed, "b", ErrKey, "signed with a key that is not trusted here: " + a + "; trusted are " + b},
		{"wrong keys", signed, "bc", ErrKey, "trusted are " + b + ", " + KeyID(publics("c")[0])},
		{"no key", signed, "", ErrKey, "trusted are none"},
		{"changed text", strings.Replace(signed, "1", "2", 1), "a", ErrChanged, "changed after it was signed: the signature of key " + a + " does not fit the text"},
		{"line taken out", signed[len("version: 1\n"):], "a", ErrChanged, "changed after it was signed"},
		{"another's id", strings.Replace(signed, a, b, 1), "ab", ErrChanged, "changed after it was signed: the signature of key " + b},
		{"another's signature", text + mustSign(t, text+"more", 'a')[len(text)+5:], "a", ErrChanged, "changed after it was signed"},
		{"line feeds of Windows", strings.ReplaceAll(signed, "\n", "\r\n"), "a", ErrMalformed, "it has not the 64 bytes of an ed25519 signature"},
		{"a line feed of Windows", signed[:len(signed)-1] + "\r\n", "a", ErrMalformed, "it has not the 64 bytes of an ed25519 signature"},
		{"algorithm", strings.Replace(signed, "ed25519", "rsa", 1), "a", ErrMalformed, `its algorithm is "rsa", and only ed25519 is known`},
		{"no signature", text + "# signature ed25519\n", "a", ErrMalformed, "an id of a key and a signature are to follow ed25519"},
		{"bad id", text + "# signature ed25519 xyz AAAA\n", "a", ErrMalformed, `"xyz" is no id of a key`},
		{"capital id", strings.Replace(signed, a, strings.ToUpper(a), 1), "a", ErrMalformed, "is no id of a key"},
		{"bad base64", signed[:len(signed)-cut] + "# signature ed25519 " + a + " !!!!\n", "a", ErrMalformed, "it has not the 64 bytes"},
		{"short signature", text + "# signature ed25519 " + a + " AAAA\n", "a", ErrMalformed, "it has not the 64 bytes"},
		{"long line", text + "# signature ed25519 " + strings.Repeat("x", 300) + "\n", "a", ErrMalformed, "its line has 320 characters"},
		{"too large", strings.Repeat("x", MaxSize+1), "a", ErrTooLarge, "too large: 67108865 bytes, of at most 67108864"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _, err := Open([]byte(tt.signed), publics(tt.keys))
			if !errors.Is(err, tt.is) || !strings.Contains(err.Error(), tt.want) || got != nil {
				t.Errorf("got  %v\nwant %s", err, tt.want)
			}
		})
	}
	if _, _, err := Open([]byte(signed), []ed25519.PublicKey{{1, 2}}); !errors.Is(err, ErrKey) {
		t.Errorf("a key of two bytes: %v", err)
	}
	if _, err := Sign(make([]byte, MaxSize-10), keyOf('a')); !errors.Is(err, ErrTooLarge) {
		t.Errorf("signing what nobody opens: %v", err)
	}
	if _, err := Sign(nil, ed25519.PrivateKey(make([]byte, 64))[:40]); err == nil {
		t.Error("a short key signs")
	}
}

// TestEveryBit: whichever bit of a signed text changes, it does not open.
func TestEveryBit(t *testing.T) {
	signed := []byte(mustSign(t, text, 'a'))
	for i := range 8 * len(signed) {
		signed[i/8] ^= 1 << (i % 8)
		if got, _, err := Open(signed, publics("a")); err == nil {
			t.Errorf("bit %d: opened as %q", i, got)
		}
		signed[i/8] ^= 1 << (i % 8)
	}
	for n := range len(signed) {
		if _, _, err := Open(signed[:n], publics("a")); err == nil {
			t.Errorf("the first %d bytes open", n)
		}
	}
}

func FuzzOpen(f *testing.F) {
	f.Add([]byte(mustSign(f, text, 'a')))
	f.Add([]byte(mustSign(f, text, 'b')))
	f.Add([]byte(text))
	f.Add([]byte("# signature ed25519 a3c761e56d55f45e AAAA\n"))
	keys := publics("a")
	f.Fuzz(func(t *testing.T, b []byte) {
		got, id, err := Open(b, keys)
		if err != nil {
			if got != nil {
				t.Error("an error, and a text")
			}
		} else if again := mustSign(t, string(got), 'a'); again != string(b) || id != KeyID(keys[0]) {
			t.Errorf("%q opens, and is signed as %q", b, again)
		}
		opened, _, err := Open([]byte(mustSign(t, string(b), 'a')), keys)
		if err != nil || !bytes.HasPrefix(opened, b) || len(opened) > len(b)+1 {
			t.Errorf("%q does not come back: %q, %v", b, opened, err)
		}
	})
}

func BenchmarkOpen(b *testing.B) {
	signed := []byte(mustSign(b, strings.Repeat("      - {first: 1000, last: 1999}\n", 100_000), 'a'))
	keys := publics("a")
	b.SetBytes(int64(len(signed)))
	for b.Loop() {
		if _, _, err := Open(signed, keys); err != nil {
			b.Fatal(err)
		}
	}
}
