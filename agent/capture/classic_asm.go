package capture

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// assembler puts a classic BPF program together. Jumps go forward to labels;
// an empty label means the next instruction.
type assembler struct {
	code  []unix.SockFilter
	jumps []forwardJump
	at    map[string]int // labels
}

// forwardJump is an instruction whose targets are not known yet.
type forwardJump struct {
	from            int
	ifTrue, ifFalse string
	always          string
}

func (a *assembler) emit(code uint16, k uint32) {
	a.code = append(a.code, unix.SockFilter{Code: code, K: k})
}

func (a *assembler) label(name string) { a.at[name] = len(a.code) }

// load loads from the packet into A; outside of the packet, the program ends
// and the packet is dropped.
func (a *assembler) load(sizeAndMode uint16, at uint32) { a.emit(unix.BPF_LD|sizeAndMode, at) }

// loadAncillary loads what the kernel knows about the packet into A.
func (a *assembler) loadAncillary(what uint32) {
	const base = 0xfffff000 // SKF_AD_OFF
	a.emit(unix.BPF_LD|unix.BPF_W|unix.BPF_ABS, base+what)
}

func (a *assembler) setA(v uint32)           { a.emit(unix.BPF_LD|unix.BPF_IMM, v) }
func (a *assembler) setX(v uint32)           { a.emit(unix.BPF_LDX|unix.BPF_IMM, v) }
func (a *assembler) store(slot uint32)       { a.emit(unix.BPF_ST, slot) }
func (a *assembler) loadStored(slot uint32)  { a.emit(unix.BPF_LD|unix.BPF_MEM, slot) }
func (a *assembler) alu(op uint16, v uint32) { a.emit(unix.BPF_ALU|op|unix.BPF_K, v) }
func (a *assembler) ret(v uint32)            { a.emit(unix.BPF_RET|unix.BPF_K, v) }

// advance moves X on by A.
func (a *assembler) advance() {
	a.emit(unix.BPF_ALU|unix.BPF_ADD|unix.BPF_X, 0)
	a.emit(unix.BPF_MISC|unix.BPF_TAX, 0)
}

func (a *assembler) jump(op uint16, v uint32, ifTrue, ifFalse string) {
	a.jumps = append(a.jumps, forwardJump{from: len(a.code), ifTrue: ifTrue, ifFalse: ifFalse})
	a.emit(unix.BPF_JMP|op|unix.BPF_K, v)
}

func (a *assembler) always(to string) {
	a.jumps = append(a.jumps, forwardJump{from: len(a.code), always: to})
	a.emit(unix.BPF_JMP|unix.BPF_JA, 0)
}

// assemble fills in the jumps.
func (a *assembler) assemble() ([]unix.SockFilter, error) {
	for _, j := range a.jumps {
		in := &a.code[j.from]
		if j.always != "" {
			n, err := a.distance(j.from, j.always)
			if err != nil {
				return nil, err
			}
			in.K = uint32(n)
			continue
		}
		for to, name := range map[*uint8]string{&in.Jt: j.ifTrue, &in.Jf: j.ifFalse} {
			n, err := a.distance(j.from, name)
			if err != nil {
				return nil, err
			}
			if n > 255 {
				return nil, fmt.Errorf("the jump to %q is too far: %d instructions", name, n)
			}
			*to = uint8(n)
		}
	}
	return a.code, nil
}

func (a *assembler) distance(from int, label string) (int, error) {
	if label == "" {
		return 0, nil
	}
	to, ok := a.at[label]
	if !ok || to <= from {
		return 0, fmt.Errorf("label %q is not ahead of instruction %d", label, from)
	}
	return to - from - 1, nil
}
