// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * netfront_link.c - a connection to a network back end, all by hand
 */
#include <linux/etherdevice.h>
#include <linux/mm.h>
#include <xen/page.h>

#include "../../lib/hostile_link.h"
#include "netfront_link.h"

static bool link_make_ring(struct link *l, struct link_ring *ring)
{
	if (xenbus_setup_ring(l->dev, GFP_KERNEL, &ring->page, 1, &ring->ref))
		return false;
	ring->shared = ring->page;
	ring->shared->req_event = 1;
	ring->shared->rsp_event = 1;
	ring->prod = 0;
	ring->cons = 0;
	return true;
}

static bool link_make_rings(struct link *l)
{
	if (!link_make_ring(l, &l->tx) || !link_make_ring(l, &l->rx))
		return false;
	if (xenbus_alloc_evtchn(l->dev, &l->port))
		return false;
	l->irq = bind_evtchn_to_irqhandler_lateeoi(l->port, link_event, 0,
						   "hostile", l);
	return l->irq > 0;
}

/*
 * A second queue with pages to receive into, so many that it needs no event.
 * Multi-queue keys have directories of their own.
 */
static bool link_add_queue(struct link *l)
{
	const struct link_ring *tx[] = { &l->tx, &l->tx_two };
	const struct link_ring *rx[] = { &l->rx, &l->rx_two };
	unsigned int i;
	char path[64];

	if (!link_make_ring(l, &l->tx_two) || !link_make_ring(l, &l->rx_two) ||
	    xenbus_alloc_evtchn(l->dev, &l->port_two))
		return false;
	swap(l->rx, l->rx_two);
	for (i = 0; i < LINK_TWO_ROOM; i++)
		link_post(l, l->gref);
	l->rx.shared->req_prod = l->rx.prod;
	swap(l->rx, l->rx_two);
	for (i = 0; i < 2; i++) {
		snprintf(path, sizeof(path), "%s/queue-%u", l->dev->nodename, i);
		xenbus_printf(XBT_NIL, path, "tx-ring-ref", "%u", tx[i]->ref);
		xenbus_printf(XBT_NIL, path, "rx-ring-ref", "%u", rx[i]->ref);
		xenbus_printf(XBT_NIL, path, "event-channel", "%u",
			      i ? l->port_two : l->port);
	}
	return true;
}

/**
 * link_connect() - offer rings and see what the back end says
 * @l: link, disconnected
 * @keys: what to get wrong
 *
 * Return: true if the back end has connected.
 */
bool link_connect(struct link *l, const struct link_keys *keys)
{
	xenbus_rm(XBT_NIL, l->dev->nodename, "queue-0");
	xenbus_rm(XBT_NIL, l->dev->nodename, "queue-1");
	if (!link_make_rings(l) || !ctrl_make(l, keys) ||
	    (keys->two_queues && !link_add_queue(l)))
		return false;
	xenbus_rm(XBT_NIL, l->dev->nodename, "event-channel-tx");
	xenbus_rm(XBT_NIL, l->dev->nodename, "event-channel-rx");
	link_write(l->dev, "tx-ring-ref", keys->tx_ring_ref, l->tx.ref);
	link_write(l->dev, "rx-ring-ref", keys->rx_ring_ref, l->rx.ref);
	link_write(l->dev, "event-channel", keys->event_channel, l->port);
	link_write(l->dev, "multi-queue-num-queues", keys->num_queues,
		   keys->two_queues ? 2 : 1);
	link_write(l->dev, "request-rx-copy", keys->rx_copy, 1);
	link_write(l->dev, "feature-rx-notify", keys->rx_notify, 1);
	link_write(l->dev, "feature-sg", keys->no_sg, 1);
	link_write(l->dev, "feature-gso-tcpv4", keys->gso, 1);
	link_write(l->dev, "feature-gso-tcpv6", keys->gso, 1);
	link_write(l->dev, "xdp-headroom", keys->headroom, 0);
	xenbus_switch_state(l->dev, XenbusStateConnected);
	return link_wait(l->dev, XenbusStateConnected, XenbusStateClosing) ==
	       XenbusStateConnected;
}

static void link_teardown(void *link)
{
	struct link *l = link;

	if (l->irq > 0)
		unbind_from_irqhandler(l->irq, l);
	l->irq = 0;
	if (l->tx.page)
		xenbus_teardown_ring(&l->tx.page, 1, &l->tx.ref);
	if (l->rx.page)
		xenbus_teardown_ring(&l->rx.page, 1, &l->rx.ref);
	if (l->tx_two.page)
		xenbus_teardown_ring(&l->tx_two.page, 1, &l->tx_two.ref);
	if (l->rx_two.page)
		xenbus_teardown_ring(&l->rx_two.page, 1, &l->rx_two.ref);
	if (l->port_two)
		xenbus_free_evtchn(l->dev, l->port_two);
	l->port_two = 0;
	ctrl_free(l);
}

