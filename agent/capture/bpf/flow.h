/* SPDX-License-Identifier: Apache-2.0
 *
 * The media map and what is counted of each RTP flow. The structs are the
 * layout that Go reads (see filter.go); they have no padding.
 */
#ifndef SIPWARD_FLOW_H
#define SIPWARD_FLOW_H

#include "bpf.h"

/* Flows kept of each direction of an endpoint. A third lets a transfer change
 * the stream twice within SILENT_NS before anything is folded.
 */
#define FLOWS 3

/* A flow that had no packet for so long gives up its interface and its slot. */
#define SILENT_NS 2000000000ULL

/* RFC 3550 appendix A.1. */
#define MAX_DROPOUT 3000
#define MAX_MISORDER 100

/* A change of transit time beyond this is a clock set anew, not jitter. */
#define MAX_TRANSIT_NS 2000000000ULL

/* Fraction bits of settings.tick. */
#define TICK_SHIFT 12

struct endpoint {
	u64 ip[2]; /* 16 bytes in network order, IPv4 as ::ffff:a.b.c.d */
	u16 port;  /* host order */
	u16 side;  /* in the map of the rest: TO or FROM; in that of the media: 0 */
	u16 zero[2];
};

/* Directions of packets. */
enum { TO, FROM };

#define FLAG_ENCRYPTED 1

/* One RTP stream: peer and SSRC. All times are CLOCK_BOOTTIME nanoseconds. The
 * order is that of use: what tells a flow, 64 bytes that every packet changes,
 * and what is seldom touched.
 */
struct flow {
	u64 peer[2];
	u32 ssrc;
	u16 port;
	u8 used;
	u8 doubt; /* bad is set */

	u64 packets;
	u64 bytes;
	u64 last;
	u64 window;  /* bit n: top - n came, or was never expected */
	u64 arrival; /* of the packet that ts belongs to; 0 = none yet */
	u32 ts;
	u32 top;     /* highest extended sequence number of the run */
	u32 jitter;  /* nanoseconds */
	u32 ifindex;
	u32 skipped; /* packets that are not of the run: of earlier ones, duplicates, strays */
	u16 bad;     /* the sequence number that would confirm a jump */
	u16 restarts; /* stays at the most it can hold */

	u64 first;
	u32 base; /* first extended sequence number of the run */
	u32 lost; /* of earlier runs; stays at the most it can hold */
};

/* What no flow holds: the sum of flows that were folded, packets that came
 * while all slots were busy, and what is not RTP.
 */
struct rest {
	u64 packets;
	u64 bytes;
	u64 lost;
	u64 first;
	u64 last;
	u64 other_last; /* when what is neither RTP nor RTCP came: STUN, DTLS, T.38 */
	u64 restarts;
};

/* An announced endpoint, with the first flow of packets to it. Settings are what
 * SDP said; but for the marks of the rest only user space writes them. Calls that
 * share an endpoint share its settings: whose a packet is, user space works out.
 * Sets of payload types have a bit for each.
 *
 * Packets find their endpoint in none of the caches when there are thousands,
 * so an element is small, and the order is that of use. In the kernel the value
 * begins 48 bytes before the end of the cache line that holds its key: the
 * settings that every packet needs and what tells the flow come with the lookup,
 * and the flow's counters are the next line.
 */
struct media {
	u64 in[2]; /* types that pass of packets to the endpoint: telephone-event (RFC 4733), RED (RFC 2198) */
	u32 tick;  /* nanoseconds of one RTP clock tick << TICK_SHIFT */
	u16 flags;
	u8 more[2]; /* there may be a rest of the direction */
	struct flow flow;
	u64 in_events[2];  /* those of in that are telephone-event */
	u64 out[2];        /* the same of packets from the endpoint */
	u64 out_events[2];
};

/* The rest of what is seen at an endpoint in one direction. Most endpoints have
 * none: it is made when it is needed. Packets from an endpoint (to one that
 * nobody announced) have all their flows here.
 */
