// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * mapcache_identity.c - mapping grants at gfn == mfn, on Tenon's hypervisor
 *
 * A device below us addresses memory by machine frame.  So the hypervisor offers
 * to map a granted frame at the guest frame of the same number, which lies in
 * its pool of guest memory.  It announces this in its own block of CPUID leaves,
 * along with the pool's ranges, which get struct pages here; they are never
 * touched by anybody unless a grant is mapped there.
 *
 * One frame may be mapped by several grants at a time: the hypervisor counts,
 * and the mappings share one struct page.
 */
#include <linux/err.h>
#include <linux/kernel.h>
#include <linux/memremap.h>
#include <linux/mm.h>
#include <linux/slab.h>
#include <asm/processor.h>
#include <asm/xen/hypercall.h>
#include <xen/xen.h>

#include "mapcache.h"

#define TENON_SIGNATURE "TenonTenonTe"
#define TENON_LEAF_FEATURES 1
#define TENON_FEATURE_IDENTITY_MAPS BIT(0)
#define TENON_LEAF_POOL 2
#define TENON_GNTMAP_IDENTITY BIT(6)
/* More ranges than any machine has memory holes. */
#define POOL_RANGES_MAX 64

/* A page is looked at again after so long while someone holds it. */
#define HELD_RETRY msecs_to_jiffies(10)

static struct dev_pagemap *pool;
static unsigned int pool_ranges;

static bool pool_has(u64 pfn)
{
	unsigned int i;

	for (i = 0; i < pool_ranges; i++)
		if (pfn >= PHYS_PFN(pool[i].range.start) &&
		    pfn <= PHYS_PFN(pool[i].range.end))
			return true;
	return false;
}

/* Undoes one mapping that we cannot use. */
static void identity_refuse(struct mapcache *mc,
			    const struct gnttab_map_grant_ref *map)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = map->host_addr,
		.handle = map->handle,
	};

	if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, &op, 1) ||
	    op.status != GNTST_okay)
		atomic64_inc(&mc->stats.unmap_errors);
}

static int identity_map(struct mapcache *mc, struct map_entry **e,
			unsigned int n, u32 flags)
{
	unsigned int i, good = 0;

	for (i = 0; i < n; i++)
		mc->map_ops[i] = (struct gnttab_map_grant_ref) {
			.flags = flags | TENON_GNTMAP_IDENTITY,
			.ref = e[i]->gref,
			.dom = mc->domid,
			.status = GNTST_general_error,
		};
	atomic64_inc(&mc->stats.calls);
	if (HYPERVISOR_grant_table_op(GNTTABOP_map_grant_ref, mc->map_ops, n))
		return 0;
	for (i = 0; i < n; i++) {
		const struct gnttab_map_grant_ref *map = &mc->map_ops[i];

		if (map->status != GNTST_okay)
			continue;
		/* Anywhere else a device would write astray. */
		if (map->host_addr != map->dev_bus_addr ||
		    !pool_has(PHYS_PFN(map->dev_bus_addr))) {
			identity_refuse(mc, map);
			continue;
		}
		e[i]->page = pfn_to_page(PHYS_PFN(map->dev_bus_addr));
		e[i]->handle = map->handle;
		good++;
	}
	return good;
}

static bool pages_held(const struct map_batch *b)
{
	unsigned int i;

	for (i = 0; i < b->leaving; i++)
		if (page_count(b->pages[i]) > 1)
			return true;
	return false;
}

static void identity_unmap_now(struct map_batch *b)
{
	unsigned int i;

	for (i = 0; i < b->leaving; i++)
		b->ops[i].host_addr = PFN_PHYS(page_to_pfn(b->pages[i]));
	/* An error leaves each status as it is: an error. */
	if (HYPERVISOR_grant_table_op(GNTTABOP_unmap_grant_ref, b->ops,
				      b->leaving))
		pr_warn_ratelimited("tenon: unmapping grants failed\n");
	mapcache_unmapped(b);
}

static void identity_retry(struct work_struct *work)
{
	struct map_batch *b = container_of(to_delayed_work(work),
					   struct map_batch,
					   unmap.gnttab_work);

	if (pages_held(b))
		schedule_delayed_work(&b->unmap.gnttab_work, HELD_RETRY);
	else
		identity_unmap_now(b);
}

static void identity_unmap(struct map_batch *b)
{
	if (!pages_held(b)) {
		identity_unmap_now(b);
		return;
	}
	INIT_DELAYED_WORK(&b->unmap.gnttab_work, identity_retry);
	schedule_delayed_work(&b->unmap.gnttab_work, HELD_RETRY);
}

/* The pool's pages belong to the hypervisor: nothing to take back. */
static void identity_release(struct mapcache *mc, struct page *page)
{
}

static void identity_trim(struct mapcache *mc, unsigned int keep)
{
}

const struct mapcache_ops mapcache_identity = {
	.name = "identity",
	.map = identity_map,
	.unmap = identity_unmap,
	.release = identity_release,
	.trim = identity_trim,
};

static int pool_add(u32 leaf, unsigned int i)
{
	struct dev_pagemap *pgmap = &pool[i];
	u32 eax, ebx, ecx, edx;
	u64 start, nr;
	void *at;

	cpuid_count(leaf, i, &eax, &ebx, &ecx, &edx);
	start = eax | (u64)ebx << 32;
	nr = ecx | (u64)edx << 32;
	if (!nr || start + nr < start || start + nr > PHYS_PFN(PHYS_ADDR_MAX))
		return -EINVAL;
	pgmap->type = MEMORY_DEVICE_GENERIC;
	pgmap->nr_range = 1;
	pgmap->range.start = PFN_PHYS(start);
	pgmap->range.end = PFN_PHYS(start + nr) - 1;
	at = memremap_pages(pgmap, NUMA_NO_NODE);
	return PTR_ERR_OR_ZERO(at);
}

/*
 * Looks for the hypervisor's announcement.  Only a domain that is identity-mapped
 * itself is offered one.
 */
int mapcache_identity_setup(void)
{
	u32 base, eax, ebx, ecx, edx, nr, i;
	int err;

	if (xen_pv_domain())
		return -ENODEV;
	base = hypervisor_cpuid_base(TENON_SIGNATURE, TENON_LEAF_POOL);
	if (!base)
		return -ENODEV;
	cpuid(base + TENON_LEAF_FEATURES, &eax, &ebx, &ecx, &edx);
	nr = ebx;
	if (!(eax & TENON_FEATURE_IDENTITY_MAPS) || !nr || nr > POOL_RANGES_MAX)
		return -ENODEV;
	pool = kcalloc(nr, sizeof(*pool), GFP_KERNEL);
	if (!pool)
		return -ENOMEM;
	for (i = 0; i < nr; i++) {
		err = pool_add(base + TENON_LEAF_POOL, i);
		if (err) {
			pr_warn("tenon: no pages for pool range %u (%d)\n", i,
				err);
			mapcache_identity_teardown();
			return err;
		}
		pool_ranges++;
	}
	return 0;
}

void mapcache_identity_teardown(void)
{
	while (pool_ranges)
		memunmap_pages(&pool[--pool_ranges]);
	kfree(pool);
	pool = NULL;
}
