/* SPDX-License-Identifier: MIT */
/*
 * page.c - the frame table and the buddy allocator behind it
 *
 * Free memory is kept in blocks of 2^order frames, each on the list of its
 * order, by a node at its start.  A freed frame is scrubbed before it enters the allocator, so free
 * memory is zero but for those nodes, except what has been free since boot
 * (PAGE_DIRTY), which is scrubbed when it is first handed out.
 */
#include "domain.h"

struct page *frame_table;
u64 max_mfn;
struct mfn_range pool_range[POOL_RANGES];
unsigned int nr_pool_ranges;

static struct mfn_range ram_range[RAM_RANGES];
static unsigned int nr_ram_ranges;

static struct spinlock heap_lock;
static struct list free_list[PAGE_MAX_ORDER + 1];
static u64 nr_free, nr_total;

static bool range_has(const struct mfn_range *r, unsigned int nr, mfn_t mfn)
{
	for (; nr--; r++)
		if (mfn >= r->start && mfn < r->end)
			return true;
	return false;
}

bool mfn_valid(mfn_t mfn)
{
	return range_has(ram_range, nr_ram_ranges, mfn) &&
	       mfn_to_page(mfn)->owner != DOMID_INVALID;
}

bool pool_has(mfn_t mfn)
{
	return range_has(pool_range, nr_pool_ranges, mfn);
}

/* What a free block is listed by: its first bytes. */
static struct list *block_node(const struct page *pg)
{
	return page_to_virt(pg);
}

static void block_list(struct page *pg, unsigned int order, u8 dirty)
{
	pg->order = order;
	pg->flags = PAGE_FREE | dirty;
	list_add_before(block_node(pg), free_list[order].next);
}

static void block_unlist(struct page *pg)
{
	list_del(block_node(pg));
	*block_node(pg) = (struct list){ NULL, NULL };
	pg->flags = 0;
}

/*
 * Give a block to the allocator, merged with its free buddies.  No block spans
 * the border of a range: those of the pool are aligned to the largest.
 */
static void heap_free(mfn_t mfn, unsigned int order, u8 dirty)
{
	spin_lock(&heap_lock);
	nr_free += 1ULL << order;
	while (order < PAGE_MAX_ORDER) {
		struct page *pg = mfn_to_page(mfn ^ (1ULL << order));

		if (!(pg->flags & PAGE_FREE) || pg->order != order)
			break;
		dirty |= pg->flags & PAGE_DIRTY;
		block_unlist(pg);
		mfn &= ~(1ULL << order);
		order++;
	}
	block_list(mfn_to_page(mfn), order, dirty);
	spin_unlock(&heap_lock);
}

/* Take a block: frames owned by the hypervisor, zero, one reference each. */
static struct page *heap_alloc(unsigned int order)
{
	unsigned int from = order;
	struct page *pg;
	u8 dirty;

	spin_lock(&heap_lock);
	while (from <= PAGE_MAX_ORDER && list_empty(&free_list[from]))
		from++;
	if (from > PAGE_MAX_ORDER) {
		spin_unlock(&heap_lock);
		return NULL;
	}
	pg = mfn_to_page(virt_to_mfn(free_list[from].next));
	dirty = pg->flags & PAGE_DIRTY;
	block_unlist(pg);
	while (from-- > order)
		block_list(pg + (1ULL << from), from, dirty);
	nr_free -= 1ULL << order;
	spin_unlock(&heap_lock);

	if (dirty)
		memset(page_to_virt(pg), 0, PAGE_SIZE << order);
	for (u64 i = 0; i < 1ULL << order; i++)
		pg[i] = (struct page){ .refs = 1, .owner = DOMID_XEN };
	return pg;
}

/* Boot: frames become free.  [start, end) lies in one range of the pool. */
static void heap_add(mfn_t start, mfn_t end)
{
	while (start < end) {
		unsigned int order = PAGE_MAX_ORDER;

		while (start & ((1ULL << order) - 1) || start + (1ULL << order) > end)
			order--;
		heap_free(start, order, PAGE_DIRTY);
		start += 1ULL << order;
	}
}

/*
 * The frames of the table at @table_start, in @pool, that are about frames
 * [from, to), which are no RAM: nobody asks for those.
 */
static void heap_add_hole(const struct mfn_range *pool, mfn_t table_start,
			  mfn_t from, mfn_t to)
{
	u64 per_frame = PAGE_SIZE / sizeof(struct page);

	heap_add(table_start + DIV_ROUND_UP(from, per_frame),
		 min(table_start + to / per_frame, pool->end));
}

