// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * rx_wait.c - the guest has posted too few pages
 *
 * The device queue stops and the guest is asked for an event at the page that lets it
 * go on.  If that does not come for long, the carrier goes down, and the stack drops
 * what it had queued: memory is bounded by the device's queue length.
 */
#include <linux/jiffies.h>

#include "netback.h"

unsigned int rx_wait_ms = 60000;

/**
 * rx_wait() - too few pages: stop until there are more
 * @q: queue, its transmit lock held
 * @need: so many
 *
 * Return: false if they came meanwhile.
 */
bool rx_wait(struct netback_queue *q, unsigned int need)
{
	struct netdev_queue *txq = queue_txq(q);

	netif_tx_stop_queue(txq);
	/* the barrier in arm orders the stop before the look at the ring */
	if (netrx_back_arm_at(&q->rx.ring, need)) {
		netif_tx_start_queue(txq);
		return false;
	}
	if (netrx_back_broken(&q->rx.ring))
		vif_break(q->vif, "impossible receive producer index");
	WRITE_ONCE(q->rx.stopped_at, jiffies);
	if (!timer_pending(&q->rx.stall_timer))
		mod_timer(&q->rx.stall_timer,
			  jiffies + msecs_to_jiffies(rx_wait_ms));
	queue_count(q, STAT_RX_STOPPED, 1);
	return true;
}

/**
 * rx_wait_over() - the guest may have posted pages; go on if it has
 * @q: queue
 *
 * Return: true if the queue was stopped and runs again.
 */
bool rx_wait_over(struct netback_queue *q)
{
	struct netdev_queue *txq = queue_txq(q);
	unsigned int need;
	bool runs = false;

	if (!netif_tx_queue_stopped(txq))
		return false;
	__netif_tx_lock(txq, smp_processor_id());
	need = rx_wait_need(q->vif, rcu_access_pointer(q->vif->hash),
		       READ_ONCE(q->vif->headroom));
	if (netif_tx_queue_stopped(txq) &&
	    !READ_ONCE(q->vif->broken) &&
	    netrx_back_arm_at(&q->rx.ring, need)) {
		if (q->rx.stalled)
			vif_flowing(q->vif, q);
		netif_tx_wake_queue(txq);
		runs = true;
	}
	__netif_tx_unlock(txq);
	return runs;
}

/**
 * rx_wait_poll() - NAPI poll: an event of the receive ring
 * @napi: of the queue
 * @budget: 0 if nothing may be done
 */
int rx_wait_poll(struct napi_struct *napi, int budget)
{
	struct netback_queue *q =
		container_of(napi, struct netback_queue, rx.napi);
	bool useful;

	if (!budget)
		return 0;
	useful = rx_wait_over(q);
	if (napi_complete_done(napi, 0) && !READ_ONCE(q->vif->broken))
		tenon_chan_eoi(&q->rx.chan, useful);
	return 0;
}

/**
 * rx_wait_timeout() - has the guest posted nothing for too long?
 * @t: timer of the queue
 */
void rx_wait_timeout(struct timer_list *t)
{
	struct netback_queue *q =
		container_of(t, struct netback_queue, rx.stall_timer);
	unsigned long limit = READ_ONCE(q->rx.stopped_at) +
			      msecs_to_jiffies(rx_wait_ms);
	struct netdev_queue *txq = queue_txq(q);

	if (!netif_tx_queue_stopped(txq))
		return;
	if (time_before(jiffies, limit)) {
		mod_timer(t, limit);
		return;
	}
	__netif_tx_lock(txq, smp_processor_id());
	if (netif_tx_queue_stopped(txq) && !q->rx.stalled) {
		queue_count(q, STAT_RX_STALLED, 1);
		vif_stalled(q->vif, q);
	}
	__netif_tx_unlock(txq);
}
