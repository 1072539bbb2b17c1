// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * common.c - event channels with late EOI, and the module tenon-common
 *
 * With late EOI the kernel keeps a channel masked from the event until the
 * driver has finished with it, and delays channels whose events bring no work:
 * a peer that storms slows down itself.
 */
#include <linux/debugfs.h>
#include <linux/module.h>
#include <xen/xen.h>

#include "tenon_common.h"
#include "../dom0/common/mapcache.h"

#define CHAN_OWED 0

struct dentry *tenon_debugfs;
EXPORT_SYMBOL_GPL(tenon_debugfs);

static irqreturn_t chan_interrupt(int irq, void *data)
{
	struct tenon_chan *ch = data;

	/* The first event may come before the bind call has returned. */
	WRITE_ONCE(ch->irq, irq);
	ch->events++;
	set_bit(CHAN_OWED, &ch->owed);
	ch->event(ch->ctx);
	return IRQ_HANDLED;
}

static void chan_init(struct tenon_chan *ch, void (*event)(void *ctx),
		      void *ctx)
{
	ch->irq = 0;
	ch->owed = 0;
	ch->event = event;
	ch->ctx = ctx;
}

/**
 * tenon_chan_bind_back() - bind to the port a front end has offered
 * @ch: channel; its counters go on counting
 * @dev: the back end's device
 * @remote: the front end's port, as read from xenstore
 * @name: name of the interrupt; must live as long as the binding
 * @event: handler, called in hard interrupt context
 * @ctx: argument of @event
 *
 * Return: 0 or a negative errno.
 */
int tenon_chan_bind_back(struct tenon_chan *ch, struct xenbus_device *dev,
			 evtchn_port_t remote, const char *name,
			 void (*event)(void *ctx), void *ctx)
{
	int irq;

	chan_init(ch, event, ctx);
	irq = bind_interdomain_evtchn_to_irqhandler_lateeoi(dev, remote,
							    chan_interrupt, 0,
							    name, ch);
	if (irq < 0)
		return irq;
	WRITE_ONCE(ch->irq, irq);
	return 0;
}
EXPORT_SYMBOL_GPL(tenon_chan_bind_back);

/**
 * tenon_chan_bind_front() - allocate a port for the back end and bind it
 * @ch: channel; its counters go on counting
 * @dev: the front end's device
 * @port: the port, to be written to xenstore
 * @name: name of the interrupt; must live as long as the binding
 * @event: handler, called in hard interrupt context
 * @ctx: argument of @event
 *
 * Return: 0 or a negative errno.
 */
int tenon_chan_bind_front(struct tenon_chan *ch, struct xenbus_device *dev,
			  evtchn_port_t *port, const char *name,
			  void (*event)(void *ctx), void *ctx)
{
	int irq;

	chan_init(ch, event, ctx);
	irq = xenbus_alloc_evtchn(dev, port);
	if (irq)
		return irq;
	irq = bind_evtchn_to_irqhandler_lateeoi(*port, chan_interrupt, 0, name,
						ch);
	if (irq < 0) {
		xenbus_free_evtchn(dev, *port);
		return irq;
	}
	WRITE_ONCE(ch->irq, irq);
	return 0;
}
EXPORT_SYMBOL_GPL(tenon_chan_bind_front);

/**
 * tenon_chan_unbind() - close the channel
 * @ch: channel, bound or not
 *
 * The handler is not running and will not run when this returns.  May sleep.
 */
void tenon_chan_unbind(struct tenon_chan *ch)
{
	if (!ch->irq)
		return;
	unbind_from_irqhandler(ch->irq, ch);
	ch->irq = 0;
	ch->owed = 0;
}
EXPORT_SYMBOL_GPL(tenon_chan_unbind);

/**
 * tenon_chan_eoi() - end the last event, if one is open
 * @ch: channel
 * @useful: there was work since the event came
 *
 * Any context.  Without an open event nothing happens, so it may be called
 * whenever a driver stops serving.
 */
void tenon_chan_eoi(struct tenon_chan *ch, bool useful)
{
	if (!test_and_clear_bit(CHAN_OWED, &ch->owed))
		return;
	if (!useful)
		ch->spurious++;
	xen_irq_lateeoi(READ_ONCE(ch->irq),
			useful ? 0 : XEN_EOI_FLAG_SPURIOUS);
}
EXPORT_SYMBOL_GPL(tenon_chan_eoi);

/**
 * tenon_chan_notify() - notify the peer
 * @ch: channel
 */
void tenon_chan_notify(struct tenon_chan *ch)
{
	ch->sent++;
	notify_remote_via_irq(ch->irq);
}
EXPORT_SYMBOL_GPL(tenon_chan_notify);

static int __init tenon_common_init(void)
{
	int err;

	if (!xen_domain())
		return -ENODEV;
	tenon_debugfs = debugfs_create_dir("tenon", NULL);
	err = mapcache_setup();
	if (err)
		goto no_mapcache;
	err = tenon_poll_setup();
	if (err)
		goto no_poll;
	return 0;

no_poll:
	mapcache_teardown();
no_mapcache:
	debugfs_remove(tenon_debugfs);
	return err;
}
module_init(tenon_common_init);

static void __exit tenon_common_exit(void)
{
	tenon_poll_teardown();
	mapcache_teardown();
	debugfs_remove(tenon_debugfs);
}
module_exit(tenon_common_exit);

MODULE_DESCRIPTION("Tenon: notification and grant mapping for its drivers");
MODULE_LICENSE("Dual MIT/GPL");
