package dialog

import (
	"strings"
	"testing"
)

// TestAdoptedCallIsTheCallers: a proxied call that was joined by what the carrier
// answered has the caller as its source once its INVITE is seen, not the switch.
func TestAdoptedCallIsTheCallers(t *testing.T) {
	table := NewTable(Config{}, testBook(t))
	for i, line := range []string{"west>switch 200-INVITE branch=s1 to=w", "phone>switch INVITE branch=p1"} {
		p, m := message(t, int64(i+1)*1e9, strings.Fields(line))
		table.Message(p, m)
	}
	l := legsOf(table)[0]
	if l.Src != endpoint(t, "phone") || l.Dst != endpoint(t, "switch") || !l.Call || !l.Initial {
		t.Errorf("%v to %v, call %v, initial %v", l.Src, l.Dst, l.Call, l.Initial)
	}
}
