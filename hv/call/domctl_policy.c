/* SPDX-License-Identifier: MIT */
/* domctl_policy.c - domctl: what CPUID and feature MSRs tell a domain */
#include "toolstack.h"

/* One array: size asked for, or copied out. */
static int array_to_guest(u64 to, u32 *nr, const void *from, u32 have, u32 most,
			  size_t size)
{
	u32 room = *nr;

	if (!to) {
		*nr = most;
		return 0;
	}
	*nr = have;
	if (room < have)
		return -ENOBUFS;
	return guest_write(to, from, have * size);
}

int cpu_policy_to_guest(const struct cpu_policy *p, u64 leaves, u32 *nr_leaves,
			u64 msrs, u32 *nr_msrs)
{
	int err = array_to_guest(leaves, nr_leaves, p->leaf, p->nr_leaves,
				 CPU_POLICY_MAX_LEAVES, sizeof(p->leaf[0]));

	return err ? err : array_to_guest(msrs, nr_msrs, p->msr, p->nr_msrs,
					  CPU_POLICY_MAX_MSRS,
					  sizeof(p->msr[0]));
}

long domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_cpu_policy *arg = &op->u.cpu_policy;

	return cpu_policy_to_guest(d->policy, arg->leaves, &arg->nr_leaves,
				   arg->msrs, &arg->nr_msrs);
}

/* All leaves there can be are listed: what is not, is zero. */
static int merge_leaf(struct cpu_policy *p, const struct xen_cpuid_leaf *new)
{
	struct xen_cpuid_leaf *l = cpu_policy_leaf(p, new->leaf, new->subleaf);

	if (!l)
		return new->a | new->b | new->c | new->d ? -EINVAL : 0;
	*l = *new;
	return 0;
}

static int merge_msr(struct cpu_policy *p, const struct xen_msr_entry *new)
{
	unsigned int i = 0;

	while (i < p->nr_msrs && p->msr[i].idx != new->idx)
		i++;
	if (i == CPU_POLICY_MAX_MSRS)
		return -ENOSPC;
	p->msr[i] = *new;
	p->nr_msrs = max(p->nr_msrs, i + 1);
	return 0;
}

/* Entries the tools do not mention stay as they are. */
static int merge_policy(struct cpu_policy *p, struct xen_domctl_cpu_policy *arg)
{
	int err = 0;

	if (arg->nr_leaves > CPU_POLICY_MAX_LEAVES ||
	    arg->nr_msrs > CPU_POLICY_MAX_MSRS)
		return -E2BIG;
	for (u32 i = 0; i < arg->nr_leaves && !err; i++) {
		struct xen_cpuid_leaf leaf;

		if (guest_read(&leaf, arg->leaves + i * sizeof(leaf),
			       sizeof(leaf)))
			return -EFAULT;
		err = merge_leaf(p, &leaf);
		if (err) {
			arg->err_leaf = leaf.leaf;
			arg->err_subleaf = leaf.subleaf;
		}
	}
	for (u32 i = 0; i < arg->nr_msrs && !err; i++) {
		struct xen_msr_entry msr;

		if (guest_read(&msr, arg->msrs + i * sizeof(msr), sizeof(msr)))
			return -EFAULT;
		err = msr.flags ? -EINVAL : merge_msr(p, &msr);
		if (err)
			arg->err_msr = msr.idx;
	}
	return err;
}

/* Only before the domain first runs: a guest keeps what it has seen. */
long domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_cpu_policy *arg = &op->u.cpu_policy;
	struct cpu_policy *p;
	int err;

	arg->err_leaf = arg->err_subleaf = arg->err_msr = ~0U;
	if (d == current->domain)
		return -EINVAL;
	if (d->state != DOMAIN_NEW)
		return -EEXIST;
	p = kzalloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = *d->policy;
	err = merge_policy(p, arg);
	if (!err)
		err = cpu_policy_check(p, &arg->err_leaf, &arg->err_subleaf,
				       &arg->err_msr);
	if (!err)
		*d->policy = *p;
	else
		printk_guest("d%u: CPU policy refused: %d, leaf %x subleaf %x msr %x",
			     d->id, err, arg->err_leaf, arg->err_subleaf,
			     arg->err_msr);
	kfree(p);
	return err;
}
