// SPDX-License-Identifier: MIT
/*
 * abi_layout.c - the guest-facing ABI of hv/abi against Xen's own headers
 *
 * Compiled twice: with -DXEN_HEADERS it makes the table from the distribution's
 * headers, without it the one from ours and the comparison.  Where a name
 * differs the entry has both.  No arguments, TAP on stdout.
 */
#ifdef XEN_HEADERS
#define __XEN_TOOLS__ 1
#define __XEN_INTERFACE_VERSION__ 0x00041100
#include <stddef.h>
#include <stdint.h>
#include <xen/xen.h>
#include <xen/arch-x86/hvm/start_info.h>
#include <xen/domctl.h>
#include <xen/elfnote.h>
#include <xen/event_channel.h>
#include <xen/grant_table.h>
#include <xen/hvm/hvm_op.h>
#include <xen/hvm/params.h>
#include <xen/physdev.h>
#include <xen/platform.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#define TABLE xen_layout
#define PICK(ours, xens) xens
#else
#include <stdio.h>
#include <string.h>
#include "../../hv/abi/elfnote.h"
#include "../../hv/abi/event_channel.h"
#include "../../hv/abi/grant_table.h"
#include "../../hv/abi/hvm.h"
#include "../../hv/abi/physdev.h"
#include "../../hv/abi/platform.h"
#include "../../hv/abi/sched.h"
#include "../../hv/abi/start_info.h"
#include "../../hv/abi/vcpu.h"
#include "../../hv/abi/version.h"
#include "../../hv/abi/xen.h"
#define TABLE own_layout
#define PICK(ours, xens) ours
#endif

struct layout {
	const char *name;
	unsigned long offset, size;
};

#define V2(ours, xens) { #ours, (unsigned long)(PICK(ours, xens)), 0 }
#define V(name) { #name, (unsigned long)(name), 0 }
#define S2(ours, xens) { #ours, 0, sizeof(PICK(struct ours, struct xens)) }
#define S(name) { #name, 0, sizeof(struct name) }
#define F4(ours, field, xens, xfield)                                     \
	{ #ours "." #field,                                               \
	  offsetof(PICK(struct ours, struct xens), PICK(field, xfield)),  \
	  sizeof(((PICK(struct ours, struct xens) *)0)                    \
			 ->PICK(field, xfield)) }
#define F(name, field)                                 \
	{ #name "." #field, offsetof(struct name, field), \
	  sizeof(((struct name *)0)->field) }
