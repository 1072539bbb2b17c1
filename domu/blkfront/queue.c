// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * queue.c - a queue: requests go out, responses come in
 *
 * Responses are looked for only while something is outstanding, by the CPU's
 * poller or, armed, by event; an idle queue is neither polled nor armed, nor
 * costs anything.  Whoever finds responses takes them off the ring under the
 * lock and completes them outside it.
 *
 * Requests whose sender looks for the answer itself (io_uring's IOPOLL) have
 * hardware queues of their own, on the same rings.  Only their sender completes
 * them, or, late, block core's timeout or who takes the ring down, whoever finds
 * their responses: block core is not prepared for an interrupt to do that.
 *
 * A response is believed only if it names a request in flight, and only once.
 * Anything else, or an impossible index, ends the dealings with this back end.
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "blkfront.h"

static struct blkfront_queue *queue_of(struct blk_mq_hw_ctx *hctx)
{
	struct blkfront *bf = hctx->queue->queuedata;

	/* After migration there may be fewer rings than hardware queues. */
	return &bf->queues[hctx->queue_num % bf->nr_queues];
}

static int queue_operation(const struct blkfront_features *f,
			   const struct request *rq)
{
	switch (req_op(rq)) {
	case REQ_OP_READ:
		return BLKIF_OP_READ;
	case REQ_OP_WRITE:
		if (!(rq->cmd_flags & REQ_FUA))
			return BLKIF_OP_WRITE;
		return f->barrier ? BLKIF_OP_WRITE_BARRIER : -1;
	case REQ_OP_FLUSH:
		return f->flush ? BLKIF_OP_FLUSH_DISKCACHE :
		       f->barrier ? BLKIF_OP_WRITE_BARRIER : -1;
	case REQ_OP_DISCARD:
		return f->discard ? BLKIF_OP_DISCARD : -1;
	case REQ_OP_SECURE_ERASE:
		return f->secure ? BLKIF_OP_DISCARD : -1;
	default:
		return -1;
	}
}

static bool queue_has_data(const struct request *rq)
{
	return req_op(rq) == REQ_OP_READ || req_op(rq) == REQ_OP_WRITE;
}

/* Requests in the ring; that a revoke is answered, nothing may depend on. */
static unsigned int queue_requests(const struct blkfront_queue *q)
{
	return blkif64_front_outstanding(&q->ring) -
	       (q->revoking < q->nr_slots);
}

/* A slot has its request only once that is staged: none can answer earlier. */
static unsigned int slot_get(struct blkfront_queue *q)
{
	unsigned int slot = q->free_slot;

	q->free_slot = q->slots[slot].next_free;
	return slot;
}

static void slot_put(struct blkfront_queue *q, unsigned int slot)
{
	q->slots[slot].rq = NULL;
	q->slots[slot].generation++;
	q->slots[slot].next_free = q->free_slot;
	q->free_slot = slot;
}

/* Puts the request into the ring, where there is room; locked. */
static void queue_stage(struct blkfront_queue *q, struct request *rq,
			unsigned int slot)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	u64 id = slot | (u64)q->slots[slot].generation << 16;
	union blkif64_req req = {};
	unsigned int n;

	switch (cmd->operation) {
	case BLKIF_OP_DISCARD:
		req.discard.operation = cmd->operation;
		req.discard.flag = req_op(rq) == REQ_OP_SECURE_ERASE ?
					   BLKIF_DISCARD_SECURE : 0;
		req.discard.handle = q->bf->vdevice;
		req.discard.id = id;
		req.discard.sector = blk_rq_pos(rq);
		req.discard.nr_sectors = blk_rq_sectors(rq);
		break;
	default:
		n = queue_has_data(rq) ? blkfront_grants_describe(q, rq) : 0;
		if (cmd->segments) {
			req.indirect.operation = BLKIF_OP_INDIRECT;
			req.indirect.indirect_op = cmd->operation;
			req.indirect.nr_segments = n;
			req.indirect.id = id;
			req.indirect.sector = blk_rq_pos(rq);
			req.indirect.handle = q->bf->vdevice;
			req.indirect.grefs[0] = cmd->segments->gref;
			break;
		}
		req.rw.operation = cmd->operation;
		req.rw.nr_segments = n;
		req.rw.handle = q->bf->vdevice;
		req.rw.id = id;
		req.rw.sector = n ? blk_rq_pos(rq) : 0;
		memcpy(req.rw.seg, q->seg, n * sizeof(q->seg[0]));
		break;
	}
	blkif64_front_stage(&q->ring, &req);
	q->slots[slot].rq = rq;
	q->stats.requests++;
}

