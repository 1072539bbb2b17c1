// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tx_parse.c - from transmit slots to one checked packet description
 *
 * A packet with wrong contents is followed to its end, so that each of its
 * slots is answered and the next packet is found.
 */
#include "tx_parse.h"

/* Shortest frame: two addresses and a type. */
#define TX_PARSE_ETH 14

/*
 * Below this a 64 KiB packet would become thousands of segments of work; TCP
 * never goes there (its smallest segment less its largest options).
 */
#define TX_PARSE_GSO_MIN 8

static void tx_parse_fail(struct tx_packet *pkt, enum tx_parse_error error)
{
	if (pkt->error == TX_PARSE_OK)
		pkt->error = error;
}

static void tx_parse_gso(struct tx_packet *pkt, const struct netif_extra *extra)
{
	if (pkt->gso_type) {
		tx_parse_fail(pkt, TX_PARSE_EXTRA);
		return;
	}
	if (extra->gso.type != NETIF_GSO_TCPV4 &&
	    extra->gso.type != NETIF_GSO_TCPV6) {
		tx_parse_fail(pkt, TX_PARSE_GSO);
		return;
	}
	pkt->gso_type = extra->gso.type;
	pkt->gso_size = extra->gso.size;
	if (pkt->gso_size < TX_PARSE_GSO_MIN || pkt->gso_size >= pkt->size)
		tx_parse_fail(pkt, TX_PARSE_GSO);
}

static void tx_parse_hash(struct tx_packet *pkt, const struct netif_extra *extra)
{
	const uint8_t *value = extra->hash.value;

	if (pkt->hashed || extra->hash.algorithm != NETIF_HASH_TOEPLITZ ||
	    extra->hash.type >= NETIF_HASH_TYPES) {
		tx_parse_fail(pkt, TX_PARSE_EXTRA);
		return;
	}
	pkt->hashed = true;
	pkt->hash_type = extra->hash.type;
	pkt->hash = value[0] | value[1] << 8 | value[2] << 16 |
		    (uint32_t)value[3] << 24;
}

static enum tx_parse_state tx_parse_extra(struct tx_packet *pkt,
					  const struct netif_extra *extra)
{
	pkt->nr_extras++;
	pkt->more_extra = extra->flags & NETIF_EXTRA_MORE;
	if (pkt->more_extra && pkt->nr_extras == TX_PARSE_EXTRAS)
		return TX_PARSE_FATAL;

	switch (extra->type) {
	case NETIF_EXTRA_GSO:
		tx_parse_gso(pkt, extra);
		break;
	case NETIF_EXTRA_MCAST_ADD:
	case NETIF_EXTRA_MCAST_DEL:
		if (pkt->mcast_op) {
			tx_parse_fail(pkt, TX_PARSE_EXTRA);
			break;
		}
		pkt->mcast_op = extra->type;
		__builtin_memcpy(pkt->mcast_addr, extra->mcast.addr,
				 sizeof(pkt->mcast_addr));
		break;
	case NETIF_EXTRA_HASH:
		tx_parse_hash(pkt, extra);
		break;
	default:
		tx_parse_fail(pkt, TX_PARSE_EXTRA);
	}
	return TX_PARSE_MORE;
}

static enum tx_parse_state tx_parse_data(struct tx_packet *pkt,
					 const struct netif_tx_req *req)
{
	struct tx_parse_slot *slot = &pkt->slot[pkt->nr_slots++];

	slot->gref = req->gref;
	slot->offset = req->offset;
	slot->size = req->size;
	slot->id = req->id;
	pkt->more_data = req->flags & NETIF_TXF_MORE;
	if (pkt->more_data && pkt->nr_slots == TX_PARSE_SLOTS_FATAL)
		return TX_PARSE_FATAL;
	if (pkt->nr_slots == 1) {
		pkt->size = req->size;
		pkt->flags = req->flags & (NETIF_TXF_CSUM_BLANK |
					   NETIF_TXF_DATA_VALIDATED);
		pkt->more_extra = req->flags & NETIF_TXF_EXTRA;
	}
	return TX_PARSE_MORE;
}

/* The chain has ended: judge it as a whole. */
static void tx_parse_end(struct tx_packet *pkt)
{
	unsigned int left = pkt->size;
	unsigned int i;

	/* A filter change is a lone head whose data means nothing. */
	if (pkt->mcast_op) {
		if (pkt->nr_slots != 1 || pkt->gso_type || pkt->hashed)
			tx_parse_fail(pkt, TX_PARSE_EXTRA);
		return;
	}
	if (pkt->nr_slots > TX_PARSE_SLOTS) {
		tx_parse_fail(pkt, TX_PARSE_SLOTS_MANY);
		return;
	}
	if (pkt->size < TX_PARSE_ETH)
		tx_parse_fail(pkt, TX_PARSE_SIZE);

	for (i = 1; i < pkt->nr_slots; i++) {
		if (pkt->slot[i].size > left) {
			tx_parse_fail(pkt, TX_PARSE_SIZE);
			return;
		}
		left -= pkt->slot[i].size;
	}
	pkt->slot[0].size = left;

	for (i = 0; i < pkt->nr_slots; i++) {
		if (!pkt->slot[i].size)
			tx_parse_fail(pkt, TX_PARSE_EMPTY);
		if ((unsigned int)pkt->slot[i].offset + pkt->slot[i].size >
		    TX_PARSE_PAGE)
			tx_parse_fail(pkt, TX_PARSE_RANGE);
	}
}

void tx_parse_begin(struct tx_packet *pkt)
{
	pkt->size = 0;
	pkt->flags = 0;
	pkt->gso_size = 0;
	pkt->gso_type = 0;
	pkt->hashed = false;
	pkt->hash_type = 0;
	pkt->hash = 0;
	pkt->nr_slots = 0;
	pkt->nr_extras = 0;
	pkt->mcast_op = 0;
	pkt->more_data = false;
	pkt->more_extra = false;
	pkt->error = TX_PARSE_OK;
}

enum tx_parse_state tx_parse_feed(struct tx_packet *pkt,
				  const union netif_tx_slot *slot)
{
	enum tx_parse_state state;

	if (pkt->more_extra)
		state = tx_parse_extra(pkt, &slot->extra);
	else
		state = tx_parse_data(pkt, &slot->req);

	if (state == TX_PARSE_FATAL || pkt->more_extra || pkt->more_data)
		return state;
	tx_parse_end(pkt);
	return TX_PARSE_DONE;
}
