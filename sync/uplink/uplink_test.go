package uplink

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sipward/sipward/internal/testkit/virtual"
	"github.com/sipward/sipward/sync/record"
)

func TestDrain(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.spool.add(record.Calls, 3000)
		r.spool.add(record.Telemetry, 1000)
		r.drained(10*time.Second, 4000)
		if st := r.u.Stats(); r.c.twice != 0 || st.Resent.Batches != 0 || st.AckedCalls+st.AckedOthers == 0 {
			t.Errorf("%d records came again, %+v", r.c.twice, st)
		}
	})
}

func TestFreshRecordsLeaveWithinASecond(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.await(time.Minute, "an answer", func() bool { return r.u.Stats().Answered })
		for range 10 {
			r.spool.add(record.Calls, 1)
			virtual.Pass(100 * time.Millisecond)
		}
		if took := r.drained(5*time.Second, 10); took > 1100*time.Millisecond {
			t.Errorf("the last record was stored %v after the first", took+time.Second)
		}
		before := r.c.batches
		from := time.Now()
		r.spool.add(record.Calls, 100)
		r.drained(5*time.Second, 110)
		if took := time.Since(from); took > 300*time.Millisecond || r.c.batches != before+1 {
			t.Errorf("a full batch took %v and %d messages", took, r.c.batches-before)
		}
	})
}

func TestBrokerAcksAndDoesNotDeliver(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.broker.swallow = func(topic string) bool { return strings.Contains(topic, record.TopicData) }
		r.spool.add(record.Calls, 3000)
		virtual.Pass(3 * time.Minute)
		if n := r.spool.left(); n != 3000 {
			t.Fatalf("%d records were released that nobody has", 3000-n)
		}
		st := r.u.Stats()
		// Six batches of 500, every ten seconds: no faster.
		if st.Resent.Batches < 6*9 || st.Resent.Batches > 8*19 || st.Window > 8 || st.Waiting < 2*time.Minute {
			t.Errorf("%+v", st)
		}
		r.broker.mu.Lock()
		r.broker.swallow = nil
		r.broker.mu.Unlock()
		r.drained(time.Minute, 3000)
	})
}

func TestNobodyAnswers(t *testing.T) {
	inBubble(t, func(r *rig, _ *Config) {
		r.broker.swallow = func(topic string) bool { return !strings.HasSuffix(topic, record.TopicLive) }
	}, func(r *rig) {
		r.spool.add(record.Calls, 5000)
		virtual.Pass(10 * time.Minute)
		st := r.u.Stats()
		if !st.Connected || st.Connections < 3 || st.Connections > 4 || st.Answered || st.Sent.Batches > 8*11 || st.Hellos < 50 || st.Hellos > 66 {
			t.Errorf("10 minutes without a collector: %+v", st)
		}
		if n := r.log.count("no collector answers"); n != 1 {
			t.Errorf("said %d times that nobody answers", n)
		}
		r.broker.mu.Lock()
		r.broker.swallow = nil
		r.broker.mu.Unlock()
		r.drained(2*time.Minute, 5000)
	})
}

func TestHalfOpenLink(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.spool.add(record.Calls, 500)
		r.drained(10*time.Second, 500)
		r.broker.newest().die()
		r.spool.add(record.Calls, 500)
		took := r.await(time.Minute, "lost", func() bool { return r.u.Stats().Connections == 2 || !r.u.Stats().Connected })
		if took > 15*time.Second {
			t.Errorf("a dead link was found after %v", took)
		}
		r.drained(time.Minute, 1000)
		if st := r.u.Stats(); st.Reconnects != 1 || !strings.Contains(st.LastError, "ping") {
			t.Errorf("%+v", st)
		}
	})
}