/*
 * Takes responses off the ring into @list; locked.  Returns how many, never
 * more than were outstanding.  A back end that lies is not listened to again,
 * and what is outstanding waits for the device to be closed.
 */
static unsigned int queue_reap(struct blkfront_queue *q, struct list_head *list)
{
	struct blkif64_rsp rsp;
	unsigned int n = 0;

	while (q->live && blkif64_front_reap(&q->ring, &rsp)) {
		unsigned int slot = rsp.id & 0xffff;
		struct blkfront_cmd *cmd;
		struct request *rq;

		if (slot >= q->nr_slots ||
		    (!q->slots[slot].rq && slot != q->revoking) ||
		    q->slots[slot].generation != rsp.id >> 16) {
			q->stats.bad_responses++;
			blkif64_front_condemn(&q->ring);
			break;
		}
		rq = q->slots[slot].rq;
		slot_put(q, slot);
		n++;
		if (!rq) {
			q->revoking = q->nr_slots;
			blkfront_direct_revoked(q);
			continue;
		}
		cmd = blk_mq_rq_to_pdu(rq);
		if (rsp.status == BLKIF_RSP_OKAY) {
			cmd->status = BLK_STS_OK;
		} else {
			q->stats.io_errors++;
			cmd->status = rsp.status == BLKIF_RSP_EOPNOTSUPP ?
					      BLK_STS_NOTSUPP : BLK_STS_IOERR;
		}
		list_add_tail(&rq->queuelist,
			      rq->cmd_flags & REQ_POLLED ? &q->polled : list);
		q->completing++;
	}
	if (q->live && blkif64_front_broken(&q->ring)) {
		q->live = false;
		dev_err(&q->bf->dev->dev,
			"queue %u: the back end broke the protocol, queue stopped\n",
			q->index);
	}
	if (n)
		q->useful = true;
	return n;
}

/* Returns how many there were. */
static unsigned int queue_complete(struct list_head *list)
{
	struct request *rq, *next;
	unsigned int n = 0;

	list_for_each_entry_safe(rq, next, list, queuelist) {
		list_del_init(&rq->queuelist);
		if (likely(!blk_should_fake_timeout(rq->q)))
			blk_mq_complete_request(rq);
		n++;
	}
	return n;
}

/*
 * Has the ring looked at while something is outstanding; locked.  Returns true
 * if there is something already.
 */
static bool queue_watch(struct blkfront_queue *q)
{
	if (!q->live || !blkif64_front_outstanding(&q->ring)) {
		q->watch = BLKFRONT_UNWATCHED;
		return false;
	}
	q->watch = BLKFRONT_ARMED;
	return blkif64_front_arm(&q->ring);
}

/* After responses were taken, a stopped queue goes on. */
static bool queue_restart(struct blkfront_queue *q, unsigned int reaped)
{
	bool restart = q->stopped && reaped;

	if (restart)
		q->stopped = false;
	return restart;
}

/* What is left to do without the lock, once responses were taken. */
static void queue_finish(struct blkfront_queue *q, struct list_head *done,
			 bool restart)
{
	queue_complete(done);
	if (restart)
		blk_mq_start_stopped_hw_queues(q->bf->disk->queue, true);
}

