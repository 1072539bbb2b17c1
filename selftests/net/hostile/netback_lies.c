// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * netback_lies.c - a network back end that lies
 *
 * It takes interfaces that have no driver, drops what is sent, and lies in the
 * way that its parameter names: once about what was received, or with every
 * answer to what was sent.  What the front end must make of each lie is in
 * net_tests.py.
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/workqueue.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>
#include <xen/xenbus.h>

#include "netif.h"
#include "ring.h"

RING_DEFINE(liartx, union netif_tx_slot, struct netif_tx_rsp);
RING_DEFINE(liarrx, struct netif_rx_req, union netif_rx_slot);

#define SLOTS 256

static char *lie = "none";
module_param(lie, charp, 0644);

/**
 * struct liar - one interface
 * @dev: xenbus device
 * @tx_page: the front end's transmit ring, mapped
 * @rx_page: its receive ring, mapped
 * @tx: back half of the former
 * @rx: back half of the latter
 * @extra: the next transmit slot is an extra
 * @told: the lie about what was received is told
 * @irq: event channel
 * @work: answers
 */
struct liar {
	struct xenbus_device *dev;
	void *tx_page;
	void *rx_page;
	struct liartx_back tx;
	struct liarrx_back rx;
	bool extra;
	bool told;
	int irq;
	struct work_struct work;
};

static bool lying(const char *how)
{
	return sysfs_streq(lie, how);
}

static void liar_respond(struct liar *l, const union netif_tx_slot *slot)
{
	struct netif_tx_rsp rsp = { .status = NETIF_RSP_NULL };

	if (l->extra) {
		l->extra = slot->extra.flags & NETIF_EXTRA_MORE;
	} else {
		l->extra = slot->req.flags & NETIF_TXF_EXTRA;
		rsp.id = slot->req.id;
		rsp.status = lying("tx status") ? -32768 :
			     lying("tx no extra") ? NETIF_RSP_NULL :
						    NETIF_RSP_OKAY;
	}
	if (lying("tx stray id"))
		rsp.id = 0x7777;
	if (lying("tx twice"))
		rsp.id = 0;
	liartx_back_respond(&l->tx, &rsp);
}

static void liar_transmit(struct liar *l)
{
	struct ring_shared *sh = l->tx_page;
	union netif_tx_slot slot;

	if (lying("tx silence"))
		return;
	do {
		while (liartx_back_consume(&l->tx, &slot))
			liar_respond(l, &slot);
		liartx_back_publish(&l->tx);
		if (lying("tx ahead"))
			virt_store_release(&sh->rsp_prod,
					   sh->rsp_prod + SLOTS + 5);
		/* Behind all that the front end may not have looked at yet. */
		if (lying("tx back"))
			virt_store_release(&sh->rsp_prod,
					   sh->rsp_prod - SLOTS - 5);
	} while (liartx_back_arm(&l->tx));
}

/* Says what the page of the next slot holds: zeros, in truth. */
static void liar_data(struct liar *l, int offset, int bytes, u16 flags)
{
	union netif_rx_slot slot = {};
	struct netif_rx_req req;

	if (!liarrx_back_consume(&l->rx, &req))
		return;
	slot.rsp.id = lying("id") ? req.id ^ 0x55 : req.id;
	slot.rsp.offset = offset;
	slot.rsp.flags = flags;
	slot.rsp.status = bytes;
	liarrx_back_respond(&l->rx, &slot);
}

static void liar_extra(struct liar *l, u8 type, u8 flags, u16 gso_size)
{
	union netif_rx_slot slot = {};
	struct netif_rx_req req;

	if (!liarrx_back_consume(&l->rx, &req))
		return;
	slot.extra.type = type;
	slot.extra.flags = flags;
	slot.extra.gso.type = NETIF_GSO_TCPV4;
	slot.extra.gso.size = gso_size;
	liarrx_back_respond(&l->rx, &slot);
}

