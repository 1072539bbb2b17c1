// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * front.c - the network device
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <linux/slab.h>
#include <linux/version.h>

#include "netfront.h"

#define FRONT_FEATURES                                       \
	(NETIF_F_SG | NETIF_F_IP_CSUM | NETIF_F_IPV6_CSUM |  \
	 NETIF_F_TSO | NETIF_F_TSO6)

static void front_up(struct netfront *front)
{
	unsigned int i;

	for (i = 0; i < front->nr_queues; i++)
		queue_up(&front->queue[i]);
	netif_tx_start_all_queues(front->dev);
}

static void front_down(struct netfront *front)
{
	unsigned int i;

	netif_tx_disable(front->dev);
	for (i = 0; i < front->nr_queues; i++)
		queue_down(&front->queue[i]);
	/* again: a poll may have restarted a queue before it was disabled */
	netif_tx_disable(front->dev);
	synchronize_net();
}

static int front_ndo_open(struct net_device *dev)
{
	struct netfront *front = netdev_priv(dev);

	if (front->connected)
		front_up(front);
	return 0;
}

static int front_ndo_stop(struct net_device *dev)
{
	struct netfront *front = netdev_priv(dev);

	if (front->connected)
		front_down(front);
	return 0;
}

static int front_change_mtu(struct net_device *dev, int mtu)
{
	struct netfront *front = netdev_priv(dev);

	/* without scatter-gather a packet has one page */
	if (!(front->features & NETIF_F_SG) && mtu > ETH_DATA_LEN)
		return -EINVAL;
	if (rcu_access_pointer(front->xdp_prog) && !xdp_mtu_fits(mtu))
		return -EINVAL;
	WRITE_ONCE(dev->mtu, mtu);
	return 0;
}

static netdev_features_t front_fix_features(struct net_device *dev,
					    netdev_features_t features)
{
	struct netfront *front = netdev_priv(dev);

	return features & ~(FRONT_FEATURES & ~front->features);
}

static const struct net_device_ops front_netdev_ops = {
	.ndo_open = front_ndo_open,
	.ndo_stop = front_ndo_stop,
	.ndo_start_xmit = tx_start_xmit,
	.ndo_change_mtu = front_change_mtu,
	.ndo_fix_features = front_fix_features,
	.ndo_get_stats64 = stats_get64,
	.ndo_set_mac_address = eth_mac_addr,
	.ndo_validate_addr = eth_validate_addr,
	.ndo_bpf = xdp_ndo_bpf,
	.ndo_xdp_xmit = xdp_ndo_xmit,
};

/**
 * front_create() - make the device; it is registered when first connected
 * @xbdev: xenstore device
 * @queues: most queues it will have
 */
struct netfront *front_create(struct xenbus_device *xbdev, unsigned int queues)
{
	struct netfront *front;
	struct net_device *dev;

	dev = alloc_etherdev_mq(sizeof(*front), queues);
	if (!dev)
		return NULL;
	SET_NETDEV_DEV(dev, &xbdev->dev);

	front = netdev_priv(dev);
	front->dev = dev;
	front->xbdev = xbdev;
	front->max_queues = queues;
	headroom_init(front);

	dev->netdev_ops = &front_netdev_ops;
	dev->ethtool_ops = &stats_ethtool_ops;
	dev->hw_features = FRONT_FEATURES;
	dev->features = FRONT_FEATURES | NETIF_F_RXCSUM;
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
	dev->xdp_features = NETDEV_XDP_ACT_BASIC | NETDEV_XDP_ACT_REDIRECT |
			    NETDEV_XDP_ACT_NDO_XMIT;
#endif
	dev->min_mtu = ETH_MIN_MTU;
	dev->max_mtu = ETH_MAX_MTU - VLAN_ETH_HLEN;
	/* a transmit request has 16 bits for the bytes of a packet */
	netif_set_tso_max_size(dev, 65535);
	netif_carrier_off(dev);
	return front;
}

/**
 * front_destroy() - undo front_create() and front_register()
 * @front: interface that is not connected
 */
void front_destroy(struct netfront *front)
{
	if (front->dev->reg_state == NETREG_REGISTERED) {
		stats_front_del(front);
		unregister_netdev(front->dev);
	}
	free_netdev(front->dev);
}

/**
 * front_connect() - make the queues
 * @front: interface that is not connected
 * @nr: how many, at most @front->max_queues
 *
 * @front->features says what the back end can take.  The carrier stays down
 * until the back end is there.
 */
int front_connect(struct netfront *front, unsigned int nr)
{
	struct net_device *dev = front->dev;
	struct netfront_queue *queue;
	unsigned int i;
	int err;

	queue = kvcalloc(nr, sizeof(*queue), GFP_KERNEL);
	if (!queue)
		return -ENOMEM;

	rtnl_lock();
	front->broken = false;
	for (i = 0; i < nr; i++) {
		queue[i].front = front;
		queue[i].id = i;
		err = queue_connect(&queue[i]);
		if (err)
			goto fail;
	}
	err = netif_set_real_num_queues(dev, nr, nr);
	if (err)
		goto fail;
	if (!(front->features & NETIF_F_SG) && dev->mtu > ETH_DATA_LEN)
		dev_set_mtu(dev, ETH_DATA_LEN);
	front->queue = queue;
	front->nr_queues = nr;
	front->connected = true;
	/* before registration nothing is "wanted", and all would be switched off */
	if (dev->reg_state == NETREG_REGISTERED)
		netdev_update_features(dev);
	if (netif_running(dev))
		front_up(front);
	rtnl_unlock();
	return 0;

fail:
	while (i--)
		queue_disconnect(&queue[i]);
	rtnl_unlock();
	kvfree(queue);
	return err;
}

/**
 * front_register() - show the device to the system, unless it is there already
 * @front: interface that is connected
 */
int front_register(struct netfront *front)
{
	int err;

	if (front->dev->reg_state == NETREG_REGISTERED)
		return 0;
	err = register_netdev(front->dev);
	if (!err)
		stats_front_add(front);
	return err;
}

/**
 * front_stop() - send and receive no more, but keep the rings
 * @front: interface
 */
void front_stop(struct netfront *front)
{
	rtnl_lock();
	netif_carrier_off(front->dev);
	if (front->connected && netif_running(front->dev))
		front_down(front);
	front->connected = false;
	rtnl_unlock();
	headroom_stop(front);
}

/**
 * front_disconnect() - stop, and let go of the rings
 * @front: interface; nothing happens if it has no queues
 */
void front_disconnect(struct netfront *front)
{
	unsigned int i;

	front_stop(front);
	ctrl_disconnect(front);
	rtnl_lock();
	for (i = 0; i < front->nr_queues; i++)
		queue_disconnect(&front->queue[i]);
	stats_keep(front);
	front->nr_queues = 0;
	rtnl_unlock();
	/* readers of the counters have passed */
	synchronize_net();
	kvfree(front->queue);
	front->queue = NULL;
}

/**
 * front_break() - the back end broke the protocol: use it no more
 * @front: interface
 * @why: what it did
 *
 * Any context.  Says so once per connection.
 */
void front_break(struct netfront *front, const char *why)
{
	if (xchg(&front->broken, true))
		return;
	netif_carrier_off(front->dev);
	netdev_err(front->dev, "%s; interface disabled until the back end reconnects\n",
		   why);
}
