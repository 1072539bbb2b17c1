// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * netfront_hash.c - what a front end may say of hashes, and those it gets
 *
 * Frames that are sent come back, for the bridge sends them out where they came
 * from.  They belong to a connection whose hashes Microsoft has published.
 */
#include <linux/etherdevice.h>
#include <linux/ip.h>
#include <linux/mm.h>
#include <linux/tcp.h>

#include "../../lib/cases.h"
#include "netfront_link.h"

#define INVALID (-NETIF_CTRL_INVALID)
#define OVERFLOW (-NETIF_CTRL_OVERFLOW)
#define UNSUPPORTED (-NETIF_CTRL_NOT_SUPPORTED)

#define GET_FLAGS NETIF_CTRL_GET_HASH_FLAGS
#define SET_FLAGS NETIF_CTRL_SET_HASH_FLAGS
#define SET_KEY NETIF_CTRL_SET_HASH_KEY
#define GET_SIZE NETIF_CTRL_GET_HASH_MAPPING_SIZE
#define SET_SIZE NETIF_CTRL_SET_HASH_MAPPING_SIZE
#define SET_MAP NETIF_CTRL_SET_HASH_MAPPING
#define SET_ALG NETIF_CTRL_SET_HASH_ALGORITHM

#define V4 (1 << NETIF_HASH_IPV4)
#define V4_TCP (1 << NETIF_HASH_IPV4_TCP)
#define ALL ((1 << NETIF_HASH_TYPES) - 1)

/* From 66.9.149.187:2794 to 161.142.100.80:1766, and with this key: */
#define FROM 0x420995bb
#define TO 0xa18e6450
#define FROM_PORT 2794
#define TO_PORT 1766
#define HASH_ADDRESSES 0x323e8fc2
#define HASH_PORTS 0x51ccc178

static const u8 hash_key[40] = {
	0x6d, 0x5a, 0x56, 0xda, 0x25, 0x5b, 0x0e, 0xc2, 0x41, 0x67,
	0x25, 0x3d, 0x43, 0xa3, 0x8f, 0xb0, 0xd0, 0xca, 0x2b, 0xcb,
	0xae, 0x7b, 0x30, 0xb4, 0x77, 0xcb, 0x2d, 0xa3, 0x80, 0x30,
	0xf2, 0x0c, 0x6a, 0x42, 0xb7, 0x3b, 0xbe, 0xac, 0x01, 0xfa,
};

/* Of the largest table. */
#define HASH_ENTRIES 128

/* Where in the page a frame is sent from; what comes is at its beginning. */
#define FRAME_AT 2048
#define FRAME_BYTES 1000
#define FRAME_SEGMENT 400

/* Posted while we wait: for a packet of the largest kind, and some. */
#define FRAME_ROOM 40

/* What a frame came back with. */
struct extras {
	bool gso;
	bool hash;
	u8 type;
	u8 algorithm;
	u32 value;
};

static void frame_make(struct link *l, u8 protocol)
{
	struct ethhdr *eth = page_address(l->data) + FRAME_AT;
	struct iphdr *ip = (void *)(eth + 1);
	struct tcphdr *tcp = (void *)(ip + 1);
	static u16 id;

	memset(eth, 0, FRAME_BYTES);
	eth_broadcast_addr(eth->h_dest);
	memcpy(eth->h_source, "\x02\x00\x00\x00\x00\x66", ETH_ALEN);
	eth->h_proto = htons(ETH_P_IP);
	ip->version = 4;
	ip->ihl = 5;
	ip->tot_len = htons(FRAME_BYTES - sizeof(*eth));
	ip->id = htons(++id);
	ip->ttl = 64;
	ip->protocol = protocol;
	ip->saddr = htonl(FROM);
	ip->daddr = htonl(TO);
	ip->check = ip_fast_csum(ip, ip->ihl);
	tcp->source = htons(FROM_PORT);
	tcp->dest = htons(TO_PORT);
	tcp->doff = 5;
	tcp->ack = 1;
}

