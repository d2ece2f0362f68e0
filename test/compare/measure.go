package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/sipward/sipward/test/peers"
)

// sample is what one run of a tool took.
type sample struct {
	wall  time.Duration
	cpu   time.Duration // user and system
	idle  int           // bytes in memory before the first packet
	peak  int           // bytes in memory at most
	found []found
	late  bool // it was not done in time
}

// tree is a process and those it started, directly or not: tshark has another
// program capture.
func tree(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", all[i])) // one that ended has none
		for _, t := range tasks {
			b, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", all[i], t.Name()))
			if err != nil {
				continue
			}
			for _, f := range strings.Fields(string(b)) {
				if n, err := strconv.Atoi(f); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// memory adds up a line of /proc/PID/status over a tree: VmRSS, what is in
// memory now, or VmHWM, the most that ever was. The kernel's ru_maxrss would
// not do: it begins with the memory of the program that started the tool.
func memory(pid int, line string) (sum int) {
	for _, p := range tree(pid) {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", p))
		if err != nil {
			continue
		}
		sum += statusBytes(string(b), line)
	}
	return sum
}

func statusBytes(status, line string) int {
	for l := range strings.Lines(status) {
		name, value, _ := strings.Cut(l, ":")
		if name != line {
			continue
		}
		kib, err := strconv.Atoi(strings.TrimSuffix(strings.TrimSpace(value), " kB"))
		if err != nil {
			return 0
		}
		return kib << 10
	}
	return 0
}

// cpuOf is the processor time of a tree.
func cpuOf(pid int) (sum time.Duration, err error) {
	for _, p := range tree(pid) {
		d, err := peers.CPUTime(p)
		if errors.Is(err, fs.ErrNotExist) && p != pid {
			continue
		}
		if err != nil {
			return 0, err
		}
		sum += d
	}
	return sum, nil
}

// watchPeak looks at a program's memory until it is told to stop, and then says
// what was the most. The last milliseconds of a program that ends are not seen.
func watchPeak(pid int) (stop func() int) {
	end, peak := make(chan struct{}), make(chan int)
	go func() {
		most := 0
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			most = max(most, memory(pid, "VmHWM"))
			select {
			case <-end:
				peak <- most
				return
			case <-tick.C:
			}
		}
	}()
	return func() int {
		close(end)
		return <-peak
	}
}
