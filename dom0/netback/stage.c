// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stage.c - the guest's pages that stay mapped
 *
 * A front end that uses the same pages again and again has them mapped once,
 * through the control ring.  From then on a copy from or to one of them is a
 * memcpy(): no hypercall for any packet.
 *
 * Who copies finds the page by its grant, with bottom halves off.  A page is
 * taken out of the table first, and unmapped when nobody can still be copying.
 */
#include <linux/completion.h>
#include <linux/mm.h>
#include <linux/netdevice.h>
#include <linux/slab.h>

#include "stage.h"
#include "../common/mapcache.h"

/**
 * struct stage - the pages of one queue
 * @table: them
 * @nr: how many
 * @maps: keeps the mappings
 * @batch: to change them
 * @unmapped: they are changed
 * @gref: for one call that maps
 * @out: pages of one request
 */
struct stage {
	struct stage_table table;
	unsigned int nr;
	struct mapcache *maps;
	struct map_batch *batch;
	struct completion unmapped;
	grant_ref_t gref[MAPCACHE_MAX_MAP];
	struct stage_page *out[NETIF_GREF_LIST];
};

/**
 * stage_create() - make the table of a queue
 * @domid: the guest
 *
 * Return: an empty one, or NULL.
 */
struct stage *stage_create(domid_t domid)
{
	struct stage *stage = kvzalloc(sizeof(*stage), GFP_KERNEL);

	if (!stage)
		return NULL;
	init_completion(&stage->unmapped);
	stage->maps = mapcache_create(domid, STAGE_MAX);
	if (stage->maps)
		stage->batch = map_batch_alloc(stage->maps, MAPCACHE_MAX_MAP,
					       GFP_KERNEL);
	if (!stage->batch) {
		mapcache_destroy(stage->maps);
		kvfree(stage);
		return NULL;
	}
	return stage;
}

/**
 * stage_destroy() - unmap all
 * @stage: table that nobody looks into any more; may be NULL
 */
void stage_destroy(struct stage *stage)
{
	struct stage_page *page;
	struct hlist_node *next;
	unsigned int i;

	if (!stage)
		return;
	for (i = 0; i < ARRAY_SIZE(stage->table.hash); i++)
		hlist_for_each_entry_safe(page, next, &stage->table.hash[i], node)
			kfree(page);
	map_batch_free(stage->batch);
	mapcache_destroy(stage->maps);
	kvfree(stage);
}

/**
 * stage_table() - what stage_find() looks into
 * @stage: of the queue
 */
const struct stage_table *stage_table(const struct stage *stage)
{
	return &stage->table;
}

static struct hlist_head *stage_bucket(struct stage *stage, grant_ref_t gref)
{
	return &stage->table.hash[hash_32(gref, STAGE_HASH_BITS)];
}

static struct stage_page *stage_get(struct stage *stage, grant_ref_t gref)
{
	struct stage_page *page;

	hlist_for_each_entry(page, stage_bucket(stage, gref), node)
		if (page->gref == gref)
			return page;
	return NULL;
}

static void stage_released(struct map_batch *b)
{
	struct stage *stage = b->owner;

	complete(&stage->unmapped);
}

/*
 * Let go of what the batch holds.  Of these pages nobody has a reference, so
 * that the wait is for the hypervisor alone.
 */
static void stage_release(struct stage *stage)
{
	reinit_completion(&stage->unmapped);
	stage->batch->owner = stage;
	map_batch_release(stage->batch, stage_released);
	wait_for_completion(&stage->unmapped);
}

/*
 * Unmap the first @n pages of stage->out, which are out of the table, and forget
 * them.
 */
static void stage_unmap(struct stage *stage, unsigned int n)
{
	unsigned int i;

	/* nobody copies from or to them after this */
	synchronize_net();
	for (i = 0; i < n; i++) {
		if (stage->batch->nr == stage->batch->max)
			stage_release(stage);
		map_batch_forget(stage->batch, stage->out[i]->gref);
		kfree(stage->out[i]);
	}
	stage_release(stage);
	stage->nr -= n;
}

/* Map pages of stage->out from @first on that are to be mapped alike. */
static int stage_map(struct stage *stage, unsigned int first, unsigned int n)
{
	struct stage_page **page = &stage->out[first];
	unsigned int i;
	int err;

	for (i = 0; i < n; i++)
		stage->gref[i] = page[i]->gref;
	err = map_batch_map(stage->batch, stage->gref, n, page[0]->readonly,
			    true);
	for (i = 0; i < n && !err; i++)
		WRITE_ONCE(page[i]->data,
			   page_address(map_batch_page(stage->batch, i)));
	/* they are kept; after an error those are that could be mapped */
	stage_release(stage);
	return err;
}

/**
 * stage_add() - keep pages mapped
 * @stage: of the queue
 * @list: their grants
 * @n: how many
 *
 * May sleep; one caller at a time, as for stage_del().
 *
 * Return: 0, or a negative errno, then none was added.
 */
int stage_add(struct stage *stage, const struct netif_gref *list, unsigned int n)
{
	unsigned int i, run, done = 0;
	int err = 0;

	if (!n || n > ARRAY_SIZE(stage->out) || n > STAGE_MAX - stage->nr)
		return -EINVAL;
	for (i = 0; i < n && !err; i++) {
		struct stage_page *page = NULL;

		if (stage_get(stage, list[i].gref))
			err = -EEXIST;
		else
			page = kzalloc(sizeof(*page), GFP_KERNEL);
		if (!page)
			break;
		page->gref = list[i].gref;
		page->readonly = list[i].flags & NETIF_GREF_READONLY;
		hlist_add_head_rcu(&page->node, stage_bucket(stage, page->gref));
		stage->out[i] = page;
		stage->nr++;
	}
	if (i < n && !err)
		err = -ENOMEM;
	for (; !err && done < n; done += run) {
		run = 1;
		while (done + run < n && run < MAPCACHE_MAX_MAP &&
		       stage->out[done + run]->readonly ==
			       stage->out[done]->readonly)
			run++;
		err = stage_map(stage, done, run);
	}
	if (!err)
		return 0;
	for (n = 0; n < i; n++)
		hlist_del_rcu(&stage->out[n]->node);
	stage_unmap(stage, i);
	return err;
}

/**
 * stage_del() - unmap pages
 * @stage: of the queue
 * @list: their grants; each gets its status
 * @n: how many
 *
 * Return: how many were mapped and no longer are, or a negative errno.
 */
int stage_del(struct stage *stage, struct netif_gref *list, unsigned int n)
{
	unsigned int i, nr = 0;

	if (!n || n > ARRAY_SIZE(stage->out))
		return -EINVAL;
	for (i = 0; i < n; i++) {
		struct stage_page *page = stage_get(stage, list[i].gref);

		list[i].status = page ? NETIF_CTRL_SUCCESS : NETIF_CTRL_INVALID;
		if (!page)
			continue;
		hlist_del_rcu(&page->node);
		stage->out[nr++] = page;
	}
	stage_unmap(stage, nr);
	return nr;
}
