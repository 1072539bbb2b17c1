// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ctrl.c - the control ring: the guest has pages mapped for good, and says which
 * hash its packets are to have
 *
 * Requests are rare, and mapping sleeps, so that a work item serves them.
 */
#include <linux/slab.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>

#include "netback.h"

/*
 * A guest that asks for more than this has to wait before it goes on: nobody
 * else's work is to suffer from it.
 */
#define CTRL_BURST 16
#define CTRL_PAUSE (HZ / 10)

/**
 * struct ctrl - the control ring of an interface
 * @vif: interface
 * @ring: our side of the ring
 * @page: the mapped ring
 * @chan: event channel
 * @work: serves it
 * @hash: what the guest has said of hashes, also while they are off
 * @list: a page for the list, table or key of a request
 * @name: of the event channel
 */
struct ctrl {
	struct netback_vif *vif;
	struct netctrl_back ring;
	void *page;
	struct tenon_chan chan;
	struct delayed_work work;
	struct hash_config hash;
	union {
		struct netif_gref gref[NETIF_GREF_LIST];
		u32 queue[HASH_MAP_MAX];
		u8 key[HASH_KEY_MAX];
	} *list;
	char name[IFNAMSIZ + 8];
};

/* Copy the first @len bytes of the guest's list here, or back. */
static bool ctrl_copy_list(struct ctrl *c, grant_ref_t gref, unsigned int len,
			   bool back)
{
	struct gnttab_copy op = { .len = len };
	struct gnttab_copy_ptr *guest = back ? &op.dest : &op.source;
	struct gnttab_copy_ptr *here = back ? &op.source : &op.dest;

	if (!len)
		return true;
	op.flags = back ? GNTCOPY_dest_gref : GNTCOPY_source_gref;
	guest->domid = c->vif->domid;
	guest->u.ref = gref;
	here->domid = DOMID_SELF;
	here->u.gmfn = virt_to_gfn(c->list);
	gnttab_batch_copy(&op, 1);
	return op.status == GNTST_okay;
}

static struct stage *ctrl_stage(struct ctrl *c, unsigned int id)
{
	struct netback_queue *q = &c->vif->queue[id];

	if (!q->stage) {
		q->stage = stage_create(c->vif->domid);
		if (q->stage)
			/* pairs with the dependency in queue_find() */
			smp_store_release(&q->staged, stage_table(q->stage));
	}
	return q->stage;
}

static int ctrl_change(struct ctrl *c, const struct netif_ctrl_req *req,
		       bool add)
{
	unsigned int id = req->data[0], n = req->data[2];
	unsigned int len = n * sizeof(c->list->gref[0]);
	struct stage *stage;
	int done;

	if (id >= c->vif->nr_queues || !n || n > NETIF_GREF_LIST ||
	    !ctrl_copy_list(c, req->data[1], len, false))
		return -NETIF_CTRL_INVALID;
	stage = ctrl_stage(c, id);
	if (!stage)
		return -NETIF_CTRL_INVALID;
	if (add) {
		done = stage_add(stage, c->list->gref, n);
		return done < 0 ? -NETIF_CTRL_INVALID : done;
	}
	done = stage_del(stage, c->list->gref, n);
	/* a guest that revoked the list does without */
	ctrl_copy_list(c, req->data[1], len, true);
	return done;
}

/* Hashes */

static int ctrl_set_key(struct ctrl *c, const struct netif_ctrl_req *req,
			struct hash_config *conf)
{
	unsigned int n = min_t(u32, req->data[1], HASH_KEY_MAX);

	if (!ctrl_copy_list(c, req->data[0], n, false))
		return -NETIF_CTRL_INVALID;
	return hash_set_key(conf, c->list->key, req->data[1]);
}

static int ctrl_set_map(struct ctrl *c, const struct netif_ctrl_req *req,
			struct hash_config *conf)
{
	unsigned int n = min_t(u32, req->data[1], HASH_MAP_MAX);

	if (!ctrl_copy_list(c, req->data[0], n * sizeof(c->list->queue[0]),
			    false))
		return -NETIF_CTRL_INVALID;
	return hash_set_map(conf, c->list->queue, req->data[1], req->data[2],
			    c->vif->nr_queues);
}

/* Have the data path use @live from now on. */
static void ctrl_publish_hash(struct netback_vif *vif, struct vif_hash *live)
{
	struct vif_hash *old = rcu_replace_pointer(vif->hash, live, true);

	if (old)
		kfree_rcu(old, rcu);
}

/* All or nothing: what the data path uses never changes, it is replaced. */
static int ctrl_set_hash(struct ctrl *c, const struct netif_ctrl_req *req)
{
	struct hash_config next = c->hash;
	struct vif_hash *live = NULL;
	int err;

	switch (req->type) {
	case NETIF_CTRL_SET_HASH_ALGORITHM:
		err = hash_set_algorithm(&next, req->data[0]);
		break;
	case NETIF_CTRL_SET_HASH_FLAGS:
		err = hash_set_types(&next, req->data[0]);
		break;
	case NETIF_CTRL_SET_HASH_KEY:
		err = ctrl_set_key(c, req, &next);
		break;
	case NETIF_CTRL_SET_HASH_MAPPING_SIZE:
		err = hash_set_map_size(&next, req->data[0]);
		break;
	default:
		err = ctrl_set_map(c, req, &next);
		break;
	}
	if (err)
		return err;
	if (hash_on(&next)) {
		live = kmalloc(sizeof(*live), GFP_KERNEL);
		if (!live)
			return -NETIF_CTRL_INVALID;
		live->config = next;
	}
	c->hash = next;
	ctrl_publish_hash(c->vif, live);
	return 0;
}

