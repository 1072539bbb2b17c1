// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * direct.c - a request's own pages, granted when first used and kept so
 *
 * In the steady state a page that comes again is found here: no copy, no grant
 * made or revoked, and the back end has it mapped.  As long as a grant stands we
 * hold a reference to its page, so that it is neither freed nor reused nor given
 * back to the hypervisor.  What has not been used for a while, or is too much, or
 * stands in the way when memory is short, is revoked: we ask, the back end unmaps
 * and answers, and only then the grant ends and the reference is dropped.  A back
 * end that does not answer costs what it has: we keep no more than our bound, and
 * copy (see grants.c) whatever does not fit.
 *
 * Whether to grant at all is learnt.  While data is copied, a table of the pages
 * seen tells how many come again; if three in four do, they are granted.  If then
 * less than half is found granted (pages that are held are not what the allocator
 * hands out again), copying it is, and for longer each time.
 */
#include <linux/hash.h>
#include <linux/hashtable.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "blkfront.h"

#define PAGES_BITS 10
#define SEEN_BITS 13
/* Pages after which it is judged how things go; a burst is not to end granting. */
#define WINDOW 1024
#define WINDOW_ON (4 * WINDOW)
/* Windows in a row that must promise something, after many disappointments. */
#define PATIENCE_MAX 64
/* An unused grant goes after so long ... */
#define IDLE_AGE (10 * HZ)
/* ... and is looked at so often. */
#define IDLE_CHECK (5 * HZ)
/* Grants of a domain in version 1 of the table, by frame. */
#define GRANTS_PER_FRAME (XEN_PAGE_SIZE / sizeof(struct grant_entry_v1))

/**
 * struct direct_page - a granted page
 * @page: the page; we hold a reference
 * @gref: its grant
 * @readonly: the back end may only read
 * @users: requests it is in
 * @used: when it was last in one, in jiffies
 * @hash: in blkfront_direct.pages
 * @entry: in blkfront_direct.lru, .leaving or .answered
 */
struct direct_page {
	struct page *page;
	grant_ref_t gref;
	bool readonly;
	unsigned int users;
	unsigned long used;
	struct hlist_node hash;
	struct list_head entry;
};

/**
 * struct blkfront_direct - the granted pages of a queue; under its lock
 * @q: the queue
 * @max: bound of @nr
 * @nr: grants that stand, wherever they are
 * @on: pages are granted; else copied, and watched
 * @draining: all are to be revoked
 * @shrink: so many are to be revoked
 * @list: page in which a revoke lists grants
 * @lru: in use or to be used again, least recently used first
 * @leaving: in the revoke that is under way
 * @answered: not mapped any more, says the back end
 * @work: revokes, and ends grants
 * @warm: pages that are not judged yet
 * @looked: pages looked up in this window
 * @found: of these, how many were there
 * @patience: good windows in a row that turn @on
 * @good: good windows in a row
 * @stats: counters
 * @pages: by page frame
 * @seen: page frames seen while not @on
 */
struct blkfront_direct {
	struct blkfront_queue *q;
	unsigned int max;
	unsigned int nr;
	bool on;
	bool draining;
	unsigned int shrink;
	struct grant_page *list;
	struct list_head lru;
	struct list_head leaving;
	struct list_head answered;
	struct delayed_work work;
	unsigned int warm;
	unsigned int looked;
	unsigned int found;
	unsigned int patience;
	unsigned int good;
	struct blkfront_direct_stats stats;
	DECLARE_HASHTABLE(pages, PAGES_BITS);
	u32 seen[1 << SEEN_BITS];
};

static struct workqueue_struct *direct_queue;
/* Of all disks, bounded so that other drivers find grants, too. */
static atomic_t direct_grants = ATOMIC_INIT(0);
static int direct_grants_max;

static bool direct_count_grant(void)
{
	if (atomic_inc_return(&direct_grants) <= READ_ONCE(direct_grants_max))
		return true;
	atomic_dec(&direct_grants);
	return false;
}

/* How many grants should go; also those that are just old do. */
static unsigned int direct_excess(const struct blkfront_direct *d)
{
	unsigned int low = d->max - d->max / 4;

	if (d->draining)
		return d->nr;
	return max(d->shrink, d->nr >= d->max - d->max / 8 ? d->nr - low : 0);
}

