/* SPDX-License-Identifier: MIT */
/* domctl_vcpu.c - domctl: where vCPUs run, and how much */
#include "../abi/vcpu.h"
#include "toolstack.h"

#define MAX_BITMAP_BITS 4096 /* far above any number of CPUs or nodes */

void cpumask_all(struct cpumask *mask)
{
	memset(mask, 0, sizeof(*mask));
	for (unsigned int i = 0; i < nr_cpus; i++)
		set_bit(i, mask->bits);
}

int cpumask_from_guest(struct cpumask *mask, const struct xenctl_bitmap *bitmap)
{
	size_t bytes = DIV_ROUND_UP((u64)bitmap->nr_bits, 8);

	memset(mask, 0, sizeof(*mask));
	if (guest_read(mask->bits, bitmap->bitmap, min(bytes, sizeof(*mask))))
		return -EFAULT;
	/* Only CPUs there are, and only bits that were passed. */
	for (unsigned int i = 0; i < NR_CPUS; i++)
		if (i >= nr_cpus || i >= bitmap->nr_bits)
			clear_bit(i, mask->bits);
	return 0;
}

int cpumask_to_guest(const struct xenctl_bitmap *bitmap,
		     const struct cpumask *mask)
{
	static const u8 zero[MAX_BITMAP_BITS / 8];
	size_t bytes = DIV_ROUND_UP((u64)bitmap->nr_bits, 8);
	size_t used = min(bytes, sizeof(*mask));

	if (bitmap->nr_bits > MAX_BITMAP_BITS)
		return -EINVAL;
	if (guest_write(bitmap->bitmap, mask->bits, used) ||
	    guest_write(bitmap->bitmap + used, zero, bytes - used))
		return -EFAULT;
	return 0;
}

/* Both maps come back as they now are, cut to the CPUs there are. */
long domctl_set_vcpu_affinity(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_vcpuaffinity *arg = &op->u.vcpuaffinity;
	bool hard = arg->flags & XEN_VCPUAFFINITY_HARD;
	bool soft = arg->flags & XEN_VCPUAFFINITY_SOFT;
	struct cpumask new_hard, new_soft;
	struct vcpu *v = domain_vcpu(d, arg->vcpu);
	int err = 0;

	if (!v)
		return -ESRCH;
	if ((!hard && !soft) ||
	    (arg->flags & ~(XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT |
			    XEN_VCPUAFFINITY_FORCE)))
		return -EINVAL;
	if (hard)
		err = cpumask_from_guest(&new_hard, &arg->cpumap_hard);
	if (!err && soft)
		err = cpumask_from_guest(&new_soft, &arg->cpumap_soft);
	if (!err)
		err = vcpu_set_affinity(v, hard ? &new_hard : NULL,
					soft ? &new_soft : NULL);
	if (!err && hard)
		err = cpumask_to_guest(&arg->cpumap_hard, &new_hard);
	if (!err && soft) {
		for (unsigned int i = 0; i < ARRAY_SIZE(new_soft.bits); i++)
			new_soft.bits[i] &= v->hard.bits[i];
		err = cpumask_to_guest(&arg->cpumap_soft, &new_soft);
	}
	return err;
}

long domctl_get_vcpu_affinity(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_vcpuaffinity *arg = &op->u.vcpuaffinity;
	struct vcpu *v = domain_vcpu(d, arg->vcpu);
	int err = 0;

	if (!v)
		return -ESRCH;
	if (!(arg->flags & (XEN_VCPUAFFINITY_HARD | XEN_VCPUAFFINITY_SOFT)))
		return -EINVAL;
	if (arg->flags & XEN_VCPUAFFINITY_HARD)
		err = cpumask_to_guest(&arg->cpumap_hard, &v->hard);
	if (!err && (arg->flags & XEN_VCPUAFFINITY_SOFT))
		err = cpumask_to_guest(&arg->cpumap_soft, &v->soft);
	return err;
}

/* The machine is one node. */
long domctl_get_node_affinity(struct domain *, struct xen_domctl *op)
{
	struct cpumask node = { { 1 } };

	return cpumask_to_guest(&op->u.nodeaffinity.nodemap, &node);
}

long domctl_get_vcpu_info(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_getvcpuinfo *arg = &op->u.getvcpuinfo;
	struct vcpu *v = domain_vcpu(d, arg->vcpu);
	struct vcpu_runstate_info info;

	if (!v)
		return -ESRCH;
	vcpu_runstate(v, &info);
	arg->online = !READ_ONCE(v->down);
	arg->blocked = READ_ONCE(v->blocked);
	arg->running = READ_ONCE(v->running);
	arg->cpu_time = info.time[RUNSTATE_running];
	arg->cpu = v->cpu ? v->cpu->id : 0;
	return 0;
}

/*
 * Both ways.  Of what is set, only the general registers are taken: the tools
 * change one of them to tell a guest that its suspend was cancelled.
 */
long domctl_vcpu_context(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_vcpucontext *arg = &op->u.vcpucontext;
	struct vcpu *v = domain_vcpu(d, arg->vcpu);
	struct vcpu_guest_context *ctx;
	int err;

	if (!v)
		return -ESRCH;
	if (d == current->domain)
		return -EINVAL;
	ctx = kzalloc(sizeof(*ctx));
	if (!ctx)
		return -ENOMEM;
	vcpu_pause(v);
	if (op->cmd == XEN_DOMCTL_getvcpucontext) {
		vmm_get_registers(v, ctx);
		err = guest_write(arg->ctxt, ctx, sizeof(*ctx));
	} else {
		err = guest_read(ctx, arg->ctxt, sizeof(*ctx));
		if (!err)
			vmm_set_registers(v, ctx);
	}
	vcpu_unpause(v);
	kfree(ctx);
	return err;
}

/* Buttons and reset lines are not there to be pushed. */
long domctl_send_trigger(struct domain *d, struct xen_domctl *op)
{
	const struct xen_domctl_sendtrigger *arg = &op->u.sendtrigger;
	struct vcpu *v = domain_vcpu(d, arg->vcpu);

	if (arg->trigger != XEN_DOMCTL_SENDTRIGGER_NMI)
		return -EOPNOTSUPP;
	if (!v)
		return -ESRCH;
	if (v->down)
		return -EINVAL;
	vlapic_post_nmi(v);
	return 0;
}

/*
 * Weight and cap in the form of Xen's credit2, which ours is closest to.  A
 * weight of 0 leaves it alone, a cap of 0 is none.
 */
long domctl_scheduler_op(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_scheduler_op *arg = &op->u.scheduler_op;
	struct xen_domctl_sched_credit2 *p = &arg->u.credit2;

	if (arg->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (arg->cmd) {
	case XEN_DOMCTL_SCHEDOP_getinfo:
		p->weight = d->weight;
		p->cap = d->cap;
		return 0;
	case XEN_DOMCTL_SCHEDOP_putinfo:
		return sched_set_weight(d, p->weight ?: d->weight, p->cap);
	}
	return -EINVAL;
}
