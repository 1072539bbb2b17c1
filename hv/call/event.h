/* SPDX-License-Identifier: MIT */
/* event.h - event channel table, shared by event.c and event_ops.c */
#ifndef HV_CALL_EVENT_H
#define HV_CALL_EVENT_H

#include "../abi/event_channel.h"
#include "evtchn_2l.h"
#include "hypercall.h"

enum evtchn_state {
	CHAN_FREE,
	CHAN_UNBOUND, /* waits for peer.domid to bind to it */
	CHAN_INTERDOMAIN, /* bound to peer.port of peer.domain */
	CHAN_VIRQ,
	CHAN_IPI,
};

/**
 * struct evtchn - one end of an event channel
 * @lock: held to send through the channel, and to change anything but @vcpu and
 *	what is FIFO's; both ends' where both change
 * @link_lock: FIFO: held to link the port into a queue
 * @queue: FIFO: the queue it was linked to the last time, see event_fifo.c
 * @state: enum evtchn_state
 * @vcpu: vCPU of the owner that is told
 * @priority: FIFO: of its queue
 * @early: FIFO: became pending before there was a word for it
 */
struct evtchn {
	struct spinlock lock;
	struct spinlock link_lock;
	u16 queue;
	u8 state;
	u8 vcpu;
	u8 priority;
	bool early;
	union {
		domid_t domid; /* CHAN_UNBOUND */
		u32 virq; /* CHAN_VIRQ */
		struct {
			u32 port;
			struct domain *domain;
		} peer; /* CHAN_INTERDOMAIN */
	};
};

#define EVTCHN_BUCKET (PAGE_SIZE / sizeof(struct evtchn))

/* What the words of a port say. */
#define EVTCHN_PENDING 1
#define EVTCHN_MASKED_BIT 2

/**
 * struct evtchn_abi - how a domain is told its events
 * @max_ports: ports the words have room for
 * @send: make a port pending and say so to @v, in @vi
 * @unmask: unmask a port, redoing what it missed
 * @look: EVTCHN_PENDING, EVTCHN_MASKED_BIT
 * @clear: make a port not pending; it is being closed
 *
 * @c is the port's own channel.  Its lock, its peer's, or the table's is held, so
 * the port is not closed meanwhile.  It may be bound to another vCPU, but @v and
 * @vi stay those of each other: who is told is who is kicked.
 */
struct evtchn_abi {
	u32 max_ports;
	enum evtchn_sent (*send)(struct vcpu *v, u32 port, struct evtchn *c,
				 struct vcpu_info *vi);
	enum evtchn_sent (*unmask)(struct vcpu *v, u32 port, struct evtchn *c,
				   struct vcpu_info *vi);
	unsigned int (*look)(struct domain *d, u32 port, struct evtchn *c);
	void (*clear)(struct domain *d, u32 port, struct evtchn *c);
};
extern const struct evtchn_abi evtchn_2l, evtchn_2l32, evtchn_fifo;

struct event_fifo;

/**
 * struct evtchn_table - the event channels of a domain
 * @lock: held to allocate, bind, close, and to change the ABI; both domains' to
 *	bind and close both ends; before the lock of a channel
 * @max_ports: ports the domain was made with room for
 * @nr_ports: ports [1, nr_ports) may be used now
 * @used: allocated ports
 * @bucket: channels; a bucket appears when first needed and stays
 * @abi: how the domain is told
 * @fifo: what FIFO needs, NULL unless @abi is
 * @poll_lock: protects @pollers, polling_ports and poll_port of the vCPUs
 * @pollers: vCPUs that may be in SCHEDOP_poll
 */
struct evtchn_table {
	struct spinlock lock;
	u32 max_ports;
	u32 nr_ports;
	u64 *used;
	struct evtchn **bucket;
	const struct evtchn_abi *abi;
	struct event_fifo *fifo;
	struct spinlock poll_lock;
	u64 pollers;
};

/* The channel of @port, or NULL if the domain cannot have that port. */
static inline struct evtchn *evtchn_of(struct domain *d, u32 port)
{
	struct evtchn_table *t = d->evtchn;
	struct evtchn *bucket;

	if (port == 0 || port >= READ_ONCE(t->nr_ports))
		return NULL;
	/* Pairs with the release in evtchn_alloc(). */
	bucket = load_acquire(&t->bucket[port / EVTCHN_BUCKET]);
	return bucket ? &bucket[port % EVTCHN_BUCKET] : NULL;
}

/* event_2l.c: the words of 2 levels, as the domain's shared page is laid out. */
struct evtchn_2l event_2l_words(struct domain *d, struct vcpu_info *vi);

/* The 2-level ABI of a domain. */
static inline const struct evtchn_abi *evtchn_2l_of(const struct domain *d)
{
	return d->shared32 ? &evtchn_2l32 : &evtchn_2l;
}

/*
 * Allocate the lowest free port, under the table's lock; its channel is still
 * CHAN_FREE.  Return: the port, or -ENOSPC, -ENOMEM, -EINVAL if dying.
 */
long evtchn_alloc(struct domain *d);
/* Close a port, making its peer unbound.  0 or -EINVAL if it is not open. */
long evtchn_close_port(struct domain *d, u32 port);
/* Make @port of @d pending, whose channel is @c: see struct evtchn_abi. */
void evtchn_deliver(struct domain *d, u32 port, struct evtchn *c);
void evtchn_unmask(struct domain *d, u32 port, struct evtchn *c);
/* EVTCHNOP_send by @d: 0 or -EINVAL. */
long evtchn_send(struct domain *d, u32 port);
/* Is @port pending?  -EINVAL if there can be no such port. */
long evtchn_is_pending(struct domain *d, u32 port);
/*
 * SCHEDOP_poll: wake @v when @port (0: any port) of its domain becomes pending.
 * The caller looks at the pending bits after.
 */
void evtchn_poll_begin(struct vcpu *v, u32 port);
void evtchn_poll_end(struct vcpu *v);

/* event_fifo.c: the operations of that ABI, by a vCPU of @d. */
long fifo_init_control(struct domain *d, void *arg);
long fifo_expand_array(struct domain *d, void *arg);
long fifo_set_priority(struct domain *d, void *arg);
/* Back to 2 levels, under the table's lock, no port in use. */
void fifo_release(struct domain *d);

static inline bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG &&
	       virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

#endif /* HV_CALL_EVENT_H */
