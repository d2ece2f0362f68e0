// Package netfilter stands between phones and the registrar for UDP: the kernel
// hands every REGISTER to SIP ports to it before the switch gets it, through a
// netfilter queue. What is refused is dropped and answered 403 from the address
// and port it was sent to.
//
// What reaches the queue is decided in the kernel by [Rules], and must be all
// that any switch takes for a REGISTER: leading line ends and blanks, any case, IPv4
// options, IPv6 extension headers and fragments are no way round. What is
// uncertain goes to the queue, which lets through what is no REGISTER.
//
// When a [Guard] ends, for whatever reason, it removes its rules: REGISTERs then pass,
// even where fail is closed. Only a process that is killed leaves them behind, and then
// the kernel does what fail says.
//
// Two things it does not see. Where the host redirects SIP ports to itself (DNAT), the
// destination before that is lost, so the answer comes from the one behind it. And with
// nft, a REGISTER that a virtual machine sent in one packet behind another datagram
// goes unseen (see [Rules.Text]).
//
// The netlink side of the queue is written here and not taken from
// florianl/go-nfqueue. That one (v1.3.2) binds the queue, has it send packets and then
// goes on configuring it on the same socket, where the first packet is taken for
// the answer and ends the start: a guard that is started anew in the middle of a flood
// would not come up. It also takes two system calls to read a packet, one to
// answer it, and about a dozen allocations.
package netfilter
