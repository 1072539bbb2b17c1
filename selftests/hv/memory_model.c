// SPDX-License-Identifier: MIT
/*
 * memory_model.c - frames and maps under random memory_op calls
 *
 * The real allocator, maps and memory_op run on a small machine of their own,
 * with dom0 and two guests that make random calls, valid and not.  After every
 * few calls all references are counted anew from the maps and compared with
 * what the frames say; in the end both guests die, in either order, and all
 * their memory has to be free again.  Usage: memory_model [seed [calls]].
 */
#define TAP_MAIN
#include "../lib/tap.h"
#include "area_host.h"

#define DOM0_FRAMES 1024
#define GUEST_GFNS 2048
#define NR_GRANT_FRAMES 4

static struct vcpu vcpus[3];
static struct page *grant_frames[3][NR_GRANT_FRAMES];
static u64 rng_state;
static unsigned long calls = 20000, issued[32], served[32];

static u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state % below;
}

struct page *grant_frame(struct domain *d, u32 idx)
{
	if (idx >= NR_GRANT_FRAMES)
		return NULL;
	if (!grant_frames[d->id][idx])
		grant_frames[d->id][idx] = page_alloc_xen(d);
	return grant_frames[d->id][idx];
}

/* Stand-in for a grant map: makes an entry that memory_op must leave alone. */
static void model_grant_map(struct domain *d, gfn_t gfn)
{
	enum p2m_type type;

	p2m_lookup(d, gfn, &type, NULL);
	if (type == P2M_NONE)
		p2m_set(d, gfn, RAM_START >> PAGE_SHIFT, 0, P2M_GRANT_RO);
}

static gfn_t random_gfn(struct domain *d)
{
	switch (rnd(16)) {
	case 0:
		return ~0UL - rnd(4);
	case 1:
		return (1UL << 36) - rnd(2);
	case 2:
		return RAM_START / PAGE_SIZE + rnd(RAM_END - RAM_START) /
					       PAGE_SIZE;
	}
	/*
	 * Guests in low memory; dom0's identity RAM, and after the pool a hole,
	 * every other frame of which is a device's at first.
	 */
	if (!d->privileged)
		return rnd(GUEST_GFNS);
	return rnd(2) ? RAM_START / PAGE_SIZE + rnd(DOM0_FRAMES) :
			RAM_END / PAGE_SIZE + rnd(256);
}

static domid_t random_domid(void)
{
	static const domid_t odd[] = { DOMID_SELF, DOMID_IO, DOMID_XEN,
				       DOMID_INVALID, 7, 0xffff };

	return rnd(4) ? rnd(3) : odd[rnd(ARRAY_SIZE(odd))];
}

static u64 random_pointer(unsigned int offset)
{
	static const u64 odd[] = { 0, ~0UL, 0xffff800000000000UL, 4096 };

	return rnd(32) ? arena_gva(offset) : odd[rnd(ARRAY_SIZE(odd))];
}

static const char *members_of(unsigned int cmd)
{
	switch (cmd) {
	case XENMEM_populate_physmap:
	case XENMEM_decrease_reservation:
		return MEMBERS_memory_reservation;
	case XENMEM_add_to_physmap:
		return MEMBERS_add_to_physmap;
	case XENMEM_add_to_physmap_batch:
		return MEMBERS_add_to_physmap_batch;
	case XENMEM_remove_from_physmap:
		return MEMBERS_remove_from_physmap;
	}
	return NULL;
}

static long issue(unsigned int cmd, void *arg, size_t size)
{
	struct hypercall hc = { .nr = 12, .arg = { cmd, arena_gva(0) } };
	long ret;

	memcpy(arena, arg, size);
	current->call32 = !rnd(3);
	arg_narrow(arena, size, members_of(cmd), 1);
	/* And the lists behind it. */
	arg_narrow(arena + 1024, sizeof(u64), MEMBERS_long, 80);
	arg_narrow(arena + 2048, sizeof(u64), MEMBERS_long, 24);
	if (!rnd(64))
		hc.arg[0] |= rnd(1UL << 40) << XENMEM_CMD_BITS;
	if (!rnd(64))
		hc.arg[1] = random_pointer(0);
	do
		ret = call_memory_op(&hc);
	while (ret == -ERESTART);
	current->call32 = false;
	if (cmd < ARRAY_SIZE(served)) {
		issued[cmd]++;
		/* For reservations: some extents were done. */
		served[cmd] += cmd == XENMEM_populate_physmap ||
			       cmd == XENMEM_decrease_reservation ? ret > 0 :
								    !ret;
	}
	return ret;
}

