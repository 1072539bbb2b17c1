// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * netfront_ctrl.c - what a hostile front end may try with the control ring
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "../../lib/cases.h"
#include "../../lib/hostile_link.h"
#include "netfront_link.h"

/* More than any back end keeps mapped. */
#define TOO_MANY 8192

#define NO_ANSWER (-99)

union ctrl_slot {
	struct netif_ctrl_req req;
	struct netif_ctrl_rsp rsp;
};

/**
 * ctrl_make() - make a control ring and write where it is
 * @l: link
 * @keys: what to get wrong
 */
bool ctrl_make(struct link *l, const struct link_keys *keys)
{
	struct link_ctrl *c = &l->ctrl;

	memset(c, 0, sizeof(*c));
	if (xenbus_setup_ring(l->dev, GFP_KERNEL, &c->page, 1, &c->ref) ||
	    xenbus_setup_ring(l->dev, GFP_KERNEL, (void **)&c->list, 1,
			      &c->list_ref) ||
	    xenbus_alloc_evtchn(l->dev, &c->port))
		return false;
	c->shared = c->page;
	c->shared->req_event = 1;
	c->shared->rsp_event = 1;
	c->irq = bind_evtchn_to_irqhandler_lateeoi(c->port, link_event, 0,
						   "hostile-ctrl", l);
	link_write(l->dev, "ctrl-ring-ref", keys->ctrl_ring_ref, c->ref);
	link_write(l->dev, "event-channel-ctrl", keys->ctrl_port, c->port);
	return c->irq > 0;
}

/**
 * ctrl_free() - undo ctrl_make(), whole or in part
 * @l: link
 */
void ctrl_free(struct link *l)
{
	struct link_ctrl *c = &l->ctrl;

	if (c->irq > 0)
		unbind_from_irqhandler(c->irq, l);
	c->irq = 0;
	if (c->list)
		xenbus_teardown_ring((void **)&c->list, 1, &c->list_ref);
	if (c->page)
		xenbus_teardown_ring(&c->page, 1, &c->ref);
}

/**
 * ctrl_publish() - show an index, right or wrong, and notify
 * @l: link
 * @req_prod: the index
 */
void ctrl_publish(struct link *l, u32 req_prod)
{
	virt_store_release(&l->ctrl.shared->req_prod, req_prod);
	notify_remote_via_irq(l->ctrl.irq);
}

/**
 * ctrl_ask() - make a request and wait for its answer
 * @l: link
 * @type: of the request
 * @a: its data
 * @b: its data
 * @c: its data
 *
 * Return: what the back end answers, a negative status, or NO_ANSWER.
 */
int ctrl_ask(struct link *l, u16 type, u32 a, u32 b, u32 c)
{
	union ctrl_slot *slots = (void *)(l->ctrl.shared + 1);
	struct netif_ctrl_rsp rsp;
	unsigned int ms;

	slots[l->ctrl.prod++ % LINK_CTRL_SLOTS].req = (struct netif_ctrl_req) {
		.id = 0x5eed, .type = type, .data = { a, b, c },
	};
	ctrl_publish(l, l->ctrl.prod);
	for (ms = 0;
	     virt_load_acquire(&l->ctrl.shared->rsp_prod) == l->ctrl.cons;
	     ms += 5) {
		if (ms > LINK_WAIT_MS)
			return NO_ANSWER;
		msleep(5);
	}
	rsp = slots[l->ctrl.cons++ % LINK_CTRL_SLOTS].rsp;
	if (rsp.id != 0x5eed || rsp.type != type)
		return NO_ANSWER;
	return rsp.status ? -(int)rsp.status : (int)rsp.data;
}

/**
 * ctrl_list() - make a request about the first entries of the list
 * @l: link
 * @type: of the request
 * @n: how many
 */
int ctrl_list(struct link *l, u16 type, unsigned int n)
{
	return ctrl_ask(l, type, 0, l->ctrl.list_ref, n);
}

static void put(struct link *l, unsigned int i, u32 gref, u16 flags)
{
	l->ctrl.list[i] = (struct netif_gref) {
		.gref = gref, .flags = flags, .status = 77,
	};
}

#define SIZE NETIF_CTRL_GET_GREF_MAPPING_SIZE
#define ADD NETIF_CTRL_ADD_GREF_MAPPING
#define DEL NETIF_CTRL_DEL_GREF_MAPPING
#define RO NETIF_GREF_READONLY

