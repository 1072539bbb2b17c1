// SPDX-License-Identifier: MIT
/*
 * grant_model.c - grants under random calls of three domains
 *
 * Granters write valid entries and garbage, change them at any time, give
 * up granted frames and die; mappers map, unmap, copy, and replace what they
 * mapped by other means.  After every few calls everything is counted anew:
 * references must agree with owners and pins, and no map may name a frame that
 * nobody has pinned.  In the end all domains are gone and all memory is free.
 * Usage: grant_model [seed [calls]].
 */
#include "grant_host.h"

static unsigned long calls = 60000;
static unsigned long asked[16], okay[16];

static void issue(unsigned int cmd, const void *ops, size_t size, u32 count)
{
	struct hypercall hc = { .nr = HYPERCALL_grant_table_op,
				.arg = { cmd, arena_gva(0), count } };

	memcpy(arena, ops, size);
	if (!rnd(200))
		hc.arg[1] = rnd(2) ? 0 : arena_gva(ARENA_SIZE - 40);
	while (call_grant_table_op(&hc) == -ERESTART)
		;
}

/* A guest changes one of its entries, however it likes. */
static void granter_writes(struct domain *d)
{
	struct grant_table *t = d->grant;
	struct grant_entry *e = &t->frame[0][rnd(REFS)];

	switch (rnd(8)) {
	case 0:
		e->flags = rnd(65536);
		break;
	case 1:
		e->flags &= GTF_reading | GTF_writing;
		break;
	case 2:
		e->frame = rnd(4) ? HOLE_GFN + rnd(HOLE_GFNS) : rnd(1UL << 32);
		break;
	case 3:
		e->domid = rnd(65536);
		break;
	default:
		e->domid = rnd(NR);
		e->frame = ram_gfn(d);
		e->flags = GTF_permit_access |
			   (rnd(3) ? 0 : GTF_readonly) |
			   (e->flags & (GTF_reading | GTF_writing));
	}
}

static void random_map(struct domain *d)
{
	struct gnttab_map_grant_ref op[20];
	unsigned int nr = 1 + rnd(20);

	memset(op, 0, sizeof(op));
	for (unsigned int i = 0; i < nr; i++) {
		op[i].host_addr = (HOLE_GFN + rnd(HOLE_GFNS)) << PAGE_SHIFT;
		if (!rnd(30))
			op[i].host_addr = rnd(~0UL);
		op[i].flags = GNTMAP_host_map;
		if (!rnd(3))
			op[i].flags |= GNTMAP_readonly;
		if (!rnd(4))
			op[i].flags |= GNTMAP_device_map;
		if (!rnd(3))
			op[i].flags |= TENON_GNTMAP_identity;
		if (!rnd(30))
			op[i].flags = rnd(1UL << 32);
		op[i].ref = rnd(30) ? rnd(REFS) : rnd(1UL << 32);
		op[i].dom = some_domid();
		op[i].status = 99;
	}
	issue(GNTTABOP_map_grant_ref, op, sizeof(op), nr);
	memcpy(op, arena, sizeof(op));
	for (unsigned int i = 0; i < nr; i++) {
		bool good = op[i].status == GNTST_okay;

		asked[GNTTABOP_map_grant_ref]++;
		okay[GNTTABOP_map_grant_ref] += good;
		if (good && op[i].flags & TENON_GNTMAP_identity)
			CHECK(d == dom0 &&
			      op[i].host_addr == op[i].dev_bus_addr);
	}
}

static void random_unmap(struct domain *d)
{
	struct gnttab_unmap_grant_ref op[20];
	unsigned int nr = 1 + rnd(20);

	memset(op, 0, sizeof(op));
	for (unsigned int i = 0; i < nr; i++) {
		struct grant_table *t = d->grant;
		struct grant_map *m;

		op[i].status = 99;
		op[i].handle = rnd(30) ? rnd(64) : rnd(1UL << 32);
		if (op[i].handle >= t->nr_maps)
			continue;
		m = &t->map[op[i].handle / MAPS_PER_FRAME]
			   [op[i].handle % MAPS_PER_FRAME];
		if (rnd(8))
			op[i].host_addr = m->gfn << PAGE_SHIFT;
		if (rnd(2) && m->granter)
			op[i].dev_bus_addr = page_to_mfn(m->pg) << PAGE_SHIFT;
		if (!rnd(20))
			op[i].host_addr = rnd(~0UL);
	}
	issue(GNTTABOP_unmap_grant_ref, op, sizeof(op), nr);
	memcpy(op, arena, sizeof(op));
	for (unsigned int i = 0; i < nr; i++) {
		asked[GNTTABOP_unmap_grant_ref]++;
		okay[GNTTABOP_unmap_grant_ref] += op[i].status == GNTST_okay;
	}
}

static void random_side(struct domain *d, struct gnttab_copy_ptr *p, bool ref)
{
	p->domid = rnd(2) ? DOMID_SELF : some_domid();
	p->offset = rnd(8) ? rnd(2048) : rnd(65536);
	if (ref) {
		p->domid = some_domid();
		p->u.ref = rnd(REFS);
	} else {
		p->u.gmfn = rnd(4) ? ram_gfn(d) : HOLE_GFN + rnd(HOLE_GFNS);
	}
}

