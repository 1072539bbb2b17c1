// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tx_look.c - when to look at what the guest sends, instead of being told
 *
 * The CPU's poller looks at the ring, and so does one who sends to the guest.  Whoever
 * holds NAPI's scheduled bit owns the ring, and these take it like a poll does.
 */
#include "netback.h"

/* How often one who sends to the guest looks for what the guest sends. */
#define TX_LOOK_NS (20 * NSEC_PER_USEC)

/**
 * tx_look_rest() - the ring ran dry
 * @q: queue; from its poll
 *
 * In a stream, or when one who sends to the guest will look again, an event is wanted
 * for a batch only: the CPU's poller looks before that, unless the CPU is busy with
 * what came so far.
 *
 * Return: false if there is more.
 */
bool tx_look_rest(struct netback_queue *q)
{
	bool hold = tenon_poll_stream(&q->tx.poll) || rx_sending(q);
	unsigned int batch = tenon_poll_distance(&q->tx.poll, q->tx.taken);

	q->tx.taken = 0;
	if (!READ_ONCE(q->tx.polled) && hold && tenon_poll_hold(&q->tx.poll))
		WRITE_ONCE(q->tx.polled, true);
	return !nettx_back_arm_at(&q->tx.ring,
				  READ_ONCE(q->tx.polled) ? batch : 1);
}

/**
 * tx_look() - has the guest sent?
 * @p: of the queue
 */
enum tenon_look tx_look(struct tenon_poll *p)
{
	struct netback_queue *q = container_of(p, struct netback_queue, tx.poll);
	struct napi_struct *napi = &q->tx.napi;

	if (READ_ONCE(q->vif->broken) || READ_ONCE(q->tx.throttled))
		return TENON_LOOK_IDLE;
	if (test_bit(NAPI_STATE_SCHED, &napi->state))
		return napi_disable_pending(napi) ? TENON_LOOK_IDLE :
						    TENON_LOOK_WORK;
	if (!napi_schedule_prep(napi))
		return TENON_LOOK_IDLE;
	if (!q->tx.polled) {
		WRITE_ONCE(q->tx.polled, true);
		nettx_back_arm_at(&q->tx.ring, max(p->distance, 1U));
	}
	if (nettx_back_pending(&q->tx.ring)) {
		__napi_schedule(napi);
		return TENON_LOOK_WORK;
	}
	napi_complete(napi);
	return TENON_LOOK_IDLE;
}

/**
 * tx_look_sleep() - the poller stops: have the guest send an event
 * @p: of the queue
 */
void tx_look_sleep(struct tenon_poll *p)
{
	struct netback_queue *q = container_of(p, struct netback_queue, tx.poll);
	struct napi_struct *napi = &q->tx.napi;

	/* before the attempt: a poll that runs now is made to run again, and arms */
	WRITE_ONCE(q->tx.polled, false);
	if (READ_ONCE(q->vif->broken) || !napi_schedule_prep(napi))
		return;
	if (nettx_back_arm(&q->tx.ring))
		__napi_schedule(napi);
	else
		napi_complete(napi);
}

/**
 * tx_look_sending() - has the guest sent, while we send to it?
 * @q: queue
 * @now: by the CPU's clock
 *
 * Looks into a ring that the poller has, but may not get to.
 */
void tx_look_sending(struct netback_queue *q, u64 now)
{
	struct napi_struct *napi = &q->tx.napi;

	if (!READ_ONCE(q->tx.polled) || now - q->tx.looked_at < TX_LOOK_NS ||
	    READ_ONCE(q->vif->broken) || READ_ONCE(q->tx.throttled))
		return;
	q->tx.looked_at = now;
	if (!napi_schedule_prep(napi))
		return;
	if (nettx_back_pending(&q->tx.ring)) {
		tenon_poll_served(&q->tx.poll);
		__napi_schedule(napi);
	} else {
		napi_complete(napi);
	}
}
