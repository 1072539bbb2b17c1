/* SPDX-License-Identifier: MIT */
/*
 * domctl.c - the domctl hypercall: dispatch, and the life of domains
 *
 * One at a time: the tools expect it, and no handler has to think of another
 * that changes the same domain.  A caller that finds one under way issues its
 * call again, and can be interrupted in between.
 */
#include "toolstack.h"

#define MAX_TIME_OFFSET (100LL * 366 * 24 * 3600) /* a century of seconds */
#define MAX_PFINFO 1024 /* entries of one getpageframeinfo3 */

#define CPUID_ADDRESS_SIZES 0x80000008U
#define DEFAULT_ADDRESS_BITS 36

static u8 domain_address_bits(const struct domain *d)
{
	const struct xen_cpuid_leaf *l =
		cpu_policy_leaf(d->policy, CPUID_ADDRESS_SIZES, NO_SUBLEAF);

	return l ? l->a : DEFAULT_ADDRESS_BITS;
}

void domain_get_info(struct domain *d, struct xen_domctl_getdomaininfo *info)
{
	memset(info, 0, sizeof(*info));
	info->domain = d->id;
	info->flags = domain_info_flags(d);
	info->tot_pages = READ_ONCE(d->tot_pages);
	info->max_pages = READ_ONCE(d->max_pages);
	info->shared_info_frame = INVALID_GFN;
	info->cpu_time = domain_cpu_ns(d);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (!READ_ONCE(d->vcpu[i]->down))
			info->nr_online_vcpus++;
	info->max_vcpu_id = d->max_vcpus - 1;
	info->ssidref = d->ssidref;
	memcpy(info->handle, d->handle, sizeof(info->handle));
	info->gpaddr_bits = domain_address_bits(d);
	info->arch_config.emulation_flags = XEN_X86_EMU_LAPIC;
	if (d->create_flags & XEN_DOMCTL_CDF_xs_domain)
		info->flags |= XEN_DOMINF_xs_domain;
}

static bool create_args_valid(const struct xen_domctl_createdomain *c)
{
	const u32 must = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap;
	const u32 may = XEN_DOMCTL_CDF_oos_off | XEN_DOMCTL_CDF_xs_domain;

	return (c->flags & must) == must && !(c->flags & ~(must | may)) &&
	       !c->iommu_opts && !c->vmtrace_size && !c->cpupool_id &&
	       c->max_vcpus && c->max_vcpus <= MAX_VCPUS &&
	       c->grant_opts == 1 && /* grant tables version 1 */
	       c->arch.emulation_flags == XEN_X86_EMU_LAPIC &&
	       !(c->arch.misc_flags & ~XEN_X86_MSR_RELAXED);
}

static long domctl_create(struct xen_domctl *op)
{
	const struct xen_domctl_createdomain *c = &op->u.createdomain;
	domid_t id = op->domain;
	struct domain *d;
	int err;

	if (!create_args_valid(c)) {
		printk_guest("domctl createdomain: flags %x, emulation %x, grant options %x, %u vCPUs: not supported",
			     c->flags, c->arch.emulation_flags, c->grant_opts,
			     c->max_vcpus);
		return -EINVAL;
	}
	if (!id || id >= DOMID_FIRST_RESERVED)
		id = DOMID_INVALID;
	d = domain_create(id, c, &err);
	if (!d)
		return err;
	op->domain = d->id;
	return 0;
}

/* The first domain from the one asked for on: this is how the tools list them. */
static long domctl_get_info(struct xen_domctl *op)
{
	struct domain *d;

	if (op->domain >= DOMID_FIRST_RESERVED)
		return -EINVAL;
	d = domain_get_from_id(op->domain);
	if (!d)
		return -ESRCH;
	domain_get_info(d, &op->u.getdomaininfo);
	op->domain = d->id;
	domain_put(d);
	return 0;
}

