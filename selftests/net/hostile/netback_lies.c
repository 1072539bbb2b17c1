// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * netback_lies.c - a network back end that lies
 *
 * It drops what is sent, and lies once about what was received, or with every
 * answer to what was sent.  What the front end must make of each lie is in
 * net_tests.py.
 */
#include <linux/module.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "../../lib/liar.h"
#include "netif.h"
#include "ring.h"

RING_DEFINE(liartx, union netif_tx_slot, struct netif_tx_rsp);
RING_DEFINE(liarrx, struct netif_rx_req, union netif_rx_slot);
RING_DEFINE(liarctrl, struct netif_ctrl_req, struct netif_ctrl_rsp);

#define SLOTS 256

/**
 * struct card - one interface
 * @liar: its device
 * @tx_page: the front end's transmit ring, mapped
 * @rx_page: its receive ring, mapped
 * @ctrl_page: its control ring, mapped
 * @ctrl_irq: its event channel
 * @tx: back half of the former
 * @rx: back half of the second
 * @ctrl: back half of the last
 * @extra: the next transmit slot is an extra
 * @told: the lie about what was received is told
 */
struct card {
	struct liar liar;
	void *tx_page;
	void *rx_page;
	void *ctrl_page;
	int ctrl_irq;
	struct liartx_back tx;
	struct liarrx_back rx;
	struct liarctrl_back ctrl;
	bool extra;
	bool told;
};

static struct card *card_of(struct liar *l)
{
	return container_of(l, struct card, liar);
}

static void card_respond(struct card *c, const union netif_tx_slot *slot)
{
	struct netif_tx_rsp rsp = { .status = NETIF_RSP_NULL };

	if (c->extra) {
		c->extra = slot->extra.flags & NETIF_EXTRA_MORE;
	} else {
		c->extra = slot->req.flags & NETIF_TXF_EXTRA;
		rsp.id = slot->req.id;
		rsp.status = lying("tx status") ? -32768 :
			     lying("tx no extra") ? NETIF_RSP_NULL :
						    NETIF_RSP_OKAY;
	}
	if (lying("tx stray id"))
		rsp.id = 0x7777;
	if (lying("tx twice"))
		rsp.id = 0;
	liartx_back_respond(&c->tx, &rsp);
}

static void card_transmit(struct card *c)
{
	struct ring_shared *sh = c->tx_page;
	union netif_tx_slot slot;

	if (lying("tx silence"))
		return;
	do {
		while (liartx_back_consume(&c->tx, &slot))
			card_respond(c, &slot);
		liartx_back_publish(&c->tx);
		if (lying("tx ahead"))
			virt_store_release(&sh->rsp_prod,
					   sh->rsp_prod + SLOTS + 5);
		/* Behind all that the front end may not have looked at yet. */
		if (lying("tx back"))
			virt_store_release(&sh->rsp_prod,
					   sh->rsp_prod - SLOTS - 5);
	} while (liartx_back_arm(&c->tx));
}

/* Says what the page of the next slot holds: zeros, in truth. */
static void card_data(struct card *c, int offset, int bytes, u16 flags)
{
	union netif_rx_slot slot = {};
	struct netif_rx_req req;

	if (!liarrx_back_consume(&c->rx, &req))
		return;
	slot.rsp.id = lying("id") ? req.id ^ 0x55 : req.id;
	slot.rsp.offset = offset;
	slot.rsp.flags = flags;
	slot.rsp.status = bytes;
	liarrx_back_respond(&c->rx, &slot);
}

static void card_extra(struct card *c, u8 type, u8 flags, u16 gso_size)
{
	union netif_rx_slot slot = {};
	struct netif_rx_req req;

	if (!liarrx_back_consume(&c->rx, &req))
		return;
	slot.extra.type = type;
	slot.extra.flags = flags;
	slot.extra.gso.type = NETIF_GSO_TCPV4;
	slot.extra.gso.size = gso_size;
	liarrx_back_respond(&c->rx, &slot);
}