/* Takes what there is and has the rest watched by event; locked. */
static bool queue_serve(struct blkfront_queue *q, struct list_head *done)
{
	unsigned int n = 0;

	do {
		n += queue_reap(q, done);
	} while (queue_watch(q));
	return queue_restart(q, n);
}

static void queue_event(void *ctx)
{
	struct blkfront_queue *q = ctx;
	unsigned long flags;
	LIST_HEAD(done);
	bool restart;

	spin_lock_irqsave(&q->lock, flags);
	tenon_poll_event(&q->poll);
	restart = queue_serve(q, &done);
	/* A broken queue's channel stays masked; one not yet live must not. */
	if (!blkif64_front_broken(&q->ring))
		tenon_chan_eoi(&q->chan, q->useful);
	q->useful = false;
	if (q->watch == BLKFRONT_ARMED)
		tenon_poll_start(&q->poll);
	spin_unlock_irqrestore(&q->lock, flags);
	queue_finish(q, &done, restart);
}

static enum tenon_look queue_look(struct tenon_poll *p)
{
	struct blkfront_queue *q = container_of(p, struct blkfront_queue, poll);
	enum tenon_look found = TENON_LOOK_IDLE;
	unsigned long flags;
	LIST_HEAD(done);
	unsigned int n;
	bool restart;

	spin_lock_irqsave(&q->lock, flags);
	if (q->watch == BLKFRONT_ARMED) {
		blkif64_front_disarm(&q->ring);
		q->watch = BLKFRONT_POLLED;
	}
	n = queue_reap(q, &done);
	if (n)
		found = TENON_LOOK_WORK;
	q->stats.poll_reaped += n;
	if (!q->live || !blkif64_front_outstanding(&q->ring)) {
		q->watch = BLKFRONT_UNWATCHED;
		found = n ? TENON_LOOK_TAKEN : TENON_LOOK_LEAVE;
	}
	restart = queue_restart(q, n);
	spin_unlock_irqrestore(&q->lock, flags);
	queue_finish(q, &done, restart);
	return found;
}

/* The poller gives the ring back: from now on by event. */
static void queue_sleep(struct tenon_poll *p)
{
	struct blkfront_queue *q = container_of(p, struct blkfront_queue, poll);
	unsigned long flags;
	LIST_HEAD(done);
	bool restart;

	spin_lock_irqsave(&q->lock, flags);
	restart = queue_serve(q, &done);
	spin_unlock_irqrestore(&q->lock, flags);
	queue_finish(q, &done, restart);
}

/*
 * Somebody does not look for the answer itself: see that it is looked for; locked.
 *
 * While nobody did, all that could be answered is polled for by its sender.  Such
 * answers have to be taken before the ring counts as armed, since the back end has
 * sent no event for them and would not for what follows.
 *
 * Return: how many were taken.
 */
static unsigned int queue_expect(struct blkfront_queue *q)
{
	unsigned int n = 0;
	LIST_HEAD(none);

	if (q->watch != BLKFRONT_UNWATCHED)
		return 0;
	if (tenon_poll_hold(&q->poll)) {
		blkif64_front_disarm(&q->ring);
		q->watch = BLKFRONT_POLLED;
		return 0;
	}
	while (queue_watch(q))
		n += queue_reap(q, &none);
	tenon_poll_start(&q->poll);
	return n;
}

