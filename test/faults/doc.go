// Package faults does to the real programs what befalls them in the field: disks
// that fill up, brokers that freeze, spools and databases that come back from an old
// copy, two agents with one name. After each, every call that was played is in the
// collector's database exactly once, or its ledger says how many are not.
//
// All of it runs on loopback, and takes root: it mounts small file systems. It runs
// with SIPWARD_FAULTS=1 (make faults).
package faults
