// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xenbus.c - xenstore state machine of the network back end
 *
 *	toolstack makes the directories; we are probed
 *	vifD.N is made, features written			-> InitWait
 *	toolstack runs its script (bridge, route, nat), which writes
 *	hotplug-status; the guest writes where its rings are and
 *	goes to Connected
 *	we map the rings; when hotplug-status is "connected"	-> Connected
 *	guest wants room for XDP before packets, or no more, and
 *	is Reconfiguring					-> Reconfigured
 *	guest is Connected again				-> Connected
 *	guest closes, or the toolstack asks both to		-> Closing, Closed
 *
 * Everything read from the guest's directory is checked: it can write anything
 * there at any time.
 */
#include <linux/cpumask.h>
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/slab.h>
#include <linux/version.h>
#include <xen/xen.h>

#include "netback.h"

/* The kernel's own back end announces no more either; a queue costs memory. */
#define NETBACK_MAX_QUEUES 8

unsigned int netback_max_queues;
module_param_named(max_queues, netback_max_queues, uint, 0444);
MODULE_PARM_DESC(max_queues, "Queues offered to a guest (default: CPUs, at most 8)");
module_param_named(rx_stall_ms, rx_wait_ms, uint, 0644);
MODULE_PARM_DESC(rx_stall_ms, "Carrier goes down when a guest posts no buffers for this long");

static bool netback_split = true;
module_param_named(split_event_channels, netback_split, bool, 0444);
MODULE_PARM_DESC(split_event_channels, "Offer one event channel for each ring");

/* Reading what the guest offers */

static unsigned int netback_flag(struct xenbus_device *xbdev, const char *key)
{
	return xenbus_read_unsigned(xbdev->otherend, key, 0);
}

static int netback_read_features(struct netback_vif *vif)
{
	struct xenbus_device *xbdev = vif->xbdev;
	netdev_features_t features = 0;

	if (!netback_flag(xbdev, "request-rx-copy")) {
		xenbus_dev_fatal(xbdev, -EOPNOTSUPP, "guest wants page flipping");
		return -EOPNOTSUPP;
	}
	if (!netback_flag(xbdev, "feature-rx-notify")) {
		xenbus_dev_fatal(xbdev, -EOPNOTSUPP,
				 "guest does not say when it posts buffers");
		return -EOPNOTSUPP;
	}
	if (netback_flag(xbdev, "feature-sg"))
		features |= NETIF_F_SG | NETIF_F_FRAGLIST;
	if (netback_flag(xbdev, "feature-gso-tcpv4"))
		features |= NETIF_F_TSO;
	if (netback_flag(xbdev, "feature-gso-tcpv6"))
		features |= NETIF_F_TSO6;
	if (!netback_flag(xbdev, "feature-no-csum-offload"))
		features |= NETIF_F_IP_CSUM;
	if (netback_flag(xbdev, "feature-ipv6-csum-offload"))
		features |= NETIF_F_IPV6_CSUM;
	vif->features = features;
	return 0;
}

static int netback_read_queue(const char *path, struct queue_ports *ports)
{
	int err;

	err = xenbus_gather(XBT_NIL, path, "tx-ring-ref", "%u", &ports->tx_ref,
			    "rx-ring-ref", "%u", &ports->rx_ref, NULL);
	if (err)
		return err;
	err = xenbus_gather(XBT_NIL, path, "event-channel-tx", "%u",
			    &ports->tx_port, "event-channel-rx", "%u",
			    &ports->rx_port, NULL);
	if (!err)
		return 0;
	err = xenbus_scanf(XBT_NIL, path, "event-channel", "%u", &ports->tx_port);
	ports->rx_port = ports->tx_port;
	return err < 0 ? err : 0;
}

static int netback_read_queues(struct netback_vif *vif,
			       struct queue_ports *ports, unsigned int nr)
{
	struct xenbus_device *xbdev = vif->xbdev;
	unsigned int i;
	char *path;
	int err = 0;

