/* SPDX-License-Identifier: MIT */
/* multiboot.c - what the multiboot1 loader hands over */
#include "boot.h"
#include "options.h"

#define MULTIBOOT_LOADER_MAGIC 0x2badb002

#define MBI_CMDLINE BIT(2)
#define MBI_MODS BIT(3)
#define MBI_MMAP BIT(6)

struct multiboot_info {
	u32 flags;
	u32 mem_lower, mem_upper;
	u32 boot_device;
	u32 cmdline;
	u32 mods_count, mods_addr;
	u32 syms[4];
	u32 mmap_length, mmap_addr;
};

struct multiboot_module {
	u32 start, end;
	u32 cmdline;
	u32 pad;
};

struct multiboot_mmap {
	u32 size; /* of what follows */
	u64 base, length;
	u32 type;
} __packed;

#define MODULE_CMDLINE 2048

struct boot_module boot_module[MAX_MODULES];
unsigned int nr_boot_modules;
static char module_cmdline[MAX_MODULES][MODULE_CMDLINE];

static const void *loader_memory(u32 addr)
{
	return (const void *)(u64)addr;
}

/* The first word is the file's name. */
static const char *skip_word(const char *s)
{
	while (*s && *s != ' ')
		s++;
	while (*s == ' ')
		s++;
	return s;
}

/* Everything is copied: the loader's memory will be dom0's. */
void multiboot_parse(u32 magic, u32 info)
{
	const struct multiboot_info *mbi = loader_memory(info);
	const struct multiboot_module *mod;
	u32 off = 0;

	if (magic != MULTIBOOT_LOADER_MAGIC)
		boot_stop("not started by a multiboot1 loader");
	if (mbi->flags & MBI_CMDLINE)
		strlcpy(opt.cmdline, skip_word(loader_memory(mbi->cmdline)),
			sizeof(opt.cmdline));

	if (mbi->flags & MBI_MODS) {
		mod = loader_memory(mbi->mods_addr);
		nr_boot_modules = min(mbi->mods_count, (u32)MAX_MODULES);
		for (unsigned int i = 0; i < nr_boot_modules; i++) {
			boot_module[i].start = mod[i].start;
			boot_module[i].end = mod[i].end;
			boot_module[i].cmdline = module_cmdline[i];
			if (mod[i].cmdline)
				strlcpy(module_cmdline[i],
					skip_word(loader_memory(mod[i].cmdline)),
					MODULE_CMDLINE);
		}
	}

	if (!(mbi->flags & MBI_MMAP))
		boot_stop("the loader gives no memory map");
	while (off + sizeof(struct multiboot_mmap) <= mbi->mmap_length) {
		const struct multiboot_mmap *e =
			loader_memory(mbi->mmap_addr + off);

		off += e->size + sizeof(e->size);
		if (e->length)
			memmap_add(&firmware_map, e->base, e->base + e->length,
				   e->type);
	}
}
