// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * mapcache.c - which grants are mapped, which stay, which go
 */
#include <linux/jiffies.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/wait.h>

#include "mapcache.h"

/* How many kept mappings make room at a time. */
#define EVICT_BATCH 256
/* How many unused unpopulated pages a cache holds on to. */
#define SPARE_PAGES 128
/* How long mapcache_destroy() waits for pages that somebody still holds. */
#define DESTROY_WAIT (5 * HZ)

static const struct mapcache_ops *backing;
static struct kmem_cache *entry_slab;
static struct workqueue_struct *free_queue;
static atomic_t live_caches = ATOMIC_INIT(0);
static DECLARE_WAIT_QUEUE_HEAD(live_wait);

static void mapcache_free(struct work_struct *work)
{
	struct mapcache *mc = container_of(work, struct mapcache, free_work);

	mc->ops->trim(mc, 0);
	map_batch_free(mc->evict);
	kvfree(mc);
	if (atomic_dec_and_test(&live_caches))
		wake_up_all(&live_wait);
}

static void mapcache_put(struct mapcache *mc)
{
	int left = atomic_dec_return(&mc->refs);

	if (!left)
		queue_work(free_queue, &mc->free_work);
	else if (left == 1 && wq_has_sleeper(&live_wait))
		wake_up_all(&live_wait);
}

/* Nobody uses @e any more and it is in no list. */
static void entry_free(struct mapcache *mc, struct map_entry *e, bool lost)
{
	if (e->page && !lost)
		mc->ops->release(mc, e->page);
	kmem_cache_free(entry_slab, e);
}

static void mapcache_keep(struct mapcache *mc, struct map_entry *e)
{
	e->kept = true;
	hash_add(mc->kept, &e->hash, e->gref);
	list_add_tail(&e->lru, &mc->lru);
	mc->nr_kept++;
}

static void mapcache_unkeep(struct mapcache *mc, struct map_entry *e)
{
	e->kept = false;
	hash_del(&e->hash);
	list_del(&e->lru);
	mc->nr_kept--;
}

static void evicted(struct map_batch *b);

/*
 * Unmaps up to EVICT_BATCH kept entries that nobody uses, oldest first.  Called
 * by the serving context; once the cache is dying, by whoever clears EVICTING.
 */
static void mapcache_evict(struct mapcache *mc)
{
	struct map_batch *b = mc->evict;
	struct map_entry *e, *next;

	if (test_and_set_bit(MAPCACHE_EVICTING, &mc->flags))
		return;
	list_for_each_entry_safe(e, next, &mc->lru, lru) {
		if (b->nr == b->max)
			break;
		if (atomic_read(&e->users))
			continue;
		mapcache_unkeep(mc, e);
		atomic_set(&e->users, 1);
		b->entries[b->nr++] = e;
	}
	if (!b->nr) {
		clear_bit(MAPCACHE_EVICTING, &mc->flags);
		return;
	}
	atomic_inc(&mc->refs);
	map_batch_release(b, evicted);
}

static void evicted(struct map_batch *b)
{
	struct mapcache *mc = b->mc;

	clear_bit(MAPCACHE_EVICTING, &mc->flags);
	/* Pairs with the barrier in mapcache_destroy(): one of us goes on. */
	smp_mb__after_atomic();
	if (test_bit(MAPCACHE_DYING, &mc->flags))
		mapcache_evict(mc);
	mapcache_put(mc);
}

/**
 * mapcache_create() - make a cache for one ring
 * @domid: the front end's domain
 * @max_kept: how many mappings may be kept at most
 *
 * Return: the cache or NULL.
 */
struct mapcache *mapcache_create(domid_t domid, unsigned int max_kept)
{
	struct mapcache *mc = kvzalloc(sizeof(*mc), GFP_KERNEL);

	if (!mc)
		return NULL;
	mc->ops = backing;
	mc->domid = domid;
	mc->max_kept = max_kept;
	hash_init(mc->kept);
	INIT_LIST_HEAD(&mc->lru);
	gnttab_page_cache_init(&mc->pages);
	atomic_set(&mc->refs, 1);
	INIT_WORK(&mc->free_work, mapcache_free);
	mc->evict = map_batch_alloc(mc, EVICT_BATCH, GFP_KERNEL);
	if (!mc->evict) {
		kvfree(mc);
		return NULL;
	}
	atomic_inc(&live_caches);
	pr_info_once("tenon: grants of other domains are mapped by %s\n",
		     backing->name);
	return mc;
}
EXPORT_SYMBOL_GPL(mapcache_create);

