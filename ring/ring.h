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
 *  A  release store of the producer index in ring_show_(), with the acquire
 *     load of it in ring_refresh_(): slot contents are visible before the index.
 *  B  full barrier in ring_publish_() between our index store and the load of
 *     the peer's event index, with the full barrier in ring_ask_() between our
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

#define ring_unlikely_(c) __builtin_expect(!!(c), 0)

/*
 * Nobody uses all functions of a ring, and compilers warn of the others.  They are
 * inlined early, so that the compiler can keep a private copy in registers.
 */
#define RING_FN_ static inline __attribute__((__unused__, __always_inline__))
#ifdef __cplusplus
#define ring_assert_(c, why) static_assert(c, why)
#else
#define ring_assert_(c, why) _Static_assert(c, why)
#endif

#define RING_VERSION_MAJOR 1
#define RING_VERSION_MINOR 2

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
 * @slots: first slot; the header lies before it
 * @nr: number of slots, a power of two
 * @mask: @nr - 1
 * @prod: index of the next slot we stage
 * @published: producer index the peer has been shown; right behind @prod
 * @cons: index of the next slot we consume
 * @seen: the peer's producer index as of the last snapshot
 * @idle: looks in a row that found nothing, up to RING_IDLE_, while @cons was
 * @idle_at: this
 * @broken: sticky; the peer published an impossible index
 */
