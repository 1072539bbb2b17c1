/* SPDX-License-Identifier: MIT */
/*
 * grant.h - grant tables, shared by grant*.c
 *
 * References: while a grant has pins, it holds one reference on the frame,
 * taken with the first pin and dropped with the last; the frame keeps its owner,
 * the granting domain, from being freed.  A map is a pin, so a frame that
 * stands in another's map cannot be freed; and a pin is given up only after the
 * map was removed and flushed.
 */
#ifndef HV_CALL_GRANT_H
#define HV_CALL_GRANT_H

#include "grant_pin.h"
#include "hypercall.h"

/**
 * struct grant_map - one mapping that a domain has, named by a handle
 * @granter: whose frame it is, NULL if the handle is free
 * @pg: the frame
 * @gfn: where it stands in the mapping domain
 * @ref: in the granter's table; of a free handle: the next free one
 * @flags: GNTMAP_* that are still in effect, or MAP_BUSY
 */
struct grant_map {
	struct domain *granter;
	struct page *pg;
	gfn_t gfn;
	u32 ref;
	u32 flags;
};

/* In no guest's hands: a map being made or undone. */
#define MAP_BUSY (1U << 31)
#define MAP_NONE 0xffffffffU
#define MAPS_PER_FRAME (PAGE_SIZE / sizeof(struct grant_map))
/* Xen's bookkeeping puts this many into a frame, and the limit counts these. */
#define MAPS_PER_ABI_FRAME 256

/**
 * struct grant_table - what a domain grants, and what it has mapped
 * @lock: protects what it grants: the table and all pins
 * @nr_frames: frames of shared entries there are
 * @frame: the frames, NULL when the domain is dead
 * @pins: one struct grant_pins for each entry, by frame
 * @map_lock: protects what it has mapped
 * @nr_maps: handles there are, used or free
 * @max_maps: there may be
 * @maps_used: handles in use
 * @map_free: first free handle, or MAP_NONE
 * @map: handles, by frame; NULL before the first
 */
struct grant_table {
	struct spinlock lock;
	u32 nr_frames;
	struct grant_entry **frame;
	struct grant_pins **pins;

	struct spinlock map_lock;
	u32 nr_maps;
	u32 max_maps;
	u32 maps_used;
	u32 map_free;
	struct grant_map **map;
};

/* The granting domain of a batch's requests: mostly the same one. */
struct grant_peer {
	domid_t id;
	struct domain *d;
};

/* A domain by the id in a request; the reference is the cache's. */
struct domain *grant_peer_get(struct grant_peer *p, domid_t id);
void grant_peer_done(struct grant_peer *p);

/*
 * Pin entry @ref of @granter for the current domain, or unpin it.
 * Return: GNTST_*, and the frame.
 */
int grant_acquire(struct domain *granter, u32 ref, bool write,
		  struct page **pg);
void grant_release(struct domain *granter, u32 ref, bool write);

/* Batches of requests that are in private memory; each gets its status. */
#define GRANT_BATCH 16
void grant_map_batch(struct gnttab_map_grant_ref *op, unsigned int nr);
void grant_unmap_batch(struct gnttab_unmap_grant_ref *op, unsigned int nr);
void grant_copy_batch(struct gnttab_copy *op, unsigned int nr);

void grant_free_maps(struct grant_table *t);

#endif /* HV_CALL_GRANT_H */