/**
 * link_disconnect() - close and be ready to connect again
 * @l: link, in whatever state
 *
 * Return: true if the back end followed.
 */
bool link_disconnect(struct link *l)
{
	return link_close(l->dev, link_teardown, l);
}

/**
 * link_put() - write a request into the next transmit slot
 * @l: link
 * @slot: request
 */
void link_put(struct link *l, const union netif_tx_slot *slot)
{
	union link_tx *slots = (void *)(l->tx.shared + 1);

	slots[l->tx.prod++ % LINK_SLOTS].req = *slot;
}

/**
 * link_publish() - show a transmit index, right or wrong, and notify
 * @l: link
 * @req_prod: the index
 */
void link_publish(struct link *l, u32 req_prod)
{
	virt_store_release(&l->tx.shared->req_prod, req_prod);
	notify_remote_via_irq(l->irq);
}

/**
 * link_answer() - wait for the next transmit response
 * @l: link
 * @rsp: the response
 *
 * Return: false if none comes in good time.
 */
bool link_answer(struct link *l, struct netif_tx_rsp *rsp)
{
	union link_tx *slots = (void *)(l->tx.shared + 1);
	unsigned int ms;

	for (ms = 0; virt_load_acquire(&l->tx.shared->rsp_prod) == l->tx.cons;
	     ms += 5) {
		if (ms > LINK_WAIT_MS)
			return false;
		msleep(5);
	}
	*rsp = slots[l->tx.cons++ % LINK_SLOTS].rsp;
	return true;
}

/**
 * link_post() - post a page to receive into
 * @l: link
 * @gref: its grant, or what pretends to be one
 */
void link_post(struct link *l, u32 gref)
{
	union link_rx *slots = (void *)(l->rx.shared + 1);
	u32 i = l->rx.prod++ % LINK_SLOTS;

	slots[i].req.id = i;
	slots[i].req.gref = gref;
}

/**
 * link_publish_rx() - show a receive index, right or wrong, and notify
 * @l: link
 * @req_prod: the index
 */
void link_publish_rx(struct link *l, u32 req_prod)
{
	virt_store_release(&l->rx.shared->req_prod, req_prod);
	notify_remote_via_irq(l->irq);
}

/**
 * link_receive() - wait for the next receive response
 * @l: link
 * @rsp: the response
 *
 * Return: false if none comes in good time.
 */
bool link_receive(struct link *l, union netif_rx_slot *rsp)
{
	union link_rx *slots = (void *)(l->rx.shared + 1);
	unsigned int ms;

	for (ms = 0; virt_load_acquire(&l->rx.shared->rsp_prod) == l->rx.cons;
	     ms += 5) {
		if (ms > LINK_WAIT_MS)
			return false;
		msleep(5);
	}
	*rsp = slots[l->rx.cons++ % LINK_SLOTS].rsp;
	return true;
}

/**
 * link_given_up() - has the back end given us up?
 * @l: link
 *
 * Return: true if nothing is answered any more.
 */
bool link_given_up(struct link *l)
{
	u32 before;

	msleep(1000);
	before = READ_ONCE(l->tx.shared->rsp_prod);
	l->tx.prod++;
	link_publish(l, l->tx.prod);
	msleep(1000);
	return READ_ONCE(l->tx.shared->rsp_prod) == before;
}

/**
 * link_setup() - get a page with a sound frame in it
 * @l: link; overwritten
 * @dev: xenbus device
 */
int link_setup(struct link *l, struct xenbus_device *dev)
{
	struct ethhdr *eth;

	memset(l, 0, sizeof(*l));
	l->dev = dev;
	l->data = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!l->data)
		return -ENOMEM;
	eth = page_address(l->data);
	eth_broadcast_addr(eth->h_dest);
	memcpy(eth->h_source, "\x02\x00\x00\x00\x00\x66", ETH_ALEN);
	eth->h_proto = htons(0x88b5); /* for local experiments */
	l->gref = gnttab_grant_foreign_access(dev->otherend_id,
					      xen_page_to_gfn(l->data), 0);
	l->ro_gref = gnttab_grant_foreign_access(dev->otherend_id,
						 xen_page_to_gfn(l->data), 1);
	return l->gref < 0 || l->ro_gref < 0 ? -ENOSPC : 0;
}

/**
 * link_cleanup() - undo link_setup(), whole or in part
 * @l: link, disconnected
 */
void link_cleanup(struct link *l)
{
	if (l->gref > 0)
		gnttab_end_foreign_access(l->gref, NULL);
	if (l->ro_gref > 0)
		gnttab_end_foreign_access(l->ro_gref, NULL);
	if (l->data)
		__free_page(l->data);
}
