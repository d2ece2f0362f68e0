//go:build e2e

package e2e

// tagged says that the tests were asked for by the build tag e2e.
const tagged = true
