// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_back.c - a block back end that lies
 *
 * It takes devices that have no driver, serves no data, and lies in the way that
 * its parameter names.  What the front end must make of each lie is in
 * blk_system.py.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xenbus.h>

#include "../../../ring/blkif.h"

#define MAX_PAGES 16

static char *lie = "none";
module_param(lie, charp, 0644);

/**
 * struct liar - one device
 * @dev: xenbus device
 * @shared: the front end's ring, mapped
 * @ring: back half of it
 * @irq: event channel
 * @work: answers requests
 */
struct liar {
	struct xenbus_device *dev;
	void *shared;
	struct blkif64_back ring;
	int irq;
	struct work_struct work;
};

static bool lying(const char *how)
{
	return sysfs_streq(lie, how);
}

static void liar_respond(struct liar *l, u64 id, u8 operation)
{
	struct blkif64_rsp rsp = { .id = id, .operation = operation };

	if (lying("stray id"))
		rsp.id ^= 0x7777;
	if (lying("status"))
		rsp.status = 32767;
	if (lying("operation"))
		rsp.operation = 255;
	blkif64_back_respond(&l->ring, &rsp);
}

static void liar_work(struct work_struct *work)
{
	struct liar *l = container_of(work, struct liar, work);
	struct ring_shared *sh = l->shared;
	union blkif64_req req;
	struct blkif64_rsp last;
	unsigned int i;

	if (lying("silence"))
		return;
	do {
		while (blkif64_back_consume(&l->ring, &req)) {
			u8 operation = req.rw.operation == BLKIF_OP_INDIRECT ?
					       req.indirect.indirect_op :
					       req.rw.operation;

			if (operation != BLKIF_OP_WRITE || !lying("no writes"))
				liar_respond(l, req.rw.id, operation);
		}
		blkif64_back_publish(&l->ring);
		if (lying("ahead"))
			virt_store_release(&sh->rsp_prod,
					   sh->rsp_prod + l->ring.s.nr + 5);
		if (lying("back"))
			virt_store_release(&sh->rsp_prod, sh->rsp_prod - 2);
		if (lying("twice")) {
			last = blkif64_slot_(&l->ring.s,
					     l->ring.s.prod - 1)->rsp;
			blkif64_slot_(&l->ring.s, l->ring.s.prod)->rsp = last;
			virt_store_release(&sh->rsp_prod, sh->rsp_prod + 1);
		}
		notify_remote_via_irq(l->irq);
	} while (blkif64_back_arm(&l->ring));
	for (i = 0; lying("storm") && i < 20000; i++)
		notify_remote_via_irq(l->irq);
}

static irqreturn_t liar_event(int irq, void *data)
{
	struct liar *l = data;

	schedule_work(&l->work);
	xen_irq_lateeoi(irq, 0);
	return IRQ_HANDLED;
}

static void liar_disconnect(struct liar *l)
{
	if (l->irq)
		unbind_from_irqhandler(l->irq, l);
	l->irq = 0;
	cancel_work_sync(&l->work);
	if (l->shared)
		xenbus_unmap_ring_vfree(l->dev, l->shared);
	l->shared = NULL;
}

static void liar_write(struct liar *l, const char *key, const char *value)
{
	xenbus_printf(XBT_NIL, l->dev->nodename, key, "%s", value);
}

