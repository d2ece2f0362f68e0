package capture

import (
	"encoding/binary"
	"testing"

	"golang.org/x/sys/unix"
)

// vm runs a classic BPF program as the kernel does (see
// Documentation/networking/filter.rst), for the instructions that the
// assembler emits.
type vm struct {
	etherType, pktType, ifindex uint32
}

func (m vm) run(t testing.TB, code []unix.SockFilter, b []byte) uint32 {
	t.Helper()
	var a, x uint32
	var mem [16]uint32
	for pc := 0; pc < len(code); pc++ {
		in := code[pc]
		switch in.Code & 7 {
		case unix.BPF_LD:
			v, ok := m.load(t, in, x, mem[:], b)
			if !ok {
				return 0
			}
			a = v
		case unix.BPF_LDX:
			x = in.K
		case unix.BPF_ST:
			mem[in.K] = a
		case unix.BPF_ALU:
			a = alu(t, in, a, x)
		case unix.BPF_MISC:
			x = a
		case unix.BPF_RET:
			return in.K
		case unix.BPF_JMP:
			pc += jumpBy(t, in, a)
		default:
			t.Fatalf("instruction %d: unknown code %#x", pc, in.Code)
		}
	}
	t.Fatal("the program has no end")
	return 0
}

func (m vm) load(t testing.TB, in unix.SockFilter, x uint32, mem []uint32, b []byte) (uint32, bool) {
	at := uint64(in.K)
	switch in.Code & 0xe0 {
	case unix.BPF_IMM:
		return in.K, true
	case unix.BPF_MEM:
		return mem[in.K], true
	case unix.BPF_IND:
		at += uint64(x)
	case unix.BPF_ABS:
		switch in.K - 0xfffff000 {
		case adProtocol:
			return m.etherType, true
		case adPktType:
			return m.pktType, true
		case adIfindex:
			return m.ifindex, true
		}
	}
	size := map[uint16]uint64{unix.BPF_B: 1, unix.BPF_H: 2, unix.BPF_W: 4}[in.Code&0x18]
	if size == 0 {
		t.Fatalf("load of unknown size: %#x", in.Code)
	}
	if at+size > uint64(len(b)) {
		return 0, false
	}
	var v [4]byte
	copy(v[4-size:], b[at:at+size])
	return binary.BigEndian.Uint32(v[:]), true
}

func alu(t testing.TB, in unix.SockFilter, a, x uint32) uint32 {
	v := in.K
	if in.Code&unix.BPF_X != 0 {
		v = x
	}
	switch in.Code & 0xf0 {
	case unix.BPF_ADD:
		return a + v
	case unix.BPF_AND:
		return a & v
	case unix.BPF_LSH:
		return a << v
	case unix.BPF_RSH:
		return a >> v
	}
	t.Fatalf("unknown operation %#x", in.Code)
	return 0
}

func jumpBy(t testing.TB, in unix.SockFilter, a uint32) int {
	var yes bool
	switch in.Code & 0xf0 {
	case unix.BPF_JA:
		return int(in.K)
	case unix.BPF_JEQ:
		yes = a == in.K
	case unix.BPF_JGT:
		yes = a > in.K
	case unix.BPF_JGE:
		yes = a >= in.K
	case unix.BPF_JSET:
		yes = a&in.K != 0
	default:
		t.Fatalf("unknown jump %#x", in.Code)
	}
	if yes {
		return int(in.Jt)
	}
	return int(in.Jf)
}

func classicProgram(t testing.TB, change func(*LiveConfig)) []unix.SockFilter {
	t.Helper()
	cfg := LiveConfig{SIPPorts: []uint16{testSIPPort, 5080}}
	if change != nil {
		change(&cfg)
	}
	code, err := classicFilter(&cfg)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func TestClassicDecides(t *testing.T) {
	for _, tc := range filterCases() {
		code := classicProgram(t, func(c *LiveConfig) { c.Tunnels, c.RTCP = tc.tunnels, tc.tunnels })
		got := vm{etherType: uint32(tc.etherType), ifindex: 2}.run(t, code, tc.packet)
		if got != 0 != tc.classic {
			t.Errorf("%s: returns %#x, want to pass: %t", tc.name, got, tc.classic)
		}
	}
}

func TestClassicDropsLoopbackCopies(t *testing.T) {
	code := classicProgram(t, nil)
	b := udp(sipA, sipB, sipMessage)
	for _, tc := range []struct {
		pktType, ifindex uint32
		pass             bool
	}{
		{0, loopbackIndex, true},
		{packetOutgoing, loopbackIndex, false},
		{packetOutgoing, 2, true},
		{3, 2, true}, // to another host: a mirror port
	} {
		m := vm{etherType: etherIPv4, pktType: tc.pktType, ifindex: tc.ifindex}
		if got := m.run(t, code, b) != 0; got != tc.pass {
			t.Errorf("type %d on interface %d passes: %t, want %t", tc.pktType, tc.ifindex, got, tc.pass)
		}
	}
}

// With as many ports as the config allows, no jump may be too far.
func TestClassicTakesAllPorts(t *testing.T) {
	ports := make([]uint16, MaxSIPPorts)
	for i := range ports {
		ports[i] = uint16(6000 + i)
	}
	code := classicProgram(t, func(c *LiveConfig) { c.SIPPorts, c.Tunnels, c.RTCP = ports, true, true })
	b := udp("192.0.2.1:9", "192.0.2.2:6063", sipMessage)
	if (vm{etherType: etherIPv4}).run(t, code, b) == 0 {
		t.Error("the last port does not pass")
	}
	b = udp("192.0.2.1:9", "192.0.2.2:6064", sipMessage)
	if (vm{etherType: etherIPv4}).run(t, code, b) != 0 {
		t.Error("a port that is none of SIP's passes")
	}
}

// Whatever comes, the program ends, within the packet.
func FuzzClassic(f *testing.F) {
	for _, tc := range filterCases() {
		f.Add(tc.etherType, tc.packet)
	}
	code := classicProgram(f, func(c *LiveConfig) { c.Tunnels = true })
	f.Fuzz(func(t *testing.T, etherType uint16, b []byte) {
		vm{etherType: uint32(etherType), ifindex: 2}.run(t, code, b)
	})
}
