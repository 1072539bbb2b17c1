/* SPDX-License-Identifier: MIT */
/* platform.c - hypercall 7: dom0's control of the machine */
#include "../abi/platform.h"
#include "hypercall.h"

#define NS_PER_S 1000000000ULL

/* UTC was @secs.@nsecs when system time was @system_time. */
static long settime(u64 secs, u32 nsecs, u64 system_time)
{
	u64 utc;

	if (nsecs >= NS_PER_S || secs > ~0ULL / NS_PER_S - 1)
		return -EINVAL;
	utc = secs * NS_PER_S + nsecs;
	if (utc < system_time)
		return -EINVAL;
	wallclock_set(utc - system_time);
	return 0;
}

static long get_cpuinfo(u64 gva, struct xen_platform_op *op)
{
	struct xenpf_pcpuinfo *info = &op->u.pcpu_info;

	info->max_present = nr_cpus - 1;
	if (info->xen_cpuid < nr_cpus) {
		struct cpu *c = &cpus[info->xen_cpuid];

		info->flags = c->online ? XEN_PCPU_FLAGS_ONLINE : 0;
		info->apic_id = c->apic_id;
		info->acpi_id = c->id;
	} else {
		info->flags = XEN_PCPU_FLAGS_INVALID;
	}
	return guest_write(gva, op, sizeof(*op));
}

long call_platform_op(struct hypercall *hc)
{
	struct xen_platform_op op;
	u64 gva = hc->arg[0];

	if (!current->domain->privileged)
		return -EPERM;
	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.interface_version != XENPF_INTERFACE_VERSION)
		return -EACCES;

	switch (op.cmd) {
	case XENPF_settime32:
		return settime(op.u.settime32.secs, op.u.settime32.nsecs,
			       op.u.settime32.system_time);
	case XENPF_settime64:
		if (op.u.settime64.mbz)
			return -EINVAL;
		return settime(op.u.settime64.secs, op.u.settime64.nsecs,
			       op.u.settime64.system_time);
	case XENPF_get_cpuinfo:
		return get_cpuinfo(gva, &op);
	}
	return -ENOSYS;
}
