/* SPDX-License-Identifier: MIT */
/*
 * loop.h - front end, back end and both in one thread, for any ring
 *
 * The file that includes this has defined RING (its name as an identifier),
 * RING_NAME, CAN_SLEEP, PER_ITEM (a look shows one), COUNTED (how many may be taken
 * must be counted; else taking stops by itself), struct front, struct back, room_t, and
 *
 *	ring_init(r)		lay the ring out
 *	front_start(f, r), back_start(b, r)
 *	front_room(f, batch)	what a batch needs to know of the front end
 *	front_send(f, room, id, i)	fill the next request, the i-th of its batch
 *	front_push(f, room, n, notify)	show the n that were filled; true: wake the
 *				back end
 *	front_look(f)		how many responses may be taken now, or just
 *				some number if not COUNTED
 *	front_take(f, &sum)	take one and add up; false: none is left
 *	front_done(f)		a pass is over
 *	front_arm(f)		want an event; true: something is there already
 *	back_look(b), back_serve(b): take one request and answer it,
 *	false if none is left; back_push(b, notify), back_done(b), back_arm(b): likewise
 *
 * A driver keeps its private state in memory, so the loops do too; and it knows
 * whether it sends one at a time.
 */
#define CONTEST GLUE(GLUE(contest, RING), SLOT)

#ifdef __clang__
#define ALONE __attribute__((noinline))
#else
#define ALONE __attribute__((noinline, noclone))
#endif

/* The next of a pass of which @n were left. */
#define NEXT(n, take) (COUNTED ? (n)-- && (take) : (take))

static struct front front_state __attribute__((aligned(128)));
static struct back back_state __attribute__((aligned(128)));

static inline __attribute__((always_inline)) uint64_t
front_loop(struct run *r, struct front *f, const bool notify, const bool one)
{
	const uint64_t total = r->total;
	const uint32_t qd = r->qd, batch = one ? 1 : r->batch;
	uint64_t sent = 0, done = 0, sum = 0;

	while (done < total) {
		uint32_t n;

		while (sent < total && sent + batch <= done + qd) {
			room_t room = front_room(f, batch);

			for (n = 0; n < batch; n++)
				front_send(f, &room, sent++, n);
			if (front_push(f, &room, n, notify))
				event_send(&r->to_back);
		}
		n = front_look(f);
		if (!n) {
			if (notify && !front_arm(f))
				event_wait(&r->to_front);
			relax();
			continue;
		}
		do {
			while (NEXT(n, front_take(f, &sum)))
				done++;
			n = PER_ITEM ? front_look(f) : 0;
		} while (n);
		front_done(f);
	}
	return sum;
}

static inline __attribute__((always_inline)) void
back_loop(struct run *r, struct back *b, const bool notify)
{
	const uint64_t total = r->total;
	const uint32_t batch = r->batch;
	uint64_t served = 0;

	while (served < total) {
		uint32_t n = back_look(b), owed = 0;

		if (!n) {
			if (notify && !back_arm(b))
				event_wait(&r->to_back);
			relax();
			continue;
		}
		do {
			while (NEXT(n, back_serve(b))) {
				served++;
				if (++owed < batch)
					continue;
				owed = 0;
				if (back_push(b, notify))
					event_send(&r->to_front);
			}
			n = PER_ITEM ? back_look(b) : 0;
		} while (n);
		back_done(b);
		if (owed && back_push(b, notify))
			event_send(&r->to_front);
	}
}

static uint64_t ring_front(struct run *r)
{
	struct front *f = &front_state;

	if (r->batch == 1)
		return r->notify ? front_loop(r, f, true, true) :
				   front_loop(r, f, false, true);
	return r->notify ? front_loop(r, f, true, false) :
			   front_loop(r, f, false, false);
}

static void ring_back(struct run *r)
{
	struct back *b = &back_state;

	if (r->notify)
		back_loop(r, b, true);
	else
		back_loop(r, b, false);
}

static inline __attribute__((always_inline)) uint64_t
single_loop(struct run *r, struct front *f, struct back *b, const bool notify,
	    const bool one)
{
	const uint32_t batch = one ? 1 : r->batch;
	uint64_t sum = 0;
	uint32_t n;

	for (uint64_t id = 0; id < r->total;) {
		room_t room = front_room(f, batch);

		for (n = 0; n < batch; n++)
			front_send(f, &room, id++, n);
		sum += front_push(f, &room, n, notify);
		while ((n = back_look(b))) {
			while (NEXT(n, back_serve(b)))
				;
			if (!PER_ITEM)
				break;
		}
		back_done(b);
		sum += back_push(b, notify);
		while ((n = front_look(f))) {
			while (NEXT(n, front_take(f, &sum)))
				;
			if (!PER_ITEM)
				break;
		}
		front_done(f);
	}
	return sum;
}

static ALONE uint64_t ring_single(struct run *r)
{
	struct front *f = &front_state;
	struct back *b = &back_state;

	if (r->batch == 1)
		return r->notify ? single_loop(r, f, b, true, true) :
				   single_loop(r, f, b, false, true);
	return r->notify ? single_loop(r, f, b, true, false) :
			   single_loop(r, f, b, false, false);
}

static void ring_setup(struct run *r)
{
	ring_init(r);
	front_start(&front_state, r);
	back_start(&back_state, r);
}

extern const struct contest CONTEST;
const struct contest CONTEST = {
	.ring = RING_NAME,
	.slot = SLOT,
	.can_sleep = CAN_SLEEP,
	.init = ring_setup,
	.front = ring_front,
	.back = ring_back,
	.single = ring_single,
};