#define CALL(name) \
	{ #name, PICK(HYPERCALL_##name, __HYPERVISOR_##name), 0 }

const struct layout TABLE[] = {
	CALL(platform_op), CALL(memory_op), CALL(multicall), CALL(set_timer_op),
	CALL(xen_version), CALL(console_io), CALL(grant_table_op),
	CALL(vm_assist), CALL(vcpu_op), CALL(sched_op), CALL(event_channel_op),
	CALL(physdev_op), CALL(hvm_op), CALL(sysctl), CALL(domctl),
	V2(HYPERCALL_mca, __HYPERVISOR_arch_0),

	V(DOMID_FIRST_RESERVED), V(DOMID_SELF), V(DOMID_IO), V(DOMID_XEN),
	V(DOMID_COW), V(DOMID_INVALID), V(DOMID_IDLE),

	V(VIRQ_TIMER), V(VIRQ_DEBUG), V(VIRQ_CONSOLE), V(VIRQ_DOM_EXC),
	V(VIRQ_XENOPROF), V(VIRQ_CON_RING),
	V(VIRQ_XENPMU), V(NR_VIRQS),

	V(CONSOLEIO_write), V(CONSOLEIO_read), V(VMASST_CMD_enable),
	V(VMASST_CMD_disable), V(VMASST_TYPE_runstate_update_flag),

	V(SHUTDOWN_poweroff), V(SHUTDOWN_reboot),
	V(SHUTDOWN_crash),

	V(XEN_DOMINF_dying), V(XEN_DOMINF_hvm_guest), V(XEN_DOMINF_shutdown),
	V(XEN_DOMINF_paused), V(XEN_DOMINF_blocked), V(XEN_DOMINF_running),
	V(XEN_DOMINF_xs_domain), V(XEN_DOMINF_hap),
	V(XEN_DOMINF_shutdownshift),

	S(vcpu_time_info), F(vcpu_time_info, version),
	F(vcpu_time_info, tsc_timestamp), F(vcpu_time_info, system_time),
	F(vcpu_time_info, tsc_to_system_mul), F(vcpu_time_info, tsc_shift),
	F(vcpu_time_info, flags),
	V2(XEN_PVCLOCK_TSC_STABLE, XEN_PVCLOCK_TSC_STABLE_BIT),

	S(vcpu_info), F(vcpu_info, evtchn_upcall_pending),
	F(vcpu_info, evtchn_pending_sel), F(vcpu_info, time),
	F4(vcpu_info, arch_cr2, vcpu_info, arch.cr2),

	V(XEN_LEGACY_MAX_VCPUS), V(EVTCHN_2L_NR_CHANNELS),
	S(shared_info), F(shared_info, vcpu_info),
	F(shared_info, evtchn_pending), F(shared_info, evtchn_mask),
	F(shared_info, wc_version), F(shared_info, wc_sec),
	F(shared_info, wc_nsec), F(shared_info, wc_sec_hi),
	F4(shared_info, arch_max_pfn, shared_info, arch.max_pfn),

	S(vcpu_runstate_info), F(vcpu_runstate_info, state),
	F(vcpu_runstate_info, state_entry_time), F(vcpu_runstate_info, time),
	V(XEN_RUNSTATE_UPDATE), V2(0, RUNSTATE_running),
	V2(1, RUNSTATE_runnable), V2(2, RUNSTATE_blocked),
	V2(3, RUNSTATE_offline),

	S(multicall_entry), F(multicall_entry, op), F(multicall_entry, result),
	F(multicall_entry, args),

	/* event_channel.h */
	V(EVTCHNOP_bind_interdomain), V(EVTCHNOP_bind_virq),
	V(EVTCHNOP_bind_pirq), V(EVTCHNOP_close), V(EVTCHNOP_send),
	V(EVTCHNOP_status), V(EVTCHNOP_alloc_unbound), V(EVTCHNOP_bind_ipi),
	V(EVTCHNOP_bind_vcpu), V(EVTCHNOP_unmask), V(EVTCHNOP_reset),
	V(EVTCHNOP_init_control), V(EVTCHNOP_expand_array),
	V(EVTCHNOP_set_priority),
	S(evtchn_alloc_unbound), F(evtchn_alloc_unbound, remote_dom),
	F(evtchn_alloc_unbound, port),
	S(evtchn_bind_interdomain), F(evtchn_bind_interdomain, remote_port),
	F(evtchn_bind_interdomain, local_port),
	S(evtchn_bind_virq), F(evtchn_bind_virq, vcpu),
	F(evtchn_bind_virq, port), S(evtchn_bind_ipi),
	F(evtchn_bind_ipi, port), S2(evtchn_port_op, evtchn_send),
	S2(evtchn_port_op, evtchn_close), S2(evtchn_port_op, evtchn_unmask),
	S(evtchn_status), F(evtchn_status, port), F(evtchn_status, status),
	F(evtchn_status, vcpu), F(evtchn_status, u.unbound.dom),
	F(evtchn_status, u.interdomain.dom),
	F(evtchn_status, u.interdomain.port), F(evtchn_status, u.virq),
	V(EVTCHNSTAT_closed), V(EVTCHNSTAT_unbound),
	V(EVTCHNSTAT_interdomain), V(EVTCHNSTAT_virq),
	V(EVTCHNSTAT_ipi),
	S(evtchn_bind_vcpu), F(evtchn_bind_vcpu, vcpu), S(evtchn_reset),

	/* grant_table.h */
	S2(grant_entry, grant_entry_v1),
	F4(grant_entry, flags, grant_entry_v1, flags),
	F4(grant_entry, domid, grant_entry_v1, domid),
	F4(grant_entry, frame, grant_entry_v1, frame),
	V(GNTTAB_RESERVED_CONSOLE),
	V(GTF_permit_access),
	V(GTF_accept_transfer), V(GTF_transitive), V(GTF_type_mask),
	V(GTF_readonly), V(GTF_reading), V(GTF_writing), V(GTF_sub_page),
	V(GNTTABOP_map_grant_ref), V(GNTTABOP_unmap_grant_ref),
	V(GNTTABOP_setup_table),
	V(GNTTABOP_copy), V(GNTTABOP_query_size),
	V(GNTTABOP_set_version),
	V(GNTTABOP_get_version),
	V(GNTMAP_device_map), V(GNTMAP_host_map), V(GNTMAP_readonly),
	V(GNTMAP_application_map), V(GNTMAP_contains_pte),
	S(gnttab_map_grant_ref), F(gnttab_map_grant_ref, host_addr),
	F(gnttab_map_grant_ref, flags), F(gnttab_map_grant_ref, ref),
	F(gnttab_map_grant_ref, dom), F(gnttab_map_grant_ref, status),
	F(gnttab_map_grant_ref, handle), F(gnttab_map_grant_ref, dev_bus_addr),
	S(gnttab_unmap_grant_ref), F(gnttab_unmap_grant_ref, dev_bus_addr),
	F(gnttab_unmap_grant_ref, handle), F(gnttab_unmap_grant_ref, status),
	S(gnttab_setup_table), F(gnttab_setup_table, nr_frames),
	F(gnttab_setup_table, status), F(gnttab_setup_table, frame_list),
	V(GNTCOPY_source_gref), V(GNTCOPY_dest_gref), S(gnttab_copy),
	F(gnttab_copy, source.u.ref), F(gnttab_copy, source.u.gmfn),
	F(gnttab_copy, source.domid), F(gnttab_copy, source.offset),
	F(gnttab_copy, dest), F(gnttab_copy, len), F(gnttab_copy, flags),
	F(gnttab_copy, status),
	S(gnttab_query_size), F(gnttab_query_size, nr_frames),
	F(gnttab_query_size, max_nr_frames), F(gnttab_query_size, status),
	S(gnttab_set_version), S(gnttab_get_version),
	F(gnttab_get_version, version),
	V(GNTST_okay), V(GNTST_general_error), V(GNTST_bad_domain),
	V(GNTST_bad_gntref), V(GNTST_bad_handle), V(GNTST_bad_virt_addr),
	V(GNTST_bad_dev_addr), V(GNTST_no_device_space),
	V(GNTST_permission_denied), V(GNTST_bad_page), V(GNTST_bad_copy_arg),
	V(GNTST_no_space),

	/* hvm.h */
	V(HVMOP_set_param), V(HVMOP_get_param),
	V(HVMOP_get_time), V(HVMOP_get_mem_type),
	V(HVMOP_set_evtchn_upcall_vector), V(HVMOP_guest_request_vm_event),
	V(HVMOP_altp2m),
	S2(hvm_param, xen_hvm_param), F4(hvm_param, index, xen_hvm_param, index),
	F4(hvm_param, value, xen_hvm_param, value),
	S2(hvm_evtchn_upcall_vector, xen_hvm_evtchn_upcall_vector),
	F4(hvm_evtchn_upcall_vector, vector, xen_hvm_evtchn_upcall_vector,
	   vector),
	S2(hvm_get_time, xen_hvm_get_time),
	S2(hvm_get_mem_type, xen_hvm_get_mem_type),
	F4(hvm_get_mem_type, mem_type, xen_hvm_get_mem_type, mem_type),
	F4(hvm_get_mem_type, pfn, xen_hvm_get_mem_type, pfn),
	V(HVMMEM_ram_rw), V(HVMMEM_ram_ro), V(HVMMEM_mmio_dm),
	V(HVM_PARAM_CALLBACK_IRQ), V(HVM_PARAM_STORE_PFN),
	V(HVM_PARAM_STORE_EVTCHN), V(HVM_PARAM_PAE_ENABLED),
	V(HVM_PARAM_VIRIDIAN), V(HVM_PARAM_TIMER_MODE),
	V(HVM_PARAM_IDENT_PT),
	V(HVM_PARAM_DM_DOMAIN), V(HVM_PARAM_ACPI_S_STATE),
	V(HVM_PARAM_VM86_TSS),
	V(HVM_PARAM_CONSOLE_PFN), V(HVM_PARAM_CONSOLE_EVTCHN),
	V(HVM_PARAM_ACPI_IOPORTS_LOCATION), V(HVM_PARAM_MEMORY_EVENT_CR0),
	V(HVM_PARAM_NESTEDHVM), V(HVM_PARAM_BUFIOREQ_EVTCHN),
	V(HVM_PARAM_MEMORY_EVENT_MSR),
	V(HVM_PARAM_VM_GENERATION_ID_ADDR),
	V(HVM_PARAM_ALTP2M), V(HVM_PARAM_X87_FIP_WIDTH),
	V(HVM_PARAM_VM86_TSS_SIZED), V(HVM_PARAM_MCA_CAP),
	V2(HVM_PARAM_COUNT, HVM_NR_PARAMS),
	V2(HVM_CALLBACK_TYPE_VECTOR, HVM_PARAM_CALLBACK_TYPE_VECTOR),
	V2(0xffUL << HVM_CALLBACK_TYPE_SHIFT, HVM_PARAM_CALLBACK_IRQ_TYPE_MASK),

	/* vcpu.h */
	V(VCPUOP_up), V(VCPUOP_down), V(VCPUOP_is_up),
	V(VCPUOP_get_runstate_info), V(VCPUOP_register_runstate_memory_area),
	V(VCPUOP_stop_periodic_timer),
	V(VCPUOP_set_singleshot_timer), V(VCPUOP_stop_singleshot_timer),
	V(VCPUOP_register_vcpu_info),
	V(VCPUOP_register_vcpu_time_memory_area),
	S2(vcpu_register_area, vcpu_register_runstate_memory_area),
	S2(vcpu_register_area, vcpu_register_time_memory_area),
	S(vcpu_set_singleshot_timer),
	F(vcpu_set_singleshot_timer, timeout_abs_ns),
	F(vcpu_set_singleshot_timer, flags), V(VCPU_SSHOTTMR_future),
	S(vcpu_register_vcpu_info),
	F4(vcpu_register_vcpu_info, gfn, vcpu_register_vcpu_info, mfn),
	F(vcpu_register_vcpu_info, offset),

	/* sched.h */
	V(SCHEDOP_yield), V(SCHEDOP_block), V(SCHEDOP_shutdown),
	V(SCHEDOP_poll), V(SCHEDOP_remote_shutdown), V(SCHEDOP_shutdown_code),
	V(SCHEDOP_watchdog), S(sched_shutdown),
	S(sched_poll), F(sched_poll, ports), F(sched_poll, nr_ports),
	F(sched_poll, timeout), S(sched_remote_shutdown),
	F(sched_remote_shutdown, reason),

	/* version.h */
	V(XENVER_version), V(XENVER_extraversion), V(XENVER_compile_info),
	V(XENVER_capabilities), V(XENVER_changeset),
	V(XENVER_platform_parameters), V(XENVER_get_features),
	V(XENVER_pagesize), V(XENVER_guest_handle), V(XENVER_commandline),
	V(XENVER_build_id), V(XEN_EXTRAVERSION_LEN),
	V(XEN_CAPABILITIES_INFO_LEN), V(XEN_CHANGESET_INFO_LEN),
	V2(XEN_COMMANDLINE_LEN, sizeof(xen_commandline_t)),
	S(xen_compile_info), F(xen_compile_info, compile_by),
	F(xen_compile_info, compile_domain), F(xen_compile_info, compile_date),
	S(xen_platform_parameters), S(xen_feature_info),
	F(xen_feature_info, submap),
	V(XENFEAT_writable_page_tables), V(XENFEAT_auto_translated_physmap),
	V(XENFEAT_hvm_callback_vector),
	V(XENFEAT_hvm_safe_pvclock), V(XENFEAT_dom0),
	V(XENFEAT_not_direct_mapped),
	V(XENFEAT_direct_mapped),

	/* physdev.h, platform.h */
	V(PHYSDEVOP_manage_pci_add), V(PHYSDEVOP_manage_pci_remove),
	V(PHYSDEVOP_manage_pci_add_ext), V(PHYSDEVOP_pci_mmcfg_reserved),
	V(PHYSDEVOP_pci_device_add), V(PHYSDEVOP_pci_device_remove),
	V(PHYSDEVOP_dbgp_op), V(PHYSDEVOP_prepare_msix),
	V(PHYSDEVOP_release_msix),
	V(XENPF_INTERFACE_VERSION), V(XENPF_settime32), V(XENPF_settime64),
	V(XENPF_get_cpuinfo), S(xen_platform_op), F(xen_platform_op, u),
	S(xenpf_settime32), F(xenpf_settime32, system_time),
	S(xenpf_settime64), F(xenpf_settime64, mbz),
	F(xenpf_settime64, system_time), S(xenpf_pcpuinfo),
	F(xenpf_pcpuinfo, flags), F(xenpf_pcpuinfo, acpi_id),
	V(XEN_PCPU_FLAGS_ONLINE), V(XEN_PCPU_FLAGS_INVALID),

	/* start_info.h, elfnote.h */
	V2(HVM_START_MAGIC, XEN_HVM_START_MAGIC_VALUE),
	S(hvm_start_info), F(hvm_start_info, flags),
	F(hvm_start_info, nr_modules), F(hvm_start_info, modlist_paddr),
	F(hvm_start_info, cmdline_paddr), F(hvm_start_info, rsdp_paddr),
	F(hvm_start_info, memmap_paddr), F(hvm_start_info, memmap_entries),
	S(hvm_modlist_entry), F(hvm_modlist_entry, cmdline_paddr),
	S(hvm_memmap_table_entry), F(hvm_memmap_table_entry, type),
	V(SIF_PRIVILEGED), V(SIF_INITDOMAIN),
	V2(HVM_MEMMAP_RAM, XEN_HVM_MEMMAP_TYPE_RAM),
	V(XEN_ELFNOTE_PHYS32_ENTRY),
	{ 0 }
};

#ifndef XEN_HEADERS
extern const struct layout xen_layout[];

int main(void)
{
	unsigned int nr = 0, failed = 0;

	while (own_layout[nr].name)
		nr++;
	printf("TAP version 13\n1..%u\n", nr);
	for (unsigned int i = 0; i < nr; i++) {
		const struct layout *own = &own_layout[i], *xen = &xen_layout[i];
		int same = !strcmp(own->name, xen->name) &&
			   own->offset == xen->offset && own->size == xen->size;

		printf("%sok %u %s\n", same ? "" : "not ", i + 1, own->name);
		if (same)
			continue;
		failed++;
		printf("# ours: %#lx, size %lu; %s: %#lx, size %lu\n",
		       own->offset, own->size, xen->name, xen->offset,
		       xen->size);
	}
	return failed ? 1 : 0;
}
#endif
