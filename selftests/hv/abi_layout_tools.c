// SPDX-License-Identifier: MIT
/*
 * abi_layout_tools.c - the toolstack ABI of hv/abi against Xen's own headers
 *
 * Both sets of headers use the same names, so this file is compiled twice: with
 * -DXEN_HEADERS it makes the table from the distribution's headers, without it
 * the one from ours and the comparison.  Usage of the result: no arguments, TAP
 * on stdout.
 */
#ifdef XEN_HEADERS
#define __XEN_TOOLS__ 1
#define __XEN_INTERFACE_VERSION__ 0x00041100
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/memory.h>
#include <xen/domctl.h>
#include <xen/sysctl.h>
#include <xen/hvm/save.h>
#define TABLE xen_layout
#define XSTATE_BV save_area.xsave_hdr.xstate_bv
#define BATCH_FOREIGN u.foreign_domid
#define HVM_SAVE_MTRR HVM_SAVE_CODE(MTRR)
#define HVM_SAVE_CPU HVM_SAVE_CODE(CPU)
#define HVM_SAVE_LAPIC HVM_SAVE_CODE(LAPIC)
#define HVM_SAVE_LAPIC_REGS HVM_SAVE_CODE(LAPIC_REGS)
#define HVM_SAVE_CPU_XSAVE CPU_XSAVE_CODE
#define HVM_SAVE_HEADER HVM_SAVE_CODE(HEADER)
#else
#include <stdio.h>
#include <string.h>
#include "../../hv/abi/memory.h"
#include "../../hv/abi/domctl.h"
#include "../../hv/abi/sysctl.h"
#include "../../hv/abi/save.h"
#include "../../hv/abi/vcpu.h"
#define TABLE own_layout
#define XSTATE_BV xstate_bv
#define BATCH_FOREIGN foreign_domid
#endif

struct layout {
	const char *name;
	unsigned long offset, size;
};

#define S(type) { #type, 0, sizeof(struct type) }
#define F(type, field)                                        \
	{ #type "." #field, offsetof(struct type, field),     \
	  sizeof(((struct type *)0)->field) }
#define V(constant) { #constant, (unsigned long)(constant), 0 }

