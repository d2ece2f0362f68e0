/* SPDX-License-Identifier: Apache-2.0
 *
 * Socket filter of the capture sockets. Media is nearly all of a switch's
 * packets; it is counted here and stays here. See doc.go for the rules.
 *
 * The sockets are AF_PACKET/SOCK_DGRAM, so data begins at the network header
 * whatever the link is, and the outer VLAN tag is metadata.
 */
#include "bpf.h"
#include "flow.h"

#define ETH_IPV4 0x0800
#define ETH_IPV6 0x86dd
#define ETH_VLAN 0x8100
#define ETH_QINQ 0x88a8
#define ETH_PPPOE 0x8864
#define PPP_IPV4 0x0021
#define PPP_IPV6 0x0057

#define PROTO_HOPOPTS 0
#define PROTO_IPIP 4
#define PROTO_TCP 6
#define PROTO_UDP 17
#define PROTO_IPV6 41
#define PROTO_ROUTING 43
#define PROTO_FRAGMENT 44
#define PROTO_GRE 47
#define PROTO_AH 51
#define PROTO_DSTOPTS 60

#define PORT_GTPU 2152
#define PORT_VXLAN 4789
#define PORT_VXLAN_OLD 8472

#define PACKET_OUTGOING 4
#define LOOPBACK_IFINDEX 1 /* the same in every network namespace */

#define DROP 0
#define PASS (-1)

/* More extension headers than any honest packet has. */
#define MAX_EXTENSIONS 6
#define MAX_TAGS 2

/* Set when the program is loaded. */
const volatile u64 sip_ports[1024]; /* a bit for each port */
const volatile u8 pass_tunnels;
const volatile u8 pass_rtcp;

/* What becomes of a packet; each is a counter. The order is that of the
 * constants in filter_map.go.
 */
enum outcome {
	ON, /* none yet: the next step decides */

	SIP_UDP,
	SIP_TCP,
	FRAGMENT,
	EVENT, /* or RED, which may hold one */
	RTCP_PASSED,
	TUNNEL,
	LAST_PASSED = TUNNEL,

	MEDIA,
	ENCRYPTED, /* media, and SRTP */
	RTCP,
	OTHER,     /* neither RTP nor RTCP at an endpoint */
	TWICE,     /* media seen on a second interface */
	MISSED,    /* UDP that belongs to nothing known */
	KEEPALIVE, /* UDP on a SIP port, too short to be SIP */
	LOOPBACK,  /* the outgoing copy of a loopback packet */
	IRRELEVANT, /* neither TCP nor UDP, or TCP of another service */
	MALFORMED,

	/* Counted beside the outcome. */
	REVERSE, /* found by its source */
	CROWDED, /* media with no flow of its own */

	OUTCOMES
};

struct {
	UINT(type, MAP_PERCPU_ARRAY);
	UINT(max_entries, OUTCOMES);
	TYPE(key, u32);
	TYPE(value, u64);
} counters SEC(".maps");

struct {
	UINT(type, MAP_HASH);
	UINT(map_flags, F_NO_PREALLOC);
	UINT(max_entries, 262144);
	TYPE(key, struct endpoint);
	TYPE(value, struct media);
} media SEC(".maps");

struct {
	UINT(type, MAP_HASH);
	UINT(map_flags, F_NO_PREALLOC);
	UINT(max_entries, 262144);
	TYPE(key, struct endpoint);
	TYPE(value, struct more);
} more SEC(".maps");

/* What a new entry of more holds: too much for the stack. */
const volatile struct more nothing;

struct ipv4 {
	u8 vhl, tos;
	u16 len, id, frag;
	u8 ttl, proto;
	u16 sum;
	u32 src, dst;
};

struct ipv6 {
	u32 vtf;
	u16 len;
	u8 next, hops;
	u64 src[2], dst[2];
};

struct udp_rtp {
	u16 sport, dport, len, sum;
	u8 version, type;
	u16 seq;
	u32 ts, ssrc;
};

/* The headers of a packet as most have them: without options or extension
 * headers, so that one copy fetches all. It is the copies that cost.
 */
struct headers {
	union {
		struct ipv6 v6;
		struct {
			u8 none[sizeof(struct ipv6) - sizeof(struct ipv4)];
			struct ipv4 v4;
		};
	};
	struct udp_rtp u;
};

