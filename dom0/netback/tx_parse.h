/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * tx_parse.h - from transmit slots to one checked packet description
 *
 * Pure: works on private copies of the slots, touches nothing else, needs
 * nothing but the compiler, and so is fuzzed on the host as it runs in the
 * kernel.
 */
#ifndef NETBACK_TX_PARSE_H
#define NETBACK_TX_PARSE_H

#include "netif.h"

#ifndef __KERNEL__
#include <stdbool.h>
#endif

#define TX_PARSE_PAGE 4096

/* Data slots in a packet that is served. */
#define TX_PARSE_SLOTS NETIF_SLOTS_MIN

/*
 * Data slots after which we give up on the front end: a few more than are
 * served, so that a front end built for larger chains loses packets and not its
 * interface.
 */
#define TX_PARSE_SLOTS_FATAL 24

/* Extras in one packet: there are no more kinds than that. */
#define TX_PARSE_EXTRAS 5

/**
 * enum tx_parse_error - what is wrong with a packet
 * @TX_PARSE_OK: nothing
 * @TX_PARSE_SIZE: too short for Ethernet, or the pieces exceed the whole
 * @TX_PARSE_RANGE: a piece leaves its page
 * @TX_PARSE_EMPTY: a piece of no bytes
 * @TX_PARSE_SLOTS_MANY: more data slots than are served
 * @TX_PARSE_EXTRA: an extra that is unknown, not negotiated, or there twice
 * @TX_PARSE_GSO: impossible segmentation parameters
 * @TX_PARSE_ERRORS: number of kinds
 */
enum tx_parse_error {
	TX_PARSE_OK,
	TX_PARSE_SIZE,
	TX_PARSE_RANGE,
	TX_PARSE_EMPTY,
	TX_PARSE_SLOTS_MANY,
	TX_PARSE_EXTRA,
	TX_PARSE_GSO,
	TX_PARSE_ERRORS,
};

/**
 * enum tx_parse_state - what to do next
 * @TX_PARSE_MORE: the chain goes on; feed the next slot
 * @TX_PARSE_DONE: the packet is complete; see its error
 * @TX_PARSE_FATAL: the chain does not end; nothing after it can be understood
 */
enum tx_parse_state {
	TX_PARSE_MORE,
	TX_PARSE_DONE,
	TX_PARSE_FATAL,
};

/**
 * struct tx_parse_slot - one piece of a packet
 * @gref: the page it is in
 * @offset: where in the page
 * @size: bytes; of the head this is known only when the packet is complete
 * @id: what to answer with
 */
struct tx_parse_slot {
	uint32_t gref;
	uint16_t offset;
	uint16_t size;
	uint16_t id;
};

/**
 * struct tx_packet - one packet, or as much as was fed of it
 * @size: bytes of the whole packet
 * @flags: NETIF_TXF_CSUM_BLANK and NETIF_TXF_DATA_VALIDATED of the head
 * @nr_slots: data slots
 * @nr_extras: extra slots; they come after the first data slot
 * @gso_type: NETIF_GSO_*, or 0
 * @gso_size: payload bytes of a segment
 * @hashed: the packet has a hash
 * @hash_type: NETIF_HASH_*, one there is
 * @hash: its value
 * @mcast_op: NETIF_EXTRA_MCAST_ADD or _DEL, or 0; if set there is no packet to
 *	send, only the filter to change
 * @mcast_addr: address to add or delete
 * @error: first thing that was wrong
 * @slot: the data slots; those past TX_PARSE_SLOTS have a valid id only
 * @more_data: the last data slot said that another one follows
 * @more_extra: an extra comes next
 */
struct tx_packet {
	uint16_t size;
	uint16_t flags;
	uint16_t gso_size;
	uint8_t gso_type;
	bool hashed;
	uint8_t hash_type;
	uint32_t hash;
	uint8_t nr_slots;
	uint8_t nr_extras;
	uint8_t mcast_op;
	uint8_t mcast_addr[6];
	bool more_data;
	bool more_extra;
	enum tx_parse_error error;
	struct tx_parse_slot slot[TX_PARSE_SLOTS_FATAL];
};

/**
 * tx_parse_begin() - get ready for the first slot of a packet
 * @pkt: the packet; overwritten
 */
void tx_parse_begin(struct tx_packet *pkt);

/**
 * tx_parse_feed() - take the next slot of a packet
 * @pkt: packet begun with tx_parse_begin(), not yet done
 * @slot: private copy of the slot
 *
 * Ends after at most TX_PARSE_SLOTS_FATAL + TX_PARSE_EXTRAS slots.
 *
 * When it returns TX_PARSE_DONE and the error is TX_PARSE_OK, every piece is
 * within its page and not empty, and together they are @size bytes.
 */
enum tx_parse_state tx_parse_feed(struct tx_packet *pkt,
				  const union netif_tx_slot *slot);

#endif /* NETBACK_TX_PARSE_H */
