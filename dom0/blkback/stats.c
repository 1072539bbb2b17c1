// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stats.c - what sysfs and debugfs show of a virtual block device
 *
 * sysfs has the names that the stock back end has, summed over the rings, for
 * the tools that read them.  debugfs has a line of everything per ring.
 */
#include <linux/debugfs.h>
#include <linux/device.h>
#include <linux/seq_file.h>
#include <linux/sysfs.h>

#include "blkback.h"

static struct dentry *blkback_debugfs;

#define STATS_SUM(field)                                                       \
	static ssize_t field##_show(struct device *dev,                        \
				    struct device_attribute *attr, char *buf)  \
	{                                                                      \
		struct blkback *be = dev_get_drvdata(dev);                     \
		unsigned int i;                                                \
		u64 sum = 0;                                                   \
                                                                               \
		mutex_lock(&be->lock);                                         \
		for (i = 0; i < be->nr_rings; i++)                             \
			sum += READ_ONCE(be->rings[i].stats.field);            \
		mutex_unlock(&be->lock);                                       \
		return sysfs_emit(buf, "%llu\n", sum);                         \
	}                                                                      \
	static DEVICE_ATTR_RO(field)

STATS_SUM(oo_req);
STATS_SUM(rd_req);
STATS_SUM(wr_req);
STATS_SUM(f_req);
STATS_SUM(ds_req);
STATS_SUM(rd_sect);
STATS_SUM(wr_sect);

static struct attribute *stats_attrs[] = {
	&dev_attr_oo_req.attr,
	&dev_attr_rd_req.attr,
	&dev_attr_wr_req.attr,
	&dev_attr_f_req.attr,
	&dev_attr_ds_req.attr,
	&dev_attr_rd_sect.attr,
	&dev_attr_wr_sect.attr,
	NULL
};

static const struct attribute_group stats_group = {
	.name = "statistics",
	.attrs = stats_attrs,
};

/* The driver core makes and removes them. */
const struct attribute_group *blkback_stats_groups[] = {
	&stats_group,
	NULL
};

static void stats_show_ring(struct seq_file *m, const struct blkback_ring *r)
{
	const struct blkback_stats *st = &r->stats;
	const struct mapcache_stats *ms = &r->maps->stats;

	seq_printf(m, "queue %u: slots %u inflight %d\n", r->index,
		   r->is32 ? r->b32.s.nr : r->b64.s.nr,
		   atomic_read(&r->inflight));
	seq_printf(m, "  requests: read %llu write %llu flush %llu discard %llu\n",
		   st->rd_req, st->wr_req, st->f_req, st->ds_req);
	seq_printf(m, "  trouble: bad %llu io_errors %lld waits %llu\n",
		   st->bad_req, (s64)atomic64_read(&st->io_errors),
		   st->oo_req);
	seq_printf(m, "  sectors: read %llu write %llu\n", st->rd_sect,
		   st->wr_sect);
	seq_printf(m, "  events: received %llu spurious %llu sent %llu passes %llu\n",
		   r->chan.events, r->chan.spurious, r->chan.sent, st->passes);
	seq_printf(m, "  poll: hits %llu spun %llu misses %llu late %llu\n",
		   r->poll.hits, r->poll.spun, r->poll.misses, r->poll.late);
	seq_printf(m, "  grants: mapped %llu unmapped %lld hits %llu kept %u calls %lld revoked %llu\n",
		   ms->maps, (s64)atomic64_read(&ms->unmaps), ms->hits,
		   r->maps->nr_kept, (s64)atomic64_read(&ms->calls),
		   st->revoked);
	seq_printf(m, "  grant trouble: map %llu unmap %lld\n",
		   ms->map_errors, (s64)atomic64_read(&ms->unmap_errors));
}

static int queues_show(struct seq_file *m, void *data)
{
	struct blkback *be = m->private;
	unsigned int i;

	mutex_lock(&be->lock);
	for (i = 0; i < be->nr_rings; i++)
		stats_show_ring(m, &be->rings[i]);
	mutex_unlock(&be->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(queues);

static void stats_show_latency(struct seq_file *m, const u64 *count)
{
	unsigned int i;

	for (i = 0; i < BLKBACK_LATENCIES - 1; i++)
		if (count[i])
			seq_printf(m, " <%uus %llu", 2u << i, count[i]);
	if (count[i])
		seq_printf(m, " more %llu", count[i]);
	seq_putc(m, '\n');
}

static int latency_show(struct seq_file *m, void *data)
{
	static const char * const kind[BLKBACK_LATENCY_KINDS] = {
		"read", "write", "flush",
	};
	struct blkback *be = m->private;
	unsigned int i, k;

	mutex_lock(&be->lock);
	for (i = 0; i < be->nr_rings; i++)
		for (k = 0; k < BLKBACK_LATENCY_KINDS; k++) {
			seq_printf(m, "queue %u %s:", i, kind[k]);
			stats_show_latency(m, be->rings[i].stats.latency[k]);
		}
	mutex_unlock(&be->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(latency);

/* Show a device. */
void blkback_stats_add(struct blkback *be)
{
	be->debugfs = debugfs_create_dir(dev_name(&be->dev->dev),
					 blkback_debugfs);
	debugfs_create_file("queues", 0400, be->debugfs, be, &queues_fops);
	debugfs_create_file("latency", 0400, be->debugfs, be, &latency_fops);
}

/* Show it no longer; waits for readers. */
void blkback_stats_remove(struct blkback *be)
{
	debugfs_remove(be->debugfs);
}

void blkback_stats_setup(void)
{
	blkback_debugfs = debugfs_create_dir("blkback", tenon_debugfs);
}

void blkback_stats_teardown(void)
{
	debugfs_remove(blkback_debugfs);
}