static int liar_connect(struct liar *l)
{
	const char *front = l->dev->otherend;
	unsigned int order = xenbus_read_unsigned(front, "ring-page-order", 0);
	unsigned int i, port = xenbus_read_unsigned(front, "event-channel", 0);
	grant_ref_t grefs[MAX_PAGES];
	char key[16];
	int irq;

	if (order > 4)
		return -EINVAL;
	for (i = 0; i < 1u << order; i++) {
		snprintf(key, sizeof(key), order ? "ring-ref%u" : "ring-ref",
			 i);
		grefs[i] = xenbus_read_unsigned(front, key, 0);
	}
	if (xenbus_map_ring_valloc(l->dev, grefs, 1u << order, &l->shared))
		return -EFAULT;
	blkif64_back_attach(&l->ring, l->shared, XEN_PAGE_SIZE << order);
	irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(l->dev, port,
							    liar_event, 0,
							    "liar", l);
	if (irq < 0)
		return irq;
	l->irq = irq;

	liar_write(l, "sectors", lying("sectors") ? "9223372036854775808" :
				 lying("no sectors") ? "0" : "65536");
	liar_write(l, "sector-size", lying("block") ? "3" :
				     lying("big block") ? "2147483648" : "512");
	liar_write(l, "physical-sector-size", lying("limits") ? "1" : "512");
	liar_write(l, "info", lying("limits") ? "4294967288" : "0");
	if (lying("limits")) {
		liar_write(l, "feature-max-indirect-segments", "4294967295");
		liar_write(l, "feature-discard", "77");
		liar_write(l, "discard-granularity", "7");
		liar_write(l, "discard-alignment", "4294967295");
		liar_write(l, "feature-flush-cache", "99");
		liar_write(l, "feature-persistent", "-1");
	}
	xenbus_switch_state(l->dev, XenbusStateConnected);
	schedule_work(&l->work);
	return 0;
}

/* Offers what there is to offer, and waits for the front end. */
static int liar_offer(struct liar *l)
{
	static const char * const key[] = {
		"feature-max-indirect-segments", "feature-discard",
		"discard-granularity", "discard-alignment",
		"feature-flush-cache", "feature-persistent",
	};
	unsigned int i;

	/* Of the back end before us, or of the lie before. */
	for (i = 0; i < ARRAY_SIZE(key); i++)
		xenbus_rm(XBT_NIL, l->dev->nodename, key[i]);
	liar_write(l, "max-ring-page-order", lying("limits") ? "30" : "4");
	liar_write(l, "multi-queue-max-queues", lying("limits") ? "0" : "1");
	return xenbus_switch_state(l->dev, XenbusStateInitWait);
}

static void liar_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct liar *l = dev_get_drvdata(&dev->dev);

	switch (state) {
	case XenbusStateInitialising:
		/* The next front end, for the next lie. */
		if (dev->state == XenbusStateInitWait)
			break;
		liar_disconnect(l);
		liar_offer(l);
		break;
	case XenbusStateInitialised:
		if (!l->shared && liar_connect(l))
			liar_disconnect(l);
		break;
	case XenbusStateClosed:
		/* The one that was there before us is not meant. */
		if (dev->state == XenbusStateInitWait)
			break;
		liar_disconnect(l);
		xenbus_switch_state(dev, XenbusStateClosed);
		break;
	default:
		break;
	}
}

static int liar_probe(struct xenbus_device *dev,
		      const struct xenbus_device_id *id)
{
	struct liar *l = kzalloc(sizeof(*l), GFP_KERNEL);

	if (!l)
		return -ENOMEM;
	l->dev = dev;
	INIT_WORK(&l->work, liar_work);
	dev_set_drvdata(&dev->dev, l);
	return liar_offer(l);
}

static void liar_remove(struct xenbus_device *dev)
{
	struct liar *l = dev_get_drvdata(&dev->dev);

	liar_disconnect(l);
	kfree(l);
}

static const struct xenbus_device_id liar_ids[] = {
	{ "vbd" },
	{ "" }
};

static struct xenbus_driver liar_driver = {
	.name = "tenon-hostile-back",
	.ids = liar_ids,
	.probe = liar_probe,
	.remove = liar_remove,
	.otherend_changed = liar_changed,
	.allow_rebind = true,
};

static int __init liar_init(void)
{
	return xenbus_register_backend(&liar_driver);
}
module_init(liar_init);

static void __exit liar_exit(void)
{
	xenbus_unregister_driver(&liar_driver);
}
module_exit(liar_exit);

MODULE_DESCRIPTION("Tenon: a block back end that lies");
MODULE_LICENSE("Dual MIT/GPL");
