/* SPDX-License-Identifier: MIT */
/*
 * ring.h - a shared request/response ring, wire-compatible with Xen's
 *
 * Two parties share 1..16 pages.  The first 64 bytes hold four free-running
 * 32-bit indexes; the rest is an array of 2^n slots.  The front end puts
 * requests into slots and publishes them by moving req_prod; the back end
 * overwrites slots with responses and publishes these by moving rsp_prod.
 * A slot therefore belongs to the front end, then to the back end, then to the
 * front end again, and one set of cache lines serves both ways.
 *
 *     rsp_cons (front, private)  <=  rsp_prod  <=  req_cons (back, private)
 *                                <=  req_prod  <=  rsp_cons + nr_slots
 *
 * Each side also leaves word in req_event/rsp_event: "wake me when your
 * producer index passes this".  A side that polls never moves its event index
 * and so is never notified.
 *
 * Rules this header enforces, so that its users cannot forget them:
 *  - the peer's index is loaded in one function, once a pass, and bounded by
 *    what can be outstanding; a forged index sets a sticky error;
 *  - consuming copies a slot to private memory and never reads it again;
 *  - sizes, masks and everything we published live in private memory;
 *  - staging and publishing are separate; publishing nothing costs nothing.
 *
 * Typical pass of a back end:
 *
 *     do {
 *             while (blk_back_consume(b, &req))
 *                     serve(&req);
 *             if (blk_back_publish(b))
 *                     notify();
 *     } while (blk_back_arm(b));
 *
 * where blk_back_consume() takes a new snapshot of the peer's index only when
 * the last one is used up.
 *
 * The header needs nothing but the compiler.  It builds in the Linux kernel, in
 * a freestanding program and in user space, as C11 and as C++.
 *
 * Barriers come in pairs, named by letter:
 *  A  release store of the producer index in ring_publish_(), with the acquire
 *     load of it in ring_refresh_(): slot contents are visible before the index.
 *  B  full barrier in ring_publish_() between our index store and the load of
 *     the peer's event index, with the full barrier in ring_arm_() between our
 *     event index store and the load of the peer's producer index: of the two
 *     sides at least one sees the other's store, so no wake-up is lost.
 *  C  the slot reads of ring_copy_out_() are complete before the slot is given
 *     back: by the peer's view through barrier A of the answer (back end) or of
 *     the next request (front end) that reuses it.
 */
#ifndef TENON_RING_H
#define TENON_RING_H

#ifdef __KERNEL__
#include <linux/compiler.h>
#include <linux/string.h>
#include <linux/types.h>
#include <asm/barrier.h>
/*
 * virt_*(): the peer may run on another CPU even if this kernel is built for
 * one.
 */
#define ring_load_(p) READ_ONCE(*(p))
#define ring_load_acquire_(p) virt_load_acquire(p)
#define ring_store_(p, v) WRITE_ONCE(*(p), v)
#define ring_store_release_(p, v) virt_store_release(p, v)
#define ring_mb_() virt_mb()
#else
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#define ring_load_(p) __atomic_load_n(p, __ATOMIC_RELAXED)
#define ring_load_acquire_(p) __atomic_load_n(p, __ATOMIC_ACQUIRE)
#define ring_store_(p, v) __atomic_store_n(p, v, __ATOMIC_RELAXED)
#define ring_store_release_(p, v) __atomic_store_n(p, v, __ATOMIC_RELEASE)
#define ring_mb_() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#endif

/* Nobody uses all functions of a ring, and compilers warn of the others. */
#define RING_FN_ static inline __attribute__((__unused__))
#ifdef __cplusplus
#define ring_assert_(c, why) static_assert(c, why)
#else
#define ring_assert_(c, why) _Static_assert(c, why)
#endif

#define RING_VERSION_MAJOR 1
#define RING_VERSION_MINOR 0

#define RING_HEADER_SIZE 64

