package table

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/sipward/sipward/configs"
	"github.com/sipward/sipward/internal/seal"
)

// Version is one version of the table, as its history keeps it.
type Version struct {
	Version         uint64
	Signed          []byte   // the document with its signature; nil where only the list was asked for
	Size            int64    // of Signed
	KeyID           string   // of the key that signed it
	MadeUnixMs      int64    //
	Who, Comment    string   // made it, and why
	Stage           []string // nodes that alone get it; none: every node
	PublishedUnixMs int64    // when it became every node's; 0: it is staged
}

// Staged reports whether it is not for every node yet.
func (v *Version) Staged() bool { return len(v.Stage) > 0 }

// History keeps versions.
type History interface {
	// Newest returns the newest version with its document; nil when there is none.
	Newest(ctx context.Context) (*Version, error)
	// Put adds v, unless the newest version is not before (0: none): then its error
	// says that somebody else was faster.
	Put(ctx context.Context, before uint64, v *Version) error
	// Stage says who gets version, the newest: none is every node.
	Stage(ctx context.Context, version uint64, nodes []string) error
}

// Reasons why the table is not changed.
var (
	ErrNone      = errors.New("there is no table yet")
	ErrUnchanged = errors.New("nothing would change")
	ErrStaged    = errors.New("the newest version is staged")
	ErrOtherKey  = errors.New("the table was signed by another key")
)

// Editor makes versions of the table.
type Editor struct {
	History History
	Key     func() (ed25519.PrivateKey, error)  // that signs; asked when a version is made
	Retired func() ([]ed25519.PublicKey, error) // of keys that signed before it; nil: none
	Fits    func(signed []byte) error           // says what cannot be sent; nil: all can
	Now     func() time.Time
}

// Draft is a change that is being made.
type Draft struct {
	Before *Version       // that it began with; nil: none
	Old    *configs.Table // what that says
	Table  *configs.Table // what is to be; whoever changes it may take nothing from Old
}

// Difference says what the draft changes.
func (d *Draft) Difference() *Difference { return diff(d.Old, d.Table) }

// Open begins a change. Without any version it begins with an empty table.
func (e *Editor) Open(ctx context.Context) (*Draft, error) {
	v, err := e.History.Newest(ctx)
	if err != nil {
		return nil, err
	}
	d := &Draft{Before: v, Old: &configs.Table{}}
	if v != nil {
		if d.Old, err = Read(v); err != nil {
			return nil, err
		}
	}
	d.Table = Clone(d.Old)
	return d, nil
}

// Read returns what a version says. Its signature is not verified: that is for
// whoever gets it by other ways than its history.
func Read(v *Version) (*configs.Table, error) {
	t, err := configs.ParseTable(fmt.Sprintf("version %d", v.Version), v.Signed)
	if err != nil {
		return nil, fmt.Errorf("reading version %d of the table: %w", v.Version, err)
	}
	return t, nil
}

// Save says of a draft how it is kept.
type Save struct {
	Who, Comment string
	Stage        []string // nodes that alone get it; none: every node
	OtherKey     bool     // the version before may be signed by a key that is lost: somebody has read all of the draft
	Above        uint64   // the new version is higher: some node has this one, which a restored history may lack
}

const (
	// maxComment bounds a comment in bytes.
	maxComment = 500
	// maxLead is how many versions a restored history may lack. Whoever has the
	// account of a node can say that it has any version: believed, the highest would leave
	// none for a later table of all nodes.
	maxLead = 1_000_000
)

