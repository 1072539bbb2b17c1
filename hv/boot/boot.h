/* SPDX-License-Identifier: MIT */
/* boot.h - what the parts of the start-up code share */
#ifndef HV_BOOT_H
#define HV_BOOT_H

#include "domain.h"

/* The image; it leaves a hole in dom0's memory up to where it is needed. */
extern char image_start[], image_end[], text_start[], text_end[], rodata_end[];
extern u64 image_kept_end; /* paging.c */
#define FOUR_GIB 0x100000000UL

/* main.c: one line saying why, then a clean stop. */
void boot_stop(const char *fmt, ...) __printf(1, 2) __noreturn;

/* multiboot.c */
struct boot_module {
	u64 start, end; /* in machine memory */
	const char *cmdline; /* without the file name */
};
#define MAX_MODULES 4
extern struct boot_module boot_module[MAX_MODULES];
extern unsigned int nr_boot_modules;
/* The firmware's ACPI root pointer where UEFI tells it, or 0. */
extern u64 boot_rsdp;
void multiboot_parse(u32 magic, u32 info);

/* multiboot2.c */
#define MULTIBOOT2_LOADER_MAGIC 0x36d76289
void multiboot2_parse(u32 info);
/* For both: what a loader told.  The first word is the file's name. */
void multiboot_set_cmdline(const char *line);
void multiboot_add_module(u32 start, u32 end, const char *line);

/* cmdline.c: sets opt from opt.cmdline; warnings come when a console is on. */
void cmdline_parse(void);

/* memmap.c: the firmware's map, sorted; RAM trimmed to whole frames. */
enum memmap_type { /* as E820 */
	MEM_RAM = 1,
	MEM_RESERVED = 2,
	MEM_ACPI = 3,
};
struct memmap_range {
	u64 start, end;
	u32 type;
};
struct memmap {
	unsigned int nr;
	struct memmap_range range[MAX_E820];
};
extern struct memmap firmware_map;
/* Insert in order; false if there is no room or start >= end. */
bool memmap_add(struct memmap *m, u64 start, u64 end, u32 type);
/* Make [start, end) of RAM another type, splitting ranges. */
bool memmap_retype(struct memmap *m, u64 start, u64 end, u32 type);
u64 memmap_ram_bytes(const struct memmap *m);
/* The address below which there are @bytes of RAM, 2 MiB aligned down. */
u64 memmap_split(const struct memmap *m, u64 bytes);
/* Is [start, end) part of one range of RAM? */
bool memmap_is_ram(const struct memmap *m, u64 start, u64 end);

/* paging.c: map all RAM and the devices the hypervisor uses; then tell APs. */
void paging_init(void);

/* acpi.c */
extern u64 acpi_rsdp;
void acpi_init(void); /* adds the CPUs of the MADT to cpus[] */
/* Rewrite the MADT in place: dom0's vCPUs are the first @vcpus CPUs. */
void acpi_madt_for_dom0(unsigned int vcpus);

/* smp.c */
void smp_start_aps(void);
void smp_release_aps(void); /* into the scheduler */
void smp_enter_sched(void) __noreturn; /* this CPU */

/* elf.c */
#define ELF_MAX_SEGMENTS 16
struct elf_image {
	u32 phys_entry; /* PHYS32_ENTRY note */
	u64 start, end; /* physical addresses it occupies */
	unsigned int nr_segments;
	struct elf_segment {
		u64 paddr, memsz;
		u64 offset, filesz; /* in the file; checked to lie in it */
	} segment[ELF_MAX_SEGMENTS];
};
/* Return: NULL, or what is wrong with it. */
const char *elf_parse(const void *file, u64 size, struct elf_image *out);

/* dom0.c */
void dom0_plan(void); /* splits memory; moves the modules */
void dom0_build(void);
extern u64 dom0_top; /* RAM below belongs to dom0 */

#endif /* HV_BOOT_H */