void page_init(const struct mfn_range *ram, unsigned int nr, mfn_t pool_start)
{
	u64 big = 1ULL << PAGE_MAX_ORDER, table;
	const struct mfn_range *holder = NULL;
	mfn_t table_start = INVALID_MFN, at = 0;

	nr_ram_ranges = min(nr, (unsigned int)RAM_RANGES);
	memcpy(ram_range, ram, nr_ram_ranges * sizeof(*ram));
	for (unsigned int i = 0; i <= PAGE_MAX_ORDER; i++)
		list_init(&free_list[i]);
	max_mfn = ram[nr_ram_ranges - 1].end;
	table = DIV_ROUND_UP(max_mfn * sizeof(struct page), PAGE_SIZE);

	for (unsigned int i = 0; i < nr_ram_ranges; i++) {
		mfn_t start = ALIGN_UP(max(ram[i].start, pool_start), big);
		mfn_t end = ALIGN_DOWN(ram[i].end, big);

		nr_total += ram[i].end - ram[i].start;
		if (start >= end || nr_pool_ranges == POOL_RANGES)
			continue;
		pool_range[nr_pool_ranges] = (struct mfn_range){ start, end };
		/* The end of a range is not aligned, and lost otherwise. */
		if (!holder && ram[i].end - start >= table) {
			holder = &pool_range[nr_pool_ranges];
			table_start = ram[i].end - table;
		}
		nr_pool_ranges++;
	}
	if (!holder)
		panic("not enough memory for the frame table");

	frame_table = mfn_to_virt(table_start);
	for (unsigned int i = 0; i < nr_ram_ranges; i++)
		for (mfn_t m = ram[i].start; m < ram[i].end; m++)
			frame_table[m] = (struct page){ .owner = DOMID_INVALID };
	for (unsigned int i = 0; i < nr_pool_ranges; i++) {
		const struct mfn_range *r = &pool_range[i];

		for (mfn_t m = r->start; m < r->end; m++)
			frame_table[m].owner = DOMID_XEN;
		heap_add(r->start, r == holder ? min(table_start, r->end) : r->end);
	}
	for (unsigned int i = 0; i < nr_ram_ranges; i++) {
		heap_add_hole(holder, table_start, at, ram[i].start);
		at = ram[i].end;
	}
}

void page_give_dom0(struct domain *d, mfn_t start, mfn_t end)
{
	for (mfn_t m = start; m < end; m++) {
		struct page *pg = mfn_to_page(m);

		pg->refs = 1;
		pg->owner = d->id;
		pg->flags = PAGE_DOM0;
	}
	spin_lock(&d->page_lock);
	if (!d->tot_pages && !d->xen_pages)
		domain_get(d);
	d->tot_pages += end - start;
	d->max_pages = max(d->max_pages, d->tot_pages);
	spin_unlock(&d->page_lock);
}

static bool page_allowed(const struct domain *d, u64 nr, u8 flags)
{
	return READ_ONCE(d->state) < DOMAIN_DYING &&
	       ((flags & PAGE_XEN) ||
		READ_ONCE(d->tot_pages) + nr <= READ_ONCE(d->max_pages));
}

/*
 * Hand frames of the hypervisor over to @d.  All frames of a domain together
 * hold one reference on it, so the owner of a frame can always be looked up.
 */
static bool page_assign(struct domain *d, struct page *pg, unsigned int order,
			u8 flags)
{
	u64 nr = 1ULL << order;

	spin_lock(&d->page_lock);
	if (!page_allowed(d, nr, flags)) {
		spin_unlock(&d->page_lock);
		return false;
	}
	if (!d->tot_pages && !d->xen_pages)
		domain_get(d);
	for (u64 i = 0; i < nr; i++) {
		pg[i].owner = d->id;
		pg[i].flags = flags;
	}
	if (flags & PAGE_XEN)
		d->xen_pages += nr;
	else
		d->tot_pages += nr;
	spin_unlock(&d->page_lock);
	return true;
}

static struct page *page_alloc_for(struct domain *d, unsigned int order,
				   u8 flags)
{
	struct page *pg;

	/* A domain at its limit costs neither frames nor scrubbing. */
	if (order > PAGE_MAX_ORDER || !page_allowed(d, 1ULL << order, flags))
		return NULL;
	pg = heap_alloc(order);
	if (pg && !page_assign(d, pg, order, flags)) {
		page_free_virt(page_to_virt(pg), order);
		return NULL;
	}
	return pg;
}

