// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * headroom.c - asks the back end to leave room for XDP before packets
 *
 * When a program comes or goes, a work item writes the wish, goes to state
 * Reconfiguring until the back end is Reconfigured, and back to Connected.  Until
 * then, and if the back end does not follow, packets come without room, and xdp.c
 * makes it: nobody waits for this but the work item.
 *
 * Only a back end of ours is asked.  Linux' forgets the room, and the slot that tells
 * of it, when it looks how many slots a packet takes: in a ring that runs dry it takes
 * more than we have posted, and from then on thinks that it never runs dry.
 */
#include <linux/bpf.h>
#include <linux/delay.h>
#include <linux/workqueue.h>

#include "netfront.h"

/* How long we stay Reconfiguring for a back end that does not answer. */
#define HEADROOM_MS 10000

static unsigned int headroom_wanted(struct netfront *front)
{
	return rcu_access_pointer(front->xdp_prog) ? XDP_PACKET_HEADROOM : 0;
}

static void headroom_await(struct netfront *front)
{
	unsigned long end = jiffies + msecs_to_jiffies(HEADROOM_MS);
	enum xenbus_state state;

	while (READ_ONCE(front->connected) && time_before(jiffies, end)) {
		state = xenbus_read_driver_state(front->xbdev->otherend);
		if (state != XenbusStateConnected && state != XenbusStateInitWait)
			return;
		msleep(20);
	}
}

static void headroom_work(struct work_struct *work)
{
	struct netfront *front =
		container_of(work, struct netfront, headroom_work);
	struct xenbus_device *xbdev = front->xbdev;

	if (!READ_ONCE(front->connected) || !front->can_headroom ||
	    xbdev->state != XenbusStateConnected ||
	    headroom_wanted(front) == front->headroom)
		return;
	/* first the wish: the back end reads it as soon as it sees the state */
	if (headroom_write(front) ||
	    xenbus_switch_state(xbdev, XenbusStateReconfiguring))
		return;
	headroom_await(front);
	/* whoever stops the interface waits for us before it changes the state */
	if (READ_ONCE(front->connected))
		xenbus_switch_state(xbdev, XenbusStateConnected);
}

/**
 * headroom_init() - prepare for the other functions
 * @front: interface
 */
void headroom_init(struct netfront *front)
{
	INIT_WORK(&front->headroom_work, headroom_work);
}

/**
 * headroom_write() - write what room we want
 * @front: interface that connects, or from its work
 */
int headroom_write(struct netfront *front)
{
	unsigned int headroom = headroom_wanted(front);
	int err;

	if (!front->can_headroom)
		return 0;
	err = xenbus_printf(XBT_NIL, front->xbdev->nodename, "xdp-headroom",
			    "%u", headroom);
	if (!err)
		front->headroom = headroom;
	return err;
}

/**
 * headroom_ask() - have the back end learn what room we want, if it does not know
 * @front: interface that is connected; it does not stop meanwhile
 *
 * Frozen while the guest is suspended, as the wish is for this back end only.
 */
void headroom_ask(struct netfront *front)
{
	queue_work(system_freezable_wq, &front->headroom_work);
}

/**
 * headroom_stop() - ask no more
 * @front: interface that is not connected any more
 */
void headroom_stop(struct netfront *front)
{
	cancel_work_sync(&front->headroom_work);
}
