// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hash.c - the hash of a packet that a guest asks for, and the queue it means
 *
 * A packet gets the most telling hash of those wanted: with ports if it is TCP and
 * they are there, of the addresses otherwise.  Of a fragment they never count, or
 * its packet's pieces would take different ways.
 */
#include "hash.h"

#define HASH_TYPES_ALL ((1u << NETIF_HASH_TYPES) - 1)

#define HASH_ETH 14
#define HASH_TAG 4

#define HASH_PROTO_TAG 0x8100
#define HASH_PROTO_IPV4 0x0800
#define HASH_PROTO_IPV6 0x86dd
#define HASH_PROTO_TCP 6

/* Source and destination. */
#define HASH_PORTS 4

/**
 * hash_set_algorithm() - choose the algorithm
 * @c: configuration
 * @algorithm: NETIF_HASH_NONE for no hash
 */
int hash_set_algorithm(struct hash_config *c, uint32_t algorithm)
{
	if (algorithm != NETIF_HASH_NONE && algorithm != NETIF_HASH_TOEPLITZ)
		return -NETIF_CTRL_INVALID;
	c->algorithm = algorithm;
	return 0;
}

/**
 * hash_get_types() - which types of hash are there?
 * @c: configuration with an algorithm
 */
int hash_get_types(const struct hash_config *c)
{
	if (c->algorithm == NETIF_HASH_NONE)
		return -NETIF_CTRL_NOT_SUPPORTED;
	return HASH_TYPES_ALL;
}

/**
 * hash_set_types() - choose the types of hash
 * @c: configuration with an algorithm
 * @types: a bit for each; 0 for no hash
 */
int hash_set_types(struct hash_config *c, uint32_t types)
{
	if (c->algorithm == NETIF_HASH_NONE || types & ~HASH_TYPES_ALL)
		return -NETIF_CTRL_INVALID;
	c->types = types;
	return 0;
}

/**
 * hash_set_key() - change the key
 * @c: configuration
 * @key: its first bytes, HASH_KEY_MAX of them at most
 * @size: how many the guest has; the others are 0
 */
int hash_set_key(struct hash_config *c, const uint8_t *key, uint32_t size)
{
	unsigned int i;

	if (size > HASH_KEY_MAX)
		return -NETIF_CTRL_OVERFLOW;
	for (i = 0; i < HASH_KEY_MAX; i++)
		c->key[i] = i < size ? key[i] : 0;
	return 0;
}

/**
 * hash_set_map_size() - begin a new table of queues
 * @c: configuration
 * @size: its entries; 0 for no table
 */
int hash_set_map_size(struct hash_config *c, uint32_t size)
{
	if (size > HASH_MAP_MAX)
		return -NETIF_CTRL_INVALID;
	c->map_size = size;
	__builtin_memset(c->map, 0, sizeof(c->map));
	return 0;
}

/**
 * hash_set_map() - change some entries of the table
 * @c: configuration
 * @entry: the entries, HASH_MAP_MAX of them at most
 * @n: how many the guest has
 * @first: place of the first one
 * @queues: what each is less than
 */
int hash_set_map(struct hash_config *c, const uint32_t *entry, uint32_t n,
		 uint32_t first, unsigned int queues)
{
	unsigned int i;

	if (n > HASH_MAP_MAX)
		return -NETIF_CTRL_OVERFLOW;
	if (first > c->map_size || n > c->map_size - first)
		return -NETIF_CTRL_INVALID;
	for (i = 0; i < n; i++)
		if (entry[i] >= queues)
			return -NETIF_CTRL_INVALID;
	for (i = 0; i < n; i++)
		c->map[first + i] = entry[i];
	return 0;
}

/**
 * hash_on() - does the guest want packets to have a hash?
 * @c: configuration
 */
bool hash_on(const struct hash_config *c)
{
	return c->algorithm != NETIF_HASH_NONE && c->types;
}

static unsigned int hash_be16(const uint8_t *p)
{
	return p[0] << 8 | p[1];
}

