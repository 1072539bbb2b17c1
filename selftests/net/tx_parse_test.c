// SPDX-License-Identifier: MIT
/*
 * tx_parse_test.c - chains of transmit slots, good and hostile, one by one
 */
#include <string.h>

#define TAP_MAIN
#include "../lib/tap.h"
#include "tx_parse.h"

#define MORE NETIF_TXF_MORE
#define EXTRA NETIF_TXF_EXTRA

static struct tx_packet pkt;

static union netif_tx_slot data(unsigned int offset, unsigned int size,
				unsigned int flags)
{
	static unsigned int id;
	union netif_tx_slot slot = {
		.req = {
			.gref = 1000 + id,
			.offset = offset,
			.flags = flags,
			.id = id,
			.size = size,
		},
	};

	id++;
	return slot;
}

static union netif_tx_slot extra(unsigned int type, unsigned int flags)
{
	union netif_tx_slot slot = {
		.extra = { .type = type, .flags = flags },
	};

	return slot;
}

static union netif_tx_slot gso(unsigned int type, unsigned int size)
{
	union netif_tx_slot slot = extra(NETIF_EXTRA_GSO, 0);

	slot.extra.gso.type = type;
	slot.extra.gso.size = size;
	return slot;
}

static union netif_tx_slot hash(unsigned int type, unsigned int algorithm,
				unsigned int flags)
{
	union netif_tx_slot slot = extra(NETIF_EXTRA_HASH, flags);

	slot.extra.hash.type = type;
	slot.extra.hash.algorithm = algorithm;
	memcpy(slot.extra.hash.value, "\x78\xc1\xcc\xd1", 4);
	return slot;
}

/* Feed @n slots; all but the last must ask for more. */
static enum tx_parse_state feed(const union netif_tx_slot *slot, unsigned int n)
{
	enum tx_parse_state state = TX_PARSE_MORE;
	unsigned int i;

	memset(&pkt, 0xa5, sizeof(pkt));
	tx_parse_begin(&pkt);
	for (i = 0; i < n; i++) {
		if (state != TX_PARSE_MORE)
			return -1;
		state = tx_parse_feed(&pkt, &slot[i]);
	}
	return state;
}

#define FEED(...) \
	feed((const union netif_tx_slot[]){ __VA_ARGS__ }, \
	     sizeof((const union netif_tx_slot[]){ __VA_ARGS__ }) / \
	     sizeof(union netif_tx_slot))

