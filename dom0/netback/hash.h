/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * hash.h - the hash of a packet that a guest asks for, and the queue it means
 *
 * Pure: works on a private copy of what the guest says and on the first bytes of a
 * frame, needs nothing but the compiler, and so is tested on the host as it runs in
 * the kernel.
 */
#ifndef NETBACK_HASH_H
#define NETBACK_HASH_H

#include "netif.h"

#ifndef __KERNEL__
#include <stdbool.h>
#endif

/* IPv6 addresses and two ports take all of it. */
#define HASH_KEY_MAX 40

#define HASH_MAP_MAX 128

/* What of a frame can matter: a tag, IPv4 with all its options, two ports. */
#define HASH_FRAME_MAX (14 + 4 + 60 + 4)

/**
 * struct hash_config - what a guest wants
 * @algorithm: NETIF_HASH_NONE or NETIF_HASH_TOEPLITZ
 * @types: NETIF_HASH_* wanted, a bit for each
 * @map_size: entries of @map; 0 if the queue is the hash modulo their number
 * @key: of the hash
 * @map: queues
 */
struct hash_config {
	uint32_t algorithm;
	uint32_t types;
	unsigned int map_size;
	uint8_t key[HASH_KEY_MAX];
	uint8_t map[HASH_MAP_MAX];
};

/**
 * struct hash_value - hash of a packet
 * @type: NETIF_HASH_*
 * @value: the hash
 */
struct hash_value {
	unsigned int type;
	uint32_t value;
};

/*
 * Requests.  What is refused, with a negative NETIF_CTRL_* status, has changed
 * nothing.
 */

int hash_set_algorithm(struct hash_config *c, uint32_t algorithm);
int hash_get_types(const struct hash_config *c);
int hash_set_types(struct hash_config *c, uint32_t types);
int hash_set_key(struct hash_config *c, const uint8_t *key, uint32_t size);
int hash_set_map_size(struct hash_config *c, uint32_t size);
int hash_set_map(struct hash_config *c, const uint32_t *entry, uint32_t n,
		 uint32_t first, unsigned int queues);

/* Packets */

bool hash_on(const struct hash_config *c);
uint32_t hash_toeplitz(const uint8_t *key, const uint8_t *data,
		       unsigned int len);
bool hash_frame(const struct hash_config *c, const uint8_t *frame,
		unsigned int len, struct hash_value *hash);
unsigned int hash_queue(const struct hash_config *c, uint32_t value,
			unsigned int queues);

#endif /* NETBACK_HASH_H */