static blk_status_t queue_rq(struct blk_mq_hw_ctx *hctx,
			     const struct blk_mq_queue_data *bd)
{
	struct blkfront_queue *q = queue_of(hctx);
	struct request *rq = bd->rq;
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	int operation = queue_operation(&q->bf->features, rq);
	blk_status_t status = BLK_STS_OK;
	bool restart = false;
	unsigned long flags;
	LIST_HEAD(done);
	unsigned int slot;
	bool notify;

	if (READ_ONCE(q->bf->dead))
		return BLK_STS_IOERR;
	if (operation < 0)
		return BLK_STS_NOTSUPP;
	cmd->operation = operation;
	cmd->queue = q;
	cmd->status = BLK_STS_IOERR;
	cmd->nr = 0;
	cmd->segments = NULL;

	spin_lock_irqsave(&q->lock, flags);
	if (!q->live || q->free_slot == q->nr_slots) {
		status = BLK_STS_DEV_RESOURCE;
		goto stop;
	}
	if (queue_has_data(rq))
		status = blkfront_grants_get(q, rq);
	if (status) {
		/* A grant or a page may come free by itself, or by us. */
		if (!queue_requests(q))
			goto unlock;
		status = BLK_STS_DEV_RESOURCE;
		goto stop;
	}
	slot = slot_get(q);
	blk_mq_start_request(rq);
	if (queue_has_data(rq) && cmd->how == BLKFRONT_STAGED) {
		spin_unlock_irqrestore(&q->lock, flags);
		blkfront_grants_fill(rq);
		spin_lock_irqsave(&q->lock, flags);
	}
	queue_stage(q, rq, slot);
	if (!(rq->cmd_flags & REQ_POLLED))
		queue_expect(q);
	notify = bd->last && blkif64_front_publish(&q->ring);
	/* While a task sends, the poller does not run: take what has come. */
	if (bd->last && q->watch == BLKFRONT_POLLED) {
		restart = queue_restart(q, queue_reap(q, &done));
		tenon_poll_served(&q->poll);
	}
	spin_unlock_irqrestore(&q->lock, flags);
	if (notify)
		tenon_chan_notify(&q->chan);
	queue_finish(q, &done, restart);
	return BLK_STS_OK;

stop:
	q->stats.full++;
	q->stopped = true;
	blk_mq_stop_hw_queue(hctx);
	/* It may be full of requests whose sender does not look for now. */
	if (q->live && blkif64_front_outstanding(&q->ring))
		restart = queue_restart(q, queue_expect(q));
	/* What others have staged must not wait for us. */
	notify = q->live && blkif64_front_publish(&q->ring);
	spin_unlock_irqrestore(&q->lock, flags);
	if (notify)
		tenon_chan_notify(&q->chan);
	queue_finish(q, &done, restart);
	return status;
unlock:
	spin_unlock_irqrestore(&q->lock, flags);
	return status;
}

static void queue_commit_rqs(struct blk_mq_hw_ctx *hctx)
{
	struct blkfront_queue *q = queue_of(hctx);
	unsigned long flags;
	bool notify;

	spin_lock_irqsave(&q->lock, flags);
	notify = q->live && blkif64_front_publish(&q->ring);
	spin_unlock_irqrestore(&q->lock, flags);
	if (notify)
		tenon_chan_notify(&q->chan);
}

static void queue_complete_rq(struct request *rq)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct blkfront_queue *q = cmd->queue;
	unsigned long flags;

	if (cmd->status == BLK_STS_OK)
		blkfront_grants_drain(rq);
	spin_lock_irqsave(&q->lock, flags);
	blkfront_grants_put(q, rq);
	q->completing--;
	q->stats.polled += !!(rq->cmd_flags & REQ_POLLED);
	spin_unlock_irqrestore(&q->lock, flags);
	/* The queue may be gone by now. */
	blk_mq_end_request(rq, cmd->status);
}

/* Takes all there is and completes what is polled for; process context. */
static unsigned int queue_reap_polled(struct blkfront_queue *q)
{
	LIST_HEAD(polled);
	unsigned long flags;
	LIST_HEAD(done);
	unsigned int n;
	bool restart;

	spin_lock_irqsave(&q->lock, flags);
	restart = queue_restart(q, queue_reap(q, &done));
	list_splice_init(&q->polled, &polled);
	spin_unlock_irqrestore(&q->lock, flags);
	n = queue_complete(&polled);
	queue_finish(q, &done, restart);
	return n;
}

