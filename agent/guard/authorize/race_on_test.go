//go:build race

package authorize

const raceDetector = true
