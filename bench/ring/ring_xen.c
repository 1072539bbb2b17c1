// SPDX-License-Identifier: MIT
/*
 * ring_xen.c - the macros of Xen's public header in the benchmark
 *
 * Used as well as they can be: requests are filled in place, the peer's index is
 * read and checked once a pass, a batch is pushed at once.  With PER_ITEM as they
 * invite to be used: a look before every item, as in their own comment.
 *
 * RING_COPY_*() casts to "volatile typeof(dest)", which qualifies the pointer and
 * not what it points to: compilers drop the copy and read the shared slot
 * in place, as often as they like.  With PRIVATE the copy is made what it was meant
 * to be (XSA-155).  With PACED a look in vain takes as long as one of ring.h's.
 */
#include "contest.h"
#include "no_room.h"

#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <stdlib.h>
#include <string.h>
#include <xen/io/ring.h>

#ifdef PER_ITEM
#undef PER_ITEM
#define PER_ITEM 1
#define RING xen_per_item
#define RING_NAME "xen-per-item"
#else
#define PER_ITEM 0
#ifdef PRIVATE
#define RING xen_private
#define RING_NAME "xen-private"
#elif defined(PACED)
#define RING xen_paced
#define RING_NAME "xen-paced"
#else
#define RING xen
#define RING_NAME "xen"
#endif
#endif

#ifdef PRIVATE
#define made_private(p) __asm__ __volatile__("" : "+m"(*(p)))
#else
#define made_private(p) ((void)(p))
#endif

/* A look that found nothing. */
#if defined(PACED) && defined(__x86_64__)
#define missed() __asm__ __volatile__("lfence\n\tpause")
#else
#define missed() ((void)0)
#endif
#define CAN_SLEEP true
#define COUNTED 1

DEFINE_RING_TYPES(xn, struct req, struct rsp);

struct front {
	struct xn_front_ring ring;
	RING_IDX cons;
};

struct back {
	struct xn_back_ring ring;
	RING_IDX cons;
};

static inline size_t ring_bytes(const struct run *r)
{
	return offsetof(struct xn_sring, ring) + (size_t)r->nr * SLOT;
}

static inline void ring_init(struct run *r)
{
	struct xn_sring *sring = (struct xn_sring *)r->area;

	SHARED_RING_INIT(sring);
}

static inline void front_start(struct front *f, struct run *r)
{
	FRONT_RING_INIT(&f->ring, (struct xn_sring *)r->area, ring_bytes(r));
	f->cons = 0;
}

static inline void back_start(struct back *b, struct run *r)
{
	BACK_RING_INIT(&b->ring, (struct xn_sring *)r->area, ring_bytes(r));
	b->cons = 0;
}

static inline void front_send(struct front *f, const room_t *room, uint64_t id,
			      uint32_t i)
{
	(void)room;
	(void)i;
	if (RING_FULL(&f->ring))
		return;
	req_fill(RING_GET_REQUEST(&f->ring, f->ring.req_prod_pvt), id);
	f->ring.req_prod_pvt++;
}

static inline bool front_push(struct front *f, const room_t *room, uint32_t n,
			      bool notify)
{
	int kick = 0;

	(void)room;
	(void)n;
	if (notify)
		RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&f->ring, kick);
	else
		RING_PUSH_REQUESTS(&f->ring);
	return kick;
}

static inline uint32_t front_look(struct front *f)
{
	RING_IDX prod;

	if (PER_ITEM)
		return RING_HAS_UNCONSUMED_RESPONSES(&f->ring) ? 1 : 0;
	prod = *(volatile RING_IDX *)&f->ring.sring->rsp_prod;
	rmb();
	if (RING_RESPONSE_PROD_OVERFLOW(&f->ring, prod))
		abort();
	f->cons = f->ring.rsp_cons;
	if (prod == f->cons)
		missed();
	return prod - f->cons;
}

static inline bool front_take(struct front *f, uint64_t *sum)
{
	struct rsp s;

	if (PER_ITEM) {
		RING_COPY_RESPONSE(&f->ring, f->ring.rsp_cons, &s);
		f->ring.rsp_cons++;
	} else {
		RING_COPY_RESPONSE(&f->ring, f->cons, &s);
		f->cons++;
	}
	made_private(&s);
	*sum += s.id + s.sum;
	return true;
}

static inline void front_done(struct front *f)
{
	if (!PER_ITEM)
		f->ring.rsp_cons = f->cons;
}

static inline bool front_arm(struct front *f)
{
	int more;

	RING_FINAL_CHECK_FOR_RESPONSES(&f->ring, more);
	return more;
}

static inline uint32_t back_look(struct back *b)
{
	RING_IDX prod;

	if (PER_ITEM)
		return RING_HAS_UNCONSUMED_REQUESTS(&b->ring) ? 1 : 0;
	prod = *(volatile RING_IDX *)&b->ring.sring->req_prod;
	rmb();
	if (RING_REQUEST_PROD_OVERFLOW(&b->ring, prod))
		abort();
	b->cons = b->ring.req_cons;
	if (prod == b->cons)
		missed();
	return prod - b->cons;
}

static inline bool back_serve(struct back *b)
{
	struct req q;
	struct rsp s;

	if (PER_ITEM) {
		RING_COPY_REQUEST(&b->ring, b->ring.req_cons, &q);
		b->ring.req_cons++;
	} else {
		RING_COPY_REQUEST(&b->ring, b->cons, &q);
		b->cons++;
	}
	made_private(&q);
	s.id = q.word[0];
	s.sum = req_sum(&q);
	*RING_GET_RESPONSE(&b->ring, b->ring.rsp_prod_pvt) = s;
	b->ring.rsp_prod_pvt++;
	return true;
}

static inline bool back_push(struct back *b, bool notify)
{
	int kick = 0;

	if (notify)
		RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&b->ring, kick);
	else
		RING_PUSH_RESPONSES(&b->ring);
	return kick;
}

static inline void back_done(struct back *b)
{
	if (!PER_ITEM)
		b->ring.req_cons = b->cons;
}

static inline bool back_arm(struct back *b)
{
	int more;

	RING_FINAL_CHECK_FOR_REQUESTS(&b->ring, more);
	return more;
}

#include "loop.h"
