// Package scenarios holds the sipp scenarios of the tests. Each is a Go
// template of sipp's XML: what a scenario says in square brackets is sipp's,
// in double braces ours (peers.Play).
package scenarios

import "embed"

// Files are the scenarios, by file name.
//
//go:embed *.xml
var Files embed.FS