static void direct_kick(struct blkfront_direct *d)
{
	mod_delayed_work(direct_queue, &d->work, 0);
}

/*
 * Slab pages and tails of uncounted allocations do not live by references, and
 * what other domains have granted to us cannot be granted on.
 */
static bool direct_may_hold(struct page *page)
{
	return page_count(page) && !PageSlab(compound_head(page)) &&
	       !is_zone_device_page(page);
}

static struct direct_page *direct_find(struct blkfront_direct *d,
				       struct page *page, bool readonly)
{
	struct direct_page *p;

	hash_for_each_possible(d->pages, p, hash, page_to_pfn(page))
		if (p->page == page && (readonly || !p->readonly))
			return p;
	return NULL;
}

static struct direct_page *direct_grant(struct blkfront_direct *d,
					struct page *page, bool readonly)
{
	struct direct_page *p;
	int gref;

	if (direct_excess(d) && list_empty(&d->leaving))
		direct_kick(d);
	if (d->nr >= d->max || !direct_may_hold(page))
		return NULL;
	p = kmalloc(sizeof(*p), GFP_ATOMIC | __GFP_NOWARN);
	if (!p)
		return NULL;
	if (!direct_count_grant())
		goto no_grant;
	gref = gnttab_grant_foreign_access(d->q->bf->dev->otherend_id,
					   xen_page_to_gfn(page), readonly);
	if (gref < 0) {
		atomic_dec(&direct_grants);
		goto no_grant;
	}
	get_page(page);
	*p = (struct direct_page) {
		.page = page,
		.gref = gref,
		.readonly = readonly,
	};
	hash_add(d->pages, &p->hash, page_to_pfn(page));
	list_add_tail(&p->entry, &d->lru);
	if (!d->nr++)
		queue_delayed_work(direct_queue, &d->work, IDLE_CHECK);
	return p;

no_grant:
	kfree(p);
	return NULL;
}

/* Takes @found of @looked into account, and changes the mode if that is due. */
static void direct_judge(struct blkfront_direct *d, unsigned int looked,
			 unsigned int found)
{
	bool well;

	if (d->warm) {
		d->warm -= min(d->warm, looked);
		return;
	}
	d->looked += looked;
	d->found += found;
	if (d->looked < (d->on ? WINDOW_ON : WINDOW))
		return;
	well = d->found >= (d->on ? d->looked / 2 : d->looked / 4 * 3);
	d->looked = 0;
	d->found = 0;
	if (d->on && well) {
		d->patience = max(d->patience / 2, 1u);
	} else if (d->on) {
		d->on = false;
		d->good = 0;
		d->patience = min(d->patience * 2, (unsigned int)PATIENCE_MAX);
		d->stats.off++;
	} else if (!well) {
		d->good = 0;
	} else if (++d->good >= d->patience) {
		d->on = true;
		d->warm = d->max;
		d->stats.on++;
	}
}

/* Would these pages have been found? */
static void direct_watch(struct blkfront_direct *d, struct request *rq)
{
	unsigned int looked = 0, found = 0;
	struct req_iterator iter;
	struct bio_vec bv;

	rq_for_each_segment(bv, rq, iter) {
		u32 pfn = page_to_pfn(bv.bv_page);
		u32 *seen = &d->seen[hash_32(pfn, SEEN_BITS)];

		looked++;
		found += *seen == pfn;
		*seen = pfn;
	}
	direct_judge(d, looked, found);
}

/* Lets go of the first pages of a request. */
static void direct_unuse(struct blkfront_cmd *cmd)
{
	while (cmd->nr)
		cmd->direct[--cmd->nr]->users--;
}

/**
 * blkfront_direct_get() - see that a request's pages are granted
 * @q: queue, locked
 * @rq: read or write
 *
 * Its segments are in q->seg then.
 *
 * Return: false if it has to be copied; nothing is held.
 */
