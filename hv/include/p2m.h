/* SPDX-License-Identifier: MIT */
/*
 * p2m.h - what a domain sees at each guest frame number
 *
 * The map *is* the nested page table; a type is kept in bits the processor
 * ignores.  Tables are only freed with the domain, so a lookup takes no lock;
 * changes take the domain's p2m lock.
 *
 * References: a P2M_FOREIGN entry owns one reference on its frame, taken by the
 * caller before p2m_set() and dropped by the p2m when the entry goes.  P2M_RAM
 * entries own none (the owner's reference from page_alloc() is not the map's);
 * P2M_GRANT entries own none (the grant code holds it while the map stands).
 */
#ifndef HV_P2M_H
#define HV_P2M_H

#include "page.h"

enum p2m_type {
	P2M_NONE, /* nothing: the guest faults */
	P2M_RAM, /* the domain's own RAM, 4K or 2M */
	P2M_RAM_RO,
	P2M_MMIO, /* a device, identity, dom0 only */
	P2M_XEN, /* hypervisor-owned frame: shared info, grant table */
	P2M_FOREIGN, /* a frame of another domain, by toolstack */
	P2M_GRANT_RW, /* a granted frame of another domain */
	P2M_GRANT_RO,
};

/* Set up / tear down a domain's (empty) map.  Teardown drops references. */
int p2m_init(struct domain *d);
void p2m_destroy(struct domain *d);

/**
 * p2m_lookup() - what stands at @gfn
 * @order: if not NULL, order of the leaf that maps it (0, 9, 18)
 *
 * Return: the frame, INVALID_MFN if *type is P2M_NONE.
 */
mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type,
		 unsigned int *order);

/**
 * p2m_set() - replace what stands at @gfn..@gfn + 2^order - 1
 * @mfn: INVALID_MFN with P2M_NONE to remove
 * @order: 0, 9 or 18, @gfn and @mfn aligned to it
 *
 * Splits larger leaves as needed.  On return no CPU uses the old entry any more
 * (remote CPUs in the guest have been made to exit), so the caller may drop its
 * references to the old frame.
 *
 * Return: 0; -ENOMEM; -EINVAL beyond 48 bits, if not aligned, or for a foreign
 * superpage; -EBUSY if a superpage would replace tables that hold P2M_FOREIGN
 * entries, or 1 GiB would replace any table.
 */
int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
	    enum p2m_type type);

/*
 * The same without waiting for other CPUs, for batches: call p2m_flush()
 * before dropping a reference on any frame that was replaced.  -EBUSY where a
 * P2M_FOREIGN entry stands, and for a grant where anything does but a device,
 * which dom0 may have given up: its map shows all there is below 4 GiB.
 */
int p2m_set_noflush(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
		    enum p2m_type type);
void p2m_flush(struct domain *d);

/**
 * p2m_get_page() - the frame at @gfn, with a reference
 * @write: also demand that the guest may write it
 *
 * For the domain's own RAM, and for foreign and granted frames that stand in
 * its map too (their owner differs then).  Never MMIO.
 *
 * Return: the frame, to be released by page_put(); NULL if none.
 */
struct page *p2m_get_page(struct domain *d, gfn_t gfn, bool write,
			  enum p2m_type *type);

/*
 * Where the memory at a guest physical address is mapped, NULL if there is none,
 * without a reference: what is read there counts only if tlb_gen is the same
 * before the first look and after the last read.
 */
const void *p2m_peek(const struct domain *d, u64 gpa);

/* As p2m_get_page(), only for RAM of the domain's own that it may write. */
struct page *p2m_get_ram(struct domain *d, gfn_t gfn);

/**
 * p2m_log_take() - which of the domain's frames may have been written to
 * @bits: one for each of @nr frames from @gfn on, cleared by the caller
 * @clear: start over: what was written is forgotten, after p2m_flush()
 *
 * That is what its vCPUs wrote since the last time, by the dirty bits of the
 * nested page table; what was marked as written by others; and whatever others
 * have in use now.  Splits larger leaves.  Bounded by @nr.
 *
 * Return: how many; -ENOMEM.
 */
long p2m_log_take(struct domain *d, gfn_t gfn, u32 nr, u64 *bits, bool clear);

/* Highest gfn ever set, for XENMEM_maximum_gpfn. */
gfn_t p2m_max_gfn(struct domain *d);

/*
 * Identity grant maps in dom0 (flag TENON_GNTMAP_IDENTITY): the frame appears
 * at gfn == mfn; maps are counted in the frame, access is their union.
 * After unmaps call p2m_flush() before dropping a reference on the frames.
 */
int p2m_identity_map(struct domain *dom0, struct page *pg, bool readonly);
void p2m_identity_unmap_noflush(struct domain *dom0, struct page *pg,
				bool readonly);

#endif /* HV_P2M_H */
