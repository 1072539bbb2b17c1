/* SPDX-License-Identifier: MIT */
/*
 * ring_test.h - both sides of one ring, for the tests with one thread
 *
 * The shared area is at the end of its mapping, before a page without access,
 * so that a slot beyond it is not missed.
 */
#ifndef SELFTESTS_RING_TEST_H
#define SELFTESTS_RING_TEST_H

#define TAP_MAIN
#include "../lib/tap.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "ring.h"

struct req {
	uint64_t id;
	uint64_t value;
	uint32_t op;
};

struct rsp {
	uint64_t id;
	int16_t status;
};

RING_DEFINE(t, struct req, struct rsp);

#define PAGE 4096u
#define NR 128u /* 24-byte slots in a page */

static struct t_front f;
static struct t_back b;
static struct ring_shared *page;

/* Indexes where something may wrap: in 32 bits, at the ring's size, nowhere. */
static const uint32_t starts[] = { 0, 1, NR - 1, NR, 0x7ffffff0, 0x80000000,
				   0xffffff00, 0xfffffffe, 0xffffffff };
#define FOR_EACH_START(i) \
	for (size_t i = 0; i < sizeof(starts) / sizeof(starts[0]); i++)

static inline void *area_new(size_t bytes)
{
	size_t room = (bytes + PAGE - 1) / PAGE * PAGE;
	uint8_t *p = mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + room, PAGE, PROT_NONE))
		abort();
	return p + room - bytes;
}

/* Both sides on an idle ring whose indexes stand at @at. */
static inline void setup(uint32_t at)
{
	memset(&f, 0xee, sizeof(f));
	memset(&b, 0xee, sizeof(b));
	t_front_init(&f, page, PAGE);
	page->req_prod = at;
	page->rsp_prod = at;
	page->req_event = at + 1;
	page->rsp_event = at + 1;
	if (!t_front_attach(&f, page, PAGE) || !t_back_attach(&b, page, PAGE))
		abort();
}

static inline struct req request(uint64_t id)
{
	return (struct req){ .id = id, .value = id * 7, .op = (uint32_t)id };
}

static inline void stage(uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct req r = request(i);

		CHECK(t_front_stage(&f, &r));
	}
}

static inline void consume(uint32_t nr)
{
	struct req r;

	for (uint32_t i = 0; i < nr; i++)
		CHECK(t_back_consume(&b, &r));
}

static inline void respond(uint32_t nr)
{
	struct rsp s = { .id = 0 };

	for (uint32_t i = 0; i < nr; i++)
		CHECK(t_back_respond(&b, &s));
}

static inline void reap(uint32_t nr)
{
	struct rsp s;

	for (uint32_t i = 0; i < nr; i++)
		CHECK(t_front_reap(&f, &s));
}

#endif /* SELFTESTS_RING_TEST_H */
