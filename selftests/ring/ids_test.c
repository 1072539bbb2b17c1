// SPDX-License-Identifier: MIT
/* ids_test.c - ids that were not given out, or come back twice, are noticed */
#define TAP_MAIN
#include "../lib/tap.h"

#include "ids.h"

#define MAX_NR 200

static uint64_t words[IDS_WORDS(MAX_NR)];
static struct ids ids;
static const uint32_t sizes[] = { 1, 2, 63, 64, 65, 128, 199, MAX_NR };
#define FOR_EACH_SIZE(i) \
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)

TEST(each_id_is_given_out_once)
{
	FOR_EACH_SIZE(i) {
		bool seen[MAX_NR] = { false };
		uint32_t id;

		ids_init(&ids, words, sizes[i]);
		for (uint32_t n = 0; n < sizes[i]; n++) {
			REQUIRE(ids_take(&ids, &id));
			REQUIRE(id < sizes[i] && !seen[id]);
			seen[id] = true;
		}
		CHECK(!ids_take(&ids, &id) && ids.in_flight == sizes[i]);
	}
}

TEST(what_comes_back_must_be_in_flight)
{
	FOR_EACH_SIZE(i) {
		uint32_t id, nr = sizes[i];

		ids_init(&ids, words, nr);
		for (uint64_t any = 0; any < 300; any++)
			CHECK(!ids_return(&ids, any));
		CHECK(ids_take(&ids, &id));
		CHECK(!ids_return(&ids, id + 1));
		CHECK(!ids_return(&ids, id + (1ull << 32)));
		CHECK(!ids_return(&ids, id + 64));
		CHECK(!ids_return(&ids, ~0ull));
		CHECK(!ids_return(&ids, nr));
		CHECK(ids.in_flight == 1);
		CHECK(ids_return(&ids, id));
		CHECK(!ids_return(&ids, id)); /* twice */
		CHECK(ids.in_flight == 0);
	}
}

TEST(freed_ids_are_found_again)
{
	FOR_EACH_SIZE(i) {
		uint32_t id, nr = sizes[i], seed = 7;

		ids_init(&ids, words, nr);
		while (ids_take(&ids, &id))
			;
		for (int round = 0; round < 1000; round++) {
			seed = seed * 1664525 + 1013904223;
			CHECK(ids_return(&ids, (seed >> 8) % nr));
			CHECK(ids_take(&ids, &id));
			CHECK(id == (seed >> 8) % nr);
			CHECK(!ids_take(&ids, &id));
		}
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(each_id_is_given_out_once),
		TAP_TEST(what_comes_back_must_be_in_flight),
		TAP_TEST(freed_ids_are_found_again),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