func TestStalledLink(t *testing.T) {
	inBubble(t, func(r *rig, _ *Config) {
		r.broker.rate = 1 // of the first connection: nothing gets through
	}, func(r *rig) {
		r.spool.add(record.Calls, 5000)
		r.await(time.Minute, "a connection", func() bool { return r.broker.connections() > 0 })
		r.broker.mu.Lock()
		r.broker.rate = 0
		r.broker.mu.Unlock()
		r.drained(2*time.Minute, 5000)
	})
}

func TestLostAcks(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.c.mute = true // only hellos are answered
		r.spool.add(record.Calls, 6000)
		r.drained(5*time.Minute, 6000)
		r.c.mu.Lock()
		r.c.deaf = true
		r.c.mu.Unlock()
		r.spool.add(record.Calls, 2000)
		virtual.Pass(5 * time.Minute)
		if n := r.spool.left(); n != 2000 {
			t.Errorf("%d records were released without an ack", 2000-n)
		}
		r.c.mu.Lock()
		r.c.mute, r.c.deaf = false, false
		r.c.mu.Unlock()
		r.drained(2*time.Minute, 8000)
		if st := r.u.Stats(); st.Resent.Batches == 0 {
			t.Errorf("nothing was sent again: %+v", st)
		}
	})
}

func TestEverythingTwice(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.c.copies = 3
		r.c.repeat = true
		r.spool.add(record.Calls, 6000)
		r.spool.add(record.Telemetry, 2000)
		r.drained(time.Minute, 8000)
		if st := r.u.Stats(); st.Rollbacks+st.StoreChanges+st.NeverSent > 0 {
			t.Errorf("%+v", st)
		}
	})
}

func TestBrokerRestarts(t *testing.T) {
	inBubble(t, func(_ *rig, c *Config) { c.RecordsPerSecond = 500 }, func(r *rig) {
		r.spool.add(record.Calls, 6000)
		for i := range 5 {
			virtual.Pass(1500 * time.Millisecond)
			r.broker.stop()
			virtual.Pass(time.Duration(i) * time.Second)
			b := newBroker(t)
			r.c.join(b)
			r.setBroker(b)
			r.spool.add(record.Calls, 100)
			r.await(2*time.Minute, "connected again", func() bool { return r.u.Stats().Connected })
		}
		r.drained(2*time.Minute, 6500)
	})
}

func TestPassword(t *testing.T) {
	var password atomic.Value
	password.Store("wrong")
	tries := 0
	inBubble(t, func(r *rig, c *Config) {
		r.broker.login = func(id, user, p string) bool {
			tries++
			return id == "sw1" && user == "sw1" && p == "right"
		}
		c.Username = "sw1"
		c.Password = func() (string, error) {
			p := password.Load().(string)
			if p == "" {
				return "", os.ErrNotExist
			}
			return p, nil
		}
	}, func(r *rig) {
		r.spool.add(record.Calls, 10)
		virtual.Pass(10 * time.Minute)
		st := r.u.Stats()
		if tries < 8 || tries > 14 || st.Refused != st.Failures || st.Connected {
			t.Errorf("%d tries in 10 minutes, %+v", tries, st)
		}
		if r.log.count("level=ERROR") > 2 || r.log.count("password file") == 0 || r.log.count("wrong") > 0 {
			t.Errorf("log:\n%s", r.log.b.String())
		}
		password.Store("")
		r.await(5*time.Minute, "the password to be missed", func() bool { return strings.Contains(r.u.Stats().LastError, "reading the password") })
		password.Store("right")
		r.drained(2*time.Minute, 10)
	})
}

func TestAckTopicRefused(t *testing.T) {
	inBubble(t, func(r *rig, _ *Config) {
		r.broker.mayRead = func(topic string) bool { return !strings.HasSuffix(topic, record.TopicAck) }
	}, func(r *rig) {
		r.spool.add(record.Calls, 10)
		virtual.Pass(5 * time.Minute)
		if st := r.u.Stats(); st.Refused < 3 || st.Refused > 8 || r.log.count("subscribing to sipward/v1/sw1/ack was refused") != 1 {
			t.Errorf("%+v\n%s", st, r.log.b.String())
		}
		r.broker.mu.Lock()
		r.broker.mayRead = func(topic string) bool { return !strings.HasSuffix(topic, record.TopicCmd) } // that one is not needed
		r.broker.mu.Unlock()
		r.drained(2*time.Minute, 10)
	})
}

