/* SPDX-License-Identifier: MIT */
/*
 * npf.c - the guest touched what its nested map does not give it
 *
 * A write to what is mapped read-only (a granted page) gets #GP.  Else a guest is
 * stopped: there is nothing behind such an address and no device
 * model that could answer, but for the local APIC of 32-bit guests.
 *
 * dom0 gets a device's memory at the first touch: above 4 GiB since the firmware
 * need not list it, below where frames of others stood meanwhile.  Where there is
 * RAM that is not dom0's (the hypervisor, the pool), it gets #GP at the
 * instruction: the linear address, which #PF would need, is not known, and an
 * invented value would be worse than a fault.
 */
#include "apic.h"
#include "arch.h"
#include "../boot/boot.h"

/* RAM, or next to it in the same 4 KiB frame, by the firmware's map. */
static bool is_device(u64 gpa)
{
	u64 frame = ALIGN_DOWN(gpa, PAGE_SIZE);

	if (frame == APIC_BASE_ADDR)
		return false;
	for (unsigned int i = 0; i < firmware_map.nr; i++) {
		const struct memmap_range *r = &firmware_map.range[i];

		if (r->type == MEM_RAM && frame < r->end &&
		    frame + PAGE_SIZE > r->start)
			return false;
	}
	return true;
}

static void npf_dom0(struct vcpu *v, u64 gpa)
{
	struct domain *d = v->domain;
	gfn_t gfn = gpa >> PAGE_SHIFT;

	if (is_device(gpa)) {
		if (p2m_set(d, gfn, gfn, 0, P2M_MMIO))
			domain_crash(d, "no memory to map device frame %#lx",
				     gfn);
		return;
	}
	__atomic_fetch_add(&d->pool_faults, 1, __ATOMIC_RELAXED);
	printk_guest("d0v%u: access to %#lx, which is not dom0's, at %#lx",
		     v->id, gpa, v->arch->regs.rip);
	svm_inject_error(v, VEC_GP, 0);
}

void npf_exit(struct vcpu *v)
{
	const struct vmcb *vmcb = v->arch->vmcb;
	u64 gpa = vmcb->exit_info2;
	enum p2m_type type;

	p2m_lookup(v->domain, gpa >> PAGE_SHIFT, &type, NULL);
	if (type == P2M_RAM_RO || type == P2M_GRANT_RO) {
		svm_inject_error(v, VEC_GP, 0);
		return;
	}
	/* Another vCPU's fault may have mapped it meanwhile. */
	if (type != P2M_NONE)
		return;
	if (vcpu_is_dom0(v)) {
		npf_dom0(v, gpa);
		return;
	}
	if (vlapic_mmio(v, gpa, vmcb->exit_info1 & NPF_WRITE))
		return;
	domain_crash(v->domain, "v%u: access to %#lx (%#lx) at %#lx", v->id, gpa,
		     vmcb->exit_info1, v->arch->regs.rip);
}
