// SPDX-License-Identifier: MIT
/*
 * ring_test.c - every function of ring.h, one thread, hostile peer by hand
 *
 * The shared area is at the end of its mapping, before a page without access,
 * so that a slot beyond it is not missed.
 */
#define _GNU_SOURCE
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

static void *area_new(size_t bytes)
{
	size_t room = (bytes + PAGE - 1) / PAGE * PAGE;
	uint8_t *p = mmap(NULL, room + PAGE, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (p == MAP_FAILED || mprotect(p + room, PAGE, PROT_NONE))
		abort();
	return p + room - bytes;
}

/* Both sides on an idle ring whose indexes stand at @at. */
static void setup(uint32_t at)
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

static struct req request(uint64_t id)
{
	return (struct req){ .id = id, .value = id * 7, .op = (uint32_t)id };
}

static void stage(uint32_t nr)
{
	for (uint32_t i = 0; i < nr; i++) {
		struct req r = request(i);

		CHECK(t_front_stage(&f, &r));
	}
}

static void consume(uint32_t nr)
{
	struct req r;

	for (uint32_t i = 0; i < nr; i++)
		CHECK(t_back_consume(&b, &r));
}

static void respond(uint32_t nr)
{
	struct rsp s = { .id = 0 };

	for (uint32_t i = 0; i < nr; i++)
		CHECK(t_back_respond(&b, &s));
}

static void reap(uint32_t nr)
{
	struct rsp s;

	for (uint32_t i = 0; i < nr; i++)
		CHECK(t_front_reap(&f, &s));
}

TEST(size_is_the_largest_power_of_two_that_fits)
{
	size_t slot = sizeof(union t_slot);

	CHECK(slot == 24);
	CHECK(t_ring_size(0) == 0);
	CHECK(t_ring_size(RING_HEADER_SIZE) == 0);
	CHECK(t_ring_size(RING_HEADER_SIZE + slot - 1) == 0);
	CHECK(t_ring_size(RING_HEADER_SIZE + slot) == 1);
	CHECK(t_ring_size(RING_HEADER_SIZE + 2 * slot - 1) == 1);
	CHECK(t_ring_size(RING_HEADER_SIZE + 2 * slot) == 2);
	for (size_t pages = 1; pages <= 16; pages++) {
		size_t nr = t_ring_size(pages * PAGE);

		CHECK(nr && !(nr & (nr - 1)));
		CHECK(RING_HEADER_SIZE + nr * slot <= pages * PAGE);
		CHECK(RING_HEADER_SIZE + 2 * nr * slot > pages * PAGE);
	}
	CHECK(t_ring_size(PAGE) == NR);
}

TEST(too_small_an_area_is_a_broken_ring)
{
	uint8_t *small = area_new(RING_HEADER_SIZE + 8);
	struct req r = request(1);
	struct rsp s = { .id = 1 };

	t_front_init(&f, small, RING_HEADER_SIZE + 8);
	CHECK(t_front_broken(&f));
	CHECK(!t_front_free(&f));
	CHECK(!t_front_stage(&f, &r));
	CHECK(!t_front_reap(&f, &s));
	CHECK(!t_front_arm(&f));
	CHECK(!t_front_attach(&f, small, RING_HEADER_SIZE + 8));
	CHECK(!t_back_attach(&b, small, RING_HEADER_SIZE + 8));
	CHECK(!t_back_consume(&b, &r));
	CHECK(!t_back_respond(&b, &s));
}

TEST(init_clears_the_area_and_asks_for_the_first_event)
{
	memset(page, 0xa5, PAGE);
	t_front_init(&f, page, PAGE);
	CHECK(page->req_event == 1 && page->rsp_event == 1);
	page->req_event = 0;
	page->rsp_event = 0;
	for (unsigned int i = 0; i < PAGE; i++)
		if (((uint8_t *)page)[i])
			CHECK(!"a byte of what was there before is left");
	CHECK(t_front_free(&f) == NR && !t_front_outstanding(&f));
	CHECK(!t_front_broken(&f));
}

TEST(full_and_empty)
{
	struct req r = request(0);
	struct rsp s;

	FOR_EACH_START(i) {
		setup(starts[i]);
		CHECK(!t_back_consume(&b, &r) && !t_back_pending(&b));
		CHECK(!t_front_reap(&f, &s) && !t_front_pending(&f));
		for (uint32_t n = 0; n < NR; n++) {
			CHECK(t_front_free(&f) == NR - n);
			CHECK(t_front_outstanding(&f) == n);
			CHECK(t_front_stage(&f, &r));
		}
		CHECK(!t_front_stage(&f, &r) && !t_front_free(&f));
		CHECK(t_front_publish(&f));
		CHECK(!t_front_stage(&f, &r));

		CHECK(t_back_pending(&b) == NR);
		consume(NR);
		CHECK(!t_back_consume(&b, &r));
		CHECK(t_back_unanswered(&b) == NR);
		respond(NR);
		CHECK(!t_back_unanswered(&b));
		s.id = 0;
		CHECK(!t_back_respond(&b, &s));
		CHECK(!t_front_pending(&f)); /* staged is not published */
		CHECK(t_back_publish(&b));

		CHECK(t_front_pending(&f) == NR);
		CHECK(!t_front_free(&f)); /* ready is not reaped */
		reap(NR);
		CHECK(!t_front_reap(&f, &s));
		CHECK(t_front_free(&f) == NR && !t_front_outstanding(&f));
		CHECK(!t_front_broken(&f) && !t_back_broken(&b));
	}
}

TEST(contents_pass_in_order_through_many_wraps)
{
	FOR_EACH_START(i) {
		uint64_t sent = 0, served = 0, done = 0;
		unsigned int seed = 1;

		setup(starts[i]);
		while (done < 20 * NR) {
			uint32_t batch = 1 + rand_r(&seed) % NR;
			struct req r;
			struct rsp s;

			while (batch--) {
				r = request(sent);
				if (!t_front_stage(&f, &r))
					break;
				sent++;
			}
			t_front_publish(&f);
			while (t_back_consume(&b, &r)) {
				REQUIRE(r.id == served);
				REQUIRE(r.value == served * 7);
				REQUIRE(r.op == (uint32_t)served);
				s.id = served++;
				s.status = (int16_t)-s.id;
				REQUIRE(t_back_respond(&b, &s));
			}
			t_back_publish(&b);
			while (t_front_reap(&f, &s)) {
				REQUIRE(s.id == done);
				REQUIRE(s.status == (int16_t)-done);
				done++;
			}
		}
		CHECK(sent == done && served == done);
		CHECK(!t_front_broken(&f) && !t_back_broken(&b));
	}
}

TEST(staging_alone_shows_nothing)
{
	setup(5);
	stage(3);
	CHECK(page->req_prod == 5);
	CHECK(!t_back_pending(&b));
	t_front_publish(&f);
	CHECK(page->req_prod == 8);
	consume(3);
	respond(2);
	CHECK(page->rsp_prod == 5);
	t_back_publish(&b);
	CHECK(page->rsp_prod == 7);
}

/* The peer asked for an event at @event; expected: old < event <= new. */
TEST(notify_exactly_when_the_event_index_is_passed)
{
	FOR_EACH_START(i) {
		for (uint32_t batch = 1; batch <= 8; batch++) {
			for (int32_t d = -4; d <= 12; d++) {
				uint32_t at = starts[i];
				bool want = d >= 1 && d <= (int32_t)batch;

				setup(at);
				page->req_event = at + (uint32_t)d;
				stage(batch);
				CHECK(t_front_publish(&f) == want);

				page->rsp_event = at + (uint32_t)d;
				consume(batch);
				respond(batch);
				CHECK(t_back_publish(&b) == want);
			}
		}
	}
}

/* What was published last is private: the peer cannot change it. */
TEST(notify_does_not_read_our_own_index_back)
{
	setup(100);
	page->req_event = 102;
	page->req_prod = 0x12345678; /* by a hostile peer */
	stage(1);
	CHECK(!t_front_publish(&f));
	CHECK(page->req_prod == 101);
	page->req_prod = 150;
	stage(1);
	CHECK(t_front_publish(&f));
	CHECK(page->req_prod == 102);
}

TEST(publishing_nothing_touches_nothing)
{
	setup(9);
	stage(2);
	t_front_publish(&f);
	consume(2);
	respond(1);
	t_back_publish(&b);
	/* An access would kill the test. */
	if (mprotect((void *)((uintptr_t)page & ~(uintptr_t)(PAGE - 1)), PAGE,
		     PROT_NONE))
		abort();
	CHECK(!t_front_publish(&f));
	CHECK(!t_back_publish(&b));
	CHECK(t_front_outstanding(&f) == 2 && t_back_unanswered(&b) == 1);
	if (mprotect((void *)((uintptr_t)page & ~(uintptr_t)(PAGE - 1)), PAGE,
		     PROT_READ | PROT_WRITE))
		abort();
}

/* Neither side writes to the page but where it must. */
TEST(looking_writes_nothing)
{
	struct req r;
	struct rsp s = { .id = 0 };

	setup(9);
	stage(2);
	t_front_publish(&f);
	if (mprotect((void *)((uintptr_t)page & ~(uintptr_t)(PAGE - 1)), PAGE,
		     PROT_READ))
		abort();
	CHECK(t_back_pending(&b) == 2);
	consume(2);
	CHECK(!t_back_consume(&b, &r));
	CHECK(t_back_rewind(&b, 2));
	consume(1);
	CHECK(!t_front_reap(&f, &s));
	CHECK(!t_front_pending(&f));
	CHECK(!t_front_publish(&f));
	if (mprotect((void *)((uintptr_t)page & ~(uintptr_t)(PAGE - 1)), PAGE,
		     PROT_READ | PROT_WRITE))
		abort();
}

TEST(arm_sets_the_event_and_looks_again)
{
	FOR_EACH_START(i) {
		uint32_t at = starts[i];

		setup(at);
		page->req_event = at - 5;
		CHECK(!t_back_arm(&b));
		CHECK(page->req_event == at + 1);
		stage(2);
		CHECK(t_front_publish(&f));
		CHECK(t_back_arm(&b));
		consume(1);
		CHECK(t_back_arm(&b));
		CHECK(page->req_event == at + 2);
		consume(1);
		CHECK(!t_back_arm(&b));
		CHECK(page->req_event == at + 3);

		CHECK(!t_front_arm(&f));
		CHECK(page->rsp_event == at + 1);
		respond(1);
		CHECK(!t_front_arm(&f)); /* not published */
		CHECK(t_back_publish(&b));
		CHECK(t_front_arm(&f));
		reap(1);
		CHECK(!t_front_arm(&f));
		CHECK(page->rsp_event == at + 2);
	}
}

TEST(arm_at_a_distance)
{
	FOR_EACH_START(i) {
		uint32_t at = starts[i];

		setup(at);
		stage(8);
		t_front_publish(&f);
		consume(8);
		CHECK(!t_front_arm_at(&f, 4));
		CHECK(page->rsp_event == at + 4);
		respond(3);
		CHECK(!t_back_publish(&b));
		CHECK(!t_front_arm_at(&f, 4)); /* three are not four */
		CHECK(t_front_pending(&f) == 3);
		respond(1);
		CHECK(t_back_publish(&b));
		CHECK(t_front_arm_at(&f, 4));
		CHECK(t_front_arm_at(&f, 3));
		reap(4);
		CHECK(!t_front_arm_at(&f, 2));
		CHECK(page->rsp_event == at + 6);

		CHECK(!t_back_arm_at(&b, 5));
		CHECK(page->req_event == at + 13);
	}
}

TEST(disarmed_hears_nothing)
{
	FOR_EACH_START(i) {
		setup(starts[i]);
		stage(4);
		t_front_publish(&f);
		consume(4);
		CHECK(!t_front_arm(&f));
		t_front_disarm(&f);
		respond(3);
		CHECK(!t_back_publish(&b));
		reap(1);
		t_front_disarm(&f); /* two are ready */
		respond(1);
		CHECK(!t_back_publish(&b));
		CHECK(t_front_arm(&f));

		CHECK(!t_back_arm(&b));
		t_back_disarm(&b);
		reap(3);
		stage(NR);
		CHECK(!t_front_publish(&f));
		CHECK(t_back_arm(&b));
	}
}

TEST(front_attach_takes_an_idle_ring_only)
{
	setup(0);
	page->req_prod = 77;
	page->rsp_prod = 77;
	page->req_event = 3;
	CHECK(t_front_attach(&f, page, PAGE));
	CHECK(t_front_free(&f) == NR);
	CHECK(page->req_event == 3 && page->req_prod == 77); /* no init */

	page->rsp_prod = 76; /* one is outstanding */
	CHECK(!t_front_attach(&f, page, PAGE) && t_front_broken(&f));
	page->rsp_prod = 78;
	CHECK(!t_front_attach(&f, page, PAGE) && t_front_broken(&f));
	page->rsp_prod = 77;
	CHECK(t_front_attach(&f, page, PAGE) && !t_front_broken(&f));
}

TEST(back_attach_starts_at_what_is_unanswered)
{
	FOR_EACH_START(i) {
		uint32_t at = starts[i];

		setup(at);
		page->req_prod = at + 3;
		CHECK(t_back_attach(&b, page, PAGE));
		CHECK(t_back_pending(&b) == 3);
		consume(3);
		CHECK(t_back_unanswered(&b) == 3);

		page->req_prod = at + NR;
		CHECK(t_back_attach(&b, page, PAGE));
		CHECK(t_back_pending(&b) == NR);
		page->req_prod = at + NR + 1;
		CHECK(!t_back_attach(&b, page, PAGE) && t_back_broken(&b));
		page->req_prod = at - 1;
		CHECK(!t_back_attach(&b, page, PAGE) && t_back_broken(&b));
	}
}

/* Broken for good: nothing more comes out even when the index is right again. */
static void check_back_dead(uint32_t right)
{
	struct req r;

	CHECK(t_back_broken(&b));
	page->req_prod = right;
	CHECK(!t_back_pending(&b));
	CHECK(!t_back_consume(&b, &r));
	CHECK(!t_back_arm(&b));
	CHECK(t_back_broken(&b));
}

static void check_front_dead(uint32_t right)
{
	struct rsp s;

	CHECK(t_front_broken(&f));
	page->rsp_prod = right;
	CHECK(!t_front_pending(&f));
	CHECK(!t_front_reap(&f, &s));
	CHECK(!t_front_arm(&f));
	CHECK(t_front_broken(&f));
}

TEST(back_refuses_forged_indexes)
{
	static const uint32_t beyond[] = { 1, 2, NR, 0x40000000, 0x7fffffff,
					   0x80000000, 0xc0000000 };
	struct req r;

	FOR_EACH_START(i) {
		uint32_t at = starts[i];

		for (size_t k = 0; k < sizeof(beyond) / sizeof(beyond[0]); k++) {
			setup(at);
			page->req_prod = at + NR + beyond[k];
			CHECK(!t_back_pending(&b));
			check_back_dead(at + 1);

			setup(at);
			page->req_prod = at + NR + beyond[k];
			CHECK(!t_back_consume(&b, &r));
			check_back_dead(at + 1);

			setup(at);
			page->req_prod = at + NR + beyond[k];
			CHECK(!t_back_arm(&b));
			check_back_dead(at + 1);
		}

		/* Behind what was consumed, and behind what was seen. */
		setup(at);
		stage(4);
		t_front_publish(&f);
		consume(2);
		page->req_prod = at + 1;
		CHECK(!t_back_pending(&b));
		check_back_dead(at + 4);

		setup(at);
		stage(4);
		t_front_publish(&f);
		consume(2);
		page->req_prod = at + 3;
		CHECK(!t_back_pending(&b));
		check_back_dead(at + 4);

		/* Responses that were only staged make no room. */
		setup(at);
		stage(NR);
		t_front_publish(&f);
		consume(4);
		respond(4);
		page->req_prod = at + NR + 1;
		CHECK(!t_back_pending(&b));
		check_back_dead(at + NR);

		/* Published ones do, exactly as much. */
		setup(at);
		stage(NR);
		t_front_publish(&f);
		consume(4);
		respond(4);
		t_back_publish(&b);
		page->req_prod = at + NR + 4;
		CHECK(t_back_pending(&b) == NR);
		page->req_prod = at + NR + 5;
		CHECK(!t_back_pending(&b));
		check_back_dead(at + NR);
	}
}

TEST(front_refuses_forged_indexes)
{
	static const uint32_t beyond[] = { 1, 2, NR, 0x40000000, 0x7fffffff,
					   0x80000000, 0xc0000000 };
	struct rsp s;

	FOR_EACH_START(i) {
		uint32_t at = starts[i];

		for (size_t k = 0; k < sizeof(beyond) / sizeof(beyond[0]); k++) {
			/* Three outstanding, two more only staged. */
			setup(at);
			stage(3);
			t_front_publish(&f);
			stage(2);
			page->rsp_prod = at + 3 + beyond[k];
			CHECK(!t_front_pending(&f));
			check_front_dead(at + 1);

			setup(at);
			stage(3);
			t_front_publish(&f);
			page->rsp_prod = at + 3 + beyond[k];
			CHECK(!t_front_reap(&f, &s));
			check_front_dead(at + 1);

			setup(at);
			stage(3);
			t_front_publish(&f);
			page->rsp_prod = at + 3 + beyond[k];
			CHECK(!t_front_arm(&f));
			check_front_dead(at + 1);
		}

		setup(at);
		stage(3);
		t_front_publish(&f);
		page->rsp_prod = at + 3;
		CHECK(t_front_pending(&f) == 3);
		reap(1);
		page->rsp_prod = at + 2; /* takes one back */
		CHECK(!t_front_pending(&f));
		check_front_dead(at + 3);

		setup(at);
		page->rsp_prod = at + 1; /* nothing was asked */
		CHECK(!t_front_reap(&f, &s));
		check_front_dead(at);
	}
}

TEST(condemned_is_broken)
{
	setup(0);
	stage(4);
	t_front_publish(&f);
	consume(2); /* and has seen two more */
	t_back_condemn(&b);
	check_back_dead(4);
	respond(2);
	t_back_publish(&b);
	reap(1);
	t_front_condemn(&f);
	check_front_dead(2);
}

TEST(a_broken_back_end_can_still_answer)
{
	setup(0);
	stage(3);
	t_front_publish(&f);
	consume(3);
	page->req_prod = 0x80000000;
	CHECK(!t_back_pending(&b) && t_back_broken(&b));
	respond(3);
	t_back_publish(&b);
	reap(3);
}

TEST(consume_takes_one_snapshot)
{
	setup(0);
	stage(2);
	t_front_publish(&f);
	consume(1);
	stage(3);
	t_front_publish(&f);
	/* Not looked at before the first two are used up. */
	page->req_prod = 0x80000000;
	consume(1);
	CHECK(!t_back_broken(&b));
	page->req_prod = 5;
	consume(3);
}

TEST(rewind_gives_the_same_slots_again)
{
	FOR_EACH_START(i) {
		struct req r;

		setup(starts[i]);
		stage(6);
		t_front_publish(&f);
		consume(4);
		respond(1);
		CHECK(t_back_unanswered(&b) == 3);
		CHECK(!t_back_rewind(&b, 4)); /* one is answered */
		CHECK(t_back_rewind(&b, 0));
		CHECK(t_back_rewind(&b, 2));
		CHECK(t_back_unanswered(&b) == 1);
		CHECK(t_back_pending(&b) == 4);
		for (uint64_t id = 2; id < 6; id++)
			CHECK(t_back_consume(&b, &r) && r.id == id);
		CHECK(!t_back_consume(&b, &r));
		CHECK(t_back_unanswered(&b) == 5);
		CHECK(!t_back_rewind(&b, 6) && !t_back_rewind(&b, ~0u));
	}
}

TEST(rewind_on_a_broken_ring_gives_nothing_back)
{
	struct req r;

	setup(0);
	stage(4);
	t_front_publish(&f);
	consume(3);
	page->req_prod = 0x80000000;
	CHECK(!t_back_pending(&b));
	CHECK(t_back_rewind(&b, 2));
	CHECK(!t_back_consume(&b, &r));
	CHECK(t_back_unanswered(&b) == 1);
}

TEST(responses_do_not_clobber_unread_requests)
{
	struct req r;
	struct rsp s;

	setup(0xfffffff0);
	stage(NR);
	t_front_publish(&f);
	for (uint64_t id = 0; id < NR; id++) {
		CHECK(t_back_consume(&b, &r) && r.id == id);
		s.id = id;
		s.status = 1;
		CHECK(t_back_respond(&b, &s));
	}
}

TEST(slots_stay_inside_any_area)
{
	for (size_t bytes = RING_HEADER_SIZE + 24; bytes < 3 * PAGE;
	     bytes += 24 * 7) {
		struct ring_shared *area = area_new(bytes);
		uint32_t nr = t_ring_size(bytes);
		struct req r = request(3);

		t_front_init(&f, area, bytes);
		CHECK(t_front_free(&f) == nr);
		CHECK(t_back_attach(&b, area, bytes));
		for (uint32_t i = 0; i < 3 * nr; i++) {
			struct rsp s = { .id = i };

			CHECK(t_front_stage(&f, &r));
			t_front_publish(&f);
			CHECK(t_back_consume(&b, &r));
			CHECK(t_back_respond(&b, &s));
			t_back_publish(&b);
			CHECK(t_front_reap(&f, &s));
		}
		munmap((void *)((uintptr_t)area & ~(uintptr_t)(PAGE - 1)),
		       (bytes + PAGE - 1) / PAGE * PAGE + PAGE);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(size_is_the_largest_power_of_two_that_fits),
		TAP_TEST(too_small_an_area_is_a_broken_ring),
		TAP_TEST(init_clears_the_area_and_asks_for_the_first_event),
		TAP_TEST(full_and_empty),
		TAP_TEST(contents_pass_in_order_through_many_wraps),
		TAP_TEST(staging_alone_shows_nothing),
		TAP_TEST(notify_exactly_when_the_event_index_is_passed),
		TAP_TEST(notify_does_not_read_our_own_index_back),
		TAP_TEST(publishing_nothing_touches_nothing),
		TAP_TEST(looking_writes_nothing),
		TAP_TEST(arm_sets_the_event_and_looks_again),
		TAP_TEST(arm_at_a_distance),
		TAP_TEST(disarmed_hears_nothing),
		TAP_TEST(front_attach_takes_an_idle_ring_only),
		TAP_TEST(back_attach_starts_at_what_is_unanswered),
		TAP_TEST(back_refuses_forged_indexes),
		TAP_TEST(front_refuses_forged_indexes),
		TAP_TEST(condemned_is_broken),
		TAP_TEST(a_broken_back_end_can_still_answer),
		TAP_TEST(consume_takes_one_snapshot),
		TAP_TEST(rewind_gives_the_same_slots_again),
		TAP_TEST(rewind_on_a_broken_ring_gives_nothing_back),
		TAP_TEST(responses_do_not_clobber_unread_requests),
		TAP_TEST(slots_stay_inside_any_area),
	};

	page = area_new(PAGE);
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