// TestLiveDuringBacklog drains three days of calls over a line that is much too
// slow, and looks at the age of what dashboards see.
func TestLiveDuringBacklog(t *testing.T) {
	inBubble(t, func(r *rig, _ *Config) {
		r.broker.rate = 40_000
		r.spool.add(record.Calls, 3*86_400*10) // ten a second
	}, func(r *rig) {
		virtual.Pass(5 * time.Second)
		r.c.mu.Lock()
		r.c.lives, r.c.made = nil, nil
		r.c.mu.Unlock()
		from := time.Now()
		var fresh time.Duration
		for range 60 {
			r.spool.add(record.Telemetry, 1) // a minute's counters
			virtual.Pass(time.Second)
		}
		fresh = r.await(10*time.Second, "fresh telemetry", func() bool { return r.spool.unacked(key{7, record.Telemetry}).Len() == 0 })
		r.c.mu.Lock()
		defer r.c.mu.Unlock()
		last := from
		for i, at := range append(r.c.lives, time.Now()) {
			if at.Sub(last) > 2*time.Second {
				t.Errorf("nothing live came for %v", at.Sub(last))
			}
			if last = at; i < len(r.c.made) && at.Sub(r.c.made[i]) > 2*time.Second {
				t.Errorf("live figures came after %v", at.Sub(r.c.made[i]))
			}
		}
		st := r.u.Stats()
		if st.Sent.Records < 10_000 || st.LiveAge > 2*time.Second || len(r.c.lives) < 40 {
			t.Errorf("%d live messages, %+v", len(r.c.lives), st)
		}
		t.Logf("%d live messages in 65 s, %d seconds without, %d records drained, fresh telemetry stored after %v", len(r.c.lives), st.LiveDropped, st.Sent.Records, fresh)
	})
}

// TestTwins runs two agents with one id: each connection ends the other's.
func TestTwins(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		spool := newCalls(8)
		other := r.another(spool)
		for range 30 {
			r.spool.add(record.Calls, 200)
			spool.add(record.Calls, 200)
			virtual.Pass(10 * time.Second)
		}
		if a, b := r.u.Stats(), other.Stats(); !a.TwinSuspected || !b.TwinSuspected || a.Reconnects > 60 {
			t.Errorf("not noticed, or no backing off:\n%+v\n%+v", a, b)
		}
		if r.log.count("another agent seems to use the id") == 0 {
			t.Errorf("log:\n%s", r.log.b.String())
		}
		r.await(10*time.Minute, "both drained", func() bool { return r.spool.left()+spool.left() == 0 })
		if rows, times := r.c.stored(); rows != 12_000 || times != 1 {
			t.Errorf("%d records, up to %d times", rows, times)
		}
	})
}

func TestSeveralBrokers(t *testing.T) {
	var tried []string
	inBubble(t, func(r *rig, c *Config) {
		c.Brokers = []string{"mqtt://one", "mqtts://two:1234", "wss://three/mqtt"}
		old := r.broker.dial
		r.setDial(func(ctx context.Context, u *url.URL, c *tls.Config) (net.Conn, error) {
			tried = append(tried, u.String())
			if u.Hostname() != "three" {
				return nil, errors.New("no route")
			}
			return old(ctx, u, c)
		})
	}, func(r *rig) {
		r.spool.add(record.Calls, 10)
		r.drained(2*time.Minute, 10)
		if got := strings.Join(tried, " "); got != "mqtt://one:1883 mqtts://two:1234 wss://three:443/mqtt" {
			t.Errorf("tried %s", got)
		}
	})
}