/* Send the frame, itself with a hash; to be segmented if @gso. */
static bool frame_send(struct link *l, bool gso)
{
	union netif_tx_slot slot[3] = {
		{ .req = { l->gref, FRAME_AT, NETIF_TXF_EXTRA, 0, FRAME_BYTES } },
	};
	unsigned int i, n = 1;
	struct netif_tx_rsp rsp;
	bool taken = true;

	if (gso) {
		slot[0].req.flags |= NETIF_TXF_CSUM_BLANK |
				     NETIF_TXF_DATA_VALIDATED;
		slot[n].extra.type = NETIF_EXTRA_GSO;
		slot[n].extra.flags = NETIF_EXTRA_MORE;
		slot[n].extra.gso.type = NETIF_GSO_TCPV4;
		slot[n++].extra.gso.size = FRAME_SEGMENT;
	}
	slot[n].extra.type = NETIF_EXTRA_HASH;
	slot[n].extra.hash.type = NETIF_HASH_IPV4;
	slot[n++].extra.hash.algorithm = NETIF_HASH_TOEPLITZ;
	for (i = 0; i < n; i++)
		link_put(l, &slot[i]);
	link_publish(l, l->tx.prod);
	for (i = 0; i < n; i++)
		taken &= link_answer(l, &rsp) &&
			 rsp.status == (i ? NETIF_RSP_NULL : NETIF_RSP_OKAY);
	return taken;
}

/* Take one packet; false if it is not the frame. */
static bool frame_take(struct link *l, unsigned int room, struct extras *got)
{
	const void *page = page_address(l->data);
	union netif_rx_slot head, slot;
	bool more;

	while (l->rx.prod - l->rx.cons < room)
		link_post(l, l->gref);
	link_publish_rx(l, l->rx.prod);
	memset(got, 0, sizeof(*got));
	if (!link_receive(l, &head)) {
		EXPECT(!"a packet comes");
		return false;
	}
	for (more = head.rsp.flags & NETIF_RXF_EXTRA; more;
	     more = slot.extra.flags & NETIF_EXTRA_MORE) {
		if (!link_receive(l, &slot))
			return false;
		if (slot.extra.type == NETIF_EXTRA_GSO) {
			got->gso = slot.extra.gso.size == FRAME_SEGMENT;
		} else if (slot.extra.type == NETIF_EXTRA_HASH) {
			EXPECT(!got->hash);
			got->hash = true;
			got->type = slot.extra.hash.type;
			got->algorithm = slot.extra.hash.algorithm;
			got->value = slot.extra.hash.value[0] |
				     slot.extra.hash.value[1] << 8 |
				     slot.extra.hash.value[2] << 16 |
				     (u32)slot.extra.hash.value[3] << 24;
		} else {
			EXPECT(!"an extra that was not asked for");
		}
	}
	return head.rsp.status == FRAME_BYTES &&
	       !memcmp(page, page + FRAME_AT,
		       sizeof(struct ethhdr) + sizeof(struct iphdr));
}

/*
 * Send a frame until it comes back, at first perhaps before the bridge knows us.
 * With @room for one packet only the next one cannot overwrite it.
 */
static struct extras frame_round(struct link *l, u8 protocol, unsigned int room,
				 bool gso)
{
	struct extras got;
	unsigned int i;

	frame_make(l, protocol);
	for (i = 0; i < 100 && !case_failed; i++) {
		if (i % 4 == 0)
			EXPECT(frame_send(l, gso));
		if (frame_take(l, room, &got))
			return got;
	}
	EXPECT(!"the frame comes back");
	return (struct extras){ .type = 99 };
}

static bool frame_hash(struct link *l, u8 protocol, u8 type, u32 value)
{
	struct extras got = frame_round(l, protocol, 2, false);

	if (got.hash && got.type == type && got.value == value &&
	    got.algorithm == NETIF_HASH_TOEPLITZ && !got.gso)
		return true;
	pr_info("# hash %d type %u value %x\n", got.hash, got.type, got.value);
	return false;
}