TEST(one_slot)
{
	CHECK(FEED(data(100, 60, NETIF_TXF_CSUM_BLANK)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.nr_slots == 1 && pkt.nr_extras == 0);
	CHECK(pkt.size == 60 && pkt.slot[0].size == 60);
	CHECK(pkt.slot[0].offset == 100);
	CHECK(pkt.flags == NETIF_TXF_CSUM_BLANK);
	CHECK(!pkt.gso_type && !pkt.mcast_op);
}

/* The head request says the size of all; its own part is what is left. */
TEST(head_size_is_the_rest)
{
	CHECK(FEED(data(0, 5000, MORE), data(0, 3000, MORE), data(96, 1000, 0)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.nr_slots == 3);
	CHECK(pkt.slot[0].size == 1000);
	CHECK(pkt.slot[1].size == 3000);
	CHECK(pkt.slot[2].size == 1000);
}

TEST(gso_between_head_and_rest)
{
	CHECK(FEED(data(0, 6000, MORE | EXTRA), gso(NETIF_GSO_TCPV4, 1448),
		   data(0, 4000, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.nr_slots == 2 && pkt.nr_extras == 1);
	CHECK(pkt.gso_type == NETIF_GSO_TCPV4 && pkt.gso_size == 1448);
}

TEST(largest_packet)
{
	union netif_tx_slot slot[NETIF_SLOTS_MIN];
	unsigned int i;

	slot[0] = data(0, 65535, MORE);
	for (i = 1; i < NETIF_SLOTS_MIN; i++)
		slot[i] = data(0, i == 1 ? 65535 - 16 * 4000 - 1000 : 4000,
			       i < NETIF_SLOTS_MIN - 1 ? MORE : 0);
	CHECK(feed(slot, NETIF_SLOTS_MIN) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.nr_slots == NETIF_SLOTS_MIN);
	CHECK(pkt.slot[0].size == 1000);
}

TEST(a_page_to_its_last_byte)
{
	CHECK(FEED(data(4036, 60, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(FEED(data(4037, 60, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_RANGE);
}

TEST(piece_outside_its_page)
{
	CHECK(FEED(data(65535, 60, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_RANGE);
	CHECK(FEED(data(0, 65535, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_RANGE);
	CHECK(FEED(data(0, 5000, MORE), data(4095, 2, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_RANGE);
}

TEST(shorter_than_ethernet)
{
	CHECK(FEED(data(0, 0, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_SIZE);
	CHECK(FEED(data(0, 13, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_SIZE);
	CHECK(FEED(data(0, 14, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
}

/* As many slots as allowed and yet less than a header. */
TEST(many_slots_of_nothing)
{
	union netif_tx_slot slot[NETIF_SLOTS_MIN];
	unsigned int i;

	slot[0] = data(0, 18, MORE);
	for (i = 1; i < NETIF_SLOTS_MIN; i++)
		slot[i] = data(0, 1, i < NETIF_SLOTS_MIN - 1 ? MORE : 0);
	CHECK(feed(slot, NETIF_SLOTS_MIN) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.slot[0].size == 1);
	slot[0].req.size = 13;
	CHECK(feed(slot, NETIF_SLOTS_MIN) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_SIZE);
}

TEST(pieces_larger_than_the_whole)
{
	CHECK(FEED(data(0, 100, MORE), data(0, 101, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_SIZE);
	CHECK(FEED(data(0, 100, MORE), data(0, 65535, MORE), data(0, 65535, 0)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_SIZE);
}

TEST(zero_length_pieces)
{
	CHECK(FEED(data(0, 100, MORE), data(0, 0, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_EMPTY);
	CHECK(FEED(data(0, 100, MORE), data(0, 100, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_EMPTY);
}

/* One slot too many costs the packet, and each of its slots is answered. */
TEST(one_slot_too_many)
{
	union netif_tx_slot slot[NETIF_SLOTS_MIN + 1];
	unsigned int i;

	slot[0] = data(0, 1900, MORE);
	for (i = 1; i <= NETIF_SLOTS_MIN; i++)
		slot[i] = data(0, 100, i < NETIF_SLOTS_MIN ? MORE : 0);
	CHECK(feed(slot, NETIF_SLOTS_MIN + 1) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_SLOTS_MANY);
	CHECK(pkt.nr_slots == NETIF_SLOTS_MIN + 1);
	for (i = 0; i <= NETIF_SLOTS_MIN; i++)
		CHECK(pkt.slot[i].id == slot[i].req.id);
}

TEST(endless_chain)
{
	union netif_tx_slot slot[TX_PARSE_SLOTS_FATAL];
	unsigned int i;

	for (i = 0; i < TX_PARSE_SLOTS_FATAL; i++)
		slot[i] = data(0, 100, MORE);
	CHECK(feed(slot, TX_PARSE_SLOTS_FATAL) == TX_PARSE_FATAL);
}

TEST(endless_extras)
{
	union netif_tx_slot slot[TX_PARSE_EXTRAS + 1];
	unsigned int i;

	slot[0] = data(0, 100, EXTRA);
	for (i = 1; i <= TX_PARSE_EXTRAS; i++)
		slot[i] = extra(NETIF_EXTRA_GSO, NETIF_EXTRA_MORE);
	CHECK(feed(slot, TX_PARSE_EXTRAS + 1) == TX_PARSE_FATAL);
}

TEST(unknown_extras)
{
	static const unsigned int type[] = { 0, NETIF_EXTRA_XDP, 6, 255 };
	unsigned int i;

	for (i = 0; i < sizeof(type) / sizeof(type[0]); i++) {
		CHECK(FEED(data(0, 100, EXTRA), extra(type[i], 0)) ==
		      TX_PARSE_DONE);
		CHECK(pkt.error == TX_PARSE_EXTRA);
		CHECK(pkt.nr_slots == 1 && pkt.nr_extras == 1);
	}
}

TEST(bad_gso)
{
	CHECK(FEED(data(0, 2000, EXTRA), gso(9, 1000)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_GSO);
	CHECK(FEED(data(0, 2000, EXTRA), gso(0, 1000)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_GSO);
	CHECK(FEED(data(0, 2000, EXTRA), gso(NETIF_GSO_TCPV4, 0)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_GSO);
	CHECK(FEED(data(0, 2000, EXTRA), gso(NETIF_GSO_TCPV4, 1)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_GSO);
	CHECK(FEED(data(0, 2000, EXTRA), gso(NETIF_GSO_TCPV6, 65535)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_GSO);
	CHECK(FEED(data(0, 2000, EXTRA), gso(NETIF_GSO_TCPV6, 2000)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_GSO);
}

TEST(extra_twice)
{
	union netif_tx_slot first = gso(NETIF_GSO_TCPV4, 500);

	first.extra.flags = NETIF_EXTRA_MORE;
	CHECK(FEED(data(0, 2000, EXTRA), first, gso(NETIF_GSO_TCPV4, 500)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_EXTRA);
}

TEST(hash_of_a_packet)
{
	union netif_tx_slot first = gso(NETIF_GSO_TCPV4, 500);
	unsigned int type;

	for (type = 0; type < NETIF_HASH_TYPES; type++) {
		CHECK(FEED(data(0, 100, EXTRA),
			   hash(type, NETIF_HASH_TOEPLITZ, 0)) ==
		      TX_PARSE_DONE);
		CHECK(pkt.error == TX_PARSE_OK);
		CHECK(pkt.hashed && pkt.hash_type == type);
		CHECK(pkt.hash == 0xd1ccc178);
	}
	/* before and after another extra */
	first.extra.flags = NETIF_EXTRA_MORE;
	CHECK(FEED(data(0, 2000, EXTRA), first,
		   hash(NETIF_HASH_IPV4_TCP, NETIF_HASH_TOEPLITZ, 0)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK && pkt.hashed && pkt.gso_size == 500);
	CHECK(FEED(data(0, 2000, EXTRA),
		   hash(NETIF_HASH_IPV6_TCP, NETIF_HASH_TOEPLITZ,
			NETIF_EXTRA_MORE),
		   gso(NETIF_GSO_TCPV6, 600)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK && pkt.hashed && pkt.gso_size == 600);
	CHECK(FEED(data(0, 100, 0)) == TX_PARSE_DONE);
	CHECK(!pkt.hashed);
}

TEST(bad_hash)
{
	static const uint8_t bad[][2] = {
		{ NETIF_HASH_IPV4, NETIF_HASH_NONE },
		{ NETIF_HASH_IPV4, NETIF_HASH_TOEPLITZ + 1 },
		{ NETIF_HASH_IPV4, 255 },
		{ NETIF_HASH_TYPES, NETIF_HASH_TOEPLITZ },
		{ 255, NETIF_HASH_TOEPLITZ },
	};
	unsigned int i;

	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		CHECK(FEED(data(0, 100, EXTRA), hash(bad[i][0], bad[i][1], 0)) ==
		      TX_PARSE_DONE);
		CHECK(pkt.error == TX_PARSE_EXTRA && !pkt.hashed);
	}
	CHECK(FEED(data(0, 100, EXTRA),
		   hash(0, NETIF_HASH_TOEPLITZ, NETIF_EXTRA_MORE),
		   hash(0, NETIF_HASH_TOEPLITZ, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_EXTRA);
	/* a change of the filter is no packet */
	CHECK(FEED(data(0, 100, EXTRA),
		   hash(0, NETIF_HASH_TOEPLITZ, NETIF_EXTRA_MORE),
		   extra(NETIF_EXTRA_MCAST_ADD, 0)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_EXTRA);
}

TEST(multicast_filter)
{
	union netif_tx_slot slot = extra(NETIF_EXTRA_MCAST_ADD, 0);

	memcpy(slot.extra.mcast.addr, "\x01\x00\x5e\x00\x00\x01", 6);
	/* the data of such a request means nothing */
	CHECK(FEED(data(65535, 0, EXTRA), slot) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.mcast_op == NETIF_EXTRA_MCAST_ADD);
	CHECK(!memcmp(pkt.mcast_addr, slot.extra.mcast.addr, 6));
	/* but it is no packet */
	CHECK(FEED(data(0, 100, EXTRA | MORE), slot, data(0, 50, 0)) ==
	      TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_EXTRA);
}

/* Only the head can announce extras. */
TEST(extra_flag_on_a_later_slot)
{
	CHECK(FEED(data(0, 100, MORE), data(0, 50, EXTRA)) == TX_PARSE_DONE);
	CHECK(pkt.error == TX_PARSE_OK);
	CHECK(pkt.nr_extras == 0);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(one_slot),
		TAP_TEST(head_size_is_the_rest),
		TAP_TEST(gso_between_head_and_rest),
		TAP_TEST(largest_packet),
		TAP_TEST(a_page_to_its_last_byte),
		TAP_TEST(piece_outside_its_page),
		TAP_TEST(shorter_than_ethernet),
		TAP_TEST(many_slots_of_nothing),
		TAP_TEST(pieces_larger_than_the_whole),
		TAP_TEST(zero_length_pieces),
		TAP_TEST(one_slot_too_many),
		TAP_TEST(endless_chain),
		TAP_TEST(endless_extras),
		TAP_TEST(unknown_extras),
		TAP_TEST(bad_gso),
		TAP_TEST(extra_twice),
		TAP_TEST(hash_of_a_packet),
		TAP_TEST(bad_hash),
		TAP_TEST(multicast_filter),
		TAP_TEST(extra_flag_on_a_later_slot),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
