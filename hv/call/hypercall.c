/* SPDX-License-Identifier: MIT */
/*
 * hypercall.c - from a VMMCALL to the handler that serves it, and back
 *
 * The number is in rax, arguments in rdi, rsi, rdx, r10, r8, r9, or ebx, ecx,
 * edx, esi, edi of 32-bit code; only privilege level 0 may call.  A call that
 * wants to be continued leaves its progress in the argument registers and is
 * issued again by the guest, so events and the scheduler get their turn in
 * between.
 */
#include "arg.h"

struct call_entry {
	const char *name;
	long (*fn)(struct hypercall *hc);
	bool only64;
};

#define CALL(call) [HYPERCALL_##call] = { #call, call_##call, false }
#define CALL64(call) [HYPERCALL_##call] = { #call, call_##call, true }

static const struct call_entry calls[NR_HYPERCALLS] = {
	CALL64(platform_op),
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
	CALL64(physdev_op),
	CALL(hvm_op),
	CALL64(sysctl),
	CALL64(domctl),
};

const char *hypercall_name(unsigned int nr)
{
	return nr < NR_HYPERCALLS ? calls[nr].name : NULL;
}

static long serve(struct domain *d, struct hypercall *hc)
{
	const struct call_entry *call;

	if (hc->nr >= NR_HYPERCALLS)
		return -ENOSYS;
	call = &calls[hc->nr];
	__atomic_fetch_add(&d->hypercalls[hc->nr], 1, __ATOMIC_RELAXED);
	if (!call->fn || (call->only64 && current->call32))
		return -ENOSYS;
	return call->fn(hc);
}

bool hypercall_dispatch(struct vcpu *v)
{
	struct guest_regs *regs = vmm_regs(v);
	bool wide = vmm_long_mode(v);
	u64 mask = wide ? ~0ULL : 0xffffffff;
	u64 *reg[] = {
		wide ? &regs->rdi : &regs->rbx, wide ? &regs->rsi : &regs->rcx,
		&regs->rdx, wide ? &regs->r10 : &regs->rsi,
		wide ? &regs->r8 : &regs->rdi, wide ? &regs->r9 : &regs->rbp,
	};
	struct hypercall hc;
	long ret;

	if (vmm_cpl(v)) {
		regs->rax = -EPERM;
		return true;
	}
	v->call32 = !wide;
	hc.nr = regs->rax & mask;
	for (unsigned int i = 0; i < ARRAY_SIZE(reg); i++)
		hc.arg[i] = *reg[i] & mask;

	ret = serve(v->domain, &hc);
	if (ret != -ERESTART) {
		regs->rax = ret & mask;
		return true;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(reg); i++)
		*reg[i] = hc.arg[i] & mask;
	return false;
}

/*
 * arg[0]: array of entries, arg[1]: how many.  Both move on as entries are
 * done, so the call can be continued before any entry.  An entry whose own call
 * wants to be continued gets its progress written back and is done again first.
 * An entry is longs throughout.
 */
long call_multicall(struct hypercall *hc)
{
	struct domain *d = current->domain;
	size_t unit = arg_size(sizeof(u64), MEMBERS_long);
	size_t size = sizeof(struct multicall_entry) / sizeof(u64) * unit;
	bool first = true;

	for (; hc->arg[1]; hc->arg[0] += size, hc->arg[1]--) {
		struct multicall_entry entry;
		struct guest_area area;
		struct hypercall inner;
		long ret;

		if (!first && hypercall_preempt())
			return -ERESTART;
		first = false;

		if (guest_area_get(&area, hc->arg[0], size))
			return -EFAULT;
		guest_area_read(&area, &entry, size);
		arg_widen(&entry, sizeof(u64), MEMBERS_long, size / unit);
		inner.nr = entry.op;
		memcpy(inner.arg, entry.args, sizeof(inner.arg));
		/* One level only: nesting would be recursion the guest chose. */
		ret = inner.nr == HYPERCALL_multicall ? -EINVAL :
							serve(d, &inner);
		if (ret == -ERESTART) {
			arg_narrow(inner.arg, sizeof(u64), MEMBERS_long,
				   ARRAY_SIZE(inner.arg));
			guest_area_write(&area, 2 * unit, inner.arg,
					 ARRAY_SIZE(inner.arg) * unit);
		} else {
			guest_area_write(&area, unit, &ret, unit);
		}
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
