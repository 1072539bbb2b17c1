// SPDX-License-Identifier: MIT
/*
 * ring_vsplit.c - a virtio split queue (virtio 1.2, 2.7) in the benchmark
 *
 * One descriptor a request; the answer goes into the same buffer.  Batches are
 * published at once, the peer's index is read once a pass, event indexes are used.
 */
#include "contest.h"
#include "no_room.h"

#define RING vsplit
#define RING_NAME "vsplit"
#define CAN_SLEEP true
#define PER_ITEM 0
#define COUNTED 1
#define MAX_NR 256

struct vq_desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
	uint16_t next;
};

struct vq_used_elem {
	uint32_t id;
	uint32_t len;
};

struct vq {
	struct vq_desc desc[MAX_NR];
	struct {
		uint16_t flags;
		uint16_t idx;
		uint16_t ring[MAX_NR];
		uint16_t used_event;
	} avail __attribute__((aligned(64)));
	struct {
		uint16_t flags;
		uint16_t idx;
		struct vq_used_elem ring[MAX_NR];
		uint16_t avail_event;
	} used __attribute__((aligned(4096)));
	union {
		struct req req;
		struct rsp rsp;
	} buf[MAX_NR] __attribute__((aligned(4096)));
};

struct front {
	struct vq *q;
	uint16_t mask;
	uint16_t avail, shown, used;
	uint16_t nr_free;
	uint16_t free[MAX_NR];
};

struct back {
	struct vq *q;
	uint16_t mask;
	uint16_t avail, used, shown;
};

static inline uint16_t load(const uint16_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void mb(void)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
}

static inline bool passed(uint16_t event, uint16_t now, uint16_t old)
{
	return (uint16_t)(now - event - 1) < (uint16_t)(now - old);
}

static inline void ring_init(struct run *r)
{
	_Static_assert(sizeof(struct vq) <= AREA_BYTES, "area");
	(void)r;
}

static inline void front_start(struct front *f, struct run *r)
{
	f->q = (struct vq *)r->area;
	f->mask = (uint16_t)(r->nr - 1);
	f->avail = f->shown = f->used = 0;
	f->nr_free = (uint16_t)r->nr;
	for (uint16_t i = 0; i < r->nr; i++)
		f->free[i] = (uint16_t)(r->nr - 1 - i);
}

static inline void back_start(struct back *b, struct run *r)
{
	b->q = (struct vq *)r->area;
	b->mask = (uint16_t)(r->nr - 1);
	b->avail = b->used = b->shown = 0;
}

static inline void front_send(struct front *f, const room_t *room, uint64_t id,
			      uint32_t i)
{
	struct vq *q = f->q;
	uint16_t d;

	(void)room;
	(void)i;
	if (!f->nr_free)
		return;
	d = f->free[--f->nr_free];
	req_fill(&q->buf[d].req, id);
	q->desc[d] = (struct vq_desc){ .addr = (uintptr_t)&q->buf[d],
				       .len = SLOT };
	q->avail.ring[f->avail++ & f->mask] = d;
}

static inline bool front_push(struct front *f, const room_t *room, uint32_t n,
			      bool notify)
{
	uint16_t old = f->shown;

	(void)room;
	(void)n;
	__atomic_store_n(&f->q->avail.idx, f->avail, __ATOMIC_RELEASE);
	f->shown = f->avail;
	if (!notify)
		return false;
	mb();
	return passed(load(&f->q->used.avail_event), f->avail, old);
}

static inline uint32_t front_look(struct front *f)
{
	return (uint16_t)(load(&f->q->used.idx) - f->used);
}

static inline bool front_take(struct front *f, uint64_t *sum)
{
	uint32_t d = f->q->used.ring[f->used++ & f->mask].id & f->mask;

	*sum += f->q->buf[d].rsp.id + f->q->buf[d].rsp.sum;
	f->free[f->nr_free++] = (uint16_t)d;
	return true;
}

static inline void front_done(struct front *f)
{
	(void)f;
}

static inline bool front_arm(struct front *f)
{
	__atomic_store_n(&f->q->avail.used_event, f->used, __ATOMIC_RELAXED);
	mb();
	return front_look(f);
}

static inline uint32_t back_look(struct back *b)
{
	return (uint16_t)(load(&b->q->avail.idx) - b->avail);
}

static inline bool back_serve(struct back *b)
{
	struct vq *q = b->q;
	uint16_t d = q->avail.ring[b->avail++ & b->mask] & b->mask;
	struct vq_desc desc = q->desc[d];
	struct req *buf = (struct req *)(uintptr_t)desc.addr;
	struct req in = *buf;
	struct rsp out;

	out.id = in.word[0];
	out.sum = req_sum(&in);
	*(struct rsp *)buf = out;
	q->used.ring[b->used++ & b->mask] =
		(struct vq_used_elem){ .id = d, .len = sizeof(out) };
	return true;
}

static inline bool back_push(struct back *b, bool notify)
{
	uint16_t old = b->shown;

	__atomic_store_n(&b->q->used.idx, b->used, __ATOMIC_RELEASE);
	b->shown = b->used;
	if (!notify)
		return false;
	mb();
	return passed(load(&b->q->avail.used_event), b->used, old);
}

static inline void back_done(struct back *b)
{
	(void)b;
}

static inline bool back_arm(struct back *b)
{
	__atomic_store_n(&b->q->used.avail_event, b->avail, __ATOMIC_RELAXED);
	mb();
	return back_look(b);
}

#include "loop.h"
