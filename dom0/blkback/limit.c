// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * limit.c - how much one virtual device may do in a second
 *
 * Each request costs time: the longer of its share of a second by number and by
 * size.  A ring takes requests as long as what was taken is not paid for more
 * than BURST_NS ahead.  All rings of a device pay from one purse.
 */
#include "blkback.h"

#define BURST_NS (50 * NSEC_PER_MSEC)
#define BYTES_MAX (1ull << 50)

/**
 * blkback_limit_set() - set the limits
 * @be: the virtual device
 * @iops: requests per second, 0: any number
 * @bytes: bytes per second, 0: any number
 */
void blkback_limit_set(struct blkback *be, unsigned int iops, u64 bytes)
{
	struct blkback_limit *lim = &be->limit;

	spin_lock(&lim->lock);
	lim->request_ns = iops ? NSEC_PER_SEC / iops : 0;
	lim->bytes = min_t(u64, bytes, BYTES_MAX);
	lim->paid_until = 0;
	spin_unlock(&lim->lock);
}

/**
 * blkback_limit_charge() - a request was taken
 * @be: the virtual device
 * @sectors: its size
 */
void blkback_limit_charge(struct blkback *be, u64 sectors)
{
	struct blkback_limit *lim = &be->limit;
	u64 cost, now;

	if (!READ_ONCE(lim->request_ns) && !READ_ONCE(lim->bytes))
		return;
	now = ktime_get_ns();
	/* A discard moves nothing, and its size would not fit. */
	sectors = min_t(u64, sectors, PARSE_MAX_SEGMENTS * BLKIF_SECTORS_PER_PAGE);
	spin_lock(&lim->lock);
	cost = lim->request_ns;
	if (lim->bytes)
		cost = max(cost, div64_u64((sectors << SECTOR_SHIFT) *
					   NSEC_PER_SEC, lim->bytes));
	lim->paid_until = max(lim->paid_until, now) + cost;
	spin_unlock(&lim->lock);
}

/**
 * blkback_limit_wait() - how long to take no requests
 * @be: the virtual device
 *
 * Return: jiffies; 0 is not at all.
 */
unsigned long blkback_limit_wait(struct blkback *be)
{
	struct blkback_limit *lim = &be->limit;
	u64 until, now;

	if (!READ_ONCE(lim->request_ns) && !READ_ONCE(lim->bytes))
		return 0;
	spin_lock(&lim->lock);
	until = lim->paid_until;
	spin_unlock(&lim->lock);
	now = ktime_get_ns();
	if (until <= now + BURST_NS)
		return 0;
	/* Whatever a request costs, a new limit is seen within a second. */
	return min_t(u64, nsecs_to_jiffies(until - now - BURST_NS) + 1, HZ);
}