static void random_copy(struct domain *d)
{
	struct gnttab_copy op[20];
	unsigned int nr = 1 + rnd(20);

	memset(op, 0, sizeof(op));
	for (unsigned int i = 0; i < nr; i++) {
		op[i].flags = rnd(30) ? rnd(4) : rnd(65536);
		op[i].status = 99;
		op[i].len = rnd(20) ? rnd(2048) : rnd(65536);
		random_side(d, &op[i].source, op[i].flags & GNTCOPY_source_gref);
		random_side(d, &op[i].dest, op[i].flags & GNTCOPY_dest_gref);
	}
	issue(GNTTABOP_copy, op, sizeof(op), nr);
	memcpy(op, arena, sizeof(op));
	for (unsigned int i = 0; i < nr; i++) {
		asked[GNTTABOP_copy]++;
		okay[GNTTABOP_copy] += op[i].status == GNTST_okay;
	}
}

/* What memory_op does to a map: balloon out, back in, clear a grant map. */
static void random_memory(struct domain *d)
{
	gfn_t gfn = rnd(2) ? ram_gfn(d) : HOLE_GFN + rnd(HOLE_GFNS);
	enum p2m_type type;
	struct page *pg;

	if (d->privileged && gfn < HOLE_GFN + RAM_GFNS)
		gfn = HOLE_GFN + gfn % HOLE_GFNS;
	pg = p2m_get_page(d, gfn, false, &type);
	if (pg && type == P2M_RAM && !d->privileged) {
		p2m_set(d, gfn, INVALID_MFN, 0, P2M_NONE);
		CHECK(page_give_up(pg));
	} else if (pg && (type == P2M_GRANT_RW || type == P2M_GRANT_RO)) {
		/* Identity maps are counted: dom0 cannot clear those. */
		if (page_to_mfn(pg) != gfn)
			p2m_set(d, gfn, INVALID_MFN, 0, P2M_NONE);
	} else if (!pg && gfn < RAM_GFNS) {
		struct page *fresh = page_alloc(d, 0);

		if (fresh)
			p2m_set(d, gfn, page_to_mfn(fresh), 0, P2M_RAM);
	}
	if (pg)
		page_put(pg);
}

static void random_call(void)
{
	unsigned int who = rnd(NR);
	struct domain *d = alive(who);
	u64 garbage[8];

	if (!d)
		return;
	cpus[0].vcpu = &vcpus[who];
	switch (rnd(10)) {
	case 0: case 1: case 2:
		granter_writes(d);
		break;
	case 3: case 4:
		random_map(d);
		break;
	case 5: case 6:
		random_unmap(d);
		break;
	case 7:
		random_copy(d);
		break;
	case 8:
		random_memory(d);
		break;
	default:
		for (unsigned int i = 0; i < ARRAY_SIZE(garbage); i++)
			garbage[i] = rnd(4) ? rnd(8) : rnd(~0UL);
		issue(rnd(16), garbage, sizeof(garbage), rnd(3));
	}
}

TEST(pins_references_and_maps_agree_after_every_call)
{
	for (unsigned int round = 0; round < 8 && !tap_failed; round++) {
		u64 free_before = page_free_count();
		domid_t first = 1 + round % 2, second = 3 - first;

		host_preempts = round * 3;
		make_guest(1);
		make_guest(2);
		for (unsigned long i = 0; i < calls / 8; i++) {
			random_call();
			if (i % 16 == 0)
				REQUIRE(consistent());
		}
		/* Mapper and granter die in either order, dom0 lets go later. */
		kill_guest(first);
		REQUIRE(consistent());
		for (unsigned long i = 0; i < 500; i++)
			random_call();
		REQUIRE(consistent());
		if (round & 2)
			release_dom0();
		kill_guest(second);
		REQUIRE(consistent());
		for (unsigned long i = 0; i < 500; i++)
			random_call();
		release_dom0();
		REQUIRE(consistent());
		REQUIRE(bury_guest(first));
		REQUIRE(bury_guest(second));
		CHECK(page_free_count() == free_before);
	}
}

TEST(calls_of_each_kind_succeeded)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(asked); i++)
		if (asked[i])
			printf("# grant_table_op %u: %lu requests, %lu okay\n",
			       i, asked[i], okay[i]);
	CHECK(okay[GNTTABOP_map_grant_ref] > 1000);
	CHECK(okay[GNTTABOP_unmap_grant_ref] > 1000);
	CHECK(okay[GNTTABOP_copy] > 1000);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(pins_references_and_maps_agree_after_every_call),
		TAP_TEST(calls_of_each_kind_succeeded),
	};

	if (argc > 1)
		rng_state = strtoull(argv[1], NULL, 0) | 1;
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	printf("# seed %lu, %lu calls\n", rng_state, calls);
	grant_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
