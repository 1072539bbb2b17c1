// SPDX-License-Identifier: MIT
/*
 * stress.c - two threads on one ring, sleeping whenever they may
 *
 * stress [flag|eventfd] [requests] [seed]
 *
 * With "flag" an event is a word that the sleeper watches, and nothing else: no
 * look at the ring.  So a lost wake-up is noticed like with real events, but a
 * sleep costs nanoseconds and there are millions of them, each a chance for the
 * race.  With "eventfd" the kernel lets the thread sleep and wakes it.
 *
 * Checked: each request arrives once, in order and whole; each is answered once,
 * in order and whole; nobody sleeps while there is something to do.  Status 0 if
 * all is well; built with TSan it also finds unordered accesses.
 */
#define _GNU_SOURCE
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include "ring.h"

#define WORDS 6
#ifndef LOST_AFTER_S
#define LOST_AFTER_S 20 /* the machine may be busy with other things */
#endif

struct req {
	uint64_t id;
	uint64_t word[WORDS];
};

struct rsp {
	uint64_t id;
	uint64_t sum;
};

RING_DEFINE(st, struct req, struct rsp);

static struct ring_shared *page;
static uint64_t total;
static unsigned int seeds;
static bool use_eventfd;

struct event {
	int fd;
	uint32_t flag;
	uint64_t sleeps;
	uint64_t sent;
	const char *sleeper;
} __attribute__((aligned(128)));

static struct event to_back = { .sleeper = "back" };
static struct event to_front = { .sleeper = "front" };

static void fail(const char *what, uint64_t got, uint64_t want)
{
	printf("# %s: %" PRIu64 ", expected %" PRIu64 "\n", what, got, want);
	printf("# req_prod %u req_event %u rsp_prod %u rsp_event %u\n",
	       page->req_prod, page->req_event, page->rsp_prod,
	       page->rsp_event);
	fflush(stdout);
	_exit(1);
}

static void event_send(struct event *e)
{
	uint64_t one = 1;

	e->sent++;
	if (!use_eventfd)
		__atomic_store_n(&e->flag, 1, __ATOMIC_RELAXED);
	else if (write(e->fd, &one, sizeof(one)) != sizeof(one))
		fail("write to eventfd", 0, 1);
}

static void event_wait(struct event *e)
{
	struct pollfd p = { .fd = e->fd, .events = POLLIN };
	time_t began = time(NULL);
	uint64_t n;

	e->sleeps++;
	if (use_eventfd) {
		if (poll(&p, 1, LOST_AFTER_S * 1000) != 1)
			fail("wake-up lost, sleeps so far", e->sleeps, 0);
		if (read(e->fd, &n, sizeof(n)) != sizeof(n))
			fail("read from eventfd", 0, 1);
		return;
	}
	/* Relaxed, and nothing but the flag: no order comes from here. */
	for (n = 1; !__atomic_exchange_n(&e->flag, 0, __ATOMIC_RELAXED); n++) {
		if (n % 4096)
			continue;
		sched_yield();
		if (time(NULL) - began > LOST_AFTER_S)
			fail(e->sleeper, e->sleeps, 0);
	}
}

static unsigned int pick(unsigned int *seed, unsigned int below)
{
	*seed = *seed * 1664525 + 1013904223;
	return (*seed >> 8) % below;
}