/**
 * struct ring_shared - the header both sides see (Xen public io/ring.h)
 * @req_prod: requests published by the front end; written by the front end
 * @req_event: notify the back end when req_prod passes this; back end's
 * @rsp_prod: responses published by the back end; written by the back end
 * @rsp_event: notify the front end when rsp_prod passes this; front end's
 * @pad: brings the header to 64 bytes
 */
struct ring_shared {
	uint32_t req_prod;
	uint32_t req_event;
	uint32_t rsp_prod;
	uint32_t rsp_event;
	uint8_t pad[RING_HEADER_SIZE - 16];
};
ring_assert_(sizeof(struct ring_shared) == RING_HEADER_SIZE, "wire format");

/**
 * struct ring_side - one side's private view; never put it in shared memory
 * @in: where the peer publishes what we consume
 * @in_event: where we ask to be notified
 * @out: where we publish what we produce
 * @out_event: where the peer asks to be notified
 * @slots: first slot
 * @nr: number of slots, a power of two
 * @mask: @nr - 1
 * @prod: index of the next slot we stage
 * @published: producer index the peer has been shown
 * @cons: index of the next slot we consume
 * @seen: the peer's producer index as of the last snapshot
 * @room: slots the peer may have filled beyond @published: 0 in a front end, @nr
 *	in a back end.  The peer's index is valid while it is at most @published +
 *	@room and not behind @seen.
 * @broken: sticky; the peer published an impossible index
 */
struct ring_side {
	const uint32_t *in;
	uint32_t *in_event;
	uint32_t *out;
	const uint32_t *out_event;
	void *slots;
	uint32_t nr;
	uint32_t mask;
	uint32_t prod;
	uint32_t published;
	uint32_t cons;
	uint32_t seen;
	uint32_t room;
	bool broken;
};

/* The ring_*_() functions are internal; use the typed ones of RING_DEFINE(). */

RING_FN_ uint32_t ring_slots_(size_t bytes, size_t slot_size)
{
	size_t room = bytes > RING_HEADER_SIZE ? bytes - RING_HEADER_SIZE : 0;
	uint32_t nr = 1;

	if (room < slot_size)
		return 0;
	while ((size_t)nr * 2 * slot_size <= room)
		nr *= 2;
	return nr;
}

RING_FN_ void ring_bind_front_(struct ring_side *s, void *page,
			       size_t bytes, size_t slot_size)
{
	struct ring_shared *sh = (struct ring_shared *)page;

	s->in = &sh->rsp_prod;
	s->in_event = &sh->rsp_event;
	s->out = &sh->req_prod;
	s->out_event = &sh->req_event;
	s->slots = (uint8_t *)page + RING_HEADER_SIZE;
	s->nr = ring_slots_(bytes, slot_size);
	s->mask = s->nr - 1;
	s->room = 0;
	s->broken = !s->nr;
}

RING_FN_ void ring_bind_back_(struct ring_side *s, void *page,
			      size_t bytes, size_t slot_size)
{
	struct ring_shared *sh = (struct ring_shared *)page;

	s->in = &sh->req_prod;
	s->in_event = &sh->req_event;
	s->out = &sh->rsp_prod;
	s->out_event = &sh->rsp_event;
	s->slots = (uint8_t *)page + RING_HEADER_SIZE;
	s->nr = ring_slots_(bytes, slot_size);
	s->mask = s->nr - 1;
	s->room = s->nr;
	s->broken = !s->nr;
}

RING_FN_ void ring_start_(struct ring_side *s, uint32_t at)
{
	s->prod = at;
	s->published = at;
	s->cons = at;
	s->seen = at;
}

/* Nothing more comes out of the ring, what was seen already included. */
RING_FN_ void ring_condemn_(struct ring_side *s)
{
	s->broken = true;
	s->seen = s->cons;
}

/*
 * The only place that loads the peer's producer index.  Returns how many slots
 * are ready to be consumed.
 */
