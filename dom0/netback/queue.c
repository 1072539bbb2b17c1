// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * queue.c - rings, event channels and memory of one queue
 */
#include <linux/interrupt.h>
#include <xen/events.h>

#include "netback.h"

static irqreturn_t queue_tx_irq(int irq, void *data)
{
	struct netback_queue *q = data;

	queue_count(q, STAT_TX_EVENTS, 1);
	atomic_set(&q->tx.eoi, 1);
	napi_schedule(&q->tx.napi);
	return IRQ_HANDLED;
}

static irqreturn_t queue_rx_irq(int irq, void *data)
{
	struct netback_queue *q = data;

	queue_count(q, STAT_RX_EVENTS, 1);
	atomic_set(&q->rx.eoi, 1);
	napi_schedule(&q->rx.napi);
	return IRQ_HANDLED;
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

static int queue_bind(struct netback_queue *q, evtchn_port_t port,
		      irq_handler_t handler, const char *name)
{
	return bind_interdomain_evtchn_to_irqhandler_lateeoi(q->vif->xbdev, port,
							     handler, 0, name, q);
}

static int queue_bind_all(struct netback_queue *q,
			  const struct queue_ports *ports)
{
	const char *dev = q->vif->dev->name;
	bool split = ports->tx_port != ports->rx_port;
	int irq;

	snprintf(q->tx.irq_name, sizeof(q->tx.irq_name),
		 split ? "%s-q%u-tx" : "%s-q%u", dev, q->id);
	irq = queue_bind(q, ports->tx_port, queue_tx_irq, q->tx.irq_name);
	if (irq < 0)
		return irq;
	q->tx.irq = irq;
	if (!split) {
		q->rx.irq = irq;
		return 0;
	}
	snprintf(q->rx.irq_name, sizeof(q->rx.irq_name), "%s-q%u-rx", dev, q->id);
	irq = queue_bind(q, ports->rx_port, queue_rx_irq, q->rx.irq_name);
	if (irq < 0)
		return irq;
	q->rx.irq = irq;
	return 0;
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
	netif_napi_add(q->vif->dev, &q->rx.napi, rx_poll);
	timer_setup(&q->tx.credit_timer, tx_credit_timeout, 0);
	timer_setup(&q->rx.stall_timer, rx_stall_timeout, 0);
	q->tx.irq = 0;
	q->rx.irq = 0;
	q->tx.worked = true;
	q->rx.stalled = false;
	atomic_set(&q->tx.eoi, 0);
	atomic_set(&q->rx.eoi, 0);

	err = tx_alloc(q);
	if (!err)
		err = rx_alloc(q);
	if (!err)
		err = queue_map(q, ports);
	if (!err)
		err = queue_bind_all(q, ports);
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
	if (q->rx.irq && q->rx.irq != q->tx.irq)
		unbind_from_irqhandler(q->rx.irq, q);
	if (q->tx.irq)
		unbind_from_irqhandler(q->tx.irq, q);
	q->rx.irq = 0;
	q->tx.irq = 0;
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
	del_timer_sync(&q->tx.credit_timer);
	del_timer_sync(&q->rx.stall_timer);
}