	if (nr == 1)
		return netback_read_queue(xbdev->otherend, ports);
	for (i = 0; i < nr && !err; i++) {
		path = kasprintf(GFP_KERNEL, "%s/queue-%u", xbdev->otherend, i);
		if (!path)
			return -ENOMEM;
		err = netback_read_queue(path, &ports[i]);
		kfree(path);
	}
	return err;
}

/* A control ring is the guest's choice. */
static int netback_connect_ctrl(struct netback_vif *vif)
{
	const char *node = vif->xbdev->otherend;
	evtchn_port_t port;
	grant_ref_t ref;

	if (xenbus_gather(XBT_NIL, node, "ctrl-ring-ref", "%u", &ref,
			  "event-channel-ctrl", "%u", &port, NULL))
		return 0;
	return ctrl_connect(vif, ref, port);
}

static void netback_read_rate(struct netback_vif *vif)
{
	unsigned long bytes, usecs;
	char *rate;

	rate = xenbus_read(XBT_NIL, vif->xbdev->nodename, "rate", NULL);
	if (IS_ERR(rate)) {
		vif_set_rate(vif, 0, 0);
		return;
	}
	if (sscanf(rate, "%lu,%lu", &bytes, &usecs) == 2 && bytes && usecs)
		vif_set_rate(vif, min_t(unsigned long, bytes, U32_MAX),
			     min_t(unsigned long, usecs, 60 * USEC_PER_SEC));
	else
		netdev_warn(vif->dev, "rate is not \"bytes,usecs\"; no limit\n");
	kfree(rate);
}

static void netback_read_headroom(struct netback_vif *vif)
{
	vif_set_headroom(vif, netback_flag(vif->xbdev, "xdp-headroom"));
}

/* Watches */

static void netback_unwatch(struct xenbus_watch *watch)
{
	if (!watch->node)
		return;
	unregister_xenbus_watch(watch);
	kfree(watch->node);
	watch->node = NULL;
}

/* Not before the toolstack's script is done: it comes to this again then. */
static void netback_reconfigure(struct netback_vif *vif)
{
	netback_read_headroom(vif);
	if (vif->xbdev->state == XenbusStateConnected)
		xenbus_switch_state(vif->xbdev, XenbusStateReconfigured);
}

static void netback_hotplug_changed(struct xenbus_watch *watch,
				    const char *path, const char *token)
{
	struct netback_vif *vif =
		container_of(watch, struct netback_vif, hotplug_watch);
	char *status;

	status = xenbus_read(XBT_NIL, vif->xbdev->nodename, "hotplug-status",
			     NULL);
	if (IS_ERR(status))
		return;
	if (!strcmp(status, "connected") && vif->connected) {
		netback_unwatch(watch);
		xenbus_switch_state(vif->xbdev, XenbusStateConnected);
		if (xenbus_read_driver_state(vif->xbdev->otherend) ==
		    XenbusStateReconfiguring)
			netback_reconfigure(vif);
	}
	kfree(status);
}

static void netback_mcast_changed(struct xenbus_watch *watch, const char *path,
				  const char *token)
{
	struct netback_vif *vif =
		container_of(watch, struct netback_vif, mcast_watch);

	WRITE_ONCE(vif->mcast.on,
		   netback_flag(vif->xbdev, "request-multicast-control"));
}

static int netback_watch(struct netback_vif *vif)
{
	struct xenbus_device *xbdev = vif->xbdev;
	int err;

	err = xenbus_watch_pathfmt(xbdev, &vif->mcast_watch, NULL,
				   netback_mcast_changed,
				   "%s/request-multicast-control",
				   xbdev->otherend);
	if (err)
		return err;
	return xenbus_watch_pathfmt(xbdev, &vif->hotplug_watch, NULL,
				    netback_hotplug_changed,
				    "%s/hotplug-status", xbdev->nodename);
}

/* State machine */

static void netback_disconnect(struct netback_vif *vif)
{
	netback_unwatch(&vif->hotplug_watch);
	netback_unwatch(&vif->mcast_watch);
	vif->mcast.on = false;
	vif_disconnect(vif);
}