static void card_packet(struct card *c)
{
	unsigned int i;

	if (lying("status")) {
		card_data(c, 0, -32768, 0);
	} else if (lying("long")) {
		card_data(c, 4000, 97, 0);
	} else if (lying("offset")) {
		card_data(c, 65535, 32767, 0);
	} else if (lying("empty")) {
		card_data(c, 0, 0, 0);
	} else if (lying("short")) {
		card_data(c, 0, 13, 0);
	} else if (lying("many parts")) {
		for (i = 0; i < 40; i++)
			card_data(c, 0, 4096, NETIF_RXF_MORE);
		card_data(c, 0, 4096, 0);
	} else if (lying("checksum")) {
		card_data(c, 0, 60, NETIF_RXF_CSUM_BLANK);
	} else if (lying("gso")) {
		card_data(c, 0, 4096, NETIF_RXF_EXTRA | NETIF_RXF_CSUM_BLANK);
		card_extra(c, NETIF_EXTRA_GSO, 0, 100);
	} else if (lying("gso size")) {
		card_data(c, 0, 4096, NETIF_RXF_EXTRA | NETIF_RXF_CSUM_BLANK);
		card_extra(c, NETIF_EXTRA_GSO, 0, 0);
	} else if (lying("extra kind")) {
		card_data(c, 0, 60, NETIF_RXF_EXTRA);
		card_extra(c, 200, 0, 100);
	} else if (lying("headroom")) {
		card_data(c, 0, 60, NETIF_RXF_EXTRA);
		card_extra(c, NETIF_EXTRA_XDP, 0, 60);
	} else if (lying("headroom twice")) {
		card_data(c, 16, 60, NETIF_RXF_EXTRA);
		card_extra(c, NETIF_EXTRA_XDP, NETIF_EXTRA_MORE, 16);
		card_extra(c, NETIF_EXTRA_XDP, 0, 16);
	} else if (lying("no extra")) {
		card_data(c, 0, 60, NETIF_RXF_EXTRA);
	} else if (lying("extras")) {
		card_data(c, 0, 60, NETIF_RXF_EXTRA);
		for (i = 0; i < 20; i++)
			card_extra(c, NETIF_EXTRA_GSO, NETIF_EXTRA_MORE, 100);
	} else if (lying("no end")) {
		card_data(c, 0, 60, NETIF_RXF_MORE);
	} else {
		card_data(c, 0, 60, 0);
	}
}

/* Once all pages are there. */
static void card_receive(struct card *c)
{
	struct ring_shared *sh = c->rx_page;

	if (c->told || liarrx_back_pending(&c->rx) < SLOTS)
		return;
	c->told = true;
	card_packet(c);
	liarrx_back_publish(&c->rx);
	if (lying("ahead"))
		virt_store_release(&sh->rsp_prod, sh->rsp_prod + SLOTS + 5);
	if (lying("back"))
		virt_store_release(&sh->rsp_prod, sh->rsp_prod - 2);
}

/* Says that pages are mapped, which they are not. */
static void card_control(struct card *c)
{
	struct ring_shared *sh = c->ctrl_page;
	struct netif_ctrl_req req;

	if (!c->ctrl_page || lying("ctrl silence"))
		return;
	while (liarctrl_back_consume(&c->ctrl, &req)) {
		struct netif_ctrl_rsp rsp = { .id = req.id, .type = req.type };

		if (req.type == NETIF_CTRL_GET_GREF_MAPPING_SIZE)
			rsp.data = lying("ctrl size") ? 0xffffffff : 2048;
		if (lying("ctrl id"))
			rsp.id ^= 0x55;
		if (lying("ctrl status"))
			rsp.status = 0x80000000;
		liarctrl_back_respond(&c->ctrl, &rsp);
		liarctrl_back_publish(&c->ctrl);
		if (lying("ctrl ahead"))
			virt_store_release(&sh->rsp_prod, sh->rsp_prod + SLOTS);
		notify_remote_via_irq(c->ctrl_irq);
	}
	liarctrl_back_arm(&c->ctrl);
}

