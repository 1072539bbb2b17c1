// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xenbus.c - xenstore state machine of the network front end
 *
 *	toolstack makes the directories; we are probed
 *	back end has written its features (InitWait): we make the
 *	queues, write where they are				-> Connected
 *	back end is Connected: carrier on, tell the neighbours
 *	an XDP program comes or goes (headroom.c): we ask for room
 *	before packets until our back end is Reconfigured	-> Reconfiguring, Connected
 *	back end is Closing, or we are unloaded			-> Closing, Closed
 *	back in another hypervisor (resume): drop the queues and begin again
 *
 * What the back end writes is checked like what it puts into the rings.
 */
#include <linux/cpumask.h>
#include <linux/delay.h>
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <xen/xen.h>

#include "netfront.h"

/*
 * A queue costs 2 MiB and 514 grants, and where pages stay mapped 2 to 4 MiB and 512
 * to 1,024 grants more.
 */
#define NETFRONT_MAX_QUEUES 8

/* How long a leaving device waits for its back end, twice. */
#define NETFRONT_CLOSE_MS 5000

static unsigned int netfront_max_queues;
module_param_named(max_queues, netfront_max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues, "Queues to use (default: CPUs, at most 8)");

static bool netfront_trusted = true;
module_param_named(trusted, netfront_trusted, bool, 0644);
MODULE_PARM_DESC(trusted, "The back end may keep pages mapped that packets are received into");

static unsigned int netfront_flag(struct xenbus_device *xbdev, const char *key)
{
	return xenbus_read_unsigned(xbdev->otherend, key, 0);
}

static int netfront_read_features(struct netfront *front)
{
	struct xenbus_device *xbdev = front->xbdev;
	netdev_features_t features = 0;

	if (!netfront_flag(xbdev, "feature-rx-copy")) {
		xenbus_dev_fatal(xbdev, -EOPNOTSUPP, "back end cannot copy");
		return -EOPNOTSUPP;
	}
	if (netfront_flag(xbdev, "feature-sg"))
		features |= NETIF_F_SG;
	if (netfront_flag(xbdev, "feature-gso-tcpv4"))
		features |= NETIF_F_TSO;
	if (netfront_flag(xbdev, "feature-gso-tcpv6"))
		features |= NETIF_F_TSO6;
	if (!netfront_flag(xbdev, "feature-no-csum-offload"))
		features |= NETIF_F_IP_CSUM;
	if (netfront_flag(xbdev, "feature-ipv6-csum-offload"))
		features |= NETIF_F_IPV6_CSUM;
	front->features = features;
	front->can_headroom = netfront_flag(xbdev, "feature-tenon-headroom");
	front->split = netfront_flag(xbdev, "feature-split-event-channels");
	front->trusted = netfront_trusted &&
			 xenbus_read_unsigned(xbdev->nodename, "trusted", 1);
	return 0;
}

static void netfront_read_mtu(struct netfront *front)
{
	struct net_device *dev = front->dev;
	unsigned int mtu = xenbus_read_unsigned(front->xbdev->nodename, "mtu",
						ETH_DATA_LEN);

	if (!(front->features & NETIF_F_SG))
		mtu = min_t(unsigned int, mtu, ETH_DATA_LEN);
	if (mtu < dev->min_mtu || mtu > dev->max_mtu)
		netdev_warn(dev, "mtu %u is out of range, not used\n", mtu);
	else
		dev->mtu = mtu;
}

static int netfront_write_queue(struct netfront_queue *q, const char *path)
{
	int err;

	err = xenbus_printf(XBT_NIL, path, "tx-ring-ref", "%u", q->tx.ring_ref);
	if (!err)
		err = xenbus_printf(XBT_NIL, path, "rx-ring-ref", "%u",
				    q->rx.ring_ref);
	if (!err && !q->front->split)
		return xenbus_printf(XBT_NIL, path, "event-channel", "%u",
				     q->tx.port);
	if (!err)
		err = xenbus_printf(XBT_NIL, path, "event-channel-tx", "%u",
				    q->tx.port);
	if (!err)
		err = xenbus_printf(XBT_NIL, path, "event-channel-rx", "%u",
				    q->rx.port);
	return err;
}

