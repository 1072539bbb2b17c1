// SPDX-License-Identifier: MIT
/*
 * hostile_test.c - ring.h with a peer that lies, and ring.h's own manners
 */
#define _GNU_SOURCE
#include "ring_test.h"

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
		TAP_TEST(notify_does_not_read_our_own_index_back),
		TAP_TEST(publishing_nothing_touches_nothing),
		TAP_TEST(looking_writes_nothing),
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
