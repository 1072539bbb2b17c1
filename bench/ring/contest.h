/* SPDX-License-Identifier: MIT */
/*
 * contest.h - what the rings of the benchmark have in common
 *
 * Each ring_*.c describes one ring by a few inline functions and then includes
 * loop.h, which makes of them the same front end, back end and single-threaded
 * loop for all; it is compiled once for each SLOT.
 */
#ifndef BENCH_RING_CONTEST_H
#define BENCH_RING_CONTEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AREA_BYTES (1 << 20)

struct req {
	uint64_t word[SLOT / 8];
};

struct rsp {
	uint64_t id;
	uint64_t sum;
};

/* Stands for an event channel: a word on a line of its own. */
struct event {
	uint32_t flag;
	uint64_t sent;
} __attribute__((aligned(128)));

/**
 * struct run - one measurement
 * @area: shared memory, zeroed
 * @nr: slots the ring must have
 * @qd: requests under way at most
 * @batch: requests a publication; divides @total
 * @total: requests to do
 * @notify: sleep when there is nothing to do, else spin
 * @to_back: wakes the back end
 * @to_front: wakes the front end
 */
struct run {
	uint8_t *area;
	uint32_t nr;
	uint32_t qd;
	uint32_t batch;
	uint64_t total;
	bool notify;
	struct event to_back;
	struct event to_front;
};

/**
 * struct contest - one ring with slots of one size
 * @ring: name, as in the table
 * @slot: bytes
 * @can_sleep: has event indexes or the like
 * @init: lay it out in @area
 * @front: front end's thread; the sum of what came back
 * @back: back end's thread
 * @single: both ends in turn, for counting instructions
 */
struct contest {
	const char *ring;
	unsigned int slot;
	bool can_sleep;
	void (*init)(struct run *r);
	uint64_t (*front)(struct run *r);
	void (*back)(struct run *r);
	uint64_t (*single)(struct run *r);
};

static inline void relax(void)
{
	__asm__ __volatile__("" : : : "memory");
}

static inline void event_send(struct event *e)
{
	e->sent++;
	__atomic_store_n(&e->flag, 1, __ATOMIC_RELEASE);
}

static inline void event_wait(struct event *e)
{
	while (!__atomic_load_n(&e->flag, __ATOMIC_ACQUIRE))
		relax();
	__atomic_store_n(&e->flag, 0, __ATOMIC_RELAXED);
}

/*
 * Every byte is written, every byte is read; word by word, as fields are.  In order:
 * a compiler that goes back to a line costs more than all else that differs here.
 */
static inline void req_fill(struct req *q, uint64_t id)
{
#pragma GCC unroll 16
	for (unsigned int i = 0; i < SLOT / 8; i++)
		__atomic_store_n(&q->word[i], id + i, __ATOMIC_RELAXED);
}

static inline uint64_t req_sum(const struct req *q)
{
	uint64_t sum = 0;

#pragma GCC unroll 16
	for (unsigned int i = 0; i < SLOT / 8; i++)
		sum += q->word[i];
	return sum;
}

#define GLUE_(a, b) a##_##b
#define GLUE(a, b) GLUE_(a, b)

#endif /* BENCH_RING_CONTEST_H */