static void ctrl_serve(struct ctrl *c, const struct netif_ctrl_req *req)
{
	struct netif_ctrl_rsp rsp = { .id = req->id, .type = req->type };
	int done; /* the answer's data, or a negative status */

	switch (req->type) {
	case NETIF_CTRL_GET_HASH_FLAGS:
		done = hash_get_types(&c->hash);
		break;
	case NETIF_CTRL_GET_HASH_MAPPING_SIZE:
		done = HASH_MAP_MAX;
		break;
	case NETIF_CTRL_SET_HASH_ALGORITHM:
	case NETIF_CTRL_SET_HASH_FLAGS:
	case NETIF_CTRL_SET_HASH_KEY:
	case NETIF_CTRL_SET_HASH_MAPPING_SIZE:
	case NETIF_CTRL_SET_HASH_MAPPING:
		done = ctrl_set_hash(c, req);
		break;
	case NETIF_CTRL_GET_GREF_MAPPING_SIZE:
		done = req->data[0] < c->vif->nr_queues ? STAGE_MAX :
							  -NETIF_CTRL_INVALID;
		break;
	case NETIF_CTRL_ADD_GREF_MAPPING:
		done = ctrl_change(c, req, true);
		break;
	case NETIF_CTRL_DEL_GREF_MAPPING:
		done = ctrl_change(c, req, false);
		break;
	default:
		done = -NETIF_CTRL_NOT_SUPPORTED;
		break;
	}
	if (done >= 0)
		rsp.data = done;
	else
		rsp.status = -done;
	netctrl_back_respond(&c->ring, &rsp);
	if (netctrl_back_publish(&c->ring))
		tenon_chan_notify(&c->chan);
}

static void ctrl_work(struct work_struct *work)
{
	struct ctrl *c = container_of(to_delayed_work(work), struct ctrl, work);
	struct netif_ctrl_req req;
	unsigned int n = 0;

	do {
		while (n < CTRL_BURST && !READ_ONCE(c->vif->broken) &&
		       netctrl_back_consume(&c->ring, &req)) {
			ctrl_serve(c, &req);
			n++;
		}
		if (netctrl_back_broken(&c->ring))
			vif_break(c->vif, "impossible control producer index");
		/* a broken guest gets no EOI: we want to hear nothing more of it */
		if (READ_ONCE(c->vif->broken))
			return;
		if (n == CTRL_BURST) {
			queue_delayed_work(system_unbound_wq, &c->work,
					   CTRL_PAUSE);
			return;
		}
	} while (netctrl_back_arm(&c->ring));
	tenon_chan_eoi(&c->chan, n);
}

static void ctrl_event(void *ctx)
{
	struct ctrl *c = ctx;

	queue_delayed_work(system_unbound_wq, &c->work, 0);
}

/**
 * ctrl_connect() - attach to the control ring of a guest
 * @vif: interface; its queues are connected
 * @ref: grant of the ring
 * @port: event channel
 */
int ctrl_connect(struct netback_vif *vif, grant_ref_t ref, evtchn_port_t port)
{
	struct ctrl *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int err;

	if (!c)
		return -ENOMEM;
	c->vif = vif;
	INIT_DELAYED_WORK(&c->work, ctrl_work);
	vif->ctrl = c;
	c->list = (void *)get_zeroed_page(GFP_KERNEL);
	err = c->list ? xenbus_map_ring_valloc(vif->xbdev, &ref, 1, &c->page) :
			-ENOMEM;
	if (err)
		c->page = NULL;
	else if (!netctrl_back_attach(&c->ring, c->page, XEN_PAGE_SIZE))
		err = -EIO;
	snprintf(c->name, sizeof(c->name), "%s-ctrl", vif->dev->name);
	if (!err)
		err = tenon_chan_bind_back(&c->chan, vif->xbdev, port, c->name,
					   ctrl_event, c);
	if (err)
		ctrl_disconnect(vif);
	else /* the guest may have asked before we listened */
		ctrl_event(c);
	return err;
}

/**
 * ctrl_disconnect() - let go of the control ring, of all pages, and of hashes
 * @vif: interface; its queues are down
 */
void ctrl_disconnect(struct netback_vif *vif)
{
	struct ctrl *c = vif->ctrl;
	unsigned int i;

	if (!c)
		return;
	tenon_chan_unbind(&c->chan);
	cancel_delayed_work_sync(&c->work);
	if (c->page)
		xenbus_unmap_ring_vfree(vif->xbdev, c->page);
	ctrl_publish_hash(vif, NULL);
	for (i = 0; i < vif->nr_queues; i++) {
		struct netback_queue *q = &vif->queue[i];

		q->staged = NULL;
		stage_destroy(q->stage);
		q->stage = NULL;
	}
	free_page((unsigned long)c->list);
	kfree(c);
	vif->ctrl = NULL;
}
