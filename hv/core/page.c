/* SPDX-License-Identifier: MIT */
/*
 * page.c - the frame table and the buddy allocator behind it
 *
 * Free memory is kept in blocks of 2^order frames, each on the list of its
 * order.  A freed frame is scrubbed before it enters the allocator, so free
 * memory is zero, except what has been free since boot (PAGE_DIRTY), which is
 * scrubbed when it is first handed out.
 */
#include "domain.h"

struct page *frame_table;
u64 max_mfn;
struct mfn_range pool_range[POOL_RANGES];
unsigned int nr_pool_ranges;

static struct spinlock heap_lock;
static u32 free_head[PAGE_MAX_ORDER + 1];
static u64 nr_free, nr_total;

bool mfn_valid(mfn_t mfn)
{
	return mfn < max_mfn && mfn_to_page(mfn)->owner != DOMID_INVALID;
}

static struct page *page_at(u32 mfn)
{
	return mfn_to_page(mfn);
}

void page_link(u32 *head, struct page *pg)
{
	u32 mfn = page_to_mfn(pg);

	pg->prev = PAGE_NIL;
	pg->next = *head;
	if (*head != PAGE_NIL)
		page_at(*head)->prev = mfn;
	*head = mfn;
}

void page_unlink(u32 *head, struct page *pg)
{
	if (pg->prev != PAGE_NIL)
		page_at(pg->prev)->next = pg->next;
	else
		*head = pg->next;
	if (pg->next != PAGE_NIL)
		page_at(pg->next)->prev = pg->prev;
	pg->next = PAGE_NIL;
	pg->prev = PAGE_NIL;
}

/* Give a block to the allocator, merged with its free buddies. */
static void heap_free(mfn_t mfn, unsigned int order, u8 dirty)
{
	spin_lock(&heap_lock);
	nr_free += 1ULL << order;
	while (order < PAGE_MAX_ORDER) {
		mfn_t buddy = mfn ^ (1ULL << order);
		struct page *pg;

		if (buddy >= max_mfn)
			break;
		pg = mfn_to_page(buddy);
		if (!(pg->flags & PAGE_FREE) || pg->order != order)
			break;
		page_unlink(&free_head[order], pg);
		dirty |= pg->flags & PAGE_DIRTY;
		pg->flags = 0;
		mfn = min(mfn, buddy);
		order++;
	}
	mfn_to_page(mfn)->order = order;
	mfn_to_page(mfn)->flags = PAGE_FREE | dirty;
	page_link(&free_head[order], mfn_to_page(mfn));
	spin_unlock(&heap_lock);
}

/* Take a block: frames owned by the hypervisor, zero, one reference each. */
static struct page *heap_alloc(unsigned int order)
{
	unsigned int from = order;
	struct page *pg;
	u8 dirty;

	spin_lock(&heap_lock);
	while (from <= PAGE_MAX_ORDER && free_head[from] == PAGE_NIL)
		from++;
	if (from > PAGE_MAX_ORDER) {
		spin_unlock(&heap_lock);
		return NULL;
	}
	pg = page_at(free_head[from]);
	page_unlink(&free_head[from], pg);
	dirty = pg->flags & PAGE_DIRTY;
	pg->flags = 0;
	while (from > order) {
		struct page *half = pg + (1ULL << --from);

		half->order = from;
		half->flags = PAGE_FREE | dirty;
		page_link(&free_head[from], half);
	}
	nr_free -= 1ULL << order;
	spin_unlock(&heap_lock);

	if (dirty)
		memset(page_to_virt(pg), 0, PAGE_SIZE << order);
	for (u64 i = 0; i < 1ULL << order; i++) {
		pg[i].refs = 1;
		pg[i].owner = DOMID_XEN;
		pg[i].flags = 0;
		pg[i].order = 0;
		pg[i].next = PAGE_NIL;
		pg[i].prev = PAGE_NIL;
		pg[i].written = false;
	}
	return pg;
}

void page_init(const struct mfn_range *ranges, unsigned int nr, u64 top_mfn)
{
	u64 table = DIV_ROUND_UP(top_mfn * sizeof(struct page), PAGE_SIZE);
	u64 big = 1ULL << PAGE_MAX_ORDER;
	mfn_t table_start = INVALID_MFN;

	for (unsigned int i = 0; i <= PAGE_MAX_ORDER; i++)
		free_head[i] = PAGE_NIL;
	table = ALIGN_UP(table, big);

	for (unsigned int i = 0; i < nr && nr_pool_ranges < POOL_RANGES; i++) {
		struct mfn_range *r = &pool_range[nr_pool_ranges];

		r->start = ALIGN_UP(ranges[i].start, big);
		r->end = ALIGN_DOWN(ranges[i].end, big);
		if (r->start >= r->end)
			continue;
		if (table_start == INVALID_MFN && r->end - r->start >= table)
			table_start = r->start;
		nr_pool_ranges++;
	}
	if (table_start == INVALID_MFN)
		panic("not enough memory for the frame table");

	frame_table = mfn_to_virt(table_start);
	max_mfn = top_mfn;
	memset(frame_table, 0, table << PAGE_SHIFT);
	for (u64 i = 0; i < max_mfn; i++)
		frame_table[i].owner = DOMID_INVALID;

	for (unsigned int i = 0; i < nr_pool_ranges; i++) {
		struct mfn_range *r = &pool_range[i];

		for (mfn_t m = r->start; m < r->end; m++)
			frame_table[m].owner = DOMID_XEN;
		nr_total += r->end - r->start;
		for (mfn_t m = r->start; m < r->end; m += big)
			if (m < table_start || m >= table_start + table)
				heap_free(m, PAGE_MAX_ORDER, PAGE_DIRTY);
	}
}

void page_give_dom0(struct domain *d, mfn_t start, mfn_t end)
{
	for (mfn_t m = start; m < end; m++) {
		struct page *pg = mfn_to_page(m);

		pg->refs = 1;
		pg->owner = d->id;
		pg->flags = PAGE_DOM0;
		pg->next = PAGE_NIL;
		pg->prev = PAGE_NIL;
	}
	spin_lock(&d->page_lock);
	if (!d->tot_pages && !d->xen_pages)
		domain_get(d);
	d->tot_pages += end - start;
	d->max_pages = max(d->max_pages, d->tot_pages);
	spin_unlock(&d->page_lock);
	nr_total += end - start;
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
		if (!(flags & PAGE_XEN))
			page_link(&d->pages, &pg[i]);
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
	if (pg->flags & PAGE_XEN) {
		d->xen_pages--;
	} else {
		d->tot_pages--;
		if (!(pg->flags & (PAGE_DOM0 | PAGE_GIVEN)))
			page_unlink(&d->pages, pg);
	}
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
	if (first) {
		pg->flags |= PAGE_GIVEN;
		if (!(pg->flags & PAGE_DOM0))
			page_unlink(&d->pages, pg);
	}
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