RING_FN_ uint32_t ring_refresh_(struct ring_side *s)
{
	uint32_t in = ring_load_acquire_(s->in); /* barrier A */

	if (s->broken)
		return 0;
	/*
	 * What the peer may have reached follows from what it has been shown,
	 * and it never goes back.  @published is loaded after @in: if the peer
	 * acted on a publication of another CPU of ours, that CPU's store of
	 * @published is visible here.
	 */
	if (in - s->seen > ring_load_(&s->published) + s->room - s->seen) {
		ring_condemn_(s);
		return 0;
	}
	s->seen = in;
	return in - s->cons;
}

/*
 * Copy @slot to the private object *@to.  From here on its contents come from
 * memory that something unknown to the compiler has written: it cannot read the
 * slot again, nor only what it needs, in pieces, when it needs it.
 */
#define ring_copy_out_(to, slot)                                               \
	do {                                                                   \
		__builtin_memcpy(to, slot, sizeof(*(to)));                     \
		__asm__ __volatile__("" : "+m"(*(to)));                        \
	} while (0)

RING_FN_ bool ring_publish_(struct ring_side *s)
{
	uint32_t old = s->published;
	uint32_t now = s->prod;

	if (old == now)
		return false;
	ring_store_(&s->published, now);
	ring_store_release_(s->out, now); /* barrier A */
	ring_mb_(); /* barrier B */
	return now - ring_load_(s->out_event) < now - old;
}

RING_FN_ bool ring_arm_(struct ring_side *s, uint32_t distance)
{
	ring_store_(s->in_event, s->cons + distance);
	ring_mb_(); /* barrier B */
	return ring_refresh_(s) >= distance;
}

/*
 * The event index goes to where the peer's producer index has been already, so
 * it is not passed again.  No barrier: an event may be under way in any case.
 */
RING_FN_ void ring_disarm_(struct ring_side *s)
{
	ring_store_(s->in_event, s->cons);
}

/**
 * RING_DEFINE() - make the types and functions of one ring
 * @name: prefix of everything that is made
 * @req_t: type of a request, laid out as on the wire
 * @rsp_t: type of a response, laid out as on the wire
 *
 * Makes, for both:
 *
 * uint32_t name_ring_size(bytes)
 *	Slots that a shared area of @bytes holds, 0 if not even one.
 *
 * For the front end (who creates the page and asks):
 *
 * void name_front_init(f, page, bytes)
 *	Initialise a fresh shared page area of @bytes and the private side.  The
 *	area becomes all zeroes but for the event indexes.
 * bool name_front_attach(f, page, bytes)
 *	Take over a live ring on which nothing is outstanding; false if the
 *	indexes say otherwise.
 * uint32_t name_front_free(f)
 *	Slots that can still be staged.
 * uint32_t name_front_outstanding(f)
 *	Requests staged or published whose responses were not yet reaped.
 * bool name_front_stage(f, &req)
 *	Copy a request into the next slot; false if the ring is full.
 * bool name_front_publish(f)
 *	Show all staged requests to the peer; true if it must be notified.
 * bool name_front_reap(f, &rsp)
 *	Copy out the next response; false if there is none.
 * uint32_t name_front_pending(f)
 *	Take a snapshot; the number of responses ready.
 * bool name_front_arm(f), bool name_front_arm_at(f, n)
 *	Ask to be notified of the next response, or of the n-th from here (n >= 1).
 *	True if it is there already: go on reaping instead of sleeping.
 * void name_front_disarm(f)
 *	Ask for no events, after arming: one that polls wants none.  One that is
 *	under way may still come.
 * void name_front_condemn(f)
 *	What the peer wrote into a slot cannot be true: treat it like one that
 *	published an impossible index.
 * bool name_front_broken(f)
 *	The peer published an impossible index, or was condemned.  Sticky; nothing
 *	more is reaped.
 *
 * And for the back end (who maps the page and answers):
 *
 * bool name_back_attach(b, page, bytes)
 *	Take over a ring at the response index found in it; false if the indexes
 *	are impossible.
 * uint32_t name_back_pending(b)
 *	Take a snapshot; the number of requests ready.
 * bool name_back_consume(b, &req)
 *	Copy out the next request; false if there is none.
 * bool name_back_rewind(b, n)
 *	Take back the last n consumed and unanswered requests; they will be
 *	consumed again (and must be validated again: the peer may change them).
 * uint32_t name_back_unanswered(b)
 *	Requests consumed and not yet answered.
 * bool name_back_respond(b, &rsp)
 *	Copy a response into the next slot; false if nothing is unanswered.
 * bool name_back_publish(b), name_back_arm(b), name_back_arm_at(b, n),
 * name_back_disarm(b), name_back_condemn(b), name_back_broken(b): as for the
 * front end.
 *
 * None of them blocks, allocates or takes a lock; any context.  The producing
 * calls (stage/respond, publish) must be serialised among themselves by the
 * caller, and so must the consuming ones (reap/consume, pending, arm); in a
 * front end name_front_free() and the bound of the peer's index use both
 * indexes, so there the two groups share one lock or one context.
 */