static irqreturn_t card_event(int irq, void *data)
{
	struct card *c = data;

	schedule_work(&c->liar.work);
	xen_irq_lateeoi(irq, 0);
	return IRQ_HANDLED;
}

static void card_answer(struct liar *l)
{
	struct card *c = card_of(l);
	unsigned int i;

	/* the control ring's events come early; they are not forgotten */
	if (!l->connected)
		return;
	card_control(c);
	card_receive(c);
	card_transmit(c);
	for (i = 0; i < (lying("storm") ? 20000 : 1); i++)
		notify_remote_via_irq(l->irq);
}

static void card_unmap(struct liar *l)
{
	struct card *c = card_of(l);

	if (c->ctrl_irq > 0)
		unbind_from_irqhandler(c->ctrl_irq, c);
	c->ctrl_irq = 0;
	cancel_work_sync(&l->work);
	if (c->ctrl_page)
		xenbus_unmap_ring_vfree(l->dev, c->ctrl_page);
	c->ctrl_page = NULL;
	if (c->tx_page)
		xenbus_unmap_ring_vfree(l->dev, c->tx_page);
	if (c->rx_page)
		xenbus_unmap_ring_vfree(l->dev, c->rx_page);
	c->tx_page = NULL;
	c->rx_page = NULL;
}

static int card_map_ctrl(struct card *c)
{
	struct liar *l = &c->liar;
	grant_ref_t ref = liar_read(l, "ctrl-ring-ref");

	if (!ref)
		return 0;
	if (xenbus_map_ring_valloc(l->dev, &ref, 1, &c->ctrl_page))
		return -EFAULT;
	liarctrl_back_attach(&c->ctrl, c->ctrl_page, XEN_PAGE_SIZE);
	c->ctrl_irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(
		l->dev, liar_read(l, "event-channel-ctrl"), card_event, 0,
		"liar-ctrl", c);
	return min(c->ctrl_irq, 0);
}

static int card_map(struct liar *l)
{
	grant_ref_t tx = liar_read(l, "tx-ring-ref");
	grant_ref_t rx = liar_read(l, "rx-ring-ref");
	struct card *c = card_of(l);

	if (xenbus_map_ring_valloc(l->dev, &tx, 1, &c->tx_page) ||
	    xenbus_map_ring_valloc(l->dev, &rx, 1, &c->rx_page))
		return -EFAULT;
	liartx_back_attach(&c->tx, c->tx_page, XEN_PAGE_SIZE);
	liarrx_back_attach(&c->rx, c->rx_page, XEN_PAGE_SIZE);
	c->extra = false;
	c->told = false;
	return card_map_ctrl(c);
}

static void card_offer(struct liar *l)
{
	static const char * const key[] = {
		"feature-sg", "feature-gso-tcpv4", "feature-gso-tcpv6",
		"feature-ipv6-csum-offload",
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(key); i++)
		liar_write(l, key[i], lying("limits") ? "-1" : "1");
	liar_write(l, "feature-rx-copy", lying("no copy") ? "0" : "1");
	liar_write(l, "feature-split-event-channels", "0");
	liar_write(l, "feature-ctrl-ring", "1");
	liar_write(l, "multi-queue-max-queues", lying("limits") ? "0" : "1");
}

/* One that refuses what is offered waits for us. */
static bool card_closing(struct liar *l)
{
	return l->connected || lying("no copy");
}

static const struct xenbus_device_id card_ids[] = {
	{ "vif" },
	{ "" }
};

struct liar_kind liar_kind = {
	.driver = { .name = "tenon-hostile-netback", .ids = card_ids },
	.size = sizeof(struct card),
	.shown = XenbusStateConnected,
	.offer = card_offer,
	.map = card_map,
	.unmap = card_unmap,
	.answer = card_answer,
	.closing = card_closing,
};

MODULE_DESCRIPTION("Tenon: a network back end that lies");
MODULE_LICENSE("Dual MIT/GPL");
