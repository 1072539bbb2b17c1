// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * blkback.c - a ring and the thread that serves it
 *
 * The thread makes passes over the ring: it takes requests, each copied to
 * private memory and checked there, starts them, and at the end of a pass
 * publishes whatever responses have come together.  Responses that complete
 * when no pass is going on are published at once by whoever completes them.
 *
 * When the ring has run dry the thread looks at it for a while, if it has the CPU
 * to itself; else it arms the ring and offers it to the CPU's poller.  While the
 * poller has the ring the thread sleeps; both never consume at once.
 */
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/sched.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <xen/xen.h>

#include "blkback.h"

/* Requests of one pass, after which its responses are published. */
#define PASS_BUDGET 64
/* Wait for memory. */
#define STARVED_WAIT msecs_to_jiffies(10)
/* Not a status of the wire: no memory now, the request is to be taken again. */
#define RING_STARVED 1
/* Requests answered after the front end has closed: those of the largest ring. */
#define FINISH_MAX 512
/* Mappings kept per ring; the front ends in use keep about as many grants. */
#define KEPT_GRANTS 1056

struct workqueue_struct *blkback_queue;

static void ring_kick(struct blkback_ring *ring)
{
	WRITE_ONCE(ring->kick, true);
	wake_up(&ring->wake);
}

static void ring_event(void *ctx)
{
	struct blkback_ring *ring = ctx;

	tenon_poll_event(&ring->poll);
	ring_kick(ring);
}

static bool ring_pending(struct tenon_poll *p)
{
	struct blkback_ring *ring = container_of(p, struct blkback_ring, poll);

	return BLKBACK_RING_CALL(ring, pending) ||
		BLKBACK_RING_CALL(ring, broken);
}

/* The poller's look: the thread does the work, it may have to sleep for it. */
static enum tenon_look ring_look(struct tenon_poll *p)
{
	struct blkback_ring *ring = container_of(p, struct blkback_ring, poll);

	if (ring->armed) {
		ring->armed = false;
		BLKBACK_RING_CALL(ring, disarm);
	}
	if (!ring_pending(p))
		return TENON_LOOK_IDLE;
	ring_kick(ring);
	return TENON_LOOK_TAKEN;
}

/* Returns true if there is work already. */
static bool ring_arm(struct blkback_ring *ring)
{
	ring->armed = true;
	return BLKBACK_RING_CALL(ring, arm) || BLKBACK_RING_CALL(ring, broken);
}

static void ring_sleep(struct tenon_poll *p)
{
	struct blkback_ring *ring = container_of(p, struct blkback_ring, poll);

	if (ring_arm(ring))
		ring_kick(ring);
}

static void ring_begin_pass(struct blkback_ring *ring)
{
	spin_lock_irq(&ring->lock);
	ring->in_pass = true;
	spin_unlock_irq(&ring->lock);
}

static void ring_end_pass(struct blkback_ring *ring)
{
	bool notify;

	spin_lock_irq(&ring->lock);
	ring->in_pass = false;
	notify = BLKBACK_RING_CALL(ring, publish);
	spin_unlock_irq(&ring->lock);
	if (notify)
		tenon_chan_notify(&ring->chan);
}

static void ring_segments_released(struct map_batch *b)
{
	struct blkback_ring *ring = b->owner;

	complete(&ring->seg_released);
}

/*
 * Copies the page of segments that an indirect request refers to.  Returns as
 * parsing does, or RING_STARVED.
 */
static int ring_fetch_segments(struct blkback_ring *ring, struct parse_op *op)
{
	size_t len = op->nr_segs * sizeof(struct blkif_segment);
	domid_t domid = ring->be->dev->otherend_id;
	struct gnttab_copy copy = {
		.source.u.ref = op->indirect_gref,
		.source.domid = domid,
		.dest.u.gmfn = virt_to_gfn(ring->seg_page),
		.dest.domid = DOMID_SELF,
		.len = len,
		.flags = GNTCOPY_source_gref,
	};
	int err;

	if (ring->be->persistent) {
		err = map_batch_map(ring->seg_batch, &op->indirect_gref, 1,
				    false, true);
		if (!err)
			memcpy(ring->seg_page,
			       page_address(map_batch_page(ring->seg_batch, 0)),
			       len);
		map_batch_release(ring->seg_batch, ring_segments_released);
		wait_for_completion(&ring->seg_released);
		if (err)
			return err == -ENOMEM ? RING_STARVED : BLKIF_RSP_ERROR;
	} else {
		gnttab_batch_copy(&copy, 1);
		if (copy.status != GNTST_okay)
			return BLKIF_RSP_ERROR;
	}
	return parse_segments(op, ring->seg_page, &ring->be->limits);
}

