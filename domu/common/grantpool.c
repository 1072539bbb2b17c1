// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * grantpool.c - pages that stay granted, for the front ends
 */
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "grantpool.h"

/**
 * grantpool_init() - make an empty pool
 * @gp: pool
 * @domid: whom its pages are granted to
 * @max: how many pages there may be at most
 */
void grantpool_init(struct grantpool *gp, domid_t domid, unsigned int max)
{
	gp->domid = domid;
	gp->nr = 0;
	gp->max = max;
	gp->nr_free = 0;
	INIT_LIST_HEAD(&gp->free);
}
EXPORT_SYMBOL_GPL(grantpool_init);

/**
 * grantpool_exit() - revoke and free all pages
 * @gp: pool; none of its pages is in use
 *
 * A page that the back end still maps is freed by the kernel when it no longer
 * does.
 */
void grantpool_exit(struct grantpool *gp)
{
	struct grant_page *g, *next;

	list_for_each_entry_safe(g, next, &gp->free, entry) {
		gnttab_end_foreign_access(g->gref, g->page);
		kfree(g);
	}
	grantpool_init(gp, gp->domid, gp->max);
}
EXPORT_SYMBOL_GPL(grantpool_exit);

static bool grantpool_grow(struct grantpool *gp)
{
	struct grant_page *g = kmalloc(sizeof(*g), GFP_ATOMIC | __GFP_NOWARN);
	int gref;

	if (!g)
		return false;
	g->page = alloc_page(GFP_ATOMIC | __GFP_NOWARN | __GFP_ZERO);
	if (!g->page)
		goto no_page;
	gref = gnttab_grant_foreign_access(gp->domid, xen_page_to_gfn(g->page),
					   0);
	if (gref < 0)
		goto no_grant;
	g->gref = gref;
	list_add(&g->entry, &gp->free);
	gp->nr++;
	gp->nr_free++;
	return true;

no_grant:
	__free_page(g->page);
no_page:
	kfree(g);
	return false;
}

/**
 * grantpool_reserve() - see that @n pages can be got
 * @gp: pool
 * @n: pages wanted
 *
 * Return: true if the next @n calls of grantpool_get() will succeed.
 */
bool grantpool_reserve(struct grantpool *gp, unsigned int n)
{
	while (gp->nr_free < n)
		if (gp->nr >= gp->max || !grantpool_grow(gp))
			return false;
	return true;
}
EXPORT_SYMBOL_GPL(grantpool_reserve);

/**
 * grantpool_get() - take a page out of the pool
 * @gp: pool
 *
 * Return: the page, or NULL if there is none free (see grantpool_reserve()).
 */
struct grant_page *grantpool_get(struct grantpool *gp)
{
	struct grant_page *g = list_first_entry_or_null(&gp->free,
							struct grant_page,
							entry);

	if (g) {
		list_del(&g->entry);
		gp->nr_free--;
	}
	return g;
}
EXPORT_SYMBOL_GPL(grantpool_get);

/**
 * grantpool_put() - return a page to the pool
 * @gp: pool
 * @g: page
 */
void grantpool_put(struct grantpool *gp, struct grant_page *g)
{
	list_add(&g->entry, &gp->free);
	gp->nr_free++;
}
EXPORT_SYMBOL_GPL(grantpool_put);
