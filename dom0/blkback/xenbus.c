// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xenbus.c - the back end's state machine
 *
 *	probe			-> InitWait; the toolstack's script may run now
 *	physical-device written    open the device
 *	front end Initialised   -> map rings, advertise, Connected
 *	front end Closing       -> Closing
 *	front end Closed        -> stop rings, Closed; gone if not online
 *	front end Initialising,
 *	after we have Closed	-> InitWait again
 *
 * A device has one work item that looks at the present states and does what is
 * due, so that a slow block device holds up nobody else.
 */
#include <linux/device.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/interface/grant_table.h>

#include "blkback.h"

#define XENBUS_PATH_LEN 96
/* How long removal waits for the block device before it goes on without. */
#define REMOVE_WAIT (30 * HZ)

static unsigned int max_queues;
module_param(max_queues, uint, 0644);
MODULE_PARM_DESC(max_queues, "Queues offered to a front end (0: one per CPU)");

static unsigned int max_ring_page_order = BLKBACK_MAX_RING_ORDER;
module_param(max_ring_page_order, uint, 0644);
MODULE_PARM_DESC(max_ring_page_order, "Largest ring offered, in powers of two of a page (at most 4)");

static bool feature_persistent = true;
module_param(feature_persistent, bool, 0644);
MODULE_PARM_DESC(feature_persistent, "Keep grants mapped where the front end agrees");

static unsigned int max_indirect_segments = PARSE_MAX_SEGMENTS;
module_param(max_indirect_segments, uint, 0644);
MODULE_PARM_DESC(max_indirect_segments, "Segments of an indirect request offered (at most 256; 0: no indirect requests)");

static unsigned int xenbus_max_queues(void)
{
	unsigned int n = READ_ONCE(max_queues) ?: num_online_cpus();

	return min(n, (unsigned int)BLKBACK_MAX_QUEUES);
}

static unsigned int xenbus_max_order(void)
{
	return min(READ_ONCE(max_ring_page_order),
		   (unsigned int)BLKBACK_MAX_RING_ORDER);
}

static void xenbus_put(struct blkback *be)
{
	if (refcount_dec_and_test(&be->refs)) {
		put_device(&be->dev->dev);
		kfree(be);
	}
}

static void xenbus_stop_rings(struct blkback *be, bool finish)
{
	struct blkback_ring *rings = be->rings;
	unsigned int i, n = be->nr_rings;

	/* First out of sight, then away. */
	mutex_lock(&be->lock);
	be->rings = NULL;
	be->nr_rings = 0;
	mutex_unlock(&be->lock);
	for (i = 0; i < n; i++)
		blkback_ring_stop(&rings[i], finish);
	kvfree(rings);
}

/* Reads the ring references and the port below @dir and starts the ring. */
static int xenbus_start_ring(struct blkback *be, struct blkback_ring *ring,
			     const char *dir, bool is32)
{
	unsigned int order = xenbus_read_unsigned(be->dev->otherend,
						  "ring-page-order", 0);
	grant_ref_t grefs[BLKBACK_MAX_RING_PAGES];
	unsigned int i, nr_pages;
	evtchn_port_t port;
	char key[16];
	int err;

	if (order > xenbus_max_order())
		return -EINVAL;
	nr_pages = 1u << order;
	if (xenbus_scanf(XBT_NIL, dir, "event-channel", "%u", &port) != 1)
		return -EINVAL;
	err = xenbus_scanf(XBT_NIL, dir, "ring-ref", "%u", &grefs[0]);
	if (err != 1 || nr_pages > 1) {
		for (i = 0; i < nr_pages; i++) {
			snprintf(key, sizeof(key), "ring-ref%u", i);
			if (xenbus_scanf(XBT_NIL, dir, key, "%u",
					 &grefs[i]) != 1)
				return -EINVAL;
		}
	}
	return blkback_ring_start(be, ring, grefs, nr_pages, port, is32);
}

static int xenbus_read_protocol(struct blkback *be, bool *is32)
{
	char protocol[64] = "";

	*is32 = IS_ENABLED(CONFIG_X86_32);
	if (xenbus_scanf(XBT_NIL, be->dev->otherend, "protocol", "%63s",
			 protocol) != 1)
		return 0;
	if (!strcmp(protocol, "x86_32-abi"))
		*is32 = true;
	else if (!strcmp(protocol, "x86_64-abi"))
		*is32 = false;
	else
		return -EINVAL;
	return 0;
}

