// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * vif.c - the network device vifD.N
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>

#include "netback.h"

/*
 * Packets the stack may queue while the guest posts no pages; with the largest
 * packets this is what bounds the memory.
 */
#define VIF_QUEUE_LEN 256

/*
 * The most room before a packet: one of the default MTU fits into the same page
 * with all that a guest may want behind it.
 */
#define VIF_HEADROOM_MAX 2048

#define VIF_FEATURES                                                           \
	(NETIF_F_SG | NETIF_F_FRAGLIST | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | \
	 NETIF_F_TSO | NETIF_F_TSO6)

static void vif_up(struct netback_vif *vif)
{
	struct net_device *dev = vif->dev;
	unsigned int i;

	for (i = 0; i < vif->nr_queues; i++)
		queue_up(&vif->queue[i]);
	netif_tx_start_all_queues(dev);
	if (!vif->broken)
		netif_carrier_on(dev);
}

static void vif_down(struct netback_vif *vif)
{
	unsigned int i;

	netif_tx_disable(vif->dev);
	for (i = 0; i < vif->nr_queues; i++)
		queue_down(&vif->queue[i]);
	/* again: a poll may have restarted a queue before it was disabled */
	netif_tx_disable(vif->dev);
	netif_carrier_off(vif->dev);
	synchronize_net();
	for (i = 0; i < vif->nr_queues; i++)
		vif->queue[i].rx.stalled = false;
	atomic_set(&vif->nr_stalled, 0);
}

static int vif_open(struct net_device *dev)
{
	struct netback_vif *vif = netdev_priv(dev);

	if (vif->connected)
		vif_up(vif);
	return 0;
}

static int vif_stop(struct net_device *dev)
{
	struct netback_vif *vif = netdev_priv(dev);

	if (vif->connected)
		vif_down(vif);
	return 0;
}

static int vif_change_mtu(struct net_device *dev, int mtu)
{
	struct netback_vif *vif = netdev_priv(dev);

	/* without scatter-gather a packet has one page of the guest's */
	if (vif->connected && !(vif->features & NETIF_F_SG) && mtu > ETH_DATA_LEN)
		return -EINVAL;
	WRITE_ONCE(dev->mtu, mtu);
	WRITE_ONCE(vif->slots_max, rx_slots_max(dev));
	return 0;
}

/* What XDP programs are not to see: they know packets as a wire has them. */
#define VIF_NO_XDP \
	(NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM | NETIF_F_TSO | NETIF_F_TSO6)

static netdev_features_t vif_fix_features(struct net_device *dev,
					  netdev_features_t features)
{
	struct netback_vif *vif = netdev_priv(dev);

	if (vif->headroom)
		features &= ~VIF_NO_XDP;
	return features & ~(VIF_FEATURES & ~vif->features);
}

static int vif_set_features(struct net_device *dev, netdev_features_t features)
{
	struct netback_vif *vif = netdev_priv(dev);

	dev->features = features;
	WRITE_ONCE(vif->slots_max, rx_slots_max(dev));
	return 1;
}

/**
 * vif_hash() - hash of a packet to the guest
 * @skb: the packet, from the Ethernet header on
 * @conf: what the guest wants, or NULL
 * @hash: filled in
 *
 * Return: false if it has none.
 */
bool vif_hash(const struct sk_buff *skb, const struct vif_hash *conf,
	      struct hash_value *hash)
{
	unsigned int len = min_t(unsigned int, skb->len, HASH_FRAME_MAX);
	u8 buffer[HASH_FRAME_MAX];
	const u8 *frame;

	if (!conf)
		return false;
	frame = skb_header_pointer(skb, 0, len, buffer);
	return frame && hash_frame(&conf->config, frame, len, hash);
}

/*
 * With hashes, a packet without goes where 0 does, which its guest has chosen as
 * well.  The hash is not kept in the packet: a queueing discipline may replace it
 * with its own, and with a single queue nobody asks here.
 */
