package packet

import (
	"strings"
	"testing"
)

func BenchmarkDecode(b *testing.B) {
	ins := inners()
	for _, name := range []string{"ethernet", "vlan", "qinq 88a8 8100", "sll2", "raw", "gre", "vxlan", "gtp-u", "mpls three labels"} {
		for _, in := range []inner{ins[0], ins[6], ins[3]} {
			b.Run(strings.ReplaceAll(name+"/"+in.name, " ", "-"), func(b *testing.B) {
				var f Frame
				for _, c := range carriers() {
					if c.name == name {
						f = c.frame(in)
					}
				}
				d := NewDecoder(Limits{})
				var p Packet
				b.ReportAllocs()
				for b.Loop() {
					if d.Decode(&f, &p) != Payload {
						b.Fatal("no payload")
					}
				}
			})
		}
	}
}