/* Rings are taken down after the queue was quiesced, which waits for this. */
static int queue_poll(struct blk_mq_hw_ctx *hctx, struct io_comp_batch *iob)
{
	unsigned int n = 0;

	rcu_read_lock();
	if (!blk_queue_quiesced(hctx->queue))
		n = queue_reap_polled(queue_of(hctx));
	rcu_read_unlock();
	return n;
}

/*
 * A request that is polled for, and whose sender has not looked for long: others
 * may wait for it to end.  The back end may take what time it needs.
 */
static enum blk_eh_timer_return queue_overdue(struct request *rq)
{
	if (rq->cmd_flags & REQ_POLLED)
		queue_poll(rq->mq_hctx, NULL);
	return blk_mq_request_completed(rq) ? BLK_EH_DONE : BLK_EH_RESET_TIMER;
}

const struct blk_mq_ops blkfront_mq_ops = {
	.queue_rq = queue_rq,
	.commit_rqs = queue_commit_rqs,
	.complete = queue_complete_rq,
	.map_queues = blkfront_disk_map,
	.poll = queue_poll,
	.timeout = queue_overdue,
};

/**
 * blkfront_queue_revoke() - ask the back end to unmap grants
 * @q: queue, locked and live; no other revoke is under way
 * @list: grant of the page in which they are listed
 * @n: how many
 * @notify: whether the back end is to be notified
 *
 * blkfront_direct_revoked() is called when it has answered.
 *
 * Return: false if the ring is full.
 */
bool blkfront_queue_revoke(struct blkfront_queue *q, grant_ref_t list,
			   unsigned int n, bool *notify)
{
	unsigned int slot = q->free_slot;
	union blkif64_req req = {};

	if (slot == q->nr_slots)
		return false;
	slot_get(q);
	q->revoking = slot;
	req.indirect.operation = BLKIF_OP_TENON_REVOKE;
	req.indirect.nr_segments = n;
	req.indirect.id = slot | (u64)q->slots[slot].generation << 16;
	req.indirect.handle = q->bf->vdevice;
	req.indirect.grefs[0] = list;
	blkif64_front_stage(&q->ring, &req);
	queue_expect(q);
	*notify = blkif64_front_publish(&q->ring);
	return true;
}

/**
 * blkfront_queue_outstanding() - requests that may be answered yet
 * @q: queue
 *
 * Return: their number, without a revoke; 0 once the back end has broken the protocol.
 */
unsigned int blkfront_queue_outstanding(struct blkfront_queue *q)
{
	unsigned long flags;
	unsigned int n;

	spin_lock_irqsave(&q->lock, flags);
	n = q->live ? queue_requests(q) : 0;
	spin_unlock_irqrestore(&q->lock, flags);
	return n;
}

/**
 * blkfront_queue_drain() - take what was answered, also for senders who do not look
 * @q: queue; process context, no lock of ours but the device's
 *
 * Return: requests that may be answered yet, as blkfront_queue_outstanding().
 */
unsigned int blkfront_queue_drain(struct blkfront_queue *q)
{
	queue_reap_polled(q);
	return blkfront_queue_outstanding(q);
}

/**
 * blkfront_queue_enable() - begin to take requests
 * @q: queue; the back end is connected
 */
void blkfront_queue_enable(struct blkfront_queue *q)
{
	const struct blkfront_features *f = &q->bf->features;

	/*
	 * Whatever memory is like later, one request can always be sent, so
	 * that swapping out goes on.
	 */
	grantpool_reserve(&q->pool, (f->staged ? f->max_segments : 0) + 1);
	blkfront_direct_start(q);
	spin_lock_irq(&q->lock);
	q->live = true;
	q->stopped = false;
	spin_unlock_irq(&q->lock);
}

/**
 * blkfront_queue_start() - make a ring and grant it to the back end
 * @bf: the device
 * @q: zeroed, but for its index
 * @nr_pages: size of the ring, a power of two
 *
 * Return: 0 or a negative errno; then nothing is held.
 */
