// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * mapcache_xen.c - mapping grants by the kernel's own means
 *
 * gnttab_map_refs() maps a grant over an unpopulated page, in a PV domain by its
 * PTE, else in the second-stage tables, and remembers the foreign frame so that
 * DMA works (PV: swiotlb-xen).
 */
#include <linux/kernel.h>
#include <linux/mm.h>

#include "mapcache.h"

static int xen_map(struct mapcache *mc, struct map_entry **e, unsigned int n,
		   u32 flags)
{
	unsigned int i, good = 0;

	for (i = 0; i < n; i++) {
		if (gnttab_page_cache_get(&mc->pages, &mc->map_pages[i])) {
			gnttab_page_cache_put(&mc->pages, mc->map_pages, i);
			return -ENOMEM;
		}
		gnttab_set_map_op(&mc->map_ops[i],
				  (unsigned long)page_address(mc->map_pages[i]),
				  flags, e[i]->gref, mc->domid);
	}
	atomic64_inc(&mc->stats.calls);
	/* On an error nothing has been tried, and each status is still 1. */
	gnttab_map_refs(mc->map_ops, NULL, mc->map_pages, n);
	for (i = 0; i < n; i++) {
		if (mc->map_ops[i].status == GNTST_okay) {
			e[i]->page = mc->map_pages[i];
			e[i]->handle = mc->map_ops[i].handle;
			good++;
		} else {
			gnttab_page_cache_put(&mc->pages, &mc->map_pages[i], 1);
		}
	}
	return good;
}

static void xen_unmapped(int result, struct gntab_unmap_queue_data *data)
{
	mapcache_unmapped(container_of(data, struct map_batch, unmap));
}

static void xen_unmap(struct map_batch *b)
{
	unsigned int i;

	for (i = 0; i < b->leaving; i++)
		gnttab_set_unmap_op(&b->ops[i],
				    (unsigned long)page_address(b->pages[i]),
				    GNTMAP_host_map, b->ops[i].handle);
	memset(&b->unmap, 0, sizeof(b->unmap));
	b->unmap.done = xen_unmapped;
	b->unmap.unmap_ops = b->ops;
	b->unmap.pages = b->pages;
	b->unmap.count = b->leaving;
	/* Waits, without blocking us, for whoever still holds a page. */
	gnttab_unmap_refs_async(&b->unmap);
}

static void xen_release(struct mapcache *mc, struct page *page)
{
	gnttab_page_cache_put(&mc->pages, &page, 1);
}

static void xen_trim(struct mapcache *mc, unsigned int keep)
{
	if (READ_ONCE(mc->pages.num_pages) > keep)
		gnttab_page_cache_shrink(&mc->pages, keep);
}

const struct mapcache_ops mapcache_xen = {
	.name = "gnttab_map_refs",
	.map = xen_map,
	.unmap = xen_unmap,
	.release = xen_release,
	.trim = xen_trim,
};
