/* SPDX-License-Identifier: MIT */
/*
 * netif.h - what the slots of Xen's two network rings look like
 *
 * Transmit (front end to back end, 12-byte slots).  A packet is a chain:
 *
 *     head request     size = bytes of the whole packet
 *     extra info ...   if the head has NETIF_TXF_EXTRA; goes on while an extra
 *                      has NETIF_EXTRA_MORE
 *     request ...      size = bytes of this piece; goes on while the request
 *                      before (extras do not count) has NETIF_TXF_MORE
 *
 * so the bytes behind the head request are what the others leave over.  The
 * back end answers every slot; extras get NETIF_RSP_NULL, since an extra
 * carries no id.
 *
 * Receive (back end to front end, 8-byte slots).  The front end posts empty
 * pages; a packet is a chain of answers, each with the bytes it holds, extras
 * after the first.  An answer always takes the slot of the request it answers:
 * an extra overwrites the id, and the front end finds the page by position.
 *
 * Control (front end to back end, 16-byte slots, one for an interface).  Each
 * request is answered; answers name the request by its id.  With it a front end
 * says which hash of a packet it wants, and which queue a hash means:
 *
 *     SET_HASH_ALGORITHM	data: NETIF_HASH_NONE or _TOEPLITZ
 *     GET_HASH_FLAGS		answer: the types of hash the back end knows, a
 *				bit for each
 *     SET_HASH_FLAGS		data: the types wanted
 *     SET_HASH_KEY		data: grant of a page that begins with the key,
 *				bytes of it; those left out are 0
 *     GET_HASH_MAPPING_SIZE	answer: entries the table can have
 *     SET_HASH_MAPPING_SIZE	data: entries it has, all 0 now; without any the
 *				queue is the hash modulo the number of queues
 *     SET_HASH_MAPPING		data: grant of a page that begins with 32-bit
 *				entries, how many, the first one's place
 *
 * and has grants mapped for good, before it uses them in the other rings:
 *
 *     GET_GREF_MAPPING_SIZE	data: queue
 *				answer: how many grants the queue can keep
 *     ADD_GREF_MAPPING		data: queue, grant of a page with a list of
 *				struct netif_gref, entries in it; all or none
 *				are mapped
 *     DEL_GREF_MAPPING		the same; each entry gets a status
 *				answer: how many were unmapped
 */
#ifndef TENON_NETIF_H
#define TENON_NETIF_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdint.h>
#endif

/* Data slots a back end must accept in one packet. */
#define NETIF_SLOTS_MIN 18

/* Flags of a transmit request. */
#define NETIF_TXF_CSUM_BLANK 0x1
#define NETIF_TXF_DATA_VALIDATED 0x2
#define NETIF_TXF_MORE 0x4
#define NETIF_TXF_EXTRA 0x8

/* Flags of a receive answer. */
#define NETIF_RXF_DATA_VALIDATED 0x1
#define NETIF_RXF_CSUM_BLANK 0x2
#define NETIF_RXF_MORE 0x4
#define NETIF_RXF_EXTRA 0x8

#define NETIF_EXTRA_GSO 1
#define NETIF_EXTRA_MCAST_ADD 2
#define NETIF_EXTRA_MCAST_DEL 3
#define NETIF_EXTRA_HASH 4
#define NETIF_EXTRA_XDP 5

/* Flag of an extra. */
#define NETIF_EXTRA_MORE 0x1

#define NETIF_GSO_TCPV4 1
#define NETIF_GSO_TCPV6 2

#define NETIF_RSP_DROPPED (-2)
#define NETIF_RSP_ERROR (-1)
#define NETIF_RSP_OKAY 0
#define NETIF_RSP_NULL 1

struct netif_tx_req {
	uint32_t gref;
	uint16_t offset;
	uint16_t flags;
	uint16_t id;
	uint16_t size;
};

struct netif_tx_rsp {
	uint16_t id;
	int16_t status;
};

struct netif_rx_req {
	uint16_t id;
	uint16_t pad;
	uint32_t gref;
};

/* @status: bytes at @offset of the page, or a negative NETIF_RSP_* */
struct netif_rx_rsp {
	uint16_t id;
	uint16_t offset;
	uint16_t flags;
	int16_t status;
};

struct netif_extra {
	uint8_t type;
	uint8_t flags;
	union {
		struct {
			uint16_t size;
			uint8_t type;
			uint8_t pad;
			uint16_t features;
		} gso;
		struct {
			uint8_t addr[6];
		} mcast;
		struct {
			uint8_t type;
			uint8_t algorithm;
			uint8_t value[4]; /* lowest byte first */
		} hash;
		struct {
			uint16_t headroom;
			uint16_t pad[2];
		} xdp;
	};
};

/* What the front end may put into a transmit slot. */
union netif_tx_slot {
	struct netif_tx_req req;
	struct netif_extra extra;
};

/* What the back end may put into a receive slot. */
union netif_rx_slot {
	struct netif_rx_rsp rsp;
	struct netif_extra extra;
};

/* Types of hash; that with TCP's ports follows that without. */
#define NETIF_HASH_IPV4 0
#define NETIF_HASH_IPV4_TCP 1
#define NETIF_HASH_IPV6 2
#define NETIF_HASH_IPV6_TCP 3
#define NETIF_HASH_TYPES 4

#define NETIF_HASH_NONE 0
#define NETIF_HASH_TOEPLITZ 1

#define NETIF_CTRL_GET_HASH_FLAGS 1
#define NETIF_CTRL_SET_HASH_FLAGS 2
#define NETIF_CTRL_SET_HASH_KEY 3
#define NETIF_CTRL_GET_HASH_MAPPING_SIZE 4
#define NETIF_CTRL_SET_HASH_MAPPING_SIZE 5
#define NETIF_CTRL_SET_HASH_MAPPING 6
#define NETIF_CTRL_SET_HASH_ALGORITHM 7
#define NETIF_CTRL_GET_GREF_MAPPING_SIZE 8
#define NETIF_CTRL_ADD_GREF_MAPPING 9
#define NETIF_CTRL_DEL_GREF_MAPPING 10

#define NETIF_CTRL_SUCCESS 0
#define NETIF_CTRL_NOT_SUPPORTED 1
#define NETIF_CTRL_INVALID 2
#define NETIF_CTRL_OVERFLOW 3

struct netif_ctrl_req {
	uint16_t id;
	uint16_t type;
	uint32_t data[3];
};

struct netif_ctrl_rsp {
	uint16_t id;
	uint16_t type;
	uint32_t status;
	uint32_t data;
};

/* Flag of a grant: the back end may only read. */
#define NETIF_GREF_READONLY 0x1

struct netif_gref {
	uint32_t gref;
	uint16_t flags;
	uint16_t status;
};

/* Entries in the page of a list. */
#define NETIF_GREF_LIST 512

#endif /* TENON_NETIF_H */
