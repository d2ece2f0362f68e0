package spool

import (
	"fmt"
	"runtime/debug"
	"time"

	bolt "go.etcd.io/bbolt"
)

// boltOptions are those of every file that is written.
func boltOptions(mmap, most int) *bolt.Options {
	return &bolt.Options{
		Timeout: 2 * time.Second, NoFreelistSync: true, FreelistType: bolt.FreelistMapType,
		InitialMmapSize: mmap, MaxSize: most, PageSize: pageSize, NoStatistics: true,
	}
}

// update runs one transaction, and returns how many bytes of the file are used
// after it. A panic of bbolt, or a fault of the file that it has mapped, is an error
// as well; the file is then broken and must be left alone: to roll back, bbolt would
// read it in a goroutine of its own, where nothing can be recovered.
func update(db *bolt.DB, do func(*bolt.Tx) error) (used int64, broken bool, err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			broken, err = true, damaged("writing: %v", p)
		}
	}()
	tx, err := db.Begin(true)
	if err != nil {
		return 0, false, fmt.Errorf("beginning a transaction: %w", err)
	}
	if err := do(tx); err != nil {
		_ = tx.Rollback()
		return 0, false, fmt.Errorf("filling a transaction: %w", err)
	}
	if err := tx.Commit(); err != nil {
		return 0, false, fmt.Errorf("committing: %w", err)
	}
	err = db.View(func(tx *bolt.Tx) error { used = tx.Size(); return nil })
	return used, false, err //nolint:wrapcheck // it has none
}
