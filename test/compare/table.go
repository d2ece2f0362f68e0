package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"
)

// medianOf is the median of a figure over the rounds; of an even number the
// lower of the two in the middle.
func medianOf[T cmp.Ordered](samples []sample, figure func(*sample) T) T {
	all := make([]T, len(samples))
	for i := range samples {
		all[i] = figure(&samples[i])
	}
	slices.Sort(all)
	return all[(len(all)-1)/2]
}

// median is a sample of medians. What was found is the least of all rounds, and
// one round that was late makes it late.
func median(samples []sample) sample {
	m := sample{
		wall:  medianOf(samples, func(s *sample) time.Duration { return s.wall }),
		cpu:   medianOf(samples, func(s *sample) time.Duration { return s.cpu }),
		idle:  medianOf(samples, func(s *sample) int { return s.idle }),
		peak:  medianOf(samples, func(s *sample) int { return s.peak }),
		found: slices.Clone(samples[0].found),
	}
	for _, s := range samples {
		m.late = m.late || s.late
		for i := range m.found {
			if i >= len(s.found) {
				m.found = m.found[:i]
				break
			}
			m.found[i].n = min(m.found[i].n, s.found[i].n)
		}
	}
	return m
}

func fileTable(out io.Writer, o *options, l *load, tools []tool, samples [][]sample) {
	fmt.Fprintln(out, "| tool | what it does | wall | CPU | CPU, relative | memory at most | relative | packets a CPU second | found of what was played |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|---|")
	var ours sample
	for i := range tools {
		m := median(samples[i])
		if i == 0 {
			ours = m
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s | %s |\n", name(&tools[i]), tools[i].does, seconds(m.wall), seconds(m.cpu),
			ratio(m.cpu.Seconds(), ours.cpu.Seconds(), m.late), megabytes(m.peak), ratio(float64(m.peak), float64(ours.peak), false), speed(&m, l), shown(&m, l, o))
	}
}

func liveTable(out io.Writer, l *load, tools []tool, samples [][]sample) {
	fmt.Fprintln(out, "| tool | what it does | CPU | relative | memory before | at most | relative | found of what was played |")
	fmt.Fprintln(out, "|---|---|---|---|---|---|---|---|")
	var ours sample
	for i := range tools {
		m := median(samples[i])
		if i == 0 {
			ours = m
		}
		fmt.Fprintf(out, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", name(&tools[i]), tools[i].does, seconds(m.cpu), ratio(m.cpu.Seconds(), ours.cpu.Seconds(), m.late),
			megabytes(m.idle), megabytes(m.peak), ratio(float64(m.peak), float64(ours.peak), false), shown(&m, l, nil))
	}
}

func name(t *tool) string { return filepath.Base(t.program) }

func seconds(d time.Duration) string { return fmt.Sprintf("%.2f s", d.Seconds()) }

func megabytes(n int) string { return fmt.Sprintf("%.0f MB", float64(n)/1e6) }

// ratio is a over b; one that was not done needs at least that.
func ratio(a, b float64, late bool) string {
	if b == 0 {
		return "–"
	}
	s := fmt.Sprintf("%.1f×", a/b)
	if late {
		return "> " + s
	}
	return s
}

func speed(m *sample, l *load) string {
	if m.late || m.cpu == 0 {
		return "–"
	}
	return thousands(int(float64(l.packets())/m.cpu.Seconds()/1000)) + ",000"
}

// thousands writes a number with a comma between each three digits.
func thousands(n int) string {
	s := strconv.Itoa(n)
	for at := len(s) - 3; at > 0; at -= 3 {
		s = s[:at] + "," + s[at:]
	}
	return s
}

// shown says how much of what was played a tool found. o is there where the
// tool was ended by force.
func shown(m *sample, l *load, o *options) string {
	var parts []string
	for _, f := range m.found {
		if want := l.played(f.unit); f.n == want {
			parts = append(parts, "all "+f.unit)
		} else {
			parts = append(parts, fmt.Sprintf("%s of %s %s", thousands(f.n), thousands(want), f.unit))
		}
	}
	if len(parts) == 0 {
		parts = append(parts, "it does not say")
	}
	switch {
	case m.late && o != nil:
		parts = append(parts, fmt.Sprintf("not done in %v", o.limit))
	case m.late:
		parts = append(parts, "not done")
	}
	return strings.Join(parts, ", ")
}

// machine says what the figures were measured on.
func machine(out io.Writer) {
	model := "unknown processor"
	if b, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(b)) {
			if key, value, _ := strings.Cut(line, ":"); strings.TrimSpace(key) == "model name" {
				model = strings.TrimSpace(value)
				break
			}
		}
	}
	read := func(file string) string {
		b, _ := os.ReadFile(file) // what is not there is shown as nothing
		return strings.TrimSpace(string(b))
	}
	fmt.Fprintf(out, "%s, %d processors, Linux %s, load average %s\n", model, runtime.NumCPU(), read("/proc/sys/kernel/osrelease"), read("/proc/loadavg"))
}

// versions says what is compared, and what is not.
func versions(ctx context.Context, out io.Writer, o *options) {
	fmt.Fprintf(out, "sipward-agent: %s\n", firstLine(ctx, o.agent, "--version"))
	for _, p := range [][2]string{{"sngrep", "-V"}, {"tshark", "--version"}, {"sipgrep", "-V"}, {"tcpdump", "--version"}, {"heplify", "-version"}, {"tcpreplay", "--version"}} {
		if _, err := exec.LookPath(p[0]); err != nil {
			fmt.Fprintf(out, "%s: not installed, left out\n", p[0])
			continue
		}
		fmt.Fprintf(out, "%s: %s\n", p[0], firstLine(ctx, p[0], p[1]))
	}
	for _, p := range []string{"voipmonitor", "sip-exporter", "captagent"} {
		is := "not installed, left out"
		if _, err := exec.LookPath(p); err == nil {
			is = "installed, and left out all the same: " + elsewhere[p]
		}
		fmt.Fprintf(out, "%s: %s\n", p, is)
	}
}

func firstLine(ctx context.Context, program, flag string) string {
	out, err := exec.CommandContext(ctx, program, flag).CombinedOutput()
	for line := range strings.Lines(string(out)) {
		// tshark warns of root first.
		if line = strings.TrimSpace(line); line != "" && !strings.HasPrefix(line, "Running as user") {
			return line
		}
	}
	return fmt.Sprintf("it does not say its version (%v)", err)
}
