// SPDX-License-Identifier: MIT
/*
 * ring_rte.c - two of DPDK's rings, one each way, in the benchmark
 *
 * Single producer, single consumer, elements of the slot's size, in bursts of a
 * batch.  It has no way to ask for an event.
 */
#include "contest.h"
#include "no_room.h"

#include <rte_ring.h>
#include <rte_ring_elem.h>

#define RING rte
#define RING_NAME "rte"
#define CAN_SLEEP false
#define PER_ITEM 0
#define COUNTED 1
#define BURST 32

struct front {
	struct rte_ring *out, *in;
	struct req req[BURST];
	struct rsp rsp[BURST];
	unsigned int filled, taken;
};

struct back {
	struct rte_ring *out, *in;
	struct req req[BURST];
	struct rsp rsp[BURST];
	unsigned int filled, taken;
};

#define HALF (AREA_BYTES / 2)

static inline void ring_init(struct run *r)
{
	unsigned int flags = RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ;

	rte_ring_init((struct rte_ring *)r->area, "req", r->nr, flags);
	rte_ring_init((struct rte_ring *)(r->area + HALF), "rsp", r->nr, flags);
}

static inline void front_start(struct front *f, struct run *r)
{
	f->out = (struct rte_ring *)r->area;
	f->in = (struct rte_ring *)(r->area + HALF);
	f->filled = 0;
}

static inline void back_start(struct back *b, struct run *r)
{
	b->in = (struct rte_ring *)r->area;
	b->out = (struct rte_ring *)(r->area + HALF);
	b->filled = 0;
}

static inline void front_send(struct front *f, const room_t *room, uint64_t id,
			      uint32_t i)
{
	(void)room;
	(void)i;
	req_fill(&f->req[f->filled++ % BURST], id);
}

static inline bool front_push(struct front *f, const room_t *room, uint32_t n,
			      bool notify)
{
	(void)room;
	(void)n;
	(void)notify;
	rte_ring_sp_enqueue_bulk_elem(f->out, f->req, sizeof(struct req),
				      f->filled, NULL);
	f->filled = 0;
	return false;
}

static inline uint32_t front_look(struct front *f)
{
	f->taken = 0;
	return rte_ring_sc_dequeue_burst_elem(f->in, f->rsp, sizeof(struct rsp),
					      BURST, NULL);
}

static inline bool front_take(struct front *f, uint64_t *sum)
{
	const struct rsp *s = &f->rsp[f->taken++ % BURST];

	*sum += s->id + s->sum;
	return true;
}

static inline void front_done(struct front *f)
{
	(void)f;
}

static inline bool front_arm(struct front *f)
{
	(void)f;
	return true;
}

static inline uint32_t back_look(struct back *b)
{
	b->taken = 0;
	return rte_ring_sc_dequeue_burst_elem(b->in, b->req, sizeof(struct req),
					      BURST, NULL);
}

static inline bool back_serve(struct back *b)
{
	const struct req *q = &b->req[b->taken++ % BURST];
	struct rsp *s = &b->rsp[b->filled++ % BURST];

	s->id = q->word[0];
	s->sum = req_sum(q);
	return true;
}

static inline bool back_push(struct back *b, bool notify)
{
	(void)notify;
	rte_ring_sp_enqueue_bulk_elem(b->out, b->rsp, sizeof(struct rsp),
				      b->filled, NULL);
	b->filled = 0;
	return false;
}

static inline void back_done(struct back *b)
{
	(void)b;
}

static inline bool back_arm(struct back *b)
{
	(void)b;
	return true;
}

#include "loop.h"
