// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_link.c - a connection to a back end, all by hand
 */
#include <linux/mm.h>
#include <linux/module.h>
#include <xen/page.h>

#include "../../lib/hostile_link.h"
#include "hostile.h"

static void link_write_optional(struct link *l, const char *key,
				const char *value)
{
	if (value)
		xenbus_printf(XBT_NIL, l->dev->nodename, key, "%s", value);
	else
		xenbus_rm(XBT_NIL, l->dev->nodename, key);
}

static bool link_make_ring(struct link *l)
{
	size_t bytes = HOSTILE_RING_PAGES * XEN_PAGE_SIZE;
	struct blkif64_front f;
	void *ring;
	int irq;

	if (xenbus_setup_ring(l->dev, GFP_KERNEL, &ring, HOSTILE_RING_PAGES,
			      l->grefs))
		return false;
	l->shared = ring;
	blkif64_front_init(&f, ring, bytes);
	l->slots = blkif64_ring_size(bytes);
	l->prod = 0;
	l->cons = 0;
	if (xenbus_alloc_evtchn(l->dev, &l->port))
		return false;
	irq = bind_evtchn_to_irqhandler_lateeoi(l->port, link_event, 0,
						"hostile", l);
	if (irq < 0)
		return false;
	l->irq = irq;
	return true;
}

/**
 * link_connect() - offer a ring and see what the back end says
 * @l: link, disconnected
 * @keys: what to get wrong
 *
 * Return: true if the back end has connected.
 */
bool link_connect(struct link *l, const struct link_keys *keys)
{
	if (!link_make_ring(l))
		return false;
	link_write(l->dev, "ring-page-order", keys->ring_page_order, 1);
	link_write(l->dev, "ring-ref0", keys->ring_ref, l->grefs[0]);
	link_write(l->dev, "ring-ref1", keys->ring_ref, l->grefs[1]);
	link_write(l->dev, "event-channel", keys->event_channel, l->port);
	link_write_optional(l, "protocol",
			    keys->protocol ?: "x86_64-abi");
	link_write_optional(l, "multi-queue-num-queues", keys->num_queues);
	link_write_optional(l, "feature-persistent", keys->persistent);
	link_write_optional(l, "feature-tenon-revoke", keys->revoke);
	xenbus_switch_state(l->dev, XenbusStateInitialised);
	if (link_wait(l->dev, XenbusStateConnected, XenbusStateClosing) !=
	    XenbusStateConnected)
		return false;
	xenbus_switch_state(l->dev, XenbusStateConnected);
	return true;
}

static void link_teardown(void *link)
{
	struct link *l = link;
	void *ring = l->shared;

	if (l->irq)
		unbind_from_irqhandler(l->irq, l);
	l->irq = 0;
	if (ring)
		xenbus_teardown_ring(&ring, HOSTILE_RING_PAGES, l->grefs);
	l->shared = NULL;
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
 * link_put() - write a request into the next slot
 * @l: link
 * @req: request
 */
void link_put(struct link *l, const union blkif64_req *req)
{
	union blkif64_slot *slots = (void *)(l->shared + 1);

	slots[l->prod++ & (l->slots - 1)].req = *req;
}

/**
 * link_publish() - show an index, right or wrong, and notify
 * @l: link
 * @req_prod: the index
 */
void link_publish(struct link *l, u32 req_prod)
{
	virt_store_release(&l->shared->req_prod, req_prod);
	notify_remote_via_irq(l->irq);
}

/**
 * link_answer() - wait for the next response
 * @l: link
 * @rsp: the response
 *
 * Return: false if none comes in good time.
 */
bool link_answer(struct link *l, struct blkif64_rsp *rsp)
{
	union blkif64_slot *slots = (void *)(l->shared + 1);
	unsigned int ms;

	for (ms = 0; virt_load_acquire(&l->shared->rsp_prod) == l->cons;
	     ms += 5) {
		if (ms > LINK_WAIT_MS)
			return false;
		msleep(5);
	}
	*rsp = slots[l->cons++ & (l->slots - 1)].rsp;
	return true;
}

int link_setup(struct link *l, struct xenbus_device *dev)
{
	memset(l, 0, sizeof(*l));
	l->dev = dev;
	l->data = alloc_page(GFP_KERNEL | __GFP_ZERO);
	if (!l->data)
		return -ENOMEM;
	l->data_gref = gnttab_grant_foreign_access(dev->otherend_id,
						   xen_page_to_gfn(l->data), 0);
	l->data_ro_gref = gnttab_grant_foreign_access(dev->otherend_id,
						      xen_page_to_gfn(l->data),
						      1);
	if (l->data_gref < 0 || l->data_ro_gref < 0)
		return -ENOSPC;
	return 0;
}

void link_cleanup(struct link *l)
{
	if (l->data_gref > 0)
		gnttab_end_foreign_access(l->data_gref, NULL);
	if (l->data_ro_gref > 0)
		gnttab_end_foreign_access(l->data_ro_gref, NULL);
	if (l->data)
		__free_page(l->data);
}
