package capture

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// LinkState says what a capture interface is doing.
type LinkState uint8

// States of an interface; the zero value is invalid.
const (
	LinkMissing LinkState = iota + 1 // named, but not there
	LinkDown                         // there, but down
	LinkCapturing
	LinkFailed // there, but its socket cannot be opened; tried again
)

// String returns the lower-case name of the state.
func (s LinkState) String() string {
	switch s {
	case LinkMissing:
		return "missing"
	case LinkDown:
		return "down"
	case LinkCapturing:
		return "capturing"
	case LinkFailed:
		return "failed"
	}
	return "invalid"
}

// InterfaceState is the state of one interface, or of one pattern that matches
// none.
type InterfaceState struct {
	Name  string
	Index int // 0 for AnyInterface and for what is missing
	State LinkState
}

// scan makes the sockets match the interfaces that exist. Only a missing
// permission, or a ring that cannot be had for all interfaces, is an error: the
// rest may get better.
func (r *reader) scan() error {
	want, missing := []link{{name: AnyInterface, up: true}}, []string(nil)
	if !r.cfg.any() {
		links, err := listLinks()
		if err != nil {
			// Keep what there is; the next scan may succeed.
			r.warnOnce("", "cannot list the interfaces", err)
			return nil
		}
		want, missing = matchLinks(links, r.cfg.Interfaces)
	}
	r.closeGone(want)
	var failed []link
	for _, l := range want {
		if err := r.ensure(l); err != nil {
			var denied *CapabilityError
			if errors.As(err, &denied) || r.cfg.any() {
				return err
			}
			failed = append(failed, l)
			r.warnOnce(l.name, "cannot capture on an interface, trying again", err)
		}
	}
	r.links.see(time.Now(), r.publish(missing, failed))
	if len(r.taps) > 0 && !r.ready {
		r.ready = true
		close(r.live.ready)
	}
	return nil
}

// closeGone closes the sockets of interfaces that no longer exist. One that was
// created anew has another index.
func (r *reader) closeGone(want []link) {
	r.taps = slices.DeleteFunc(r.taps, func(t *tap) bool {
		for _, l := range want {
			if l.name == t.name && l.index == t.index {
				t.up = l.up
				return false
			}
		}
		for t.ring.read(r.out.add) {
		}
		r.out.flush(false)
		if dropped, frozen, err := t.ring.drops(); err == nil {
			r.live.counts.kernelDropped.Add(dropped)
			r.live.counts.frozen.Add(frozen)
		}
		if err := t.ring.close(); err != nil {
			r.cfg.Log.Warn("closing a capture socket", "interface", t.name, "error", err)
		}
		return true
	})
}

// ensure opens a socket on l unless there is one.
func (r *reader) ensure(l link) error {
	for _, t := range r.taps {
		if t.name == l.name {
			return nil
		}
	}
	ring, err := openRing(l.index, r.cfg.RingBytes, r.cfg.Promiscuous, r.filter)
	if err != nil {
		return wrapPermission(err, "CAP_NET_RAW", fmt.Sprintf("capturing on %s", l.name))
	}
	// A socket bound while its interface is down has that pending.
	if err := ring.clearError(); err != nil && !errors.Is(err, unix.ENETDOWN) {
		return errors.Join(fmt.Errorf("capturing on %s: %w", l.name, err), ring.close())
	}
	if err := r.waiter.add(ring.fd); err != nil {
		return errors.Join(fmt.Errorf("capturing on %s: %w", l.name, err), ring.close())
	}
	r.taps = append(r.taps, &tap{link: l, ring: ring})
	delete(r.warned, l.name)
	return nil
}

// warnOnce reports a state of things when it begins, not each time it is seen.
func (r *reader) warnOnce(name, text string, err error) {
	if r.warned[name] {
		return
	}
	r.warned[name] = true
	r.cfg.Log.Warn(text, "interface", name, "error", err)
}

// publish makes the state of all interfaces visible to Stats, and returns it.
func (r *reader) publish(missing []string, failed []link) (state []InterfaceState) {
	for _, t := range r.taps {
		s := InterfaceState{t.name, t.index, LinkCapturing}
		if !t.up {
			s.State = LinkDown
		}
		state = append(state, s)
	}
	for _, l := range failed {
		state = append(state, InterfaceState{l.name, l.index, LinkFailed})
	}
	for _, name := range missing {
		state = append(state, InterfaceState{name, 0, LinkMissing})
	}
	for name := range r.warned {
		if name != "" && !slices.ContainsFunc(failed, func(l link) bool { return l.name == name }) {
			delete(r.warned, name)
		}
	}
	r.live.mu.Lock()
	defer r.live.mu.Unlock()
	r.live.state = state
	return state
}