int blkfront_queue_start(struct blkfront *bf, struct blkfront_queue *q,
			 unsigned int nr_pages)
{
	size_t bytes = nr_pages * XEN_PAGE_SIZE;
	struct xenbus_device *dev = bf->dev;
	unsigned int i;
	int err;

	q->bf = bf;
	q->nr_pages = nr_pages;
	spin_lock_init(&q->lock);
	INIT_LIST_HEAD(&q->polled);
	snprintf(q->name, sizeof(q->name), "%s-%u", dev_name(&dev->dev),
		 q->index);
	/* Once: who maps a request to it sees to where the list ends. */
	sg_init_table(q->sg, ARRAY_SIZE(q->sg));
	tenon_poll_init(&q->poll, queue_look, queue_sleep);
	grantpool_init(&q->pool, dev->otherend_id, BLKFRONT_POOL_PAGES);

	err = xenbus_setup_ring(dev, GFP_NOIO, &q->shared, nr_pages, q->grefs);
	if (err) {
		q->shared = NULL;
		return err;
	}
	blkif64_front_init(&q->ring, q->shared, bytes);
	q->nr_slots = blkif64_ring_size(bytes);
	q->slots = kvcalloc(q->nr_slots, sizeof(*q->slots), GFP_NOIO);
	if (!q->slots) {
		xenbus_teardown_ring(&q->shared, nr_pages, q->grefs);
		return -ENOMEM;
	}
	for (i = 0; i < q->nr_slots; i++)
		q->slots[i].next_free = i + 1;
	q->revoking = q->nr_slots;
	err = tenon_chan_bind_front(&q->chan, dev, &q->port, q->name,
				    queue_event, q);
	if (err) {
		kvfree(q->slots);
		xenbus_teardown_ring(&q->shared, nr_pages, q->grefs);
		return err;
	}
	return 0;
}

/* Waits for responses that were taken off the ring to be completed. */
static void queue_wait_completed(struct blkfront_queue *q)
{
	unsigned int n;

	for (;;) {
		queue_reap_polled(q);
		spin_lock_irq(&q->lock);
		n = q->completing;
		spin_unlock_irq(&q->lock);
		if (!n)
			return;
		usleep_range(100, 1000);
	}
}

/* A request that the back end did not answer. */
static void queue_give_up(struct blkfront_queue *q, struct request *rq,
			  struct bio_list *again)
{
	spin_lock_irq(&q->lock);
	blkfront_grants_put(q, rq);
	spin_unlock_irq(&q->lock);
	if (!again) {
		blk_mq_end_request(rq, BLK_STS_IOERR);
	} else if (queue_has_data(rq)) {
		/* Its bios may have to be split anew for another back end. */
		blk_steal_bios(again, rq);
		blk_mq_end_request(rq, BLK_STS_OK);
	} else {
		blk_mq_requeue_request(rq, false);
	}
}

/**
 * blkfront_queue_stop() - take a ring down, with or without the back end
 * @q: queue, started or not
 * @again: where the bios of requests go that were not answered (requests
 *	without data are requeued); NULL: they fail
 *
 * No request is being staged (the hardware queues are quiesced) and nobody
 * else uses the queue.
 */
void blkfront_queue_stop(struct blkfront_queue *q, struct bio_list *again)
{
	unsigned int i;

	if (!q->shared)
		return;
	spin_lock_irq(&q->lock);
	q->live = false;
	spin_unlock_irq(&q->lock);
	irq_set_affinity_and_hint(q->chan.irq, NULL);
	tenon_chan_unbind(&q->chan);
	tenon_poll_take(&q->poll);

	queue_wait_completed(q);

	for (i = 0; i < q->nr_slots; i++)
		if (q->slots[i].rq)
			queue_give_up(q, q->slots[i].rq, again);
	blkfront_direct_stop(q);
	grantpool_exit(&q->pool);
	xenbus_teardown_ring(&q->shared, q->nr_pages, q->grefs);
	kvfree(q->slots);
	q->slots = NULL;
	q->shared = NULL;
}
