/* SPDX-License-Identifier: MIT */
/* domctl.h - ABI of the domctl hypercall, interface version 0x15 */
#ifndef HV_ABI_DOMCTL_H
#define HV_ABI_DOMCTL_H

#include "../include/types.h"

#define XEN_DOMCTL_INTERFACE_VERSION 0x15U

enum {
	XEN_DOMCTL_createdomain = 1,
	XEN_DOMCTL_destroydomain = 2,
	XEN_DOMCTL_pausedomain = 3,
	XEN_DOMCTL_unpausedomain = 4,
	XEN_DOMCTL_getdomaininfo = 5,
	XEN_DOMCTL_setvcpuaffinity = 9,
	XEN_DOMCTL_shadow_op = 10,
	XEN_DOMCTL_max_mem = 11,
	XEN_DOMCTL_setvcpucontext = 12,
	XEN_DOMCTL_getvcpucontext = 13,
	XEN_DOMCTL_getvcpuinfo = 14,
	XEN_DOMCTL_max_vcpus = 15,
	XEN_DOMCTL_scheduler_op = 16,
	XEN_DOMCTL_setdomainhandle = 17,
	XEN_DOMCTL_settimeoffset = 24,
	XEN_DOMCTL_getvcpuaffinity = 25,
	XEN_DOMCTL_resumedomain = 27,
	XEN_DOMCTL_sendtrigger = 28,
	XEN_DOMCTL_gethvmcontext = 33,
	XEN_DOMCTL_sethvmcontext = 34,
	XEN_DOMCTL_get_address_size = 36,
	XEN_DOMCTL_gethvmcontext_partial = 55,
	XEN_DOMCTL_gettscinfo = 59,
	XEN_DOMCTL_settscinfo = 60,
	XEN_DOMCTL_getpageframeinfo3 = 61,
	XEN_DOMCTL_setnodeaffinity = 68,
	XEN_DOMCTL_getnodeaffinity = 69,
	XEN_DOMCTL_get_cpu_policy = 82,
	XEN_DOMCTL_set_cpu_policy = 83,
	XEN_DOMCTL_get_paging_mempool_size = 85,
	XEN_DOMCTL_set_paging_mempool_size = 86,
};

/* A set of CPUs or nodes: guest pointer to bytes, bit 0 first. */
struct xenctl_bitmap {
	u64 bitmap;
	u32 nr_bits;
};

#define XEN_X86_EMU_LAPIC (1U << 0)

struct xen_arch_domainconfig {
	u32 emulation_flags;
	u32 misc_flags;
};

#define XEN_X86_MSR_RELAXED (1U << 0)

#define XEN_DOMCTL_CDF_hvm (1U << 0)
#define XEN_DOMCTL_CDF_hap (1U << 1)
#define XEN_DOMCTL_CDF_oos_off (1U << 3)
#define XEN_DOMCTL_CDF_xs_domain (1U << 4)

struct xen_domctl_createdomain {
	u32 ssidref;
	u8 handle[16];
	u32 flags;
	u32 iommu_opts;
	u32 max_vcpus;
	u32 max_evtchn_port;
	s32 max_grant_frames;
	s32 max_maptrack_frames;
	u32 grant_opts;
	u32 vmtrace_size;
	u32 cpupool_id;
	struct xen_arch_domainconfig arch;
};

struct xen_domctl_getdomaininfo {
	domid_t domain;
	u16 pad1;
	u32 flags;
	u64 tot_pages;
	u64 max_pages;
	u64 outstanding_pages;
	u64 shr_pages;
	u64 paged_pages;
	u64 shared_info_frame;
	u64 cpu_time;
	u32 nr_online_vcpus;
	u32 max_vcpu_id;
	u32 ssidref;
	u8 handle[16];
	u32 cpupool;
	u8 gpaddr_bits;
	u8 pad2[7];
	struct xen_arch_domainconfig arch_config;
};

#define XEN_DOMCTL_PFINFO_NOTAB 0U
#define XEN_DOMCTL_PFINFO_XTAB (0xfU << 28)

struct xen_domctl_getpageframeinfo3 {
	u64 num;
	u64 array; /* guest pointer to u64: gfn in, type out */
};

#define XEN_DOMCTL_SHADOW_OP_OFF 0
#define XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY 2
#define XEN_DOMCTL_SHADOW_OP_CLEAN 11
#define XEN_DOMCTL_SHADOW_OP_PEEK 12

struct xen_domctl_shadow_op_stats {
	u32 fault_count;
	u32 dirty_count;
};

