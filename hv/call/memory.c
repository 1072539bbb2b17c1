/* SPDX-License-Identifier: MIT */
/* memory.c - the memory_op hypercall: dispatch, sizes and memory maps */
#include "memory.h"

static long memory_reservation_size(struct hypercall *hc)
{
	struct xen_memory_domain arg;
	struct domain *d;
	long ret = 0;

	if (guest_read(&arg, hc->arg[1], sizeof(arg)))
		return -EFAULT;
	d = domain_for_call(arg.domid, &ret);
	if (!d)
		return ret;
	switch (hc->arg[0]) {
	case XENMEM_current_reservation:
		ret = READ_ONCE(d->tot_pages);
		break;
	case XENMEM_maximum_reservation:
		ret = READ_ONCE(d->max_pages);
		break;
	default:
		/*
		 * First question of the tools when they save a guest, and asked
		 * for nothing else.  Loading back all of its state is not there
		 * yet, so refuse now, not when the guest has been destroyed.
		 */
		ret = d == current->domain ? (long)p2m_max_gfn(d) : -EOPNOTSUPP;
		break;
	}
	domain_put(d);
	return ret;
}

/* The caller's map: as many entries as fit, and how many those are. */
static long memory_get_map(struct hypercall *hc)
{
	struct domain *d = current->domain;
	struct xen_memory_map arg;
	bool machine = hc->arg[0] == XENMEM_machine_memory_map;
	unsigned int nr;
	long ret = 0;

	/*
	 * dom0's own map is the firmware's, less what the hypervisor keeps: all
	 * that a domain may know of the machine.
	 */
	if (machine && !d->privileged)
		return -EPERM;
	if (guest_read(&arg, hc->arg[1], sizeof(arg)))
		return -EFAULT;

	spin_lock(&d->lock);
	nr = d->nr_e820;
	if (!nr)
		ret = -ENOSYS;
	else if (!machine || arg.buffer)
		nr = min(nr, arg.nr_entries);
	if (!ret && arg.buffer &&
	    guest_write(arg.buffer, d->e820, nr * sizeof(d->e820[0])))
		ret = -EFAULT;
	spin_unlock(&d->lock);
	if (ret)
		return ret;

	arg.nr_entries = nr;
	return guest_write(hc->arg[1], &arg, sizeof(arg));
}

static long memory_set_map(struct hypercall *hc)
{
	struct e820_entry map[MAX_E820];
	struct xen_foreign_memory_map arg;
	struct domain *d;
	size_t size;
	long ret = 0;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_read(&arg, hc->arg[1], sizeof(arg)))
		return -EFAULT;
	if (arg.map.nr_entries > MAX_E820)
		return -EINVAL;
	size = arg.map.nr_entries * sizeof(map[0]);
	if (guest_read(map, arg.map.buffer, size))
		return -EFAULT;
	d = domain_for_call(arg.domid, &ret);
	if (!d)
		return ret;
	spin_lock(&d->lock);
	memcpy(d->e820, map, size);
	d->nr_e820 = arg.map.nr_entries;
	spin_unlock(&d->lock);
	domain_put(d);
	return 0;
}

/* There is no populate-on-demand: a target is what the balloon makes of it. */
static long memory_pod_target(struct hypercall *hc)
{
	struct xen_pod_target arg;
	struct domain *d;
	long ret = 0;

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_read(&arg, hc->arg[1], sizeof(arg)))
		return -EFAULT;
	d = domain_for_call(arg.domid, &ret);
	if (!d)
		return ret;
	arg.tot_pages = READ_ONCE(d->tot_pages);
	arg.pod_cache_pages = 0;
	arg.pod_entries = 0;
	domain_put(d);
	return guest_write(hc->arg[1], &arg, sizeof(arg));
}

long call_memory_op(struct hypercall *hc)
{
	switch (hc->arg[0] & XENMEM_CMD_MASK) {
	/* These keep their progress in the command's upper bits. */
	case XENMEM_populate_physmap:
		return memory_populate_physmap(hc);
	case XENMEM_decrease_reservation:
		return memory_decrease_reservation(hc);
	case XENMEM_add_to_physmap_batch:
		return memory_add_to_physmap_batch(hc);
	}

	switch (hc->arg[0]) {
	case XENMEM_add_to_physmap:
		return memory_add_to_physmap(hc);
	case XENMEM_remove_from_physmap:
		return memory_remove_from_physmap(hc);
	case XENMEM_acquire_resource:
		return memory_acquire_resource(hc);
	case XENMEM_claim_pages:
		return memory_claim_pages(hc);
	case XENMEM_maximum_ram_page:
		return max_mfn - 1;
	case XENMEM_current_reservation:
	case XENMEM_maximum_reservation:
	case XENMEM_maximum_gpfn:
		return memory_reservation_size(hc);
	case XENMEM_memory_map:
	case XENMEM_machine_memory_map:
		return memory_get_map(hc);
	case XENMEM_set_memory_map:
		return memory_set_map(hc);
	case XENMEM_set_pod_target:
	case XENMEM_get_pod_target:
		return memory_pod_target(hc);
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return 0;
	case XENMEM_get_vnumainfo:
		return -EOPNOTSUPP;
	}
	printk_guest("d%u: memory_op %lu is not implemented",
		     current->domain->id, hc->arg[0] & XENMEM_CMD_MASK);
	return -ENOSYS;
}
