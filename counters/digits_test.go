package counters

import "testing"

func TestDigitPolicy(t *testing.T) {
	const pressed = "*21*4711#D!"
	for word, want := range map[string]string{"count": "", "mask": "*xx*xxxx#x!", "store": pressed} {
		p, ok := DigitPolicyFrom(word)
		if !ok || p.String() != word || p.Apply(pressed) != want || p.Keeps() != (word != "count") {
			t.Errorf("%s: %v, %v, %q", word, p, ok, p.Apply(pressed))
		}
	}
	if p, ok := DigitPolicyFrom("all"); ok || p.Apply(pressed) != "" {
		t.Errorf("an unknown policy keeps %q", p.Apply(pressed))
	}
}