static int xenbus_start_rings(struct blkback *be)
{
	const char *otherend = be->dev->otherend;
	char path[XENBUS_PATH_LEN];
	struct blkback_ring *rings;
	unsigned int i, n;
	bool is32;
	int err;

	err = xenbus_read_protocol(be, &is32);
	if (err)
		return err;
	n = xenbus_read_unsigned(otherend, "multi-queue-num-queues", 1);
	if (!n || n > xenbus_max_queues())
		return -EINVAL;
	be->persistent = READ_ONCE(feature_persistent) &&
		xenbus_read_unsigned(otherend, "feature-persistent", 0);
	be->limits.revoke = be->persistent &&
		xenbus_read_unsigned(otherend, "feature-tenon-revoke", 0);

	rings = kvcalloc(n, sizeof(*rings), GFP_KERNEL);
	if (!rings)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		rings[i].index = i;
		snprintf(path, sizeof(path), "%s/queue-%u", otherend, i);
		err = xenbus_start_ring(be, &rings[i], n == 1 ? otherend : path,
					is32);
		if (err) {
			while (i--)
				blkback_ring_stop(&rings[i], false);
			kvfree(rings);
			return err;
		}
	}
	mutex_lock(&be->lock);
	be->rings = rings;
	be->nr_rings = n;
	mutex_unlock(&be->lock);
	/* A front end may come and go as often as it likes. */
	dev_info_ratelimited(&be->dev->dev,
			     "%u queues, %s requests, persistent grants: %s\n",
			     n, is32 ? "32-bit" : "64-bit",
			     be->limits.revoke ? "revocable" :
			     be->persistent ? "yes" : "no");
	return 0;
}

/* Writes what we offer and becomes Connected, in one transaction. */
static int xenbus_advertise(struct blkback *be)
{
	struct xenbus_transaction xbt;
	int err;

	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			return err;
		err = blkback_vbd_advertise(be, xbt);
		if (!err && !READ_ONCE(feature_persistent))
			err = xenbus_printf(xbt, be->dev->nodename,
					    "feature-persistent", "0");
		if (!err)
			err = xenbus_printf(xbt, be->dev->nodename,
					    "feature-tenon-revoke", "%u",
					    be->limits.revoke ?
						BLKBACK_KEPT_REVOCABLE : 0);
		if (err) {
			xenbus_transaction_end(xbt, 1);
			return err;
		}
		err = xenbus_transaction_end(xbt, 0);
	} while (err == -EAGAIN);
	return err;
}

static void xenbus_connect(struct blkback *be)
{
	int err;

	if (!be->vbd.bdev || be->dev->state == XenbusStateConnected)
		return;
	blkback_vbd_limits(be);
	xenbus_stop_rings(be, false);
	err = xenbus_start_rings(be);
	if (err) {
		xenbus_dev_fatal(be->dev, err, "starting rings");
		return;
	}
	err = xenbus_advertise(be);
	if (err) {
		xenbus_stop_rings(be, false);
		xenbus_dev_fatal(be->dev, err, "advertising");
		return;
	}
	xenbus_switch_state(be->dev, XenbusStateConnected);
}

/* Opens the device once the toolstack's script has written which. */
static void xenbus_open(struct blkback *be)
{
	struct xenbus_device *dev = be->dev;
	unsigned int major, minor;
	char *mode, *type;
	int err;

	if (xenbus_scanf(XBT_NIL, dev->nodename, "physical-device", "%x:%x",
			 &major, &minor) != 2)
		return;
	if (be->vbd.bdev) {
		if (be->vbd.devt != MKDEV(major, minor))
			dev_warn(&dev->dev,
				 "changing the physical device (from %x:%x to %x:%x) not supported\n",
				 MAJOR(be->vbd.devt), MINOR(be->vbd.devt),
				 major, minor);
		return;
	}
	mode = xenbus_read(XBT_NIL, dev->nodename, "mode", NULL);
	if (IS_ERR(mode)) {
		xenbus_dev_fatal(dev, PTR_ERR(mode), "reading mode");
		return;
	}
	be->vbd.readonly = !strchr(mode, 'w');
	kfree(mode);
	type = xenbus_read(XBT_NIL, dev->nodename, "device-type", NULL);
	be->vbd.cdrom = !IS_ERR(type) && !strcmp(type, "cdrom");
	if (!IS_ERR(type))
		kfree(type);
	be->vbd.discard_allowed = xenbus_read_unsigned(dev->nodename,
						       "discard-enable", 1);
	err = blkback_vbd_open(be, major, minor);
	if (err)
		xenbus_dev_fatal(dev, err, "opening %x:%x", major, minor);
}