static void liar_packet(struct liar *l)
{
	unsigned int i;

	if (lying("status")) {
		liar_data(l, 0, -32768, 0);
	} else if (lying("long")) {
		liar_data(l, 4000, 97, 0);
	} else if (lying("offset")) {
		liar_data(l, 65535, 32767, 0);
	} else if (lying("empty")) {
		liar_data(l, 0, 0, 0);
	} else if (lying("short")) {
		liar_data(l, 0, 13, 0);
	} else if (lying("many parts")) {
		for (i = 0; i < 40; i++)
			liar_data(l, 0, 4096, NETIF_RXF_MORE);
		liar_data(l, 0, 4096, 0);
	} else if (lying("checksum")) {
		liar_data(l, 0, 60, NETIF_RXF_CSUM_BLANK);
	} else if (lying("gso")) {
		liar_data(l, 0, 4096, NETIF_RXF_EXTRA | NETIF_RXF_CSUM_BLANK);
		liar_extra(l, NETIF_EXTRA_GSO, 0, 100);
	} else if (lying("gso size")) {
		liar_data(l, 0, 4096, NETIF_RXF_EXTRA | NETIF_RXF_CSUM_BLANK);
		liar_extra(l, NETIF_EXTRA_GSO, 0, 0);
	} else if (lying("extra kind")) {
		liar_data(l, 0, 60, NETIF_RXF_EXTRA);
		liar_extra(l, 200, 0, 100);
	} else if (lying("no extra")) {
		liar_data(l, 0, 60, NETIF_RXF_EXTRA);
	} else if (lying("extras")) {
		liar_data(l, 0, 60, NETIF_RXF_EXTRA);
		for (i = 0; i < 20; i++)
			liar_extra(l, NETIF_EXTRA_GSO, NETIF_EXTRA_MORE, 100);
	} else if (lying("no end")) {
		liar_data(l, 0, 60, NETIF_RXF_MORE);
	} else {
		liar_data(l, 0, 60, 0);
	}
}

/* Once all pages are there. */
static void liar_receive(struct liar *l)
{
	struct ring_shared *sh = l->rx_page;

	if (l->told || liarrx_back_pending(&l->rx) < SLOTS)
		return;
	l->told = true;
	liar_packet(l);
	liarrx_back_publish(&l->rx);
	if (lying("ahead"))
		virt_store_release(&sh->rsp_prod, sh->rsp_prod + SLOTS + 5);
	if (lying("back"))
		virt_store_release(&sh->rsp_prod, sh->rsp_prod - 2);
}

static void liar_work(struct work_struct *work)
{
	struct liar *l = container_of(work, struct liar, work);
	unsigned int i;

	liar_receive(l);
	liar_transmit(l);
	for (i = 0; i < (lying("storm") ? 20000 : 1); i++)
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
	if (l->tx_page)
		xenbus_unmap_ring_vfree(l->dev, l->tx_page);
	if (l->rx_page)
		xenbus_unmap_ring_vfree(l->dev, l->rx_page);
	l->tx_page = NULL;
	l->rx_page = NULL;
}

static int liar_map(struct liar *l, const char *key, void **page)
{
	grant_ref_t gref = xenbus_read_unsigned(l->dev->otherend, key, 0);

	return xenbus_map_ring_valloc(l->dev, &gref, 1, page);
}

static int liar_connect(struct liar *l)
{
	unsigned int port;
	int irq;

	if (liar_map(l, "tx-ring-ref", &l->tx_page) ||
	    liar_map(l, "rx-ring-ref", &l->rx_page))
		return -EFAULT;
	liartx_back_attach(&l->tx, l->tx_page, XEN_PAGE_SIZE);
	liarrx_back_attach(&l->rx, l->rx_page, XEN_PAGE_SIZE);
	l->extra = false;
	l->told = false;
	port = xenbus_read_unsigned(l->dev->otherend, "event-channel", 0);
	irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(l->dev, port,
							    liar_event, 0,
							    "liar", l);
	if (irq < 0)
		return irq;
	l->irq = irq;
	xenbus_switch_state(l->dev, XenbusStateConnected);
	schedule_work(&l->work);
	return 0;
}

/* Offers what there is to offer, and waits for the front end. */
static int liar_offer(struct xenbus_device *dev)
{
	static const char * const key[] = {
		"feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6",
		"feature-ipv6-csum-offload",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(key); i++)
		xenbus_write(XBT_NIL, dev->nodename, key[i],
			     lying("limits") ? "-1" : "1");
	xenbus_write(XBT_NIL, dev->nodename, "feature-rx-copy",
		     lying("no copy") ? "0" : "1");
	xenbus_write(XBT_NIL, dev->nodename, "feature-split-event-channels",
		     "0");
	xenbus_write(XBT_NIL, dev->nodename, "multi-queue-max-queues",
		     lying("limits") ? "0" : "1");
	return xenbus_switch_state(dev, XenbusStateInitWait);
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
		liar_offer(dev);
		break;
	case XenbusStateConnected:
		if (!l->tx_page && liar_connect(l))
			liar_disconnect(l);
		break;
	case XenbusStateClosing:
		if (l->tx_page || lying("no copy"))
			xenbus_switch_state(dev, XenbusStateClosing);
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
	return liar_offer(dev);
}

static void liar_remove(struct xenbus_device *dev)
{
	struct liar *l = dev_get_drvdata(&dev->dev);

	liar_disconnect(l);
	kfree(l);
}

static const struct xenbus_device_id liar_ids[] = {
	{ "vif" },
	{ "" }
};

static struct xenbus_driver liar_driver = {
	.name = "tenon-hostile-netback",
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

MODULE_DESCRIPTION("Tenon: a network back end that lies");
MODULE_LICENSE("Dual MIT/GPL");
