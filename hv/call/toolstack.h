/* SPDX-License-Identifier: MIT */
/* toolstack.h - what the parts of domctl and sysctl share */
#ifndef HV_CALL_TOOLSTACK_H
#define HV_CALL_TOOLSTACK_H

#include "hypercall.h"
#include "../abi/domctl.h"

/* domctl.c */
void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info);

/*
 * domctl_vcpu.c: sets of CPUs.  A bitmap of the tools may be shorter than ours
 * (then the rest reads as zero, or is not told) or longer (its rest must not
 * name a CPU, or is cleared).
 */
int cpumask_from_guest(struct cpumask *mask, const struct xenctl_bitmap *bitmap);
int cpumask_to_guest(const struct xenctl_bitmap *bitmap,
		     const struct cpumask *mask);
void cpumask_all(struct cpumask *mask);

/*
 * domctl_policy.c: CPUID and MSR policies in the tools' form.  A null array
 * asks for the size; one that is too small fails with -ENOBUFS.
 */
int cpu_policy_to_guest(const struct cpu_policy *p, u64 leaves, u32 *nr_leaves,
			u64 msrs, u32 *nr_msrs);

/* The handlers of domctl; @op goes back to the tools if the table says so. */
long domctl_set_vcpu_affinity(struct domain *d, struct xen_domctl *op);
long domctl_get_vcpu_affinity(struct domain *d, struct xen_domctl *op);
long domctl_get_node_affinity(struct domain *d, struct xen_domctl *op);
long domctl_get_vcpu_info(struct domain *d, struct xen_domctl *op);
long domctl_vcpu_context(struct domain *d, struct xen_domctl *op);
long domctl_scheduler_op(struct domain *d, struct xen_domctl *op);
long domctl_send_trigger(struct domain *d, struct xen_domctl *op);
long domctl_shadow_op(struct domain *d, struct xen_domctl *op);
long domctl_get_cpu_policy(struct domain *d, struct xen_domctl *op);
long domctl_set_cpu_policy(struct domain *d, struct xen_domctl *op);
long domctl_get_hvm_context(struct domain *d, struct xen_domctl *op);
long domctl_get_hvm_context_partial(struct domain *d, struct xen_domctl *op);
long domctl_set_hvm_context(struct domain *d, struct xen_domctl *op);

#endif /* HV_CALL_TOOLSTACK_H */
