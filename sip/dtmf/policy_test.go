package dtmf

import "testing"

func TestPolicy(t *testing.T) {
	const pressed = "*21*4711#D!"
	for word, want := range map[string]string{"count": "", "mask": "xxxxxxxxxxx", "store": pressed} {
		var p Policy
		err := p.UnmarshalText([]byte(word))
		if err != nil || p.String() != word || p.Apply(pressed) != want || p.Keeps() != (word != "count") {
			t.Errorf("%s: %v, %v, %q", word, p, err, p.Apply(pressed))
		}
	}
	p := Count
	if err := p.UnmarshalText([]byte("all")); err == nil || p != Count {
		t.Errorf("an unknown word was taken for %v", p)
	}
	if got := Policy(0).Apply(pressed); got != "" {
		t.Errorf("an invalid policy keeps %q", got)
	}
}
