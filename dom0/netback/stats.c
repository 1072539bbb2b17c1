// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stats.c - ethtool counters of vifD.N, and its rings in debugfs
 */
#include <linux/debugfs.h>
#include <linux/ethtool.h>
#include <linux/rtnetlink.h>
#include <linux/seq_file.h>

#include "netback.h"

static const char stats_name[QUEUE_STATS][ETH_GSTRING_LEN - 5] = {
	[STAT_TX_PACKETS] = "tx_packets",
	[STAT_TX_BYTES] = "tx_bytes",
	[STAT_TX_SLOTS] = "tx_slots",
	[STAT_TX_STAGED] = "tx_staged",
	[STAT_TX_COPY_OPS] = "tx_copy_ops",
	[STAT_TX_COPY_CALLS] = "tx_copy_calls",
	[STAT_TX_GSO] = "tx_gso",
	[STAT_TX_GSO_CSUM_FIXUP] = "tx_gso_csum_fixup",
	[STAT_TX_HASHED] = "tx_hashed",
	[STAT_TX_MCAST] = "tx_mcast",
	[STAT_TX_THROTTLED] = "tx_throttled",
	[STAT_TX_NOMEM] = "tx_nomem",
	[STAT_TX_COPY_FAILED] = "tx_copy_failed",
	[STAT_TX_BAD_HEADER] = "tx_bad_header",
	[STAT_TX_BAD_SIZE] = "tx_bad_size",
	[STAT_TX_BAD_RANGE] = "tx_bad_range",
	[STAT_TX_BAD_EMPTY] = "tx_bad_empty",
	[STAT_TX_BAD_SLOTS] = "tx_bad_slots",
	[STAT_TX_BAD_EXTRA] = "tx_bad_extra",
	[STAT_TX_BAD_GSO] = "tx_bad_gso",
	[STAT_RX_PACKETS] = "rx_packets",
	[STAT_RX_BYTES] = "rx_bytes",
	[STAT_RX_SLOTS] = "rx_slots",
	[STAT_RX_STAGED] = "rx_staged",
	[STAT_RX_COPY_OPS] = "rx_copy_ops",
	[STAT_RX_COPY_CALLS] = "rx_copy_calls",
	[STAT_RX_GSO] = "rx_gso",
	[STAT_RX_HASHED] = "rx_hashed",
	[STAT_RX_STOPPED] = "rx_stopped",
	[STAT_RX_BUSY] = "rx_busy",
	[STAT_RX_STALLED] = "rx_stalled",
	[STAT_RX_COPY_FAILED] = "rx_copy_failed",
	[STAT_RX_FILTERED] = "rx_filtered",
	[STAT_RX_DROPPED] = "rx_dropped",
};

/* Counters of a queue's event channels. */
static const char stats_chan_name[][ETH_GSTRING_LEN - 5] = {
	"tx_events", "tx_spurious", "tx_notify",
	"rx_events", "rx_spurious", "rx_notify",
	"tx_poll_hits", "tx_poll_misses", "tx_poll_late",
};

#define STATS_PER_QUEUE (QUEUE_STATS + ARRAY_SIZE(stats_chan_name))

static struct dentry *stats_root;

static u64 stats_sum(const struct netback_vif *vif, enum queue_stat first,
		     enum queue_stat last)
{
	unsigned int i, s;
	u64 sum = 0;

	for (i = 0; i < vif->max_queues; i++)
		for (s = first; s <= last; s++)
			sum += READ_ONCE(vif->queue[i].stat[s]);
	return sum;
}

/**
 * stats_get64() - the device's counters
 * @dev: vifD.N; what it receives is what the guest sends
 * @s: filled in
 */
