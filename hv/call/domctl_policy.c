/* SPDX-License-Identifier: MIT */
/* domctl_policy.c - domctl: what CPUID and feature MSRs tell a domain */
#include "toolstack.h"

#define NO_SUBLEAF (~0U)
#define MAX_RANGE 64 /* leaves of a range, or subleaves */
#define BASIC 0U
#define HYPERVISOR 0x40000000U
#define HYPERVISOR2 0x40000100U
#define EXTENDED 0x80000000U

_Static_assert(sizeof(struct cpuid_leaf) == sizeof(struct xen_cpuid_leaf),
	       "policies are kept in the tools' form");
_Static_assert(sizeof(struct policy_msr) == sizeof(struct xen_msr_entry),
	       "policies are kept in the tools' form");

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

/*
 * Where the leaf stands, or would stand: policies are sorted by leaf and
 * subleaf, since the tools search them like that.
 */
static unsigned int leaf_index(const struct cpu_policy *p, u32 leaf,
			       u32 subleaf)
{
	unsigned int i = 0;

	while (i < p->nr_leaves &&
	       (p->leaf[i].leaf < leaf || (p->leaf[i].leaf == leaf &&
					   p->leaf[i].subleaf < subleaf)))
		i++;
	return i;
}

static struct cpuid_leaf *find_leaf(struct cpu_policy *p, u32 leaf,
				    u32 subleaf)
{
	unsigned int i = leaf_index(p, leaf, subleaf);

	return i < p->nr_leaves && p->leaf[i].leaf == leaf &&
	       p->leaf[i].subleaf == subleaf ? &p->leaf[i] : NULL;
}

static u32 leaf_eax(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	struct cpuid_leaf *l = find_leaf(p, leaf, subleaf);

	return l ? l->a : 0;
}

/* The entry of a leaf, a new zero one if need be; NULL if there is no room. */
static struct cpuid_leaf *list_leaf(struct cpu_policy *p, u32 leaf, u32 subleaf)
{
	struct cpuid_leaf *l = find_leaf(p, leaf, subleaf);

	if (l || p->nr_leaves == CPU_POLICY_MAX_LEAVES)
		return l;
	l = &p->leaf[leaf_index(p, leaf, subleaf)];
	memmove(l + 1, l, (char *)&p->leaf[p->nr_leaves++] - (char *)l);
	*l = (struct cpuid_leaf){ .leaf = leaf, .subleaf = subleaf };
	return l;
}

/* How many subleaves of a leaf the tools list at least; 0 if it has none. */
static u32 listed_subleaves(struct cpu_policy *p, u32 leaf)
{
	switch (leaf) {
	case 4:
		return 1;
	case 7:
		return leaf_eax(p, 7, 0) + 1;
	case 0xb:
	case 0xd:
		return 2;
	}
	return 0;
}

/*
 * The tools take a policy, edit it, and write all leaves there are, zero or not,
 * into the space that what they took had filled.  So list those leaves too.
 */
static void list_range(struct cpu_policy *p, u32 base)
{
	u32 last = max(leaf_eax(p, base, NO_SUBLEAF), base);

	for (u32 leaf = base; leaf <= last && leaf - base < MAX_RANGE; leaf++) {
		u32 nr = listed_subleaves(p, leaf);

		if (!nr)
			list_leaf(p, leaf, NO_SUBLEAF);
		for (u32 sub = 0; sub < nr && sub < MAX_RANGE; sub++)
			list_leaf(p, leaf, sub);
	}
}

int cpu_policy_to_guest(const struct cpu_policy *from, u64 leaves,
			u32 *nr_leaves, u64 msrs, u32 *nr_msrs)
{
	struct cpu_policy *p = kzalloc(sizeof(*p));
	int err;

	if (!p)
		return -ENOMEM;
	*p = *from;
	list_range(p, BASIC);
	list_leaf(p, HYPERVISOR, NO_SUBLEAF);
	list_leaf(p, HYPERVISOR2, NO_SUBLEAF);
	list_range(p, EXTENDED);
	err = array_to_guest(leaves, nr_leaves, p->leaf, p->nr_leaves,
			     CPU_POLICY_MAX_LEAVES, sizeof(p->leaf[0]));
	if (!err)
		err = array_to_guest(msrs, nr_msrs, p->msr, p->nr_msrs,
				     CPU_POLICY_MAX_MSRS, sizeof(p->msr[0]));
	kfree(p);
	return err;
}

long domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_cpu_policy *arg = &op->u.cpu_policy;

	return cpu_policy_to_guest(d->policy, arg->leaves, &arg->nr_leaves,
				   arg->msrs, &arg->nr_msrs);
}

static int merge_leaf(struct cpu_policy *p, const struct cpuid_leaf *new)
{
	struct cpuid_leaf *l = list_leaf(p, new->leaf, new->subleaf);

	if (!l)
		return -ENOSPC;
	*l = *new;
	return 0;
}

static int merge_msr(struct cpu_policy *p, const struct policy_msr *new)
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
		struct cpuid_leaf leaf;

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
		struct policy_msr msr;

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