/* Keys of a former connection that would contradict the new one. */
static void netfront_remove_queues(struct netfront *front)
{
	static const char * const key[] = {
		"multi-queue-num-queues", "tx-ring-ref", "rx-ring-ref",
		"event-channel", "event-channel-tx", "event-channel-rx",
		"ctrl-ring-ref", "event-channel-ctrl", "xdp-headroom",
	};
	unsigned int i;
	char queue[24];

	for (i = 0; i < ARRAY_SIZE(key); i++)
		if (xenbus_exists(XBT_NIL, front->xbdev->nodename, key[i]))
			xenbus_rm(XBT_NIL, front->xbdev->nodename, key[i]);
	for (i = 0; i < front->max_queues; i++) {
		snprintf(queue, sizeof(queue), "queue-%u", i);
		if (xenbus_exists(XBT_NIL, front->xbdev->nodename, queue))
			xenbus_rm(XBT_NIL, front->xbdev->nodename, queue);
	}
}

static int netfront_write_queues(struct netfront *front)
{
	const char *node = front->xbdev->nodename;
	unsigned int i;
	char *path;
	int err;

	netfront_remove_queues(front);
	if (front->nr_queues == 1)
		return netfront_write_queue(&front->queue[0], node);
	err = xenbus_printf(XBT_NIL, node, "multi-queue-num-queues", "%u",
			    front->nr_queues);
	for (i = 0; i < front->nr_queues && !err; i++) {
		path = kasprintf(GFP_KERNEL, "%s/queue-%u", node, i);
		if (!path)
			return -ENOMEM;
		err = netfront_write_queue(&front->queue[i], path);
		kfree(path);
	}
	return err;
}

static int netfront_write_features(struct netfront *front)
{
	static const char * const key[] = {
		"request-rx-copy", "feature-rx-notify", "feature-sg",
		"feature-gso-tcpv4", "feature-gso-tcpv6",
		"feature-ipv6-csum-offload",
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(key) && !err; i++)
		err = xenbus_write(XBT_NIL, front->xbdev->nodename, key[i], "1");
	return err;
}

/*
 * The back end reads none of this before we are Connected, so that no
 * transaction is needed.
 */
static void netfront_connect(struct netfront *front)
{
	struct xenbus_device *xbdev = front->xbdev;
	unsigned int nr;
	int err;

	if (netfront_read_features(front))
		return;
	nr = xenbus_read_unsigned(xbdev->otherend, "multi-queue-max-queues", 1);
	nr = clamp(nr, 1U, front->max_queues);

	front_disconnect(front);
	if (front->dev->reg_state != NETREG_REGISTERED)
		netfront_read_mtu(front);
	err = front_connect(front, nr);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "making %u queues", nr);
		return;
	}
	err = netfront_write_queues(front);
	if (!err && netfront_flag(xbdev, "feature-ctrl-ring"))
		err = ctrl_connect(front);
	if (!err)
		err = ctrl_write(front);
	if (!err)
		err = netfront_write_features(front);
	if (!err)
		err = headroom_write(front);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "writing %s", xbdev->nodename);
		goto fail;
	}
	err = front_register(front);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "registering the device");
		goto fail;
	}
	xenbus_switch_state(xbdev, XenbusStateConnected);
	return;
fail:
	front_disconnect(front);
}

static void netfront_closing(struct netfront *front)
{
	if (front->xbdev->state == XenbusStateClosed)
		return;
	front_stop(front);
	xenbus_frontend_closed(front->xbdev);
}

static void netfront_backend_changed(struct xenbus_device *xbdev,
				     enum xenbus_state state)
{
	struct netfront *front = dev_get_drvdata(&xbdev->dev);

	switch (state) {
	case XenbusStateInitWait:
		if (xbdev->state == XenbusStateClosed) {
			/* a back end that went away and is back */
			front_disconnect(front);
			xenbus_switch_state(xbdev, XenbusStateInitialising);
		}
		if (xbdev->state == XenbusStateInitialising)
			netfront_connect(front);
		break;
	case XenbusStateConnected:
		if (!front->connected)
			break;
		ctrl_start(front);
		/* a program may have come or gone since we wrote */
		headroom_ask(front);
		netif_carrier_on(front->dev);
		netdev_notify_peers(front->dev);
		break;
	case XenbusStateClosed:
		/* it has yet to see that we, or a driver before us, begin anew */
		if (xbdev->state == XenbusStateInitialising)
			break;
		fallthrough;
	case XenbusStateClosing:
		netfront_closing(front);
		break;
	default:
		break;
	}
}

