// SPDX-License-Identifier: MIT
/*
 * hash_test.c - hashes of packets by Microsoft's published values, and what a guest
 * may say of them
 */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

#define TAP_MAIN
#include "../lib/tap.h"
#include "hash.h"

#define BIT(type) (1u << (type))
#define ALL (BIT(NETIF_HASH_TYPES) - 1)

/* The key, connections and hashes that verify a receive-side scaling device. */
static const uint8_t key[HASH_KEY_MAX] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

struct vector {
	const char *from;
	const char *to;
	uint16_t from_port;
	uint16_t to_port;
	uint32_t addresses;
	uint32_t ports;
};

static const struct vector v4[] = {
	{ "66.9.149.187", "161.142.100.80", 2794, 1766, 0x323e8fc2, 0x51ccc178 },
	{ "199.92.111.2", "65.69.140.83", 14230, 4739, 0xd718262a, 0xc626b0ea },
	{ "24.19.198.95", "12.22.207.184", 12898, 38024, 0xd2d0a5de, 0x5c2b394a },
	{ "38.27.205.30", "209.142.163.6", 48228, 2217, 0x82989176, 0xafc7327f },
	{ "153.39.163.191", "202.188.127.2", 44251, 1303, 0x5d1809c5, 0x10e828a2 },
};

static const struct vector v6[] = {
	{ "3ffe:2501:200:1fff::7", "3ffe:2501:200:3::1", 2794, 1766, 0x2cc18cd5,
	  0x40207d3d },
	{ "3ffe:501:8::260:97ff:fe40:efab", "ff02::1", 14230, 4739, 0x0f0c461c,
	  0xdde51bbf },
	{ "3ffe:1900:4545:3:200:f8ff:fe21:67cf", "fe80::200:f8ff:fe21:67cf",
	  44251, 38024, 0x4b61e985, 0x02d1feef },
};

#define N(a) (sizeof(a) / sizeof((a)[0]))

static uint8_t frame[HASH_FRAME_MAX];

static void put_ports(uint8_t *at, const struct vector *v)
{
	at[0] = v->from_port >> 8;
	at[1] = v->from_port;
	at[2] = v->to_port >> 8;
	at[3] = v->to_port;
}

/* IP with @more bytes of options, behind a tag if @tagged; the frame's length. */
static unsigned int make_v4(const struct vector *v, unsigned int protocol,
			    unsigned int more, bool tagged)
{
	unsigned int at = tagged ? 18 : 14;
	uint8_t *ip = frame + at;

	memset(frame, 0x5a, sizeof(frame));
	memcpy(frame + 12, "\x81\x00\x00\x01", 4);
	memcpy(frame + at - 2, "\x08\x00", 2);
	memset(ip, 0, 20);
	ip[0] = 0x45 + more / 4;
	ip[6] = 0x40; /* not to be fragmented */
	ip[9] = protocol;
	inet_pton(AF_INET, v->from, ip + 12);
	inet_pton(AF_INET, v->to, ip + 16);
	put_ports(ip + 20 + more, v);
	return at + 20 + more + 4;
}

static unsigned int make_v6(const struct vector *v, unsigned int protocol,
			    bool tagged)
{
	unsigned int at = tagged ? 18 : 14;
	uint8_t *ip = frame + at;

	memset(frame, 0x5a, sizeof(frame));
	memcpy(frame + 12, "\x81\x00\x00\x01", 4);
	memcpy(frame + at - 2, "\x86\xdd", 2);
	memset(ip, 0, 40);
	ip[0] = 0x60;
	ip[6] = protocol;
	inet_pton(AF_INET6, v->from, ip + 8);
	inet_pton(AF_INET6, v->to, ip + 24);
	put_ports(ip + 40, v);
	return at + 40 + 4;
}

static struct hash_config make_config(uint32_t types)
{
	struct hash_config c = { 0 };

	CHECK(!hash_set_algorithm(&c, NETIF_HASH_TOEPLITZ));
	CHECK(!hash_set_types(&c, types));
	CHECK(!hash_set_key(&c, key, sizeof(key)));
	return c;
}

/* Is the frame's hash of that type and value?  None of a type of NONE. */
#define NONE NETIF_HASH_TYPES

static bool is(uint32_t types, unsigned int len, unsigned int type,
	       uint32_t value)
{
	struct hash_config c = make_config(types);
	struct hash_value hash = { 99, 99 };
	uint8_t *exact = malloc(len); /* whose end the sanitizer guards */
	bool any;

	memcpy(exact, frame, len);
	any = hash_frame(&c, exact, len, &hash);
	free(exact);
	if (type == NONE)
		return !any;
	return any && hash.type == type && hash.value == value;
}

TEST(published_ipv4)
{
	unsigned int i, len;

	for (i = 0; i < N(v4); i++) {
		len = make_v4(&v4[i], 6, 0, false);
		CHECK(is(ALL, len, NETIF_HASH_IPV4_TCP, v4[i].ports));
		CHECK(is(BIT(NETIF_HASH_IPV4), len, NETIF_HASH_IPV4,
			 v4[i].addresses));
		len = make_v4(&v4[i], 17, 0, false);
		CHECK(is(ALL, len, NETIF_HASH_IPV4, v4[i].addresses));
	}
}