static void netback_connect(struct netback_vif *vif)
{
	struct xenbus_device *xbdev = vif->xbdev;
	struct queue_ports *ports;
	unsigned int nr;
	int err;

	if (netback_read_features(vif))
		return;
	nr = xenbus_read_unsigned(xbdev->otherend, "multi-queue-num-queues", 1);
	if (!nr || nr > vif->max_queues) {
		xenbus_dev_fatal(xbdev, -EINVAL, "guest wants %u queues of %u",
				 nr, vif->max_queues);
		return;
	}
	ports = kcalloc(nr, sizeof(*ports), GFP_KERNEL);
	if (!ports) {
		xenbus_dev_fatal(xbdev, -ENOMEM, "connecting");
		return;
	}
	err = netback_read_queues(vif, ports, nr);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "reading the queues in %s",
				 xbdev->otherend);
		goto out;
	}
	netback_read_rate(vif);
	netback_read_headroom(vif);
	err = vif_connect(vif, ports, nr);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "attaching to the guest's queues");
		goto out;
	}
	err = netback_connect_ctrl(vif);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "attaching to the control ring");
		netback_disconnect(vif);
		goto out;
	}
	err = netback_watch(vif);
	if (err) /* which has told the toolstack */
		netback_disconnect(vif);
out:
	kfree(ports);
}

static void netback_frontend_changed(struct xenbus_device *xbdev,
				     enum xenbus_state state)
{
	struct netback_vif *vif = dev_get_drvdata(&xbdev->dev);

