// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_back.c - a block back end that lies
 *
 * It serves no data.  What the front end must make of each lie is in
 * blk_system.py.
 */
#include <linux/module.h>
#include <xen/events.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "../../../ring/blkif.h"
#include "../../lib/liar.h"

#define MAX_PAGES 16
/* Grants that are mapped when they are revoked. */
#define MAX_HELD 64

/**
 * struct disk - one disk
 * @liar: its device
 * @shared: the front end's ring, mapped
 * @ring: back half of it
 * @held: revoked grants, mapped
 * @nr_held: how many
 */
struct disk {
	struct liar liar;
	void *shared;
	struct blkif64_back ring;
	void *held[MAX_HELD];
	unsigned int nr_held;
};

static struct disk *disk_of(struct liar *l)
{
	return container_of(l, struct disk, liar);
}

static void disk_respond(struct disk *d, u64 id, u8 operation)
{
	struct blkif64_rsp rsp = { .id = id, .operation = operation };

	if (lying("stray id"))
		rsp.id ^= 0x7777;
	if (lying("status"))
		rsp.status = 32767;
	if (lying("operation"))
		rsp.operation = 255;
	blkif64_back_respond(&d->ring, &rsp);
}

/* Maps what should be unmapped, and says that all is well. */
static void disk_hold(struct disk *d, const union blkif64_req *req)
{
	struct xenbus_device *dev = d->liar.dev;
	grant_ref_t gref = req->indirect.grefs[0];
	struct blkif_segment *seg;
	unsigned int i;
	void *list;

	if (xenbus_map_ring_valloc(dev, &gref, 1, &list))
		return;
	seg = list;
	for (i = 0; i < req->indirect.nr_segments && d->nr_held < MAX_HELD;
	     i++) {
		gref = seg[i].gref;
		if (!xenbus_map_ring_valloc(dev, &gref, 1,
					    &d->held[d->nr_held]))
			d->nr_held++;
	}
	xenbus_unmap_ring_vfree(dev, list);
}

static void disk_answer(struct liar *l)
{
	struct disk *d = disk_of(l);
	struct ring_shared *sh = d->shared;
	union blkif64_req req;
	struct blkif64_rsp last;
	unsigned int i;

	if (lying("silence"))
		return;
	do {
		while (blkif64_back_consume(&d->ring, &req)) {
			u8 operation = req.rw.operation == BLKIF_OP_INDIRECT ?
					       req.indirect.indirect_op :
					       req.rw.operation;

			if (operation == BLKIF_OP_TENON_REVOKE) {
				if (lying("no revoke"))
					continue;
				disk_hold(d, &req);
			}
			if (operation != BLKIF_OP_WRITE || !lying("no writes"))
				disk_respond(d, req.rw.id, operation);
		}
		blkif64_back_publish(&d->ring);
		if (lying("ahead"))
			virt_store_release(&sh->rsp_prod,
					   sh->rsp_prod + d->ring.s.nr + 5);
		if (lying("back"))
			virt_store_release(&sh->rsp_prod, sh->rsp_prod - 2);
		if (lying("twice")) {
			last = blkif64_slot_(&d->ring.s,
					     d->ring.s.prod - 1)->rsp;
			blkif64_slot_(&d->ring.s, d->ring.s.prod)->rsp = last;
			virt_store_release(&sh->rsp_prod, sh->rsp_prod + 1);
		}
		notify_remote_via_irq(l->irq);
	} while (blkif64_back_arm(&d->ring));
	for (i = 0; lying("storm") && i < 20000; i++)
		notify_remote_via_irq(l->irq);
}

static void disk_unmap(struct liar *l)
{
	struct disk *d = disk_of(l);

	if (d->shared)
		xenbus_unmap_ring_vfree(l->dev, d->shared);
	d->shared = NULL;
	while (d->nr_held)
		xenbus_unmap_ring_vfree(l->dev, d->held[--d->nr_held]);
}

static int disk_map(struct liar *l)
{
	struct disk *d = disk_of(l);
	unsigned int i, order = liar_read(l, "ring-page-order");
	grant_ref_t grefs[MAX_PAGES];
	char key[16];

	if (order > 4)
		return -EINVAL;
	for (i = 0; i < 1u << order; i++) {
		snprintf(key, sizeof(key), order ? "ring-ref%u" : "ring-ref",
			 i);
		grefs[i] = liar_read(l, key);
	}
	if (xenbus_map_ring_valloc(l->dev, grefs, 1u << order, &d->shared))
		return -EFAULT;
	blkif64_back_attach(&d->ring, d->shared, XEN_PAGE_SIZE << order);
	return 0;
}

static void disk_connect(struct liar *l)
{
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
	if (lying("no revoke") || lying("held")) {
		liar_write(l, "feature-persistent", "1");
		liar_write(l, "feature-tenon-revoke", "4294967295");
	}
}

static void disk_offer(struct liar *l)
{
	static const char * const key[] = {
		"feature-max-indirect-segments", "feature-discard",
		"discard-granularity", "discard-alignment",
		"feature-flush-cache", "feature-persistent",
		"feature-tenon-revoke",
	};
	unsigned int i;

	/* Of the back end before us, or of the lie before. */
	for (i = 0; i < ARRAY_SIZE(key); i++)
		xenbus_rm(XBT_NIL, l->dev->nodename, key[i]);
	liar_write(l, "max-ring-page-order", lying("limits") ? "30" : "4");
	liar_write(l, "multi-queue-max-queues", lying("limits") ? "0" : "1");
}

static const struct xenbus_device_id disk_ids[] = {
	{ "vbd" },
	{ "" }
};

struct liar_kind liar_kind = {
	.driver = { .name = "tenon-hostile-back", .ids = disk_ids },
	.size = sizeof(struct disk),
	.shown = XenbusStateInitialised,
	.offer = disk_offer,
	.map = disk_map,
	.unmap = disk_unmap,
	.connect = disk_connect,
	.answer = disk_answer,
};

MODULE_DESCRIPTION("Tenon: a block back end that lies");
MODULE_LICENSE("Dual MIT/GPL");