/* The last thing done for a device; nobody queues other work any more. */
static void xenbus_remove_work(struct work_struct *work)
{
	struct blkback *be = container_of(work, struct blkback, remove_work);

	cancel_work_sync(&be->state_work);
	xenbus_stop_rings(be, false);
	cancel_work_sync(&be->resize_work);
	blkback_vbd_close(be);
	complete(&be->finished);
	xenbus_put(be);
}

static void xenbus_state_work(struct work_struct *work)
{
	struct blkback *be = container_of(work, struct blkback, state_work);
	struct xenbus_device *dev = be->dev;

	if (dev->state == XenbusStateInitWait)
		xenbus_open(be);
	switch (READ_ONCE(be->state)) {
	case XenbusStateInitialising:
		if (dev->state == XenbusStateClosed)
			xenbus_switch_state(dev, XenbusStateInitWait);
		break;
	case XenbusStateInitialised:
	case XenbusStateConnected:
		xenbus_connect(be);
		break;
	case XenbusStateClosing:
		xenbus_switch_state(dev, XenbusStateClosing);
		break;
	case XenbusStateClosed:
		xenbus_stop_rings(be, true);
		/* Seeing Closed, the toolstack may take the device apart. */
		if (!xenbus_dev_is_online(dev))
			blkback_vbd_close(be);
		xenbus_switch_state(dev, XenbusStateClosed);
		break;
	default:
		break;
	}
}

/* Tells the front end that the device's size has changed. */
static void xenbus_resize_work(struct work_struct *work)
{
	struct blkback *be = container_of(work, struct blkback, resize_work);
	u64 sectors = bdev_nr_sectors(be->vbd.bdev);
	struct xenbus_device *dev = be->dev;
	struct xenbus_transaction xbt;
	int err;

	if (sectors == be->limits.sectors)
		return;
	dev_info(&dev->dev, "resized from %llu to %llu sectors\n",
		 be->limits.sectors, sectors);
	WRITE_ONCE(be->limits.sectors, sectors);
	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			break;
		err = xenbus_printf(xbt, dev->nodename, "sectors", "%llu",
				    sectors);
		/* Writing the state anew is the signal to read it. */
		if (!err)
			err = xenbus_printf(xbt, dev->nodename, "state", "%d",
					    dev->state);
		if (err) {
			xenbus_transaction_end(xbt, 1);
			break;
		}
		err = xenbus_transaction_end(xbt, 0);
	} while (err == -EAGAIN);
	if (err)
		dev_err(&dev->dev, "announcing the new size (%d)\n", err);
}

static void xenbus_device_changed(struct xenbus_watch *watch, const char *path,
				  const char *token)
{
	struct blkback *be = container_of(watch, struct blkback, watch);

	queue_work(blkback_queue, &be->state_work);
}

/* "REQUESTS,BYTES" in a second, of which 0 or nothing is no limit. */
static void xenbus_limit_changed(struct xenbus_watch *watch, const char *path,
				 const char *token)
{
	struct blkback *be = container_of(watch, struct blkback, limit_watch);
	unsigned int iops = 0;
	u64 bytes = 0;

	xenbus_scanf(XBT_NIL, be->dev->nodename, "tenon-limit", "%u,%llu",
		     &iops, &bytes);
	blkback_limit_set(be, iops, bytes);
}

static void blkback_frontend_changed(struct xenbus_device *dev,
				     enum xenbus_state state)
{
	struct blkback *be = dev_get_drvdata(&dev->dev);

	if (state == XenbusStateUnknown) {
		/* Its directory is gone, and so is the front end. */
		device_unregister(&dev->dev);
		return;
	}
	WRITE_ONCE(be->state, state);
	queue_work(blkback_queue, &be->state_work);
}

