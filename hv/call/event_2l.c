/* SPDX-License-Identifier: MIT */
/* event_2l.c - the 2-level ABI: bits in the page all of a domain shares */
#include "event.h"

struct evtchn_2l event_2l_words(struct domain *d, struct vcpu_info *vi)
{
	struct shared_info *si = d->shared_info;
	struct shared_info32 *si32 = (struct shared_info32 *)si;
	struct evtchn_2l words = {
		.pending = si->evtchn_pending,
		.mask = si->evtchn_mask,
		.selector = (u8 *)&vi->evtchn_pending_sel,
		.upcall = &vi->evtchn_upcall_pending,
		.word_bits = 64,
	};

	if (READ_ONCE(d->shared32)) {
		words.mask = (u64 *)si32->evtchn_mask;
		words.selector = (u8 *)vi + offsetof(struct vcpu_info32,
						     evtchn_pending_sel);
		words.word_bits = 32;
	}
	return words;
}

static enum evtchn_sent send(struct vcpu *v, u32 port, struct evtchn *,
			     struct vcpu_info *vi)
{
	struct evtchn_2l words = event_2l_words(v->domain, vi);

	return evtchn_2l_send(&words, port);
}

static enum evtchn_sent unmask(struct vcpu *v, u32 port, struct evtchn *,
			       struct vcpu_info *vi)
{
	struct evtchn_2l words = event_2l_words(v->domain, vi);

	return evtchn_2l_unmask(&words, port);
}

static unsigned int look(struct domain *d, u32 port, struct evtchn *)
{
	struct evtchn_2l words = event_2l_words(d, d->vcpu[0]->vcpu_info);

	return (test_bit(port, words.pending) ? EVTCHN_PENDING : 0) |
	       (test_bit(port, words.mask) ? EVTCHN_MASKED_BIT : 0);
}

static void clear(struct domain *d, u32 port, struct evtchn *)
{
	clear_bit(port, d->shared_info->evtchn_pending);
}

#define ABI(ports) \
	{ .max_ports = ports, .send = send, .unmask = unmask, .look = look, \
	  .clear = clear }

const struct evtchn_abi evtchn_2l = ABI(EVTCHN_2L_NR_CHANNELS);
const struct evtchn_abi evtchn_2l32 = ABI(EVTCHN_2L32_NR_CHANNELS);
