/* SPDX-License-Identifier: MIT */
/*
 * walk.c - guest memory by virtual address
 *
 * The guest's page tables are read through its nested map, each frame under a
 * reference of its own: another vCPU may give the frame up meanwhile.  The rules
 * are those of the kernel; accessed and dirty bits are not set, since what the
 * ABI passes by address is memory the guest has locked.
 */
#include "arch.h"
#include "asm.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE BIT(1)
#define PTE_LARGE BIT(7)
#define PTE_ADDR 0x000ffffffffff000UL

static bool read_entry(struct domain *d, u64 gpa, void *to, unsigned int size)
{
	enum p2m_type type;
	struct page *pg = p2m_get_page(d, gpa >> PAGE_SHIFT, false, &type);

	if (!pg)
		return false;
	memcpy(to, (char *)page_to_virt(pg) + gpa % PAGE_SIZE, size);
	page_put(pg);
	return true;
}

/* Long mode (4 levels) and PAE (3 levels, the first of 4 entries). */
static int walk_wide(struct vcpu *v, u64 gva, bool write, u64 *gpa)
{
	const struct vmcb *vmcb = v->arch->vmcb;
	bool lma = vmcb->efer & EFER_LMA;
	unsigned int levels = lma ? 4 : 3;
	u64 table = lma ? vmcb->cr3 & PTE_ADDR : vmcb->cr3 & 0xffffffe0;

	/* Not canonical: the top 17 bits are not all alike. */
	if (lma && (s64)(gva << 16) >> 16 != (s64)gva)
		return -EFAULT;
	if (!lma)
		gva = (u32)gva;
	for (unsigned int level = levels; level--;) {
		unsigned int shift = PAGE_SHIFT + 9 * level;
		u64 e;

		if (!read_entry(v->domain, table + (gva >> shift & 511) * 8, &e,
				8) || !(e & PTE_PRESENT))
			return -EFAULT;
		/* PAE's first level has no permission bits. */
		if (write && !(e & PTE_WRITE) && (lma || level < 2))
			return -EFAULT;
		if (!level || (e & PTE_LARGE && level < 3 &&
			       (lma || level < 2))) {
			u64 mask = (1ULL << shift) - 1;

			*gpa = (e & PTE_ADDR & ~mask) | (gva & mask);
			return 0;
		}
		table = e & PTE_ADDR;
	}
	return -EFAULT;
}

/* 32-bit paging without PAE. */
static int walk_narrow(struct vcpu *v, u32 gva, bool write, u64 *gpa)
{
	const struct vmcb *vmcb = v->arch->vmcb;
	u32 e;

	if (!read_entry(v->domain, (vmcb->cr3 & 0xfffff000) + (gva >> 22) * 4,
			&e, 4) ||
	    !(e & PTE_PRESENT) || (write && !(e & PTE_WRITE)))
		return -EFAULT;
	if (e & PTE_LARGE && vmcb->cr4 & CR4_PSE) {
		*gpa = (e & 0xffc00000) | (u64)(e >> 13 & 0xff) << 32 |
		       (gva & 0x3fffff);
		return 0;
	}
	if (!read_entry(v->domain, (e & 0xfffff000) + (gva >> 12 & 1023) * 4,
			&e, 4) ||
	    !(e & PTE_PRESENT) || (write && !(e & PTE_WRITE)))
		return -EFAULT;
	*gpa = (e & 0xfffff000) | (gva & 0xfff);
	return 0;
}

static int walk_translate(struct vcpu *v, u64 gva, bool write, u64 *gpa)
{
	const struct vmcb *vmcb = v->arch->vmcb;

	if (!(vmcb->cr0 & CR0_PG)) {
		*gpa = (u32)gva;
		return 0;
	}
	if (vmcb->cr4 & CR4_PAE)
		return walk_wide(v, gva, write, gpa);
	return walk_narrow(v, gva, write, gpa);
}

static int copy(struct vcpu *v, u64 gva, void *buf, size_t len, bool write)
{
	while (len) {
		size_t n = min(len, PAGE_SIZE - gva % PAGE_SIZE);
		enum p2m_type type;
		struct page *pg;
		char *p;
		u64 gpa;

		if (walk_translate(v, gva, write, &gpa))
			return -EFAULT;
		pg = p2m_get_page(v->domain, gpa >> PAGE_SHIFT, write, &type);
		if (!pg)
			return -EFAULT;
		p = (char *)page_to_virt(pg) + gpa % PAGE_SIZE;
		if (write)
			memcpy(p, buf, n);
		else
			memcpy(buf, p, n);
		page_put(pg);
		buf = (char *)buf + n;
		gva += n;
		len -= n;
	}
	return 0;
}

int guest_read(void *to, u64 gva, size_t len)
{
	return copy(current, gva, to, len, false);
}

int guest_write(u64 gva, const void *from, size_t len)
{
	return copy(current, gva, (void *)from, len, true);
}

int guest_write_vcpu(struct vcpu *v, u64 gva, const void *from, size_t len)
{
	return copy(v, gva, (void *)from, len, true);
}

int walk_fetch(struct vcpu *v, void *to, size_t len)
{
	u64 rip = v->arch->regs.rip;

	if (!vmm_long_mode(v))
		rip = (u32)(v->arch->vmcb->cs.base + rip);
	return copy(v, rip, to, len, false);
}
