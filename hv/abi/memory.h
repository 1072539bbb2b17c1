/* SPDX-License-Identifier: MIT */
/* memory.h - ABI of the memory_op hypercall */
#ifndef HV_ABI_MEMORY_H
#define HV_ABI_MEMORY_H

#include "../include/types.h"

/* MEMBERS_*: how a structure differs for 32-bit code, see call/arg.h. */

enum {
	XENMEM_decrease_reservation = 1,
	XENMEM_maximum_ram_page = 2,
	XENMEM_current_reservation = 3,
	XENMEM_maximum_reservation = 4,
	XENMEM_populate_physmap = 6,
	XENMEM_add_to_physmap = 7,
	XENMEM_memory_map = 9,
	XENMEM_machine_memory_map = 10,
	XENMEM_set_memory_map = 13,
	XENMEM_maximum_gpfn = 14,
	XENMEM_remove_from_physmap = 15,
	XENMEM_set_pod_target = 16,
	XENMEM_get_pod_target = 17,
	XENMEM_get_sharing_freed_pages = 18,
	XENMEM_get_sharing_shared_pages = 19,
	XENMEM_add_to_physmap_batch = 23,
	XENMEM_claim_pages = 24,
	XENMEM_get_vnumainfo = 26,
	XENMEM_acquire_resource = 28,
};

/* The command's upper bits are where a continuation resumes. */
#define XENMEM_CMD_BITS 6
#define XENMEM_CMD_MASK ((1UL << XENMEM_CMD_BITS) - 1)

/* The only reservation flag that would change what is asked for. */
#define XENMEMF_populate_on_demand (1U << 16)

struct xen_memory_reservation {
	u64 extent_start; /* guest pointer to u64 */
	u64 nr_extents;
	u32 extent_order;
	u32 mem_flags;
	domid_t domid;
};

#define MEMBERS_memory_reservation "llwwh"

struct xen_memory_domain {
	domid_t domid;
};

enum {
	XENMAPSPACE_shared_info = 0,
	XENMAPSPACE_grant_table = 1,
	XENMAPSPACE_gmfn_foreign = 4,
};

#define XENMAPIDX_grant_table_status 0x80000000U

struct xen_add_to_physmap {
	domid_t domid;
	u16 size;
	u32 space;
	u64 idx;
	u64 gpfn;
};

#define MEMBERS_add_to_physmap "hhwll"

struct xen_add_to_physmap_batch {
	domid_t domid;
	u16 space;
	u16 size;
	domid_t foreign_domid;
	u64 idxs; /* guest pointers: u64, u64, s32 */
	u64 gpfns;
	u64 errs;
};

#define MEMBERS_add_to_physmap_batch "hhhhlll"

struct xen_remove_from_physmap {
	domid_t domid;
	u64 gpfn;
};

#define MEMBERS_remove_from_physmap "hl"

struct xen_memory_map {
	u32 nr_entries;
	u64 buffer;
};

#define MEMBERS_memory_map "wl"

struct xen_foreign_memory_map {
	domid_t domid;
	struct xen_memory_map map;
};

struct xen_pod_target {
	u64 target_pages;
	u64 tot_pages;
	u64 pod_cache_pages;
	u64 pod_entries;
	domid_t domid;
};

enum {
	XENMEM_resource_grant_table = 1,
};

enum {
	XENMEM_resource_grant_table_id_shared = 0,
};

struct xen_mem_acquire_resource {
	domid_t domid;
	u16 type;
	u32 id;
	u32 nr_frames;
	u32 pad;
	u64 frame;
	u64 frame_list; /* guest pointer to u64 */
};

#endif /* HV_ABI_MEMORY_H */
