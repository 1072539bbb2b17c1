/* SPDX-License-Identifier: MIT */
/* grant_table.h - hypercall 20: grant table operations, version 1 entries */
#ifndef HV_ABI_GRANT_TABLE_H
#define HV_ABI_GRANT_TABLE_H

#include "xen.h"

/**
 * struct grant_entry - one entry of a version 1 grant table
 * @flags: GTF_*; the hypervisor sets and clears GTF_reading and GTF_writing
 * @domid: who may use it
 * @frame: gfn of the granting domain
 *
 * @flags and @domid change together, by compare-and-exchange of 32 bits.
 */
struct grant_entry {
	u16 flags;
	domid_t domid;
	u32 frame;
};

#define GRANT_PER_FRAME (PAGE_SIZE / sizeof(struct grant_entry))

#define GNTTAB_RESERVED_CONSOLE 0

#define GTF_permit_access 1U
#define GTF_accept_transfer 2U
#define GTF_transitive 3U
#define GTF_type_mask 3U
#define GTF_readonly (1U << 2)
#define GTF_reading (1U << 3)
#define GTF_writing (1U << 4)
#define GTF_sub_page (1U << 8)

#define GNTTABOP_map_grant_ref 0
#define GNTTABOP_unmap_grant_ref 1
#define GNTTABOP_setup_table 2
#define GNTTABOP_copy 5
#define GNTTABOP_query_size 6
#define GNTTABOP_set_version 8
#define GNTTABOP_get_version 10

#define GNTMAP_device_map (1U << 0)
#define GNTMAP_host_map (1U << 1)
#define GNTMAP_readonly (1U << 2)
#define GNTMAP_application_map (1U << 3)
#define GNTMAP_contains_pte (1U << 4)
/*
 * Tenon's own, announced by its CPUID block: the frame appears at gfn == mfn,
 * where dom0's devices reach it, and host_addr says so on return.  Where the bit
 * is unknown host_addr comes back as it was and differs from dev_bus_addr.
 */
#define TENON_GNTMAP_identity (1U << 6)

struct gnttab_map_grant_ref {
	u64 host_addr;
	u32 flags; /* GNTMAP_* */
	u32 ref;
	domid_t dom;
	s16 status; /* out, as all that follows */
	u32 handle;
	u64 dev_bus_addr;
};

struct gnttab_unmap_grant_ref {
	u64 host_addr;
	u64 dev_bus_addr;
	u32 handle;
	s16 status; /* out */
};

struct gnttab_setup_table {
	domid_t dom;
	u32 nr_frames;
	s16 status; /* out */
	u64 frame_list; /* guest pointer to u64 frame numbers, out */
};

#define MEMBERS_gnttab_setup_table "hwhl"

#define GNTCOPY_source_gref (1U << 0)
#define GNTCOPY_dest_gref (1U << 1)

struct gnttab_copy_ptr {
	union {
		u32 ref;
		u64 gmfn;
	} u;
	domid_t domid;
	u16 offset;
};

struct gnttab_copy {
	struct gnttab_copy_ptr source, dest;
	u16 len;
	u16 flags; /* GNTCOPY_* */
	s16 status; /* out */
};

#define MEMBERS_gnttab_copy "lhh.lhh.hhh"

struct gnttab_query_size {
	domid_t dom;
	u32 nr_frames; /* out, as all that follows */
	u32 max_nr_frames;
	s16 status;
};

struct gnttab_set_version {
	u32 version; /* in and out */
};

struct gnttab_get_version {
	domid_t dom;
	u16 pad;
	u32 version; /* out */
};

/* Status of one request. */
#define GNTST_okay 0
#define GNTST_general_error (-1)
#define GNTST_bad_domain (-2)
#define GNTST_bad_gntref (-3)
#define GNTST_bad_handle (-4)
#define GNTST_bad_virt_addr (-5)
#define GNTST_bad_dev_addr (-6)
#define GNTST_no_device_space (-7)
#define GNTST_permission_denied (-8)
#define GNTST_bad_page (-9)
#define GNTST_bad_copy_arg (-10)
#define GNTST_no_space (-13)

#endif /* HV_ABI_GRANT_TABLE_H */