static int netfront_probe(struct xenbus_device *xbdev,
			  const struct xenbus_device_id *id)
{
	struct netfront *front;
	u8 mac[ETH_ALEN];
	char *text;
	bool ok;

	text = xenbus_read(XBT_NIL, xbdev->nodename, "mac", NULL);
	if (IS_ERR(text)) {
		xenbus_dev_fatal(xbdev, PTR_ERR(text), "reading mac");
		return PTR_ERR(text);
	}
	ok = mac_pton(text, mac) && is_valid_ether_addr(mac);
	kfree(text);
	if (!ok) {
		xenbus_dev_fatal(xbdev, -EINVAL, "mac is no usable address");
		return -EINVAL;
	}
	front = front_create(xbdev, netfront_max_queues);
	if (!front) {
		xenbus_dev_fatal(xbdev, -ENOMEM, "making the device");
		return -ENOMEM;
	}
	eth_hw_addr_set(front->dev, mac);
	dev_set_drvdata(&xbdev->dev, front);
	/* a device that was closed by a driver before us begins anew */
	xenbus_switch_state(xbdev, XenbusStateInitialising);
	return 0;
}

/*
 * In a new place none of the old grants and event channels exist; the back end
 * there waits for us to begin.
 */
static int netfront_resume(struct xenbus_device *xbdev)
{
	front_disconnect(dev_get_drvdata(&xbdev->dev));
	return 0;
}

/* Wait for the back end to be as far as we are; bounded, it may be gone. */
static void netfront_await(struct xenbus_device *xbdev, enum xenbus_state least)
{
	unsigned long end = jiffies + msecs_to_jiffies(NETFRONT_CLOSE_MS);
	enum xenbus_state state;

	do {
		state = xenbus_read_driver_state(xbdev->otherend);
		if (state == XenbusStateUnknown || state == XenbusStateInitWait ||
		    (state >= least && state <= XenbusStateClosed))
			return;
		msleep(20);
	} while (time_before(jiffies, end));
}

static void netfront_remove(struct xenbus_device *xbdev)
{
	struct netfront *front = dev_get_drvdata(&xbdev->dev);

	front_stop(front);
	if (xbdev->state != XenbusStateClosed) {
		/* so that the back end unmaps the rings before we free them */
		xenbus_switch_state(xbdev, XenbusStateClosing);
		netfront_await(xbdev, XenbusStateClosing);
		xenbus_switch_state(xbdev, XenbusStateClosed);
		netfront_await(xbdev, XenbusStateClosed);
	}
	front_disconnect(front);
	dev_set_drvdata(&xbdev->dev, NULL);
	front_destroy(front);
}

static const struct xenbus_device_id netfront_ids[] = {
	{ "vif" },
	{ "" }
};

static struct xenbus_driver netfront_driver = {
	.name = "tenon-netfront",
	.ids = netfront_ids,
	.probe = netfront_probe,
	.remove = netfront_remove,
	.resume = netfront_resume,
	.otherend_changed = netfront_backend_changed,
};

static int __init netfront_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	if (!netfront_max_queues)
		netfront_max_queues = min(num_online_cpus(), NETFRONT_MAX_QUEUES);
	netfront_max_queues = clamp(netfront_max_queues, 1U, 64U);
	stats_init();
	err = xenbus_register_frontend(&netfront_driver);
	if (err)
		goto fail;
	/* two drivers for the same devices would share them by chance */
	if (driver_find("vif", netfront_driver.driver.bus)) {
		pr_err("tenon-netfront: xen-netfront is loaded; unload it first\n");
		xenbus_unregister_driver(&netfront_driver);
		err = -EBUSY;
		goto fail;
	}
	return 0;
fail:
	stats_exit();
	return err;
}
module_init(netfront_init);

static void __exit netfront_exit(void)
{
	xenbus_unregister_driver(&netfront_driver);
	stats_exit();
}
module_exit(netfront_exit);

MODULE_DESCRIPTION("Tenon network front end");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen:vif");
MODULE_ALIAS("xennet");