struct xen_domctl_shadow_op {
	u32 op;
	u32 mode;
	u32 mb;
	u64 dirty_bitmap;
	u64 pages;
	struct xen_domctl_shadow_op_stats stats;
};

struct xen_domctl_max_mem {
	u64 max_memkb;
};

struct xen_domctl_vcpucontext {
	u32 vcpu;
	u64 ctxt; /* struct vcpu_guest_context */
};

struct xen_domctl_getvcpuinfo {
	u32 vcpu;
	u8 online;
	u8 blocked;
	u8 running;
	u64 cpu_time;
	u32 cpu;
};

struct xen_domctl_nodeaffinity {
	struct xenctl_bitmap nodemap;
};

#define XEN_VCPUAFFINITY_HARD (1U << 0)
#define XEN_VCPUAFFINITY_SOFT (1U << 1)
#define XEN_VCPUAFFINITY_FORCE (1U << 2)

struct xen_domctl_vcpuaffinity {
	u32 vcpu;
	u32 flags;
	struct xenctl_bitmap cpumap_hard;
	struct xenctl_bitmap cpumap_soft;
};

struct xen_domctl_max_vcpus {
	u32 max;
};

#define XEN_SCHEDULER_CREDIT2 6

enum {
	XEN_DOMCTL_SCHEDOP_putinfo = 0,
	XEN_DOMCTL_SCHEDOP_getinfo = 1,
};

struct xen_domctl_sched_credit2 {
	u16 weight;
	u16 cap;
};

struct xen_domctl_scheduler_op {
	u32 sched_id;
	u32 cmd;
	union {
		struct xen_domctl_sched_credit2 credit2;
		struct {
			u64 vcpus;
			u32 nr_vcpus;
			u32 padding;
		} v;
	} u;
};

struct xen_domctl_setdomainhandle {
	u8 handle[16];
};

struct xen_domctl_settimeoffset {
	s64 time_offset_seconds;
};

struct xen_domctl_hvmcontext {
	u32 size;
	u64 buffer;
};

struct xen_domctl_hvmcontext_partial {
	u32 type;
	u32 instance;
	u64 bufsz;
	u64 buffer;
};

struct xen_domctl_address_size {
	u32 size;
};

#define XEN_DOMCTL_SENDTRIGGER_NMI 0

struct xen_domctl_sendtrigger {
	u32 trigger;
	u32 vcpu;
};

struct xen_domctl_tsc_info {
	u32 tsc_mode;
	u32 gtsc_khz;
	u32 incarnation;
	u32 pad;
	u64 elapsed_nsec;
};

#define XEN_TSC_MODE_DEFAULT 0
#define XEN_TSC_MODE_NEVER_EMULATE 2

struct xen_cpuid_leaf {
	u32 leaf, subleaf; /* subleaf ~0 for none */
	u32 a, b, c, d;
};

struct xen_msr_entry {
	u32 idx;
	u32 flags;
	u64 val;
};

struct xen_domctl_cpu_policy {
	u32 nr_leaves;
	u32 nr_msrs;
	u64 leaves;
	u64 msrs;
	u32 err_leaf, err_subleaf, err_msr;
};

struct xen_domctl_paging_mempool {
	u64 size;
};

struct xen_domctl {
	u32 cmd;
	u32 interface_version;
	domid_t domain;
	u16 pad[3];
	union {
		struct xen_domctl_createdomain createdomain;
		struct xen_domctl_getdomaininfo getdomaininfo;
		struct xen_domctl_getpageframeinfo3 getpageframeinfo3;
		struct xen_domctl_nodeaffinity nodeaffinity;
		struct xen_domctl_vcpuaffinity vcpuaffinity;
		struct xen_domctl_shadow_op shadow_op;
		struct xen_domctl_max_mem max_mem;
		struct xen_domctl_vcpucontext vcpucontext;
		struct xen_domctl_getvcpuinfo getvcpuinfo;
		struct xen_domctl_max_vcpus max_vcpus;
		struct xen_domctl_scheduler_op scheduler_op;
		struct xen_domctl_setdomainhandle setdomainhandle;
		struct xen_domctl_settimeoffset settimeoffset;
		struct xen_domctl_tsc_info tsc_info;
		struct xen_domctl_hvmcontext hvmcontext;
		struct xen_domctl_hvmcontext_partial hvmcontext_partial;
		struct xen_domctl_address_size address_size;
		struct xen_domctl_sendtrigger sendtrigger;
		struct xen_domctl_cpu_policy cpu_policy;
		struct xen_domctl_paging_mempool paging_mempool;
		u8 pad[128];
	} u;
};

#endif /* HV_ABI_DOMCTL_H */
