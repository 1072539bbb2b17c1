// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * queue.c - rings, event channels and memory of one queue
 */
#include "netback.h"

static void queue_tx_event(void *ctx)
{
	struct netback_queue *q = ctx;

	tenon_poll_event(&q->tx.poll);
	tenon_poll_served(&q->tx.poll);
	napi_schedule(&q->tx.napi);
}

static void queue_rx_event(void *ctx)
{
	struct netback_queue *q = ctx;

	napi_schedule(&q->rx.napi);
}

static int queue_map(struct netback_queue *q, const struct queue_ports *ports)
{
	struct xenbus_device *xbdev = q->vif->xbdev;
	grant_ref_t ref;
	int err;

	ref = ports->tx_ref;
	err = xenbus_map_ring_valloc(xbdev, &ref, 1, &q->tx.page);
	if (err) {
		q->tx.page = NULL;
		return err;
	}
	ref = ports->rx_ref;
	err = xenbus_map_ring_valloc(xbdev, &ref, 1, &q->rx.page);
	if (err) {
		q->rx.page = NULL;
		return err;
	}
	if (!nettx_back_attach(&q->tx.ring, q->tx.page, XEN_PAGE_SIZE) ||
	    !netrx_back_attach(&q->rx.ring, q->rx.page, XEN_PAGE_SIZE))
		return -EIO;
	return 0;
}

static int queue_bind(struct netback_queue *q, const struct queue_ports *ports)
{
	struct xenbus_device *xbdev = q->vif->xbdev;
	const char *dev = q->vif->dev->name;
	bool split = ports->tx_port != ports->rx_port;
	int err;

	snprintf(q->tx.name, sizeof(q->tx.name), split ? "%s-q%u-tx" : "%s-q%u",
		 dev, q->id);
	err = tenon_chan_bind_back(&q->tx.chan, xbdev, ports->tx_port,
				   q->tx.name, queue_tx_event, q);
	if (err || !split)
		return err;
	snprintf(q->rx.name, sizeof(q->rx.name), "%s-q%u-rx", dev, q->id);
	return tenon_chan_bind_back(&q->rx.chan, xbdev, ports->rx_port,
				    q->rx.name, queue_rx_event, q);
}

/**
 * queue_connect() - map the rings of a queue and bind its event channels
 * @q: queue that is not connected
 * @ports: where the guest says it is
 *
 * Nothing is served before queue_up().
 */
int queue_connect(struct netback_queue *q, const struct queue_ports *ports)
{
	int err;

	netif_napi_add(q->vif->dev, &q->tx.napi, tx_poll);
	netif_napi_add(q->vif->dev, &q->rx.napi, rx_wait_poll);
	timer_setup(&q->tx.credit_timer, tx_credit_timeout, 0);
	timer_setup(&q->rx.stall_timer, rx_wait_timeout, 0);
	tenon_poll_init(&q->tx.poll, tx_look, tx_look_sleep);
	tenon_poll_init(&q->rx.poll, rx_look, rx_sleep);
	q->rx.waiting = false;
	q->tx.polled = false;
	q->tx.taken = 0;
	q->tx.throttled = false;
	q->tx.worked = true;
	q->rx.stalled = false;

	err = tx_alloc(q);
	if (!err)
		err = rx_alloc(q);
	if (!err)
		err = queue_map(q, ports);
	if (!err)
		err = queue_bind(q, ports);
	if (err)
		queue_disconnect(q);
	return err;
}

static void queue_unmap(struct netback_queue *q, void **page)
{
	if (*page)
		xenbus_unmap_ring_vfree(q->vif->xbdev, *page);
	*page = NULL;
}

/**
 * queue_disconnect() - undo queue_connect(), whole or in part
 * @q: queue that is down
 */
void queue_disconnect(struct netback_queue *q)
{
	tenon_chan_unbind(&q->rx.chan);
	tenon_chan_unbind(&q->tx.chan);
	netif_napi_del(&q->tx.napi);
	netif_napi_del(&q->rx.napi);
	queue_unmap(q, &q->tx.page);
	queue_unmap(q, &q->rx.page);
	tx_free(q);
	rx_free(q);
}

/**
 * queue_up() - begin to serve a connected queue
 * @q: queue
 */
void queue_up(struct netback_queue *q)
{
	napi_enable(&q->tx.napi);
	napi_enable(&q->rx.napi);
	/* the guest may have sent before we listened, and asks once */
	local_bh_disable();
	napi_schedule(&q->tx.napi);
	napi_schedule(&q->rx.napi);
	local_bh_enable();
}

/**
 * queue_down() - stop serving a queue
 * @q: queue whose device queue is stopped
 *
 * On return nothing of ours touches the rings.
 */
void queue_down(struct netback_queue *q)
{
	napi_disable(&q->tx.napi);
	napi_disable(&q->rx.napi);
	/* whose callbacks do nothing while the poll is disabled */
	tenon_poll_take(&q->tx.poll);
	WRITE_ONCE(q->tx.polled, false);
	rx_drain(q);
	del_timer_sync(&q->tx.credit_timer);
	del_timer_sync(&q->rx.stall_timer);
}
