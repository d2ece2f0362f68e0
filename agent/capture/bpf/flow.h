/* SPDX-License-Identifier: Apache-2.0
 *
 * The media map and what is counted of each RTP flow. The structs are the
 * layout that Go reads (see filter.go); they have no padding.
 */
#ifndef SIPWARD_FLOW_H
#define SIPWARD_FLOW_H

#include "bpf.h"

/* Flows kept of each direction of an endpoint. A third lets a transfer change
 * the stream twice within SILENT_NS before anything is folded. The whole
 * element fits the 1 KiB size class of the kernel's allocators.
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
	u16 zero[3];
};

#define FLAG_ENCRYPTED 1

/* Payload types that pass, a bit for each. */
struct types {
	u64 events[2];    /* telephone-event (RFC 4733) */
	u64 redundant[2]; /* RED (RFC 2198) */
};

/* What SDP said of an endpoint; only user space writes it. Calls that share an
 * endpoint share its settings: whose a packet is, user space works out.
 */
struct settings {
	struct types in;  /* of packets to the endpoint */
	struct types out; /* of packets from it */
	u32 tick;         /* nanoseconds of one RTP clock tick << TICK_SHIFT */
	u32 flags;
};

/* One RTP stream: peer and SSRC. All times are CLOCK_BOOTTIME nanoseconds. */
struct flow {
	u64 peer[2];
	u32 ssrc;
	u16 port;
	u16 used;
	u64 packets;
	u64 bytes;
	u64 first;
	u64 last;
	u64 lost;    /* of earlier runs */
	u64 window;  /* bit n: top - n came, or was never expected */
	u64 jitter;  /* nanoseconds */
	u64 arrival; /* of the packet that ts belongs to; 0 = none yet */
	u32 ts;
	u32 base;   /* first extended sequence number of the run */
	u32 top;    /* highest */
	u32 skipped; /* packets that are not of the run: of earlier ones, duplicates, strays */
	u32 bad;    /* the sequence number that would confirm a jump, + 1; 0 = none */
	u32 restarts;
	u32 ifindex;
	u32 zero;
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

struct direction {
	struct flow flow[FLOWS];
	struct rest rest;
};

struct media {
	struct settings settings;
	struct direction to;   /* packets to the endpoint */
	struct direction from; /* packets from it to an endpoint that nobody announced */
};

/* A packet as the filter has taken it apart. */
struct rtp {
	u64 now;
	u64 bytes; /* UDP payload */
	u64 peer[2];
	u32 ssrc;
	u32 ts;
	u32 ifindex;
	u16 port; /* of the peer */
	u16 seq;
	u8 event; /* of a telephone-event type */
};

INLINE u64 flow_lost(const struct flow *f)
{
	u32 expected = f->top - f->base + 1;
	u32 came = (u32)f->packets - f->skipped;

	return f->lost + (expected > came ? expected - came : 0);
}

/* Begins a run of sequence numbers; nothing before it was expected. */
INLINE void seq_start(struct flow *f, u16 seq)
{
	f->base = seq;
	f->top = seq;
	f->window = ~0ULL;
	f->bad = 0;
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
		f->bad = 0;
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
	if (f->bad != (u32)seq + 1) {
		f->bad = (u32)(u16)(seq + 1) + 1;
		ATOMIC_ADD(f->skipped, 1);
		return SEQ_JUMP;
	}
	f->lost = flow_lost(f);
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
INLINE void jitter_update(struct flow *f, const struct rtp *p, u32 tick)
{
	u64 arrival = f->arrival;

	if (p->event)
		return;
	f->arrival = p->now;
	s32 ticks = (s32)(p->ts - f->ts);
	f->ts = p->ts;
	if (!arrival)
		return;
	u64 gap = p->now - arrival;
	u64 sent = (u64)(u32)(ticks < 0 ? -ticks : ticks) * tick >> TICK_SHIFT;
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

INLINE int same_peer(const struct flow *f, const struct rtp *p)
{
	return f->used && f->port == p->port && f->peer[1] == p->peer[1] && f->peer[0] == p->peer[0];
}

/* Moves a silent flow's figures to the rest. */
INLINE void flow_fold(struct direction *d, const struct flow *f)
{
	ATOMIC_ADD(d->rest.packets, f->packets);
	ATOMIC_ADD(d->rest.bytes, f->bytes);
	ATOMIC_ADD(d->rest.lost, flow_lost(f));
	ATOMIC_ADD(d->rest.restarts, f->restarts);
	if (!d->rest.first || f->first < d->rest.first)
		d->rest.first = f->first;
	if (f->last > d->rest.last)
		d->rest.last = f->last;
}

/* Writes the key of a flow into an unused slot. Everything else in it is zero
 * already, so that two CPUs which begin one flow at once lose nothing.
 */
INLINE void flow_begin(struct flow *f, const struct rtp *p, u32 restarts)
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

/* Finds a slot for a flow that has none: an unused one, else the one that has
 * been silent for longest, else none.
 */
INLINE struct flow *flow_claim(struct direction *d, const struct rtp *p)
{
	struct flow *a = &d->flow[0], *b = &d->flow[1], *c = &d->flow[2], *f;
	u32 restarts = same_peer(a, p) || same_peer(b, p) || same_peer(c, p);

	if (!a->used) {
		f = a;
	} else if (!b->used) {
		f = b;
	} else if (!c->used) {
		f = c;
	} else {
		f = a;
		if (b->last < f->last)
			f = b;
		if (c->last < f->last)
			f = c;
		if (p->now - f->last < SILENT_NS)
			return 0;
		flow_fold(d, f);
		flow_clear(f);
	}
	flow_begin(f, p, restarts);
	return f;
}

enum counted { COUNTED, SECOND_INTERFACE, NO_ROOM };

/* Counts one RTP packet. SECOND_INTERFACE: it is the same stream seen on a second
 * interface (bridge and member, VLAN and parent, in and out of a router).
 */
INLINE enum counted flow_count(struct direction *d, const struct rtp *p, u32 tick)
{
	enum seq_step step = SEQ_NEW;
	struct flow *f;

	if (likely(flow_is(&d->flow[0], p))) {
		f = &d->flow[0];
	} else if (flow_is(&d->flow[1], p)) {
		f = &d->flow[1];
	} else if (flow_is(&d->flow[2], p)) {
		f = &d->flow[2];
	} else {
		f = flow_claim(d, p);
		if (!f) {
			ATOMIC_ADD(d->rest.packets, 1);
			ATOMIC_ADD(d->rest.bytes, p->bytes);
			if (!d->rest.first)
				d->rest.first = p->now;
			d->rest.last = p->now;
			return NO_ROOM;
		}
		goto counted;
	}
	if (unlikely(f->ifindex != p->ifindex)) {
		if (p->now - f->last < SILENT_NS)
			return SECOND_INTERFACE;
		f->ifindex = p->ifindex;
	}
	step = seq_update(f, p->seq);
counted:
	ATOMIC_ADD(f->packets, 1);
	ATOMIC_ADD(f->bytes, p->bytes);
	f->last = p->now;
	if (step == SEQ_NEW || step == SEQ_FILLED)
		jitter_update(f, p, tick);
	return COUNTED;
}

#endif
