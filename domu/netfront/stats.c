// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stats.c - ethtool counters, and the rings in debugfs
 */
#include <linux/debugfs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>

#include "netfront.h"

static const char stats_name[QUEUE_STATS][ETH_GSTRING_LEN - 5] = {
	[STAT_TX_PACKETS] = "tx_packets",
	[STAT_TX_BYTES] = "tx_bytes",
	[STAT_TX_GSO] = "tx_gso",
	[STAT_TX_STOPPED] = "tx_stopped",
	[STAT_TX_ERRORS] = "tx_errors",
	[STAT_TX_DROPPED] = "tx_dropped",
	[STAT_RX_PACKETS] = "rx_packets",
	[STAT_RX_BYTES] = "rx_bytes",
	[STAT_RX_GSO] = "rx_gso",
	[STAT_RX_COPIED] = "rx_copied",
	[STAT_RX_STAGED] = "rx_staged",
	[STAT_RX_STAGE_BUSY] = "rx_stage_busy",
	[STAT_RX_NOMEM] = "rx_nomem",
	[STAT_RX_ERRORS] = "rx_errors",
	[STAT_RX_BAD_SLOT] = "rx_bad_slot",
	[STAT_RX_BAD_EXTRA] = "rx_bad_extra",
	[STAT_RX_BAD_HEADER] = "rx_bad_header",
	[STAT_RX_GRANT_HELD] = "rx_grant_held",
	[STAT_XDP_PASS] = "xdp_pass",
	[STAT_XDP_DROP] = "xdp_drop",
	[STAT_XDP_TX] = "xdp_tx",
	[STAT_XDP_REDIRECT] = "xdp_redirect",
	[STAT_XDP_ERRORS] = "xdp_errors",
	[STAT_XDP_XMIT] = "xdp_xmit",
};

/* Counters of a queue's event channels. */
static const char stats_chan_name[][ETH_GSTRING_LEN - 5] = {
	"tx_events", "tx_spurious", "tx_notify",
	"rx_events", "rx_spurious", "rx_notify",
	"rx_poll_hits", "rx_poll_misses", "rx_poll_late",
};

#define STATS_PER_QUEUE (QUEUE_STATS + ARRAY_SIZE(stats_chan_name))

static struct dentry *stats_root;

static u64 stats_sum(const struct netfront *front, enum queue_stat first,
		     enum queue_stat last)
{
	unsigned int i, s;
	u64 sum = 0;

	for (s = first; s <= last; s++) {
		sum += READ_ONCE(front->old[s]);
		for (i = 0; i < READ_ONCE(front->nr_queues); i++)
			sum += READ_ONCE(front->queue[i].stat[s]);
	}
	return sum;
}

/**
 * stats_get64() - the device's counters
 * @dev: device
 * @s: filled in
 */
void stats_get64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	const struct netfront *front = netdev_priv(dev);

	rcu_read_lock();
	s->tx_packets = stats_sum(front, STAT_TX_PACKETS, STAT_TX_PACKETS);
	s->tx_bytes = stats_sum(front, STAT_TX_BYTES, STAT_TX_BYTES);
	s->tx_errors = stats_sum(front, STAT_TX_ERRORS, STAT_TX_ERRORS);
	s->tx_dropped = stats_sum(front, STAT_TX_DROPPED, STAT_TX_DROPPED);
	s->rx_packets = stats_sum(front, STAT_RX_PACKETS, STAT_RX_PACKETS);
	s->rx_bytes = stats_sum(front, STAT_RX_BYTES, STAT_RX_BYTES);
	s->rx_errors = stats_sum(front, STAT_RX_ERRORS, STAT_RX_GRANT_HELD);
	s->rx_dropped = stats_sum(front, STAT_RX_NOMEM, STAT_RX_NOMEM);
	rcu_read_unlock();
}

/**
 * stats_keep() - add the counters of queues that are about to go
 * @front: interface; its number of queues is set to 0 next
 */
void stats_keep(struct netfront *front)
{
	unsigned int i, s;

	for (i = 0; i < front->nr_queues; i++)
		for (s = 0; s < QUEUE_STATS; s++)
			WRITE_ONCE(front->old[s],
				   front->old[s] + front->queue[i].stat[s]);
}