bool blkfront_direct_get(struct blkfront_queue *q, struct request *rq)
{
	unsigned int mask = q->bf->features.sector_size - 1;
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct blkfront_direct *d = q->direct;
	bool readonly = rq_data_dir(rq) == WRITE;
	unsigned int i, n, found = 0;
	struct scatterlist *sg;

	if (!d->on) {
		direct_watch(d, rq);
		return false;
	}
	n = blk_rq_map_sg(rq->q, rq, q->sg);
	if (n > BLKIF_MAX_SEGMENTS && !grantpool_reserve(&q->pool, 1))
		return false;
	for_each_sg(q->sg, sg, n, i) {
		struct direct_page *p;

		/* A segment is at least a block. */
		if ((sg->offset | sg->length) & mask)
			break;
		p = direct_find(d, sg_page(sg), readonly);
		if (p)
			found++;
		else
			p = direct_grant(d, sg_page(sg), readonly);
		if (!p)
			break;
		p->users++;
		p->used = jiffies;
		list_move_tail(&p->entry, &d->lru);
		cmd->direct[cmd->nr++] = p;
		q->seg[i] = (struct blkif_segment) {
			.gref = p->gref,
			.first_sect = sg->offset >> SECTOR_SHIFT,
			.last_sect = ((sg->offset + sg->length) >>
				      SECTOR_SHIFT) - 1,
		};
	}
	direct_judge(d, n, found);
	d->stats.hits += found;
	if (cmd->nr < n) {
		d->stats.refused++;
		direct_unuse(cmd);
		return false;
	}
	d->stats.misses += n - found;
	d->stats.requests++;
	if (n > BLKIF_MAX_SEGMENTS)
		cmd->segments = grantpool_get(&q->pool);
	return true;
}

/**
 * blkfront_direct_put() - a request needs its pages no more
 * @q: queue, locked
 * @cmd: its request
 */
void blkfront_direct_put(struct blkfront_queue *q, struct blkfront_cmd *cmd)
{
	direct_unuse(cmd);
}

/* Begins a revoke if there is reason.  True: the back end is to be notified. */
static bool direct_revoke(struct blkfront_direct *d)
{
	struct blkif_segment *seg = page_address(d->list->page);
	unsigned int n = 0, excess = direct_excess(d);
	struct blkfront_queue *q = d->q;
	struct direct_page *p, *next;
	bool notify;

	list_for_each_entry_safe(p, next, &d->lru, entry) {
		if (n == BLKIF_MAX_REVOKE ||
		    (n >= excess && time_before(jiffies, p->used + IDLE_AGE)))
			break;
		if (p->users)
			continue;
		hash_del(&p->hash);
		list_move_tail(&p->entry, &d->leaving);
		seg[n++] = (struct blkif_segment) { .gref = p->gref };
	}
	if (!n)
		return false;
	if (!blkfront_queue_revoke(q, d->list->gref, n, &notify)) {
		/* The ring is full: once more when this work is done again. */
		list_for_each_entry(p, &d->leaving, entry)
			hash_add(d->pages, &p->hash, page_to_pfn(p->page));
		list_splice_init(&d->leaving, &d->lru);
		return false;
	}
	d->shrink -= min(d->shrink, n);
	d->stats.revokes++;
	return notify;
}

/* Ends grants that the back end says it does not map; process context. */
static void direct_end(struct blkfront_direct *d, struct list_head *answered)
{
	unsigned int ended = 0, stuck = 0;
	struct direct_page *p, *next;

	list_for_each_entry_safe(p, next, answered, entry) {
		if (gnttab_try_end_foreign_access(p->gref)) {
			put_page(p->page);
			ended++;
		} else {
			/* It lies.  The page stays ours until it is true. */
			gnttab_end_foreign_access(p->gref, p->page);
			stuck++;
		}
		kfree(p);
	}
	atomic_sub(ended, &direct_grants);
	spin_lock_irq(&d->q->lock);
	d->nr -= ended;
	d->stats.revoked += ended;
	d->stats.stuck += stuck;
	spin_unlock_irq(&d->q->lock);
}

static void direct_work(struct work_struct *work)
{
	struct blkfront_direct *d = container_of(to_delayed_work(work),
						 struct blkfront_direct, work);
	struct blkfront_queue *q = d->q;
	bool notify = false, again;
	LIST_HEAD(answered);

	spin_lock_irq(&q->lock);
	list_splice_init(&d->answered, &answered);
	if (q->live && list_empty(&d->leaving))
		notify = direct_revoke(d);
	again = q->live && !list_empty(&d->lru);
	spin_unlock_irq(&q->lock);
	if (notify)
		tenon_chan_notify(&q->chan);
	direct_end(d, &answered);
	if (again)
		queue_delayed_work(direct_queue, &d->work, IDLE_CHECK);
}

