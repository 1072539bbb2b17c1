// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * netfront_cases.c - what a hostile front end may try, one test each
 *
 * Someone in the back end's domain must broadcast now and then, for the cases
 * that receive, and its bridge send what it gets from us back to us.
 */
#include <linux/delay.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/module.h>

#include "../../lib/cases.h"
#include "../../lib/hostile_link.h"
#include "netfront_link.h"

#define ANSWERED_NOT 99

static union netif_tx_slot data(struct link *l, u16 offset, u16 size, u16 flags)
{
	union netif_tx_slot slot = {
		.req = { l->gref, offset, flags, 0x5eed, size },
	};

	return slot;
}

static union netif_tx_slot extra(u8 type, u8 flags)
{
	union netif_tx_slot slot = {
		.extra = { .type = type, .flags = flags },
	};

	return slot;
}

static union netif_tx_slot gso(u8 type, u16 size)
{
	union netif_tx_slot slot = extra(NETIF_EXTRA_GSO, 0);

	slot.extra.gso.type = type;
	slot.extra.gso.size = size;
	return slot;
}

static union netif_tx_slot hash(u8 type, u8 algorithm)
{
	union netif_tx_slot slot = extra(NETIF_EXTRA_HASH, 0);

	slot.extra.hash.type = type;
	slot.extra.hash.algorithm = algorithm;
	return slot;
}

/*
 * Sends a chain of @n slots; the status of its data slots if each slot is
 * answered and they agree.
 */
static int send(struct link *l, const union netif_tx_slot *slot, unsigned int n)
{
	int status = ANSWERED_NOT;
	struct netif_tx_rsp rsp;
	unsigned int i;

	for (i = 0; i < n; i++)
		link_put(l, &slot[i]);
	link_publish(l, l->tx.prod);
	for (i = 0; i < n; i++) {
		if (!link_answer(l, &rsp))
			return ANSWERED_NOT;
		if (rsp.status == NETIF_RSP_NULL)
			continue;
		if (rsp.id != 0x5eed ||
		    (status != ANSWERED_NOT && status != rsp.status))
			return ANSWERED_NOT;
		status = rsp.status;
	}
	return status;
}

#define SEND(l, ...)                                                           \
	send(l, (const union netif_tx_slot[]){ __VA_ARGS__ },                  \
	     sizeof((const union netif_tx_slot[]){ __VA_ARGS__ }) /            \
		     sizeof(union netif_tx_slot))

#define MORE NETIF_TXF_MORE
#define EXTRA NETIF_TXF_EXTRA
#define BLANK (NETIF_TXF_CSUM_BLANK | NETIF_TXF_DATA_VALIDATED)

static int send_sound(struct link *l)
{
	return SEND(l, data(l, 0, 60, 0));
}

