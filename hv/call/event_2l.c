/* SPDX-License-Identifier: MIT */
/* event_2l.c - the 2-level ABI: bits in the page all of a domain shares */
#include "evtchn_2l.h"
#include "event.h"

static enum evtchn_sent send(struct vcpu *v, u32 port, struct evtchn *,
			     struct vcpu_info *vi)
{
	struct shared_info *si = v->domain->shared_info;

	return evtchn_2l_send(si->evtchn_pending, si->evtchn_mask,
			      &vi->evtchn_pending_sel,
			      &vi->evtchn_upcall_pending, port);
}

static enum evtchn_sent unmask(struct vcpu *v, u32 port, struct evtchn *,
			       struct vcpu_info *vi)
{
	struct shared_info *si = v->domain->shared_info;

	return evtchn_2l_unmask(si->evtchn_pending, si->evtchn_mask,
				&vi->evtchn_pending_sel,
				&vi->evtchn_upcall_pending, port);
}

static unsigned int look(struct domain *d, u32 port, struct evtchn *)
{
	struct shared_info *si = d->shared_info;

	return (test_bit(port, si->evtchn_pending) ? EVTCHN_PENDING : 0) |
	       (test_bit(port, si->evtchn_mask) ? EVTCHN_MASKED_BIT : 0);
}

static void clear(struct domain *d, u32 port, struct evtchn *)
{
	clear_bit(port, d->shared_info->evtchn_pending);
}

const struct evtchn_abi evtchn_2l = {
	.max_ports = EVTCHN_2L_PORTS,
	.send = send,
	.unmask = unmask,
	.look = look,
	.clear = clear,
};
