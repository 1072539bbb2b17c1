/* SPDX-License-Identifier: MIT */
/* memory.c - the memory_op hypercall: dispatch, sizes and memory maps */
#include "memory.h"

static long op_current_reservation(struct domain *d, void *)
{
	return READ_ONCE(d->tot_pages);
}

static long op_maximum_reservation(struct domain *d, void *)
{
	return READ_ONCE(d->max_pages);
}

static long op_maximum_gpfn(struct domain *d, void *)
{
	return p2m_max_gfn(d);
}

/* The caller's map: as many entries as fit, and how many those are. */
static long get_map(struct domain *d, struct xen_memory_map *map, bool count)
{
	long ret = 0;
	u32 nr;

	spin_lock(&d->lock);
	nr = d->nr_e820;
	if (!nr)
		ret = -ENOSYS;
	else if (!count)
		nr = min(nr, map->nr_entries);
	if (!ret && map->buffer &&
	    guest_write(map->buffer, d->e820, nr * sizeof(d->e820[0])))
		ret = -EFAULT;
	spin_unlock(&d->lock);
	map->nr_entries = nr;
	return ret;
}

static long op_memory_map(struct domain *d, void *arg)
{
	return get_map(d, arg, false);
}

/*
 * dom0's own map is the firmware's, less what the hypervisor keeps: all that a
 * domain may know of the machine.
 */
static long op_machine_memory_map(struct domain *d, void *arg)
{
	struct xen_memory_map *map = arg;

	return get_map(d, map, !map->buffer);
}

static long op_set_memory_map(struct domain *d, void *arg)
{
	struct xen_foreign_memory_map *op = arg;
	struct e820_entry map[MAX_E820];
	size_t size;

	if (op->map.nr_entries > MAX_E820)
		return -EINVAL;
	size = op->map.nr_entries * sizeof(map[0]);
	if (guest_read(map, op->map.buffer, size))
		return -EFAULT;
	spin_lock(&d->lock);
	memcpy(d->e820, map, size);
	d->nr_e820 = op->map.nr_entries;
	spin_unlock(&d->lock);
	return 0;
}

/* There is no populate-on-demand: a target is what the balloon makes of it. */
static long op_pod_target(struct domain *d, void *arg)
{
	struct xen_pod_target *op = arg;

	op->tot_pages = READ_ONCE(d->tot_pages);
	op->pod_cache_pages = 0;
	op->pod_entries = 0;
	return 0;
}

#define NAMED(type) sizeof(struct type), offsetof(struct type, domid)

static const struct call_op ops[] = {
	[XENMEM_current_reservation] = { op_current_reservation,
					 NAMED(xen_memory_domain), 0 },
	[XENMEM_maximum_reservation] = { op_maximum_reservation,
					 NAMED(xen_memory_domain), 0 },
	[XENMEM_maximum_gpfn] = { op_maximum_gpfn, NAMED(xen_memory_domain), 0 },
	[XENMEM_add_to_physmap] = { memory_add_to_physmap,
				    NAMED(xen_add_to_physmap), 0,
				    MEMBERS_add_to_physmap },
	[XENMEM_remove_from_physmap] = { memory_remove_from_physmap,
					 NAMED(xen_remove_from_physmap), 0,
					 MEMBERS_remove_from_physmap },
	[XENMEM_memory_map] = { op_memory_map, sizeof(struct xen_memory_map),
				OP_OWN_DOMAIN, OP_ANSWERS, MEMBERS_memory_map },
	[XENMEM_machine_memory_map] = { op_machine_memory_map,
					sizeof(struct xen_memory_map),
					OP_OWN_DOMAIN,
					OP_ANSWERS | OP_PRIVILEGED },
	[XENMEM_set_memory_map] = { op_set_memory_map,
				    NAMED(xen_foreign_memory_map),
				    OP_PRIVILEGED },
	[XENMEM_set_pod_target] = { op_pod_target, NAMED(xen_pod_target),
				    OP_ANSWERS | OP_PRIVILEGED },
	[XENMEM_get_pod_target] = { op_pod_target, NAMED(xen_pod_target),
				    OP_ANSWERS | OP_PRIVILEGED },
	[XENMEM_claim_pages] = { memory_claim_pages,
				 NAMED(xen_memory_reservation), OP_PRIVILEGED },
	[XENMEM_acquire_resource] = { memory_acquire_resource,
				      NAMED(xen_mem_acquire_resource),
				      OP_ANSWERS | OP_PRIVILEGED },
};

long call_memory_op(struct hypercall *hc)
{
	u64 cmd = hc->arg[0];

	/* These keep their progress in the command's upper bits. */
	switch (cmd & XENMEM_CMD_MASK) {
	case XENMEM_populate_physmap:
		return memory_populate_physmap(hc);
	case XENMEM_decrease_reservation:
		return memory_decrease_reservation(hc);
	case XENMEM_add_to_physmap_batch:
		return memory_add_to_physmap_batch(hc);
	}

	if (cmd < ARRAY_SIZE(ops) && ops[cmd].fn)
		return op_serve(&ops[cmd], hc->arg[1]);
	switch (cmd) {
	case XENMEM_maximum_ram_page:
		return max_mfn - 1;
	case XENMEM_get_sharing_freed_pages:
	case XENMEM_get_sharing_shared_pages:
		return 0;
	case XENMEM_get_vnumainfo:
		return -EOPNOTSUPP;
	}
	printk_guest("d%u: memory_op %lu is not implemented",
		     current->domain->id, cmd & XENMEM_CMD_MASK);
	return -ENOSYS;
}
