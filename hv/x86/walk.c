/* SPDX-License-Identifier: MIT */
/*
 * walk.c - guest memory by virtual address
 *
 * The rules are those of the kernel; accessed and dirty bits are not set, since
 * what the ABI passes by address is memory the guest has locked.
 *
 * The guest's page tables are read through its nested map without references.
 * Another vCPU may give a table up meanwhile; but tlb_gen moves after a frame
 * left the map and before it can get another owner (p2m_flush()), so a walk
 * counts only if tlb_gen is the same before and after.
 *
 * What a hypercall is given by address mostly lies in one page, the caller's
 * stack.  So the last translation is kept for the rest of an exit, as a TLB
 * would.  The frame is looked up anew each time: that alone says what a guest may
 * touch.
 */
#include "arch.h"
#include "asm.h"

#define PTE_PRESENT BIT(0)
#define PTE_WRITE   BIT(1)
#define PTE_LARGE   BIT(7)
#define PTE_ADDR    0x000ffffffffff000UL
/* A removal that hits every one of so many walks is the guest's own doing. */
#define WALK_TRIES 64

/* The entry at @gpa, 0 (not present) if there is no memory. */
static u64 read_entry(const struct domain *d, u64 gpa, bool wide)
{
	const void *e = p2m_peek(d, gpa);

	if (!e)
		return 0;
	return wide ? READ_ONCE(*(const u64 *)e) : READ_ONCE(*(const u32 *)e);
}

/*
 * Long mode has 4 levels and PAE 3 of wide entries, of which PAE's first have no
 * permission bits; 32-bit paging has 2 of narrow ones.  In line for each: every
 * argument of a hypercall comes here.
 */
static inline __attribute__((always_inline)) int
walk(struct vcpu *v, u64 gva, struct walked *to, unsigned int levels, bool wide)
{
	const struct vmcb *vmcb = v->arch->vmcb;
	u64 table = vmcb->cr3 & (levels == 4 ? PTE_ADDR :
				 wide	     ? 0xffffffe0 : 0xfffff000);
	unsigned int bits = wide ? 9 : 10;
	u64 rights = PTE_WRITE;

	for (unsigned int level = levels; level--;) {
		unsigned int shift = PAGE_SHIFT + bits * level;
		u64 index = gva >> shift & ((1U << bits) - 1);
		u64 mask = (1ULL << shift) - 1;
		u64 e = read_entry(v->domain, table + index * (wide ? 8 : 4),
				   wide);
		bool pae_first = levels == 3 && level == 2;
		bool large = level < 3 && !pae_first &&
			     (wide || vmcb->cr4 & CR4_PSE);

		if (!(e & PTE_PRESENT))
			return -EFAULT;
		if (!pae_first)
			rights &= e;
		table = e & PTE_ADDR;
		if (level && !(e & PTE_LARGE && large))
			continue;
		/* The upper half of a 4 MiB page's address is in the middle. */
		if (level && !wide)
			table |= (e >> 13 & 0xff) << 32;
		to->gpa = ((table & ~mask) | (gva & mask)) & PAGE_MASK;
		to->write = rights;
		return 0;
	}
	return -EFAULT;
}

static int walk_translate(struct vcpu *v, u64 gva, struct walked *to)
{
	const struct vmcb *vmcb = v->arch->vmcb;

	if (vmcb->efer & EFER_LMA) {
		/* Not canonical: the top 17 bits are not all alike. */
		if ((s64)(gva << 16) >> 16 != (s64)gva)
			return -EFAULT;
		return walk(v, gva, to, 4, true);
	}
	gva = (u32)gva;
	if (vmcb->cr0 & CR0_PG && vmcb->cr4 & CR4_PAE)
		return walk(v, gva, to, 3, true);
	if (vmcb->cr0 & CR0_PG)
		return walk(v, gva, to, 2, false);
	to->gpa = gva & PAGE_MASK;
	to->write = true;
	return 0;
}

/* The frame behind @gva, with a reference; NULL if there is none. */
static struct page *walk_get_page(struct vcpu *v, u64 gva, bool write,
				  enum p2m_type *type)
{
	struct walked *at = &v->arch->walked;
	struct domain *d = v->domain;

	for (unsigned int tries = 0; at->exit != v->nr_exits ||
				     at->gva != (gva & PAGE_MASK); tries++) {
		u32 gen = load_acquire(&d->tlb_gen);
		int err;

		at->exit = 0;
		err = walk_translate(v, gva, at);
		smp_rmb(); /* the entries were read before this */
		if (READ_ONCE(d->tlb_gen) == gen) {
			if (err)
				return NULL;
			at->gva = gva & PAGE_MASK;
			at->exit = v->nr_exits;
		} else if (tries == WALK_TRIES) {
			return NULL;
		}
	}
	return write && !at->write ?
		       NULL : p2m_get_page(d, at->gpa >> PAGE_SHIFT, write, type);
}

/* Returns how many bytes could be copied. */
static size_t copy(struct vcpu *v, u64 gva, void *buf, size_t len, bool write)
{
	size_t done = 0;

	while (done < len) {
		size_t n = min(len - done, PAGE_SIZE - gva % PAGE_SIZE);
		enum p2m_type type;
		struct page *pg = walk_get_page(v, gva, write, &type);
		char *p;

		if (!pg)
			break;
		p = (char *)page_to_virt(pg) + gva % PAGE_SIZE;
		if (write) {
			memcpy(p, (char *)buf + done, n);
			page_mark_written(pg);
		} else {
			memcpy((char *)buf + done, p, n);
		}
		page_put(pg);
		gva += n;
		done += n;
	}
	return done;
}

int guest_read(void *to, u64 gva, size_t len)
{
	return copy(current, gva, to, len, false) == len ? 0 : -EFAULT;
}

int guest_write(u64 gva, const void *from, size_t len)
{
	return copy(current, gva, (void *)from, len, true) == len ? 0 : -EFAULT;
}

size_t walk_fetch(struct vcpu *v, void *to, size_t len)
{
	u64 rip = v->arch->regs.rip;

	if (!svm_long_mode(v))
		rip = (u32)(v->arch->vmcb->cs.base + rip);
	return copy(v, rip, to, len, false);
}

/* A frame of the current guest that it cannot lose while we hold it. */
static struct page *area_page(u64 gva)
{
	enum p2m_type type;
	struct page *pg = walk_get_page(current, gva, true, &type);

	if (pg && type != P2M_RAM && type != P2M_XEN) {
		page_put(pg);
		pg = NULL;
	}
	return pg;
}

int guest_area_get(struct guest_area *a, u64 gva, size_t len)
{
	BUG_ON(len > PAGE_SIZE);
	a->page[1] = NULL;
	a->offset = gva % PAGE_SIZE;
	a->page[0] = area_page(gva);
	if (!a->page[0])
		return -EFAULT;
	if (a->offset + len <= PAGE_SIZE)
		return 0;
	a->page[1] = area_page(gva - a->offset + PAGE_SIZE);
	if (a->page[1])
		return 0;
	guest_area_put(a);
	return -EFAULT;
}
