package web

import (
	"fmt"
	"testing"

	"github.com/sipward/sipward/collector/accounts"
	"github.com/sipward/sipward/collector/table"
	"github.com/sipward/sipward/configs"
)

type graphed struct {
	More  int
	Lines []struct {
		Kind, Party string
		Limit       *int64
	}
}

// TestLimitOfAll: the line of the total has the limit that the top bar shows.
func TestLimitOfAll(t *testing.T) {
	d := newDesk(t)
	boss := d.operator()
	acme := d.person(accounts.Customer, "acme")
	for _, x := range []struct {
		p      *person
		figure string
		want   int64 // 0: none
	}{{boss, "channels", 30}, {boss, "asr", 0}, {acme, "channels", 0}} { // no counter of acme's says one
		var got graphed
		decode(t, x.p.ask(get, "/series?by=total&figure="+x.figure, nil), 200, &got)
		if len(got.Lines) != 1 || (got.Lines[0].Limit == nil) != (x.want == 0) || x.want > 0 && *got.Lines[0].Limit != x.want {
			t.Errorf("%s: %+v, want %d", x.figure, got, x.want)
		}
	}
}

// TestTooManyLines: a graph of more parties than it has lines says how many are left out.
func TestTooManyLines(t *testing.T) {
	many := new(configs.Table)
	for i := range maxLines + 7 {
		many.Carriers = append(many.Carriers, configs.Carrier{ID: fmt.Sprintf("c%03d", i)})
	}
	d := newDesk(t, func(c *Config) { c.Table = fixed{&table.Draft{Before: &table.Version{Version: 3}, Old: many}} })
	boss := d.operator()
	for by, want := range map[string][2]int{"carrier": {maxLines, 8}, "customer": {2, 0}} { // those of live figures among them
		var got graphed
		decode(t, boss.ask(get, "/series?figure=asr&by="+by, nil), 200, &got)
		if len(got.Lines) != want[0] || got.More != want[1] {
			t.Errorf("%s: %d lines and %d more, want %v", by, len(got.Lines), got.More, want)
		}
	}
}
