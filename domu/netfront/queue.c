// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * queue.c - rings, event channels and memory of one queue; its NAPI poll
 */
#include <linux/interrupt.h>
#include <linux/slab.h>

#include "netfront.h"

static void queue_event(void *ctx)
{
	struct netfront_queue *q = ctx;

	tenon_poll_event(&q->poll);
	tenon_poll_served(&q->poll);
	napi_schedule(&q->napi);
}

/* How often one who sends looks for packets to receive. */
#define QUEUE_LOOK_NS (20 * NSEC_PER_USEC)

/* Ask for an event when a batch has come.  True if it has. */
static bool queue_arm_batch(struct netfront_queue *q)
{
	u32 posted = netrx_front_outstanding(&q->rx.ring);

	return netrx_front_arm_at(&q->rx.ring,
				  clamp(q->poll.distance, 1U, max(posted, 1U)));
}

/*
 * The receive ring ran dry.  In a stream, or when one who sends will look again,
 * an event is wanted for a batch only: the CPU's poller looks before that, unless
 * the CPU is busy with what came so far.  False if there is more.
 */
static bool queue_rest(struct netfront_queue *q)
{
	bool hold = tenon_poll_stream(&q->poll) || tx_sending(q);

	tenon_poll_distance(&q->poll, q->rx.next_take - q->rx.rested);
	q->rx.rested = q->rx.next_take;
	if (!READ_ONCE(q->polled) && hold && tenon_poll_hold(&q->poll))
		WRITE_ONCE(q->polled, true);
	return READ_ONCE(q->polled) ? !queue_arm_batch(q) :
				      !netrx_front_arm(&q->rx.ring);
}

/*
 * Serves both rings.  Of the transmit ring an event comes only when the device
 * queue is stopped.
 */
static int queue_poll(struct napi_struct *napi, int budget)
{
	struct netfront_queue *q =
		container_of(napi, struct netfront_queue, napi);
	bool useful;
	int work;

	if (!budget)
		return 0;
	if (tx_restart(q))
		q->worked = true;
	work = rx_run(q, budget);
	if (work)
		q->worked = true;
	if (READ_ONCE(q->front->broken)) {
		/* of such a back end we want to hear nothing more: no EOI */
		napi_complete_done(napi, 0);
		return 0;
	}
	rx_fill(q);
	/*
	 * Armed while still polling: an event from here on finds the poll
	 * running and makes it run again.
	 */
	if (work == budget || !queue_rest(q))
		return budget;
	if (napi_complete_done(napi, work)) {
		useful = q->worked;
		q->worked = false;
		tenon_chan_eoi(&q->tx.chan, useful);
		tenon_chan_eoi(&q->rx.chan, useful);
		tenon_poll_start(&q->poll);
	}
	return work;
}

/*
 * The CPU's poller looks at the ring instead of being told by an event.  Whoever
 * holds NAPI's scheduled bit owns the ring, and these take it like a poll does.
 */
static enum tenon_look queue_look(struct tenon_poll *p)
{
	struct netfront_queue *q = container_of(p, struct netfront_queue, poll);
	struct napi_struct *napi = &q->napi;

	if (READ_ONCE(q->front->broken))
		return TENON_LOOK_IDLE;
	if (test_bit(NAPI_STATE_SCHED, &napi->state))
		return napi_disable_pending(napi) ? TENON_LOOK_IDLE :
						    TENON_LOOK_WORK;
	if (!napi_schedule_prep(napi))
		return TENON_LOOK_IDLE;
	if (!q->polled) {
		WRITE_ONCE(q->polled, true);
		queue_arm_batch(q);
	}
	if (netrx_front_pending(&q->rx.ring)) {
		__napi_schedule(napi);
		return TENON_LOOK_WORK;
	}
	napi_complete(napi);
	return TENON_LOOK_IDLE;
}

static void queue_sleep(struct tenon_poll *p)
{
	struct netfront_queue *q = container_of(p, struct netfront_queue, poll);
	struct napi_struct *napi = &q->napi;

	/* before the attempt: a poll that runs now is made to run again, and arms */
	WRITE_ONCE(q->polled, false);
	if (READ_ONCE(q->front->broken) || !napi_schedule_prep(napi))
		return;
	if (netrx_front_arm(&q->rx.ring))
		__napi_schedule(napi);
	else
		napi_complete(napi);
}