/* All that was taken before a barrier must be complete before it starts. */
static void ring_drain(struct blkback_ring *ring)
{
	ring_end_pass(ring);
	wait_event(ring->drained, atomic_read(&ring->inflight) == 1);
	ring_begin_pass(ring);
}

static void ring_count(struct blkback_ring *ring, const struct parse_op *op)
{
	struct blkback_stats *st = &ring->stats;

	switch (op->kind) {
	case PARSE_READ:
		st->rd_req++;
		st->rd_sect += op->nr_sectors;
		break;
	case PARSE_BARRIER:
		st->f_req++;
		fallthrough;
	case PARSE_WRITE:
		st->wr_req++;
		st->wr_sect += op->nr_sectors;
		break;
	case PARSE_FLUSH:
		st->f_req++;
		break;
	case PARSE_DISCARD:
		st->ds_req++;
		break;
	case PARSE_REVOKE:
		st->revoked += op->nr_segs;
		break;
	}
}

/* Returns false if memory is short; the request was put back. */
static bool ring_serve(struct blkback_ring *ring, int status)
{
	struct parse_op *op = &ring->op;

	atomic_inc(&ring->inflight);
	if (!status && op->indirect)
		status = ring_fetch_segments(ring, op);
	if (status == RING_STARVED)
		goto starved;
	if (status) {
		ring->stats.bad_req++;
		blkback_io_respond(ring, op->id, op->operation, status);
		return true;
	}
	if (op->kind == PARSE_BARRIER)
		ring_drain(ring);
	if (blkback_io_submit(ring, op)) {
		ring_count(ring, op);
		blkback_limit_charge(ring->be, op->nr_sectors);
		return true;
	}
starved:
	ring->stats.oo_req++;
	atomic_dec(&ring->inflight);
	BLKBACK_RING_CALL(ring, rewind, 1);
	return false;
}

/* One pass.  Returns how many requests it took, or -ENOMEM. */
static int ring_pass(struct blkback_ring *ring)
{
	struct blk_plug plug;
	int n = 0, status;

	ring->stats.passes++;
	/* The device may have been resized; checked against anew each pass. */
	if (unlikely(bdev_nr_sectors(ring->be->vbd.bdev) !=
		     READ_ONCE(ring->be->limits.sectors)))
		queue_work(blkback_queue, &ring->be->resize_work);

	ring_begin_pass(ring);
	blk_start_plug(&plug);
	while (n < PASS_BUDGET && (status = blkback_ring_take(ring)) <= 0) {
		if (!ring_serve(ring, status)) {
			n = -ENOMEM;
			break;
		}
		n++;
	}
	blk_finish_plug(&plug);
	ring_end_pass(ring);
	return n;
}

/* Serves until nothing is left and somebody else watches the ring. */
static void ring_run(struct blkback_ring *ring)
{
	enum tenon_spin spin;
	unsigned long wait;
	int n;

	while (!kthread_should_stop()) {
		wait = blkback_limit_wait(ring->be);
		if (wait) {
			wait_event_idle_timeout(ring->wake,
						kthread_should_stop(), wait);
			continue;
		}
		n = ring_pass(ring);
		if (n == -ENOMEM) {
			schedule_timeout_uninterruptible(STARVED_WAIT);
			continue;
		}
		if (n) {
			ring->useful = true;
			cond_resched();
		} else if (BLKBACK_RING_CALL(ring, broken)) {
			/* Its EOI is never sent: the peer stays unheard. */
			dev_err_ratelimited(&ring->be->dev->dev,
					    "queue %u: impossible index, ring stopped\n",
					    ring->index);
			wait_event_idle(ring->wake, kthread_should_stop());
			return;
		}
		spin = tenon_poll_spin(&ring->poll, ring_pending);
		if (spin == TENON_SPIN_WORK || (n && spin == TENON_SPIN_OFFER))
			continue;
		tenon_chan_eoi(&ring->chan, ring->useful);
		ring->useful = false;
		if (!ring_arm(ring)) {
			if (spin == TENON_SPIN_OFFER)
				tenon_poll_start(&ring->poll);
			return;
		}
	}
}

/*
 * A front end that closes waits for the answers to what it had published: Linux's
 * does before it lets go of the disk.  What it publishes from now on is none of ours.
 */
static void ring_finish(struct blkback_ring *ring)
{
	int n, left = FINISH_MAX;

	while (left > 0 && (n = ring_pass(ring))) {
		if (n == -ENOMEM) {
			schedule_timeout_uninterruptible(STARVED_WAIT);
			n = 1;
		}
		left -= n;
	}
}

static int ring_thread(void *arg)
{
	struct blkback_ring *ring = arg;

	while (!kthread_should_stop()) {
		wait_event_idle(ring->wake, READ_ONCE(ring->kick) ||
				kthread_should_stop());
		WRITE_ONCE(ring->kick, false);
		tenon_poll_take(&ring->poll);
		ring_run(ring);
	}
	tenon_poll_take(&ring->poll);
	if (READ_ONCE(ring->finish))
		ring_finish(ring);
	return 0;
}