static bool frame_no_hash(struct link *l, u8 protocol)
{
	return !frame_round(l, protocol, 2, false).hash;
}

static int put_key(struct link *l, unsigned int n)
{
	memcpy(l->ctrl.list, hash_key, sizeof(hash_key));
	return ctrl_ask(l, SET_KEY, l->ctrl.list_ref, n, 0);
}

/* Sub-table of @n entries, the last of them @last. */
static int put_map(struct link *l, unsigned int n, unsigned int first, u32 last)
{
	u32 *map = (void *)l->ctrl.list;

	memset(map, 0, PAGE_SIZE);
	map[n - 1] = last;
	return ctrl_ask(l, SET_MAP, l->ctrl.list_ref, n, first);
}

static void put_all(struct link *l)
{
	EXPECT(!ctrl_ask(l, SET_ALG, NETIF_HASH_TOEPLITZ, 0, 0));
	EXPECT(ctrl_ask(l, GET_FLAGS, 0, 0, 0) == ALL);
	EXPECT(!ctrl_ask(l, SET_FLAGS, ALL, 0, 0));
	EXPECT(!put_key(l, sizeof(hash_key)));
	EXPECT(ctrl_ask(l, GET_SIZE, 0, 0, 0) == HASH_ENTRIES);
	EXPECT(!ctrl_ask(l, SET_SIZE, HASH_ENTRIES, 0, 0));
	EXPECT(!put_map(l, HASH_ENTRIES, 0, 0));
}

/* What is asked for comes, of each packet the most telling hash wanted. */
void hash_sound(struct link *l)
{
	EXPECT(frame_no_hash(l, IPPROTO_TCP));
	put_all(l);
	EXPECT(frame_hash(l, IPPROTO_TCP, NETIF_HASH_IPV4_TCP, HASH_PORTS));
	EXPECT(frame_hash(l, IPPROTO_UDP, NETIF_HASH_IPV4, HASH_ADDRESSES));
	EXPECT(!ctrl_ask(l, SET_FLAGS, V4, 0, 0));
	EXPECT(frame_hash(l, IPPROTO_TCP, NETIF_HASH_IPV4, HASH_ADDRESSES));
	EXPECT(!ctrl_ask(l, SET_FLAGS, V4_TCP, 0, 0));
	EXPECT(frame_no_hash(l, IPPROTO_UDP));
	EXPECT(!put_key(l, 0));
	EXPECT(frame_hash(l, IPPROTO_TCP, NETIF_HASH_IPV4_TCP, 0));
	EXPECT(!ctrl_ask(l, SET_SIZE, 0, 0, 0));
	EXPECT(!put_key(l, sizeof(hash_key)));
	EXPECT(frame_hash(l, IPPROTO_TCP, NETIF_HASH_IPV4_TCP, HASH_PORTS));
	EXPECT(!ctrl_ask(l, SET_FLAGS, 0, 0, 0));
	EXPECT(frame_no_hash(l, IPPROTO_TCP));
	EXPECT(!ctrl_ask(l, SET_FLAGS, ALL, 0, 0));
	EXPECT(!ctrl_ask(l, SET_ALG, NETIF_HASH_NONE, 0, 0));
	EXPECT(frame_no_hash(l, IPPROTO_TCP));
	/* left on, for the next connection not to find */
	EXPECT(!ctrl_ask(l, SET_ALG, NETIF_HASH_TOEPLITZ, 0, 0));
}

/* Packets of a hash go to the second queue, all others to the first. */
static int put_second(struct link *l, u32 hash)
{
	u32 *map = (void *)l->ctrl.list;

	memset(map, 0, PAGE_SIZE);
	map[hash % HASH_ENTRIES] = 1;
	return ctrl_ask(l, SET_MAP, l->ctrl.list_ref, HASH_ENTRIES, 0);
}

