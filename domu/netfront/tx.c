// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tx.c - what we send
 *
 * Every packet is copied into pages that were granted when the queue was
 * connected.  So a packet costs no grant operation here, its memory is free on
 * return from start_xmit, the back end sees no byte but the packet's, and a back
 * end that holds on to a page holds nothing of ours.
 *
 * Nobody waits for an answer while there is room.  Answers are reaped when room
 * gets short; an event is asked for only when the ring is full, and only for the
 * moment when half of it is free again.
 */
#include <linux/etherdevice.h>
#include <linux/sched/clock.h>
#include <xen/page.h>

#include "netfront.h"

/* Whoever has sent in this time is expected to be back before a tick. */
#define TX_SENDING_NS (1 * NSEC_PER_MSEC)

/* Most slots a packet takes: 64 KiB, and one extra. */
#define TX_PACKET_SLOTS (DIV_ROUND_UP(65535, QUEUE_PAGE) + 1)

/**
 * tx_connect() - make and grant the pages of a queue
 * @q: queue with its ring
 */
int tx_connect(struct netfront_queue *q)
{
	domid_t backend = q->front->xbdev->otherend_id;
	unsigned int i;

	for (i = 0; i < QUEUE_SLOTS; i++) {
		struct tx_slot *slot = &q->tx.slot[i];
		int gref;

		slot->page = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!slot->page)
			return -ENOMEM;
		gref = gnttab_grant_foreign_access(backend,
						   xen_page_to_gfn(slot->page), 1);
		if (gref < 0) {
			__free_page(slot->page);
			slot->page = NULL;
			return gref;
		}
		slot->gref = gref;
		/* low ids are used first: few pages stay warm in the cache */
		q->tx.free[QUEUE_SLOTS - 1 - i] = i;
	}
	q->tx.nr_free = QUEUE_SLOTS;
	return 0;
}

/**
 * tx_disconnect() - undo tx_connect(), whole or in part
 * @q: queue that is down
 */
void tx_disconnect(struct netfront_queue *q)
{
	unsigned int i;

	for (i = 0; i < QUEUE_SLOTS && q->tx.slot[i].page; i++)
		/* frees the page now, or when the back end lets go of it */
		gnttab_end_foreign_access(q->tx.slot[i].gref,
					  q->tx.slot[i].page);
}

/**
 * tx_gref() - the grant of a page we send from
 * @q: queue
 * @i: which, below QUEUE_SLOTS
 */
grant_ref_t tx_gref(const struct netfront_queue *q, unsigned int i)
{
	return q->tx.slot[i].gref;
}

static void tx_reap(struct netfront_queue *q)
{
	struct tx_side *tx = &q->tx;
	struct netif_tx_rsp rsp;

	while (nettx_front_reap(&tx->ring, &rsp)) {
		if (rsp.status == NETIF_RSP_NULL) {
			if (!tx->nr_extras) {
				front_break(q->front, "answer to no extra");
				return;
			}
			tx->nr_extras--;
			continue;
		}
		if (rsp.id >= QUEUE_SLOTS || !tx->slot[rsp.id].busy) {
			front_break(q->front, "answer to no request");
			return;
		}
		tx->slot[rsp.id].busy = false;
		tx->free[tx->nr_free++] = rsp.id;
		if (rsp.status != NETIF_RSP_OKAY)
			queue_count(q, STAT_TX_ERRORS, 1);
	}
	if (nettx_front_broken(&tx->ring))
		front_break(q->front, "impossible transmit producer index");
}

static bool tx_room(const struct netfront_queue *q, unsigned int slots)
{
	return nettx_front_free(&q->tx.ring) >= slots && q->tx.nr_free >= slots;
}

/* Ask for an event when half of the ring is free.  False if it is already. */
static bool tx_arm(struct netfront_queue *q)
{
	u32 out = nettx_front_outstanding(&q->tx.ring);

	if (out > QUEUE_SLOTS / 2 &&
	    !nettx_front_arm_at(&q->tx.ring, out - QUEUE_SLOTS / 2))
		return true;
	tx_reap(q);
	return !tx_room(q, TX_PACKET_SLOTS); /* true only after front_break() */
}

/* The ring is full.  False if it no longer is. */
static bool tx_stop(struct netfront_queue *q)
{
	struct netdev_queue *txq = queue_txq(q);

	netif_tx_stop_queue(txq);
	/* the barrier in arm orders the stop before the look at the ring */
	if (tx_arm(q)) {
		queue_count(q, STAT_TX_STOPPED, 1);
		return true;
	}
	netif_tx_start_queue(txq);
	return false;
}

/**
 * tx_restart() - go on if the back end has made room
 * @q: queue; bottom halves are off
 *
 * Return: true if the device queue was stopped and runs again.
 */
bool tx_restart(struct netfront_queue *q)
{
	struct netdev_queue *txq = queue_txq(q);
	bool runs = false;

	if (!netif_tx_queue_stopped(txq))
		return false;
	__netif_tx_lock(txq, smp_processor_id());
	if (netif_tx_queue_stopped(txq) && !READ_ONCE(q->front->broken)) {
		tx_reap(q);
		runs = tx_room(q, TX_PACKET_SLOTS) || !tx_arm(q);
		if (runs)
			netif_tx_wake_queue(txq);
	}
	__netif_tx_unlock(txq);
	return runs;
}

