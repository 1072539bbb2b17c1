/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * tenon_common.h - what the four drivers share about notification
 *
 * A driver owns, per ring, a struct tenon_chan (the event channel: late EOI,
 * spurious accounting, counters) and a struct tenon_poll (its place with the
 * CPU's poller).  Life of a ring:
 *
 *     event --> driver serves until nothing is left; sends the EOI, arms and
 *       ^       calls tenon_poll_start()
 *       |                 |
 *       |                 v  if the CPU has nothing else to do:
 *       |       ->look(), again and again; the first disarms the ring.
 *       |          | work: done at once, or the driver's thread is woken
 *       |          v window over, or CPU wanted
 *       `------ ->sleep() arms
 *
 * So a ring is armed unless a poller is really looking at it, and no event is
 * sent while one is.
 */
#ifndef TENON_COMMON_H
#define TENON_COMMON_H

#include <linux/interrupt.h>
#include <linux/list.h>
#include <linux/types.h>
#include <xen/events.h>
#include <xen/xenbus.h>

struct dentry;
struct tenon_poller;

/* debugfs directory "tenon"; the drivers' directories live in it */
extern struct dentry *tenon_debugfs;

/**
 * struct tenon_chan - one event channel with late EOI
 * @irq: the Linux interrupt, 0 while unbound
 * @owed: bit 0 is set from an event until its EOI
 * @event: the driver's handler; hard interrupt context
 * @ctx: its argument
 * @events: events received
 * @spurious: events that brought no work
 * @sent: notifications sent
 */
struct tenon_chan {
	int irq;
	unsigned long owed;
	void (*event)(void *ctx);
	void *ctx;
	u64 events;
	u64 spurious;
	u64 sent;
};

int tenon_chan_bind_back(struct tenon_chan *ch, struct xenbus_device *dev,
			 evtchn_port_t remote, const char *name,
			 void (*event)(void *ctx), void *ctx);
int tenon_chan_bind_front(struct tenon_chan *ch, struct xenbus_device *dev,
			  evtchn_port_t *port, const char *name,
			  void (*event)(void *ctx), void *ctx);
void tenon_chan_unbind(struct tenon_chan *ch);
void tenon_chan_eoi(struct tenon_chan *ch, bool useful);
void tenon_chan_notify(struct tenon_chan *ch);

/**
 * enum tenon_look - what a look at a ring found
 * @TENON_LOOK_IDLE: nothing new
 * @TENON_LOOK_WORK: there was work, it is done; go on looking
 * @TENON_LOOK_TAKEN: there is work and the driver has taken the ring back
 *	(woken its thread, scheduled its NAPI); the poller forgets it
 * @TENON_LOOK_LEAVE: nothing is to be expected of this ring, not even an event;
 *	the poller forgets it
 */
enum tenon_look {
	TENON_LOOK_IDLE,
	TENON_LOOK_WORK,
	TENON_LOOK_TAKEN,
	TENON_LOOK_LEAVE,
};

/**
 * enum tenon_spin - how tenon_poll_spin() ended
 * @TENON_SPIN_WORK: there is work
 * @TENON_SPIN_OFFER: the poller is to have the ring
 * @TENON_SPIN_SLEEP: looked for long enough
 */
enum tenon_spin {
	TENON_SPIN_WORK,
	TENON_SPIN_OFFER,
	TENON_SPIN_SLEEP,
};

/**
 * struct tenon_poll - a ring that can be polled
 * @look: disarm the ring if it is armed, look for work; preemption and bottom
 *	halves are off, interrupts on; must not sleep
 * @sleep: stop polling: arm, and restart the driver if there is work by now;
 *	same context
 * @hits: looks that found work
 * @spun: those by tenon_poll_spin()
 * @misses: windows that ended without
 * @late: work that had waited for a tick because the poller did not run
 * @distance: what tenon_poll_distance() said last
 *
 * The rest is the poller's.
 */
struct tenon_poll {
	enum tenon_look (*look)(struct tenon_poll *p);
	void (*sleep)(struct tenon_poll *p);
	u64 hits;
	u64 spun;
	u64 misses;
	u64 late;
	unsigned int distance;

	struct list_head entry;
	struct tenon_poller *poller;
	bool polled;
	bool served;
	unsigned int credit;
	unsigned int holds;
	u64 rested_at;
	u64 idle_at;
	u64 last;
};

void tenon_poll_init(struct tenon_poll *p,
		     enum tenon_look (*look)(struct tenon_poll *p),
		     void (*sleep)(struct tenon_poll *p));
void tenon_poll_start(struct tenon_poll *p);
bool tenon_poll_hold(struct tenon_poll *p);
enum tenon_spin tenon_poll_spin(struct tenon_poll *p,
				bool (*pending)(struct tenon_poll *p));
void tenon_poll_event(struct tenon_poll *p);
bool tenon_poll_take(struct tenon_poll *p);
bool tenon_poll_stream(const struct tenon_poll *p);
unsigned int tenon_poll_distance(struct tenon_poll *p, unsigned int done);

/**
 * tenon_poll_served() - the driver itself has taken work from a polled ring
 * @p: ring
 *
 * Any context.  As long as that happens in each tick, the ring may be held.
 */
static inline void tenon_poll_served(struct tenon_poll *p)
{
	WRITE_ONCE(p->served, true);
}

/* poll.c, for common.c */
int tenon_poll_setup(void);
void tenon_poll_teardown(void);

#endif /* TENON_COMMON_H */
