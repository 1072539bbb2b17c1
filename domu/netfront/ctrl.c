// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ctrl.c - the control ring: has the back end map pages for good
 *
 * When the back end is there, a work item asks it, queue by queue, to map the
 * pages we send from and those we receive into.  Until it has, and if it will
 * not, the queues work without: nobody waits for this but the work item.
 */
#include <linux/completion.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "netfront.h"

/* A back end that takes longer to answer is not asked again. */
#define CTRL_WAIT (10 * HZ)

/**
 * struct ctrl - the control ring of an interface
 * @front: interface
 * @ring: our side of the ring
 * @page: the ring
 * @ring_ref: its grant
 * @chan: event channel
 * @port: its port here
 * @event: the back end has sent one
 * @work: asks
 * @started: it does, or has
 * @stop: the interface is disconnecting
 * @id: of the last request
 * @list: page for a list of grants
 * @list_ref: its grant
 * @name: of the event channel
 */
struct ctrl {
	struct netfront *front;
	struct netctrl_front ring;
	void *page;
	grant_ref_t ring_ref;
	struct tenon_chan chan;
	evtchn_port_t port;
	struct completion event;
	struct work_struct work;
	bool started;
	bool stop;
	u16 id;
	struct netif_gref *list;
	grant_ref_t list_ref;
	char name[IFNAMSIZ + 8];
};

static void ctrl_event(void *ctx)
{
	struct ctrl *c = ctx;

	complete(&c->event);
}

/* The answer to the one request that is out. */
static int ctrl_await(struct ctrl *c, struct netif_ctrl_rsp *rsp)
{
	unsigned long left = CTRL_WAIT;

	while (!netctrl_front_reap(&c->ring, rsp)) {
		if (netctrl_front_broken(&c->ring))
			return -EPROTO;
		tenon_chan_eoi(&c->chan, false);
		if (netctrl_front_arm(&c->ring))
			continue;
		left = wait_for_completion_timeout(&c->event, left);
		if (READ_ONCE(c->stop))
			return -ESHUTDOWN;
		if (!left)
			return -ETIMEDOUT;
	}
	tenon_chan_eoi(&c->chan, true);
	return 0;
}

/**
 * ctrl_ask() - make a request about a queue
 * @c: control ring; from its work
 * @type: NETIF_CTRL_*
 * @q: queue
 * @n: entries of the list, see ctrl_list()
 *
 * Return: what the back end answers, or a negative errno.
 */
static int ctrl_ask(struct ctrl *c, unsigned int type,
		    const struct netfront_queue *q, unsigned int n)
{
	struct netif_ctrl_req req = { .id = ++c->id, .type = type };
	struct netif_ctrl_rsp rsp;
	int err;

	req.data[0] = q->id;
	if (n) {
		req.data[1] = c->list_ref;
		req.data[2] = n;
	}
	netctrl_front_stage(&c->ring, &req);
	if (netctrl_front_publish(&c->ring))
		tenon_chan_notify(&c->chan);
	err = ctrl_await(c, &rsp);
	if (err)
		return err;
	if (rsp.id != req.id || rsp.type != req.type)
		return -EPROTO;
	if (rsp.status == NETIF_CTRL_SUCCESS)
		return min_t(u32, rsp.data, INT_MAX);
	return rsp.status == NETIF_CTRL_NOT_SUPPORTED ? -EOPNOTSUPP : -EINVAL;
}

/* Have @n pages mapped whose grants @gref names. */
static int ctrl_map(struct ctrl *c, const struct netfront_queue *q,
		    unsigned int n, u16 flags,
		    grant_ref_t (*gref)(const struct netfront_queue *q,
					unsigned int i))
{
	unsigned int i, k;
	int err = 0;

	for (i = 0; i < n && err >= 0; i += k) {
		for (k = 0; k < NETIF_GREF_LIST && i + k < n; k++)
			c->list[k] = (struct netif_gref) {
				.gref = gref(q, i + k),
				.flags = flags,
			};
		err = ctrl_ask(c, NETIF_CTRL_ADD_GREF_MAPPING, q, k);
	}
	return err < 0 ? err : 0;
}

