// SPDX-License-Identifier: MIT
/*
 * ring_vpacked.c - a virtio packed queue (virtio 1.2, 2.8) in the benchmark
 *
 * One descriptor a request; the answer goes into the same buffer.  A batch is
 * published by the flags of its first descriptor, written last; event offsets are
 * used.  Answers come in order here, so a buffer goes with its place.
 */
#include "contest.h"
#include "no_room.h"

#define RING vpacked
#define RING_NAME "vpacked"
#define CAN_SLEEP true
#define PER_ITEM 0
#define COUNTED 0
#define MAX_NR 256

#define DESC_AVAIL (1u << 7)
#define DESC_USED (1u << 15)
#define EVENT_DESC 2u

struct vp_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t id;
	uint16_t flags;
};

struct vp_event {
	uint16_t off_wrap;
	uint16_t flags;
};

struct vp {
	struct vp_desc desc[MAX_NR];
	struct vp_event front __attribute__((aligned(64)));
	struct vp_event back __attribute__((aligned(64)));
	union {
		struct req req;
		struct rsp rsp;
	} buf[MAX_NR] __attribute__((aligned(4096)));
};

/* A place in the ring: index and wrap counter. */
struct at {
	uint16_t i;
	bool wrap;
};

struct side {
	struct vp *q;
	uint16_t nr;
	struct at out, in;
	struct at head; /* first of what is not yet shown */
	uint16_t added;
	uint16_t head_flags;
	uint16_t nr_free;
};

struct front {
	struct side s;
};

struct back {
	struct side s;
};

static inline void mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline void at_next(struct at *a, uint16_t nr)
{
	if (++a->i == nr) {
		a->i = 0;
		a->wrap = !a->wrap;
	}
}

static inline void ring_init(struct run *r)
{
	_Static_assert(sizeof(struct vp) <= AREA_BYTES, "area");
	(void)r;
}

static inline void side_start(struct side *s, struct run *r)
{
	*s = (struct side){ .q = (struct vp *)r->area,
			    .nr = (uint16_t)r->nr,
			    .out = { 0, true },
			    .in = { 0, true },
			    .nr_free = (uint16_t)r->nr };
	/* Until armed: an event at the first, as all rings here begin. */
	s->q->front = (struct vp_event){ 1u << 15, EVENT_DESC };
	s->q->back = (struct vp_event){ 1u << 15, EVENT_DESC };
}

static inline void front_start(struct front *f, struct run *r)
{
	side_start(&f->s, r);
}

static inline void back_start(struct back *b, struct run *r)
{
	side_start(&b->s, r);
}

/* Write the flags of one more, those of the first of a batch only at last. */
static inline void side_add(struct side *s, uint16_t flags)
{
	if (!s->added++) {
		s->head = s->out;
		s->head_flags = flags;
	} else {
		__atomic_store_n(&s->q->desc[s->out.i].flags, flags,
				 __ATOMIC_RELAXED);
	}
	at_next(&s->out, s->nr);
}

static inline bool side_push(struct side *s, const struct vp_event *ev,
			     bool notify)
{
	uint16_t added = s->added, off, now = s->out.i;

	if (!added)
		return false;
	__atomic_store_n(&s->q->desc[s->head.i].flags, s->head_flags,
			 __ATOMIC_RELEASE);
	s->added = 0;
	if (!notify)
		return false;
	mb();
	off = __atomic_load_n(&ev->off_wrap, __ATOMIC_RELAXED);
	if ((bool)(off >> 15) != s->out.wrap)
		off = (uint16_t)((off & 0x7fff) - s->nr);
	else
		off &= 0x7fff;
	return (uint16_t)(now - off - 1) < added;
}

static inline void side_ask(const struct side *s, struct vp_event *ev)
{
	__atomic_store_n(&ev->off_wrap,
			 (uint16_t)(s->in.i | (uint16_t)(s->in.wrap << 15)),
			 __ATOMIC_RELAXED);
	mb();
}

static inline void front_send(struct front *f, const room_t *room, uint64_t id,
			      uint32_t i)
{
	struct side *s = &f->s;
	struct vp_desc *d = &s->q->desc[s->out.i];

	(void)room;
	(void)i;
	if (!s->nr_free)
		return;
	s->nr_free--;
	req_fill(&s->q->buf[s->out.i].req, id);
	d->addr = (uintptr_t)&s->q->buf[s->out.i];
	d->len = SLOT;
	d->id = s->out.i;
	side_add(s, s->out.wrap ? DESC_AVAIL : DESC_USED);
}

static inline bool front_push(struct front *f, const room_t *room, uint32_t n,
			      bool notify)
{
	(void)room;
	(void)n;
	return side_push(&f->s, &f->s.q->back, notify);
}

static inline uint32_t front_look(struct front *f)
{
	const struct side *s = &f->s;
	uint16_t flags = __atomic_load_n(&s->q->desc[s->in.i].flags,
					 __ATOMIC_ACQUIRE);

	return !!(flags & DESC_AVAIL) == s->in.wrap &&
	       !!(flags & DESC_USED) == s->in.wrap && s->nr_free < s->nr;
}

static inline bool front_take(struct front *f, uint64_t *sum)
{
	struct side *s = &f->s;
	const struct rsp *rsp;
	uint16_t id;

	if (!front_look(f))
		return false;
	id = s->q->desc[s->in.i].id;
	rsp = &s->q->buf[id & (s->nr - 1)].rsp;
	*sum += rsp->id + rsp->sum;
	s->nr_free++;
	at_next(&s->in, s->nr);
	return true;
}

static inline void front_done(struct front *f)
{
	(void)f;
}

static inline bool front_arm(struct front *f)
{
	side_ask(&f->s, &f->s.q->front);
	return front_look(f);
}

static inline uint32_t back_look(struct back *b)
{
	const struct side *s = &b->s;
	uint16_t flags = __atomic_load_n(&s->q->desc[s->in.i].flags,
					 __ATOMIC_ACQUIRE);

	return !!(flags & DESC_AVAIL) == s->in.wrap &&
	       !!(flags & DESC_USED) != s->in.wrap;
}

static inline bool back_serve(struct back *b)
{
	struct side *s = &b->s;
	struct vp_desc desc;
	struct req *buf, in;
	struct rsp out;

	if (!back_look(b))
		return false;
	desc = s->q->desc[s->in.i];
	buf = (struct req *)(uintptr_t)desc.addr;
	in = *buf;
	out.id = in.word[0];
	out.sum = req_sum(&in);
	*(struct rsp *)buf = out;
	s->q->desc[s->out.i].id = desc.id;
	s->q->desc[s->out.i].len = sizeof(out);
	side_add(s, s->out.wrap ? DESC_AVAIL | DESC_USED : 0);
	at_next(&s->in, s->nr);
	return true;
}

static inline bool back_push(struct back *b, bool notify)
{
	return side_push(&b->s, &b->s.q->front, notify);
}

static inline void back_done(struct back *b)
{
	(void)b;
}

static inline bool back_arm(struct back *b)
{
	side_ask(&b->s, &b->s.q->back);
	return back_look(b);
}

#include "loop.h"
