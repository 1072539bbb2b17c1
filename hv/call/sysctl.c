/* SPDX-License-Identifier: MIT */
/* sysctl.c - the sysctl hypercall: the machine as the tools see it */
#include "toolstack.h"
#include "../abi/sysctl.h"

#define MAX_DEBUG_KEYS 32
#define MAX_PCI_NODES 64 /* answered in one go */
#define NODE_DISTANCE 10 /* of a node to itself, by ACPI's convention */

static long sysctl_read_console(struct xen_sysctl *op)
{
	struct xen_sysctl_readconsole *arg = &op->u.readconsole;
	u32 index = arg->incremental ? arg->index : 0;
	bool incremental = arg->incremental;
	u32 done = 0;

	while (done < arg->count) {
		char buf[256];
		size_t want = min((size_t)(arg->count - done), sizeof(buf));
		size_t n = console_ring_read(buf, want, &index, incremental,
					     false);

		if (!n)
			break;
		if (guest_write(arg->buffer + done, buf, n))
			return -EFAULT;
		done += n;
		incremental = true;
	}
	if (arg->clear)
		console_ring_read(NULL, 0, &index, incremental, true);
	arg->index = index;
	arg->count = done;
	return 0;
}

static long sysctl_physinfo(struct xen_sysctl *op)
{
	struct xen_sysctl_physinfo *arg = &op->u.physinfo;
	u32 features[CPU_FEATURE_WORDS];

	memset(arg, 0, sizeof(*arg));
	arg->threads_per_core = 1;
	arg->cores_per_socket = nr_cpus;
	arg->nr_cpus = nr_cpus;
	arg->max_cpu_id = nr_cpus - 1;
	arg->nr_nodes = 1;
	arg->cpu_khz = tsc_khz;
	arg->capabilities = XEN_SYSCTL_PHYSCAP_hvm | XEN_SYSCTL_PHYSCAP_hap |
			    XEN_SYSCTL_PHYSCAP_gnttab_v1;
	arg->total_pages = page_total_count();
	arg->free_pages = page_free_count();
	arg->max_mfn = max_mfn - 1;
	cpu_policy_features(cpu_policy_host(), features);
	memcpy(arg->hw_cap, features, sizeof(arg->hw_cap));
	return 0;
}

static long sysctl_sched_id(struct xen_sysctl *op)
{
	op->u.sched_id.sched_id = XEN_SCHEDULER_CREDIT2;
	return 0;
}

static long sysctl_domain_list(struct xen_sysctl *op)
{
	struct xen_sysctl_getdomaininfolist *arg = &op->u.getdomaininfolist;
	domid_t next = arg->first_domain;
	u32 n;

	for (n = 0; n < arg->max_domains && next < DOMID_FIRST_RESERVED; n++) {
		struct xen_domctl_getdomaininfo info;
		struct domain *d = domain_get_from_id(next);

		if (!d)
			break;
		domain_get_info(d, &info);
		domain_put(d);
		if (guest_write(arg->buffer + n * sizeof(info), &info,
				sizeof(info)))
			return -EFAULT;
		next = info.domain + 1;
	}
	arg->num_domains = n;
	return 0;
}

static long sysctl_debug_keys(struct xen_sysctl *op)
{
	const struct xen_sysctl_debug_keys *arg = &op->u.debug_keys;
	char keys[MAX_DEBUG_KEYS];

	if (arg->nr_keys > sizeof(keys))
		return -E2BIG;
	if (guest_read(keys, arg->keys, arg->nr_keys))
		return -EFAULT;
	for (u32 i = 0; i < arg->nr_keys; i++)
		keyhandler(keys[i]);
	return 0;
}

static long sysctl_cpu_info(struct xen_sysctl *op)
{
	struct xen_sysctl_getcpuinfo *arg = &op->u.getcpuinfo;
	u32 nr = min(arg->max_cpus, nr_cpus);

	for (u32 i = 0; i < nr; i++) {
		struct xen_sysctl_cpuinfo info = { cpus[i].idle_ns };

		if (guest_write(arg->info + i * sizeof(info), &info,
				sizeof(info)))
			return -EFAULT;
	}
	arg->nr_cpus = nr;
	return 0;
}

