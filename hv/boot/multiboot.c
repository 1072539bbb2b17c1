/* SPDX-License-Identifier: MIT */
/* multiboot.c - what a multiboot1 loader hands over */
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
u64 boot_rsdp;
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

void multiboot_set_cmdline(const char *line)
{
	strlcpy(opt.cmdline, skip_word(line), sizeof(opt.cmdline));
}

void multiboot_add_module(u32 start, u32 end, const char *line)
{
	unsigned int n = nr_boot_modules;

	if (n == MAX_MODULES)
		return;
	strlcpy(module_cmdline[n], skip_word(line), MODULE_CMDLINE);
	boot_module[n] = (struct boot_module){ start, end, module_cmdline[n] };
	nr_boot_modules++;
}

/* Everything is copied: the loader's memory will be dom0's. */
void multiboot_parse(u32 magic, u32 info)
{
	const struct multiboot_info *mbi = loader_memory(info);
	const struct multiboot_module *mod;
	u32 off = 0;

	if (magic == MULTIBOOT2_LOADER_MAGIC) {
		multiboot2_parse(info);
		return;
	}
	if (magic != MULTIBOOT_LOADER_MAGIC)
		boot_stop("not started by a multiboot loader");
	if (mbi->flags & MBI_CMDLINE)
		multiboot_set_cmdline(loader_memory(mbi->cmdline));
	if (mbi->flags & MBI_MODS) {
		mod = loader_memory(mbi->mods_addr);
		for (u32 i = 0; i < mbi->mods_count; i++)
			multiboot_add_module(mod[i].start, mod[i].end,
					     mod[i].cmdline ?
					     loader_memory(mod[i].cmdline) : "");
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