static void *front_main(void *arg)
{
	uint64_t sent = 0, done = 0;
	unsigned int seed = seeds * 2 + 1;
	struct st_front f;

	(void)arg;
	if (!st_front_attach(&f, page, 4096))
		fail("front attach", 0, 1);
	while (done < total) {
		/* Often depth 1: there the race is closest. */
		unsigned int depth = pick(&seed, 3) ? 1 : 1 + pick(&seed, 64);
		struct rsp s;
		unsigned int n;

		while (st_front_outstanding(&f) < depth && sent < total) {
			struct req r = { .id = sent++ };

			for (int i = 0; i < WORDS; i++)
				r.word[i] = r.id * (i + 3);
			if (!st_front_stage(&f, &r))
				fail("stage", 0, 1);
			if (!pick(&seed, 5) && st_front_publish(&f))
				event_send(&to_back);
		}
		if (st_front_publish(&f))
			event_send(&to_back);

		/* Sleep until one, or until some of those under way, came. */
		n = 1 + pick(&seed, st_front_outstanding(&f));
		if (!st_front_arm_at(&f, n)) {
			if (st_front_broken(&f))
				fail("front broken", 1, 0);
			event_wait(&to_front);
		}
		while (st_front_reap(&f, &s)) {
			if (s.id != done)
				fail("response", s.id, done);
			if (s.sum != s.id * (3 + 4 + 5 + 6 + 7 + 8))
				fail("sum", s.sum, s.id);
			done++;
		}
	}
	return NULL;
}

static void *back_main(void *arg)
{
	unsigned int seed = seeds * 2 + 2;
	uint64_t served = 0;
	struct st_back b;

	(void)arg;
	if (!st_back_attach(&b, page, 4096))
		fail("back attach", 0, 1);
	while (served < total) {
		struct req r;

		while (st_back_consume(&b, &r)) {
			struct rsp s = { .id = r.id };

			if (r.id != served)
				fail("request", r.id, served);
			for (int i = 0; i < WORDS; i++)
				s.sum += r.word[i];
			served++;
			/* Sometimes take it back once, before it is answered. */
			if (!pick(&seed, 50) && st_back_rewind(&b, 1)) {
				if (!st_back_consume(&b, &r) || r.id != s.id)
					fail("rewound", r.id, s.id);
			}
			if (!st_back_respond(&b, &s))
				fail("respond", 0, 1);
			if (!pick(&seed, 20) && st_back_publish(&b))
				event_send(&to_front);
		}
		if (st_back_publish(&b))
			event_send(&to_front);
		if (served < total && !st_back_arm(&b)) {
			if (st_back_broken(&b))
				fail("back broken", 1, 0);
			event_wait(&to_back);
		}
	}
	return NULL;
}

static void pin(pthread_t t, int nth)
{
	cpu_set_t all, one;
	int cpu;

	if (sched_getaffinity(0, sizeof(all), &all) || CPU_COUNT(&all) < 2)
		return;
	for (cpu = 0; !CPU_ISSET(cpu, &all) || nth--; cpu++)
		;
	CPU_ZERO(&one);
	CPU_SET(cpu, &one);
	pthread_setaffinity_np(t, sizeof(one), &one);
}

int main(int argc, char **argv)
{
	struct st_front f;
	pthread_t front, back;

	use_eventfd = argc > 1 && !strcmp(argv[1], "eventfd");
	total = argc > 2 ? strtoull(argv[2], NULL, 0) : 1000000;
	seeds = argc > 3 ? (unsigned int)strtoul(argv[3], NULL, 0) : 1;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	to_back.fd = eventfd(0, 0);
	to_front.fd = eventfd(0, 0);
	if (page == MAP_FAILED || to_back.fd < 0 || to_front.fd < 0) {
		perror("setup");
		return 1;
	}
	st_front_init(&f, page, 4096);
	/* The indexes wrap in 32 bits on the way. */
	page->req_prod = (uint32_t)-(total / 2);
	page->rsp_prod = page->req_prod;
	page->req_event = page->req_prod + 1;
	page->rsp_event = page->req_prod + 1;

	pthread_create(&front, NULL, front_main, NULL);
	pthread_create(&back, NULL, back_main, NULL);
	pin(front, 0);
	pin(back, 1);
	pthread_join(front, NULL);
	pthread_join(back, NULL);
	printf("# %" PRIu64 " requests, sleeps: front %" PRIu64 ", back %" PRIu64
	       "; events: to front %" PRIu64 ", to back %" PRIu64 "\n",
	       total, to_front.sleeps, to_back.sleeps, to_front.sent,
	       to_back.sent);
	return 0;
}
