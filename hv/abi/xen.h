/* SPDX-License-Identifier: MIT */
/*
 * xen.h - the core of the Xen 4.17 hypercall ABI, for 64-bit x86 guests, and
 *	what of it 32-bit ones see otherwise
 *
 * Numbers and layouts are facts shared with every Xen guest; the selftest
 * selftests/hv/abi_layout.c compares them with a distribution's Xen headers.
 * A guest pointer is a u64 guest virtual address.  An ABI structure ends where
 * its members end: no member is ever added here.
 */
#ifndef HV_ABI_XEN_H
#define HV_ABI_XEN_H

#include "../include/types.h"

/* Hypercall numbers. */
#define HYPERCALL_platform_op 7
#define HYPERCALL_memory_op 12
#define HYPERCALL_multicall 13
#define HYPERCALL_set_timer_op 15
#define HYPERCALL_xen_version 17
#define HYPERCALL_console_io 18
#define HYPERCALL_grant_table_op 20
#define HYPERCALL_vm_assist 21
#define HYPERCALL_vcpu_op 24
#define HYPERCALL_sched_op 29
#define HYPERCALL_event_channel_op 32
#define HYPERCALL_physdev_op 33
#define HYPERCALL_hvm_op 34
#define HYPERCALL_sysctl 35
#define HYPERCALL_domctl 36
#define HYPERCALL_mca 48

/* Domain ids from DOMID_FIRST_RESERVED on name no ordinary domain. */
#define DOMID_FIRST_RESERVED 0x7ff0
#define DOMID_SELF 0x7ff0
#define DOMID_IO 0x7ff1
#define DOMID_XEN 0x7ff2
#define DOMID_COW 0x7ff3
#define DOMID_INVALID 0x7ff4
#define DOMID_IDLE 0x7fff

/* Virtual interrupts. */
#define VIRQ_TIMER 0 /* per vCPU */
#define VIRQ_DEBUG 1 /* per vCPU */
#define VIRQ_CONSOLE 2 /* dom0: input for console_io */
#define VIRQ_DOM_EXC 3 /* dom0: a domain shut down, died or went */
#define VIRQ_XENOPROF 7 /* per vCPU */
#define VIRQ_CON_RING 8 /* dom0: output in the console ring */
#define VIRQ_XENPMU 13 /* per vCPU */
#define NR_VIRQS 24

/* console_io commands. */
#define CONSOLEIO_write 0
#define CONSOLEIO_read 1

/* vm_assist commands and the one type that concerns a PVH guest. */
#define VMASST_CMD_enable 0
#define VMASST_CMD_disable 1
#define VMASST_TYPE_runstate_update_flag 5

/* Why a guest stopped: sched_op shutdown, domain info flags. */
#define SHUTDOWN_poweroff 0
#define SHUTDOWN_reboot 1
#define SHUTDOWN_crash 3

/* getdomaininfo flags word. */
#define XEN_DOMINF_dying (1U << 0)
#define XEN_DOMINF_hvm_guest (1U << 1)
#define XEN_DOMINF_shutdown (1U << 2)
#define XEN_DOMINF_paused (1U << 3)
#define XEN_DOMINF_blocked (1U << 4)
#define XEN_DOMINF_running (1U << 5)
#define XEN_DOMINF_xs_domain (1U << 7)
#define XEN_DOMINF_hap (1U << 8)
#define XEN_DOMINF_shutdownshift 16

/**
 * struct vcpu_time_info - what a vCPU needs to tell the time from its TSC
 * @version: odd while the hypervisor changes the rest
 * @tsc_timestamp: TSC at @system_time
 * @system_time: ns since boot
 * @tsc_to_system_mul: ns = ((tsc - tsc_timestamp) << tsc_shift) * mul >> 32
 * @tsc_shift: see above, may be negative
 * @flags: XEN_PVCLOCK_*
 */
struct vcpu_time_info {
	u32 version;
	u32 pad0;
	u64 tsc_timestamp;
	u64 system_time;
	u32 tsc_to_system_mul;
	s8 tsc_shift;
	u8 flags;
	u8 pad1[2];
};