/**
 * mapcache_destroy() - unmap all and free the cache
 * @mc: the cache; no batch of it is held or used any more; may be NULL
 *
 * Waits, a bounded time, until all is unmapped.  Pages that are still in
 * someone's hands then are unmapped when they return.
 */
void mapcache_destroy(struct mapcache *mc)
{
	if (!mc)
		return;
	set_bit(MAPCACHE_DYING, &mc->flags);
	smp_mb__after_atomic(); /* pairs with evicted() */
	mapcache_evict(mc);
	wait_event_timeout(live_wait, atomic_read(&mc->refs) == 1,
			   DESTROY_WAIT);
	mapcache_put(mc);
}
EXPORT_SYMBOL_GPL(mapcache_destroy);

/**
 * map_batch_alloc() - make an empty batch
 * @mc: its cache
 * @max: room for so many mappings
 * @gfp: how to allocate
 *
 * Return: the batch or NULL.
 */
struct map_batch *map_batch_alloc(struct mapcache *mc, unsigned int max,
				  gfp_t gfp)
{
	size_t ops = ALIGN(sizeof(struct map_batch), 8);
	size_t entries = ops + max * sizeof(struct gnttab_unmap_grant_ref);
	size_t pages = entries + max * sizeof(struct map_entry *);
	char *mem = kvzalloc(pages + max * sizeof(struct page *), gfp);
	struct map_batch *b = (void *)mem;

	if (!mem)
		return NULL;
	b->mc = mc;
	b->max = max;
	b->ops = (void *)(mem + ops);
	b->entries = (void *)(mem + entries);
	b->pages = (void *)(mem + pages);
	return b;
}
EXPORT_SYMBOL_GPL(map_batch_alloc);

/**
 * map_batch_free() - free a batch that holds nothing
 * @b: the batch, or NULL; process context
 */
void map_batch_free(struct map_batch *b)
{
	kvfree(b);
}
EXPORT_SYMBOL_GPL(map_batch_free);

/* A mapping that may be read only does not serve one who writes. */
static struct map_entry *mapcache_find(struct mapcache *mc, grant_ref_t gref,
				       bool readonly)
{
	struct map_entry *e;

	hash_for_each_possible(mc->kept, e, hash, gref)
		if (e->gref == gref && (readonly || !e->readonly))
			return e;
	return NULL;
}

/* Drops what map_batch_map() has collected; only the serving context. */
static void map_batch_undo(struct map_batch *b)
{
	struct mapcache *mc = b->mc;
	unsigned int i, nr = 0;

	for (i = 0; i < b->nr; i++) {
		struct map_entry *e = b->entries[i];

		if (e->page) {
			b->entries[nr++] = e;
			continue;
		}
		if (e->kept)
			mapcache_unkeep(mc, e);
		if (atomic_dec_and_test(&e->users)) {
			entry_free(mc, e, false);
			mapcache_put(mc);
		}
	}
	b->nr = nr;
}

/**
 * map_batch_map() - map grants, by at most one hypercall
 * @b: an empty batch
 * @grefs: what to map
 * @n: how many, at most b->max and MAPCACHE_MAX_MAP
 * @readonly: the pages will only be read
 * @keep: the front end keeps these grants, so keep the mappings; a grant that is
 *	first read and then written is mapped twice
 *
 * Only from the ring's serving context; may sleep.
 *
 * Return: 0; or -errno (-ENOMEM: worth another try later), then @b may still
 * hold some mappings and must be released as after success.
 */
int map_batch_map(struct map_batch *b, const grant_ref_t *grefs,
		  unsigned int n, bool readonly, bool keep)
{
	u32 flags = GNTMAP_host_map | (readonly ? GNTMAP_readonly : 0);
	struct mapcache *mc = b->mc;
	unsigned int i, nr_fresh = 0;
	int err = 0;

	if (WARN_ON_ONCE(b->nr || n > b->max || n > MAPCACHE_MAX_MAP))
		return -EINVAL;
	mc->ops->trim(mc, SPARE_PAGES);

	for (i = 0; i < n; i++) {
		struct map_entry *e = keep ?
			mapcache_find(mc, grefs[i], readonly) : NULL;

		if (e) {
			list_move_tail(&e->lru, &mc->lru);
			mc->stats.hits++;
		} else {
			e = kmem_cache_zalloc(entry_slab, GFP_NOIO);
			if (!e) {
				err = -ENOMEM;
				break;
			}
			e->gref = grefs[i];
			e->readonly = readonly;
			mc->fresh[nr_fresh++] = e;
			atomic_inc(&mc->refs);
			if (keep && mc->nr_kept == mc->max_kept)
				mapcache_evict(mc);
			if (keep && mc->nr_kept < mc->max_kept)
				mapcache_keep(mc, e);
		}
		atomic_inc(&e->users);
		b->entries[b->nr++] = e;
	}
	if (!err && nr_fresh) {
		int good = mc->ops->map(mc, mc->fresh, nr_fresh,
					flags);

		if (good < 0) {
			err = good;
		} else {
			mc->stats.maps += good;
			mc->stats.map_errors += nr_fresh - good;
			if (good < nr_fresh)
				err = -EFAULT;
		}
	}
	if (err)
		map_batch_undo(b);
	return err;
}
EXPORT_SYMBOL_GPL(map_batch_map);