/* Addresses and ports of a packet, and where its transport header is. */
struct path {
	struct endpoint src, dst;
	struct headers h;
	u32 off;
	u32 have; /* how many bytes of h.u are valid; 0: not fetched yet */
	u8 proto;
};

INLINE int is_sip(u16 port)
{
	return sip_ports[port >> 6] >> (port & 63) & 1;
}

INLINE int in_set(const u64 set[2], u8 pt)
{
	return (pt & 64 ? set[1] : set[0]) >> (pt & 63) & 1;
}

/* An entry for each counter, not one struct of them: the compiler would turn
 * increments of different fields into one at a computed offset, which the
 * verifier refuses to programs loaded without CAP_PERFMON.
 */
INLINE void count(u32 what)
{
	u64 *counter = map_lookup(&counters, &what);

	if (counter)
		++*counter;
}

/* Takes a UDP packet at an endpoint apart. ON: it is RTP. have: the bytes of u
 * that are valid.
 */
INLINE enum outcome parse_media(const struct udp_rtp *u, struct rtp *p, u32 have)
{
	p->bytes = net16(u->len) - 8u;
	/* RFC 5761 section 4: second bytes from 192 to 223 are RTCP's. */
	if (unlikely(have >= 16 && p->bytes >= 8 && u->version >> 6 == 2 && u->type >= 192 && u->type <= 223))
		return pass_rtcp ? RTCP_PASSED : RTCP;
	if (unlikely(have < 20 || p->bytes < 12 || u->version >> 6 != 2))
		return OTHER;
	p->ssrc = net32(u->ssrc);
	p->ts = net32(u->ts);
	p->seq = net16(u->seq);
	return ON;
}

/* The rest of an endpoint's direction; made if there is none. 0: no memory. */
INLINE struct more *more_of(struct media *m, const struct endpoint *at, u16 side)
{
	struct endpoint key = *at;
	struct more *found;

	key.side = side;
	m->more[side] = 1;
	found = map_lookup(&more, &key);
	if (likely(found))
		return found;
	map_update(&more, &key, (const void *)&nothing, UPDATE_NOEXIST);
	/* User space forgets the endpoint first and its rests after that. If it
	 * has done both by now, nobody but this program knows of the new one.
	 */
	if (!map_lookup(&media, at))
		map_delete(&more, &key);
	return map_lookup(&more, &key);
}

INLINE int is_reverse(const struct flow *f, const struct endpoint *at, const struct rtp *p)
{
	return f->used && f->ssrc == p->ssrc && f->port == at->port && f->peer[1] == at->ip[1] &&
	       f->peer[0] == at->ip[0] && f->ifindex != p->ifindex && !silent(f->last, p->now);
}

/* Whether the stream is counted, on another interface, as packets from its
 * source. It is when the endpoint became known after a packet came in and before
 * it went out: the flow begins with the next packet that comes in.
 */
INLINE int counted_reverse(const struct endpoint *at, const struct rtp *p)
{
	struct endpoint key = {.ip = {p->peer[0], p->peer[1]}, .port = p->port, .side = FROM};
	struct more *d = map_lookup(&more, &key);

	return d && (is_reverse(&d->flow[0], at, p) || is_reverse(&d->flow[1], at, p) || is_reverse(&d->flow[2], at, p));
}

/* A packet to the endpoint that is not of the first flow. */
NOINLINE enum counted count_rare(struct media *m, const struct endpoint *at, const struct rtp *p)
{
	struct more *d;

	if (!m->flow.used) {
		if (counted_reverse(at, p))
			return SECOND_INTERFACE;
		return flow_begin(&m->flow, p, 0);
	}
	d = more_of(m, at, TO);
	if (!d)
		return NO_ROOM;
	return flow_any(&m->flow, &d->flow[1], &d->flow[2], &d->rest, p);
}

/* A packet from the endpoint. */
NOINLINE enum counted count_reverse(struct media *m, const struct endpoint *at, const struct rtp *p)
{
	struct more *d = more_of(m, at, FROM);

	if (!d)
		return NO_ROOM;
	return flow_any(&d->flow[0], &d->flow[1], &d->flow[2], &d->rest, p);
}

