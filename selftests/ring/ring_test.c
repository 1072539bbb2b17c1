// SPDX-License-Identifier: MIT
/*
 * ring_test.c - what every function of ring.h does, in one thread
 */
#define _GNU_SOURCE
#include "ring_test.h"

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

TEST(claim_fills_in_place)
{
	FOR_EACH_START(i) {
		struct req *slot, r;

		setup(starts[i]);
		for (uint64_t id = 0; id < NR; id++) {
			slot = t_front_claim(&f);
			REQUIRE(slot);
			CHECK(t_front_free(&f) == NR - 1 - id);
			*slot = request(id);
		}
		CHECK(!t_front_claim(&f));
		CHECK(!t_back_pending(&b)); /* not published */
		CHECK(t_front_publish(&f));
		for (uint64_t id = 0; id < NR; id++)
			CHECK(t_back_consume(&b, &r) && r.id == id &&
			      r.value == id * 7);
	}
}

TEST(submit_stages_and_publishes_what_was_filled)
{
	FOR_EACH_START(i) {
		struct req r = request(0);
		struct t_room room;
		uint32_t n = 1;

		setup(starts[i]);
		CHECK(t_front_stage(&f, &r)); /* shown with the rest */
		room = t_front_room(&f);
		CHECK(room.nr == NR - 1);
		for (uint32_t k = 0; k < NR - 1; k++) {
			struct req *slot = t_room_slot(&room, k);

			REQUIRE(slot);
			*slot = request(n + k);
		}
		CHECK(!t_room_slot(&room, NR - 1));
		CHECK(t_front_free(&f) == NR - 1 && !t_back_pending(&b));
		CHECK(!t_front_submit(&f, NR)); /* too many: nothing happens */
		CHECK(!t_front_submit_polled(&f, UINT32_MAX));
		CHECK(t_front_free(&f) == NR - 1 && !t_back_pending(&b));
		CHECK(t_front_submit(&f, 3));
		CHECK(t_front_outstanding(&f) == 4 && t_back_pending(&b) == 4);
		CHECK(!t_front_submit(&f, 0) && !t_front_submit_polled(&f, 0));
		CHECK(t_front_submit_polled(&f, 2));
		CHECK(!t_front_submit(&f, NR - 6)); /* passes no event index */
		CHECK(t_back_pending(&b) == NR);
		room = t_front_room(&f);
		CHECK(!room.nr && !t_room_slot(&room, 0));
		for (n = 0; n < NR; n++)
			CHECK(t_back_consume(&b, &r) && r.id == n &&
			      r.value == n * 7);
		CHECK(!t_back_broken(&b));
		respond(NR);
		CHECK(t_back_publish(&b));
		reap(NR);
		room = t_front_room(&f);
		CHECK(t_room_slot(&room, NR - 1) && !t_room_slot(&room, NR));
	}
}

/* Slots of any size, byte for byte. */
struct odd {
	uint8_t byte[13];
};

RING_DEFINE(odd, struct odd, struct odd);

TEST(odd_sizes_are_copied_whole)
{
	uint8_t area[RING_HEADER_SIZE + 4 * sizeof(struct odd)]
		__attribute__((aligned(8)));
	struct odd_front of;
	struct odd_back ob;
	struct odd in, out;

	odd_front_init(&of, area, sizeof(area));
	REQUIRE(odd_back_attach(&ob, area, sizeof(area)));
	for (unsigned int n = 0; n < 20; n++) {
		for (unsigned int i = 0; i < sizeof(in); i++)
			in.byte[i] = (uint8_t)(n * 31 + i + 1);
		memset(&out, 0, sizeof(out));
		CHECK(odd_front_stage(&of, &in));
		odd_front_publish(&of);
		CHECK(odd_back_consume(&ob, &out));
		CHECK(!memcmp(&in, &out, sizeof(in)));
		memset(&in, 0, sizeof(in));
		CHECK(odd_back_respond(&ob, &out));
		odd_back_publish(&ob);
		CHECK(odd_front_reap(&of, &in));
		CHECK(!memcmp(&in, &out, sizeof(in)));
	}
}

TEST(take_stays_within_the_snapshot)
{
	FOR_EACH_START(i) {
		struct req r;
		struct rsp s;

		setup(starts[i]);
		stage(2);
		t_front_publish(&f);
		CHECK(!t_back_take(&b, &r)); /* nobody looked */
		CHECK(t_back_pending(&b) == 2);
		stage(1);
		t_front_publish(&f);
		CHECK(t_back_take(&b, &r) && r.id == 0);
		CHECK(t_back_take(&b, &r) && r.id == 1);
		CHECK(!t_back_take(&b, &r));
		CHECK(t_back_consume(&b, &r));
		respond(3);
		t_back_publish(&b);
		CHECK(!t_front_take(&f, &s));
		CHECK(t_front_pending(&f) == 3);
		for (int n = 0; n < 3; n++)
			CHECK(t_front_take(&f, &s));
		CHECK(!t_front_take(&f, &s));
	}
}

TEST(publish_polled_shows_and_never_notifies)
{
	setup(9);
	CHECK(!t_front_publish_polled(&f));
	stage(2);
	CHECK(t_front_publish_polled(&f));
	CHECK(page->req_prod == 11);
	CHECK(!t_front_publish_polled(&f) && !t_front_publish(&f));
	consume(2);
	respond(2);
	CHECK(t_back_publish_polled(&b));
	CHECK(page->rsp_prod == 11);
	CHECK(!t_back_publish_polled(&b) && !t_back_publish(&b));
	reap(2);
}

TEST(looking_in_vain_for_long_does_no_harm)
{
	setup(3);
	for (unsigned int n = 0; n < 1000; n++)
		CHECK(!t_front_pending(&f) && !t_back_pending(&b));
	stage(1);
	t_front_publish(&f);
	consume(1);
	respond(1);
	t_back_publish(&b);
	reap(1);
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
		TAP_TEST(arm_sets_the_event_and_looks_again),
		TAP_TEST(arm_at_a_distance),
		TAP_TEST(disarmed_hears_nothing),
		TAP_TEST(claim_fills_in_place),
		TAP_TEST(submit_stages_and_publishes_what_was_filled),
		TAP_TEST(odd_sizes_are_copied_whole),
		TAP_TEST(take_stays_within_the_snapshot),
		TAP_TEST(publish_polled_shows_and_never_notifies),
		TAP_TEST(looking_in_vain_for_long_does_no_harm),
	};

	page = area_new(PAGE);
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