func TestStateAndWill(t *testing.T) {
	retained := func(r *rig) string {
		for _, m := range r.broker.server.Topics.Messages(record.Topic("sw1", record.TopicState)) {
			return string(m.Payload)
		}
		return ""
	}
	inBubble(t, nil, func(r *rig) {
		r.await(time.Minute, "up", func() bool { return strings.Contains(retained(r), `"up"`) })
		r.setDial(func(context.Context, *url.URL, *tls.Config) (net.Conn, error) { return nil, errors.New("no route") })
		r.broker.newest().Close() // without a word
		r.await(time.Minute, "the will", func() bool { return retained(r) == `{"node":"sw1","state":"down"}` })
	})
	var last string
	inBubble(t, nil, func(r *rig) {
		r.await(time.Minute, "up", func() bool { return strings.Contains(retained(r), `"up"`) })
		r.cancel()
		r.await(time.Minute, "ended", func() bool { return len(r.ended) == 1 })
		last = retained(r)
	})
	if last != `{"node":"sw1","state":"down"}` {
		t.Errorf("the last word is %s", last)
	}
}

// An agent that has just started is not ready yet: what it says of itself is put
// right soon, and then kept fresh.
func TestStateFollowsTheStart(t *testing.T) {
	begin := time.Time{}
	inBubble(t, func(_ *rig, c *Config) {
		begin = time.Now()
		c.State = func() []byte { return fmt.Appendf(nil, `{"ready":%v}`, time.Since(begin) >= time.Second) }
	}, func(r *rig) {
		said := func() string {
			r.c.mu.Lock()
			defer r.c.mu.Unlock()
			return strings.Join(r.c.state, " ")
		}
		r.await(time.Second, "the first state", func() bool { return said() == `{"ready":false}` })
		r.await(4*time.Second, "the next one", func() bool { return said() == `{"ready":false} {"ready":true}` })
		if virtual.Pass(25 * time.Second); strings.Count(said(), "ready") != 2 {
			t.Errorf("after half a minute: %s", said())
		}
		r.await(10*time.Second, "one every half a minute", func() bool { return strings.Count(said(), "ready") == 3 })
	})
}

func TestStoreRestored(t *testing.T) {
	for _, id := range []string{"store-1", "store-2"} {
		inBubble(t, nil, func(r *rig) {
			r.spool.add(record.Calls, 3000)
			r.drained(time.Minute, 3000)
			r.c.mu.Lock()
			r.c.id = id
			r.c.done = map[key]record.Ranges{{7, record.Calls}: {{First: 1, Last: 1000}}}
			r.c.rows = map[string]int{}
			r.c.mu.Unlock()
			r.spool.add(record.Calls, 200)
			r.await(3*time.Minute, "all sent again", func() bool {
				rows, _ := r.c.stored()
				return rows == 2200 && r.spool.left() == 0
			})
			if st := r.u.Stats(); r.spool.unread != 1 || st.Rollbacks+st.StoreChanges != 1 || st.Resent.Records < 2000 {
				t.Errorf("%d times un-released, %+v", r.spool.unread, st)
			}
		})
	}
}

func TestSkew(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.await(time.Minute, "known", func() bool { return r.u.Stats().SkewKnown })
		if st := r.u.Stats(); st.SkewHigh || st.Skew.Abs() > 10*time.Millisecond {
			t.Errorf("%+v", st)
		}
		r.c.mu.Lock()
		r.c.skew = -24 * time.Hour
		r.c.mu.Unlock()
		r.broker.newest().Close()
		r.await(15*time.Minute, "high", func() bool { return r.u.Stats().SkewHigh })
		if st := r.u.Stats(); (st.Skew-24*time.Hour).Abs() > time.Second || r.log.count("check NTP") != 1 {
			t.Errorf("%+v\n%s", st, r.log.b.String())
		}
		virtual.Pass(time.Hour)
		if n := r.log.count("check NTP"); n != 1 {
			t.Errorf("said %d times", n)
		}
	})
}

