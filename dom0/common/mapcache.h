/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * mapcache.h - a front end's granted pages, mapped, for the back ends
 *
 * A struct mapcache belongs to one ring: mappings are made by that ring's one
 * serving context and may be released from any.  A struct map_batch is the set
 * of mappings of one request: made by one hypercall, released by one.
 *
 * Mappings are kept across requests where the front end has agreed to keep its
 * grants (persistent grants): then the steady state needs no hypercall.
 *
 * How a page comes to be mapped depends on the hypervisor:
 *  - identity: on Tenon's, the frame appears at gfn == mfn, where devices expect
 *    it too;
 *  - xen: anywhere else, the kernel's gnttab_map_refs() on unpopulated pages
 *    (in a PV domain the kernel's swiotlb takes care of DMA).
 *
 * Either way a page is not unmapped while somebody below (a network stack that
 * may retransmit it) still holds a reference to it, and a page whose unmapping
 * failed is never reused.
 */
#ifndef TENON_MAPCACHE_H
#define TENON_MAPCACHE_H

#include <linux/hashtable.h>
#include <linux/list.h>
#include <linux/workqueue.h>
#include <xen/grant_table.h>

struct map_batch;
struct mapcache;

/**
 * struct map_entry - one mapped page
 * @page: the page; NULL if mapping failed
 * @gref: what is mapped
 * @handle: the hypervisor's name for the mapping
 * @users: requests that hold it
 * @kept: stays mapped when @users is 0
 * @readonly: was mapped to be read only
 * @hash: in mapcache.kept
 * @lru: in mapcache.lru, least recently used first
 */
struct map_entry {
	struct page *page;
	grant_ref_t gref;
	grant_handle_t handle;
	atomic_t users;
	bool kept;
	bool readonly;
	struct hlist_node hash;
	struct list_head lru;
};

/**
 * struct map_batch - the mappings of one request
 * @mc: the cache
 * @owner: whatever the user wants to find in @done
 * @done: called once when all is released; any context
 * @nr: entries held
 * @max: room
 * @leaving: of these, how many are being unmapped
 * @entries: what is held
 * @ops: for unmapping
 * @pages: for unmapping
 * @unmap: for unmapping
 */
struct map_batch {
	struct mapcache *mc;
	void *owner;
	void (*done)(struct map_batch *b);
	unsigned int nr;
	unsigned int max;
	unsigned int leaving;
	struct map_entry **entries;
	struct gnttab_unmap_grant_ref *ops;
	struct page **pages;
	struct gntab_unmap_queue_data unmap;
};

/**
 * struct mapcache_stats - counters of one cache
 * @maps: grants mapped
 * @unmaps: grants unmapped
 * @hits: lookups served by a kept mapping
 * @calls: hypercalls made to map and to unmap
 * @map_errors: grants the hypervisor refused to map
 * @unmap_errors: mappings the hypervisor refused to undo; their pages are lost
 */
struct mapcache_stats {
	u64 maps;
	atomic64_t unmaps;
	u64 hits;
	atomic64_t calls;
	u64 map_errors;
	atomic64_t unmap_errors;
};

/**
 * struct mapcache_ops - how pages are mapped
 * @name: for humans
 * @map: map @n entries with @flags (GNTMAP_*), by one hypercall; sets page and
 *	handle of those that succeeded; may sleep; returns how many did, or
 *	-ENOMEM if nothing was tried
 * @unmap: start unmapping b->unmap; mapcache_unmapped() is called when done
 * @release: take back a page that is not mapped any more; any context
 * @trim: give back memory that is not needed now; may sleep
 */
struct mapcache_ops {
	const char *name;
	int (*map)(struct mapcache *mc, struct map_entry **e, unsigned int n,
		   u32 flags);
	void (*unmap)(struct map_batch *b);
	void (*release)(struct mapcache *mc, struct page *page);
	void (*trim)(struct mapcache *mc, unsigned int keep);
};

#define MAPCACHE_HASH_BITS 10
#define MAPCACHE_MAX_MAP 256
#define MAPCACHE_EVICTING 0
#define MAPCACHE_DYING 1

/**
 * struct mapcache - the mapped grants of one ring
 * @ops: how
 * @domid: of whom
 * @max_kept: bound of @nr_kept
 * @nr_kept: entries in @kept
 * @kept: kept entries by gref
 * @lru: kept entries by last use
 * @pages: unpopulated pages (xen)
 * @evict: batch that unmaps kept entries
 * @flags: MAPCACHE_EVICTING: @evict is at work; MAPCACHE_DYING
 * @refs: the owner's, one per mapping, one for @evict at work
 * @free_work: frees the cache in process context
 * @stats: counters
 * @map_ops: scratch of the serving context
 * @map_pages: scratch of the serving context
 * @fresh: scratch of the serving context
 */
struct mapcache {
	const struct mapcache_ops *ops;
	domid_t domid;
	unsigned int max_kept;
	unsigned int nr_kept;
	DECLARE_HASHTABLE(kept, MAPCACHE_HASH_BITS);
	struct list_head lru;
	struct gnttab_page_cache pages;
	struct map_batch *evict;
	unsigned long flags;
	atomic_t refs;
	struct work_struct free_work;
	struct mapcache_stats stats;
	struct gnttab_map_grant_ref map_ops[MAPCACHE_MAX_MAP];
	struct page *map_pages[MAPCACHE_MAX_MAP];
	struct map_entry *fresh[MAPCACHE_MAX_MAP];
};

struct mapcache *mapcache_create(domid_t domid, unsigned int max_kept);
void mapcache_destroy(struct mapcache *mc);
struct map_batch *map_batch_alloc(struct mapcache *mc, unsigned int max,
				  gfp_t gfp);
void map_batch_free(struct map_batch *b);
int map_batch_map(struct map_batch *b, const grant_ref_t *grefs,
		  unsigned int n, bool readonly, bool keep);
bool map_batch_forget(struct map_batch *b, grant_ref_t gref);
void map_batch_release(struct map_batch *b,
		       void (*done)(struct map_batch *b));

static inline struct page *map_batch_page(const struct map_batch *b,
					  unsigned int i)
{
	return b->entries[i]->page;
}

/* Among mapcache*.c and common.c */
int mapcache_setup(void);
void mapcache_teardown(void);
void mapcache_unmapped(struct map_batch *b);
extern const struct mapcache_ops mapcache_xen;
extern const struct mapcache_ops mapcache_identity;
int mapcache_identity_setup(void);
void mapcache_identity_teardown(void);

#endif /* TENON_MAPCACHE_H */