/* The vCPUs are there since createdomain. */
static long domctl_max_vcpus(struct domain *d, struct xen_domctl *op)
{
	return op->u.max_vcpus.max == d->max_vcpus ? 0 : -EINVAL;
}

static long domctl_max_mem(struct domain *d, struct xen_domctl *op)
{
	spin_lock(&d->page_lock);
	d->max_pages = op->u.max_mem.max_memkb >> (PAGE_SHIFT - 10);
	spin_unlock(&d->page_lock);
	return 0;
}

static long domctl_set_handle(struct domain *d, struct xen_domctl *op)
{
	spin_lock(&d->lock);
	memcpy(d->handle, op->u.setdomainhandle.handle, sizeof(d->handle));
	spin_unlock(&d->lock);
	return 0;
}

static long domctl_set_time_offset(struct domain *d, struct xen_domctl *op)
{
	s64 offset = op->u.settimeoffset.time_offset_seconds;

	if (offset < -MAX_TIME_OFFSET || offset > MAX_TIME_OFFSET)
		return -EINVAL;
	d->time_offset_s = offset;
	domain_set_wallclock(d);
	return 0;
}

/* All guests run on the machine's own TSC, never an emulated one. */
static long domctl_set_tsc(struct domain *d, struct xen_domctl *op)
{
	u32 mode = op->u.tsc_info.tsc_mode;

	if (d == current->domain)
		return -EINVAL;
	return mode == XEN_TSC_MODE_DEFAULT ||
	       mode == XEN_TSC_MODE_NEVER_EMULATE ? 0 : -EOPNOTSUPP;
}

static long domctl_get_tsc(struct domain *, struct xen_domctl *op)
{
	op->u.tsc_info = (struct xen_domctl_tsc_info){
		.tsc_mode = XEN_TSC_MODE_DEFAULT,
		.gtsc_khz = tsc_khz,
		.elapsed_nsec = now_ns(),
	};
	return 0;
}

/*
 * Any wish is fulfilled: memory for nested page tables is taken as needed, and
 * the machine is one node.
 */
static long domctl_accept(struct domain *, struct xen_domctl *)
{
	return 0;
}

static long domctl_get_mempool(struct domain *d, struct xen_domctl *op)
{
	op->u.paging_mempool.size = READ_ONCE(d->p2m_tables) << PAGE_SHIFT;
	return 0;
}

static long domctl_address_size(struct domain *, struct xen_domctl *op)
{
	op->u.address_size.size = 64;
	return 0;
}

/* What kind of frame each gfn is: RAM to be saved, or nothing. */
static long domctl_page_info(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_getpageframeinfo3 *arg = &op->u.getpageframeinfo3;
	u64 entry[128];

	if (d == current->domain)
		return -EINVAL;
	if (arg->num > MAX_PFINFO)
		return -E2BIG;
	for (u64 done = 0, n; done < arg->num; done += n) {
		u64 gva = arg->array + done * sizeof(entry[0]);

		n = min(arg->num - done, (u64)ARRAY_SIZE(entry));
		if (guest_read(entry, gva, n * sizeof(entry[0])))
			return -EFAULT;
		for (u64 i = 0; i < n; i++) {
			enum p2m_type type;

			p2m_lookup(d, entry[i], &type, NULL);
			entry[i] = type == P2M_RAM ? XEN_DOMCTL_PFINFO_NOTAB :
						     XEN_DOMCTL_PFINFO_XTAB;
		}
		if (guest_write(gva, entry, n * sizeof(entry[0])))
			return -EFAULT;
	}
	return 0;
}

/* What needs no more than the domain. */
static int (*const life[])(struct domain *d) = {
	[XEN_DOMCTL_destroydomain] = domain_kill,
	[XEN_DOMCTL_pausedomain] = domain_toolstack_pause,
	[XEN_DOMCTL_unpausedomain] = domain_toolstack_unpause,
	[XEN_DOMCTL_resumedomain] = domain_resume,
};

