// SPDX-License-Identifier: MIT
/* event.c - 2-level event channels as a guest sees them */
#include "guest.h"

s64 evtchn(u32 op, void *arg)
{
	return CALL2(event_channel_op, op, arg);
}

s64 evtchn_port(u32 op, u32 port)
{
	struct evtchn_port_op arg = { .port = port };

	return evtchn(op, &arg);
}

/* The new port, or -errno. */
s64 evtchn_alloc(domid_t remote)
{
	struct evtchn_alloc_unbound op = {
		.dom = DOMID_SELF,
		.remote_dom = remote,
	};
	s64 ret = evtchn(EVTCHNOP_alloc_unbound, &op);

	return ret ? ret : op.port;
}

s64 evtchn_bind(domid_t remote, u32 remote_port)
{
	struct evtchn_bind_interdomain op = {
		.remote_dom = remote,
		.remote_port = remote_port,
	};
	s64 ret = evtchn(EVTCHNOP_bind_interdomain, &op);

	return ret ? ret : op.local_port;
}

bool event_pending(u32 port)
{
	return READ_ONCE(shared.evtchn_pending[port / 64]) >> (port % 64) & 1;
}

void event_clear(u32 port)
{
	__atomic_fetch_and(&shared.evtchn_pending[port / 64],
			   ~(1UL << (port % 64)), __ATOMIC_SEQ_CST);
}

void event_mask(u32 port, bool mask)
{
	u64 bit = 1UL << (port % 64);

	if (mask)
		__atomic_fetch_or(&shared.evtchn_mask[port / 64], bit,
				  __ATOMIC_SEQ_CST);
	else
		__atomic_fetch_and(&shared.evtchn_mask[port / 64], ~bit,
				   __ATOMIC_SEQ_CST);
}

bool event_wait(u32 port, u64 ns)
{
	u64 end = now() + ns;
	bool pending;

	do {
		__asm__ __volatile__("sti; nop; nop; cli" : : : "memory");
		pending = event_pending(port);
		if (!pending)
			CALL2(sched_op, SCHEDOP_yield, 0);
	} while (!pending && now() < end);
	event_clear(port);
	WRITE_ONCE(vcpu0_info.evtchn_pending_sel, 0);
	return pending;
}

void event_init(void)
{
	struct hvm_param p = {
		.domid = DOMID_SELF,
		.index = HVM_PARAM_CALLBACK_IRQ,
		.value = (u64)HVM_CALLBACK_TYPE_VECTOR
				 << HVM_CALLBACK_TYPE_SHIFT |
			 EVENT_VECTOR,
	};

	memset(shared.evtchn_mask, 0xff, sizeof(shared.evtchn_mask));
	CALL2(hvm_op, HVMOP_set_param, &p);
}

bool event_needs_eoi;

void event_init_own_vector(void)
{
	struct hvm_evtchn_upcall_vector op = { .vector = EVENT_VECTOR };
	u32 lo, hi;

	/* x2APIC mode, and on. */
	__asm__ __volatile__("rdmsr" : "=a"(lo), "=d"(hi) : "c"(0x1b));
	__asm__ __volatile__("wrmsr" : : "a"(lo | 3 << 10), "d"(hi), "c"(0x1b));
	__asm__ __volatile__("wrmsr" : : "a"(0x1ff), "d"(0), "c"(0x80f));
	event_needs_eoi = true;
	CALL2(hvm_op, HVMOP_set_evtchn_upcall_vector, &op);
}
