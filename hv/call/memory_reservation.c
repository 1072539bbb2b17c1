/* SPDX-License-Identifier: MIT */
/*
 * memory_reservation.c - memory_op: giving domains RAM and taking it back
 *
 * dom0's devices do DMA by gfn, so a frame that dom0 gives back is kept for it
 * and returns only to its own place; other domains' frames go to the pool.
 */
#include "memory.h"

#define CHUNK 32 /* extents read, or frames cleared, in one go */
#define MAX_ORDER 18 /* what the tools try first: 1 GiB */
/*
 * Frames taken from a dying domain before a look at the clock: as many as a new
 * superpage clears.  With fewer, a dom0 that is late takes its tick, does those
 * few, and is late again.
 */
#define RELEASE_CHUNK 512

static bool gfns_empty(struct domain *d, gfn_t gfn, unsigned int order)
{
	gfn_t end = gfn + (1UL << order);

	while (gfn < end) {
		enum p2m_type type;
		unsigned int size;

		p2m_lookup(d, gfn, &type, &size);
		if (type != P2M_NONE)
			return false;
		gfn = ALIGN_DOWN(gfn, 1UL << size) + (1UL << size);
	}
	return true;
}

/* Drop the owner's reference of those that @d still has. */
static void ram_return(struct domain *d, struct page *pg, u64 nr)
{
	for (; nr; nr--, pg++)
		if (page_get(pg, d)) {
			page_give_up(pg);
			page_put(pg);
		}
}

static bool populate_dom0(struct domain *d, gfn_t gfn, unsigned int order)
{
	struct page *pg = mfn_to_page(gfn);

	if (order || !mfn_valid(gfn) || !page_take_back(d, pg))
		return false;
	if (!p2m_set(d, gfn, gfn, 0, P2M_RAM))
		return true;
	ram_return(d, pg, 1);
	return false;
}

/* All of the extent, or nothing. */
static bool populate_extent(struct domain *d, gfn_t gfn, unsigned int order)
{
	/* An order the map has no leaf for is mapped by single frames. */
	unsigned int step = order == PAGE_MAX_ORDER ? order : 0;
	struct page *pg;
	u64 i;

	if (order > PAGE_MAX_ORDER || gfn & ((1UL << order) - 1) ||
	    gfn > ~0UL - (1UL << order) || !gfns_empty(d, gfn, order))
		return false;
	if (d->privileged)
		return populate_dom0(d, gfn, order);
	pg = page_alloc(d, order);
	if (!pg)
		return false;
	for (i = 0; i < 1UL << order; i += 1UL << step)
		if (p2m_set(d, gfn + i, page_to_mfn(pg + i), step, P2M_RAM))
			break;
	if (i == 1UL << order)
		return true;
	/* Removing cannot fail: setting made the tables. */
	while (i--)
		p2m_set(d, gfn + i, INVALID_MFN, 0, P2M_NONE);
	ram_return(d, pg, 1UL << order);
	return false;
}

/* Returns how many extents there is memory for. */
static unsigned int populate(struct domain *d, const u64 *gfn, unsigned int nr,
			     unsigned int order)
{
	unsigned int n;

	spin_lock(&d->lock);
	for (n = 0; n < nr && d->state < DOMAIN_DYING; n++)
		if (!populate_extent(d, gfn[n], order))
			break;
	spin_unlock(&d->lock);
	return n;
}

/*
 * Take up to CHUNK single frames from the map at once, so that the other CPUs
 * are made to forget them only once.  Returns how many there were.
 */
static unsigned int take_frames(struct domain *d, const u64 *gfn,
				unsigned int nr)
{
	struct page *pg[CHUNK];
	unsigned int n;

	spin_lock(&d->lock);
	for (n = 0; n < nr && d->state < DOMAIN_DYING; n++) {
		enum p2m_type type;
		mfn_t mfn = p2m_lookup(d, gfn[n], &type, NULL);

		if (type != P2M_RAM || !page_get(mfn_to_page(mfn), d))
			break;
		pg[n] = mfn_to_page(mfn);
		if (p2m_set_noflush(d, gfn[n], INVALID_MFN, 0, P2M_NONE)) {
			page_put(pg[n]);
			break;
		}
	}
	if (n)
		p2m_flush(d);
	for (unsigned int i = 0; i < n; i++) {
		page_give_up(pg[i]);
		page_put(pg[i]);
	}
	spin_unlock(&d->lock);
	return n;
}

