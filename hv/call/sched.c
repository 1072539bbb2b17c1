/* SPDX-License-Identifier: MIT */
/* sched.c - hypercall 29: giving up the CPU, stopping */
#include "../abi/sched.h"
#include "arg.h"
#include "event.h"

#define POLL_PORTS_MAX 128

/*
 * The vCPU is marked blocked and polling first; then whoever makes a port
 * pending wakes it, and what became pending before is seen here.
 */
static long op_poll(u64 gva)
{
	struct vcpu *v = current;
	struct sched_poll op;
	long pending = 0;

	if (arg_read(&op, gva, sizeof(op), MEMBERS_sched_poll, 1))
		return -EFAULT;
	if (op.nr_ports > POLL_PORTS_MAX)
		return -EINVAL;
	if (vcpu_events_pending(v))
		return 0;

	vcpu_block();
	for (u32 i = 0; i < op.nr_ports && !pending; i++) {
		u32 port;

		if (guest_read(&port, op.ports + i * sizeof(port),
			       sizeof(port))) {
			pending = -EFAULT;
			break;
		}
		if (i == 0)
			evtchn_poll_begin(v, op.nr_ports == 1 ? port : 0);
		pending = evtchn_is_pending(v->domain, port);
	}
	if (pending || vcpu_events_pending(v) ||
	    (op.timeout && op.timeout <= now_ns())) {
		evtchn_poll_end(v);
		vcpu_wake(v);
		return pending < 0 ? pending : 0;
	}
	if (op.timeout)
		timer_set(&v->poll_timeout, op.timeout);
	return 0;
}

/* Stop, or only say with which code a later stop is to be told. */
static long op_shutdown(u64 gva, bool now)
{
	struct domain *d = current->domain;
	struct sched_shutdown op;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (now)
		domain_shutdown(d, op.reason);
	else
		WRITE_ONCE(d->shutdown_code, op.reason);
	return 0;
}

static long op_remote_shutdown(u64 gva)
{
	struct sched_remote_shutdown op;
	struct domain *d;
	long ret = 0;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = domain_for_call(op.domain_id, &ret);
	if (!d)
		return ret;
	if (d == current->domain)
		ret = -EINVAL;
	else
		domain_shutdown(d, op.reason);
	domain_put(d);
	return ret;
}

long call_sched_op(struct hypercall *hc)
{
	u64 gva = hc->arg[1];

	switch (hc->arg[0]) {
	case SCHEDOP_yield:
		vcpu_yield();
		return 0;
	case SCHEDOP_block:
		vcpu_block();
		if (vcpu_events_pending(current))
			vcpu_wake(current);
		return 0;
	case SCHEDOP_shutdown:
		return op_shutdown(gva, true);
	case SCHEDOP_poll:
		return op_poll(gva);
	case SCHEDOP_remote_shutdown:
		return op_remote_shutdown(gva);
	case SCHEDOP_shutdown_code:
		return op_shutdown(gva, false);
	}
	return -ENOSYS;
}
