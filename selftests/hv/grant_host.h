/* SPDX-License-Identifier: MIT */
/*
 * grant_host.h - three domains that grant, and all that is counted about them
 *
 * The real allocator, maps and grant tables run on a small machine of their
 * own.  Include once, in the test's only C file of its own.
 */
#ifndef GRANT_HOST_H
#define GRANT_HOST_H

#define TAP_MAIN
#include "../lib/tap.h"
#include "area_host.h"
#include "../../hv/call/grant.h"

#define DOM0_FRAMES 512
#define RAM_GFNS 64 /* of a guest, from gfn 0 */
#define HOLE_GFN 4096 /* where maps go */
#define HOLE_GFNS 24
#define REFS 40
#define NR 3

static struct vcpu vcpus[NR];
static u64 rng_state = 1234567891;

static inline u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state % below;
}

static inline struct domain *alive(unsigned int id)
{
	struct domain *d = host_domain[id];

	return d && d->state < DOMAIN_DYING ? d : NULL;
}

static inline gfn_t ram_gfn(const struct domain *d)
{
	return rnd(RAM_GFNS) +
	       (d->privileged ? RAM_START >> PAGE_SHIFT : 0);
}

static inline domid_t some_domid(void)
{
	static const domid_t odd[] = { DOMID_SELF, DOMID_IO, DOMID_XEN,
				       DOMID_INVALID, 7, 0xffff };

	return rnd(12) ? rnd(NR) : odd[rnd(ARRAY_SIZE(odd))];
}

static u32 pinned[RAM_END >> PAGE_SHIFT];

static inline void count_pins(const struct domain *d, u32 *sum)
{
	for (u32 f = 0; f < d->grant->nr_frames; f++) {
		for (u32 i = 0; i < GRANT_PER_FRAME; i++) {
			struct grant_pins *p = &d->grant->pins[f][i];

			*sum += grant_pin_count(p);
			pinned[p->mfn] += grant_pin_count(p) != 0;
		}
	}
}

/* Every entry that lets @d at somebody's frame is backed by a pin. */
static inline bool maps_are_pinned(struct domain *d, gfn_t start, gfn_t end)
{
	for (gfn_t gfn = start; gfn < end; gfn++) {
		enum p2m_type type;
		mfn_t mfn = p2m_lookup(d, gfn, &type, NULL);

		if ((type == P2M_GRANT_RW || type == P2M_GRANT_RO) &&
		    !pinned[mfn]) {
			printf("# d%u gfn %lx: frame %lx is not pinned\n",
			       d->id, gfn, mfn);
			return false;
		}
	}
	return true;
}

static inline bool consistent(void)
{
	u32 pins = 0, handles = 0;

	if (!arena_is_free())
		return false;
	memset(pinned, 0, sizeof(pinned));
	for (unsigned int i = 0; i < NR; i++) {
		if (!host_domain[i])
			continue;
		count_pins(host_domain[i], &pins);
		handles += host_domain[i]->grant->maps_used;
	}
	/* Copies are over: only maps pin, and each of them once. */
	if (pins != handles) {
		printf("# %u pins, %u handles\n", pins, handles);
		return false;
	}
	for (unsigned int i = 0; i < NR; i++) {
		struct domain *d = alive(i);

		if (d && !(maps_are_pinned(d, HOLE_GFN, HOLE_GFN + HOLE_GFNS) &&
			   (i || maps_are_pinned(d, RAM_START >> PAGE_SHIFT,
						 RAM_END >> PAGE_SHIFT))))
			return false;
	}
	for (mfn_t m = RAM_START >> PAGE_SHIFT; m < RAM_END >> PAGE_SHIFT; m++) {
		struct page *pg = mfn_to_page(m);
		u32 want = pinned[m];

		if (pg->flags & (PAGE_FREE | PAGE_XEN) || pg->owner >= NR)
			continue;
		if (!pg->refs && !want)
			continue;
		want += !(pg->flags & PAGE_GIVEN);
		if (pg->refs != want) {
			printf("# frame %lx of d%u: %u references, %u expected\n",
			       m, pg->owner, pg->refs, want);
			return false;
		}
	}
	return true;
}

static inline void make_domain(domid_t id)
{
	struct domain *d = host_create(id);

	d->max_pages = 2 * RAM_GFNS;
	d->max_grant_frames = 2;
	d->max_maptrack_frames = 1;
	vcpus[id].domain = d;
	d->shared_info = page_to_virt(d->shared_info_page);
	if (grant_init(d))
		panic("no memory for grants");
}