static void random_reservation(struct domain *d)
{
	static const unsigned int orders[] = { 0, 0, 0, 9, 9, 1, 3, 18, 63 };
	struct xen_memory_reservation r = {
		.extent_start = random_pointer(1024),
		.nr_extents = rnd(64) ? rnd(80) : ~0UL - rnd(2),
		.extent_order = orders[rnd(ARRAY_SIZE(orders))],
		.domid = random_domid(),
	};
	u64 *list = (u64 *)(arena + 1024);

	for (unsigned int i = 0; i < 80; i++) {
		list[i] = random_gfn(d);
		if (r.extent_order <= 9 && rnd(8))
			list[i] &= ~0UL << r.extent_order;
	}
	/* More is asked than there is a list for: ends at the arena's end. */
	issue(rnd(5) < 3 ? XENMEM_populate_physmap :
			   XENMEM_decrease_reservation, &r, sizeof(r));
}

static void random_physmap(struct domain *d)
{
	struct xen_add_to_physmap_batch b = {
		.domid = random_domid(),
		.space = rnd(3) ? XENMAPSPACE_gmfn_foreign : rnd(6),
		.size = rnd(24),
		.foreign_domid = random_domid(),
		.idxs = random_pointer(1024),
		.gpfns = random_pointer(2048),
		.errs = random_pointer(3072),
	};
	struct xen_add_to_physmap a = {
		.domid = random_domid(), .space = rnd(6), .idx = rnd(6),
		.gpfn = random_gfn(d),
	};
	struct xen_remove_from_physmap m = {
		.domid = random_domid(), .gpfn = random_gfn(d),
	};

	for (unsigned int i = 0; i < 24; i++) {
		((u64 *)(arena + 1024))[i] = rnd(GUEST_GFNS);
		((u64 *)(arena + 2048))[i] = random_gfn(d);
	}
	switch (rnd(4)) {
	case 0:
		issue(XENMEM_add_to_physmap, &a, sizeof(a));
		break;
	case 1:
		issue(XENMEM_remove_from_physmap, &m, sizeof(m));
		break;
	default:
		issue(XENMEM_add_to_physmap_batch, &b, sizeof(b));
	}
}

static void random_resource(struct domain *d)
{
	struct xen_mem_acquire_resource a = {
		.domid = random_domid(), .type = rnd(8) ? 1 : rnd(4),
		.id = !rnd(8), .nr_frames = rnd(8) ? rnd(5) : ~0U,
		.pad = !rnd(16), .frame = rnd(8) ? rnd(4) : ~0UL - rnd(2),
		.frame_list = random_pointer(1024),
	};

	for (unsigned int i = 0; i < 8; i++)
		((u64 *)(arena + 1024))[i] = random_gfn(d);
	issue(XENMEM_acquire_resource, &a, sizeof(a));
}

static void random_call(void)
{
	unsigned int who = rnd(3);
	struct domain *d = host_domain[who];
	u64 garbage[8];

	if (!d || d->state >= DOMAIN_DYING)
		return;
	cpus[0].vcpu = &vcpus[who];
	switch (rnd(8)) {
	case 0: case 1: case 2:
		random_reservation(d);
		break;
	case 3: case 4:
		random_physmap(d);
		break;
	case 5:
		random_resource(d);
		break;
	case 6:
		model_grant_map(d, random_gfn(d));
		break;
	default:
		for (unsigned int i = 0; i < ARRAY_SIZE(garbage); i++)
			garbage[i] = rnd(4) ? rnd(8) : rnd(~0UL);
		issue(rnd(40), garbage, sizeof(garbage));
	}
}

