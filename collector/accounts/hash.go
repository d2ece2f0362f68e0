package accounts

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"

	"golang.org/x/crypto/argon2"
)

// Cost is what one password hash takes. It is stored in each hash, so it can
// be raised: passwords are hashed anew at their next login.
type Cost struct {
	MemoryKiB uint32
	Passes    uint32
	Lanes     uint8
}

// DefaultCost is the second recommended option of RFC 9106, section 4, for
// machines that have other things to do with their memory.
var DefaultCost = Cost{MemoryKiB: 64 << 10, Passes: 3, Lanes: 4}

// Bounds of what is believed of a stored hash: one that was tampered with must
// not take the collector's memory.
const (
	maxMemoryKiB = 1 << 20
	maxPasses    = 64
	maxLanes     = 64
	saltBytes    = 16
	keyBytes     = 32
	maxPart      = 64 // bytes of salt or key
	maxHash      = 256
)

func (c Cost) valid() error {
	switch {
	case c.Passes < 1 || c.Passes > maxPasses:
		return fmt.Errorf("%d passes are outside 1-%d", c.Passes, maxPasses)
	case c.Lanes < 1 || c.Lanes > maxLanes:
		return fmt.Errorf("%d lanes are outside 1-%d", c.Lanes, maxLanes)
	case c.MemoryKiB < 8*uint32(c.Lanes) || c.MemoryKiB > maxMemoryKiB:
		return fmt.Errorf("%d KiB of memory are outside %d-%d", c.MemoryKiB, 8*uint32(c.Lanes), maxMemoryKiB)
	}
	return nil
}

// weaker reports whether any part of c is less than that of want.
func (c Cost) weaker(want Cost) bool {
	return c.MemoryKiB < want.MemoryKiB || c.Passes < want.Passes
}

// passwordHash is a parsed hash: $argon2id$v=19$m=65536,t=3,p=4$salt$key
type passwordHash struct {
	cost      Cost
	salt, key []byte
}

var errHash = errors.New("this is no argon2id hash")

// parseHash reads the PHC form strictly: one spelling for one hash.
func parseHash(s string) (passwordHash, error) {
	var h passwordHash
	if len(s) > maxHash {
		return h, fmt.Errorf("%w: more than %d bytes", errHash, maxHash)
	}
	f := strings.Split(s, "$")
	if len(f) != 6 || f[0] != "" || f[1] != "argon2id" {
		return h, fmt.Errorf("%w: want $argon2id$v=19$m=..,t=..,p=..$salt$key", errHash)
	}
	if f[2] != "v="+strconv.Itoa(argon2.Version) {
		return h, fmt.Errorf("%w: version %q, want %d", errHash, f[2], argon2.Version)
	}
	var err error
	if h.cost, err = parseCost(f[3]); err != nil {
		return h, err
	}
	if h.salt, err = parsePart("salt", f[4], 8); err != nil {
		return h, err
	}
	h.key, err = parsePart("key", f[5], 16)
	return h, err
}

func parseCost(s string) (Cost, error) {
	var n [3]uint64
	f := strings.Split(s, ",")
	if len(f) != len(n) {
		return Cost{}, fmt.Errorf("%w: %d parameters, want m, t and p", errHash, len(f))
	}
	for i, name := range []string{"m=", "t=", "p="} {
		v, ok := strings.CutPrefix(f[i], name)
		x, err := strconv.ParseUint(v, 10, 32)
		if !ok || err != nil || strconv.FormatUint(x, 10) != v {
			return Cost{}, fmt.Errorf("%w: parameter %q, want %s and a number", errHash, f[i], name)
		}
		n[i] = x
	}
	if n[2] > maxLanes {
		return Cost{}, fmt.Errorf("%w: %d lanes", errHash, n[2])
	}
	c := Cost{MemoryKiB: uint32(n[0]), Passes: uint32(n[1]), Lanes: uint8(n[2])} // 32 bits were parsed, and 64 lanes at most
	if err := c.valid(); err != nil {
		return Cost{}, fmt.Errorf("%w: %w", errHash, err)
	}
	return c, nil
}

func parsePart(name, s string, least int) ([]byte, error) {
	b, err := base64.RawStdEncoding.Strict().DecodeString(s)
	if err != nil || strings.ContainsAny(s, "\r\n") {
		return nil, fmt.Errorf("%w: its %s is no base64", errHash, name)
	}
	if len(b) < least || len(b) > maxPart {
		return nil, fmt.Errorf("%w: its %s has %d bytes, want %d to %d", errHash, name, len(b), least, maxPart)
	}
	return b, nil
}

// String returns the PHC form.
func (h passwordHash) String() string {
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, h.cost.MemoryKiB, h.cost.Passes, h.cost.Lanes,
		b64.EncodeToString(h.salt), b64.EncodeToString(h.key))
}

// matches takes the time and memory of h's cost.
func (h passwordHash) matches(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.cost.Passes, h.cost.MemoryKiB, h.cost.Lanes, uint32(len(h.key))) // at most maxPart
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

func newHash(password string, c Cost) passwordHash {
	salt := make([]byte, saltBytes)
	rand.Read(salt) // it never fails: it ends the program instead
	return passwordHash{c, salt, argon2.IDKey([]byte(password), salt, c.Passes, c.MemoryKiB, c.Lanes, keyBytes)}
}

// hasher bounds how many hashes are worked on at once, and how many wait: the
// memory of a hash is the attacker's to ask for, so it has to end somewhere.
type hasher struct {
	cost    Cost
	dummy   passwordHash  // what is compared for names that do not exist
	working chan struct{} // as many as may work
	inside  chan struct{} // as many as may work or wait
	worked  atomic.Uint64 // hashes that were computed
}

func newHasher(c Cost, atOnce, waiting int) *hasher {
	return &hasher{cost: c, working: make(chan struct{}, atOnce), inside: make(chan struct{}, atOnce+waiting),
		dummy: passwordHash{c, make([]byte, saltBytes), make([]byte, keyBytes)}}
}

// enter waits for its turn; ErrBusy when too many wait already.
func (h *hasher) enter(ctx context.Context) error {
	select {
	case h.inside <- struct{}{}:
	default:
		return ErrBusy
	}
	select {
	case h.working <- struct{}{}:
		return nil
	case <-ctx.Done():
		<-h.inside
		return ctx.Err()
	}
}

func (h *hasher) leave() {
	<-h.working
	<-h.inside
}

// check reports whether the password is that of the stored hash, and whether
// the hash is weaker than those of today. An empty or broken hash takes the
// same time and matches nothing.
func (h *hasher) check(ctx context.Context, stored Secret, password string) (ok, weak bool, err error) {
	if err := h.enter(ctx); err != nil {
		return false, false, err
	}
	defer h.leave()
	h.worked.Add(1)
	p, err := parseHash(string(stored))
	if err != nil {
		h.dummy.matches(password)
		return false, false, nil // what is no hash matches nothing, and tells the asker nothing
	}
	return p.matches(password), p.cost.weaker(h.cost), nil
}

// make hashes a new password.
func (h *hasher) make(ctx context.Context, password string) (Secret, error) {
	if err := h.enter(ctx); err != nil {
		return "", err
	}
	defer h.leave()
	h.worked.Add(1)
	return Secret(newHash(password, h.cost).String()), nil
}