/**
 * hash_toeplitz() - Toeplitz hash
 * @key: HASH_KEY_MAX bytes
 * @data: what to hash
 * @len: its bytes, at most HASH_KEY_MAX - 4
 *
 * Each bit of the data that is set adds the 32 bits of the key that begin at the
 * same place.
 */
uint32_t hash_toeplitz(const uint8_t *key, const uint8_t *data,
		       unsigned int len)
{
	uint32_t window = (uint32_t)hash_be16(key) << 16 | hash_be16(key + 2);
	uint32_t value = 0;
	unsigned int i;
	int bit;

	for (i = 0; i < len; i++) {
		for (bit = 7; bit >= 0; bit--) {
			value ^= window & -(uint32_t)(data[i] >> bit & 1);
			window = window << 1 | (key[i + 4] >> bit & 1);
		}
	}
	return value;
}

/*
 * @data has both addresses, @len bytes, and the ports if @tcp.  The type with ports
 * follows @type, that without.
 */
static bool hash_data(const struct hash_config *c, const uint8_t *data,
		      unsigned int len, bool tcp, unsigned int type,
		      struct hash_value *hash)
{
	if (tcp && c->types & 1u << (type + 1)) {
		type++;
		len += HASH_PORTS;
	} else if (!(c->types & 1u << type)) {
		return false;
	}
	hash->type = type;
	hash->value = hash_toeplitz(c->key, data, len);
	return true;
}

static bool hash_ipv4(const struct hash_config *c, const uint8_t *ip,
		      unsigned int len, struct hash_value *hash)
{
	uint8_t data[8 + HASH_PORTS];
	unsigned int header;
	bool tcp;

	if (len < 20 || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0xf) * 4;
	if (header < 20)
		return false;
	__builtin_memcpy(data, ip + 12, 8);
	/* more fragments, or a place among them */
	tcp = ip[9] == HASH_PROTO_TCP && !(hash_be16(ip + 6) & 0x3fff) &&
	      header + HASH_PORTS <= len;
	if (tcp)
		__builtin_memcpy(data + 8, ip + header, HASH_PORTS);
	return hash_data(c, data, 8, tcp, NETIF_HASH_IPV4, hash);
}

/* TCP counts if it follows the header at once; so do the guest's. */
static bool hash_ipv6(const struct hash_config *c, const uint8_t *ip,
		      unsigned int len, struct hash_value *hash)
{
	bool tcp;

	if (len < 40 || ip[0] >> 4 != 6)
		return false;
	tcp = ip[6] == HASH_PROTO_TCP && 40 + HASH_PORTS <= len;
	return hash_data(c, ip + 8, 32, tcp, NETIF_HASH_IPV6, hash);
}

/**
 * hash_frame() - hash of a packet
 * @c: configuration
 * @frame: its beginning, from the Ethernet header on
 * @len: bytes of that, HASH_FRAME_MAX if there are as many
 * @hash: filled in
 *
 * Return: false if it is of no type that is wanted.
 */
bool hash_frame(const struct hash_config *c, const uint8_t *frame,
		unsigned int len, struct hash_value *hash)
{
	unsigned int at = HASH_ETH;

	if (len >= HASH_ETH + HASH_TAG &&
	    hash_be16(frame + HASH_ETH - 2) == HASH_PROTO_TAG)
		at += HASH_TAG;
	if (len < at)
		return false;
	switch (hash_be16(frame + at - 2)) {
	case HASH_PROTO_IPV4:
		return hash_ipv4(c, frame + at, len - at, hash);
	case HASH_PROTO_IPV6:
		return hash_ipv6(c, frame + at, len - at, hash);
	default:
		return false;
	}
}

/**
 * hash_queue() - which queue is it for?
 * @c: configuration
 * @value: hash of the packet
 * @queues: how many there are
 */
unsigned int hash_queue(const struct hash_config *c, uint32_t value,
			unsigned int queues)
{
	if (c->map_size)
		return c->map[value % c->map_size];
	return value % queues;
}