/**
 * queue_look_sending() - is there something to receive, while we send?
 * @q: queue
 * @now: by the CPU's clock
 *
 * Looks into a ring that the poller has, but may not get to.
 */
void queue_look_sending(struct netfront_queue *q, u64 now)
{
	struct napi_struct *napi = &q->napi;

	if (!READ_ONCE(q->polled) || now - q->tx.looked_at < QUEUE_LOOK_NS ||
	    READ_ONCE(q->front->broken))
		return;
	q->tx.looked_at = now;
	if (!napi_schedule_prep(napi))
		return;
	if (netrx_front_pending(&q->rx.ring)) {
		tenon_poll_served(&q->poll);
		__napi_schedule(napi);
	} else {
		napi_complete(napi);
	}
}

static int queue_rings(struct netfront_queue *q)
{
	struct xenbus_device *xbdev = q->front->xbdev;
	int err;

	err = xenbus_setup_ring(xbdev, GFP_KERNEL, &q->tx.page, 1,
				&q->tx.ring_ref);
	if (err)
		return err;
	err = xenbus_setup_ring(xbdev, GFP_KERNEL, &q->rx.page, 1,
				&q->rx.ring_ref);
	if (err)
		return err;
	nettx_front_init(&q->tx.ring, q->tx.page, XEN_PAGE_SIZE);
	netrx_front_init(&q->rx.ring, q->rx.page, XEN_PAGE_SIZE);
	BUILD_BUG_ON(sizeof(union netif_tx_slot) * QUEUE_SLOTS > XEN_PAGE_SIZE);
	BUILD_BUG_ON(sizeof(union netif_rx_slot) * QUEUE_SLOTS > XEN_PAGE_SIZE);
	return 0;
}

static int queue_channels(struct netfront_queue *q)
{
	struct xenbus_device *xbdev = q->front->xbdev;
	const char *dev = dev_name(&xbdev->dev);
	bool split = q->front->split;
	int err;

	snprintf(q->tx_name, sizeof(q->tx_name), split ? "%s-q%u-tx" : "%s-q%u",
		 dev, q->id);
	err = tenon_chan_bind_front(&q->tx.chan, xbdev, &q->tx.port, q->tx_name,
				    queue_event, q);
	if (err || !split)
		return err;
	snprintf(q->rx_name, sizeof(q->rx_name), "%s-q%u-rx", dev, q->id);
	return tenon_chan_bind_front(&q->rx.chan, xbdev, &q->rx.port, q->rx_name,
				     queue_event, q);
}

/**
 * queue_connect() - make all that a queue needs
 * @q: queue, zeroed but for its place in the device
 *
 * Nothing is served before queue_up().
 */
int queue_connect(struct netfront_queue *q)
{
	int err;

	netif_napi_add(q->front->dev, &q->napi, queue_poll);
	tenon_poll_init(&q->poll, queue_look, queue_sleep);
	err = tx_connect(q);
	if (!err)
		err = rx_connect(q);
	if (!err)
		err = queue_rings(q);
	if (!err)
		err = queue_channels(q);
	if (err)
		queue_disconnect(q);
	return err;
}

/**
 * queue_disconnect() - undo queue_connect(), whole or in part
 * @q: queue that is down
 *
 * Does not wait for the back end: what it still uses is freed when it lets go.
 */
void queue_disconnect(struct netfront_queue *q)
{
	tenon_chan_unbind(&q->tx.chan);
	tenon_chan_unbind(&q->rx.chan);
	netif_napi_del(&q->napi);
	if (q->tx.page)
		xenbus_teardown_ring(&q->tx.page, 1, &q->tx.ring_ref);
	if (q->rx.page)
		xenbus_teardown_ring(&q->rx.page, 1, &q->rx.ring_ref);
	rx_disconnect(q);
	tx_disconnect(q);
}

/**
 * queue_up() - begin to serve a connected queue
 * @q: queue
 */
void queue_up(struct netfront_queue *q)
{
	napi_enable(&q->napi);
	local_bh_disable();
	napi_schedule(&q->napi);
	local_bh_enable();
}

/**
 * queue_down() - stop serving a queue
 * @q: queue whose device queue is stopped
 *
 * On return nothing of ours touches the rings.
 */
void queue_down(struct netfront_queue *q)
{
	napi_disable(&q->napi);
	/* whose callbacks do nothing while the poll is disabled */
	tenon_poll_take(&q->poll);
	WRITE_ONCE(q->polled, false);
	del_timer_sync(&q->rx.refill_timer);
}
