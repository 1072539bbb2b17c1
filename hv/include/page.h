/* SPDX-License-Identifier: MIT */
/*
 * page.h - frames of machine memory: owner, references, allocation
 *
 * Every frame of RAM has a struct page.  A frame is returned to the allocator,
 * scrubbed, when its last reference goes.  Its owner holds one reference from
 * allocation on; each nested-page mapping of it in a *foreign* domain, each
 * grant map, and each use by the hypervisor holds another.
 *
 * The hypervisor maps all RAM at its machine address.
 */
#ifndef HV_PAGE_H
#define HV_PAGE_H

#include "lib.h"

struct domain;

#define PAGE_MAX_ORDER 9 /* 2 MiB */

enum page_flags {
	PAGE_FREE = 1, /* in the allocator, head of a block of 2^order */
	PAGE_XEN = 2, /* belongs to the hypervisor on behalf of its owner:
		       * grant table, shared info; never freed by the guest */
	PAGE_DOM0 = 4, /* identity RAM of dom0: never enters the allocator */
	PAGE_DIRTY = 8, /* free, but not known to be zero (boot) */
	PAGE_GIVEN = 16, /* the owner's reference was dropped: page_give_up() */
	PAGE_KEPT = 32, /* given up by dom0, nobody uses it: page_take_back() */
};

/**
 * struct page - state of one frame
 * @refs: references; 0 only if free
 * @owner: domain, or DOMID_XEN (0x7ff2) for the hypervisor
 * @flags: enum page_flags
 * @order: of a free block, or of one of kzalloc()
 * @written: a guest's RAM was written by others than its vCPUs, see
 *	p2m_log_take()
 *
 * There is one for each frame of RAM, so what only some frames need is kept
 * elsewhere: the list a free block is on in the block itself, counts of identity
 * maps in p2m.c.
 */
struct page {
	u32 refs;
	domid_t owner;
	u8 flags;
	union {
		u8 order;
		bool written;
	};
};
_Static_assert(sizeof(struct page) == 8, "a 512th of all RAM");

extern struct page *frame_table;
extern u64 max_mfn; /* above all RAM */

static inline struct page *mfn_to_page(mfn_t mfn)
{
	return &frame_table[mfn];
}

static inline mfn_t page_to_mfn(const struct page *pg)
{
	return pg - frame_table;
}

static inline void *mfn_to_virt(mfn_t mfn)
{
	return (void *)(mfn << PAGE_SHIFT);
}

static inline void *page_to_virt(const struct page *pg)
{
	return mfn_to_virt(page_to_mfn(pg));
}

static inline mfn_t virt_to_mfn(const void *p)
{
	return (u64)p >> PAGE_SHIFT;
}

/* After writing to a guest's frame, before the reference is dropped. */
static inline void page_mark_written(struct page *pg)
{
	store_release(&pg->written, true);
}

/* True if the frame is RAM the hypervisor knows (dom0's, the pool's). */
bool mfn_valid(mfn_t mfn);

/*
 * Boot: set up the frame table.  The caller gives [start, end) of all RAM, sorted;
 * what lies at or above @pool_start is free.  The table takes the end of the first
 * free range that can hold it.
 */
struct mfn_range {
	mfn_t start, end;
};
#define RAM_RANGES 64
#define POOL_RANGES 8
extern struct mfn_range pool_range[POOL_RANGES]; /* 2 MiB-aligned guest pool */
extern unsigned int nr_pool_ranges;
bool pool_has(mfn_t mfn);
void page_init(const struct mfn_range *ram, unsigned int nr, mfn_t pool_start);
/* Boot: hand identity RAM to dom0: owner, one reference, PAGE_DOM0. */
void page_give_dom0(struct domain *dom0, mfn_t start, mfn_t end);

/**
 * page_alloc() - allocate 2^order zeroed frames, one reference each
 * @d: owner, charged against its max_pages; NULL for the hypervisor
 * @order: at most PAGE_MAX_ORDER
 *
 * Return: the first frame, or NULL if there is no memory or @d is at its limit
 * or dying.
 */
struct page *page_alloc(struct domain *d, unsigned int order);

/*
 * A zeroed frame of the hypervisor on behalf of @d (PAGE_XEN: shared info, grant
 * table): owner @d, not charged, not on its list; keeps @d from being freed.
 */
struct page *page_alloc_xen(struct domain *d);

/* One zeroed frame for the hypervisor's own use, mapped; NULL if none. */
void *page_alloc_virt(void);
/* The same for contiguous frames; free with page_free_virt(p, order). */
void *page_alloc_order_virt(unsigned int order);
void page_free_virt(void *p, unsigned int order);

/**
 * page_get() - take a reference if the frame belongs to @d
 *
 * Return: false if it is free or another domain's (then nothing was taken).
 */
bool page_get(struct page *pg, const struct domain *d);

/* The same whoever the owner is; false only if the frame is free. */
bool page_get_any(struct page *pg);

/* Drop a reference; the last one scrubs and frees the frame. */
void page_put(struct page *pg);

/**
 * page_give_up() - drop the owner's reference, the one from allocation
 * @pg: a frame of a domain, on which the caller holds a reference of its own,
 *	mapped by no RAM entry of the owner any more (or the owner is dying)
 *
 * The frame leaves the owner's list at once.  It is freed when the last
 * reference goes, except dom0's identity RAM, which waits for page_take_back().
 *
 * Return: false if this had been done already.
 */
bool page_give_up(struct page *pg);

/*
 * dom0 takes back a frame of identity RAM it gave up, zeroed.  False if it is
 * not such a frame, or somebody still uses it, or @d is at its limit.
 */
bool page_take_back(struct domain *d, struct page *pg);

u64 page_free_count(void); /* frames free in the pool */
u64 page_total_count(void); /* frames of RAM, the hypervisor's own too */

/*
 * Objects of the hypervisor (struct domain, tables): zeroed, in frames of their
 * own, for there are few and most are large; kfree() needs no size.
 */
void *kzalloc(size_t size);
void kfree(void *p);

#endif /* HV_PAGE_H */