struct page *page_alloc(struct domain *d, unsigned int order)
{
	return d ? page_alloc_for(d, order, 0) : heap_alloc(order);
}

struct page *page_alloc_xen(struct domain *d)
{
	return page_alloc_for(d, 0, PAGE_XEN);
}

void *page_alloc_order_virt(unsigned int order)
{
	struct page *pg = heap_alloc(order);

	return pg ? page_to_virt(pg) : NULL;
}

void *page_alloc_virt(void)
{
	return page_alloc_order_virt(0);
}

void page_free_virt(void *p, unsigned int order)
{
	struct page *pg = mfn_to_page(virt_to_mfn(p));

	/*
	 * Frame by frame: page_get() by one who still believes in a former owner
	 * may hold a reference for a moment, and is then the one who frees.
	 */
	for (u64 i = 0; i < 1ULL << order; i++) {
		BUG_ON(pg[i].owner != DOMID_XEN);
		page_put(&pg[i]);
	}
}

void *kzalloc(size_t size)
{
	unsigned int order = 0;
	void *p;

	while (order < PAGE_MAX_ORDER && size > PAGE_SIZE << order)
		order++;
	p = size > PAGE_SIZE << order ? NULL : page_alloc_order_virt(order);
	if (p)
		mfn_to_page(virt_to_mfn(p))->order = order;
	return p;
}

void kfree(void *p)
{
	if (p)
		page_free_virt(p, mfn_to_page(virt_to_mfn(p))->order);
}

bool page_get_any(struct page *pg)
{
	u32 refs = READ_ONCE(pg->refs);

	do {
		/* Far above what handle limits allow: refuse, never wrap. */
		if (!refs || refs >= 0x7fffffff)
			return false;
	} while (!__atomic_compare_exchange_n(&pg->refs, &refs, refs + 1, false,
					      __ATOMIC_SEQ_CST,
					      __ATOMIC_RELAXED));
	return true;
}

bool page_get(struct page *pg, const struct domain *d)
{
	if (READ_ONCE(pg->owner) != d->id || !page_get_any(pg))
		return false;
	/* Only now the owner cannot change any more. */
	if (READ_ONCE(pg->owner) == d->id)
		return true;
	page_put(pg);
	return false;
}

/* The last reference is gone: take the frame from its owner. */
static void page_release(struct page *pg)
{
	bool keep = pg->flags & PAGE_DOM0;
	struct domain *d;
	bool last;

	memset(page_to_virt(pg), 0, PAGE_SIZE);
	if (pg->owner == DOMID_XEN) {
		heap_free(page_to_mfn(pg), 0, 0);
		return;
	}
	/* Referenced by its frames until the last of them is released. */
	d = domain_of_frame(pg->owner);
	spin_lock(&d->page_lock);
	if (pg->flags & PAGE_XEN)
		d->xen_pages--;
	else
		d->tot_pages--;
	last = !d->tot_pages && !d->xen_pages;
	/* dom0's identity RAM waits for page_take_back(). */
	pg->flags = keep ? PAGE_DOM0 | PAGE_KEPT : 0;
	spin_unlock(&d->page_lock);

	if (!keep) {
		pg->owner = DOMID_XEN;
		heap_free(page_to_mfn(pg), 0, 0);
	}
	if (last)
		domain_put(d);
}

void page_put(struct page *pg)
{
	u32 old = __atomic_fetch_sub(&pg->refs, 1, __ATOMIC_SEQ_CST);

	BUG_ON(!old);
	if (old == 1)
		page_release(pg);
}

bool page_give_up(struct page *pg)
{
	struct domain *d = domain_of_frame(pg->owner);
	bool first;

	spin_lock(&d->page_lock);
	first = !(pg->flags & (PAGE_GIVEN | PAGE_XEN));
	if (first)
		pg->flags |= PAGE_GIVEN;
	spin_unlock(&d->page_lock);
	if (first)
		page_put(pg);
	return first;
}

bool page_take_back(struct domain *d, struct page *pg)
{
	bool ok;

	spin_lock(&d->page_lock);
	ok = pg->owner == d->id && (pg->flags & PAGE_KEPT) &&
	     d->tot_pages < d->max_pages;
	if (ok) {
		if (!d->tot_pages && !d->xen_pages)
			domain_get(d);
		d->tot_pages++;
		pg->flags = PAGE_DOM0;
		store_release(&pg->refs, 1);
	}
	spin_unlock(&d->page_lock);
	return ok;
}

u64 page_free_count(void)
{
	return READ_ONCE(nr_free);
}

u64 page_total_count(void)
{
	return nr_total;
}
