package load

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/sipward/sipward/internal/testkit"
)

// statsSwitch makes the kernel keep the run time of every eBPF program.
const statsSwitch = "/proc/sys/kernel/bpf_stats_enabled"

// keepStatistics turns the kernel's statistics on until the test ends.
func keepStatistics(t *testing.T) {
	t.Helper()
	before, err := os.ReadFile(statsSwitch)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(statsSwitch, []byte("1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.WriteFile(statsSwitch, before, 0o644); err != nil {
			t.Error(err)
		}
	})
}

// runs is how often a program ran and how long it took, by the kernel's
// statistics. Those read the clock twice a run and include one reading.
type runs struct{ count, ns uint64 }

func (r runs) minus(before runs) runs { return runs{r.count - before.count, r.ns - before.ns} }

func (r runs) each() float64 { return float64(r.ns) / float64(max(r.count, 1)) }

// busiest returns the eBPF program of a process that ran most.
func busiest(t *testing.T, pid int) runs {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	var most runs
	for _, f := range files {
		b, err := os.ReadFile(f)
		if errors.Is(err, os.ErrNotExist) {
			continue // closed meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		if r := parseRuns(t, string(b)); r.count > most.count {
			most = r
		}
	}
	return most
}

func parseRuns(t *testing.T, fdinfo string) (r runs) {
	t.Helper()
	for line := range strings.Lines(fdinfo) {
		name, value, _ := strings.Cut(line, ":")
		field := map[string]*uint64{"run_cnt": &r.count, "run_time_ns": &r.ns}[name]
		if field == nil {
			continue
		}
		var err error
		if *field, err = strconv.ParseUint(strings.TrimSpace(value), 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	return r
}

// bootTime is the number of the helper bpf_ktime_get_boot_ns.
const bootTime = 125

// Instructions of the programs that show what no filter can do without.
var (
	empty = []uint64{
		0x00000000_0000_00_b7, // r0 = 0
		0x00000000_0000_00_95, // exit
	}
	clock = append([]uint64{
		bootTime<<32 | 0x85, // call
	}, empty...)
)

// bare is a socket filter that lets nothing pass.
type bare struct{ program, socket int }

// attach loads a program and attaches it to a socket that sees what the agent
// of that pid sees.
func attach(t *testing.T, pid int, instructions []uint64) bare {
	t.Helper()
	licence := []byte("Apache-2.0\x00")
	attributes := struct {
		kind, count           uint32
		instructions, licence uint64
		rest                  [12]uint64
	}{
		kind:         unix.BPF_PROG_TYPE_SOCKET_FILTER,
		count:        uint32(len(instructions)),
		instructions: uint64(uintptr(unsafe.Pointer(&instructions[0]))),
		licence:      uint64(uintptr(unsafe.Pointer(&licence[0]))),
	}
	program, _, errno := unix.Syscall(unix.SYS_BPF, unix.BPF_PROG_LOAD, uintptr(unsafe.Pointer(&attributes)), unsafe.Sizeof(attributes))
	runtime.KeepAlive(instructions)
	runtime.KeepAlive(licence)
	if errno != 0 {
		t.Fatalf("loading a bare program: %v", errno)
	}
	b := bare{program: int(program)}
	t.Cleanup(func() { _ = unix.Close(b.program) })
	inNetworkOf(t, pid, func() (err error) {
		if b.socket, err = unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0); err != nil {
			return err
		}
		t.Cleanup(func() { _ = unix.Close(b.socket) })
		if err := unix.SetsockoptInt(b.socket, unix.SOL_SOCKET, unix.SO_ATTACH_BPF, b.program); err != nil {
			return err
		}
		const all = unix.ETH_P_ALL<<8 | unix.ETH_P_ALL>>8 // network byte order
		return unix.Bind(b.socket, &unix.SockaddrLinklayer{Protocol: all & 0xffff})
	})
	return b
}

// inNetworkOf runs f in the network namespace of a process, on this thread: a
// thread that ends takes the programs along that it started.
func inNetworkOf(t *testing.T, pid int, f func() error) {
	t.Helper()
	runtime.LockOSThread()
	home, err := os.Open("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	defer home.Close()
	away, err := os.Open(fmt.Sprintf("/proc/%d/ns/net", pid))
	if err != nil {
		t.Fatal(err)
	}
	defer away.Close()
	if err := unix.Setns(int(away.Fd()), unix.CLONE_NEWNET); err != nil {
		t.Fatal(err)
	}
	err = f()
	if back := unix.Setns(int(home.Fd()), unix.CLONE_NEWNET); back != nil {
		t.Fatal(back) // and the thread stays locked
	}
	runtime.UnlockOSThread()
	if err != nil {
		t.Fatal(err)
	}
}

func (b bare) runs(t *testing.T) runs {
	t.Helper()
	info, err := os.ReadFile(fmt.Sprintf("/proc/self/fdinfo/%d", b.program))
	if err != nil {
		t.Fatal(err)
	}
	return parseRuns(t, string(info))
}

// What the kernel filter takes of the processor for each packet under load, by
// the kernel's own statistics. What is counted is for TestPackets to compare:
// the statistics themselves take time.
func TestFilter(t *testing.T) {
	const (
		rate = 400_000
		most = 800 // nanoseconds a packet: no more than a guard against mistakes
	)
	plans := newPlans(t, 2, testkit.Plan{Calls: 1800, Rate: 360, Hold: 5 * time.Second, RTP: true})
	r := newRoad(t, plans...)
	loads := r.write(plans)
	pps := fmt.Sprintf("--pps=%d", rate/len(loads))
	keepStatistics(t)
	before := busiest(t, r.agent.PID())
	s := r.replay(loads, pps)
	filter := busiest(t, r.agent.PID()).minus(before)
	// What no filter can do without, on the same road.
	nothing, time := attach(t, r.agent.PID(), empty), attach(t, r.agent.PID(), clock)
	r.replay(loads[:1], pps, "--limit=200000")
	t.Logf("%d packets at %.0f/s: the filter takes %.0f ns each; a program that does nothing %.0f, one that reads the clock %.0f",
		filter.count, s.rate, filter.each(), nothing.runs(t).each(), time.runs(t).each())
	if filter.count < uint64(s.packets) {
		t.Errorf("the filter ran %d times for %d packets", filter.count, s.packets)
	}
	if filter.each() > most {
		t.Errorf("the filter takes %.0f ns a packet, more than %d", filter.each(), most)
	}
}
