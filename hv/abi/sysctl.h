/* SPDX-License-Identifier: MIT */
/* sysctl.h - ABI of the sysctl hypercall, interface version 0x15 */
#ifndef HV_ABI_SYSCTL_H
#define HV_ABI_SYSCTL_H

#include "domctl.h"

#define XEN_SYSCTL_INTERFACE_VERSION 0x15U

enum {
	XEN_SYSCTL_readconsole = 1,
	XEN_SYSCTL_physinfo = 3,
	XEN_SYSCTL_sched_id = 4,
	XEN_SYSCTL_getdomaininfolist = 6,
	XEN_SYSCTL_debug_keys = 7,
	XEN_SYSCTL_getcpuinfo = 8,
	XEN_SYSCTL_availheap = 9,
	XEN_SYSCTL_cputopoinfo = 16,
	XEN_SYSCTL_numainfo = 17,
	XEN_SYSCTL_cpupool_op = 18,
	XEN_SYSCTL_scheduler_op = 19,
	XEN_SYSCTL_pcitopoinfo = 22,
	XEN_SYSCTL_get_cpu_levelling_caps = 25,
	XEN_SYSCTL_get_cpu_featureset = 26,
	XEN_SYSCTL_get_cpu_policy = 29,
};

struct xen_sysctl_readconsole {
	u8 clear;
	u8 incremental;
	u8 pad0, pad1;
	u32 index;
	u64 buffer;
	u32 count;
};

#define XEN_SYSCTL_PHYSCAP_hvm (1U << 0)
#define XEN_SYSCTL_PHYSCAP_hap (1U << 3)
#define XEN_SYSCTL_PHYSCAP_gnttab_v1 (1U << 8)

struct xen_sysctl_physinfo {
	u32 threads_per_core;
	u32 cores_per_socket;
	u32 nr_cpus;
	u32 max_cpu_id;
	u32 nr_nodes;
	u32 max_node_id;
	u32 cpu_khz;
	u32 capabilities;
	u32 arch_capabilities;
	u32 pad;
	u64 total_pages;
	u64 free_pages;
	u64 scrub_pages;
	u64 outstanding_pages;
	u64 max_mfn;
	u32 hw_cap[8];
};

struct xen_sysctl_sched_id {
	u32 sched_id;
};

struct xen_sysctl_getdomaininfolist {
	domid_t first_domain;
	u32 max_domains;
	u64 buffer;
	u32 num_domains;
};

struct xen_sysctl_debug_keys {
	u64 keys;
	u32 nr_keys;
};

struct xen_sysctl_cpuinfo {
	u64 idletime;
};

struct xen_sysctl_getcpuinfo {
	u32 max_cpus;
	u64 info;
	u32 nr_cpus;
};

struct xen_sysctl_availheap {
	u32 min_bitwidth;
	u32 max_bitwidth;
	s32 node;
	u64 avail_bytes;
};

struct xen_sysctl_cputopo {
	u32 core;
	u32 socket;
	u32 node;
};

struct xen_sysctl_cputopoinfo {
	u32 num_cpus;
	u64 cputopo;
};

struct xen_sysctl_meminfo {
	u64 memsize;
	u64 memfree;
};

struct xen_sysctl_numainfo {
	u32 num_nodes;
	u64 meminfo;
	u64 distance; /* guest pointer to u32 */
};

enum {
	XEN_SYSCTL_CPUPOOL_OP_INFO = 3,
	XEN_SYSCTL_CPUPOOL_OP_FREEINFO = 7,
};

struct xen_sysctl_cpupool_op {
	u32 op;
	u32 cpupool_id;
	u32 sched_id;
	u32 domid;
	u32 cpu;
	u32 n_dom;
	struct xenctl_bitmap cpumap;
};

#define XEN_SYSCTL_SCHED_RATELIMIT_MAX 500000U
#define XEN_SYSCTL_SCHED_RATELIMIT_MIN 100U

struct xen_sysctl_credit2_schedule {
	u32 ratelimit_us;
};

enum {
	XEN_SYSCTL_SCHEDOP_putinfo = 0,
	XEN_SYSCTL_SCHEDOP_getinfo = 1,
};

struct xen_sysctl_scheduler_op {
	u32 cpupool_id;
	u32 sched_id;
	u32 cmd;
	union {
		struct xen_sysctl_credit2_schedule sched_credit2;
		u64 pad[2]; /* schedulers we are not */
	} u;
};

struct xen_sysctl_pcitopoinfo {
	u32 num_devs;
	u64 devs; /* guest pointers: 4 bytes each, u32 */
	u64 nodes;
};

struct xen_sysctl_cpu_levelling_caps {
	u32 caps;
};

struct xen_sysctl_cpu_featureset {
	u32 index; /* as of policies, _max and _default the other way round */
	u32 nr_features;
	u64 features; /* guest pointer to u32 */
};

enum {
	XEN_SYSCTL_cpu_policy_raw = 0,
	XEN_SYSCTL_cpu_policy_host = 1,
	XEN_SYSCTL_cpu_policy_pv_max = 2,
	XEN_SYSCTL_cpu_policy_hvm_max = 3,
	XEN_SYSCTL_cpu_policy_pv_default = 4,
	XEN_SYSCTL_cpu_policy_hvm_default = 5,
};

struct xen_sysctl_cpu_policy {
	u32 index;
	u32 nr_leaves;
	u32 nr_msrs;
	u32 rsvd;
	u64 leaves;
	u64 msrs;
};

struct xen_sysctl {
	u32 cmd;
	u32 interface_version;
	union {
		struct xen_sysctl_readconsole readconsole;
		struct xen_sysctl_physinfo physinfo;
		struct xen_sysctl_cputopoinfo cputopoinfo;
		struct xen_sysctl_pcitopoinfo pcitopoinfo;
		struct xen_sysctl_numainfo numainfo;
		struct xen_sysctl_sched_id sched_id;
		struct xen_sysctl_getdomaininfolist getdomaininfolist;
		struct xen_sysctl_debug_keys debug_keys;
		struct xen_sysctl_getcpuinfo getcpuinfo;
		struct xen_sysctl_availheap availheap;
		struct xen_sysctl_cpupool_op cpupool_op;
		struct xen_sysctl_scheduler_op scheduler_op;
		struct xen_sysctl_cpu_levelling_caps cpu_levelling_caps;
		struct xen_sysctl_cpu_featureset cpu_featureset;
		struct xen_sysctl_cpu_policy cpu_policy;
		u8 pad[128];
	} u;
};

#endif /* HV_ABI_SYSCTL_H */