// Save checks a draft as the nodes will, signs it, and adds it to the history. It
// returns the new version.
func (e *Editor) Save(ctx context.Context, d *Draft, s Save) (*Version, error) {
	if err := s.check(d); err != nil {
		return nil, err
	}
	var before uint64
	if d.Before != nil {
		before = d.Before.Version
	}
	newest := before
	if s.Above > before && s.Above-before <= maxLead {
		newest = s.Above
	}
	d.Table.Version, d.Table.Issued = newest+1, e.Now().UTC().Truncate(time.Millisecond)
	d.Table.Sort()
	text := d.Table.Text()
	if _, err := configs.ParseTable("the new table", text); err != nil {
		return nil, fmt.Errorf("checking the new table: %w", err)
	}
	signed, id, err := e.sign(d.Before, text, s.OtherKey)
	if err != nil {
		return nil, err
	}
	v := &Version{Version: d.Table.Version, Signed: signed, Size: int64(len(signed)), KeyID: id, Who: s.Who, Comment: s.Comment, Stage: s.Stage}
	if err := e.History.Put(ctx, before, v); err != nil {
		return nil, err
	}
	return v, nil
}

func (s *Save) check(d *Draft) error {
	if len(s.Comment) > maxComment || strings.ContainsAny(s.Comment, "\r\n") {
		return fmt.Errorf("a comment is one line of at most %d characters", maxComment)
	}
	if d.Before != nil && d.Before.Staged() {
		if len(s.Stage) == 0 {
			return fmt.Errorf("%w: version %d is for %s only, and what it changed would go to all nodes with this change: publish it first, or stage this one too", ErrStaged, d.Before.Version, strings.Join(d.Before.Stage, ", "))
		}
		for _, node := range d.Before.Stage { // it would stay with what the new version corrects
			if !slices.Contains(s.Stage, node) {
				return fmt.Errorf("%w: version %d is for %s, who must be among those that get this one", ErrStaged, d.Before.Version, node)
			}
		}
	}
	if d.Before != nil && d.Difference().None() && !s.OtherKey { // else it is to be signed anew
		return ErrUnchanged
	}
	return nil
}

// sign signs with our key. Whatever it signs it stands for, so what the draft
// began with must have been signed here too, unless another key will do.
func (e *Editor) sign(before *Version, text []byte, other bool) (signed []byte, id string, err error) {
	key, err := e.Key()
	if err != nil {
		return nil, "", err
	}
	public := seal.Public(key)
	if before != nil {
		if err := e.verify(before, public); err != nil && (!other || !errors.Is(err, ErrOtherKey)) {
			return nil, "", err
		}
	}
	if signed, err = seal.Sign(text, key); err != nil {
		return nil, "", err
	}
	if e.Fits != nil {
		if err := e.Fits(signed); err != nil {
			return nil, "", err
		}
	}
	return signed, seal.KeyID(public), nil
}

func (e *Editor) verify(v *Version, public ed25519.PublicKey) error {
	trusted := []ed25519.PublicKey{public}
	if e.Retired != nil {
		retired, err := e.Retired()
		if err != nil {
			return err
		}
		trusted = append(trusted, retired...)
	}
	switch _, id, err := seal.Open(v.Signed, trusted); {
	case errors.Is(err, seal.ErrKey):
		return fmt.Errorf("%w: version %d by %s, and the key here is %s, which nodes may not know", ErrOtherKey, v.Version, id, seal.KeyID(public))
	case err != nil:
		return fmt.Errorf("version %d of the table was not left as it was: %w", v.Version, err)
	}
	return nil
}

// Publish makes the newest version that of more nodes, or of all when none is
// named. It returns the version as it is then.
func (e *Editor) Publish(ctx context.Context, nodes []string) (*Version, error) {
	v, err := e.History.Newest(ctx)
	switch {
	case err != nil:
		return nil, err
	case v == nil:
		return nil, ErrNone
	case !v.Staged():
		return nil, fmt.Errorf("version %d is for all nodes already: %w", v.Version, ErrUnchanged)
	}
	stage := []string(nil)
	if len(nodes) > 0 {
		stage = slices.Concat(v.Stage, nodes)
		slices.Sort(stage)
		if stage = slices.Compact(stage); len(stage) == len(v.Stage) {
			return nil, fmt.Errorf("version %d is for these nodes already: %w", v.Version, ErrUnchanged)
		}
	}
	if err := e.History.Stage(ctx, v.Version, stage); err != nil {
		return nil, err
	}
	if v.Stage = stage; len(stage) == 0 {
		v.PublishedUnixMs = e.Now().UnixMilli()
	}
	return v, nil
}