static void blkback_remove(struct xenbus_device *dev)
{
	struct blkback *be = dev_get_drvdata(&dev->dev);

	if (be->watching) {
		unregister_xenbus_watch(&be->watch);
		kfree(be->watch.node);
	}
	if (be->limit_watching) {
		unregister_xenbus_watch(&be->limit_watch);
		kfree(be->limit_watch.node);
	}
	blkback_stats_remove(be);
	dev_set_drvdata(&dev->dev, NULL);
	queue_work(blkback_queue, &be->remove_work);
	/*
	 * Here all of xenbus waits for us, and we for the block device.  If it
	 * hangs, only we shall.
	 */
	if (!wait_for_completion_timeout(&be->finished, REMOVE_WAIT))
		dev_warn(&dev->dev,
			 "waiting for the block device in the background\n");
	xenbus_put(be);
}

static int blkback_probe(struct xenbus_device *dev,
			 const struct xenbus_device_id *id)
{
	struct blkback *be = kzalloc(sizeof(*be), GFP_KERNEL);
	int err;

	if (!be)
		return -ENOMEM;
	be->dev = dev;
	get_device(&dev->dev);
	/* Of this driver, and of the work that finishes. */
	refcount_set(&be->refs, 2);
	be->state = XenbusStateUnknown;
	mutex_init(&be->lock);
	spin_lock_init(&be->limit.lock);
	init_completion(&be->finished);
	INIT_WORK(&be->state_work, xenbus_state_work);
	INIT_WORK(&be->resize_work, xenbus_resize_work);
	INIT_WORK(&be->remove_work, xenbus_remove_work);
	dev_set_drvdata(&dev->dev, be);
	blkback_stats_add(be);

	err = xenbus_printf(XBT_NIL, dev->nodename, "max-ring-page-order",
			    "%u", xenbus_max_order());
	if (!err)
		err = xenbus_printf(XBT_NIL, dev->nodename,
				    "multi-queue-max-queues", "%u",
				    xenbus_max_queues());
	if (!err && READ_ONCE(max_indirect_segments))
		err = xenbus_printf(XBT_NIL, dev->nodename,
				    "feature-max-indirect-segments", "%u",
				    min(READ_ONCE(max_indirect_segments),
					(unsigned int)PARSE_MAX_SEGMENTS));
	if (err)
		goto fail;
	err = xenbus_watch_pathfmt(dev, &be->watch, NULL, xenbus_device_changed,
				   "%s/%s", dev->nodename, "physical-device");
	if (err)
		goto fail;
	be->watching = true;
	/* A watch fires once when it is set. */
	err = xenbus_watch_pathfmt(dev, &be->limit_watch, NULL,
				   xenbus_limit_changed, "%s/%s",
				   dev->nodename, "tenon-limit");
	if (err)
		goto fail;
	be->limit_watching = true;
	err = xenbus_switch_state(dev, XenbusStateInitWait);
	if (err)
		goto fail;
	return 0;

fail:
	dev_err(&dev->dev, "setting up failed (%d)\n", err);
	blkback_remove(dev);
	return err;
}

static const struct xenbus_device_id blkback_ids[] = {
	{ "vbd" },
	{ "" }
};

/* The stock driver's name is "vbd"; ours must not be the same. */
static struct xenbus_driver blkback_driver = {
	.name = "tenon-blkback",
	.driver.dev_groups = blkback_stats_groups,
	.ids = blkback_ids,
	.probe = blkback_probe,
	.remove = blkback_remove,
	.otherend_changed = blkback_frontend_changed,
	.allow_rebind = true,
};

/* Register with xenbus, unless the stock driver is there. */
int blkback_xenbus_register(void)
{
	int err = xenbus_register_backend(&blkback_driver);

	if (err)
		return err;
	if (driver_find("vbd", blkback_driver.driver.bus)) {
		pr_err("tenon-blkback: xen-blkback is loaded and has the devices; unload it first\n");
		xenbus_unregister_driver(&blkback_driver);
		return -EBUSY;
	}
	return 0;
}

void blkback_xenbus_unregister(void)
{
	xenbus_unregister_driver(&blkback_driver);
}