/* All that parsing refuses; see tx_parse_test.c for the finer points. */
static void bad_sizes(struct link *l)
{
	EXPECT(SEND(l, data(l, 0, 0, 0)) == NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 13, 0)) == NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 65535, 0)) == NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 4095, 60, 0)) == NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 65535, 60, 0)) == NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 60, MORE), data(l, 0, 61, 0)) ==
	       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 60, MORE), data(l, 0, 0, 0)) ==
	       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 60, MORE), data(l, 0, 60, 0)) ==
	       NETIF_RSP_ERROR);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void many_slots(struct link *l)
{
	union netif_tx_slot slot[NETIF_SLOTS_MIN + 1];
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(slot); i++)
		slot[i] = data(l, 0, 1, MORE);
	slot[0].req.size = 100;
	slot[NETIF_SLOTS_MIN].req.flags = 0;
	EXPECT(send(l, slot, NETIF_SLOTS_MIN + 1) == NETIF_RSP_ERROR);
	slot[NETIF_SLOTS_MIN - 1].req.flags = 0;
	EXPECT(send(l, slot, NETIF_SLOTS_MIN) == NETIF_RSP_OKAY);
	/* so many slots, and less than a header in all of them */
	slot[0].req.size = NETIF_SLOTS_MIN;
	EXPECT(send(l, slot, NETIF_SLOTS_MIN) == NETIF_RSP_OKAY);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void bad_extras(struct link *l)
{
	static const u8 type[] = { 0, NETIF_EXTRA_HASH, NETIF_EXTRA_XDP, 77 };
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(type); i++)
		EXPECT(SEND(l, data(l, 0, 60, EXTRA), extra(type[i], 0)) ==
		       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 60, EXTRA),
		    hash(NETIF_HASH_TYPES, NETIF_HASH_TOEPLITZ)) ==
	       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 60, EXTRA), hash(NETIF_HASH_IPV4, 77)) ==
	       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 60, EXTRA),
		    hash(NETIF_HASH_IPV6_TCP, NETIF_HASH_TOEPLITZ)) ==
	       NETIF_RSP_OKAY);
	EXPECT(SEND(l, data(l, 0, 1000, EXTRA), gso(9, 500)) ==
	       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 1000, EXTRA), gso(NETIF_GSO_TCPV4, 0)) ==
	       NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 1000, EXTRA), gso(NETIF_GSO_TCPV6, 65535)) ==
	       NETIF_RSP_ERROR);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void bad_grants(struct link *l)
{
	union netif_tx_slot slot = data(l, 0, 60, 0);

	slot.req.gref = 0x7fffffff;
	EXPECT(send(l, &slot, 1) == NETIF_RSP_ERROR);
	slot.req.gref = 9999;
	EXPECT(send(l, &slot, 1) == NETIF_RSP_ERROR);
	/* one bad among good ones */
	slot.req.flags = 0;
	slot.req.size = 100;
	EXPECT(SEND(l, data(l, 0, 200, MORE), slot) == NETIF_RSP_ERROR);
	/* to be read is all that is asked of a page that is sent */
	slot = data(l, 0, 60, 0);
	slot.req.gref = l->ro_gref;
	EXPECT(send(l, &slot, 1) == NETIF_RSP_OKAY);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

/*
 * Headers that do not bear out what the flags say.  Taken, as far as we are
 * told, and dropped.
 */
static void bad_headers(struct link *l)
{
	u8 *frame = page_address(l->data);
	struct ipv6hdr *ip6 = (void *)(frame + 14);
	struct iphdr *ip = (void *)(frame + 14);
	u8 keep[256];
	unsigned int i;

	memcpy(keep, frame + 14, 256);
	/* no IP at all */
	EXPECT(SEND(l, data(l, 0, 60, BLANK)) == NETIF_RSP_OKAY);
	EXPECT(SEND(l, data(l, 0, 14, BLANK)) == NETIF_RSP_OKAY);
	EXPECT(SEND(l, data(l, 0, 1000, BLANK | EXTRA),
		    gso(NETIF_GSO_TCPV4, 500)) == NETIF_RSP_OKAY);
	/* IPv4 with lengths and protocols out of place */
	frame[12] = 0x08;
	frame[13] = 0x00;
	for (i = 0; i < 256; i += 15) {
		memset(ip, i, 64);
		ip->version = 4;
		EXPECT(SEND(l, data(l, 0, 60, BLANK)) == NETIF_RSP_OKAY);
		ip->ihl = 5;
		ip->frag_off = 0;
		ip->protocol = IPPROTO_TCP;
		EXPECT(SEND(l, data(l, 0, 34 + i % 20, BLANK)) ==
		       NETIF_RSP_OKAY);
		EXPECT(SEND(l, data(l, 0, 1000, BLANK | EXTRA),
			    gso(NETIF_GSO_TCPV4, 8)) == NETIF_RSP_OKAY);
		EXPECT(SEND(l, data(l, 0, 1000, EXTRA),
			    gso(NETIF_GSO_TCPV6, 500)) == NETIF_RSP_OKAY);
		ip->protocol = IPPROTO_UDP;
		EXPECT(SEND(l, data(l, 0, 1000, BLANK | EXTRA),
			    gso(NETIF_GSO_TCPV4, 500)) == NETIF_RSP_OKAY);
	}
	/* IPv6 whose extension headers go round and round */
	frame[12] = 0x86;
	frame[13] = 0xdd;
	memset(ip6, 0, 200);
	ip6->version = 6;
	ip6->payload_len = htons(200);
	ip6->nexthdr = IPPROTO_HOPOPTS;
	EXPECT(SEND(l, data(l, 0, 254, BLANK)) == NETIF_RSP_OKAY);
	EXPECT(SEND(l, data(l, 0, 60, BLANK)) == NETIF_RSP_OKAY);
	EXPECT(SEND(l, data(l, 0, 254, BLANK | EXTRA),
		    gso(NETIF_GSO_TCPV6, 100)) == NETIF_RSP_OKAY);

	frame[12] = 0x88;
	frame[13] = 0xb5;
	memcpy(frame + 14, keep, 256);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void multicast_lists(struct link *l)
{
	union netif_tx_slot add = extra(NETIF_EXTRA_MCAST_ADD, 0);
	union netif_tx_slot del = extra(NETIF_EXTRA_MCAST_DEL, 0);
	unsigned int i;

	memcpy(add.extra.mcast.addr, "\x01\x00\x5e\x00\x00\x00", 6);
	memcpy(del.extra.mcast.addr, "\x01\x00\x5e\x00\x01\x00", 6);
	for (i = 0; i < 64; i++) {
		add.extra.mcast.addr[5] = i;
		EXPECT(SEND(l, data(l, 0, 0, EXTRA), add) == NETIF_RSP_OKAY);
	}
	EXPECT(SEND(l, data(l, 0, 0, EXTRA), add) == NETIF_RSP_OKAY);
	add.extra.mcast.addr[5] = 64;
	EXPECT(SEND(l, data(l, 0, 0, EXTRA), add) == NETIF_RSP_ERROR);
	EXPECT(SEND(l, data(l, 0, 0, EXTRA), del) == NETIF_RSP_ERROR);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void storm(struct link *l)
{
	unsigned int i;

	for (i = 0; i < 20000; i++)
		link_publish(l, l->tx.prod);
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

/* A garbled response area or event index harms nobody but ourselves. */
static void scribble(struct link *l)
{
	l->tx.shared->rsp_event = 0x80000000;
	l->tx.shared->req_event = 0xdeadbeef;
	l->tx.shared->rsp_prod = l->tx.cons;
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void index_ahead(struct link *l)
{
	link_publish(l, l->tx.prod + LINK_SLOTS + 1);
	EXPECT(link_given_up(l));
}

static void index_back(struct link *l)
{
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
	link_publish(l, l->tx.prod - 1);
	msleep(1000);
	l->tx.prod--;
	EXPECT(link_given_up(l));
}

static void index_far(struct link *l)
{
	link_publish(l, l->tx.prod + 0x80000000u);
	EXPECT(link_given_up(l));
}

static void endless_chain(struct link *l)
{
	union netif_tx_slot slot = data(l, 0, 100, MORE);
	unsigned int i;

	for (i = 0; i < LINK_SLOTS; i++)
		link_put(l, &slot);
	link_publish(l, l->tx.prod);
	EXPECT(link_given_up(l));
}

static void unfinished_packet(struct link *l)
{
	union netif_tx_slot slot = data(l, 0, 100, MORE);

	link_put(l, &slot);
	link_publish(l, l->tx.prod);
	EXPECT(link_given_up(l));
}

static void extras_without_end(struct link *l)
{
	union netif_tx_slot slot = data(l, 0, 100, EXTRA);
	unsigned int i;

	link_put(l, &slot);
	slot = extra(NETIF_EXTRA_GSO, NETIF_EXTRA_MORE);
	for (i = 0; i < 100; i++)
		link_put(l, &slot);
	link_publish(l, l->tx.prod);
	EXPECT(link_given_up(l));
}

static void extras_that_are_not_there(struct link *l)
{
	union netif_tx_slot slot = data(l, 0, 100, EXTRA);

	link_put(l, &slot);
	link_publish(l, l->tx.prod);
	EXPECT(link_given_up(l));
}

/* Post what is no page; each is answered, with an error. */
static void receive_into_nothing(struct link *l)
{
	union netif_rx_slot rsp;
	unsigned int i;

	for (i = 0; i < 30; i++)
		link_post(l, i % 3 == 0 ? 0x7fffffff : i % 3 == 1 ? 9999 :
							 (u32)l->ro_gref);
	link_publish_rx(l, l->rx.prod);
	for (i = 0; i < 3; i++) {
		EXPECT(link_receive(l, &rsp));
		EXPECT(rsp.rsp.status == NETIF_RSP_ERROR);
		EXPECT(rsp.rsp.id == i);
	}
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

/* More room than a page has is not given; what is no number is none. */
static void too_much_headroom(struct link *l)
{
	static const char * const wish[] = { "x", "-1", "4294967296", "" };
	union netif_rx_slot rsp;
	unsigned int i;

	for (i = 0; i < 30; i++)
		link_post(l, l->gref);
	link_publish_rx(l, l->rx.prod);
	EXPECT(link_receive(l, &rsp));
	EXPECT(rsp.rsp.offset == 2048 && rsp.rsp.status > 0);
	EXPECT(rsp.rsp.offset + rsp.rsp.status <= 4096);
	EXPECT(rsp.rsp.flags & NETIF_RXF_EXTRA);
	EXPECT(link_receive(l, &rsp));
	EXPECT(rsp.extra.type == NETIF_EXTRA_XDP && !rsp.extra.flags);
	EXPECT(rsp.extra.xdp.headroom == 2048);
	for (i = 0; i < 20; i++) {
		link_write(l->dev, "xdp-headroom", wish[i % ARRAY_SIZE(wish)], 0);
		xenbus_switch_state(l->dev, XenbusStateReconfiguring);
		xenbus_switch_state(l->dev, XenbusStateConnected);
	}
	EXPECT(send_sound(l) == NETIF_RSP_OKAY);
}

static void receive_into_one_page(struct link *l)
{
	union netif_rx_slot rsp;
	unsigned int i;

	for (i = 0; i < LINK_SLOTS; i++)
		link_post(l, l->gref);
	link_publish_rx(l, l->rx.prod);
	for (i = 0; i < 3; i++) {
		EXPECT(link_receive(l, &rsp));
		EXPECT(rsp.rsp.status > 0 && rsp.rsp.status <= 1518);
	}
}

static void receive_index_ahead(struct link *l)
{
	link_publish_rx(l, l->rx.prod + LINK_SLOTS + 1);
	/* seen when the next packet is to be received */
	msleep(5000);
	EXPECT(!READ_ONCE(l->rx.shared->rsp_prod));
}

/* Requests under way when the connection is closed. */
static void leave_in_a_hurry(struct link *l)
{
	union netif_tx_slot slot = data(l, 0, 1000, 0);
	unsigned int i;

	for (i = 0; i < LINK_SLOTS; i++)
		link_put(l, &slot);
	link_publish(l, l->tx.prod);
}

static const struct hostile_case cases[] = {
	{ "sizes that lie", bad_sizes },
	{ "too many slots, too few bytes", many_slots },
	{ "extras that mean nothing", bad_extras },
	{ "grants that are none", bad_grants },
	{ "headers that are none", bad_headers },
	{ "multicast lists without end", multicast_lists },
	{ "20,000 events without work", storm },
	{ "a scribbled ring header", scribble },
	{ "index ahead of the ring", index_ahead },
	{ "index going back", index_back },
	{ "index half a world away", index_far },
	{ "a packet without end", endless_chain },
	{ "half a packet", unfinished_packet },
	{ "extras without end", extras_without_end },
	{ "extras that are not there", extras_that_are_not_there },
	{ "receiving into pages that are none", receive_into_nothing },
	{ "receiving into one page only", receive_into_one_page },
	{ "more room before packets than there is", too_much_headroom,
	  KEYS(.headroom = "65535") },
	{ "receive index ahead of the ring", receive_index_ahead },
	{ "leaving with requests under way", leave_in_a_hurry },
	{ "control requests that mean nothing", ctrl_nonsense },
	{ "lists with grants that are none", ctrl_bad_lists },
	{ "the same page mapped twice", ctrl_twice },
	{ "receiving into a page mapped to be read", ctrl_readonly },
	{ "more pages to map than there is room for", ctrl_too_many },
	{ "control requests without end", ctrl_many },
	{ "control index ahead of the ring", ctrl_ahead },
	{ "hashes as they are asked for", hash_sound, KEYS(.gso = "0") },
	{ "hashes of packets to be segmented", hash_segmented },
	{ "hashes that mean one of two queues", hash_queues,
	  KEYS(.gso = "0", .two_queues = true) },
	{ "hashes that mean nothing", hash_nonsense, KEYS(.gso = "0") },
	{ "transmit ring that is none", NULL, KEYS(.tx_ring_ref = "4000000"),
	  true },
	{ "receive ring that is no number", NULL, KEYS(.rx_ring_ref = "x"), true },
	{ "no event channel", NULL, KEYS(.event_channel = "0"), true },
	{ "event channel of nobody", NULL, KEYS(.event_channel = "4294967295"),
	  true },
	{ "control ring that is none", NULL, KEYS(.ctrl_ring_ref = "4000000"),
	  true },
	{ "control ring with an event channel of nobody", NULL,
	  KEYS(.ctrl_port = "4294967295"), true },
	{ "no queue", NULL, KEYS(.num_queues = "0"), true },
	{ "a billion queues", NULL, KEYS(.num_queues = "2147483648"), true },
	{ "two queues, and none of them there", NULL, KEYS(.num_queues = "2"),
	  true },
	{ "page flipping", NULL, KEYS(.rx_copy = "0"), true },
	{ "receiving without notice", NULL, KEYS(.rx_notify = "0"), true },
};

static bool front_serves(struct link *l)
{
	return send_sound(l) == NETIF_RSP_OKAY;
}

static const struct link_keys front_sound;

static const struct xenbus_device_id front_ids[] = {
	{ "vif" },
	{ "" }
};

struct cases_kind cases_kind = {
	.driver = { .name = "tenon-hostile-netfront", .ids = front_ids },
	.cases = cases,
	.number = ARRAY_SIZE(cases),
	.size = sizeof(struct link),
	.sound = &front_sound,
	.setup = link_setup,
	.cleanup = link_cleanup,
	.connect = link_connect,
	.disconnect = link_disconnect,
	.send_sound = front_serves,
};

MODULE_DESCRIPTION("Tenon: a network front end that breaks the rules");
MODULE_LICENSE("Dual MIT/GPL");