NOINLINE int count_other(struct media *m, const struct endpoint *at, u32 side, u64 now)
{
	struct more *d;

	/* Constant offsets only: the verifier demands them of programs that are
	 * loaded without CAP_PERFMON.
	 */
	d = side == TO ? more_of(m, at, TO) : more_of(m, at, FROM);
	if (d)
		d->rest.other_last = now;
	return 0;
}

/* What becomes of an RTP packet. looked: its type is one of those that pass. */
INLINE enum outcome decide(const struct media *m, enum counted counted, int looked)
{
	if (unlikely(counted == SECOND_INTERFACE))
		return TWICE;
	if (unlikely(counted == NO_ROOM))
		count(CROWDED);
	if (unlikely(m->flags & FLAG_ENCRYPTED))
		return ENCRYPTED;
	return unlikely(looked) ? EVENT : MEDIA;
}

/* A UDP packet to the endpoint at. */
INLINE enum outcome count_to(struct media *m, const struct endpoint *at, const struct udp_rtp *u, struct rtp *p, u32 have)
{
	enum outcome out = parse_media(u, p, have);
	enum counted counted;
	int looked;

	p->now = ktime_get_boot_ns();
	if (unlikely(out != ON)) {
		if (out == OTHER)
			count_other(m, at, TO, p->now);
		return out;
	}
	looked = in_set(m->in, u->type & 0x7f);
	p->event = unlikely(looked) && in_set(m->in_events, u->type & 0x7f);
	p->tick = m->tick;
	counted = likely(flow_is(&m->flow, p)) ? flow_add(&m->flow, p) : count_rare(m, at, p);
	return decide(m, counted, looked);
}

/* A UDP packet from the endpoint at. */
INLINE enum outcome count_from(struct media *m, const struct endpoint *at, const struct udp_rtp *u, struct rtp *p, u32 have)
{
	enum outcome out = parse_media(u, p, have);
	int looked;

	p->now = ktime_get_boot_ns();
	if (unlikely(out != ON)) {
		if (out == OTHER)
			count_other(m, at, FROM, p->now);
		return out;
	}
	looked = in_set(m->out, u->type & 0x7f);
	p->event = unlikely(looked) && in_set(m->out_events, u->type & 0x7f);
	p->tick = m->tick;
	return decide(m, count_reverse(m, at, p), looked);
}

/* Fetches the transport header where the first copy did not. */
INLINE int fetch(struct __sk_buff *skb, struct path *at)
{
	at->h.u = (struct udp_rtp){};
	at->have = 20;
	if (load_bytes(skb, at->off, &at->h.u, 20) >= 0)
		return 0;
	at->have = 16;
	if (load_bytes(skb, at->off, &at->h.u, 16) >= 0)
		return 0;
	at->have = 8;
	return load_bytes(skb, at->off, &at->h.u, 8) < 0 ? -1 : 0;
}

INLINE enum outcome filter_udp(struct __sk_buff *skb, struct path *at)
{
	struct udp_rtp *u = &at->h.u;
	struct rtp p = {};
	struct media *m;

	at->src.port = net16(u->sport);
	at->dst.port = net16(u->dport);
	if (net16(u->len) < 8)
		return MALFORMED;
	if (is_sip(at->src.port) || is_sip(at->dst.port)) {
		/* CRLF and other keep-alives: RFC 5626 section 3.5.1. */
		if (net16(u->len) <= 12)
			return KEEPALIVE;
		return SIP_UDP;
	}
	p.ifindex = skb->ifindex;
	m = map_lookup(&media, &at->dst);
	if (m) {
		p.peer[0] = at->src.ip[0];
		p.peer[1] = at->src.ip[1];
		p.port = at->src.port;
		return count_to(m, &at->dst, u, &p, at->have);
	}
	m = map_lookup(&media, &at->src);
	if (m) {
		count(REVERSE);
		p.peer[0] = at->dst.ip[0];
		p.peer[1] = at->dst.ip[1];
		p.port = at->dst.port;
		return count_from(m, &at->src, u, &p, at->have);
	}
	if (pass_tunnels && (at->dst.port == PORT_VXLAN || at->dst.port == PORT_VXLAN_OLD || at->dst.port == PORT_GTPU))
		return TUNNEL;
	return MISSED;
}

