// Package top is the live view of a running agent in a terminal. It reads the
// agent's socket once a second and draws; it counts nothing itself.
//
// All that is drawn goes through line, which knows the width of every text, and all
// that came from the wire or from a configuration goes through clean: nothing that a
// stranger writes into a SIP message reaches the terminal as more than letters.
package top
