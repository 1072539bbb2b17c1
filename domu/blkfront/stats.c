// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stats.c - what debugfs shows of a disk
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>

#include "blkfront.h"

static struct dentry *blkfront_debugfs;

static void stats_show_queue(struct seq_file *m, struct blkfront_queue *q)
{
	const struct blkfront_stats *st = &q->stats;
	struct blkfront_direct_stats direct;

	seq_printf(m, "queue %u: slots %u outstanding %u\n", q->index,
		   q->nr_slots, blkfront_queue_outstanding(q));
	seq_printf(m, "  requests: %llu io_errors %llu full %llu bad_responses %llu\n",
		   st->requests, st->io_errors, st->full, st->bad_responses);
	seq_printf(m, "  events: received %llu spurious %llu sent %llu\n",
		   q->chan.events, q->chan.spurious, q->chan.sent);
	seq_printf(m, "  poll: hits %llu misses %llu late %llu reaped %llu by_sender %llu\n",
		   q->poll.hits, q->poll.misses, q->poll.late,
		   st->poll_reaped, st->polled);
	seq_printf(m, "  grants: pool %u free %u stuck %llu copied %llu\n",
		   q->pool.nr, q->pool.nr_free, st->stuck_grants, st->copied);
	if (!blkfront_direct_show(q, &direct))
		return;
	seq_printf(m, "  direct: %s requests %llu refused %llu hits %llu misses %llu\n",
		   direct.granting ? "on" : "off", direct.requests,
		   direct.refused, direct.hits, direct.misses);
	seq_printf(m, "  direct: pages %u of %u revokes %llu revoked %llu stuck %llu begun %llu ended %llu\n",
		   direct.pages, direct.max, direct.revokes, direct.revoked,
		   direct.stuck, direct.on, direct.off);
}

static int queues_show(struct seq_file *m, void *data)
{
	struct blkfront *bf = m->private;
	unsigned int i;

	mutex_lock(&bf->lock);
	seq_printf(m, "grants: %s%s, segments: %u\n",
		   bf->features.direct_pages ? "direct" :
		   bf->features.staged ? "staged" : "for once",
		   bf->features.persistent ? ", kept mapped" : "",
		   bf->features.max_segments);
	for (i = 0; i < bf->nr_queues; i++)
		stats_show_queue(m, &bf->queues[i]);
	mutex_unlock(&bf->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

/* Show a device. */
void blkfront_stats_add(struct blkfront *bf)
{
	bf->debugfs = debugfs_create_dir(dev_name(&bf->dev->dev),
					 blkfront_debugfs);
	debugfs_create_file("queues", 0400, bf->debugfs, bf, &queues_fops);
}

/* Show it no longer; waits for readers. */
void blkfront_stats_remove(struct blkfront *bf)
{
	debugfs_remove(bf->debugfs);
}

void blkfront_stats_setup(void)
{
	blkfront_debugfs = debugfs_create_dir("blkfront", tenon_debugfs);
}

void blkfront_stats_teardown(void)
{
	debugfs_remove(blkfront_debugfs);
}
