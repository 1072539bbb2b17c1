/* SPDX-License-Identifier: MIT */
/* multiboot2.c - what a multiboot2 loader hands over, GRUB on UEFI say */
#include "boot.h"

enum {
	TAG_END = 0,
	TAG_CMDLINE = 1,
	TAG_MODULE = 3,
	TAG_MMAP = 6,
	TAG_EFI64 = 12,
};

struct tag {
	u32 type, size; /* with this header, without the padding to 8 */
};

struct tag_module {
	struct tag h;
	u32 start, end;
	char cmdline[];
};

struct tag_mmap {
	struct tag h;
	u32 entry_size, entry_version;
};

struct mmap_entry {
	u64 base, length;
	u32 type; /* as E820 */
	u32 reserved;
};

struct tag_efi64 {
	struct tag h;
	u64 table;
};

/* Of the UEFI system table only what leads to ACPI. */
struct efi_table {
	u8 skip[104];
	u64 nr_entries;
	u64 entries;
};

struct efi_entry {
	u64 guid[2];
	u64 table;
};
/* 8868e871-e4f1-11d3-bc22-0080c73c8881: ACPI 2.0 and later */
#define EFI_ACPI_0 0x11d3e4f18868e871ULL
#define EFI_ACPI_1 0x81883cc7800022bcULL

/* The boot page tables reach no farther. */
static bool is_low(u64 addr)
{
	return addr && addr < FOUR_GIB;
}

/* UEFI leaves no root pointer where a BIOS does. */
static void find_acpi(u64 at)
{
	const struct efi_table *t = (const struct efi_table *)at;
	const struct efi_entry *e;

	if (!is_low(at) || !is_low(t->entries))
		return;
	e = (const struct efi_entry *)t->entries;
	for (u64 i = 0; i < t->nr_entries && is_low((u64)&e[i + 1]); i++)
		if (e[i].guid[0] == EFI_ACPI_0 && e[i].guid[1] == EFI_ACPI_1 &&
		    is_low(e[i].table))
			boot_rsdp = e[i].table;
}

static void add_memory(const struct tag_mmap *m)
{
	const char *e = (const char *)(m + 1);
	const char *end = (const char *)m + m->h.size;

	if (m->entry_size < sizeof(struct mmap_entry))
		return;
	for (; e + m->entry_size <= end; e += m->entry_size) {
		const struct mmap_entry *r = (const struct mmap_entry *)e;

		if (r->length)
			memmap_add(&firmware_map, r->base, r->base + r->length,
				   r->type);
	}
}

/* Everything is copied: the loader's memory will be dom0's. */
void multiboot2_parse(u32 info)
{
	const u32 *size = (const u32 *)(u64)info;
	u64 at = info + 8, end = info + (u64)*size;

	while (at + sizeof(struct tag) <= end) {
		const struct tag *t = (const struct tag *)at;

		if (t->type == TAG_END || t->size < sizeof(*t))
			break;
		switch (t->type) {
		case TAG_CMDLINE:
			multiboot_set_cmdline((const char *)(t + 1));
			break;
		case TAG_MODULE: {
			const struct tag_module *m = (const void *)t;

			multiboot_add_module(m->start, m->end, m->cmdline);
			break;
		}
		case TAG_MMAP:
			add_memory((const struct tag_mmap *)t);
			break;
		case TAG_EFI64:
			find_acpi(((const struct tag_efi64 *)t)->table);
			break;
		}
		at += ALIGN_UP(t->size, 8);
	}
	if (!firmware_map.nr)
		boot_stop("the loader gives no memory map");
}