/* References a domain's map makes, by frame; -1 where it must not. */
static bool count_map(struct domain *d, u64 *table, unsigned int level,
		      u32 *ram, u32 *foreign)
{
	for (unsigned int i = 0; i < 512; i++) {
		u64 e = table[i];
		unsigned int type = e >> 52 & 0xf;
		mfn_t mfn = (e & 0x000ffffffffff000UL) >> PAGE_SHIFT;

		if (!(e & 1))
			continue;
		if (level && !(e & 128)) {
			if (!count_map(d, mfn_to_virt(mfn), level - 1, ram,
				       foreign))
				return false;
			continue;
		}
		for (u64 j = 0; j < 1UL << (9 * level); j++) {
			struct page *pg = mfn_to_page(mfn + j);

			if (type == P2M_RAM) {
				ram[mfn + j]++;
				if (pg->owner != d->id || !pg->refs ||
				    (pg->flags & PAGE_GIVEN))
					return false;
			} else if (type == P2M_FOREIGN) {
				foreign[mfn + j]++;
				if (!pg->refs || pg->owner == d->id)
					return false;
			}
		}
	}
	return true;
}

static bool consistent(void)
{
	static u32 ram[RAM_END >> PAGE_SHIFT], foreign[RAM_END >> PAGE_SHIFT];
	u64 tot[3] = { 0 };

	memset(ram, 0, sizeof(ram));
	memset(foreign, 0, sizeof(foreign));
	for (unsigned int i = 0; i < 3; i++)
		if (host_domain[i] &&
		    !(host_domain[i]->state < DOMAIN_DYING ?
			      count_map(host_domain[i],
					host_domain[i]->p2m_root, 3, ram,
					foreign) : true))
			return false;
	for (mfn_t m = RAM_START >> PAGE_SHIFT; m < RAM_END >> PAGE_SHIFT; m++) {
		struct page *pg = mfn_to_page(m);
		u32 want = foreign[m];

		if (pg->flags & PAGE_FREE || pg->owner > 2)
			continue;
		if (pg->refs && !(pg->flags & PAGE_XEN))
			tot[pg->owner]++;
		/* The owner's, or the hypervisor's for it, until it dies. */
		if (pg->flags & PAGE_XEN)
			want += host_domain[pg->owner]->state < DOMAIN_DYING;
		else if (pg->refs || pg->flags & PAGE_DOM0)
			want += !(pg->flags & (PAGE_GIVEN | PAGE_KEPT));
		if (pg->refs != want || ram[m] > 1) {
			printf("# frame %lx of d%u, flags %x: %u references, %u expected, %u RAM entries\n",
			       m, pg->owner, pg->flags, pg->refs, want, ram[m]);
			return false;
		}
		/* A frame is mapped, given up, or the hypervisor's. */
		if (pg->refs && !ram[m] &&
		    !(pg->flags & (PAGE_GIVEN | PAGE_XEN)) &&
		    host_domain[pg->owner]->state < DOMAIN_DYING)
			return false;
	}
	for (unsigned int i = 0; i < 3; i++)
		if (host_domain[i] && host_domain[i]->tot_pages != tot[i])
			return false;
	return true;
}

static void kill_guest(domid_t id)
{
	struct domain *d = host_domain[id];

	d->state = DOMAIN_DYING;
	while (memory_release(d) == -ERESTART)
		;
	for (unsigned int i = 0; i < NR_GRANT_FRAMES; i++)
		if (grant_frames[id][i])
			page_put(grant_frames[id][i]);
	page_put(d->shared_info_page);
}

static void make_guest(domid_t id)
{
	struct domain *d = host_create(id);

	memset(grant_frames[id], 0, sizeof(grant_frames[id]));
	d->max_pages = 1500;
	vcpus[id].domain = d;
}

static void unmap_foreign(gfn_t start, gfn_t end)
{
	for (gfn_t gfn = start; gfn < end; gfn++) {
		struct xen_remove_from_physmap m = { DOMID_SELF, gfn };
		struct hypercall hc = { 12, { XENMEM_remove_from_physmap,
					      arena_gva(0) } };
		enum p2m_type type;

		p2m_lookup(dom0, gfn, &type, NULL);
		if (type != P2M_FOREIGN)
			continue;
		memcpy(arena, &m, sizeof(m));
		call_memory_op(&hc);
	}
}