TEST(published_ipv6)
{
	unsigned int i, len;

	for (i = 0; i < N(v6); i++) {
		len = make_v6(&v6[i], 6, false);
		CHECK(is(ALL, len, NETIF_HASH_IPV6_TCP, v6[i].ports));
		CHECK(is(BIT(NETIF_HASH_IPV6), len, NETIF_HASH_IPV6,
			 v6[i].addresses));
		len = make_v6(&v6[i], 17, false);
		CHECK(is(ALL, len, NETIF_HASH_IPV6, v6[i].addresses));
	}
}

TEST(behind_a_tag_and_options)
{
	CHECK(is(ALL, make_v4(&v4[0], 6, 0, true), NETIF_HASH_IPV4_TCP,
		 v4[0].ports));
	CHECK(is(ALL, make_v4(&v4[0], 6, 40, false), NETIF_HASH_IPV4_TCP,
		 v4[0].ports));
	CHECK(make_v4(&v4[0], 6, 40, true) == HASH_FRAME_MAX);
	CHECK(is(ALL, HASH_FRAME_MAX, NETIF_HASH_IPV4_TCP, v4[0].ports));
	CHECK(is(ALL, make_v6(&v6[0], 6, true), NETIF_HASH_IPV6_TCP,
		 v6[0].ports));
}

/* Only the types wanted; no type in place of another. */
TEST(types_wanted)
{
	unsigned int len = make_v4(&v4[0], 6, 0, false);

	CHECK(is(BIT(NETIF_HASH_IPV4_TCP), len, NETIF_HASH_IPV4_TCP,
		 v4[0].ports));
	CHECK(is(BIT(NETIF_HASH_IPV6) | BIT(NETIF_HASH_IPV6_TCP), len, NONE, 0));
	len = make_v4(&v4[0], 17, 0, false);
	CHECK(is(BIT(NETIF_HASH_IPV4_TCP), len, NONE, 0));
	len = make_v6(&v6[0], 6, false);
	CHECK(is(BIT(NETIF_HASH_IPV4) | BIT(NETIF_HASH_IPV4_TCP), len, NONE, 0));
	len = make_v6(&v6[0], 17, false);
	CHECK(is(BIT(NETIF_HASH_IPV6_TCP), len, NONE, 0));
	CHECK(!hash_on(&(struct hash_config){ .types = ALL }));
	CHECK(!hash_on(&(struct hash_config){ .algorithm = 1 }));
}

/* All fragments of a packet go the same way: only one of them has ports. */
TEST(fragments)
{
	unsigned int len = make_v4(&v4[0], 6, 0, false);

	frame[14 + 6] = 0x20;
	CHECK(is(ALL, len, NETIF_HASH_IPV4, v4[0].addresses));
	frame[14 + 6] = 0;
	frame[14 + 7] = 1;
	CHECK(is(ALL, len, NETIF_HASH_IPV4, v4[0].addresses));
	frame[14 + 6] = 0x1f;
	frame[14 + 7] = 0;
	CHECK(is(ALL, len, NETIF_HASH_IPV4, v4[0].addresses));
}

/* Whatever the length, nothing behind it is read, and no port is made up. */
TEST(cut_off)
{
	unsigned int n, len;

	len = make_v4(&v4[0], 6, 12, true);
	for (n = 0; n < len; n++)
		CHECK(is(ALL, n, n < 38 ? NONE : NETIF_HASH_IPV4,
			 v4[0].addresses));
	len = make_v6(&v6[0], 6, false);
	for (n = 0; n < len; n++)
		CHECK(is(ALL, n, n < 54 ? NONE : NETIF_HASH_IPV6,
			 v6[0].addresses));
}

TEST(not_ip)
{
	unsigned int len = make_v4(&v4[0], 6, 0, false);

	frame[14] = 0x44; /* a header shorter than any */
	CHECK(is(ALL, len, NONE, 0));
	frame[14] = 0x65;
	CHECK(is(ALL, len, NONE, 0));
	len = make_v6(&v6[0], 6, false);
	frame[14] = 0x40;
	CHECK(is(ALL, len, NONE, 0));
	len = make_v4(&v4[0], 6, 0, false);
	frame[13] = 0x06; /* ARP */
	CHECK(is(ALL, len, NONE, 0));
}

/* Any bytes at all; the sanitizers watch. */
TEST(anything)
{
	struct hash_config c = make_config(ALL);
	static const uint8_t kind[][2] = { { 0x08, 0x00 }, { 0x86, 0xdd },
					   { 0x81, 0x00 } };
	struct hash_value hash;
	unsigned int i, k, n;

	srandom(1);
	for (i = 0; i < 200000; i++) {
		uint8_t *exact;

		n = random() % (HASH_FRAME_MAX + 1);
		exact = malloc(n);
		for (k = 0; k < n; k++)
			exact[k] = random();
		if (n >= 14)
			memcpy(exact + 12, kind[random() % 3], 2);
		if (n >= 18 && random() % 2)
			memcpy(exact + 16, kind[random() % 3], 2);
		if (hash_frame(&c, exact, n, &hash))
			REQUIRE(hash.type < NETIF_HASH_TYPES);
		free(exact);
	}
}