func TestForeignMessages(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.spool.add(record.Calls, 10)
		r.drained(time.Minute, 10)
		post := func(leaf string, p []byte) {
			if err := r.broker.server.Publish(record.Topic("sw1", leaf), p, false, 1); err != nil {
				t.Fatal(err)
			}
		}
		post(record.TopicCmd, []byte("format the disk"))
		post(record.TopicAck, []byte("\xff\xff\xff"))
		post(record.TopicAck, make([]byte, ackBytes+1))
		newer, err := record.EncodeMessage(&record.Ack{Version: 9})
		if err != nil {
			t.Fatal(err)
		}
		post(record.TopicAck, newer)
		r.await(2*time.Second, "all to be counted", func() bool { st := r.u.Stats(); return st.Commands == 1 && st.BadAcks == 3 })
		if st := r.u.Stats(); !st.Connected || st.Connections != 1 {
			t.Errorf("%+v", st)
		}
	})
}

func TestUnreadableSpool(t *testing.T) {
	inBubble(t, nil, func(r *rig) {
		r.spool.mu.Lock()
		r.spool.fail = errors.New("input/output error")
		r.spool.mu.Unlock()
		r.spool.add(record.Calls, 10)
		virtual.Pass(time.Minute)
		if st := r.u.Stats(); st.Unread < 5 || st.Unread > 7 || !st.Connected {
			t.Errorf("%+v", st)
		}
		r.spool.mu.Lock()
		r.spool.fail = nil
		r.spool.mu.Unlock()
		r.drained(time.Minute, 10)
	})
}

func TestDrainRate(t *testing.T) {
	inBubble(t, func(_ *rig, c *Config) { c.RecordsPerSecond = 200 }, func(r *rig) {
		r.spool.add(record.Calls, 6100)
		took := r.drained(time.Minute, 6100)
		if took < 27*time.Second || took > 33*time.Second {
			t.Errorf("6,000 records at 200 a second took %v", took)
		}
	})
}

// TestEndsWithTheContext ends it where it waits for others.
func TestEndsWithTheContext(t *testing.T) {
	tests := map[string]func(b *broker) func(context.Context, *url.URL, *tls.Config) (net.Conn, error){
		"dialling": func(*broker) func(context.Context, *url.URL, *tls.Config) (net.Conn, error) {
			return func(ctx context.Context, _ *url.URL, _ *tls.Config) (net.Conn, error) {
				<-ctx.Done()
				return nil, ctx.Err()
			}
		},
		"waiting for the CONNACK": func(*broker) func(context.Context, *url.URL, *tls.Config) (net.Conn, error) {
			return func(context.Context, *url.URL, *tls.Config) (net.Conn, error) {
				here, _ := pipe(0)
				return here, nil
			}
		},
		"between tries": func(*broker) func(context.Context, *url.URL, *tls.Config) (net.Conn, error) {
			return func(context.Context, *url.URL, *tls.Config) (net.Conn, error) { return nil, errors.New("refused") }
		},
		"on a dead link": func(b *broker) func(context.Context, *url.URL, *tls.Config) (net.Conn, error) {
			return func(ctx context.Context, u *url.URL, c *tls.Config) (net.Conn, error) {
				conn, err := b.dial(ctx, u, c)
				if err == nil {
					time.AfterFunc(4*time.Second, conn.(*end).die)
				}
				return conn, err
			}
		},
	}
	for name, dial := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				b := newBroker(t)
				spool := newCalls(7)
				spool.add(record.Calls, 5000)
				u, err := New(Config{Node: "sw1", Brokers: []string{"mqtt://x"}}, spool)
				if err != nil {
					t.Fatal(err)
				}
				u.dial = dial(b)
				ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
				defer cancel()
				from := time.Now()
				if err := u.Run(ctx); err != nil {
					t.Error(err)
				}
				if took := time.Since(from); took > 7*time.Second {
					t.Errorf("it ended %v after its context", took-5*time.Second)
				}
				b.stop()
				virtual.Pass(time.Minute)
			})
		})
	}
}