/**
 * blkfront_direct_revoked() - a revoke was answered
 * @q: queue, locked
 *
 * What the answer is makes no difference: a grant ends if it is not in use.
 */
void blkfront_direct_revoked(struct blkfront_queue *q)
{
	list_splice_tail_init(&q->direct->leaving, &q->direct->answered);
	direct_kick(q->direct);
}

/**
 * blkfront_direct_shrink() - revoke some grants that are not in use
 * @q: queue, not about to stop
 * @n: how many
 */
void blkfront_direct_shrink(struct blkfront_queue *q, unsigned int n)
{
	struct blkfront_direct *d = q->direct;
	unsigned long flags;

	spin_lock_irqsave(&q->lock, flags);
	d->shrink = min(n, d->nr);
	spin_unlock_irqrestore(&q->lock, flags);
	direct_kick(d);
}

/**
 * blkfront_direct_drain() - revoke all grants
 * @q: queue; no requests come any more
 *
 * Return: true when none is left that an answer could end.
 */
bool blkfront_direct_drain(struct blkfront_queue *q)
{
	struct blkfront_direct *d = q->direct;
	bool done;

	if (!d)
		return true;
	spin_lock_irq(&q->lock);
	done = !q->live || (list_empty(&d->lru) && list_empty(&d->leaving));
	if (!d->draining && !done) {
		d->draining = true;
		direct_kick(d);
	}
	spin_unlock_irq(&q->lock);
	return done;
}

/**
 * blkfront_direct_show() - present state and counters
 * @q: queue
 * @st: where they go
 *
 * Return: false if the queue has no such grants.
 */
bool blkfront_direct_show(struct blkfront_queue *q,
			  struct blkfront_direct_stats *st)
{
	struct blkfront_direct *d = q->direct;

	if (!d)
		return false;
	spin_lock_irq(&q->lock);
	*st = d->stats;
	st->granting = d->on;
	st->pages = d->nr;
	st->max = d->max;
	spin_unlock_irq(&q->lock);
	return true;
}

/**
 * blkfront_direct_start() - begin, with no page granted
 * @q: queue, its pool ready, not live
 *
 * Without memory for it, data is copied.
 */
void blkfront_direct_start(struct blkfront_queue *q)
{
	struct blkfront_direct *d;

	if (!q->bf->features.direct_pages)
		return;
	d = kvzalloc(sizeof(*d), GFP_NOIO);
	if (!d)
		return;
	if (!grantpool_reserve(&q->pool, 1)) {
		kvfree(d);
		return;
	}
	/* Asks the hypervisor; the answer holds until the guest moves. */
	WRITE_ONCE(direct_grants_max,
		   gnttab_max_grant_frames() * GRANTS_PER_FRAME / 2);
	d->list = grantpool_get(&q->pool);
	d->q = q;
	d->max = q->bf->features.direct_pages;
	d->patience = 1;
	hash_init(d->pages);
	INIT_LIST_HEAD(&d->lru);
	INIT_LIST_HEAD(&d->leaving);
	INIT_LIST_HEAD(&d->answered);
	INIT_DELAYED_WORK(&d->work, direct_work);
	q->direct = d;
}

/**
 * blkfront_direct_stop() - let go of all pages, with or without the back end
 * @q: queue, not live, nothing under way
 *
 * A page that the back end still maps is let go of by the kernel when it no
 * longer does.
 */
void blkfront_direct_stop(struct blkfront_queue *q)
{
	struct blkfront_direct *d = q->direct;
	struct direct_page *p, *next;

	if (!d)
		return;
	cancel_delayed_work_sync(&d->work);
	list_splice_init(&d->leaving, &d->lru);
	list_splice_init(&d->answered, &d->lru);
	list_for_each_entry_safe(p, next, &d->lru, entry) {
		gnttab_end_foreign_access(p->gref, p->page);
		kfree(p);
	}
	atomic_sub(d->nr, &direct_grants);
	grantpool_put(&q->pool, d->list);
	q->direct = NULL;
	kvfree(d);
}

int blkfront_direct_setup(void)
{
	direct_queue = alloc_workqueue("tenon-blkfront",
				       WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	return direct_queue ? 0 : -ENOMEM;
}

void blkfront_direct_teardown(void)
{
	destroy_workqueue(direct_queue);
}
