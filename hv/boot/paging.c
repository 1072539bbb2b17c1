/* SPDX-License-Identifier: MIT */
/*
 * paging.c - the hypervisor's own page tables
 *
 * All of the first 4 GiB and all RAM above at their own address.  Code is not
 * writable, nothing else is executable, page 0 is not mapped.  These are final:
 * the hypervisor never changes a mapping, so it needs no TLB shootdown.
 */
#include "boot.h"
#include "../x86/apic.h"
#include "../x86/asm.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_PWT BIT(3)
#define PTE_PCD BIT(4)
#define PTE_ACCESSED BIT(5)
#define PTE_DIRTY BIT(6)
#define PTE_LARGE BIT(7)
#define PTE_NX BIT(63)
#define PTE_DATA (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY | PTE_NX)
#define PTE_TABLE (PTE_PRESENT | PTE_WRITE | PTE_ACCESSED)

#define SIZE_2M (1UL << 21)
#define SIZE_1G (1UL << 30)

/* Enough for 64 GiB on a processor without 1 GiB pages. */
#define NR_TABLES 80

extern u64 head_ap_cr3;

static u64 tables[NR_TABLES][512] __aligned(4096)
	__attribute__((section(".bss.tables")));
static unsigned int nr_tables;
u64 image_kept_end;
static bool have_1g;

static u64 *new_table(void)
{
	if (nr_tables == NR_TABLES)
		boot_stop("too much memory for a processor without 1 GiB pages");
	return tables[nr_tables++];
}

/* The table below @entry, made if absent; a large page is split. */
static u64 *table_below(u64 *entry, u64 page_size)
{
	u64 old = *entry;
	u64 *t;

	if ((old & PTE_PRESENT) && !(old & PTE_LARGE))
		return (u64 *)(old & 0x000ffffffffff000UL);
	t = new_table();
	if (old & PTE_PRESENT) {
		u64 flags = page_size == PAGE_SIZE ? old & ~PTE_LARGE : old;

		for (unsigned int i = 0; i < 512; i++)
			t[i] = flags + i * page_size;
	}
	*entry = (u64)t | PTE_TABLE;
	return t;
}

/* The entry for @addr at a page size of 1 GiB, 2 MiB or 4 KiB. */
static u64 *paging_entry(u64 addr, u64 page_size)
{
	u64 *t = tables[0];

	t = table_below(&t[addr >> 39 & 511], SIZE_1G);
	if (page_size == SIZE_1G)
		return &t[addr >> 30 & 511];
	t = table_below(&t[addr >> 30 & 511], SIZE_2M);
	if (page_size == SIZE_2M)
		return &t[addr >> 21 & 511];
	t = table_below(&t[addr >> 21 & 511], PAGE_SIZE);
	return &t[addr >> 12 & 511];
}

static void map_data(u64 start, u64 end)
{
	u64 step = have_1g ? SIZE_1G : SIZE_2M;

	for (u64 a = ALIGN_DOWN(start, step); a < end; a += step) {
		u64 *e = paging_entry(a, step);

		if (!*e)
			*e = a | PTE_DATA | PTE_LARGE;
	}
}

static void map_image(void)
{
	for (u64 a = 0; a < (u64)rodata_end; a += PAGE_SIZE) {
		u64 *e = paging_entry(a, PAGE_SIZE);

		if (!a)
			*e = 0;
		else if (a >= (u64)text_start && a < (u64)text_end)
			*e = a | PTE_PRESENT | PTE_ACCESSED;
		else if (a >= (u64)text_end && a < (u64)rodata_end)
			*e = a | PTE_PRESENT | PTE_ACCESSED | PTE_NX;
	}
}

void paging_init(void)
{
	u32 a, b, c, d;

	cpuid(0x80000001, 0, &a, &b, &c, &d);
	have_1g = d & BIT(26);
	new_table(); /* the root */
	map_data(0, FOUR_GIB);
	for (unsigned int i = 0; i < firmware_map.nr; i++) {
		const struct memmap_range *r = &firmware_map.range[i];

		if (r->type == MEM_RAM && r->end > FOUR_GIB)
			map_data(max(r->start, FOUR_GIB), r->end);
	}
	map_image();
	*paging_entry(APIC_BASE_ADDR, PAGE_SIZE) =
		APIC_BASE_ADDR | PTE_DATA | PTE_PCD | PTE_PWT;
	image_kept_end = (u64)tables[nr_tables];
	head_ap_cr3 = (u64)tables[0];
	write_cr3(head_ap_cr3);
}