/**
 * map_batch_forget() - take a kept mapping that nobody uses out of the cache
 * @b: batch with room, which holds it from now on; its release unmaps it
 * @gref: what is mapped
 *
 * Only from the ring's serving context.
 *
 * Return: false if there is no such mapping, or somebody uses it.
 */
bool map_batch_forget(struct map_batch *b, grant_ref_t gref)
{
	struct map_entry *e = mapcache_find(b->mc, gref, true);

	if (!e || b->nr == b->max || atomic_read(&e->users))
		return false;
	mapcache_unkeep(b->mc, e);
	atomic_set(&e->users, 1);
	b->entries[b->nr++] = e;
	return true;
}
EXPORT_SYMBOL_GPL(map_batch_forget);

/* The implementations call this when the unmapping has been tried. */
void mapcache_unmapped(struct map_batch *b)
{
	struct mapcache *mc = b->mc;
	unsigned int i, n = b->leaving;

	atomic64_add(n, &mc->stats.unmaps);
	for (i = 0; i < n; i++) {
		bool lost = b->ops[i].status != GNTST_okay;

		if (lost) {
			atomic64_inc(&mc->stats.unmap_errors);
			pr_warn_ratelimited("tenon: dom%u: grant %u stays mapped (%d), its page is lost\n",
					    mc->domid, b->entries[i]->gref,
					    b->ops[i].status);
		}
		entry_free(mc, b->entries[i], lost);
	}
	b->leaving = 0;
	b->done(b);
	for (i = 0; i < n; i++)
		mapcache_put(mc);
}

/**
 * map_batch_release() - let go of a batch's mappings
 * @b: batch; empty again when @done is called
 * @done: called exactly once, perhaps before this returns
 *
 * Any context.  Mappings that are not kept are unmapped before @done.
 */
void map_batch_release(struct map_batch *b, void (*done)(struct map_batch *b))
{
	unsigned int i, n = 0;

	b->done = done;
	for (i = 0; i < b->nr; i++) {
		struct map_entry *e = b->entries[i];

		/* Once @users drops, a kept entry is the serving context's. */
		if (e->kept) {
			atomic_dec(&e->users);
			continue;
		}
		/* The same unkept grant twice is two mappings, two entries. */
		b->entries[n] = e;
		b->pages[n] = e->page;
		b->ops[n].host_addr = 0;
		b->ops[n].dev_bus_addr = 0;
		b->ops[n].handle = e->handle;
		b->ops[n].status = GNTST_general_error;
		n++;
	}
	b->nr = 0;
	b->leaving = n;
	if (!n) {
		done(b);
		return;
	}
	atomic64_inc(&b->mc->stats.calls);
	b->mc->ops->unmap(b);
}
EXPORT_SYMBOL_GPL(map_batch_release);

int mapcache_setup(void)
{
	entry_slab = kmem_cache_create("tenon_map_entry",
				       sizeof(struct map_entry), 0, 0, NULL);
	if (!entry_slab)
		return -ENOMEM;
	free_queue = alloc_workqueue("tenon_mapcache", WQ_MEM_RECLAIM, 0);
	if (!free_queue) {
		kmem_cache_destroy(entry_slab);
		return -ENOMEM;
	}
	backing = mapcache_identity_setup() ? &mapcache_xen :
					      &mapcache_identity;
	return 0;
}

void mapcache_teardown(void)
{
	wait_event(live_wait, !atomic_read(&live_caches));
	destroy_workqueue(free_queue);
	if (backing == &mapcache_identity)
		mapcache_identity_teardown();
	kmem_cache_destroy(entry_slab);
}
