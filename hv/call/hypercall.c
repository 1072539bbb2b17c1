/* SPDX-License-Identifier: MIT */
/*
 * hypercall.c - from a VMMCALL to the handler that serves it, and back
 *
 * The number is in rax, arguments in rdi, rsi, rdx, r10, r8, r9; only 64-bit
 * code at privilege level 0 may call.  A call that wants to be continued leaves
 * its progress in the argument registers and is issued again by the guest, so
 * events and the scheduler get their turn in between.
 */
#include "hypercall.h"

struct call_entry {
	const char *name;
	long (*fn)(struct hypercall *hc);
};

#define CALL(call) [HYPERCALL_##call] = { #call, call_##call }

static const struct call_entry calls[NR_HYPERCALLS] = {
	CALL(platform_op),
	CALL(memory_op),
	CALL(multicall),
	CALL(set_timer_op),
	CALL(xen_version),
	CALL(console_io),
	CALL(grant_table_op),
	CALL(vm_assist),
	CALL(vcpu_op),
	CALL(sched_op),
	CALL(event_channel_op),
	CALL(physdev_op),
	CALL(hvm_op),
	CALL(sysctl),
	CALL(domctl),
};

const char *hypercall_name(unsigned int nr)
{
	return nr < NR_HYPERCALLS ? calls[nr].name : NULL;
}

static long serve(struct domain *d, struct hypercall *hc)
{
	if (hc->nr >= NR_HYPERCALLS)
		return -ENOSYS;
	__atomic_fetch_add(&d->hypercalls[hc->nr], 1, __ATOMIC_RELAXED);
	if (!calls[hc->nr].fn)
		return -ENOSYS;
	return calls[hc->nr].fn(hc);
}

bool hypercall_dispatch(struct vcpu *v)
{
	struct guest_regs *regs = vmm_regs(v);
	struct hypercall hc;
	long ret;

	if (vmm_cpl(v)) {
		regs->rax = -EPERM;
		return true;
	}
	if (!vmm_long_mode(v)) {
		regs->rax = (u32)-ENOSYS;
		return true;
	}

	hc.nr = regs->rax;
	hc.arg[0] = regs->rdi;
	hc.arg[1] = regs->rsi;
	hc.arg[2] = regs->rdx;
	hc.arg[3] = regs->r10;
	hc.arg[4] = regs->r8;
	hc.arg[5] = regs->r9;

	ret = serve(v->domain, &hc);
	if (ret != -ERESTART) {
		regs->rax = ret;
		return true;
	}

	regs->rdi = hc.arg[0];
	regs->rsi = hc.arg[1];
	regs->rdx = hc.arg[2];
	regs->r10 = hc.arg[3];
	regs->r8 = hc.arg[4];
	regs->r9 = hc.arg[5];
	return false;
}

/*
 * arg[0]: array of entries, arg[1]: how many.  Both move on as entries are
 * done, so the call can be continued before any entry.  An entry whose own call
 * wants to be continued gets its progress written back and is done again first.
 */
long call_multicall(struct hypercall *hc)
{
	struct domain *d = current->domain;
	bool first = true;

	for (; hc->arg[1]; hc->arg[0] += sizeof(struct multicall_entry),
			   hc->arg[1]--) {
		struct multicall_entry entry;
		struct guest_area area;
		struct hypercall inner;
		long ret;

		if (!first && hypercall_preempt())
			return -ERESTART;
		first = false;

		if (guest_area_get(&area, hc->arg[0], sizeof(entry)))
			return -EFAULT;
		guest_area_read(&area, &entry, sizeof(entry));
		inner.nr = entry.op;
		memcpy(inner.arg, entry.args, sizeof(inner.arg));
		/* One level only: nesting would be recursion the guest chose. */
		ret = inner.nr == HYPERCALL_multicall ? -EINVAL :
							serve(d, &inner);
		if (ret == -ERESTART)
			guest_area_write(&area,
					 offsetof(struct multicall_entry, args),
					 inner.arg, sizeof(inner.arg));
		else
			guest_area_write(&area,
					 offsetof(struct multicall_entry,
						  result),
					 &ret, sizeof(ret));
		guest_area_put(&area);
		if (ret == -ERESTART)
			return -ERESTART;
	}
	return 0;
}

struct domain *domain_for_call(domid_t id, long *err)
{
	struct domain *self = current->domain;
	struct domain *d;

	if (id == DOMID_SELF || id == self->id) {
		domain_get(self);
		return self;
	}
	/* Before looking: a guest need not learn which domains there are. */
	if (!self->privileged) {
		*err = -EPERM;
		return NULL;
	}
	d = id < DOMID_FIRST_RESERVED ? domain_get_by_id(id) : NULL;
	if (!d)
		*err = -ESRCH;
	return d;
}
