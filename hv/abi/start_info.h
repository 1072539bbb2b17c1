/* SPDX-License-Identifier: MIT */
/* start_info.h - what a PVH kernel finds at the address in ebx */
#ifndef HV_ABI_START_INFO_H
#define HV_ABI_START_INFO_H

#include "../include/types.h"

#define HVM_START_MAGIC 0x336ec578
#define HVM_START_VERSION 1

#define SIF_PRIVILEGED (1U << 0)
#define SIF_INITDOMAIN (1U << 1)

struct hvm_start_info {
	u32 magic;
	u32 version;
	u32 flags; /* SIF_* */
	u32 nr_modules;
	u64 modlist_paddr;
	u64 cmdline_paddr;
	u64 rsdp_paddr;
	u64 memmap_paddr;
	u32 memmap_entries;
	u32 reserved;
};

struct hvm_modlist_entry {
	u64 paddr;
	u64 size;
	u64 cmdline_paddr;
	u64 reserved;
};

/* The types are those of E820. */
#define HVM_MEMMAP_RAM 1

struct hvm_memmap_table_entry {
	u64 addr;
	u64 size;
	u32 type;
	u32 reserved;
};

#endif /* HV_ABI_START_INFO_H */