static bool second_hash(struct link *l, u8 protocol, u32 value)
{
	struct extras got;

	swap(l->rx, l->rx_two);
	got = frame_round(l, protocol, LINK_TWO_ROOM, false);
	swap(l->rx, l->rx_two);
	return got.hash && got.value == value;
}

/* The hash says which queue a packet comes in by. */
void hash_queues(struct link *l)
{
	BUILD_BUG_ON(HASH_PORTS % HASH_ENTRIES == HASH_ADDRESSES % HASH_ENTRIES);
	put_all(l);
	EXPECT(put_map(l, HASH_ENTRIES, 0, 2) == INVALID);
	EXPECT(!put_second(l, HASH_PORTS));
	EXPECT(second_hash(l, IPPROTO_TCP, HASH_PORTS));
	EXPECT(frame_hash(l, IPPROTO_UDP, NETIF_HASH_IPV4, HASH_ADDRESSES));
	EXPECT(!put_second(l, HASH_ADDRESSES));
	EXPECT(second_hash(l, IPPROTO_UDP, HASH_ADDRESSES));
	EXPECT(frame_hash(l, IPPROTO_TCP, NETIF_HASH_IPV4_TCP, HASH_PORTS));
}

/* A packet to be segmented has both extras. */
void hash_segmented(struct link *l)
{
	struct extras got;

	EXPECT(ctrl_ask(l, GET_FLAGS, 0, 0, 0) == UNSUPPORTED);
	put_all(l);
	got = frame_round(l, IPPROTO_TCP, FRAME_ROOM, true);
	EXPECT(got.gso && got.hash);
	EXPECT(got.type == NETIF_HASH_IPV4_TCP && got.value == HASH_PORTS);
}

/*
 * In the wrong order, and beyond all limits; none of it changes anything.  What the
 * connection before left on is off.
 */
void hash_nonsense(struct link *l)
{
	u32 ref = l->ctrl.list_ref;

	EXPECT(frame_no_hash(l, IPPROTO_TCP));
	EXPECT(ctrl_ask(l, GET_FLAGS, 0, 0, 0) == UNSUPPORTED);
	EXPECT(ctrl_ask(l, SET_FLAGS, ALL, 0, 0) == INVALID);
	EXPECT(put_map(l, 1, 0, 0) == INVALID);
	put_all(l);

	EXPECT(ctrl_ask(l, SET_ALG, 2, 0, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_ALG, 0xffffffff, 0, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_FLAGS, ALL + 1, 0, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_FLAGS, 0xffffffff, 0, 0) == INVALID);
	EXPECT(put_key(l, 41) == OVERFLOW);
	EXPECT(put_key(l, 0xffffffff) == OVERFLOW);
	EXPECT(ctrl_ask(l, SET_KEY, 0x7fffffff, 40, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_KEY, 9999, 1, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_SIZE, 129, 0, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_SIZE, 0xffffffff, 0, 0) == INVALID);
	/* there is one queue */
	EXPECT(put_map(l, 128, 0, 1) == INVALID);
	EXPECT(put_map(l, 1, 0, 0xffffffff) == INVALID);
	EXPECT(!put_map(l, 4, 124, 0));
	EXPECT(put_map(l, 4, 125, 0) == INVALID);
	EXPECT(put_map(l, 1, 128, 0) == INVALID);
	EXPECT(put_map(l, 2, 0xffffffff, 0) == INVALID);
	EXPECT(put_map(l, 129, 0, 0) == OVERFLOW);
	EXPECT(ctrl_ask(l, SET_MAP, ref, 0xffffffff, 1) == OVERFLOW);
	EXPECT(ctrl_ask(l, SET_MAP, 0x7fffffff, 128, 0) == INVALID);
	EXPECT(ctrl_ask(l, SET_MAP, 9999, 1, 0) == INVALID);

	EXPECT(ctrl_ask(l, GET_FLAGS, 0, 0, 0) == ALL);
	EXPECT(frame_hash(l, IPPROTO_TCP, NETIF_HASH_IPV4_TCP, HASH_PORTS));
}