struct more {
	struct flow flow[FLOWS]; /* TO: the first is unused, it is the media's own */
	struct rest rest;
};

/* A packet as the filter has taken it apart. */
struct rtp {
	u64 now;
	u64 bytes; /* UDP payload */
	u64 peer[2];
	u32 ssrc;
	u32 ts;
	u32 ifindex;
	u32 tick;
	u16 port; /* of the peer */
	u16 seq;
	u32 event; /* of a telephone-event type */
};

INLINE u32 flow_lost(const struct flow *f)
{
	u32 expected = f->top - f->base + 1;
	u32 came = (u32)f->packets - f->skipped;
	u32 lost = f->lost;

	if (expected > came)
		lost += expected - came;
	return lost >= f->lost ? lost : ~0U;
}

/* Begins a run of sequence numbers; nothing before it was expected. */
INLINE void seq_start(struct flow *f, u16 seq)
{
	f->base = seq;
	f->top = seq;
	f->window = ~0ULL;
	f->doubt = 0;
}

enum seq_step { SEQ_NEW, SEQ_FILLED, SEQ_DUPLICATE, SEQ_RESTART, SEQ_JUMP };

/* Takes a sequence number, before the packet is counted. As RFC 3550 appendix
 * A.1 and A.3 have it, but that the last 64 are remembered: a duplicate does not hide a loss. The loss is not
 * summed up but follows from the first, the highest and how many came, so that
 * two CPUs which count one flow at once leave no lasting error.
 */
INLINE enum seq_step seq_update(struct flow *f, u16 seq)
{
	u16 ahead = seq - (u16)f->top;
	u16 behind = -ahead;

	if (likely(ahead && ahead < MAX_DROPOUT)) {
		f->top += ahead;
		f->window = ahead < 64 ? f->window << ahead | 1 : 1;
		if (unlikely(f->doubt))
			f->doubt = 0;
		return SEQ_NEW;
	}
	if (behind < MAX_MISORDER) {
		if (behind >= 64 || f->window >> behind & 1) {
			ATOMIC_ADD(f->skipped, 1);
			return SEQ_DUPLICATE;
		}
		f->window |= 1ULL << behind;
		return SEQ_FILLED;
	}
	/* One stray packet must not begin a new run. */
	if (!f->doubt || f->bad != seq) {
		f->bad = seq + 1;
		f->doubt = 1;
		ATOMIC_ADD(f->skipped, 1);
		return SEQ_JUMP;
	}
	f->lost = flow_lost(f);
	if (f->restarts != 0xffff)
		f->restarts++;
	f->arrival = 0;
	f->skipped = f->packets;
	seq_start(f, seq);
	return SEQ_RESTART;
}

/* Interarrival jitter, RFC 3550 section 6.4.1. All packets of one event carry
 * the timestamp of its start (RFC 4733 section 2.2.1), which says nothing of
 * when they were sent.
 */
INLINE void jitter_update(struct flow *f, const struct rtp *p)
{
	u64 arrival = f->arrival;

	if (unlikely(p->event))
		return;
	f->arrival = p->now;
	s32 ticks = (s32)(p->ts - f->ts);
	f->ts = p->ts;
	if (!arrival)
		return;
	u64 gap = p->now - arrival;
	u64 sent = (u64)(u32)(ticks < 0 ? -ticks : ticks) * p->tick >> TICK_SHIFT;
	u64 d;

	if (ticks < 0)
		d = gap + sent;
	else
		d = gap > sent ? gap - sent : sent - gap;
	if (d > MAX_TRANSIT_NS)
		return;
	if (d >= f->jitter)
		f->jitter += (d - f->jitter) >> 4;
	else
		f->jitter -= (f->jitter - d) >> 4;
}

INLINE int flow_is(const struct flow *f, const struct rtp *p)
{
	return f->ssrc == p->ssrc && f->port == p->port && f->used && f->peer[1] == p->peer[1] &&
	       f->peer[0] == p->peer[0];
}

/* Whether a flow that was heard at last is silent now. Another CPU may have heard
 * it after this one read its clock: then last is the later of the two.
 */