static inline void make_guest(domid_t id)
{
	struct domain *d;

	make_domain(id);
	d = host_domain[id];
	for (gfn_t gfn = 0; gfn < RAM_GFNS; gfn++)
		p2m_set(d, gfn, page_to_mfn(page_alloc(d, 0)), 0, P2M_RAM);
}

/* As domain_kill() does; its pinned frames may outlive it. */
static inline void kill_guest(domid_t id)
{
	struct domain *d = host_domain[id];

	d->state = DOMAIN_DYING;
	while (grant_release_maps(d) == -ERESTART)
		;
	for (gfn_t gfn = 0; gfn < RAM_GFNS; gfn++) {
		enum p2m_type type;
		struct page *pg = p2m_get_page(d, gfn, false, &type);

		if (pg && type == P2M_RAM)
			page_give_up(pg);
		if (pg)
			page_put(pg);
	}
	grant_release_frames(d);
	p2m_destroy(d);
	page_put(d->shared_info_page);
}

static inline bool bury_guest(domid_t id)
{
	struct domain *d = host_domain[id];

	if (d->tot_pages || d->xen_pages)
		return false;
	CHECK(d->refs == 1);
	grant_free(d);
	kfree(d);
	host_domain[id] = NULL;
	return true;
}

/* dom0 lets go of everything. */
static inline void release_dom0(void)
{
	while (grant_release_maps(dom0) == -ERESTART)
		;
	CHECK(!dom0->grant->maps_used);
}

/* Grant frame 1 of guest 1 as entry 9 to dom0. */
static inline struct grant_entry *simple_grant(u16 flags)
{
	struct grant_entry *e = &host_domain[1]->grant->frame[0][9];

	e->domid = 0;
	e->frame = 1;
	e->flags = flags;
	return e;
}

static inline s16 map_at(gfn_t gfn, domid_t dom, u32 ref, u32 flags, u32 *handle)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = gfn << PAGE_SHIFT, .flags = flags, .ref = ref,
		.dom = dom,
	};

	grant_map_batch(&op, 1);
	*handle = op.handle;
	return op.status;
}

static inline s16 map_ref(domid_t dom, u32 ref, u32 flags, u32 *handle)
{
	return map_at(HOLE_GFN, dom, ref, flags, handle);
}

static inline s16 map_one(u32 flags, u32 *handle)
{
	return map_ref(1, 9, flags, handle);
}

static inline s16 unmap_one(u32 handle, u64 host_addr)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = host_addr, .handle = handle,
	};

	grant_unmap_batch(&op, 1);
	return op.status;
}

/* dom0's tables only grow: let them, before free memory is counted. */
static inline void grow_dom0(void)
{
	struct grant_entry *e = &dom0->grant->frame[0][0];
	struct gnttab_map_grant_ref op = { .flags = GNTMAP_device_map };

	cpus[0].vcpu = &vcpus[0];
	for (gfn_t gfn = RAM_START >> PAGE_SHIFT;
	     gfn < RAM_END >> PAGE_SHIFT; gfn++) {
		enum p2m_type type;
		mfn_t mfn = p2m_lookup(dom0, gfn, &type, NULL);

		p2m_set(dom0, gfn, mfn, 0, type);
	}
	p2m_set(dom0, HOLE_GFN, INVALID_MFN, 0, P2M_NONE);
	p2m_set(dom0, 0, INVALID_MFN, 0, P2M_NONE);
	grant_frame(dom0, 1);
	e->domid = 0;
	e->frame = RAM_START >> PAGE_SHIFT;
	e->flags = GTF_permit_access;
	do
		grant_map_batch(&op, 1);
	while (op.status == GNTST_okay);
	release_dom0();
}

static inline void grant_host_boot(void)
{
	mfn_t first = RAM_START >> PAGE_SHIFT;

	host_boot(first + DOM0_FRAMES);
	make_domain(0);
	dom0 = host_domain[0];
	page_give_dom0(dom0, first, first + DOM0_FRAMES);
	for (mfn_t m = first; m < first + DOM0_FRAMES; m += 512)
		p2m_set(dom0, m, m, 9, P2M_RAM);
	grow_dom0();
}

#endif /* GRANT_HOST_H */