/* dom0 lets go of everything it maps of others. */
static void unmap_all_foreign(void)
{
	cpus[0].vcpu = &vcpus[0];
	unmap_foreign(RAM_START / PAGE_SIZE, RAM_END / PAGE_SIZE + 256);
	unmap_foreign((1UL << 36) - 2, 1UL << 36);
	/* What those become that no 32 bits hold. */
	unmap_foreign((1UL << 32) - 5, 1UL << 32);
	unmap_foreign(0, 1);
}

static void model_boot(void)
{
	mfn_t first = RAM_START >> PAGE_SHIFT;

	host_boot(first + DOM0_FRAMES);
	dom0 = host_create(0);
	vcpus[0].domain = dom0;
	page_give_dom0(dom0, first, first + DOM0_FRAMES);
	for (mfn_t m = first; m < first + DOM0_FRAMES; m += 512)
		p2m_set(dom0, m, m, 9, P2M_RAM);
	/* Tables of dom0's map stay: have them all before counting. */
	for (u64 gfn = first; gfn < RAM_END / PAGE_SIZE + 256; gfn++) {
		enum p2m_type type;
		mfn_t mfn = p2m_lookup(dom0, gfn, &type, NULL);

		if (gfn >= RAM_END / PAGE_SIZE && gfn % 2)
			p2m_set(dom0, gfn, gfn, 0, P2M_MMIO);
		else
			p2m_set(dom0, gfn, mfn, 0, type);
	}
	for (u64 gfn = (1UL << 36) - 2; gfn < 1UL << 36; gfn++)
		p2m_set(dom0, gfn, INVALID_MFN, 0, P2M_NONE);
	for (u64 gfn = (1UL << 32) - 5; gfn < 1UL << 32; gfn++)
		p2m_set(dom0, gfn, INVALID_MFN, 0, P2M_NONE);
	for (u64 gfn = 0; gfn < GUEST_GFNS; gfn++)
		p2m_set(dom0, gfn, INVALID_MFN, 0, P2M_NONE);
	for (unsigned int i = 0; i < NR_GRANT_FRAMES; i++)
		grant_frame(dom0, i);
}

TEST(references_agree_with_the_maps_after_every_call)
{
	for (unsigned int round = 0; round < 4 && !tap_failed; round++) {
		u64 free_before = page_free_count();

		host_preempts = round * 3;
		make_guest(1);
		make_guest(2);
		for (unsigned long i = 0; i < calls; i++) {
			random_call();
			if (i % 16 == 0)
				REQUIRE(consistent());
		}
		kill_guest(1 + round % 2);
		CHECK(consistent());
		kill_guest(2 - round % 2);
		CHECK(consistent());
		unmap_all_foreign();
		for (unsigned int id = 1; id < 3; id++) {
			CHECK(!host_domain[id]->tot_pages);
			CHECK(!host_domain[id]->xen_pages);
			CHECK(host_domain[id]->refs == 1);
			p2m_destroy(host_domain[id]);
			kfree(host_domain[id]);
			host_domain[id] = NULL;
		}
		CHECK(page_free_count() == free_before);
	}
}

TEST(calls_of_each_kind_succeeded)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(issued); i++)
		if (issued[i])
			printf("# memory_op %u: %lu calls, %lu did something\n",
			       i, issued[i], served[i]);
	CHECK(served[XENMEM_populate_physmap]);
	CHECK(served[XENMEM_decrease_reservation]);
	CHECK(served[XENMEM_add_to_physmap]);
	CHECK(served[XENMEM_remove_from_physmap]);
	CHECK(served[XENMEM_add_to_physmap_batch]);
	CHECK(served[XENMEM_acquire_resource]);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(references_agree_with_the_maps_after_every_call),
		TAP_TEST(calls_of_each_kind_succeeded),
	};

	rng_state = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 1234567891;
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	printf("# seed %lu, %lu calls a round\n", rng_state, calls);
	model_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
