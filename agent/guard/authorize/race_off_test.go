//go:build !race

package authorize

const raceDetector = false