INLINE enum outcome filter_tcp(struct path *at)
{
	if (is_sip(net16(at->h.u.sport)) || is_sip(net16(at->h.u.dport)))
		return SIP_TCP;
	return IRRELEVANT;
}

INLINE enum outcome filter_transport(struct __sk_buff *skb, struct path *at)
{
	if (unlikely(at->proto != PROTO_UDP && at->proto != PROTO_TCP)) {
		if (pass_tunnels && (at->proto == PROTO_IPIP || at->proto == PROTO_IPV6 || at->proto == PROTO_GRE))
			return TUNNEL;
		return IRRELEVANT;
	}
	if (unlikely(!at->have) && fetch(skb, at) < 0)
		return MALFORMED;
	return at->proto == PROTO_UDP ? filter_udp(skb, at) : filter_tcp(at);
}

INLINE enum outcome parse_ipv4(struct __sk_buff *skb, struct path *at)
{
	struct ipv4 *ip = &at->h.v4;

	if (likely(load_bytes(skb, at->off, ip, 40) >= 0))
		at->have = 20;
	else if (load_bytes(skb, at->off, ip, 20) < 0)
		return MALFORMED;
	if (ip->vhl >> 4 != 4 || (ip->vhl & 15) < 5)
		return MALFORMED;
	if (ip->frag & bswap16(0x3fff)) /* MF or an offset */
		return ip->proto == PROTO_UDP || ip->proto == PROTO_TCP ? FRAGMENT : IRRELEVANT;
	if (unlikely(ip->vhl != 0x45))
		at->have = 0;
	at->off += (ip->vhl & 15) * 4;
	at->proto = ip->proto;
	at->src.ip[1] = (u64)ip->src << 32 | 0xffff0000;
	at->dst.ip[1] = (u64)ip->dst << 32 | 0xffff0000;
	return ON;
}

/* Whether a fragment of this next header can be of use. A destination options,
 * routing or authentication header hides what follows it.
 */
INLINE int fragment_wanted(u8 next)
{
	return next == PROTO_UDP || next == PROTO_TCP || next == PROTO_DSTOPTS || next == PROTO_ROUTING ||
	       next == PROTO_AH;
}

INLINE int is_extension(u8 proto)
{
	return proto == PROTO_HOPOPTS || proto == PROTO_ROUTING || proto == PROTO_DSTOPTS ||
	       proto == PROTO_FRAGMENT || proto == PROTO_AH;
}

/* Walks the extension headers (RFC 8200 section 4). */
INLINE enum outcome parse_extensions(struct __sk_buff *skb, struct path *at)
{
	struct {
		u8 next, len;
		u16 frag;
	} ext;
	int i;

	for (i = 0; i < MAX_EXTENSIONS; i++) {
		if (!is_extension(at->proto))
			return ON;
		if (load_bytes(skb, at->off, &ext, 4) < 0)
			break;
		if (at->proto == PROTO_FRAGMENT) {
			/* An atomic fragment is a whole packet (RFC 6946). */
			if (ext.frag & bswap16(0xfff9)) {
				if (fragment_wanted(ext.next))
					return FRAGMENT;
				return IRRELEVANT;
			}
			at->off += 8;
		} else if (at->proto == PROTO_AH) {
			at->off += (ext.len + 2) * 4;
		} else {
			at->off += (ext.len + 1) * 8;
		}
		at->proto = ext.next;
	}
	return is_extension(at->proto) ? MALFORMED : ON;
}

INLINE enum outcome parse_ipv6(struct __sk_buff *skb, struct path *at)
{
	struct ipv6 *ip = &at->h.v6;

	if (likely(load_bytes(skb, at->off, ip, 60) >= 0))
		at->have = 20;
	else if (load_bytes(skb, at->off, ip, 40) < 0)
		return MALFORMED;
	if ((ip->vtf & 0xf0) != 0x60)
		return MALFORMED;
	at->src.ip[0] = ip->src[0];
	at->src.ip[1] = ip->src[1];
	at->dst.ip[0] = ip->dst[0];
	at->dst.ip[1] = ip->dst[1];
	at->off += 40;
	at->proto = ip->next;
	if (likely(!is_extension(ip->next)))
		return ON;
	at->have = 0;
	return parse_extensions(skb, at);
}

