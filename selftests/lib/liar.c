// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * liar.c - a back end that lies: its device, its front ends, its life
 */
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/events.h>

#include "liar.h"

static char *lie = "none";
module_param(lie, charp, 0644);

/**
 * lying() - is this the lie to be told?
 * @how: a lie
 *
 * Return: true if so.
 */
bool lying(const char *how)
{
	return sysfs_streq(lie, how);
}

/**
 * liar_write() - write one of the back end's keys
 * @l: device
 * @key: its name
 * @value: what to write
 */
void liar_write(struct liar *l, const char *key, const char *value)
{
	xenbus_write(XBT_NIL, l->dev->nodename, key, value);
}

/**
 * liar_read() - read a number that the front end wrote
 * @l: device
 * @key: its name
 *
 * Return: the number, or 0.
 */
unsigned int liar_read(struct liar *l, const char *key)
{
	return xenbus_read_unsigned(l->dev->otherend, key, 0);
}

static void liar_work(struct work_struct *work)
{
	liar_kind.answer(container_of(work, struct liar, work));
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
	liar_kind.unmap(l);
	l->connected = false;
}

static int liar_connect(struct liar *l)
{
	int irq;

	if (liar_kind.map(l))
		return -EFAULT;
	irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(
		l->dev, liar_read(l, "event-channel"), liar_event, 0, "liar",
		l);
	if (irq < 0)
		return irq;
	l->irq = irq;
	l->connected = true;
	if (liar_kind.connect)
		liar_kind.connect(l);
	xenbus_switch_state(l->dev, XenbusStateConnected);
	schedule_work(&l->work);
	return 0;
}

static int liar_offer(struct liar *l)
{
	liar_kind.offer(l);
	return xenbus_switch_state(l->dev, XenbusStateInitWait);
}

static void liar_changed(struct xenbus_device *dev, enum xenbus_state state)
{
	struct liar *l = dev_get_drvdata(&dev->dev);

	if (state == liar_kind.shown) {
		if (!l->connected && liar_connect(l))
			liar_disconnect(l);
		return;
	}
	switch (state) {
	case XenbusStateInitialising:
		/* The next front end, for the next lie. */
		if (dev->state == XenbusStateInitWait)
			break;
		liar_disconnect(l);
		liar_offer(l);
		break;
	case XenbusStateClosing:
		if (liar_kind.closing && liar_kind.closing(l))
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
	struct liar *l = kzalloc(liar_kind.size, GFP_KERNEL);

	if (!l)
		return -ENOMEM;
	l->dev = dev;
	INIT_WORK(&l->work, liar_work);
	dev_set_drvdata(&dev->dev, l);
	return liar_offer(l);
}

static void liar_remove(struct xenbus_device *dev)
{
	struct liar *l = dev_get_drvdata(&dev->dev);

	liar_disconnect(l);
	kfree(l);
}

static int __init liar_init(void)
{
	struct xenbus_driver *driver = &liar_kind.driver;

	driver->probe = liar_probe;
	driver->remove = liar_remove;
	driver->otherend_changed = liar_changed;
	driver->allow_rebind = true;
	return xenbus_register_backend(driver);
}
module_init(liar_init);

static void __exit liar_exit(void)
{
	xenbus_unregister_driver(&liar_kind.driver);
}
module_exit(liar_exit);