static long sysctl_avail_heap(struct xen_sysctl *op)
{
	struct xen_sysctl_availheap *arg = &op->u.availheap;

	arg->avail_bytes = arg->node <= 0 ? page_free_count() << PAGE_SHIFT : 0;
	return 0;
}

/* Cores of one socket in one node, as physinfo says. */
static long sysctl_cpu_topology(struct xen_sysctl *op)
{
	struct xen_sysctl_cputopoinfo *arg = &op->u.cputopoinfo;
	u32 nr = arg->cputopo ? min(arg->num_cpus, nr_cpus) : 0;

	for (u32 i = 0; i < nr; i++) {
		struct xen_sysctl_cputopo info = { .core = i };

		if (guest_write(arg->cputopo + i * sizeof(info), &info,
				sizeof(info)))
			return -EFAULT;
	}
	arg->num_cpus = nr_cpus;
	return 0;
}

static long sysctl_numa_info(struct xen_sysctl *op)
{
	struct xen_sysctl_numainfo *arg = &op->u.numainfo;
	struct xen_sysctl_meminfo info = {
		.memsize = page_total_count() << PAGE_SHIFT,
		.memfree = page_free_count() << PAGE_SHIFT,
	};
	u32 distance = NODE_DISTANCE;

	if (arg->num_nodes && arg->meminfo &&
	    guest_write(arg->meminfo, &info, sizeof(info)))
		return -EFAULT;
	if (arg->num_nodes && arg->distance &&
	    guest_write(arg->distance, &distance, sizeof(distance)))
		return -EFAULT;
	arg->num_nodes = 1;
	return 0;
}

/* Some at a time: the tools go on from where we stop. */
static long sysctl_pci_topology(struct xen_sysctl *op)
{
	struct xen_sysctl_pcitopoinfo *arg = &op->u.pcitopoinfo;
	static const u32 node[MAX_PCI_NODES];

	arg->num_devs = min(arg->num_devs, (u32)MAX_PCI_NODES);
	return guest_write(arg->nodes, node, arg->num_devs * sizeof(node[0]));
}

static u32 count_domains(void)
{
	struct domain *d;
	u32 n = 0;

	spin_lock(&domain_list_lock);
	list_for_each_entry(d, &domain_list, link)
		n++;
	spin_unlock(&domain_list_lock);
	return n;
}

/* All CPUs and all domains are in pool 0, for good. */
static long sysctl_cpupool(struct xen_sysctl *op)
{
	struct xen_sysctl_cpupool_op *arg = &op->u.cpupool_op;
	struct cpumask mask = { { 0 } };

	switch (arg->op) {
	case XEN_SYSCTL_CPUPOOL_OP_INFO:
		if (arg->cpupool_id)
			return -ENOENT;
		arg->sched_id = XEN_SCHEDULER_CREDIT2;
		arg->n_dom = count_domains();
		cpumask_all(&mask);
		return cpumask_to_guest(&arg->cpumap, &mask);
	case XEN_SYSCTL_CPUPOOL_OP_FREEINFO:
		return cpumask_to_guest(&arg->cpumap, &mask);
	}
	return -EOPNOTSUPP;
}

static long sysctl_scheduler(struct xen_sysctl *op)
{
	struct xen_sysctl_scheduler_op *arg = &op->u.scheduler_op;
	u32 *limit = &arg->u.sched_credit2.ratelimit_us;

	if (arg->cpupool_id)
		return -ESRCH;
	if (arg->sched_id != XEN_SCHEDULER_CREDIT2)
		return -EINVAL;
	switch (arg->cmd) {
	case XEN_SYSCTL_SCHEDOP_getinfo:
		*limit = sched_ratelimit_us;
		return 0;
	case XEN_SYSCTL_SCHEDOP_putinfo:
		if (*limit && (*limit < XEN_SYSCTL_SCHED_RATELIMIT_MIN ||
			       *limit > XEN_SYSCTL_SCHED_RATELIMIT_MAX))
			return -EINVAL;
		sched_ratelimit_us = *limit;
		return 0;
	}
	return -EINVAL;
}

