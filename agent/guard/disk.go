package guard

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"golang.org/x/sys/unix"
)

const (
	bindingsName = "bindings.db"
	bindingsNew  = "bindings.db.new"
	lockName     = "lock"
	corrupt      = ".corrupt" // what is added to the name of a file that was set aside

	saveEvery = time.Second
	// maxPending is how many changed bindings may wait for the disk. When there
	// are more, or the disk failed, all bindings are written anew.
	maxPending = 1 << 16
	// slack is by how many bytes the file may grow beyond twice its size when it
	// was begun.
	slack = 16 << 20
	// retryMost is the longest time between two attempts to begin the file.
	retryMost = time.Minute
	// batch is how many bytes are handed to the operating system at once.
	batch = 256 << 10
)

// pending is what changed since the disk heard of it.
type pending struct {
	changed map[string][]byte // by key; nil: gone
	whole   bool              // all bindings have to be written: changes need not be noted
}

// note notes one change. A binding that is too long for the file is left out of
// it.
func (p *pending) note(key string, value []byte) {
	switch {
	case p.whole || !fitsEntry(key, value):
	case len(p.changed) >= maxPending:
		p.changed, p.whole = nil, true
	default:
		if p.changed == nil {
			p.changed = map[string][]byte{}
		}
		p.changed[key] = value
	}
}

// take returns what is pending and forgets it.
func (p *pending) take() (changed map[string][]byte, whole bool) {
	changed, whole = p.changed, p.whole
	p.changed, p.whole = nil, false
	return changed, whole
}

// disk is the folder of the guard. One goroutine writes.
type disk struct {
	dir    string
	every  time.Duration // between two times of writing
	lock   *os.File
	out    *journal // nil: has to be begun
	begun  int64    // its size when it held all bindings once
	buf    []byte
	failed int       // attempts to write since the last that worked
	next   time.Time // before which no other is made
}

// open makes the folder and locks it.
func (d *disk) open() error {
	if err := os.MkdirAll(d.dir, 0o700); err != nil {
		return fmt.Errorf("making the guard's folder: %w; set guard.dir to one that can be written", err)
	}
	path := filepath.Join(d.dir, lockName)
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return fmt.Errorf("locking the guard's folder: %w; make it writable, or set guard.dir", err)
	}
	// A lock of the open file, not of the process: it goes with it, however the
	// process ends.
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK}); err != nil {
		_ = f.Close()
		if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
			return fmt.Errorf("the guard's folder %s is in use by another agent; give each its own guard.dir", d.dir)
		}
		return fmt.Errorf("locking %s: %w", path, err)
	}
	d.lock = f
	return nil
}

// load calls do for every binding of the last run. What cannot be read is set
// aside: phones register again.
func (d *disk) load(log *slog.Logger, do func(key, value []byte)) (damaged int) {
	path := filepath.Join(d.dir, bindingsName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return 0
	}
	if err != nil { // as another user's, after an agent that root started by hand
		log.Error("guard: the bindings of the last run cannot be read; they come back as phones register again",
			"error", err, "do", "make the agent's user the owner of "+d.dir+" and all in it (chown -R)")
		return 1
	}
	defer f.Close()
	damaged, err = readJournal(f, do)
	if err == nil && damaged == 0 {
		return 0
	}
	aside := path + corrupt
	_ = os.Remove(aside)
	if linked := os.Link(path, aside); linked != nil { // the file itself stays until there is a better one
		log.Error("guard: setting the file of bindings aside", "error", linked)
	}
	log.Error("guard: the file of bindings is damaged; bindings that are missing come back as phones register again", "set_aside", aside, "damaged_entries", damaged, "error", err)
	return max(damaged, 1)
}

// save writes what is pending, or everything, and reports whether it wrote.
func (d *disk) save(ctx context.Context, g *Guard) (wrote bool, err error) {
	g.mu.Lock()
	if d.out == nil || d.out.size > 2*d.begun+slack {
		g.pending.changed, g.pending.whole = nil, true
	}
	if g.pending.whole && time.Now().Before(d.next) {
		g.mu.Unlock()
		return false, nil
	}
	changed, whole := g.pending.take()
	g.mu.Unlock()
	switch {
	case whole:
		err = d.rewrite(ctx, g)
	case len(changed) > 0:
		err = d.append(changed)
	}
	if err == nil {
		d.failed = 0
		return whole || len(changed) > 0, nil
	}
	d.drop()
	g.mu.Lock()
	g.pending.changed, g.pending.whole = nil, true
	g.mu.Unlock()
	d.failed = min(d.failed+1, 6)
	d.next = time.Now().Add(min(time.Second<<d.failed, retryMost))
	return false, err
}

// append writes changes behind what is there.
func (d *disk) append(changed map[string][]byte) error {
	d.buf = d.buf[:0]
	for key, value := range changed {
		if err := d.add(key, value); err != nil {
			return err
		}
	}
	return d.end()
}

func (d *disk) add(key string, value []byte) error {
	if d.buf = appendEntry(d.buf, key, value); len(d.buf) < batch {
		return nil
	}
	err := d.out.write(d.buf)
	d.buf = d.buf[:0]
	return err
}

func (d *disk) end() error {
	if err := d.out.write(d.buf); err != nil {
		return err
	}
	return d.out.sync()
}

// rewrite writes all bindings into a file of its own and puts it in place of the
// other. What changes meanwhile is pending.
func (d *disk) rewrite(ctx context.Context, g *Guard) (err error) {
	d.drop()
	d.buf = d.buf[:0]
	defer func() {
		if err != nil {
			_ = os.Remove(filepath.Join(d.dir, bindingsNew)) // it may be what filled the disk
		}
	}()
	path := filepath.Join(d.dir, bindingsNew)
	if d.out, err = createJournal(path); err != nil {
		return err
	}
	if err := g.eachBinding(ctx, d.add); err != nil {
		return err
	}
	if err := d.end(); err != nil {
		return err
	}
	if err := os.Rename(path, filepath.Join(d.dir, bindingsName)); err != nil {
		return fmt.Errorf("putting the file of bindings in its place: %w", err)
	}
	d.begun = d.out.size
	return syncFolder(d.dir)
}

// drop gives up the file that is being written.
func (d *disk) drop() {
	if d.out != nil {
		_ = d.out.f.Close() // it is written anew
		d.out = nil
	}
}

func syncFolder(dir string) error {
	f, err := os.Open(dir)
	if err != nil {
		return fmt.Errorf("opening the guard's folder: %w", err)
	}
	defer f.Close()
	if err := f.Sync(); err != nil {
		return fmt.Errorf("writing the guard's folder to the disk: %w", err)
	}
	return nil
}

// close lets others use the folder.
func (d *disk) close() {
	d.drop()
	if d.lock != nil {
		_ = d.lock.Close()
		d.lock = nil
	}
}
