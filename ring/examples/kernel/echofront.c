// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * echofront.c - the smallest front end: asks, checks the answers, asks again
 *
 * For a device "echo" in xenstore.  Shows where a ring belongs in a driver: who
 * initialises it, what the handler does, and when an event was for nothing.
 */
#include <linux/interrupt.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "echo.h"

#define ECHO_TOTAL 100000

struct echofront {
	struct xenbus_device *dev;
	struct echo_front ring;
	struct work_struct work;
	void *page;
	grant_ref_t gref;
	evtchn_port_t port;
	int irq;
	u64 sent;
	u64 done;
};

/* From the work, or before there is an irq that starts it: the ring needs no lock. */
static void echofront_ask(struct echofront *e)
{
	struct echo_req *req;

	while (e->sent < ECHO_TOTAL && (req = echo_front_claim(&e->ring))) {
		req->id = e->sent;
		req->word = e->sent * 3;
		e->sent++;
	}
	if (echo_front_publish(&e->ring) && e->irq > 0)
		notify_remote_via_irq(e->irq);
}

/* No EOI until the work is done: one work for any number of events. */
static irqreturn_t echofront_event(int irq, void *data)
{
	struct echofront *e = data;

	e->irq = irq; /* it may come before whoever bound it says so */
	schedule_work(&e->work);
	return IRQ_HANDLED;
}

static void echofront_work(struct work_struct *work)
{
	struct echofront *e = container_of(work, struct echofront, work);
	unsigned int flags = XEN_EOI_FLAG_SPURIOUS;
	struct echo_rsp rsp;

	do {
		while (echo_front_reap(&e->ring, &rsp)) {
			flags = 0;
			/* Answers come in order here; they need not elsewhere. */
			if (rsp.id != e->done || rsp.word != ~(rsp.id * 3)) {
				echo_front_condemn(&e->ring);
				break;
			}
			if (++e->done == ECHO_TOTAL)
				dev_info(&e->dev->dev, "%d echoes\n",
					 ECHO_TOTAL);
		}
		echofront_ask(e);
		cond_resched();
	} while (echo_front_arm(&e->ring));
	/* No EOI, no further event: a peer that lies is not heard again. */
	if (echo_front_broken(&e->ring))
		dev_err_once(&e->dev->dev, "the back end lies\n");
	else
		xen_irq_lateeoi(e->irq, flags);
}

static void echofront_free(struct echofront *e)
{
	if (e->irq > 0) {
		disable_irq(e->irq);
		cancel_work_sync(&e->work);
		unbind_from_irqhandler(e->irq, e); /* closes the port too */
	} else if (e->port) {
		xenbus_free_evtchn(e->dev, e->port);
	}
	e->irq = 0;
	e->port = 0;
	xenbus_teardown_ring(&e->page, 1, &e->gref);
}

static int echofront_start(struct echofront *e)
{
	struct xenbus_device *dev = e->dev;
	int err;

	err = xenbus_setup_ring(dev, GFP_KERNEL, &e->page, 1, &e->gref);
	if (err)
		return err;
	echo_front_init(&e->ring, e->page, ECHO_BYTES);
	err = xenbus_alloc_evtchn(dev, &e->port);
	if (err)
		goto fail;
	/* What is asked before the back end is there, it finds when it comes. */
	echofront_ask(e);
	err = bind_evtchn_to_irqhandler_lateeoi(e->port, echofront_event, 0,
						"echofront", e);
	if (err < 0)
		goto fail;
	e->irq = err;
	err = xenbus_printf(XBT_NIL, dev->nodename, "ring-ref", "%u", e->gref);
	if (!err)
		err = xenbus_printf(XBT_NIL, dev->nodename, "event-channel",
				    "%u", e->port);
	if (!err)
		err = xenbus_switch_state(dev, XenbusStateInitialised);
	if (!err)
		return 0;
fail:
	echofront_free(e);
	return err;
}

static int echofront_probe(struct xenbus_device *dev,
			   const struct xenbus_device_id *id)
{
	struct echofront *e = kzalloc(sizeof(*e), GFP_KERNEL);
	int err;

	if (!e)
		return -ENOMEM;
	e->dev = dev;
	INIT_WORK(&e->work, echofront_work);
	e->gref = INVALID_GRANT_REF;
	dev_set_drvdata(&dev->dev, e);
	err = echofront_start(e);
	if (err)
		kfree(e);
	return err;
}

static void echofront_remove(struct xenbus_device *dev)
{
	struct echofront *e = dev_get_drvdata(&dev->dev);

	echofront_free(e);
	kfree(e);
}

static void echofront_otherend_changed(struct xenbus_device *dev,
				       enum xenbus_state state)
{
	if (state == XenbusStateConnected &&
	    dev->state == XenbusStateInitialised) {
		xenbus_switch_state(dev, XenbusStateConnected);
	} else if (state == XenbusStateClosing || state == XenbusStateClosed) {
		xenbus_frontend_closed(dev);
	}
}

static const struct xenbus_device_id echofront_ids[] = { { "echo" }, { "" } };

static struct xenbus_driver echofront_driver = {
	.name = "echofront",
	.ids = echofront_ids,
	.probe = echofront_probe,
	.remove = echofront_remove,
	.otherend_changed = echofront_otherend_changed,
};

static int __init echofront_init(void)
{
	return xenbus_register_frontend(&echofront_driver);
}
module_init(echofront_init);

static void __exit echofront_exit(void)
{
	xenbus_unregister_driver(&echofront_driver);
}
module_exit(echofront_exit);

MODULE_DESCRIPTION("The smallest front end over ring.h");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen:echo");
