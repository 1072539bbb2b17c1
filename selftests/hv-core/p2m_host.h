/* SPDX-License-Identifier: MIT */
/* p2m_host.h - domains with a map, and what stands in it; for one C file each */
#ifndef HV_CORE_P2M_HOST_H
#define HV_CORE_P2M_HOST_H

#include "host.h"

#define M2 512UL /* frames in 2 MiB */
#define G1 (512 * M2) /* and in 1 GiB */
#define LAST_GFN ((1UL << 36) - 1)

static u64 at_start; /* frames that are free before any test */

static inline struct domain *domain_with_map(domid_t id)
{
	struct domain *d = host_domain(id, 100000);

	if (p2m_init(d))
		abort();
	return d;
}

static inline void domain_end(struct domain *d)
{
	p2m_destroy(d);
	host_domain_end(d);
}

static inline void no_leak(void)
{
	CHECK(page_free_count() == at_start);
}

static inline bool stands(struct domain *d, gfn_t gfn, mfn_t mfn, enum p2m_type type,
		   unsigned int order)
{
	unsigned int o = 99;
	enum p2m_type t = 99;
	mfn_t m = p2m_lookup(d, gfn, &t, &o);

	if (m == mfn && t == type && o == order)
		return true;
	printf("# gfn %#lx: mfn %#lx type %u order %u\n", gfn, m, t, o);
	return false;
}

static inline bool empty(struct domain *d, gfn_t gfn)
{
	enum p2m_type t = 99;

	return p2m_lookup(d, gfn, &t, NULL) == INVALID_MFN && t == P2M_NONE;
}

static inline void drop(struct page *pg)
{
	if (page_get_any(pg)) {
		page_give_up(pg);
		page_put(pg);
	}
}

#endif /* HV_CORE_P2M_HOST_H */