TEST(algorithms)
{
	struct hash_config c = { 0 };

	CHECK(hash_get_types(&c) == -NETIF_CTRL_NOT_SUPPORTED);
	CHECK(hash_set_types(&c, ALL) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_algorithm(&c, 2) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_algorithm(&c, 0xffffffff) == -NETIF_CTRL_INVALID);
	CHECK(!hash_set_algorithm(&c, NETIF_HASH_TOEPLITZ));
	CHECK(hash_get_types(&c) == ALL);
	CHECK(hash_set_types(&c, ALL + 1) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_types(&c, 0x80000001) == -NETIF_CTRL_INVALID);
	CHECK(!hash_on(&c));
	CHECK(!hash_set_types(&c, ALL));
	CHECK(hash_on(&c));
	CHECK(!hash_set_types(&c, 0));
	CHECK(!hash_on(&c));
	CHECK(!hash_set_types(&c, ALL));
	CHECK(!hash_set_algorithm(&c, NETIF_HASH_NONE));
	CHECK(!hash_on(&c));
	CHECK(hash_get_types(&c) == -NETIF_CTRL_NOT_SUPPORTED);
}

TEST(keys)
{
	struct hash_config c = make_config(ALL);
	uint8_t zero[HASH_KEY_MAX] = { 0 };

	CHECK(hash_set_key(&c, zero, HASH_KEY_MAX + 1) == -NETIF_CTRL_OVERFLOW);
	CHECK(hash_set_key(&c, zero, 0xffffffff) == -NETIF_CTRL_OVERFLOW);
	CHECK(!memcmp(c.key, key, sizeof(key)));
	CHECK(!hash_set_key(&c, key, 16));
	CHECK(!memcmp(c.key, key, 16) && !memcmp(c.key + 16, zero, 24));
	CHECK(!hash_set_key(&c, NULL, 0));
	CHECK(!memcmp(c.key, zero, sizeof(zero)));
	CHECK(!hash_toeplitz(c.key, key, 36));
}

TEST(tables)
{
	static const uint32_t entry[HASH_MAP_MAX] = { 3, 2, 1, 0, 4 };
	struct hash_config c = make_config(ALL);
	unsigned int i;

	/* without a table */
	CHECK(hash_queue(&c, 0xffffffff, 4) == 3);
	CHECK(hash_queue(&c, 5, 1) == 0);
	CHECK(!hash_set_map(&c, entry, 0, 0, 4));
	CHECK(hash_set_map(&c, entry, 1, 0, 4) == -NETIF_CTRL_INVALID);

	CHECK(hash_set_map_size(&c, HASH_MAP_MAX + 1) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_map_size(&c, 0xffffffff) == -NETIF_CTRL_INVALID);
	CHECK(!hash_set_map_size(&c, 6));
	for (i = 0; i < 12; i++)
		CHECK(hash_queue(&c, i, 4) == 0);
	CHECK(!hash_set_map(&c, entry, 4, 2, 4));
	CHECK(hash_queue(&c, 0, 4) == 0 && hash_queue(&c, 2, 4) == 3);
	CHECK(hash_queue(&c, 6 * 1000 + 5, 4) == 0);
	CHECK(hash_queue(&c, 6 * 1000 + 4, 4) == 1);

	/* out of range, or not all of it good: nothing changes */
	CHECK(hash_set_map(&c, entry, 5, 0, 4) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_map(&c, entry, 4, 3, 4) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_map(&c, entry, 4, 0xffffffff, 4) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_map(&c, entry, 1, 6, 4) == -NETIF_CTRL_INVALID);
	CHECK(hash_set_map(&c, entry, HASH_MAP_MAX + 1, 0, 4) ==
	      -NETIF_CTRL_OVERFLOW);
	CHECK(hash_set_map(&c, entry, 0xffffffff, 1, 4) == -NETIF_CTRL_OVERFLOW);
	CHECK(hash_queue(&c, 0, 4) == 0 && hash_queue(&c, 2, 4) == 3);

	/* a new table forgets the old one */
	CHECK(!hash_set_map_size(&c, HASH_MAP_MAX));
	CHECK(hash_queue(&c, 2, 4) == 0);
	CHECK(!hash_set_map(&c, entry, HASH_MAP_MAX, 0, 5));
	CHECK(hash_queue(&c, 4 + HASH_MAP_MAX, 5) == 4);
	CHECK(!hash_set_map_size(&c, 0));
	CHECK(hash_queue(&c, 7, 4) == 3);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(published_ipv4),
		TAP_TEST(published_ipv6),
		TAP_TEST(behind_a_tag_and_options),
		TAP_TEST(types_wanted),
		TAP_TEST(fragments),
		TAP_TEST(cut_off),
		TAP_TEST(not_ip),
		TAP_TEST(anything),
		TAP_TEST(algorithms),
		TAP_TEST(keys),
		TAP_TEST(tables),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