static int stats_get_sset_count(struct net_device *dev, int sset)
{
	const struct netfront *front = netdev_priv(dev);

	if (sset != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return front->nr_queues * STATS_PER_QUEUE;
}

static void stats_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	const struct netfront *front = netdev_priv(dev);
	unsigned int i, s;

	if (sset != ETH_SS_STATS)
		return;
	for (i = 0; i < front->nr_queues; i++) {
		for (s = 0; s < QUEUE_STATS; s++)
			ethtool_sprintf(&data, "q%u_%s", i, stats_name[s]);
		for (s = 0; s < ARRAY_SIZE(stats_chan_name); s++)
			ethtool_sprintf(&data, "q%u_%s", i, stats_chan_name[s]);
	}
}

static void stats_get_ethtool(struct net_device *dev, struct ethtool_stats *es,
			      u64 *data)
{
	const struct netfront *front = netdev_priv(dev);
	unsigned int i, s;

	for (i = 0; i < front->nr_queues; i++) {
		const struct netfront_queue *q = &front->queue[i];

		for (s = 0; s < QUEUE_STATS; s++)
			*data++ = READ_ONCE(q->stat[s]);
		*data++ = q->tx.chan.events;
		*data++ = q->tx.chan.spurious;
		*data++ = q->tx.chan.sent;
		*data++ = q->rx.chan.events;
		*data++ = q->rx.chan.spurious;
		*data++ = q->rx.chan.sent;
		*data++ = q->poll.hits;
		*data++ = q->poll.misses;
		*data++ = q->poll.late;
	}
}

const struct ethtool_ops stats_ethtool_ops = {
	.get_link = ethtool_op_get_link,
	.get_ts_info = ethtool_op_get_ts_info,
	.get_sset_count = stats_get_sset_count,
	.get_strings = stats_get_strings,
	.get_ethtool_stats = stats_get_ethtool,
};

static void stats_show_ring(struct seq_file *m, const char *name,
			    const struct ring_side *s)
{
	const struct ring_shared *sh =
		(const void *)(s->slots - RING_HEADER_SIZE);

	seq_printf(m, "%s: slots %u%s\n", name, s->nr,
		   s->broken ? " broken" : "");
	seq_printf(m, "  shared  req_prod %u req_event %u rsp_prod %u rsp_event %u\n",
		   READ_ONCE(sh->req_prod), READ_ONCE(sh->req_event),
		   READ_ONCE(sh->rsp_prod), READ_ONCE(sh->rsp_event));
	seq_printf(m, "  private rsp_cons %u seen %u req staged %u published %u\n",
		   s->cons, s->seen, s->prod, s->published);
}

static int stats_rings_show(struct seq_file *m, void *unused)
{
	struct netfront *front = m->private;
	unsigned int i;

	rtnl_lock(); /* keeps the rings */
	for (i = 0; i < front->nr_queues; i++) {
		struct netfront_queue *q = &front->queue[i];

		seq_printf(m, "queue %u%s: tx ids free %u, rx spare %u\n", i,
			   netif_tx_queue_stopped(queue_txq(q)) ? " stopped" : "",
			   q->tx.nr_free, q->rx.nr_spare);
		seq_printf(m, "xdp: pass %llu drop %llu tx %llu redirect %llu errors %llu xmit %llu\n",
			   READ_ONCE(q->stat[STAT_XDP_PASS]),
			   READ_ONCE(q->stat[STAT_XDP_DROP]),
			   READ_ONCE(q->stat[STAT_XDP_TX]),
			   READ_ONCE(q->stat[STAT_XDP_REDIRECT]),
			   READ_ONCE(q->stat[STAT_XDP_ERRORS]),
			   READ_ONCE(q->stat[STAT_XDP_XMIT]));
		stats_show_ring(m, "tx", &q->tx.ring.s);
		stats_show_ring(m, "rx", &q->rx.ring.s);
	}
	rtnl_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats_rings);

/**
 * stats_front_add() - show an interface in debugfs
 * @front: interface
 */
void stats_front_add(struct netfront *front)
{
	front->debugfs = debugfs_create_dir(dev_name(&front->xbdev->dev),
					    stats_root);
	debugfs_create_file("rings", 0400, front->debugfs, front,
			    &stats_rings_fops);
}

/**
 * stats_front_del() - show it no more
 * @front: interface
 */
void stats_front_del(struct netfront *front)
{
	debugfs_remove_recursive(front->debugfs);
}

/**
 * stats_init() - make the module's debugfs directory
 */
void stats_init(void)
{
	stats_root = debugfs_create_dir("netfront", tenon_debugfs);
}

/**
 * stats_exit() - remove it
 */
void stats_exit(void)
{
	debugfs_remove_recursive(stats_root);
}
