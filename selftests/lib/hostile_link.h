/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * hostile_link.h - what front ends that connect by hand share
 */
#ifndef HOSTILE_LINK_H
#define HOSTILE_LINK_H

#include <linux/delay.h>
#include <linux/interrupt.h>
#include <xen/events.h>
#include <xen/xenbus.h>

/* The machine may be slow; nothing here depends on how slow. */
#define LINK_WAIT_MS 60000

/* An event channel's handler: nobody waits for events. */
static inline irqreturn_t link_event(int irq, void *data)
{
	xen_irq_lateeoi(irq, 0);
	return IRQ_HANDLED;
}

/* Waits until the back end's state is one of the two; returns what it is. */
static inline enum xenbus_state link_wait(struct xenbus_device *dev,
					  enum xenbus_state a,
					  enum xenbus_state b)
{
	enum xenbus_state s = XenbusStateUnknown;
	unsigned int ms;

	for (ms = 0; ms < LINK_WAIT_MS; ms += 20) {
		s = xenbus_read_driver_state(dev->otherend);
		if (s == a || s == b)
			break;
		msleep(20);
	}
	return s;
}

/*
 * Closes, follows the back end to Closed and then to where it takes a new
 * connection.  @teardown frees the old one, once the back end has closed.
 */
static inline bool link_close(struct xenbus_device *dev,
			      void (*teardown)(void *link), void *link)
{
	bool ok;

	xenbus_switch_state(dev, XenbusStateClosing);
	link_wait(dev, XenbusStateClosing, XenbusStateClosed);
	xenbus_switch_state(dev, XenbusStateClosed);
	ok = link_wait(dev, XenbusStateClosed, XenbusStateClosed) ==
	     XenbusStateClosed;
	teardown(link);
	xenbus_switch_state(dev, XenbusStateInitialising);
	return link_wait(dev, XenbusStateInitWait, XenbusStateInitWait) ==
	       XenbusStateInitWait && ok;
}

/* Writes a key: @wrong, or if that is NULL what is right. */
static inline void link_write(struct xenbus_device *dev, const char *key,
			      const char *wrong, unsigned int right)
{
	if (wrong)
		xenbus_printf(XBT_NIL, dev->nodename, key, "%s", wrong);
	else
		xenbus_printf(XBT_NIL, dev->nodename, key, "%u", right);
}

#endif /* HOSTILE_LINK_H */
