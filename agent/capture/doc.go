// Package capture brings packets in: from live interfaces, from capture files and from
// HEPv3 senders. What comes live is handed over in batches and never waits for the
// taker; what comes from a file waits for it, so that nothing of a file is lost.
//
// # Live capture
//
// A [Live] opens an AF_PACKET socket for each interface, or one for all of
// them, and reads it through a memory-mapped ring. The socket is opened for no
// protocol at all, so that nothing arrives before the filter is attached, and
// bound afterwards. SOCK_DGRAM makes every link look alike: a frame begins at
// the network header whether it came from Ethernet, PPP or a tunnel device.
//
// Reads are batched: the kernel hands over a block of the ring when it is full
// or some milliseconds old, because a wake-up costs more than decoding a
// hundred messages. One goroutine reads all rings, so that frames of several
// interfaces reach the sink in the order of their timestamps as far as they
// were handed over together.
//
// # The kernel filter
//
// bpf/filter.c is attached to each socket. It decides in this order:
//
//	outgoing packet on the loopback interface   dropped: it arrives there, too
//	fragment of a UDP or TCP packet             passes
//	TCP from or to a SIP port                   passes
//	UDP from or to a SIP port                   passes, unless it has 4 bytes or less (keep-alive)
//	UDP to an announced media endpoint          counted
//	UDP from an announced media endpoint        counted as reverse: the peer is behind a NAT
//	IP in IP, GRE, VXLAN, GTP-U                 passes if LiveConfig.Tunnels
//	anything else                               dropped
//
// A counted packet stays in the kernel unless its payload type is one of the
// telephone-event or redundancy types that [Filter.Open] was given for its
// direction, and the media is not encrypted. RTCP is told by its second byte
// (RFC 5761 section 4), counted, and passed only if LiveConfig.RTCP; RTCP on a
// port of its own belongs to no endpoint unless that port is opened, too.
//
// Media inside of a tunnel is not looked up in the kernel: with Tunnels set,
// whole tunnels pass, and user space counts what is inside.
//
// A media endpoint holds three flows for each direction, a flow being a peer
// and an SSRC. One that has been silent for two seconds makes room for a new
// one; its figures go to a sum. A flow belongs to the interface it was first
// seen on: the same stream on a second one (a bridge and its member, a VLAN
// and its parent, both sides of a router) is neither counted nor passed,
// unless the first has been silent for two seconds.
//
// The map of the endpoints holds no more than settings and the first flow to
// each, which is all that most ever have: 256 bytes of kernel memory, of which a
// packet of that flow touches three cache lines. What else is seen - further
// flows, those of the other direction, packets that are not RTP - is in a second
// map, whose entries of 512 bytes the filter makes when it needs them. It is
// bounded like the first; a packet for which there is no room in it counts as
// crowded and is in no flow.
//
// # Cost
//
// Finding the endpoint is most of what the filter costs. With thousands of
// calls its packets come round so seldom that neither the hash table's bucket
// nor the entry is in a cache, and the rest hardly matters; next is the clock.
// BenchmarkFilterLive and the load test (make load) report the nanoseconds.
//
// # Without eBPF
//
// Where the kernel refuses eBPF (old, or a container without CAP_BPF), a
// classic BPF filter passes SIP ports, fragments, and UDP packets that look
// like RTP and are small enough to be telephone events. Nothing is counted in
// the kernel then; [Live.Mode] says so, and so does the log.
//
// # Building the filter
//
// The object is committed, and "go generate ./agent/capture" rebuilds it. It
// needs clang and llvm-strip, and no kernel or library headers.
package capture

//go:generate go run github.com/cilium/ebpf/cmd/bpf2go -cc clang -strip llvm-strip -go-package capture -target bpfel -no-global-types -cflags "-O2 -g -Wall -Wextra -Werror -mcpu=v3 -fdebug-compilation-dir=." filter bpf/filter.c