static u16 vif_select_queue(struct net_device *dev, struct sk_buff *skb,
			    struct net_device *sb_dev)
{
	struct netback_vif *vif = netdev_priv(dev);
	const struct vif_hash *conf;
	struct hash_value hash;
	int queue = -1;

	if (!rcu_access_pointer(vif->hash))
		return netdev_pick_tx(dev, skb, sb_dev);
	/* a packet socket that goes past the queueing discipline holds no lock */
	rcu_read_lock();
	conf = rcu_dereference(vif->hash);
	if (conf) {
		if (!vif_hash(skb, conf, &hash))
			hash.value = 0;
		queue = hash_queue(&conf->config, hash.value,
				   READ_ONCE(dev->real_num_tx_queues));
	}
	rcu_read_unlock();
	return queue < 0 ? netdev_pick_tx(dev, skb, sb_dev) : queue;
}

static const struct net_device_ops vif_netdev_ops = {
	.ndo_open = vif_open,
	.ndo_stop = vif_stop,
	.ndo_start_xmit = rx_start_xmit,
	.ndo_select_queue = vif_select_queue,
	.ndo_change_mtu = vif_change_mtu,
	.ndo_fix_features = vif_fix_features,
	.ndo_set_features = vif_set_features,
	.ndo_get_stats64 = stats_get64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
};

/**
 * vif_create() - make and register the device of a guest's interface
 * @xbdev: xenstore device
 * @handle: which of the guest's interfaces
 */
struct netback_vif *vif_create(struct xenbus_device *xbdev, unsigned int handle)
{
	/* the toolstack's bridges expect an address that never wins */
	static const u8 addr[ETH_ALEN] = { 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff };
	unsigned int i, max = netback_max_queues;
	struct netback_vif *vif;
	struct net_device *dev;
	char name[IFNAMSIZ];
	int err;

	snprintf(name, sizeof(name), "vif%u.%u", xbdev->otherend_id, handle);
	dev = alloc_netdev_mqs(sizeof(*vif), name, NET_NAME_UNKNOWN, ether_setup,
			       max, max);
	if (!dev)
		return ERR_PTR(-ENOMEM);
	SET_NETDEV_DEV(dev, &xbdev->dev);

	vif = netdev_priv(dev);
	vif->dev = dev;
	vif->xbdev = xbdev;
	vif->domid = xbdev->otherend_id;
	vif->max_queues = max;
	vif->features = VIF_FEATURES;
	spin_lock_init(&vif->credit.lock);
	mcast_init(&vif->mcast);

	vif->queue = kvcalloc(max, sizeof(*vif->queue), GFP_KERNEL);
	if (!vif->queue) {
		free_netdev(dev);
		return ERR_PTR(-ENOMEM);
	}
	for (i = 0; i < max; i++) {
		vif->queue[i].vif = vif;
		vif->queue[i].id = i;
	}

	dev->netdev_ops = &vif_netdev_ops;
	dev->ethtool_ops = &stats_ethtool_ops;
	dev->hw_features = VIF_FEATURES;
	dev->features = VIF_FEATURES | NETIF_F_RXCSUM;
	dev->tx_queue_len = VIF_QUEUE_LEN;
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU - VLAN_ETH_HLEN;
	vif->slots_max = rx_slots_max(dev);
	eth_hw_addr_set(dev, addr);
	netif_carrier_off(dev);

	err = register_netdev(dev);
	if (err) {
		kvfree(vif->queue);
		free_netdev(dev);
		return ERR_PTR(err);
	}
	stats_vif_add(vif);
	return vif;
}

/**
 * vif_destroy() - undo vif_create()
 * @vif: interface that is not connected
 */
void vif_destroy(struct netback_vif *vif)
{
	stats_vif_del(vif);
	unregister_netdev(vif->dev);
	mcast_flush(&vif->mcast);
	kvfree(vif->queue);
	free_netdev(vif->dev);
}

/**
 * vif_connect() - attach to the guest's rings
 * @vif: interface that is not connected
 * @ports: where the queues are
 * @nr: how many, at most @vif->max_queues
 *
 * @vif->features says what the guest can receive.
 */