/* Requests that mean nothing. */
void ctrl_nonsense(struct link *l)
{
	static const u16 type[] = { 0, 11, 77, 65535 };
	u32 ref = l->ctrl.list_ref;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(type); i++)
		EXPECT(ctrl_ask(l, type[i], 0, ref, 1) ==
		       -NETIF_CTRL_NOT_SUPPORTED);
	EXPECT(ctrl_ask(l, SIZE, 0, 0, 0) > LINK_SLOTS);
	EXPECT(ctrl_ask(l, SIZE, 1, 0, 0) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, SIZE, 0xffffffff, 0, 0) == -NETIF_CTRL_INVALID);
	put(l, 0, l->gref, 0);
	EXPECT(ctrl_ask(l, ADD, 1, ref, 1) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, ADD, 0x80000000, ref, 1) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, DEL, 1, ref, 1) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, ADD, 0, ref, 0) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, ADD, 0, ref, 513) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, ADD, 0, ref, 0xffffffff) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, DEL, 0, ref, 0x20000001) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, ADD, 0, 0x7fffffff, 1) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, DEL, 0, 0x7fffffff, 1) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_ask(l, DEL, 0, ref, 1) == 0);
	EXPECT(l->ctrl.list[0].status == NETIF_CTRL_INVALID);
}

/* One bad grant among good ones: none is mapped. */
void ctrl_bad_lists(struct link *l)
{
	put(l, 0, l->gref, 0);
	put(l, 1, 0x7fffffff, 0);
	put(l, 2, l->ro_gref, RO);
	EXPECT(ctrl_list(l, ADD, 3) == -NETIF_CTRL_INVALID);
	put(l, 1, 9999, RO);
	EXPECT(ctrl_list(l, ADD, 3) == -NETIF_CTRL_INVALID);
	put(l, 1, l->ro_gref, 0);
	EXPECT(ctrl_list(l, ADD, 2) == -NETIF_CTRL_INVALID);
	put(l, 1, l->ro_gref, RO);
	EXPECT(ctrl_list(l, DEL, 2) == 0);
	EXPECT(ctrl_list(l, ADD, 2) >= 0);
	EXPECT(ctrl_list(l, DEL, 2) == 2);
	EXPECT(!l->ctrl.list[0].status && !l->ctrl.list[1].status);
}

/* The same page again. */
void ctrl_twice(struct link *l)
{
	put(l, 0, l->gref, 0);
	put(l, 1, l->gref, 0);
	EXPECT(ctrl_list(l, ADD, 2) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_list(l, ADD, 1) >= 0);
	EXPECT(ctrl_list(l, ADD, 1) == -NETIF_CTRL_INVALID);
	EXPECT(ctrl_list(l, DEL, 2) == 1);
	EXPECT(l->ctrl.list[1].status == NETIF_CTRL_INVALID);
	EXPECT(ctrl_list(l, DEL, 1) == 0);
}

/* A page that is mapped for reading only is nothing to receive into. */
void ctrl_readonly(struct link *l)
{
	union netif_rx_slot rsp;
	unsigned int i;

	put(l, 0, l->ro_gref, RO);
	EXPECT(ctrl_list(l, ADD, 1) >= 0);
	for (i = 0; i < 30; i++)
		link_post(l, l->ro_gref);
	link_publish_rx(l, l->rx.prod);
	EXPECT(link_receive(l, &rsp) && rsp.rsp.status == NETIF_RSP_ERROR);
}

/* Page after page, as many as the back end takes, and then we leave. */
void ctrl_too_many(struct link *l)
{
	int room = ctrl_ask(l, SIZE, 0, 0, 0);
	unsigned int i, nr = 0, made = 0;
	int *gref;

	EXPECT(room > 0 && room < TOO_MANY - NETIF_GREF_LIST);
	gref = kvcalloc(TOO_MANY, sizeof(*gref), GFP_KERNEL);
	while (gref && made < TOO_MANY) {
		for (i = 0; i < NETIF_GREF_LIST; i++, made++) {
			gref[made] = gnttab_grant_foreign_access(
				l->dev->otherend_id, xen_page_to_gfn(l->data),
				made % 2);
			if (gref[made] < 0)
				break;
			put(l, i, gref[made], made % 2 ? RO : 0);
		}
		if (i < NETIF_GREF_LIST || ctrl_list(l, ADD, i) < 0)
			break;
		nr += i;
	}
	EXPECT(nr <= room && nr > room - NETIF_GREF_LIST);
	for (i = 0; i < made; i++)
		/* those that are mapped are freed when they no longer are */
		gnttab_end_foreign_access(gref[i], NULL);
	kvfree(gref);
}

/* Each is answered, at the back end's own pace. */
void ctrl_many(struct link *l)
{
	unsigned int i;

	for (i = 0; i < 300; i++)
		EXPECT(ctrl_ask(l, 0, 0, 0, 0) == -NETIF_CTRL_NOT_SUPPORTED);
}

/* An index ahead of the ring. */
void ctrl_ahead(struct link *l)
{
	ctrl_publish(l, l->ctrl.prod + LINK_CTRL_SLOTS + 1);
	EXPECT(link_given_up(l));
}