INLINE int is_tag(u16 type)
{
	return type == ETH_VLAN || type == ETH_QINQ;
}

/* Whether an IP header of the given type begins at off and fits the packet. */
INLINE int ip_at(struct __sk_buff *skb, u32 off, u16 type)
{
	u16 head[3];
	u8 first;

	if (load_bytes(skb, off, head, 6) < 0)
		return 0;
	first = head[0];
	if (type == ETH_IPV4)
		return first >> 4 == 4 && (first & 15) >= 5 && net16(head[1]) >= 20 &&
		       off + net16(head[1]) <= skb->len;
	return type == ETH_IPV6 && first >> 4 == 6 && off + 40 + net16(head[2]) <= skb->len;
}

/* Finds the IP header behind tags that are still in the data; sets off and
 * returns the type, or 0. The kernel may name a tag as the protocol although
 * the data begins behind it (sent through a VLAN device whose parent cannot
 * insert tags), so the data decides.
 */
NOINLINE int untag(struct __sk_buff *skb, u32 *off)
{
	u16 tag[2];
	u32 at = 0;
	int i;

	for (i = 0; i < MAX_TAGS; i++) {
		if (load_bytes(skb, at, tag, 4) < 0)
			return 0;
		u16 inner = net16(tag[1]);
		at += 4;
		if (ip_at(skb, at, inner)) {
			*off = at;
			return inner;
		}
		if (!is_tag(inner))
			break;
	}
	*off = 0;
	if (ip_at(skb, 0, ETH_IPV4))
		return ETH_IPV4;
	return ip_at(skb, 0, ETH_IPV6) ? ETH_IPV6 : 0;
}

/* PPPoE session header: version, code; session; length; protocol (RFC 2516). */
NOINLINE int unppp(struct __sk_buff *skb, u32 *off)
{
	u16 head[4];

	if (load_bytes(skb, 0, head, 8) < 0)
		return 0;
	*off = 8;
	if (net16(head[3]) == PPP_IPV4)
		return ETH_IPV4;
	return net16(head[3]) == PPP_IPV6 ? ETH_IPV6 : 0;
}

INLINE enum outcome filter(struct __sk_buff *skb)
{
	struct path at = {};
	enum outcome out;
	u16 type;

	if (skb->pkt_type == PACKET_OUTGOING && skb->ifindex == LOOPBACK_IFINDEX)
		return LOOPBACK;
	type = net16(skb->protocol);
	if (is_tag(type))
		type = untag(skb, &at.off);
	else if (type == ETH_PPPOE)
		type = unppp(skb, &at.off);
	if (likely(type == ETH_IPV4))
		out = parse_ipv4(skb, &at);
	else if (type == ETH_IPV6)
		out = parse_ipv6(skb, &at);
	else
		out = IRRELEVANT;
	return out == ON ? filter_transport(skb, &at) : out;
}

SEC("socket")
int sipward_filter(struct __sk_buff *skb)
{
	enum outcome out = filter(skb);

	count(out);
	return out <= LAST_PASSED ? PASS : DROP;
}

/* What user space hands to sipward_update. */
struct update {
	struct endpoint key;
	u64 in[2], in_events[2], out[2], out_events[2];
	u32 tick, flags;
};

enum { ABSENT = 1, UPDATED };

/* Changes the settings of an entry in place. A map update from user space would
 * replace the counters too, and lose what is counted meanwhile. Never attached;
 * run with BPF_PROG_RUN.
 */
SEC("socket/update")
int sipward_update(struct __sk_buff *skb)
{
	struct update u;
	struct media *m;

	if (load_bytes(skb, 0, &u, sizeof(u)) < 0)
		return 0;
	m = map_lookup(&media, &u.key);
	if (!m)
		return ABSENT;
	m->in[0] = u.in[0];
	m->in[1] = u.in[1];
	m->in_events[0] = u.in_events[0];
	m->in_events[1] = u.in_events[1];
	m->out[0] = u.out[0];
	m->out[1] = u.out[1];
	m->out_events[0] = u.out_events[0];
	m->out_events[1] = u.out_events[1];
	m->tick = u.tick;
	m->flags = u.flags;
	return UPDATED;
}

char licence_name[] SEC("license") = "Apache-2.0";