void stats_get64(struct net_device *dev, struct rtnl_link_stats64 *s)
{
	const struct netback_vif *vif = netdev_priv(dev);

	s->rx_packets = stats_sum(vif, STAT_TX_PACKETS, STAT_TX_PACKETS);
	s->rx_bytes = stats_sum(vif, STAT_TX_BYTES, STAT_TX_BYTES);
	s->rx_errors = stats_sum(vif, STAT_TX_COPY_FAILED, STAT_TX_BAD_GSO);
	s->rx_dropped = stats_sum(vif, STAT_TX_NOMEM, STAT_TX_NOMEM);
	s->tx_packets = stats_sum(vif, STAT_RX_PACKETS, STAT_RX_PACKETS);
	s->tx_bytes = stats_sum(vif, STAT_RX_BYTES, STAT_RX_BYTES);
	s->tx_errors = stats_sum(vif, STAT_RX_COPY_FAILED, STAT_RX_COPY_FAILED);
	s->tx_dropped = stats_sum(vif, STAT_RX_FILTERED, STAT_RX_DROPPED);
}

static unsigned int stats_queues(const struct netback_vif *vif)
{
	return max(vif->nr_queues, 1U);
}

static int stats_get_sset_count(struct net_device *dev, int sset)
{
	if (sset != ETH_SS_STATS)
		return -EOPNOTSUPP;
	return stats_queues(netdev_priv(dev)) * STATS_PER_QUEUE;
}

static void stats_get_strings(struct net_device *dev, u32 sset, u8 *data)
{
	unsigned int i, s;

	if (sset != ETH_SS_STATS)
		return;
	for (i = 0; i < stats_queues(netdev_priv(dev)); i++) {
		for (s = 0; s < QUEUE_STATS; s++)
			ethtool_sprintf(&data, "q%u_%s", i, stats_name[s]);
		for (s = 0; s < ARRAY_SIZE(stats_chan_name); s++)
			ethtool_sprintf(&data, "q%u_%s", i, stats_chan_name[s]);
	}
}

static void stats_get_ethtool(struct net_device *dev, struct ethtool_stats *es,
			      u64 *data)
{
	const struct netback_vif *vif = netdev_priv(dev);
	unsigned int i, s;

	for (i = 0; i < stats_queues(vif); i++) {
		const struct netback_queue *q = &vif->queue[i];

		for (s = 0; s < QUEUE_STATS; s++)
			*data++ = READ_ONCE(q->stat[s]);
		*data++ = q->tx.chan.events;
		*data++ = q->tx.chan.spurious;
		*data++ = q->tx.chan.sent;
		*data++ = q->rx.chan.events;
		*data++ = q->rx.chan.spurious;
		*data++ = q->rx.chan.sent;
		*data++ = q->tx.poll.hits;
		*data++ = q->tx.poll.misses;
		*data++ = q->tx.poll.late;
	}
}

const struct ethtool_ops stats_ethtool_ops = {
	.get_link = ethtool_op_get_link,
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
	seq_printf(m, "  private req_cons %u seen %u rsp staged %u published %u\n",
		   s->cons, s->seen, s->prod, s->published);
}

static int stats_rings_show(struct seq_file *m, void *unused)
{
	struct netback_vif *vif = m->private;
	unsigned int i;

	rtnl_lock(); /* keeps the rings mapped */
	for (i = 0; i < vif->nr_queues; i++) {
		struct netback_queue *q = &vif->queue[i];

		seq_printf(m, "queue %u%s%s\n", i,
			   netif_tx_queue_stopped(queue_txq(q)) ? " stopped" : "",
			   q->rx.stalled ? " stalled" : "");
		stats_show_ring(m, "tx", &q->tx.ring.s);
		stats_show_ring(m, "rx", &q->rx.ring.s);
	}
	rtnl_unlock();
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(stats_rings);

/**
 * stats_vif_add() - show an interface in debugfs
 * @vif: interface
 */
void stats_vif_add(struct netback_vif *vif)
{
	vif->debugfs = debugfs_create_dir(vif->dev->name, stats_root);
	debugfs_create_file("rings", 0400, vif->debugfs, vif, &stats_rings_fops);
}

/**
 * stats_vif_del() - show it no more
 * @vif: interface
 */
void stats_vif_del(struct netback_vif *vif)
{
	debugfs_remove_recursive(vif->debugfs);
}

/**
 * stats_init() - make the module's debugfs directory
 */
void stats_init(void)
{
	stats_root = debugfs_create_dir("netback", tenon_debugfs);
}

/**
 * stats_exit() - remove it
 */
void stats_exit(void)
{
	debugfs_remove_recursive(stats_root);
}
