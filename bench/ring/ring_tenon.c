// SPDX-License-Identifier: MIT
/* ring_tenon.c - ring.h in the benchmark */
#include "contest.h"
#include "ring.h"

#define RING tenon
#define RING_NAME "tenon"
#define CAN_SLEEP true
#define PER_ITEM 0
#define COUNTED 0

RING_DEFINE(tn, struct req, struct rsp);

struct front {
	struct tn_front ring;
};

struct back {
	struct tn_back ring;
};

static inline void ring_init(struct run *r)
{
	(void)r;
}

static inline size_t ring_bytes(const struct run *r)
{
	return RING_HEADER_SIZE + (size_t)r->nr * SLOT;
}

static inline void front_start(struct front *f, struct run *r)
{
	tn_front_init(&f->ring, r->area, ring_bytes(r));
}

static inline void back_start(struct back *b, struct run *r)
{
	tn_back_attach(&b->ring, r->area, ring_bytes(r));
}

/* One at a time is claimed and published, a batch is filled and submitted. */
typedef struct {
	struct tn_room free;
	bool one;
} room_t;

static inline room_t front_room(const struct front *f, uint32_t batch)
{
	room_t room = { .one = batch == 1 };

	if (!room.one)
		room.free = tn_front_room(&f->ring);
	return room;
}

static inline void front_send(struct front *f, const room_t *room, uint64_t id,
			      uint32_t i)
{
	struct req *q = room->one ? tn_front_claim(&f->ring) :
				    tn_room_slot(&room->free, i);

	if (q)
		req_fill(q, id);
}

static inline bool front_push(struct front *f, const room_t *room, uint32_t n,
			      bool notify)
{
	if (room->one)
		return notify ? tn_front_publish(&f->ring) :
				(tn_front_publish_polled(&f->ring), false);
	return notify ? tn_front_submit(&f->ring, n) :
			(tn_front_submit_polled(&f->ring, n), false);
}

static inline uint32_t front_look(struct front *f)
{
	return tn_front_pending(&f->ring);
}

static inline bool front_take(struct front *f, uint64_t *sum)
{
	struct rsp s;

	if (!tn_front_take(&f->ring, &s))
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
	return tn_front_arm(&f->ring);
}

static inline uint32_t back_look(struct back *b)
{
	return tn_back_pending(&b->ring);
}

static inline bool back_serve(struct back *b)
{
	struct req q;
	struct rsp s;

	if (!tn_back_take(&b->ring, &q))
		return false;
	s.id = q.word[0];
	s.sum = req_sum(&q);
	return tn_back_respond(&b->ring, &s);
}

static inline bool back_push(struct back *b, bool notify)
{
	return notify ? tn_back_publish(&b->ring) :
			(tn_back_publish_polled(&b->ring), false);
}

static inline void back_done(struct back *b)
{
	(void)b;
}

static inline bool back_arm(struct back *b)
{
	return tn_back_arm(&b->ring);
}

#include "loop.h"
