// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * echoback.c - the smallest back end: answers with all bits inverted
 *
 * For a device "echo" in xenstore.  The front end is not trusted: the ring bounds
 * what it may do to the indexes, consuming hands out private copies, and an event
 * for nothing costs the front end, not us.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/events.h>
#include <xen/xenbus.h>

#include "echo.h"

struct echoback {
	struct xenbus_device *dev;
	struct echo_back ring;
	struct work_struct work;
	void *page; /* NULL: not connected */
	int irq;
};

/* No EOI until the work is done: one work for any number of events. */
static irqreturn_t echoback_event(int irq, void *data)
{
	struct echoback *e = data;

	e->irq = irq; /* it may come before whoever bound it says so */
	schedule_work(&e->work);
	return IRQ_HANDLED;
}

/* A front end that never stops asking keeps a worker busy, and nothing else. */
static void echoback_work(struct work_struct *work)
{
	struct echoback *e = container_of(work, struct echoback, work);
	unsigned int flags = XEN_EOI_FLAG_SPURIOUS;
	struct echo_req req;

	do {
		while (echo_back_consume(&e->ring, &req)) {
			/* @req is ours: what is checked is what is used. */
			struct echo_rsp rsp = {
				.id = req.id,
				.word = ~req.word,
			};

			echo_back_respond(&e->ring, &rsp);
			flags = 0;
		}
		if (echo_back_publish(&e->ring))
			notify_remote_via_irq(e->irq);
		cond_resched();
	} while (echo_back_arm(&e->ring));
	/* No EOI, no further event: a peer that lies is not heard again. */
	if (echo_back_broken(&e->ring))
		dev_err_once(&e->dev->dev, "the front end lies\n");
	else
		xen_irq_lateeoi(e->irq, flags);
}

static void echoback_disconnect(struct echoback *e)
{
	if (!e->page)
		return;
	if (e->irq > 0) {
		disable_irq(e->irq);
		cancel_work_sync(&e->work);
		unbind_from_irqhandler(e->irq, e);
	}
	e->irq = 0;
	xenbus_unmap_ring_vfree(e->dev, e->page);
	e->page = NULL;
}

static int echoback_connect(struct echoback *e)
{
	struct xenbus_device *dev = e->dev;
	unsigned int gref, port;
	int err;

	if (e->page)
		return 0;
	err = xenbus_gather(XBT_NIL, dev->otherend, "ring-ref", "%u", &gref,
			    "event-channel", "%u", &port, NULL);
	if (err)
		return err;
	err = xenbus_map_ring_valloc(dev, &gref, 1, &e->page);
	if (err)
		return err;
	if (!echo_back_attach(&e->ring, e->page, ECHO_BYTES)) {
		err = -EINVAL;
		goto fail;
	}
	err = bind_interdomain_evtchn_to_irqhandler_lateeoi(
		dev, port, echoback_event, 0, "echoback", e);
	if (err < 0)
		goto fail;
	/* The first event is pending from the start: nothing asked is missed. */
	e->irq = err;
	return xenbus_switch_state(dev, XenbusStateConnected);
fail:
	echoback_disconnect(e);
	return err;
}

static int echoback_probe(struct xenbus_device *dev,
			  const struct xenbus_device_id *id)
{
	struct echoback *e = kzalloc(sizeof(*e), GFP_KERNEL);
	int err;

	if (!e)
		return -ENOMEM;
	e->dev = dev;
	INIT_WORK(&e->work, echoback_work);
	dev_set_drvdata(&dev->dev, e);
	err = xenbus_switch_state(dev, XenbusStateInitWait);
	if (err)
		kfree(e);
	return err;
}

static void echoback_remove(struct xenbus_device *dev)
{
	struct echoback *e = dev_get_drvdata(&dev->dev);

	echoback_disconnect(e);
	kfree(e);
}

static void echoback_otherend_changed(struct xenbus_device *dev,
				      enum xenbus_state state)
{
	struct echoback *e = dev_get_drvdata(&dev->dev);
	int err;

	if (state == XenbusStateInitialised || state == XenbusStateConnected) {
		err = echoback_connect(e);
		if (err)
			xenbus_dev_fatal(dev, err, "connecting");
	} else if (state == XenbusStateClosing) {
		echoback_disconnect(e);
		xenbus_switch_state(dev, XenbusStateClosed);
	} else if (state == XenbusStateClosed || state == XenbusStateUnknown) {
		echoback_disconnect(e);
		device_unregister(&dev->dev);
	}
}

static const struct xenbus_device_id echoback_ids[] = { { "echo" }, { "" } };

static struct xenbus_driver echoback_driver = {
	.name = "echoback",
	.ids = echoback_ids,
	.probe = echoback_probe,
	.remove = echoback_remove,
	.otherend_changed = echoback_otherend_changed,
};

static int __init echoback_init(void)
{
	return xenbus_register_backend(&echoback_driver);
}
module_init(echoback_init);

static void __exit echoback_exit(void)
{
	xenbus_unregister_driver(&echoback_driver);
}
module_exit(echoback_exit);

MODULE_DESCRIPTION("The smallest back end over ring.h");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen-backend:echo");