#define XEN_PVCLOCK_TSC_STABLE (1U << 0)

/**
 * struct vcpu_info - per vCPU part of the shared memory
 * @evtchn_upcall_pending: set by the hypervisor, cleared by the guest
 * @evtchn_upcall_mask: of PV guests; unused
 * @evtchn_pending_sel: one bit for each word of shared_info.evtchn_pending
 */
struct vcpu_info {
	u8 evtchn_upcall_pending;
	u8 evtchn_upcall_mask;
	u8 pad[6];
	u64 evtchn_pending_sel;
	u64 arch_cr2;
	u64 arch_pad;
	struct vcpu_time_info time;
};

/* The same for 32-bit code: another selector, at another place. */
struct vcpu_info32 {
	u8 evtchn_upcall_pending;
	u8 evtchn_upcall_mask;
	u8 pad[2];
	u32 evtchn_pending_sel;
	u32 arch[6];
	struct vcpu_time_info time;
};

#define XEN_LEGACY_MAX_VCPUS 32
#define EVTCHN_2L_WORDS 64
#define EVTCHN_2L_NR_CHANNELS (EVTCHN_2L_WORDS * 64)
#define EVTCHN_2L32_NR_CHANNELS (32 * 32)

/**
 * struct shared_info - page shared between a guest and the hypervisor
 * @vcpu_info: of vCPUs that have not registered another place
 * @evtchn_pending: one bit a port
 * @evtchn_mask: one bit a port
 * @wc_version: odd while the wall clock changes
 * @wc_sec: UTC of ns 0 of system time, low 32 bits
 * @wc_nsec: and nanoseconds
 * @wc_sec_hi: high 32 bits
 */
struct shared_info {
	struct vcpu_info vcpu_info[XEN_LEGACY_MAX_VCPUS];
	u64 evtchn_pending[EVTCHN_2L_WORDS];
	u64 evtchn_mask[EVTCHN_2L_WORDS];
	u32 wc_version;
	u32 wc_sec;
	u32 wc_nsec;
	u32 wc_sec_hi;
	/* PV memory management and NMI state: unused by PVH */
	u64 arch_max_pfn;
	u64 arch_pfn_to_mfn_frame_list_list;
	u64 arch_nmi_reason;
	u64 arch_p2m_cr3;
	u64 arch_p2m_vaddr;
	u64 arch_p2m_generation;
};

/* The same for 32-bit code: a bit for 1,024 ports, and the rest moves up. */
struct shared_info32 {
	struct vcpu_info32 vcpu_info[XEN_LEGACY_MAX_VCPUS];
	u32 evtchn_pending[32];
	u32 evtchn_mask[32];
	u32 wc_version;
	u32 wc_sec;
	u32 wc_nsec;
	u32 arch[6];
	u32 wc_sec_hi;
};

/**
 * struct vcpu_runstate_info - how long a vCPU has been in which state
 * @state: enum runstate
 * @state_entry_time: system time when @state was entered; with bit 63
 *	(XEN_RUNSTATE_UPDATE) while the area is written, if the guest asked so
 * @time: ns spent in each state
 */
struct vcpu_runstate_info {
	s32 state;
	u32 pad;
	u64 state_entry_time;
	u64 time[4];
};

#define XEN_RUNSTATE_UPDATE (1ULL << 63)

#define MEMBERS_vcpu_runstate_info "wqqqqq"

/* Where the times begin, from which on it is the same for 32-bit code. */
#define VCPU_RUNSTATE_ENTRY offsetof(struct vcpu_runstate_info, state_entry_time)
#define VCPU_RUNSTATE_ENTRY32 4

/**
 * struct multicall_entry - one call of a multicall
 * @op: hypercall number
 * @result: what the call returned
 * @args: its arguments
 */
struct multicall_entry {
	u64 op;
	u64 result;
	u64 args[6];
};

#endif /* HV_ABI_XEN_H */