int vif_connect(struct netback_vif *vif, const struct queue_ports *ports,
		unsigned int nr)
{
	struct net_device *dev = vif->dev;
	unsigned int i;
	int err;

	rtnl_lock();
	vif->broken = false;
	for (i = 0; i < nr; i++) {
		err = queue_connect(&vif->queue[i], &ports[i]);
		if (err)
			goto fail;
	}
	err = netif_set_real_num_queues(dev, nr, nr);
	if (err)
		goto fail;

	if (!(vif->features & NETIF_F_SG) && dev->mtu > ETH_DATA_LEN)
		dev_set_mtu(dev, ETH_DATA_LEN);
	vif->nr_queues = nr;
	vif->connected = true;
	netdev_update_features(dev);
	WRITE_ONCE(vif->slots_max, rx_slots_max(dev));
	if (netif_running(dev))
		vif_up(vif);
	rtnl_unlock();
	return 0;

fail:
	while (i--)
		queue_disconnect(&vif->queue[i]);
	rtnl_unlock();
	return err;
}

/**
 * vif_disconnect() - let go of the guest's rings
 * @vif: interface; nothing happens if it is not connected
 */
void vif_disconnect(struct netback_vif *vif)
{
	unsigned int i;

	rtnl_lock();
	if (vif->connected) {
		if (netif_running(vif->dev))
			vif_down(vif);
		vif->connected = false;
		ctrl_disconnect(vif);
		for (i = 0; i < vif->nr_queues; i++)
			queue_disconnect(&vif->queue[i]);
		vif->nr_queues = 0;
		mcast_flush(&vif->mcast);
	}
	rtnl_unlock();
}

/**
 * vif_break() - the guest broke the protocol: serve it no more
 * @vif: interface
 * @why: what it did
 *
 * Any context.  Says so once per connection.
 */
void vif_break(struct netback_vif *vif, const char *why)
{
	if (xchg(&vif->broken, true))
		return;
	netif_carrier_off(vif->dev);
	netdev_err(vif->dev, "%s; interface disabled until the guest reconnects\n",
		   why);
}

/**
 * vif_stalled() - a queue's guest side posts no pages
 * @vif: interface
 * @q: queue, its transmit lock held
 */
void vif_stalled(struct netback_vif *vif, struct netback_queue *q)
{
	q->rx.stalled = true;
	if (atomic_inc_return(&vif->nr_stalled) == 1)
		netif_carrier_off(vif->dev);
}

/**
 * vif_flowing() - a stalled queue goes on
 * @vif: interface
 * @q: queue, its transmit lock held
 */
void vif_flowing(struct netback_vif *vif, struct netback_queue *q)
{
	q->rx.stalled = false;
	if (atomic_dec_and_test(&vif->nr_stalled) && !READ_ONCE(vif->broken))
		netif_carrier_on(vif->dev);
}

/**
 * vif_set_headroom() - what room the guest wants before each packet
 * @vif: interface
 * @headroom: bytes; it gets @VIF_HEADROOM_MAX at most
 */
void vif_set_headroom(struct netback_vif *vif, unsigned int headroom)
{
	headroom = min_t(unsigned int, headroom, VIF_HEADROOM_MAX);
	rtnl_lock();
	if (vif->headroom != headroom) {
		WRITE_ONCE(vif->headroom, headroom);
		if (vif->connected)
			netdev_update_features(vif->dev);
	}
	rtnl_unlock();
}

/**
 * vif_set_rate() - limit what the guest may send
 * @vif: interface
 * @bytes: per window; 0 for no limit
 * @usecs: length of a window
 */
void vif_set_rate(struct netback_vif *vif, unsigned long bytes,
		  unsigned long usecs)
{
	spin_lock_bh(&vif->credit.lock);
	vif->credit.usecs = usecs;
	vif->credit.left = bytes;
	vif->credit.refill = jiffies + usecs_to_jiffies(usecs);
	WRITE_ONCE(vif->credit.bytes, bytes);
	spin_unlock_bh(&vif->credit.lock);
}
