/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * grantpool.h - pages that stay granted, for the front ends
 *
 * A pool belongs to one ring.  Its pages were zeroed when allocated, are granted
 * read-write to one back end, and stay so from request to request (persistent,
 * or staged, grants): data is copied, and no grant is made or revoked per
 * request.  Getting and putting must be serialised by the owner; growing may be
 * done in atomic context.
 */
#ifndef TENON_GRANTPOOL_H
#define TENON_GRANTPOOL_H

#include <linux/list.h>
#include <linux/mm_types.h>
#include <xen/grant_table.h>

/**
 * struct grant_page - one granted page
 * @page: the page
 * @gref: its grant
 * @entry: in grantpool.free, or the owner's while in use
 */
struct grant_page {
	struct page *page;
	grant_ref_t gref;
	struct list_head entry;
};

/**
 * struct grantpool - the granted pages of one ring
 * @domid: whom they are granted to
 * @nr: pages that exist
 * @max: bound of @nr
 * @nr_free: pages in @free
 * @free: not in use, most recently used first
 */
struct grantpool {
	domid_t domid;
	unsigned int nr;
	unsigned int max;
	unsigned int nr_free;
	struct list_head free;
};

void grantpool_init(struct grantpool *gp, domid_t domid, unsigned int max);
void grantpool_exit(struct grantpool *gp);
bool grantpool_reserve(struct grantpool *gp, unsigned int n);
struct grant_page *grantpool_get(struct grantpool *gp);
void grantpool_put(struct grantpool *gp, struct grant_page *g);

#endif /* TENON_GRANTPOOL_H */