/**
 * tx_publish() - show the back end what is staged
 * @q: queue, its transmit lock held
 */
void tx_publish(struct netfront_queue *q)
{
	if (nettx_front_publish(&q->tx.ring))
		tenon_chan_notify(&q->tx.chan);
}

static void tx_stage_gso(struct netfront_queue *q, const struct sk_buff *skb)
{
	bool v6 = skb_shinfo(skb)->gso_type & SKB_GSO_TCPV6;
	union netif_tx_slot slot = {};

	slot.extra.type = NETIF_EXTRA_GSO;
	slot.extra.gso.type = v6 ? NETIF_GSO_TCPV6 : NETIF_GSO_TCPV4;
	slot.extra.gso.size = skb_shinfo(skb)->gso_size;
	nettx_front_stage(&q->tx.ring, &slot);
	q->tx.nr_extras++;
	queue_count(q, STAT_TX_GSO, 1);
}

/* A page to send from, and a request that names it. */
static struct tx_slot *tx_take(struct netfront_queue *q,
			       union netif_tx_slot *req)
{
	u8 id = q->tx.free[--q->tx.nr_free];
	struct tx_slot *slot = &q->tx.slot[id];

	slot->busy = true;
	memset(req, 0, sizeof(*req));
	req->req.gref = slot->gref;
	req->req.id = id;
	return slot;
}

static void tx_stage(struct netfront_queue *q, const struct sk_buff *skb)
{
	unsigned int done = 0;
	u16 flags = 0;

	if (skb->ip_summed == CHECKSUM_PARTIAL)
		flags = NETIF_TXF_CSUM_BLANK | NETIF_TXF_DATA_VALIDATED;
	else if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		flags = NETIF_TXF_DATA_VALIDATED;
	if (skb_is_gso(skb))
		flags |= NETIF_TXF_EXTRA;

	while (done < skb->len) {
		unsigned int len = min_t(unsigned int, skb->len - done,
					 QUEUE_PAGE);
		union netif_tx_slot req;
		struct tx_slot *slot = tx_take(q, &req);

		/* cannot fail: the range is within the packet */
		skb_copy_bits(skb, done, page_address(slot->page), len);
		req.req.size = done ? len : skb->len;
		req.req.flags = flags;
		if (done + len < skb->len)
			req.req.flags |= NETIF_TXF_MORE;
		nettx_front_stage(&q->tx.ring, &req);
		if (!done && skb_is_gso(skb))
			tx_stage_gso(q, skb);
		flags = 0;
		done += len;
	}
}

/**
 * tx_send() - stage a packet that is no skb
 * @q: queue, its transmit lock held
 * @data: the packet
 * @len: bytes
 *
 * Return: false if there is no room; tx_publish() is up to the caller.
 */
bool tx_send(struct netfront_queue *q, const void *data, unsigned int len)
{
	union netif_tx_slot req;
	struct tx_slot *slot;

	if (READ_ONCE(q->front->broken) || len > QUEUE_PAGE)
		return false;
	if (!tx_room(q, 1)) {
		tx_publish(q);
		tx_reap(q);
		if (!tx_room(q, 1))
			return false;
	}
	slot = tx_take(q, &req);
	memcpy(page_address(slot->page), data, len);
	req.req.size = len;
	nettx_front_stage(&q->tx.ring, &req);
	queue_count(q, STAT_TX_PACKETS, 1);
	queue_count(q, STAT_TX_BYTES, len);
	return true;
}

/**
 * tx_sending() - is somebody at it who will send more?
 * @q: queue
 */
bool tx_sending(const struct netfront_queue *q)
{
	return local_clock() - READ_ONCE(q->tx.sent_at) < TX_SENDING_NS;
}

static void tx_sent(struct netfront_queue *q)
{
	u64 now = local_clock();

	WRITE_ONCE(q->tx.sent_at, now);
	queue_look_sending(q, now);
}

/**
 * tx_start_xmit() - send a packet
 * @skb: the packet
 * @dev: device
 *
 * Called with the queue's transmit lock, which protects all of struct tx_side.
 */
netdev_tx_t tx_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct netfront *front = netdev_priv(dev);
	struct netfront_queue *q;

	if (!READ_ONCE(front->connected)) {
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	q = &front->queue[skb_get_queue_mapping(skb)];
	if (READ_ONCE(front->broken) || skb->len > 65535) {
		queue_count(q, STAT_TX_DROPPED, 1);
		goto out;
	}
	if (!tx_room(q, TX_PACKET_SLOTS)) {
		/* the stack asks again when there is room, with this packet */
		tx_reap(q);
		if (!tx_room(q, TX_PACKET_SLOTS) && tx_stop(q)) {
			tx_publish(q);
			return NETDEV_TX_BUSY;
		}
	}
	tx_stage(q, skb);
	queue_count(q, STAT_TX_PACKETS, 1);
	queue_count(q, STAT_TX_BYTES, skb->len);

	if (!tx_room(q, TX_PACKET_SLOTS)) {
		/* before the stop, or a back end with nothing to do never wakes us */
		tx_publish(q);
		tx_reap(q);
		if (!tx_room(q, TX_PACKET_SLOTS))
			tx_stop(q);
	}
out:
	if (!netdev_xmit_more() || netif_tx_queue_stopped(queue_txq(q))) {
		tx_publish(q);
		tx_sent(q);
	}
	dev_consume_skb_any(skb);
	return NETDEV_TX_OK;
}