/* True if all frames of the extent were there, and were taken. */
static bool unpopulate_extent(struct domain *d, gfn_t start, unsigned int order)
{
	if (start > ~0UL - (1UL << order))
		return false;
	for (gfn_t gfn = start; gfn < start + (1UL << order);) {
		unsigned int nr = min(start + (1UL << order) - gfn, (u64)CHUNK);
		u64 list[CHUNK];

		for (unsigned int i = 0; i < nr; i++)
			list[i] = gfn++;
		if (take_frames(d, list, nr) < nr)
			return false;
	}
	return true;
}

static unsigned int unpopulate(struct domain *d, const u64 *gfn,
			       unsigned int nr, unsigned int order)
{
	if (!order)
		return take_frames(d, gfn, nr);
	return order <= PAGE_MAX_ORDER && unpopulate_extent(d, gfn[0], order);
}

/* Returns the number of extents done, which may be less than asked for. */
static long reservation_change(struct hypercall *hc,
			       unsigned int (*change)(struct domain *d,
						      const u64 *gfn,
						      unsigned int nr,
						      unsigned int order))
{
	size_t unit = arg_size(sizeof(u64), MEMBERS_long);
	struct xen_memory_reservation arg;
	u64 done = memory_resume_point(hc);
	struct domain *d;
	long ret;

	if (arg_read(&arg, hc->arg[1], sizeof(arg), MEMBERS_memory_reservation,
		     1))
		return -EFAULT;
	if (arg.extent_order > MAX_ORDER ||
	    arg.nr_extents > ~0U >> XENMEM_CMD_BITS || done > arg.nr_extents)
		return -EINVAL;
	if (arg.mem_flags & XENMEMF_populate_on_demand)
		return -EOPNOTSUPP;
	d = domain_for_call(arg.domid, &ret);
	if (!d)
		return ret;
	while (done < arg.nr_extents) {
		/* How many to do before a look at the clock. */
		u64 nr = arg.extent_order ? 1 : min(arg.nr_extents - done,
						    (u64)CHUNK);
		u64 gfn[CHUNK], n;

		ret = arg_read(gfn, arg.extent_start + done * unit,
			       sizeof(gfn[0]), MEMBERS_long, nr);
		if (ret)
			goto out;
		n = change(d, gfn, nr, arg.extent_order);
		done += n;
		if (n < nr)
			break;
		if (done < arg.nr_extents && hypercall_preempt()) {
			ret = memory_continue(hc, done);
			goto out;
		}
	}
	ret = done;
out:
	domain_put(d);
	return ret;
}

long memory_populate_physmap(struct hypercall *hc)
{
	return reservation_change(hc, populate);
}

long memory_decrease_reservation(struct hypercall *hc)
{
	return reservation_change(hc, unpopulate);
}

/*
 * A claim is answered, not kept: whoever is told that there is enough memory
 * can still lose it to another caller, and then sees populate fail.
 */
long memory_claim_pages(struct domain *d, void *arg)
{
	struct xen_memory_reservation *op = arg;
	u64 have = READ_ONCE(d->tot_pages);

	if (op->extent_start || op->extent_order || op->mem_flags)
		return -EINVAL;
	return op->nr_extents > have &&
			       op->nr_extents - have > page_free_count() ?
		       -ENOMEM : 0;
}

/*
 * All RAM that its owner still has stands in its map, which nobody changes any
 * more.
 */
int memory_release(struct domain *d)
{
	u64 done = 0;

	while (d->released <= p2m_max_gfn(d)) {
		gfn_t from = d->released;
		enum p2m_type type;
		unsigned int order;
		mfn_t mfn = p2m_lookup(d, from, &type, &order);

		d->released = (from | ((1UL << order) - 1)) + 1;
		if (type == P2M_RAM || type == P2M_RAM_RO) {
			ram_return(d, mfn_to_page(mfn), d->released - from);
			done += d->released - from;
		}
		if (++done < RELEASE_CHUNK)
			continue;
		done = 0;
		if (hypercall_preempt())
			return -ERESTART;
	}
	return 0;
}