const struct layout TABLE[] = {
	S(xen_memory_reservation), F(xen_memory_reservation, extent_start),
	F(xen_memory_reservation, nr_extents),
	F(xen_memory_reservation, extent_order),
	F(xen_memory_reservation, mem_flags), F(xen_memory_reservation, domid),
	S(xen_memory_domain),
	S(xen_add_to_physmap), F(xen_add_to_physmap, size),
	F(xen_add_to_physmap, space), F(xen_add_to_physmap, idx),
	F(xen_add_to_physmap, gpfn),
	S(xen_add_to_physmap_batch), F(xen_add_to_physmap_batch, space),
	F(xen_add_to_physmap_batch, size), F(xen_add_to_physmap_batch, idxs),
	{ "batch.foreign_domid",
	  offsetof(struct xen_add_to_physmap_batch, BATCH_FOREIGN), 2 },
	F(xen_add_to_physmap_batch, gpfns), F(xen_add_to_physmap_batch, errs),
	S(xen_remove_from_physmap), F(xen_remove_from_physmap, gpfn),
	S(xen_memory_map), F(xen_memory_map, buffer),
	S(xen_foreign_memory_map), F(xen_foreign_memory_map, map),
	S(xen_pod_target), F(xen_pod_target, domid),
	S(xen_mem_acquire_resource), F(xen_mem_acquire_resource, type),
	F(xen_mem_acquire_resource, id), F(xen_mem_acquire_resource, nr_frames),
	F(xen_mem_acquire_resource, pad), F(xen_mem_acquire_resource, frame),
	F(xen_mem_acquire_resource, frame_list),
	V(XENMEM_populate_physmap), V(XENMEM_add_to_physmap_batch),
	V(XENMEM_acquire_resource), V(XENMEM_remove_from_physmap),
	V(XENMEM_set_memory_map), V(XENMEM_memory_map),
	V(XENMEM_machine_memory_map), V(XENMEM_maximum_gpfn),
	V(XENMEM_claim_pages), V(XENMEM_get_vnumainfo),
	V(XENMEM_set_pod_target),
	V(XENMAPSPACE_gmfn_foreign), V(XENMEMF_populate_on_demand),

	S(xenctl_bitmap), F(xenctl_bitmap, nr_bits),
	S(xen_domctl), F(xen_domctl, domain), F(xen_domctl, u),
	S(xen_domctl_createdomain), F(xen_domctl_createdomain, handle),
	F(xen_domctl_createdomain, flags),
	F(xen_domctl_createdomain, iommu_opts),
	F(xen_domctl_createdomain, max_vcpus),
	F(xen_domctl_createdomain, max_evtchn_port),
	F(xen_domctl_createdomain, max_grant_frames),
	F(xen_domctl_createdomain, max_maptrack_frames),
	F(xen_domctl_createdomain, grant_opts),
	F(xen_domctl_createdomain, vmtrace_size),
	F(xen_domctl_createdomain, cpupool_id),
	F(xen_domctl_createdomain, arch),
	S(xen_domctl_getdomaininfo), F(xen_domctl_getdomaininfo, flags),
	F(xen_domctl_getdomaininfo, tot_pages),
	F(xen_domctl_getdomaininfo, max_pages),
	F(xen_domctl_getdomaininfo, outstanding_pages),
	F(xen_domctl_getdomaininfo, shr_pages),
	F(xen_domctl_getdomaininfo, paged_pages),
	F(xen_domctl_getdomaininfo, shared_info_frame),
	F(xen_domctl_getdomaininfo, cpu_time),
	F(xen_domctl_getdomaininfo, nr_online_vcpus),
	F(xen_domctl_getdomaininfo, max_vcpu_id),
	F(xen_domctl_getdomaininfo, ssidref),
	F(xen_domctl_getdomaininfo, handle),
	F(xen_domctl_getdomaininfo, cpupool),
	F(xen_domctl_getdomaininfo, gpaddr_bits),
	F(xen_domctl_getdomaininfo, arch_config),
	S(xen_domctl_getpageframeinfo3), F(xen_domctl_getpageframeinfo3, array),
	S(xen_domctl_shadow_op), F(xen_domctl_shadow_op, dirty_bitmap),
	F(xen_domctl_shadow_op, pages), F(xen_domctl_shadow_op, stats),
	S(xen_domctl_max_mem),
	S(xen_domctl_getvcpuinfo), F(xen_domctl_getvcpuinfo, online),
	F(xen_domctl_getvcpuinfo, blocked), F(xen_domctl_getvcpuinfo, running),
	F(xen_domctl_getvcpuinfo, cpu_time), F(xen_domctl_getvcpuinfo, cpu),
	S(xen_domctl_vcpuaffinity), F(xen_domctl_vcpuaffinity, flags),
	F(xen_domctl_vcpuaffinity, cpumap_hard),
	F(xen_domctl_vcpuaffinity, cpumap_soft),
	S(xen_domctl_nodeaffinity), S(xen_domctl_max_vcpus),
	S(xen_domctl_scheduler_op), F(xen_domctl_scheduler_op, u),
	F(xen_domctl_scheduler_op, u.credit2.cap),
	F(xen_domctl_scheduler_op, u.v.nr_vcpus),
	S(xen_domctl_setdomainhandle), S(xen_domctl_settimeoffset),
	S(xen_domctl_hvmcontext), F(xen_domctl_hvmcontext, buffer),
	S(xen_domctl_hvmcontext_partial),
	F(xen_domctl_hvmcontext_partial, bufsz),
	F(xen_domctl_hvmcontext_partial, buffer),
	S(xen_domctl_address_size), S(xen_domctl_sendtrigger),
	S(xen_domctl_tsc_info), F(xen_domctl_tsc_info, elapsed_nsec),
	S(xen_cpuid_leaf), S(xen_msr_entry), F(xen_msr_entry, val),
	S(xen_domctl_cpu_policy), F(xen_domctl_cpu_policy, leaves),
	F(xen_domctl_cpu_policy, msrs), F(xen_domctl_cpu_policy, err_leaf),
	F(xen_domctl_cpu_policy, err_msr),
	S(xen_domctl_paging_mempool),
	V(XEN_DOMCTL_INTERFACE_VERSION), V(XEN_DOMCTL_createdomain),
	V(XEN_DOMCTL_destroydomain), V(XEN_DOMCTL_pausedomain),
	V(XEN_DOMCTL_unpausedomain), V(XEN_DOMCTL_getdomaininfo),
	V(XEN_DOMCTL_setvcpuaffinity), V(XEN_DOMCTL_getvcpuaffinity),
	V(XEN_DOMCTL_getvcpuinfo), V(XEN_DOMCTL_max_vcpus),
	V(XEN_DOMCTL_max_mem), V(XEN_DOMCTL_shadow_op),
	V(XEN_DOMCTL_scheduler_op), V(XEN_DOMCTL_setdomainhandle),
	V(XEN_DOMCTL_settimeoffset), V(XEN_DOMCTL_resumedomain),
	V(XEN_DOMCTL_sendtrigger), V(XEN_DOMCTL_gethvmcontext),
	V(XEN_DOMCTL_sethvmcontext), V(XEN_DOMCTL_get_address_size),
	V(XEN_DOMCTL_gethvmcontext_partial), V(XEN_DOMCTL_gettscinfo),
	V(XEN_DOMCTL_settscinfo), V(XEN_DOMCTL_getpageframeinfo3),
	V(XEN_DOMCTL_setnodeaffinity), V(XEN_DOMCTL_getnodeaffinity),
	V(XEN_DOMCTL_get_cpu_policy), V(XEN_DOMCTL_set_cpu_policy),
	V(XEN_DOMCTL_get_paging_mempool_size),
	V(XEN_DOMCTL_set_paging_mempool_size), V(XEN_DOMCTL_PFINFO_XTAB),
	V(XEN_DOMCTL_CDF_hvm), V(XEN_DOMCTL_CDF_hap),
	V(XEN_DOMCTL_CDF_xs_domain), V(XEN_DOMCTL_CDF_oos_off),
	V(XEN_X86_EMU_LAPIC), V(XEN_X86_MSR_RELAXED),
	V(XEN_SCHEDULER_CREDIT2),

	S(xen_sysctl), F(xen_sysctl, u),
	S(xen_sysctl_readconsole), F(xen_sysctl_readconsole, index),
	F(xen_sysctl_readconsole, buffer), F(xen_sysctl_readconsole, count),
	S(xen_sysctl_physinfo), F(xen_sysctl_physinfo, capabilities),
	F(xen_sysctl_physinfo, total_pages), F(xen_sysctl_physinfo, max_mfn),
	F(xen_sysctl_physinfo, hw_cap),
	S(xen_sysctl_sched_id),
	S(xen_sysctl_getdomaininfolist),
	F(xen_sysctl_getdomaininfolist, max_domains),
	F(xen_sysctl_getdomaininfolist, buffer),
	F(xen_sysctl_getdomaininfolist, num_domains),
	S(xen_sysctl_debug_keys), F(xen_sysctl_debug_keys, nr_keys),
	S(xen_sysctl_getcpuinfo), F(xen_sysctl_getcpuinfo, info),
	F(xen_sysctl_getcpuinfo, nr_cpus), S(xen_sysctl_cpuinfo),
	S(xen_sysctl_availheap), F(xen_sysctl_availheap, avail_bytes),
	S(xen_sysctl_cputopo), S(xen_sysctl_cputopoinfo),
	F(xen_sysctl_cputopoinfo, cputopo),
	S(xen_sysctl_pcitopoinfo), F(xen_sysctl_pcitopoinfo, nodes),
	V(XEN_SYSCTL_pcitopoinfo), V(XEN_DOMCTL_SENDTRIGGER_NMI),
	S(xen_sysctl_meminfo), S(xen_sysctl_numainfo),
	F(xen_sysctl_numainfo, meminfo), F(xen_sysctl_numainfo, distance),
	S(xen_sysctl_cpupool_op), F(xen_sysctl_cpupool_op, n_dom),
	F(xen_sysctl_cpupool_op, cpumap),
	S(xen_sysctl_scheduler_op), F(xen_sysctl_scheduler_op, u.sched_credit2),
	S(xen_sysctl_cpu_levelling_caps),
	S(xen_sysctl_cpu_featureset), F(xen_sysctl_cpu_featureset, features),
	S(xen_sysctl_cpu_policy), F(xen_sysctl_cpu_policy, leaves),
	F(xen_sysctl_cpu_policy, msrs),
	V(XEN_SYSCTL_INTERFACE_VERSION), V(XEN_SYSCTL_readconsole),
	V(XEN_SYSCTL_physinfo), V(XEN_SYSCTL_sched_id),
	V(XEN_SYSCTL_getdomaininfolist), V(XEN_SYSCTL_debug_keys),
	V(XEN_SYSCTL_getcpuinfo), V(XEN_SYSCTL_availheap),
	V(XEN_SYSCTL_cputopoinfo), V(XEN_SYSCTL_numainfo),
	V(XEN_SYSCTL_cpupool_op), V(XEN_SYSCTL_scheduler_op),
	V(XEN_SYSCTL_get_cpu_levelling_caps), V(XEN_SYSCTL_get_cpu_featureset),
	V(XEN_SYSCTL_get_cpu_policy), V(XEN_SYSCTL_PHYSCAP_hvm),
	V(XEN_SYSCTL_PHYSCAP_hap), V(XEN_SYSCTL_PHYSCAP_gnttab_v1),
	V(XEN_SYSCTL_CPUPOOL_OP_INFO), V(XEN_SYSCTL_CPUPOOL_OP_FREEINFO),

	S(hvm_save_descriptor), F(hvm_save_descriptor, length),
	S(hvm_save_header), F(hvm_save_header, gtsc_khz),
	S(hvm_hw_cpu), F(hvm_hw_cpu, rax), F(hvm_hw_cpu, rsp),
	F(hvm_hw_cpu, rip), F(hvm_hw_cpu, cr0), F(hvm_hw_cpu, cr4),
	F(hvm_hw_cpu, dr7), F(hvm_hw_cpu, cs_sel), F(hvm_hw_cpu, ldtr_sel),
	F(hvm_hw_cpu, cs_limit), F(hvm_hw_cpu, idtr_limit),
	F(hvm_hw_cpu, gdtr_limit), F(hvm_hw_cpu, cs_base),
	F(hvm_hw_cpu, gdtr_base), F(hvm_hw_cpu, cs_arbytes),
	F(hvm_hw_cpu, ldtr_arbytes), F(hvm_hw_cpu, sysenter_eip),
	F(hvm_hw_cpu, shadow_gs), F(hvm_hw_cpu, msr_lstar),
	F(hvm_hw_cpu, msr_efer), F(hvm_hw_cpu, tsc),
	F(hvm_hw_cpu, pending_event), F(hvm_hw_cpu, error_code),
	F(hvm_hw_cpu, flags),
	S(hvm_hw_mtrr), F(hvm_hw_mtrr, msr_mtrr_fixed),
	F(hvm_hw_mtrr, msr_mtrr_def_type),
	V(HVM_SAVE_HEADER), V(HVM_SAVE_CPU),
	V(HVM_SAVE_MTRR), V(HVM_SAVE_LAPIC), V(HVM_SAVE_LAPIC_REGS),
	V(HVM_SAVE_CPU_XSAVE), V(HVM_SAVE_CODE_MAX),
	S(hvm_hw_lapic), F(hvm_hw_lapic, disabled),
	F(hvm_hw_lapic, timer_divisor), F(hvm_hw_lapic, tdt_msr),
	S(hvm_hw_lapic_regs),
	S(hvm_hw_cpu_xsave), F(hvm_hw_cpu_xsave, xcr0),
	F(hvm_hw_cpu_xsave, xcr0_accum),
	{ "xsave.xstate_bv", offsetof(struct hvm_hw_cpu_xsave, XSTATE_BV), 8 },
	S(vcpu_guest_context), F(vcpu_guest_context, flags),
	F(vcpu_guest_context, ctrlreg), F(vcpu_guest_context, fs_base),
	S(cpu_user_regs), F(cpu_user_regs, r15), F(cpu_user_regs, rbp),
	F(cpu_user_regs, rax), F(cpu_user_regs, rdi), F(cpu_user_regs, rip),
	F(cpu_user_regs, rflags), F(cpu_user_regs, rsp),
	V(VGCF_in_kernel), V(VGCF_online),
	S(xen_domctl_vcpucontext), F(xen_domctl_vcpucontext, ctxt),
	V(XEN_DOMCTL_getvcpucontext), V(XEN_DOMCTL_setvcpucontext),
	V(HVM_FILE_MAGIC), V(HVM_FILE_VERSION),

	{ 0, 0, 0 },
};

#ifndef XEN_HEADERS
extern const struct layout xen_layout[];

int main(void)
{
	unsigned int i, n = 0, failed = 0;

	for (i = 0; own_layout[i].name; i++)
		n++;
	printf("TAP version 13\n1..%u\n", n);
	for (i = 0; i < n; i++) {
		const struct layout *own = &own_layout[i], *xen = &xen_layout[i];
		int same = !strcmp(own->name, xen->name) &&
			   own->offset == xen->offset && own->size == xen->size;

		printf("%sok %u %s\n", same ? "" : "not ", i + 1, own->name);
		if (same)
			continue;
		failed++;
		printf("# ours: at %lu, size %lu; %s: at %lu, size %lu\n",
		       own->offset, own->size, xen->name, xen->offset,
		       xen->size);
	}
	return failed ? 1 : 0;
}
#endif