static long sysctl_levelling_caps(struct xen_sysctl *op)
{
	op->u.cpu_levelling_caps.caps = 0; /* CPUID is always intercepted */
	return 0;
}

/* There are no PV guests, hence no policy for them. */
static long policy_by_index(u32 index, const struct cpu_policy **p)
{
	switch (index) {
	case XEN_SYSCTL_cpu_policy_raw:
	case XEN_SYSCTL_cpu_policy_host:
		*p = cpu_policy_host();
		return 0;
	case XEN_SYSCTL_cpu_policy_hvm_max:
	case XEN_SYSCTL_cpu_policy_hvm_default:
		*p = cpu_policy_guest_default();
		return 0;
	case XEN_SYSCTL_cpu_policy_pv_max:
	case XEN_SYSCTL_cpu_policy_pv_default:
		return -EOPNOTSUPP;
	}
	return -EINVAL;
}

static long sysctl_featureset(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_featureset *arg = &op->u.cpu_featureset;
	u32 words[CPU_FEATURE_WORDS];
	u32 room = arg->nr_features;
	const struct cpu_policy *p;
	long err = policy_by_index(arg->index, &p);

	if (err)
		return err;
	cpu_policy_features(p, words);
	arg->nr_features = CPU_FEATURE_WORDS;
	if (!arg->features)
		return 0;
	room = min(room, (u32)CPU_FEATURE_WORDS);
	if (guest_write(arg->features, words, room * sizeof(words[0])))
		return -EFAULT;
	/* What fits was told: the tools take that, with this error. */
	return room < CPU_FEATURE_WORDS ? -ENOBUFS : 0;
}

static long sysctl_cpu_policy(struct xen_sysctl *op)
{
	struct xen_sysctl_cpu_policy *arg = &op->u.cpu_policy;
	const struct cpu_policy *p;
	long err = arg->rsvd ? -EINVAL : policy_by_index(arg->index, &p);

	return err ? err : cpu_policy_to_guest(p, arg->leaves, &arg->nr_leaves,
					       arg->msrs, &arg->nr_msrs);
}

static long (*const handlers[])(struct xen_sysctl *op) = {
	[XEN_SYSCTL_readconsole] = sysctl_read_console,
	[XEN_SYSCTL_physinfo] = sysctl_physinfo,
	[XEN_SYSCTL_sched_id] = sysctl_sched_id,
	[XEN_SYSCTL_getdomaininfolist] = sysctl_domain_list,
	[XEN_SYSCTL_debug_keys] = sysctl_debug_keys,
	[XEN_SYSCTL_getcpuinfo] = sysctl_cpu_info,
	[XEN_SYSCTL_availheap] = sysctl_avail_heap,
	[XEN_SYSCTL_cputopoinfo] = sysctl_cpu_topology,
	[XEN_SYSCTL_numainfo] = sysctl_numa_info,
	[XEN_SYSCTL_pcitopoinfo] = sysctl_pci_topology,
	[XEN_SYSCTL_cpupool_op] = sysctl_cpupool,
	[XEN_SYSCTL_scheduler_op] = sysctl_scheduler,
	[XEN_SYSCTL_get_cpu_levelling_caps] = sysctl_levelling_caps,
	[XEN_SYSCTL_get_cpu_featureset] = sysctl_featureset,
	[XEN_SYSCTL_get_cpu_policy] = sysctl_cpu_policy,
};

long call_sysctl(struct hypercall *hc)
{
	struct xen_sysctl op;
	long ret;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_read(&op, hc->arg[0], sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XEN_SYSCTL_INTERFACE_VERSION)
		return -EACCES;
	if (op.cmd >= ARRAY_SIZE(handlers) || !handlers[op.cmd]) {
		printk_guest("sysctl %u is not implemented", op.cmd);
		return -ENOSYS;
	}
	ret = handlers[op.cmd](&op);
	/* Also after an error: sizes that are needed are told with it. */
	if (guest_write(hc->arg[0], &op, sizeof(op)) && !ret)
		ret = -EFAULT;
	return ret;
}
