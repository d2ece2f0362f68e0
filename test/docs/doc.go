// Package docs reads README.md and docs/*.md as a reader would: every command is run, or
// stands in a list with the reason why it is not; every snippet of configuration is
// parsed; every link leads somewhere. A command that nobody knows fails the test, so that
// none is passed over in silence.
package docs
