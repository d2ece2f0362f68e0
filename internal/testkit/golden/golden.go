// Package golden compares what a test made with a file that is checked in.
package golden

import (
	"flag"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the golden files anew")

// Check fails t unless got is what file holds. With -update it writes the file.
func Check(t testing.TB, file string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if n, a, b := differ(string(want), string(got)); n > 0 {
		t.Errorf("%s:%d is\n%q, want\n%q; -update writes it", file, n, b, a)
	}
}

// differ returns the number of the first line in which two texts differ, from 1,
// and that line of both; 0 when they do not.
func differ(x, y string) (n int, a, b string) {
	for n = 1; x != "" || y != ""; n++ {
		a, x = cutLine(x)
		b, y = cutLine(y)
		if a != b {
			return n, a, b
		}
	}
	return 0, "", ""
}

// cutLine returns the first line of a text with its end, and the rest.
func cutLine(text string) (line, rest string) {
	i := strings.IndexByte(text, '\n') + 1
	if i == 0 {
		i = len(text)
	}
	return text[:i], text[i:]
}