/**
 * blkback_ring_stop() - stop serving a ring and let go of everything
 * @ring: ring, started or partly started
 * @finish: answer what the front end has published; not once its guest was
 *	suspended, as it is to publish that again wherever it goes on
 *
 * Does not need the front end; waits for the block device to finish what has
 * been started.
 */
void blkback_ring_stop(struct blkback_ring *ring, bool finish)
{
	if (!ring->shared)
		return;
	WRITE_ONCE(ring->finish, finish);
	if (ring->task)
		kthread_stop(ring->task);
	tenon_poll_take(&ring->poll);
	wait_event(ring->drained, !atomic_read(&ring->inflight));
	/* The last to finish may still hold the lock under which it woke us. */
	spin_lock_irq(&ring->lock);
	spin_unlock_irq(&ring->lock);
	tenon_chan_unbind(&ring->chan);
	blkback_io_free_requests(ring);
	map_batch_free(ring->seg_batch);
	mapcache_destroy(ring->maps);
	free_page((unsigned long)ring->seg_page);
	xenbus_unmap_ring_vfree(ring->be->dev, ring->shared);
	ring->shared = NULL;
}

/**
 * blkback_ring_start() - map a ring and serve it
 * @be: the device
 * @ring: zeroed, but for its index
 * @grefs: grants of the ring's pages
 * @nr_pages: how many, a power of two
 * @port: the front end's event channel
 * @is32: layout of requests
 *
 * Return: 0 or a negative errno; then nothing is held.
 */
int blkback_ring_start(struct blkback *be, struct blkback_ring *ring,
		       grant_ref_t *grefs, unsigned int nr_pages,
		       evtchn_port_t port, bool is32)
{
	size_t bytes = nr_pages * XEN_PAGE_SIZE;
	struct xenbus_device *dev = be->dev;
	struct task_struct *task;
	bool sane;
	int err;

	ring->be = be;
	ring->is32 = is32;
	spin_lock_init(&ring->lock);
	INIT_LIST_HEAD(&ring->small);
	INIT_LIST_HEAD(&ring->large);
	init_waitqueue_head(&ring->wake);
	init_waitqueue_head(&ring->drained);
	init_completion(&ring->seg_released);
	tenon_poll_init(&ring->poll, ring_look, ring_sleep);
	snprintf(ring->name, sizeof(ring->name), "%s-%u", dev_name(&dev->dev),
		 ring->index);

	err = xenbus_map_ring_valloc(dev, grefs, nr_pages, &ring->shared);
	if (err) {
		ring->shared = NULL;
		return err;
	}
	err = -ENOMEM;
	ring->seg_page = (void *)get_zeroed_page(GFP_KERNEL);
	ring->maps = mapcache_create(dev->otherend_id,
				     be->limits.revoke ? BLKBACK_KEPT_REVOCABLE :
							 KEPT_GRANTS);
	if (!ring->seg_page || !ring->maps)
		goto fail;
	ring->seg_batch = map_batch_alloc(ring->maps, 1, GFP_KERNEL);
	if (!ring->seg_batch)
		goto fail;
	ring->seg_batch->owner = ring;

	sane = is32 ? blkif32_back_attach(&ring->b32, ring->shared, bytes) :
		      blkif64_back_attach(&ring->b64, ring->shared, bytes);
	err = -EIO;
	if (!sane)
		goto fail;
	err = tenon_chan_bind_back(&ring->chan, dev, port, ring->name,
				   ring_event, ring);
	if (err)
		goto fail;
	task = kthread_run(ring_thread, ring, "%s", ring->name);
	if (IS_ERR(task)) {
		err = PTR_ERR(task);
		goto fail;
	}
	ring->task = task;
	/* There may be requests already, and nobody has armed. */
	ring_kick(ring);
	return 0;

fail:
	blkback_ring_stop(ring, false);
	return err;
}

static int __init blkback_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	blkback_queue = alloc_workqueue("tenon-blkback",
					WQ_UNBOUND | WQ_MEM_RECLAIM, 0);
	if (!blkback_queue)
		return -ENOMEM;
	blkback_stats_setup();
	err = blkback_xenbus_register();
	if (err) {
		blkback_stats_teardown();
		destroy_workqueue(blkback_queue);
	}
	return err;
}
module_init(blkback_init);

static void __exit blkback_exit(void)
{
	blkback_xenbus_unregister();
	blkback_stats_teardown();
	destroy_workqueue(blkback_queue);
}
module_exit(blkback_exit);

MODULE_DESCRIPTION("Tenon: block back end");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen-backend:vbd");
