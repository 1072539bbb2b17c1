// SPDX-License-Identifier: MIT
/*
 * ring_ck.c - two of Concurrency Kit's rings, one each way, in the benchmark
 *
 * Single producer, single consumer; requests are written in place by its reserve
 * and commit.  It has no batch and no way to ask for an event.
 */
#include "contest.h"
#include "no_room.h"

#include <ck_ring.h>

#define RING ck
#define RING_NAME "ck"
#define CAN_SLEEP false
#define PER_ITEM 0
#define COUNTED 0
#define MAX_NR 512 /* one slot is lost, so twice as many */

CK_RING_PROTOTYPE(to_back, req)
CK_RING_PROTOTYPE(to_front, rsp)

struct pair {
	struct ck_ring to_back __attribute__((aligned(128)));
	struct ck_ring to_front __attribute__((aligned(128)));
	struct req req[MAX_NR] __attribute__((aligned(128)));
	struct rsp rsp[MAX_NR] __attribute__((aligned(128)));
};

struct front {
	struct pair *p;
};

struct back {
	struct pair *p;
};

static inline void ring_init(struct run *r)
{
	struct pair *p = (struct pair *)r->area;

	_Static_assert(sizeof(struct pair) <= AREA_BYTES, "area");
	ck_ring_init(&p->to_back, r->nr * 2);
	ck_ring_init(&p->to_front, r->nr * 2);
}

static inline void front_start(struct front *f, struct run *r)
{
	f->p = (struct pair *)r->area;
}

static inline void back_start(struct back *b, struct run *r)
{
	b->p = (struct pair *)r->area;
}

static inline void front_send(struct front *f, const room_t *room, uint64_t id,
			      uint32_t i)
{
	struct req *q = ck_ring_enqueue_reserve_spsc_to_back(&f->p->to_back,
							     f->p->req);

	(void)room;
	(void)i;
	if (!q)
		return;
	req_fill(q, id);
	ck_ring_enqueue_commit_spsc(&f->p->to_back);
}

static inline bool front_push(struct front *f, const room_t *room, uint32_t n,
			      bool notify)
{
	(void)f;
	(void)room;
	(void)n;
	(void)notify;
	return false;
}

static inline uint32_t front_look(struct front *f)
{
	(void)f;
	return 1;
}

static inline bool front_take(struct front *f, uint64_t *sum)
{
	struct rsp s;

	if (!CK_RING_DEQUEUE_SPSC(to_front, &f->p->to_front, f->p->rsp, &s))
		return false;
	*sum += s.id + s.sum;
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
	(void)b;
	return 1;
}

static inline bool back_serve(struct back *b)
{
	struct req q;
	struct rsp s;

	if (!CK_RING_DEQUEUE_SPSC(to_back, &b->p->to_back, b->p->req, &q))
		return false;
	s.id = q.word[0];
	s.sum = req_sum(&q);
	return CK_RING_ENQUEUE_SPSC(to_front, &b->p->to_front, b->p->rsp, &s);
}

static inline bool back_push(struct back *b, bool notify)
{
	(void)b;
	(void)notify;
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