INLINE int silent(u64 last, u64 now)
{
	return now > last && now - last >= SILENT_NS;
}

INLINE int same_peer(const struct flow *f, const struct rtp *p)
{
	return f->used && f->port == p->port && f->peer[1] == p->peer[1] && f->peer[0] == p->peer[0];
}

/* Moves a silent flow's figures to the rest. */
INLINE void flow_fold(struct rest *rest, const struct flow *f)
{
	ATOMIC_ADD(rest->packets, f->packets);
	ATOMIC_ADD(rest->bytes, f->bytes);
	ATOMIC_ADD(rest->lost, (u64)flow_lost(f));
	ATOMIC_ADD(rest->restarts, (u64)f->restarts);
	if (!rest->first || f->first < rest->first)
		rest->first = f->first;
	if (f->last > rest->last)
		rest->last = f->last;
}

INLINE void flow_clear(struct flow *f)
{
	f->packets = 0;
	f->bytes = 0;
	f->skipped = 0;
	f->lost = 0;
	f->jitter = 0;
	f->arrival = 0;
}

enum counted { COUNTED, SECOND_INTERFACE, NO_ROOM };

INLINE void flow_packet(struct flow *f, const struct rtp *p)
{
	f->last = p->now;
	ATOMIC_ADD(f->packets, 1);
	ATOMIC_ADD(f->bytes, p->bytes);
}

/* Counts the first packet of a flow, in an unused slot. Everything in it is zero,
 * so that two CPUs which begin one flow at once lose nothing.
 */
INLINE enum counted flow_begin(struct flow *f, const struct rtp *p, u16 restarts)
{
	f->peer[0] = p->peer[0];
	f->peer[1] = p->peer[1];
	f->ssrc = p->ssrc;
	f->port = p->port;
	f->ifindex = p->ifindex;
	f->first = p->now;
	f->restarts = restarts;
	seq_start(f, p->seq);
	f->used = 1;
	jitter_update(f, p);
	flow_packet(f, p);
	return COUNTED;
}

/* Counts a packet of a flow that is known. SECOND_INTERFACE: it is the same
 * stream seen on a second interface (bridge and member, VLAN and parent, in and
 * out of a router).
 */
INLINE enum counted flow_add(struct flow *f, const struct rtp *p)
{
	enum seq_step step;

	if (unlikely(f->ifindex != p->ifindex)) {
		if (!silent(f->last, p->now))
			return SECOND_INTERFACE;
		f->ifindex = p->ifindex;
	}
	step = seq_update(f, p->seq);
	if (likely(step == SEQ_NEW || step == SEQ_FILLED))
		jitter_update(f, p);
	flow_packet(f, p);
	return COUNTED;
}

/* Counts a packet of one of the flows a, b and c, or of a new one. That takes an
 * unused slot, else the one that has been silent for longest, else none.
 */
INLINE enum counted flow_any(struct flow *a, struct flow *b, struct flow *c, struct rest *rest, const struct rtp *p)
{
	struct flow *f;
	u16 restarts;

	if (flow_is(a, p))
		return flow_add(a, p);
	if (flow_is(b, p))
		return flow_add(b, p);
	if (flow_is(c, p))
		return flow_add(c, p);
	restarts = same_peer(a, p) || same_peer(b, p) || same_peer(c, p);
	if (!a->used)
		return flow_begin(a, p, restarts);
	if (!b->used)
		return flow_begin(b, p, restarts);
	if (!c->used)
		return flow_begin(c, p, restarts);
	f = a;
	if (b->last < f->last)
		f = b;
	if (c->last < f->last)
		f = c;
	if (silent(f->last, p->now)) {
		flow_fold(rest, f);
		flow_clear(f);
		return flow_begin(f, p, restarts);
	}
	ATOMIC_ADD(rest->packets, 1);
	ATOMIC_ADD(rest->bytes, p->bytes);
	if (!rest->first)
		rest->first = p->now;
	rest->last = p->now;
	return NO_ROOM;
}

#endif
