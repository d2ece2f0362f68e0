// Package e2e lets customers call over a real switch to real carriers, with
// the agent live on the switch, and compares what it counted with the
// statistics of those who made and took the calls.
//
// Its tests need root, sipp and Kamailio. They run with SIPWARD_E2E=1 (make
// e2e).
package e2e
