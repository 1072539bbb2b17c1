// SPDX-License-Identifier: MIT
/* window.c - the second 512 GiB: one page table, filled page by page */
#include "guest.h"

#define WINDOW (1UL << 39)

extern u64 pml4[512], low_pt[512];
static u64 pdpt[512] __aligned(PAGE_SIZE);
static u64 pd[512] __aligned(PAGE_SIZE);
static u64 pt[WINDOW_PAGES] __aligned(PAGE_SIZE);

void *window_at(unsigned int page)
{
	return (void *)(WINDOW + page * PAGE_SIZE);
}

static void window_set(unsigned int page, u64 pte)
{
	if (!pml4[1]) {
		pd[0] = (u64)pt | PTE_P | PTE_RW | PTE_US;
		pdpt[0] = (u64)pd | PTE_P | PTE_RW | PTE_US;
		pml4[1] = (u64)pdpt | PTE_P | PTE_RW | PTE_US;
	}
	WRITE_ONCE(pt[page], pte);
	__asm__ __volatile__("invlpg (%0)" : : "r"(window_at(page)) : "memory");
}

void window_map(unsigned int page, u64 gpa, u64 flags)
{
	window_set(page, gpa | flags | PTE_P);
}

void window_unmap(unsigned int page)
{
	window_set(page, 0);
}

static u64 narrow_pml4[512] __aligned(PAGE_SIZE);
static u64 narrow_pdpt[512] __aligned(PAGE_SIZE);
static u64 narrow_pd[512] __aligned(PAGE_SIZE);

/* What 32-bit code sees: the window, at 0, and this image, read-only. */
static u64 narrow_tables(void)
{
	extern u8 image_start[], image_end[];

	if (!narrow_pml4[0]) {
		for (u64 i = (u64)image_start >> 21;
		     i <= (u64)image_end >> 21; i++)
			narrow_pd[i] = i << 21 | PTE_PS | PTE_P;
		narrow_pd[0] = (u64)pt | PTE_P | PTE_RW;
		narrow_pdpt[0] = (u64)narrow_pd | PTE_P | PTE_RW;
		narrow_pml4[0] = (u64)narrow_pdpt | PTE_P | PTE_RW;
	}
	return (u64)narrow_pml4;
}

s64 call32(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	extern s64 hypercall32(u64 nr, const u32 *args, u64 cr3);
	const u32 args[] = { a, b, c, d, e };

	return hypercall32(nr, args, narrow_tables());
}

void low_memory_unmap(void)
{
	u64 cr3;

	memset(low_pt, 0, sizeof(low_pt));
	__asm__ __volatile__("mov %%cr3, %0; mov %0, %%cr3" : "=r"(cr3) : : "memory");
}
