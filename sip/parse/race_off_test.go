//go:build !race

package parse

const forgetful = 1
