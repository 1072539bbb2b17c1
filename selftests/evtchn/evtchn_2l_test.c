// SPDX-License-Identifier: MIT
/*
 * evtchn_2l_test.c - the shared words of 2-level event channels, one thread
 *
 * What each function does to the words, and what it tells its caller, for every
 * state a port can be in.  TAP on stdout.
 */
#include <string.h>

#include "evtchn_2l.h"
#define TAP_MAIN
#include "../lib/tap.h"

static uint64_t pending[64], mask[64], selector;
static uint8_t upcall;
static const struct evtchn_2l words = {
	pending, mask, (uint8_t *)&selector, &upcall, 64
};

static void clear(void)
{
	memset(pending, 0, sizeof(pending));
	memset(mask, 0, sizeof(mask));
	selector = 0;
	upcall = 0;
}

static enum evtchn_sent send(uint32_t port)
{
	return evtchn_2l_send(&words, port);
}

static enum evtchn_sent unmask(uint32_t port)
{
	return evtchn_2l_unmask(&words, port);
}

static bool only_bit(const uint64_t *words, uint32_t port)
{
	for (unsigned int i = 0; i < 64; i++) {
		uint64_t want = i == port / 64 ? 1ULL << (port % 64) : 0;

		if (words[i] != want)
			return false;
	}
	return true;
}

TEST(each_port_has_its_own_bits)
{
	for (uint32_t port = 0; port < EVTCHN_2L_PORTS; port++) {
		clear();
		CHECK(send(port) == EVTCHN_UPCALL);
		CHECK(only_bit(pending, port));
		CHECK(selector == 1ULL << (port / 64));
		CHECK(upcall == 1);
		CHECK(send(port) == EVTCHN_MERGED);
	}
}

TEST(one_upcall_serves_many_ports)
{
	clear();
	CHECK(send(5) == EVTCHN_UPCALL);
	CHECK(send(6) == EVTCHN_QUEUED);
	CHECK(pending[0] == 0x60);
	CHECK(send(70) == EVTCHN_QUEUED);
	CHECK(selector == 3);
}

TEST(masked_port_only_becomes_pending)
{
	clear();
	mask[1] = 1ULL << 3;
	CHECK(send(67) == EVTCHN_MASKED);
	CHECK(only_bit(pending, 67) && !selector && !upcall);
	CHECK(send(67) == EVTCHN_MERGED);
	CHECK(send(68) == EVTCHN_UPCALL);
}

TEST(unmask_redoes_what_was_missed)
{
	clear();
	CHECK(unmask(9) == EVTCHN_MERGED);
	mask[0] = 1 << 9;
	CHECK(unmask(9) == EVTCHN_MERGED);
	CHECK(!mask[0] && !selector && !upcall);

	mask[0] = 3 << 9;
	send(9);
	CHECK(unmask(9) == EVTCHN_UPCALL);
	CHECK(mask[0] == 2 << 9 && selector == 1 && upcall == 1);
	CHECK(unmask(9) == EVTCHN_MERGED);
}

TEST(receiver_takes_all)
{
	clear();
	CHECK(evtchn_2l_take_upcall(&selector, &upcall) == 0);
	send(130);
	send(5);
	CHECK(evtchn_2l_take_upcall(&selector, &upcall) == 5);
	CHECK(!selector && !upcall);

	mask[2] = 1 << 3;
	send(131);
	CHECK(evtchn_2l_ready(pending, mask, 2) == 1 << 2);
	CHECK(evtchn_2l_clear_bit(pending, 130));
	CHECK(send(130) == EVTCHN_UPCALL);
}

TEST(moved_words_are_all_looked_at)
{
	clear();
	CHECK(evtchn_2l_raise_all(&words));
	CHECK(upcall == 1 && selector == ~0ULL);
	selector = 0;
	CHECK(!evtchn_2l_raise_all(&words));
	CHECK(selector == ~0ULL);
}

/* What a guest of 32 bits shares, by its own types. */
static union {
	uint64_t words[16];
	uint32_t bits[32];
} pending32, mask32;
static union {
	uint64_t word;
	struct {
		uint8_t upcall, pad[3];
		uint32_t selector;
	};
} info32;

TEST(words_of_32_bits)
{
	static const struct evtchn_2l narrow = {
		pending32.words, mask32.words, (uint8_t *)&info32.selector,
		&info32.upcall, 32
	};

	for (uint32_t port = 0; port < 1024; port++) {
		uint32_t bit = 1U << (port % 32);

		memset(&pending32, 0, sizeof(pending32));
		info32.word = 0;
		mask32.bits[port / 32] = bit;
		CHECK(evtchn_2l_send(&narrow, port) == EVTCHN_MASKED);
		CHECK(!info32.word);
		CHECK(evtchn_2l_unmask(&narrow, port) == EVTCHN_UPCALL);
		CHECK(!mask32.bits[port / 32]);
		CHECK(pending32.bits[port / 32] == bit);
		CHECK(info32.selector == 1U << (port / 32));
		CHECK(info32.upcall == 1 && !info32.pad[0]);
	}
	info32.word = 0;
	CHECK(evtchn_2l_raise_all(&narrow));
	CHECK(info32.selector == ~0U && info32.word << 32 == 1ULL << 32);
	CHECK(!evtchn_2l_raise_all(&narrow));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(each_port_has_its_own_bits),
		TAP_TEST(one_upcall_serves_many_ports),
		TAP_TEST(masked_port_only_becomes_pending),
		TAP_TEST(unmask_redoes_what_was_missed),
		TAP_TEST(receiver_takes_all),
		TAP_TEST(moved_words_are_all_looked_at),
		TAP_TEST(words_of_32_bits),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
