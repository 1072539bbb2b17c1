/* SPDX-License-Identifier: MIT */
/* event.h - event channel table, shared by event.c and event_ops.c */
#ifndef HV_CALL_EVENT_H
#define HV_CALL_EVENT_H

#include "../abi/event_channel.h"
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
 * @lock: held to send through the channel, and to change anything but @vcpu
 * @state: enum evtchn_state
 * @vcpu: vCPU of the owner that is told
 */
struct evtchn {
	struct spinlock lock;
	u8 state;
	u32 vcpu;
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
#define EVTCHN_BUCKETS (EVTCHN_2L_NR_CHANNELS / EVTCHN_BUCKET)

/**
 * struct evtchn_table - the event channels of a domain
 * @lock: held to allocate, bind, close; of two domains by order of id, and
 *	before the lock of a channel
 * @nr_ports: ports [1, nr_ports) may be used
 * @used: allocated ports
 * @bucket: channels; a bucket appears when first needed and stays
 * @poll_lock: protects @pollers, polling_ports and poll_port of the vCPUs
 * @pollers: vCPUs that may be in SCHEDOP_poll
 */
struct evtchn_table {
	struct spinlock lock;
	u32 nr_ports;
	u64 used[EVTCHN_2L_WORDS];
	struct evtchn *bucket[EVTCHN_BUCKETS];
	struct spinlock poll_lock;
	u64 pollers;
};

/* The channel of @port, or NULL if the domain cannot have that port. */
static inline struct evtchn *evtchn_of(struct domain *d, u32 port)
{
	struct evtchn_table *t = d->evtchn;
	struct evtchn *bucket;

	if (port == 0 || port >= t->nr_ports)
		return NULL;
	/* Pairs with the release in evtchn_alloc(). */
	bucket = load_acquire(&t->bucket[port / EVTCHN_BUCKET]);
	return bucket ? &bucket[port % EVTCHN_BUCKET] : NULL;
}

/*
 * Allocate the lowest free port, under the table's lock; its channel is still
 * CHAN_FREE.  Return: the port, or -ENOSPC, -ENOMEM, -EINVAL if dying.
 */
long evtchn_alloc(struct domain *d);
/* Close a port, making its peer unbound.  0 or -EINVAL if it is not open. */
long evtchn_close_port(struct domain *d, u32 port);
/* Close all; -ERESTART if it wants to be called again. */
int evtchn_close_all(struct domain *d);
/* Make @port of @d pending for vCPU @vcpu_id. */
void evtchn_deliver(struct domain *d, u32 port, u32 vcpu_id);
/* Unmask @port of @d. */
void evtchn_unmask(struct domain *d, u32 port, u32 vcpu_id);
/* EVTCHNOP_send by @d: 0 or -EINVAL. */
long evtchn_send(struct domain *d, u32 port);
/* Is the pending bit of @port set?  -EINVAL if there can be no such port. */
long evtchn_is_pending(struct domain *d, u32 port);
/*
 * SCHEDOP_poll: wake @v when @port (0: any port) of its domain becomes pending.
 * The caller looks at the pending bits after.
 */
void evtchn_poll_begin(struct vcpu *v, u32 port);
void evtchn_poll_end(struct vcpu *v);

/* Locks of two tables, which may be one. */
void evtchn_lock_two(struct domain *a, struct domain *b);
void evtchn_unlock_two(struct domain *a, struct domain *b);

/* Locks of the two ends of a channel. */
void evtchn_lock_ends(struct evtchn *a, struct evtchn *b);
void evtchn_unlock_ends(struct evtchn *a, struct evtchn *b);

static inline bool virq_is_global(u32 virq)
{
	return virq != VIRQ_TIMER && virq != VIRQ_DEBUG &&
	       virq != VIRQ_XENOPROF && virq != VIRQ_XENPMU;
}

#endif /* HV_CALL_EVENT_H */