#define RING_DEFINE(name, req_t, rsp_t)                                        \
	union name##_slot {                                                    \
		req_t req;                                                     \
		rsp_t rsp;                                                     \
	};                                                                     \
	ring_assert_(__alignof__(union name##_slot) <= RING_HEADER_SIZE,       \
		     "the slots follow the header at once");                   \
	struct name##_front {                                                  \
		struct ring_side s;                                            \
	};                                                                     \
	struct name##_back {                                                   \
		struct ring_side s;                                            \
	};                                                                     \
                                                                               \
	RING_FN_ union name##_slot *name##_slot_(                              \
		const struct ring_side *s, uint32_t i)                         \
	{                                                                      \
		return (union name##_slot *)s->slots + (i & s->mask);          \
	}                                                                      \
                                                                               \
	RING_FN_ uint32_t name##_ring_size(size_t bytes)                       \
	{                                                                      \
		return ring_slots_(bytes, sizeof(union name##_slot));          \
	}                                                                      \
                                                                               \
	RING_FN_ void name##_front_init(struct name##_front *f,                \
					void *page, size_t bytes)              \
	{                                                                      \
		struct ring_shared *sh = (struct ring_shared *)page;           \
                                                                               \
		__builtin_memset(page, 0, bytes);                              \
		ring_store_(&sh->req_event, 1);                                \
		ring_store_(&sh->rsp_event, 1);                                \
		ring_bind_front_(&f->s, page, bytes,                           \
				 sizeof(union name##_slot));                   \
		ring_start_(&f->s, 0);                                         \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_attach(struct name##_front *f,              \
					  void *page, size_t bytes)            \
	{                                                                      \
		ring_bind_front_(&f->s, page, bytes,                           \
				 sizeof(union name##_slot));                   \
		ring_start_(&f->s, ring_load_(f->s.out));                      \
		ring_refresh_(&f->s);                                          \
		return !f->s.broken;                                           \
	}                                                                      \
                                                                               \
	RING_FN_ uint32_t name##_front_free(const struct name##_front *f)      \
	{                                                                      \
		return f->s.nr - (f->s.prod - f->s.cons);                      \
	}                                                                      \
                                                                               \
	RING_FN_ uint32_t name##_front_outstanding(                            \
		const struct name##_front *f)                                  \
	{                                                                      \
		return f->s.prod - f->s.cons;                                  \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_stage(struct name##_front *f,               \
					 const req_t *req)                     \
	{                                                                      \
		if (!name##_front_free(f))                                     \
			return false;                                          \
		__builtin_memcpy(&name##_slot_(&f->s, f->s.prod)->req, req,    \
				 sizeof(*req));                                \
		f->s.prod++;                                                   \
		return true;                                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_publish(struct name##_front *f)             \
	{                                                                      \
		return ring_publish_(&f->s);                                   \
	}                                                                      \
                                                                               \
	RING_FN_ uint32_t name##_front_pending(struct name##_front *f)         \
	{                                                                      \
		return ring_refresh_(&f->s);                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_reap(struct name##_front *f,                \
					rsp_t *rsp)                            \
	{                                                                      \
		if (f->s.cons == f->s.seen && !ring_refresh_(&f->s))           \
			return false;                                          \
		ring_copy_out_(rsp, &name##_slot_(&f->s, f->s.cons)->rsp);     \
		f->s.cons++;                                                   \
		return true;                                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_arm_at(struct name##_front *f,              \
					  uint32_t n)                          \
	{                                                                      \
		return ring_arm_(&f->s, n);                                    \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_arm(struct name##_front *f)                 \
	{                                                                      \
		return ring_arm_(&f->s, 1);                                    \
	}                                                                      \
                                                                               \
	RING_FN_ void name##_front_disarm(struct name##_front *f)              \
	{                                                                      \
		ring_disarm_(&f->s);                                           \
	}                                                                      \
                                                                               \
	RING_FN_ void name##_front_condemn(struct name##_front *f)             \
	{                                                                      \
		ring_condemn_(&f->s);                                          \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_front_broken(const struct name##_front *f)        \
	{                                                                      \
		return f->s.broken;                                            \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_attach(struct name##_back *b,                \
					 void *page, size_t bytes)             \
	{                                                                      \
		ring_bind_back_(&b->s, page, bytes,                            \
				sizeof(union name##_slot));                    \
		ring_start_(&b->s, ring_load_(b->s.out));                      \
		ring_refresh_(&b->s);                                          \
		return !b->s.broken;                                           \
	}                                                                      \
                                                                               \
	RING_FN_ uint32_t name##_back_pending(struct name##_back *b)           \
	{                                                                      \
		return ring_refresh_(&b->s);                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_consume(struct name##_back *b,               \
					  req_t *req)                          \
	{                                                                      \
		if (b->s.cons == b->s.seen && !ring_refresh_(&b->s))           \
			return false;                                          \
		ring_copy_out_(req, &name##_slot_(&b->s, b->s.cons)->req);     \
		b->s.cons++;                                                   \
		return true;                                                   \
	}                                                                      \
                                                                               \
	RING_FN_ uint32_t name##_back_unanswered(                              \
		const struct name##_back *b)                                   \
	{                                                                      \
		return b->s.cons - b->s.prod;                                  \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_rewind(struct name##_back *b,                \
					 uint32_t n)                           \
	{                                                                      \
		if (n > name##_back_unanswered(b))                             \
			return false;                                          \
		b->s.cons -= n;                                                \
		/* A broken ring hands out nothing more. */                    \
		if (b->s.broken)                                               \
			b->s.seen = b->s.cons;                                 \
		return true;                                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_respond(struct name##_back *b,               \
					  const rsp_t *rsp)                    \
	{                                                                      \
		if (!name##_back_unanswered(b))                                \
			return false;                                          \
		__builtin_memcpy(&name##_slot_(&b->s, b->s.prod)->rsp, rsp,    \
				 sizeof(*rsp));                                \
		b->s.prod++;                                                   \
		return true;                                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_publish(struct name##_back *b)               \
	{                                                                      \
		return ring_publish_(&b->s);                                   \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_arm_at(struct name##_back *b,                \
					 uint32_t n)                           \
	{                                                                      \
		return ring_arm_(&b->s, n);                                    \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_arm(struct name##_back *b)                   \
	{                                                                      \
		return ring_arm_(&b->s, 1);                                    \
	}                                                                      \
                                                                               \
	RING_FN_ void name##_back_disarm(struct name##_back *b)                \
	{                                                                      \
		ring_disarm_(&b->s);                                           \
	}                                                                      \
                                                                               \
	RING_FN_ void name##_back_condemn(struct name##_back *b)               \
	{                                                                      \
		ring_condemn_(&b->s);                                          \
	}                                                                      \
                                                                               \
	RING_FN_ bool name##_back_broken(const struct name##_back *b)          \
	{                                                                      \
		return b->s.broken;                                            \
	}                                                                      \
	struct ring_side /* swallows the semicolon */

#endif /* TENON_RING_H */