struct ring_side {
	void *slots;
	uint32_t nr;
	uint32_t mask;
	uint32_t prod;
	uint32_t published;
	uint32_t cons;
	uint32_t seen;
	uint32_t idle;
	uint32_t idle_at;
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

RING_FN_ void ring_bind_(struct ring_side *s, void *area, size_t bytes,
			 size_t slot_size)
{
	s->slots = (uint8_t *)area + RING_HEADER_SIZE;
	s->nr = ring_slots_(bytes, slot_size);
	s->mask = s->nr - 1;
	s->idle = 0;
	s->idle_at = 0;
	s->broken = !s->nr;
}

RING_FN_ struct ring_shared *ring_shared_(const struct ring_side *s)
{
	return (struct ring_shared *)s->slots - 1;
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
 * The only place that loads the peer's producer index, which is *@from.  Returns
 * how many slots are ready to be consumed.  @room is what the peer may have filled
 * beyond what it has been shown: nothing in a front end, all slots in a back end.
 */
RING_FN_ uint32_t ring_refresh_(struct ring_side *s, const uint32_t *from,
				uint32_t room)
{
	uint32_t in = ring_load_acquire_(from); /* barrier A */
	uint32_t seen = s->seen;

	/*
	 * What the peer may have reached follows from what it has been shown,
	 * and it never goes back.  @published is loaded after @in: if the peer
	 * acted on a publication of another CPU of ours, that CPU's store of
	 * @published is visible here.
	 */
	if (ring_unlikely_(in - seen > ring_load_(&s->published) + room - seen))
		ring_condemn_(s);
	if (ring_unlikely_(s->broken))
		return 0;
	s->seen = in;
	return in - s->cons;
}

/*
 * Copy @slot to private memory, loading each byte exactly once: the accesses are
 * volatile.  What the compiler makes of the contents later can only come from
 * these loads, so nobody can change them between a check and the use, and it may
 * keep them in registers.
 */
typedef uint64_t __attribute__((__may_alias__, __aligned__(1))) ring_u64_;
typedef uint32_t __attribute__((__may_alias__, __aligned__(1))) ring_u32_;

RING_FN_ void ring_copy_out_(void *to, const void *slot, size_t size)
{
	const __volatile__ ring_u64_ *from = (const ring_u64_ *)slot;
	const __volatile__ uint8_t *tail = (const uint8_t *)slot;
	ring_u64_ *word = (ring_u64_ *)to;
	size_t i;

#pragma GCC unroll 32
	for (i = 0; i < size / 8; i++)
		word[i] = from[i];
	i *= 8;
	if (size & 4) {
		*(ring_u32_ *)((uint8_t *)to + i) =
			*(const __volatile__ ring_u32_ *)(tail + i);
		i += 4;
	}
	for (; i < size; i++)
		((uint8_t *)to)[i] = tail[i];
}

/*
 * Which lines to fetch before they are needed follows from the size of a slot, as
 * measured (ring.md); and only slots within the snapshot: one that the peer is
 * working on would be torn from it.
 */
#define RING_LINE_ 64
#define RING_AHEAD_ 4 /* slots */
#define RING_MANY_ 16 /* so many ready: the peer is not near */
#define RING_IDLE_ 8 /* looks in a row for nothing: the peer is far */

#if defined(__x86_64__) || defined(__i386__)
#define ring_fetch_own_(p)                                                     \
	__asm__ __volatile__("prefetchw %0" : : "m"(*(const char *)(p)))
#else
#define ring_fetch_own_(p) __builtin_prefetch(p, 1)
#endif

/*
 * The look before has come back, and the next one waits a little.  Looks that follow
 * one another at once have several loads of the line under way, each of which takes
 * the line from the peer that is about to store to it, and are thrown away together
 * when it does.
 */
#if defined(__x86_64__)
#define ring_pace_() __asm__ __volatile__("lfence\n\tpause")
#elif defined(__i386__)
#define ring_pace_() __asm__ __volatile__("pause")
#elif defined(__aarch64__)
#define ring_pace_() __asm__ __volatile__("isb")
#elif defined(__riscv)
#define ring_pace_() __asm__ __volatile__(".4byte 0x0100000f") /* pause */
#else
#define ring_pace_() __asm__ __volatile__("")
#endif

/*
 * A look found nothing.  The second in a row is paced: who looks again at once is
 * polling.  When it takes long, each transfer of a line does, and since the peer fills
 * the slot before it moves its index both lines can be on their way at once.
 */
RING_FN_ void ring_missed_(struct ring_side *s, const void *slot,
			   size_t slot_size)
{
	if (s->idle_at != s->cons) {
		s->idle_at = s->cons;
		s->idle = 0;
		return;
	}
	if (s->idle < RING_IDLE_)
		s->idle++;
	else if (slot_size <= RING_LINE_)
		__builtin_prefetch(slot);
	ring_pace_();
}

/*
 * Show the peer all up to @now, in *@to.  False if it has been shown that.  A back end
 * that consumes on another CPU must see @published (ring_refresh_()).  A front end does
 * not: there it follows, together with @prod, and does not hold up the store that the
 * peer waits for.
 */
RING_FN_ bool ring_show_(struct ring_side *s, uint32_t *to, uint32_t now,
			 bool alone)
{
	if (s->published == now)
		return false;
	if (!alone)
		ring_store_(&s->published, now);
	ring_store_release_(to, now); /* barrier A */
	if (alone)
		*(ring_u64_ *)&s->prod = now * 0x100000001ull;
	return true;
}
ring_assert_(offsetof(struct ring_side, published) ==
		     offsetof(struct ring_side, prod) + sizeof(uint32_t),
	     "ring_show_() stores both at once");

/* The same, and true if that passes @event. */
RING_FN_ bool ring_publish_(struct ring_side *s, uint32_t *to,
			    const uint32_t *event, uint32_t now, bool alone)
{
	uint32_t old = s->published;

	if (!ring_show_(s, to, now, alone))
		return false;
	ring_mb_(); /* barrier B */
	return now - ring_load_(event) < now - old;
}

/* Ask for an event when the peer's index passes @distance from here. */
RING_FN_ void ring_ask_(struct ring_side *s, uint32_t *event, uint32_t distance)
{
	ring_store_(event, s->cons + distance);
	ring_mb_(); /* barrier B */
}

/*
 * The event index goes to where the peer's producer index has been already, so
 * it is not passed again.  No barrier: an event may be under way in any case.
 */
RING_FN_ void ring_disarm_(const struct ring_side *s, uint32_t *event)
{
	ring_store_(event, s->cons);
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
 * req_t *name_front_claim(f)
 *	The next slot, staged, to be filled in place before it is published; NULL
 *	if the ring is full.  Only write to it, and in order: what is read there is
 *	not ours, and going back to a line may mean to fetch it back.
 * bool name_front_publish(f)
 *	Show all staged requests to the peer; true if it must be notified.
 * bool name_front_publish_polled(f)
 *	The same for a peer known to poll at all times: no full barrier, no look at
 *	its event index.  True if something was shown.
 * struct name_room name_front_room(f), req_t *name_room_slot(&room, i)
 *	The free slots as of now, room.nr of them, and the i-th of these, to be filled
 *	in place as a claimed one; NULL if there are not so many.  Nothing is staged.
 * bool name_front_submit(f, n), bool name_front_submit_polled(f, n)
 *	Stage the first n free slots, which were filled so, and publish: a batch for
 *	the price of one.  False, and nothing done, if not so many are free.
 * bool name_front_reap(f, &rsp)
 *	Copy out the next response; false if there is none.  Takes a snapshot when
 *	the last one is used up.
 * bool name_front_take(f, &rsp)
 *	Copy out the next response of the last snapshot; false if it is used up.
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
 * bool name_back_take(b, &req)
 *	Copy out the next request of the last snapshot; false if it is used up.
 * bool name_back_rewind(b, n)
 *	Take back the last n consumed and unanswered requests; they will be
 *	consumed again (and must be validated again: the peer may change them).
 * uint32_t name_back_unanswered(b)
 *	Requests consumed and not yet answered.
 * bool name_back_respond(b, &rsp)
 *	Copy a response into the next slot; false if nothing is unanswered.
 * bool name_back_publish(b), name_back_publish_polled(b), name_back_arm(b),
 * name_back_arm_at(b, n), name_back_disarm(b), name_back_condemn(b),
 * name_back_broken(b)
 *	As for the front end.
 *
 * None of them blocks, allocates or takes a lock; any context.  Looks in vain at the
 * same place, from the second on, take as long as a pause of the CPU.  The producing
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
	struct name##_room {                                                   \
		union name##_slot *slots_;                                     \
		uint32_t mask_;                                                \
		uint32_t at_;                                                  \
		uint32_t nr;                                                   \
	};                                                                     \
									       \
	RING_FN_ union name##_slot *name##_slot_(                              \
		const struct ring_side *s, uint32_t i)                         \
	{                                                                      \
		union name##_slot *slot =                                      \
			(union name##_slot *)s->slots + (i & s->mask);         \
									       \
		if (!slot)                                                     \
			__builtin_unreachable();                               \
		return slot;                                                   \
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
		ring_bind_(&f->s, page, bytes, sizeof(union name##_slot));     \
		ring_start_(&f->s, 0);                                         \
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
	RING_FN_ req_t *name##_front_claim(struct name##_front *f)             \
	{                                                                      \
		uint32_t i = f->s.prod;                                        \
									       \
		if (ring_unlikely_(i == f->s.cons + f->s.nr))                  \
			return NULL;                                           \
		f->s.prod = i + 1;                                             \
		return &name##_slot_(&f->s, i)->req;                           \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_stage(struct name##_front *f,               \
					 const req_t *req)                     \
	{                                                                      \
		req_t *to = name##_front_claim(f);                             \
									       \
		if (to)                                                        \
			*to = *req;                                            \
		return to;                                                     \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_publish(struct name##_front *f)             \
	{                                                                      \
		struct ring_shared *sh = ring_shared_(&f->s);                  \
									       \
		return ring_publish_(&f->s, &sh->req_prod, &sh->req_event,     \
				     f->s.prod, true);                         \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_publish_polled(struct name##_front *f)      \
	{                                                                      \
		return ring_show_(&f->s, &ring_shared_(&f->s)->req_prod,       \
				  f->s.prod, true);                            \
	}                                                                      \
									       \
	RING_FN_ struct name##_room name##_front_room(                         \
		const struct name##_front *f)                                  \
	{                                                                      \
		struct name##_room room;                                       \
									       \
		room.slots_ = (union name##_slot *)f->s.slots;                 \
		room.mask_ = f->s.mask;                                        \
		room.at_ = f->s.prod;                                          \
		room.nr = name##_front_free(f);                                \
		return room;                                                   \
	}                                                                      \
									       \
	RING_FN_ req_t *name##_room_slot(const struct name##_room *room,       \
					 uint32_t i)                           \
	{                                                                      \
		if (ring_unlikely_(i >= room->nr))                             \
			return NULL;                                           \
		return &room->slots_[(room->at_ + i) & room->mask_].req;       \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_submit(struct name##_front *f, uint32_t n)  \
	{                                                                      \
		struct ring_shared *sh = ring_shared_(&f->s);                  \
									       \
		if (ring_unlikely_(n > name##_front_free(f)))                  \
			return false;                                          \
		return ring_publish_(&f->s, &sh->req_prod, &sh->req_event,     \
				     f->s.prod + n, true);                     \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_submit_polled(struct name##_front *f,       \
						 uint32_t n)                   \
	{                                                                      \
		if (ring_unlikely_(n > name##_front_free(f)))                  \
			return false;                                          \
		return ring_show_(&f->s, &ring_shared_(&f->s)->req_prod,       \
				  f->s.prod + n, true);                        \
	}                                                                      \
									       \
	RING_FN_ uint32_t name##_front_pending(struct name##_front *f)         \
	{                                                                      \
		uint32_t n = ring_refresh_(&f->s,                              \
					   &ring_shared_(&f->s)->rsp_prod, 0); \
									       \
		if (!n)                                                        \
			ring_missed_(&f->s, name##_slot_(&f->s, f->s.cons),    \
				     sizeof(union name##_slot));               \
		return n;                                                      \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_attach(struct name##_front *f,              \
					  void *page, size_t bytes)            \
	{                                                                      \
		ring_bind_(&f->s, page, bytes, sizeof(union name##_slot));     \
		ring_start_(&f->s,                                             \
			    ring_load_(&ring_shared_(&f->s)->req_prod));       \
		name##_front_pending(f);                                       \
		return !f->s.broken;                                           \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_take(struct name##_front *f, rsp_t *rsp)    \
	{                                                                      \
		uint32_t i = f->s.cons;                                        \
									       \
		if (i == f->s.seen)                                            \
			return false;                                          \
		ring_copy_out_(rsp, &name##_slot_(&f->s, i)->rsp,              \
			       sizeof(*rsp));                                  \
		f->s.cons = i + 1;                                             \
		return true;                                                   \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_reap(struct name##_front *f,                \
					rsp_t *rsp)                            \
	{                                                                      \
		return name##_front_take(f, rsp) ||                            \
		       (name##_front_pending(f) && name##_front_take(f, rsp)); \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_arm_at(struct name##_front *f,              \
					  uint32_t n)                          \
	{                                                                      \
		struct ring_shared *sh = ring_shared_(&f->s);                  \
									       \
		ring_ask_(&f->s, &sh->rsp_event, n);                           \
		return ring_refresh_(&f->s, &sh->rsp_prod, 0) >= n;            \
	}                                                                      \
									       \
	RING_FN_ bool name##_front_arm(struct name##_front *f)                 \
	{                                                                      \
		return name##_front_arm_at(f, 1);                              \
	}                                                                      \
									       \
	RING_FN_ void name##_front_disarm(struct name##_front *f)              \
	{                                                                      \
		ring_disarm_(&f->s, &ring_shared_(&f->s)->rsp_event);          \
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
	RING_FN_ uint32_t name##_back_pending(struct name##_back *b)           \
	{                                                                      \
		uint32_t n = ring_refresh_(&b->s,                              \
					   &ring_shared_(&b->s)->req_prod,     \
					   b->s.nr);                           \
									       \
		if (!n)                                                        \
			ring_missed_(&b->s, name##_slot_(&b->s, b->s.cons),    \
				     sizeof(union name##_slot));               \
		return n;                                                      \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_attach(struct name##_back *b,                \
					 void *page, size_t bytes)             \
	{                                                                      \
		ring_bind_(&b->s, page, bytes, sizeof(union name##_slot));     \
		ring_start_(&b->s,                                             \
			    ring_load_(&ring_shared_(&b->s)->rsp_prod));       \
		name##_back_pending(b);                                        \
		return !b->s.broken;                                           \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_take(struct name##_back *b, req_t *req)      \
	{                                                                      \
		uint32_t i = b->s.cons;                                        \
									       \
		if (i == b->s.seen)                                            \
			return false;                                          \
		/* The answer goes into the same line. */                      \
		if (sizeof(union name##_slot) == RING_LINE_ &&                 \
		    b->s.seen - i > RING_MANY_)                                \
			ring_fetch_own_(name##_slot_(&b->s, i + RING_AHEAD_)); \
		ring_copy_out_(req, &name##_slot_(&b->s, i)->req,              \
			       sizeof(*req));                                  \
		b->s.cons = i + 1;                                             \
		return true;                                                   \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_consume(struct name##_back *b,               \
					  req_t *req)                          \
	{                                                                      \
		return name##_back_take(b, req) ||                             \
		       (name##_back_pending(b) && name##_back_take(b, req));   \
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
		uint32_t i = b->s.prod;                                        \
									       \
		if (ring_unlikely_(i == b->s.cons))                            \
			return false;                                          \
		name##_slot_(&b->s, i)->rsp = *rsp;                            \
		b->s.prod = i + 1;                                             \
		return true;                                                   \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_publish(struct name##_back *b)               \
	{                                                                      \
		struct ring_shared *sh = ring_shared_(&b->s);                  \
									       \
		return ring_publish_(&b->s, &sh->rsp_prod, &sh->rsp_event,     \
				     b->s.prod, false);                        \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_publish_polled(struct name##_back *b)        \
	{                                                                      \
		return ring_show_(&b->s, &ring_shared_(&b->s)->rsp_prod,       \
				  b->s.prod, false);                           \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_arm_at(struct name##_back *b,                \
					 uint32_t n)                           \
	{                                                                      \
		struct ring_shared *sh = ring_shared_(&b->s);                  \
									       \
		ring_ask_(&b->s, &sh->req_event, n);                           \
		return ring_refresh_(&b->s, &sh->req_prod, b->s.nr) >= n;      \
	}                                                                      \
									       \
	RING_FN_ bool name##_back_arm(struct name##_back *b)                   \
	{                                                                      \
		return name##_back_arm_at(b, 1);                               \
	}                                                                      \
									       \
	RING_FN_ void name##_back_disarm(struct name##_back *b)                \
	{                                                                      \
		ring_disarm_(&b->s, &ring_shared_(&b->s)->req_event);          \
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