static int ctrl_stage(struct ctrl *c, struct netfront_queue *q)
{
	int room, nr, err;

	room = ctrl_ask(c, NETIF_CTRL_GET_GREF_MAPPING_SIZE, q, 0);
	if (room < QUEUE_SLOTS)
		return room < 0 ? room : -ENOSPC;
	err = ctrl_map(c, q, QUEUE_SLOTS, NETIF_GREF_READONLY, tx_gref);
	if (err || !c->front->trusted)
		return err;
	nr = stage_make(q, room - QUEUE_SLOTS);
	err = nr < 0 ? nr : ctrl_map(c, q, nr, 0, stage_gref);
	if (err)
		stage_free(q);
	else
		stage_use(q);
	return err;
}

static void ctrl_work(struct work_struct *work)
{
	struct ctrl *c = container_of(work, struct ctrl, work);
	struct netfront *front = c->front;
	unsigned int i;
	int err = 0;

	for (i = 0; i < front->nr_queues && !err; i++)
		err = ctrl_stage(c, &front->queue[i]);
	if (err && err != -EOPNOTSUPP && err != -ESHUTDOWN)
		netdev_info(front->dev, "pages of queue %u do not stay mapped (%d)\n",
			    i - 1, err);
}

/**
 * ctrl_connect() - make the control ring
 * @front: interface with its queues
 */
int ctrl_connect(struct netfront *front)
{
	struct xenbus_device *xbdev = front->xbdev;
	struct ctrl *c = kzalloc(sizeof(*c), GFP_KERNEL);
	int err;

	if (!c)
		return -ENOMEM;
	front->ctrl = c;
	c->front = front;
	init_completion(&c->event);
	INIT_WORK(&c->work, ctrl_work);
	err = xenbus_setup_ring(xbdev, GFP_KERNEL, &c->page, 1, &c->ring_ref);
	if (!err) {
		netctrl_front_init(&c->ring, c->page, XEN_PAGE_SIZE);
		err = xenbus_setup_ring(xbdev, GFP_KERNEL, (void **)&c->list, 1,
					&c->list_ref);
	}
	snprintf(c->name, sizeof(c->name), "%s-ctrl", dev_name(&xbdev->dev));
	if (!err)
		err = tenon_chan_bind_front(&c->chan, xbdev, &c->port, c->name,
					    ctrl_event, c);
	if (err)
		ctrl_disconnect(front);
	return err;
}

/**
 * ctrl_write() - tell the back end where the control ring is
 * @front: interface
 */
int ctrl_write(const struct netfront *front)
{
	const char *node = front->xbdev->nodename;
	int err;

	if (!front->ctrl)
		return 0;
	err = xenbus_printf(XBT_NIL, node, "ctrl-ring-ref", "%u",
			    front->ctrl->ring_ref);
	if (!err)
		err = xenbus_printf(XBT_NIL, node, "event-channel-ctrl", "%u",
				    front->ctrl->port);
	return err;
}

/**
 * ctrl_start() - the back end is there: ask it
 * @front: interface
 */
void ctrl_start(struct netfront *front)
{
	if (front->ctrl && !xchg(&front->ctrl->started, true))
		queue_work(system_unbound_wq, &front->ctrl->work);
}

/**
 * ctrl_disconnect() - let go of the control ring
 * @front: interface; its queues are down
 */
void ctrl_disconnect(struct netfront *front)
{
	struct ctrl *c = front->ctrl;

	if (!c)
		return;
	WRITE_ONCE(c->stop, true);
	complete_all(&c->event);
	cancel_work_sync(&c->work);
	tenon_chan_unbind(&c->chan);
	if (c->list)
		xenbus_teardown_ring((void **)&c->list, 1, &c->list_ref);
	if (c->page)
		xenbus_teardown_ring(&c->page, 1, &c->ring_ref);
	kfree(c);
	front->ctrl = NULL;
}