static long (*const handlers[])(struct domain *d, struct xen_domctl *op) = {
	[XEN_DOMCTL_setvcpuaffinity] = domctl_set_vcpu_affinity,
	[XEN_DOMCTL_shadow_op] = domctl_shadow_op,
	[XEN_DOMCTL_max_mem] = domctl_max_mem,
	[XEN_DOMCTL_setvcpucontext] = domctl_vcpu_context,
	[XEN_DOMCTL_getvcpucontext] = domctl_vcpu_context,
	[XEN_DOMCTL_getvcpuinfo] = domctl_get_vcpu_info,
	[XEN_DOMCTL_max_vcpus] = domctl_max_vcpus,
	[XEN_DOMCTL_scheduler_op] = domctl_scheduler_op,
	[XEN_DOMCTL_setdomainhandle] = domctl_set_handle,
	[XEN_DOMCTL_settimeoffset] = domctl_set_time_offset,
	[XEN_DOMCTL_getvcpuaffinity] = domctl_get_vcpu_affinity,
	[XEN_DOMCTL_sendtrigger] = domctl_send_trigger,
	[XEN_DOMCTL_gethvmcontext] = domctl_get_hvm_context,
	[XEN_DOMCTL_sethvmcontext] = domctl_set_hvm_context,
	[XEN_DOMCTL_get_address_size] = domctl_address_size,
	[XEN_DOMCTL_gethvmcontext_partial] = domctl_get_hvm_context_partial,
	[XEN_DOMCTL_gettscinfo] = domctl_get_tsc,
	[XEN_DOMCTL_settscinfo] = domctl_set_tsc,
	[XEN_DOMCTL_getpageframeinfo3] = domctl_page_info,
	[XEN_DOMCTL_setnodeaffinity] = domctl_accept,
	[XEN_DOMCTL_getnodeaffinity] = domctl_get_node_affinity,
	[XEN_DOMCTL_get_cpu_policy] = domctl_get_cpu_policy,
	[XEN_DOMCTL_set_cpu_policy] = domctl_set_cpu_policy,
	[XEN_DOMCTL_get_paging_mempool_size] = domctl_get_mempool,
	[XEN_DOMCTL_set_paging_mempool_size] = domctl_accept,
};

static long domctl_on_domain(struct xen_domctl *op)
{
	bool is_life = op->cmd < ARRAY_SIZE(life) && life[op->cmd];
	struct domain *d;
	long ret;

	if (!is_life &&
	    (op->cmd >= ARRAY_SIZE(handlers) || !handlers[op->cmd])) {
		printk_guest("domctl %u is not implemented", op->cmd);
		return -ENOSYS;
	}
	if (op->domain >= DOMID_FIRST_RESERVED)
		return -ESRCH;
	d = domain_get_by_id(op->domain);
	if (!d)
		return -ESRCH;
	ret = is_life ? life[op->cmd](d) : handlers[op->cmd](d, op);
	domain_put(d);
	return ret;
}

static long domctl_serve(u64 gva)
{
	struct xen_domctl op;
	long ret;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_DOMCTL_INTERFACE_VERSION)
		return -EACCES;
	switch (op.cmd) {
	case XEN_DOMCTL_createdomain:
		ret = domctl_create(&op);
		break;
	case XEN_DOMCTL_getdomaininfo:
		ret = domctl_get_info(&op);
		break;
	default:
		ret = domctl_on_domain(&op);
		break;
	}
	/* Also after an error: some say in the structure what was wrong. */
	if (guest_write(gva, &op, sizeof(op)) && !ret)
		ret = -EFAULT;
	return ret;
}

long call_domctl(struct hypercall *hc)
{
	static bool busy;
	long ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (__atomic_exchange_n(&busy, true, __ATOMIC_ACQUIRE))
		return -ERESTART;
	ret = domctl_serve(hc->arg[0]);
	store_release(&busy, false);
	return ret;
}
