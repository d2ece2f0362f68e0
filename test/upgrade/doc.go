// Package upgrade starts today's programs on files that earlier ones wrote: each
// archive in testdata holds the folders of an agent and of its collector, as an
// earlier release left them, and what must be found in them.
//
// The files of a release are made by that release's own programs, and kept for ever:
//
//	SIPWARD_FIXTURE=0.5 SIPWARD_AGENT=... SIPWARD_COLLECTOR=... go test -run TestMake ./test/upgrade
package upgrade
