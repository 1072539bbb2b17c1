// SPDX-License-Identifier: MIT
/*
 * tx_parse_fuzz.c - whatever a guest puts into its ring, an accepted packet is
 * safe to copy, and every slot is accounted for exactly once
 *
 * The input is a ring's worth of slots.
 */
#include <stdlib.h>
#include <string.h>

#include "tx_parse.h"

static void require(bool c)
{
	if (!c)
		abort();
}

static void check_packet(const struct tx_packet *pkt)
{
	unsigned int i, sum = 0;

	require(pkt->error < TX_PARSE_ERRORS);
	if (pkt->error)
		return;
	require(pkt->nr_slots >= 1 && pkt->nr_slots <= TX_PARSE_SLOTS);
	if (pkt->hashed)
		require(pkt->nr_extras && pkt->hash_type < NETIF_HASH_TYPES);
	else
		require(!pkt->hash_type && !pkt->hash);
	if (pkt->mcast_op) {
		require(pkt->nr_slots == 1 && !pkt->hashed);
		return;
	}
	for (i = 0; i < pkt->nr_slots; i++) {
		require(pkt->slot[i].size >= 1);
		require(pkt->slot[i].offset + pkt->slot[i].size <= TX_PARSE_PAGE);
		sum += pkt->slot[i].size;
	}
	require(sum == pkt->size);
	require(sum >= 14);
	if (pkt->gso_type) {
		require(pkt->gso_type == NETIF_GSO_TCPV4 ||
			pkt->gso_type == NETIF_GSO_TCPV6);
		require(pkt->gso_size >= 8 && pkt->gso_size < pkt->size);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	enum tx_parse_state state = TX_PARSE_DONE;
	union netif_tx_slot slot;
	struct tx_packet pkt;
	unsigned int fed = 0;

	while (size >= sizeof(slot)) {
		if (state == TX_PARSE_DONE) {
			/* what was there before must not matter */
			memset(&pkt, 0xa5, sizeof(pkt));
			tx_parse_begin(&pkt);
			fed = 0;
		}
		memcpy(&slot, data, sizeof(slot));
		data += sizeof(slot);
		size -= sizeof(slot);
		state = tx_parse_feed(&pkt, &slot);
		require(++fed <= TX_PARSE_SLOTS_FATAL + TX_PARSE_EXTRAS);
		require(pkt.nr_slots + pkt.nr_extras == (int)fed);
		if (state == TX_PARSE_FATAL)
			return 0;
		if (state == TX_PARSE_DONE)
			check_packet(&pkt);
	}
	return 0;
}
