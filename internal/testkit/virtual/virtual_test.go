package virtual

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestPass(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		var ticks atomic.Int64
		stop := make(chan struct{})
		go func() {
			second := time.NewTicker(time.Second)
			defer second.Stop()
			for {
				select {
				case <-second.C:
					ticks.Add(1)
				case <-stop:
					return
				}
			}
		}()
		for _, v := range []struct {
			d     time.Duration
			ticks int64 // in all
		}{{999 * time.Millisecond, 0}, {time.Millisecond, 1}, {time.Hour, 3601}} {
			if Pass(v.d); ticks.Load() != v.ticks {
				t.Errorf("after another %v there were %d ticks, want %d", v.d, ticks.Load(), v.ticks)
			}
		}
		if took := time.Since(begin); took != time.Hour+time.Second {
			t.Errorf("%v have passed", took)
		}
		close(stop)
	})
}