	switch (state) {
	case XenbusStateInitialising:
		/* a guest that begins anew, perhaps without having closed */
		if (xbdev->state == XenbusStateInitWait)
			break;
		netback_disconnect(vif);
		xenbus_switch_state(xbdev, XenbusStateClosed);
		xenbus_switch_state(xbdev, XenbusStateInitWait);
		break;
	case XenbusStateConnected:
		if (!vif->connected) {
			netback_connect(vif);
		} else if (xbdev->state == XenbusStateReconfigured) {
			/* Linux' front end writes its wish after it says so */
			netback_read_headroom(vif);
			xenbus_switch_state(xbdev, XenbusStateConnected);
		}
		break;
	case XenbusStateReconfiguring:
		if (vif->connected)
			netback_reconfigure(vif);
		break;
	case XenbusStateClosing:
		netback_disconnect(vif);
		xenbus_switch_state(xbdev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		netback_disconnect(vif);
		xenbus_switch_state(xbdev, XenbusStateClosed);
		if (xenbus_dev_is_online(xbdev))
			break;
		device_unregister(&xbdev->dev);
		break;
	case XenbusStateUnknown:
		/* its directory is gone */
		netback_disconnect(vif);
		xenbus_switch_state(xbdev, XenbusStateClosed);
		device_unregister(&xbdev->dev);
		break;
	default:
		break;
	}
}

static int netback_write_features(struct xenbus_device *xbdev)
{
	static const struct {
		const char *key;
		unsigned int value;
	} feature[] = {
		{ "feature-sg", 1 },
		{ "feature-gso-tcpv4", 1 },
		{ "feature-gso-tcpv6", 1 },
		{ "feature-ipv6-csum-offload", 1 },
		{ "feature-rx-copy", 1 },
		{ "feature-rx-flip", 0 },
		{ "feature-multicast-control", 1 },
		{ "feature-dynamic-multicast-control", 1 },
		{ "feature-ctrl-ring", 1 },
		{ "feature-xdp-headroom", 1 },
		{ "feature-tenon-headroom", 1 },
	};
	unsigned int i;
	int err = 0;

	for (i = 0; i < ARRAY_SIZE(feature) && !err; i++)
		err = xenbus_printf(XBT_NIL, xbdev->nodename, feature[i].key,
				    "%u", feature[i].value);
	if (!err)
		err = xenbus_printf(XBT_NIL, xbdev->nodename,
				    "feature-split-event-channels", "%u",
				    netback_split);
	if (!err)
		err = xenbus_printf(XBT_NIL, xbdev->nodename,
				    "multi-queue-max-queues", "%u",
				    netback_max_queues);
	return err;
}

static int netback_probe(struct xenbus_device *xbdev,
			 const struct xenbus_device_id *id)
{
	struct netback_vif *vif;
	unsigned int handle;
	const char *script;
	int err;

	err = xenbus_scanf(XBT_NIL, xbdev->nodename, "handle", "%u", &handle);
	if (err != 1) {
		err = err < 0 ? err : -EINVAL;
		xenbus_dev_fatal(xbdev, err, "reading handle");
		return err;
	}
	err = netback_write_features(xbdev);
	if (err) {
		xenbus_dev_fatal(xbdev, err, "writing features");
		return err;
	}
	vif = vif_create(xbdev, handle);
	if (IS_ERR(vif)) {
		xenbus_dev_fatal(xbdev, PTR_ERR(vif), "making the interface");
		return PTR_ERR(vif);
	}
	script = xenbus_read(XBT_NIL, xbdev->nodename, "script", NULL);
	vif->hotplug_script = IS_ERR(script) ? NULL : script;
	dev_set_drvdata(&xbdev->dev, vif);

	err = xenbus_switch_state(xbdev, XenbusStateInitWait);
	if (err) {
		dev_set_drvdata(&xbdev->dev, NULL);
		kfree(vif->hotplug_script);
		vif_destroy(vif);
		return err;
	}
	kobject_uevent(&xbdev->dev.kobj, KOBJ_ONLINE);
	return 0;
}

static void netback_remove(struct xenbus_device *xbdev)
{
	struct netback_vif *vif = dev_get_drvdata(&xbdev->dev);

	if (!vif)
		return;
	kobject_uevent(&xbdev->dev.kobj, KOBJ_OFFLINE);
	netback_disconnect(vif);
	dev_set_drvdata(&xbdev->dev, NULL);
	kfree(vif->hotplug_script);
	vif_destroy(vif);
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
static int netback_uevent(const struct xenbus_device *xbdev,
			  struct kobj_uevent_env *env)
#else
static int netback_uevent(struct xenbus_device *xbdev,
			  struct kobj_uevent_env *env)
#endif
{
	struct netback_vif *vif = dev_get_drvdata(&xbdev->dev);

	if (!vif)
		return 0;
	if (vif->hotplug_script &&
	    add_uevent_var(env, "script=%s", vif->hotplug_script))
		return -ENOMEM;
	return add_uevent_var(env, "vif=%s", vif->dev->name);
}

static const struct xenbus_device_id netback_ids[] = {
	{ "vif" },
	{ "" }
};

static struct xenbus_driver netback_driver = {
	.name = "tenon-netback",
	.ids = netback_ids,
	.probe = netback_probe,
	.remove = netback_remove,
	.uevent = netback_uevent,
	.otherend_changed = netback_frontend_changed,
	.allow_rebind = true,
};

static int __init netback_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	if (!netback_max_queues)
		netback_max_queues = min(num_online_cpus(), NETBACK_MAX_QUEUES);
	netback_max_queues = clamp(netback_max_queues, 1U, 64U);
	stats_init();
	err = xenbus_register_backend(&netback_driver);
	if (err)
		goto fail;
	/* two drivers for the same devices would share them by chance */
	if (driver_find("vif", netback_driver.driver.bus)) {
		pr_err("tenon-netback: xen-netback is loaded; unload it first\n");
		xenbus_unregister_driver(&netback_driver);
		err = -EBUSY;
		goto fail;
	}
	return 0;
fail:
	stats_exit();
	return err;
}
module_init(netback_init);

static void __exit netback_exit(void)
{
	xenbus_unregister_driver(&netback_driver);
	stats_exit();
}
module_exit(netback_exit);

MODULE_DESCRIPTION("Tenon network back end");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen-backend:vif");
