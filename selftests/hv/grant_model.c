// SPDX-License-Identifier: MIT
/*
 * grant_model.c - grants under random calls of three domains
 *
 * The real allocator, maps and grant tables run on a small machine of their
 * own.  Granters write valid entries and garbage, change them at any time, give
 * up granted frames and die; mappers map, unmap, copy, and replace what they
 * mapped by other means.  After every few calls everything is counted anew:
 * references must agree with owners and pins, and no map may name a frame that
 * nobody has pinned.  In the end all domains are gone and all memory is free.
 * Usage: grant_model [seed [calls]].
 */
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
static u64 rng_state;
static unsigned long calls = 60000;
static unsigned long asked[16], okay[16];

static u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state % below;
}

static struct domain *alive(unsigned int id)
{
	struct domain *d = host_domain[id];

	return d && d->state < DOMAIN_DYING ? d : NULL;
}

static gfn_t ram_gfn(const struct domain *d)
{
	return rnd(RAM_GFNS) +
	       (d->privileged ? RAM_START >> PAGE_SHIFT : 0);
}

static domid_t some_domid(void)
{
	static const domid_t odd[] = { DOMID_SELF, DOMID_IO, DOMID_XEN,
				       DOMID_INVALID, 7, 0xffff };

	return rnd(12) ? rnd(NR) : odd[rnd(ARRAY_SIZE(odd))];
}

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

static u32 pinned[RAM_END >> PAGE_SHIFT];

static void count_pins(const struct domain *d, u32 *sum)
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
static bool maps_are_pinned(struct domain *d, gfn_t start, gfn_t end)
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

static bool consistent(void)
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

static void make_domain(domid_t id)
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

static void make_guest(domid_t id)
{
	struct domain *d;

	make_domain(id);
	d = host_domain[id];
	for (gfn_t gfn = 0; gfn < RAM_GFNS; gfn++)
		p2m_set(d, gfn, page_to_mfn(page_alloc(d, 0)), 0, P2M_RAM);
}

/* As domain_kill() does; its pinned frames may outlive it. */
static void kill_guest(domid_t id)
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

static bool bury_guest(domid_t id)
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
static void release_dom0(void)
{
	while (grant_release_maps(dom0) == -ERESTART)
		;
	CHECK(!dom0->grant->maps_used);
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

/* Grant frame 1 of guest 1 as entry 9 to dom0. */
static struct grant_entry *simple_grant(u16 flags)
{
	struct grant_entry *e = &host_domain[1]->grant->frame[0][9];

	e->domid = 0;
	e->frame = 1;
	e->flags = flags;
	return e;
}

static s16 map_at(gfn_t gfn, domid_t dom, u32 ref, u32 flags, u32 *handle)
{
	struct gnttab_map_grant_ref op = {
		.host_addr = gfn << PAGE_SHIFT, .flags = flags, .ref = ref,
		.dom = dom,
	};

	grant_map_batch(&op, 1);
	*handle = op.handle;
	return op.status;
}

static s16 map_ref(domid_t dom, u32 ref, u32 flags, u32 *handle)
{
	return map_at(HOLE_GFN, dom, ref, flags, handle);
}

static s16 map_one(u32 flags, u32 *handle)
{
	return map_ref(1, 9, flags, handle);
}

static s16 unmap_one(u32 handle, u64 host_addr)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = host_addr, .handle = handle,
	};

	grant_unmap_batch(&op, 1);
	return op.status;
}

TEST(marks_follow_the_pins)
{
	u64 at = (u64)HOLE_GFN << PAGE_SHIFT, at_mfn;
	struct grant_entry *e;
	u32 reader, writer;
	enum p2m_type type;

	make_guest(1);
	cpus[0].vcpu = &vcpus[0];
	e = simple_grant(GTF_permit_access);
	at_mfn = p2m_lookup(host_domain[1], 1, &type, NULL) << PAGE_SHIFT;

	CHECK(map_one(GNTMAP_host_map | GNTMAP_readonly, &reader) == 0);
	CHECK(e->flags == (GTF_permit_access | GTF_reading));
	p2m_lookup(dom0, HOLE_GFN, &type, NULL);
	CHECK(type == P2M_GRANT_RO);
	/* Its place is taken. */
	CHECK(map_one(GNTMAP_host_map, &writer) == GNTST_general_error);
	CHECK(e->flags == (GTF_permit_access | GTF_reading));
	CHECK(map_one(GNTMAP_host_map | TENON_GNTMAP_identity, &writer) == 0);
	CHECK(e->flags == (GTF_permit_access | GTF_reading | GTF_writing));

	CHECK(unmap_one(writer, at) == GNTST_bad_virt_addr);
	CHECK(unmap_one(writer, at_mfn) == 0);
	CHECK(e->flags == (GTF_permit_access | GTF_reading));
	CHECK(unmap_one(writer, at_mfn) == GNTST_bad_handle);
	CHECK(unmap_one(reader, at) == 0);
	CHECK(e->flags == GTF_permit_access);
	p2m_lookup(dom0, HOLE_GFN, &type, NULL);
	CHECK(type == P2M_NONE);
	kill_guest(1);
	CHECK(bury_guest(1));
}

TEST(entries_are_checked)
{
	struct grant_entry *e;
	u32 handle;

	make_guest(1);
	cpus[0].vcpu = &vcpus[0];
	e = simple_grant(GTF_permit_access | GTF_readonly);
	CHECK(map_one(GNTMAP_host_map, &handle) == GNTST_general_error);
	CHECK(e->flags == (GTF_permit_access | GTF_readonly));
	e = simple_grant(GTF_accept_transfer);
	CHECK(map_one(GNTMAP_host_map, &handle) == GNTST_general_error);
	e = simple_grant(GTF_permit_access);
	e->domid = 2;
	CHECK(map_one(GNTMAP_host_map, &handle) == GNTST_general_error);
	e = simple_grant(GTF_permit_access);
	e->frame = 0xffffffff;
	CHECK(map_one(GNTMAP_host_map, &handle) == GNTST_bad_page);
	CHECK(e->flags == GTF_permit_access);
	e = simple_grant(GTF_permit_access);
	CHECK(map_one(0, &handle) == GNTST_bad_gntref);
	CHECK(map_one(GNTMAP_host_map | GNTMAP_contains_pte, &handle) ==
	      GNTST_general_error);
	CHECK(e->flags == GTF_permit_access);
	kill_guest(1);
	CHECK(map_one(GNTMAP_host_map, &handle) == GNTST_bad_domain);
	CHECK(bury_guest(1));
}

TEST(pins_of_one_entry_are_counted)
{
	const u32 identity = GNTMAP_host_map | TENON_GNTMAP_identity;
	u32 first, second, third;
	struct grant_entry *e;
	enum p2m_type type;
	u64 at_mfn;

	make_guest(1);
	make_guest(2);
	cpus[0].vcpu = &vcpus[0];
	e = simple_grant(GTF_permit_access);
	at_mfn = p2m_lookup(host_domain[1], 1, &type, NULL) << PAGE_SHIFT;
	CHECK(map_one(identity, &first) == 0);
	CHECK(map_one(identity, &second) == 0);
	CHECK(unmap_one(first, at_mfn) == 0);
	CHECK(e->flags ==
	      (GTF_permit_access | GTF_reading | GTF_writing));

	/* The entry is dom0's until dom0 lets go, whatever it says. */
	e->domid = 2;
	cpus[0].vcpu = &vcpus[2];
	CHECK(map_one(GNTMAP_host_map, &third) == GNTST_general_error);
	cpus[0].vcpu = &vcpus[0];
	CHECK(unmap_one(second, at_mfn) == 0);
	CHECK(e->flags == GTF_permit_access);
	cpus[0].vcpu = &vcpus[2];
	CHECK(map_one(GNTMAP_host_map, &third) == 0);
	kill_guest(2);
	kill_guest(1);
	CHECK(bury_guest(1));
	CHECK(bury_guest(2));
}

TEST(a_place_that_changed_hands)
{
	u64 at = (u64)HOLE_GFN << PAGE_SHIFT;
	struct grant_entry *e, *lent;
	u32 first, second;
	enum p2m_type type;
	mfn_t mfn;

	make_guest(1);
	make_guest(2);
	cpus[0].vcpu = &vcpus[0];
	e = simple_grant(GTF_permit_access);
	CHECK(map_one(GNTMAP_host_map, &first) == 0);

	/* What was lent cannot be granted on. */
	lent = &dom0->grant->frame[0][9];
	*lent = (struct grant_entry){ GTF_permit_access, 2, HOLE_GFN };
	cpus[0].vcpu = &vcpus[2];
	CHECK(map_ref(0, 9, GNTMAP_host_map, &second) == GNTST_bad_page);
	CHECK(lent->flags == GTF_permit_access);
	lent->flags = 0;

	/* dom0 clears the place and maps another frame there. */
	cpus[0].vcpu = &vcpus[0];
	p2m_set(dom0, HOLE_GFN, INVALID_MFN, 0, P2M_NONE);
	e[1] = (struct grant_entry){ GTF_permit_access, 0, 2 };
	CHECK(map_ref(1, 10, GNTMAP_host_map, &second) == GNTST_okay);
	mfn = p2m_lookup(dom0, HOLE_GFN, &type, NULL);
	CHECK(unmap_one(first, at) == 0);
	CHECK(p2m_lookup(dom0, HOLE_GFN, &type, NULL) == mfn);
	CHECK(type == P2M_GRANT_RW);
	CHECK(unmap_one(second, at) == 0);
	kill_guest(1);
	kill_guest(2);
	CHECK(bury_guest(1));
	CHECK(bury_guest(2));
}

TEST(copies_bytes_and_nothing_else)
{
	struct gnttab_copy op = {
		.source = { .u.ref = 9, .domid = 1, .offset = 100 },
		.dest = { .u.gmfn = RAM_START >> PAGE_SHIFT,
			  .domid = DOMID_SELF, .offset = 4000 },
		.len = 96, .flags = GNTCOPY_source_gref,
	};
	u8 *from, *to = (u8 *)RAM_START;
	enum p2m_type type;

	make_guest(1);
	cpus[0].vcpu = &vcpus[0];
	simple_grant(GTF_permit_access | GTF_readonly);
	from = mfn_to_virt(p2m_lookup(host_domain[1], 1, &type, NULL));
	for (unsigned int i = 0; i < PAGE_SIZE; i++)
		from[i] = i * 7;
	memset(to, 0, PAGE_SIZE);
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_okay);
	CHECK(!memcmp(to + 4000, from + 100, 96));
	for (unsigned int i = 0; i < 4000; i++)
		CHECK(!to[i]);

	op.len = 97;
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_bad_copy_arg);
	op.len = 0;
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_okay);
	op.dest.domid = 1;
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_permission_denied);
	/* A read-only grant is no destination. */
	op.dest = op.source;
	op.flags = GNTCOPY_source_gref | GNTCOPY_dest_gref;
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_general_error);
	kill_guest(1);
	CHECK(bury_guest(1));
}

/* What is kept from one copy of a batch to the next is only what fits both. */
TEST(copies_of_a_batch_find_their_own_frames)
{
	static const struct {
		u32 from; /* reference, or frame */
		bool by_ref;
		gfn_t to; /* frame of ours behind the first */
		u8 byte; /* what is found there */
	} copies[] = {
		{ 9, true, 1, 'a' }, { 9, true, 2, 'a' }, { 8, true, 2, 'b' },
		{ 9, true, 3, 'a' }, { 9, false, 4, 'c' }, { 8, true, 5, 'b' },
	};
	struct gnttab_copy op[ARRAY_SIZE(copies)];
	u8 last[6] = { 0 };
	struct grant_entry *e;
	enum p2m_type type;

	make_guest(1);
	make_guest(2);
	/* Frames 1 and 2 of the granter; frame 9 of the one who copies. */
	e = host_domain[1]->grant->frame[0];
	for (unsigned int i = 0; i < 2; i++) {
		e[9 - i] = (struct grant_entry){ GTF_permit_access, 2, 1 + i };
		*(u8 *)mfn_to_virt(p2m_lookup(host_domain[1], 1 + i, &type,
					      NULL)) = 'a' + i;
	}
	*(u8 *)mfn_to_virt(p2m_lookup(host_domain[2], 9, &type, NULL)) = 'c';
	cpus[0].vcpu = &vcpus[2];
	memset(op, 0, sizeof(op));
	for (unsigned int i = 0; i < ARRAY_SIZE(copies); i++) {
		op[i].source.domid = copies[i].by_ref ? 1 : DOMID_SELF;
		if (copies[i].by_ref)
			op[i].source.u.ref = copies[i].from;
		else
			op[i].source.u.gmfn = copies[i].from;
		op[i].flags = copies[i].by_ref ? GNTCOPY_source_gref : 0;
		op[i].dest.domid = DOMID_SELF;
		op[i].dest.u.gmfn = copies[i].to;
		op[i].len = 1;
		last[copies[i].to] = copies[i].byte;
	}
	grant_copy_batch(op, ARRAY_SIZE(op));
	for (unsigned int i = 0; i < ARRAY_SIZE(op); i++)
		CHECK(op[i].status == GNTST_okay);
	for (gfn_t gfn = 1; gfn < 6; gfn++)
		CHECK(*(u8 *)mfn_to_virt(p2m_lookup(host_domain[2], gfn, &type,
						    NULL)) == last[gfn]);
	/* Nothing is kept beyond the batch. */
	CHECK(e[9].flags == GTF_permit_access);
	CHECK(e[8].flags == GTF_permit_access);
	cpus[0].vcpu = &vcpus[0];
	kill_guest(1);
	kill_guest(2);
	CHECK(bury_guest(1));
	CHECK(bury_guest(2));
}

/*
 * A driver domain is a guest that maps another's grants.  Guest 1 grants frame 1
 * to guest 2, which becomes the caller.
 */
static struct grant_entry *grant_to_guest(u16 flags)
{
	struct grant_entry *e;

	make_guest(1);
	make_guest(2);
	e = simple_grant(flags);
	e->domid = 2;
	cpus[0].vcpu = &vcpus[2];
	return e;
}

static mfn_t mfn_at(domid_t id, gfn_t gfn, enum p2m_type *type)
{
	return p2m_lookup(host_domain[id], gfn, type, NULL);
}

TEST(a_guest_maps_what_it_was_granted_and_nothing_else)
{
	struct grant_entry *e = grant_to_guest(GTF_permit_access);
	enum p2m_type type;
	mfn_t lent, own;
	u32 first, handle;

	/* To somebody else; not at all. */
	e[1] = (struct grant_entry){ GTF_permit_access, 0, 2 };
	CHECK(map_ref(1, 10, GNTMAP_host_map, &handle) == GNTST_general_error);
	CHECK(map_ref(1, 11, GNTMAP_host_map, &handle) == GNTST_general_error);
	CHECK(map_ref(1, 1 << 20, GNTMAP_host_map, &handle) ==
	      GNTST_bad_gntref);
	CHECK(mfn_at(2, HOLE_GFN, &type) == INVALID_MFN);

	/* Only dom0 has a place for maps where gfn == mfn. */
	CHECK(map_ref(1, 9, GNTMAP_host_map | TENON_GNTMAP_identity,
		      &handle) == GNTST_general_error);
	CHECK(e->flags == GTF_permit_access);

	/* Its own RAM is not lost under a map. */
	own = mfn_at(2, 5, &type);
	CHECK(map_at(5, 1, 9, GNTMAP_host_map, &handle) ==
	      GNTST_general_error);
	CHECK(mfn_at(2, 5, &type) == own && type == P2M_RAM);
	CHECK(e->flags == GTF_permit_access);

	CHECK(map_ref(1, 9, GNTMAP_host_map, &first) == GNTST_okay);
	lent = mfn_at(1, 1, &type);
	CHECK(mfn_at(2, HOLE_GFN, &type) == lent && type == P2M_GRANT_RW);
	CHECK(mfn_at(0, HOLE_GFN, &type) == INVALID_MFN);

	/* Handles are each domain's own. */
	cpus[0].vcpu = &vcpus[0];
	CHECK(unmap_one(first, (u64)HOLE_GFN << PAGE_SHIFT) ==
	      GNTST_bad_handle);
	/* It cannot lend to others what was lent to it. */
	host_domain[2]->grant->frame[0][9] =
		(struct grant_entry){ GTF_permit_access, 0, HOLE_GFN };
	CHECK(map_ref(2, 9, GNTMAP_host_map, &handle) == GNTST_bad_page);
	cpus[0].vcpu = &vcpus[2];
	CHECK(unmap_one(first, (u64)HOLE_GFN << PAGE_SHIFT) == GNTST_okay);
	CHECK(mfn_at(2, HOLE_GFN, &type) == INVALID_MFN);
	CHECK(e->flags == GTF_permit_access);
	kill_guest(1);
	kill_guest(2);
	CHECK(bury_guest(1));
	CHECK(bury_guest(2));
}

TEST(a_guest_writes_nothing_through_what_it_may_read)
{
	struct grant_entry *e = grant_to_guest(GTF_permit_access |
					       GTF_readonly);
	struct gnttab_copy op = {
		.source = { .u.gmfn = 3, .domid = DOMID_SELF },
		.dest = { .u.gmfn = HOLE_GFN, .domid = DOMID_SELF },
		.len = 64,
	};
	enum p2m_type type;
	u8 *lent = mfn_to_virt(mfn_at(1, 1, &type));
	u8 *own = mfn_to_virt(mfn_at(2, 3, &type));
	u32 handle;

	memset(lent, 0x11, PAGE_SIZE);
	memset(own, 0x22, PAGE_SIZE);
	CHECK(map_ref(1, 9, GNTMAP_host_map, &handle) == GNTST_general_error);
	CHECK(map_ref(1, 9, GNTMAP_host_map | GNTMAP_readonly, &handle) ==
	      GNTST_okay);
	mfn_at(2, HOLE_GFN, &type);
	CHECK(type == P2M_GRANT_RO);
	/* Nor by the hypervisor's hand. */
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_bad_page && lent[0] == 0x11);
	op.source.u.gmfn = HOLE_GFN;
	op.dest.u.gmfn = 3;
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_okay && own[0] == 0x11);
	CHECK(unmap_one(handle, (u64)HOLE_GFN << PAGE_SHIFT) == GNTST_okay);
	op.status = 99;
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_bad_page);
	CHECK(e->flags == (GTF_permit_access | GTF_readonly));
	kill_guest(1);
	kill_guest(2);
	CHECK(bury_guest(1));
	CHECK(bury_guest(2));
}

TEST(a_frame_outlives_its_guest_while_another_guest_maps_it)
{
	u64 free_before = page_free_count();
	struct grant_entry *e = grant_to_guest(GTF_permit_access);
	enum p2m_type type;
	struct page *pg = mfn_to_page(mfn_at(1, 1, &type));
	u32 handle;

	*(u8 *)page_to_virt(pg) = 0x33;
	CHECK(map_ref(1, 9, GNTMAP_host_map, &handle) == GNTST_okay);
	CHECK(e->flags & GTF_writing);
	kill_guest(1);
	/* What it lent is neither free, nor scrubbed, nor another's. */
	CHECK(!bury_guest(1));
	CHECK(!(pg->flags & PAGE_FREE) && pg->owner == 1 && pg->refs == 1);
	CHECK(mfn_at(2, HOLE_GFN, &type) == page_to_mfn(pg));
	CHECK(*(u8 *)page_to_virt(pg) == 0x33);
	/* And nothing more is to be had from the dead. */
	CHECK(map_at(HOLE_GFN + 1, 1, 9, GNTMAP_host_map, &handle) ==
	      GNTST_bad_domain);
	/* The mapper dies: the last reference goes, and with it the frame. */
	kill_guest(2);
	CHECK(bury_guest(2));
	CHECK(!pg->refs);
	CHECK(bury_guest(1));
	CHECK(page_free_count() == free_before);
}

TEST(a_guest_that_dies_lets_go_of_what_it_mapped)
{
	struct grant_entry *e = grant_to_guest(GTF_permit_access);
	enum p2m_type type;
	struct page *pg = mfn_to_page(mfn_at(1, 1, &type));
	u32 handle;

	for (unsigned int i = 0; i < 20; i++)
		CHECK(map_at(HOLE_GFN + i, 1, 9, GNTMAP_host_map, &handle) ==
		      GNTST_okay);
	CHECK(pg->refs == 2);
	kill_guest(2);
	CHECK(bury_guest(2));
	CHECK(e->flags == GTF_permit_access);
	CHECK(pg->refs == 1);
	kill_guest(1);
	CHECK(bury_guest(1));
}

/* max_maptrack_frames is 1 here, and a map there needs three tables. */
TEST(a_guests_maps_are_bounded)
{
	struct grant_entry *e = grant_to_guest(GTF_permit_access);
	struct domain *d = host_domain[2];
	u32 handle, most = 0, far = 0;

	while (most < 2 * MAPS_PER_ABI_FRAME &&
	       map_at(HOLE_GFN + most, 1, 9, GNTMAP_host_map, &handle) ==
		       GNTST_okay)
		most++;
	CHECK(most == MAPS_PER_ABI_FRAME);
	CHECK(map_at(HOLE_GFN + most, 1, 9, GNTMAP_host_map, &handle) ==
	      GNTST_no_device_space);
	while (grant_release_maps(d) == -ERESTART)
		;
	CHECK(!d->grant->maps_used && e->flags == GTF_permit_access);

	while (far < MAPS_PER_ABI_FRAME &&
	       map_at((far + 1ULL) << 27, 1, 9, GNTMAP_host_map, &handle) ==
		       GNTST_okay)
		far++;
	CHECK(far && far < 100);
	CHECK(map_at((far + 1ULL) << 27, 1, 9, GNTMAP_host_map, &handle) ==
	      GNTST_general_error);
	CHECK(d->grant->maps_used == far);
	CHECK(d->p2m_tables <= 256 + d->max_pages / 128);
	kill_guest(2);
	CHECK(e->flags == GTF_permit_access);
	kill_guest(1);
	CHECK(bury_guest(1));
	CHECK(bury_guest(2));
}

/* One round of log-dirty over guest 1's RAM: a bit for each frame. */
static u64 dirty(bool clear)
{
	u64 bits = 0;
	long n = p2m_log_take(host_domain[1], 0, RAM_GFNS, &bits, clear);

	CHECK(n == __builtin_popcountl(bits));
	return bits;
}

TEST(what_others_can_write_is_dirty_in_every_round)
{
	struct gnttab_copy op = {
		.source = { .u.gmfn = RAM_START >> PAGE_SHIFT,
			    .domid = DOMID_SELF },
		.dest = { .u.ref = 9, .domid = 1 },
		.len = 96, .flags = GNTCOPY_dest_gref,
	};
	u64 at = (u64)HOLE_GFN << PAGE_SHIFT;
	u32 flags[] = { GNTMAP_host_map,
			GNTMAP_host_map | TENON_GNTMAP_identity,
			GNTMAP_device_map };
	u32 handle;

	make_guest(1);
	cpus[0].vcpu = &vcpus[0];
	simple_grant(GTF_permit_access);
	CHECK(dirty(true) == ~0UL);
	CHECK(!dirty(true));
	for (unsigned int i = 0; i < ARRAY_SIZE(flags); i++) {
		struct gnttab_unmap_grant_ref unmap = { 0 };

		CHECK(map_one(flags[i], &handle) == GNTST_okay);
		for (unsigned int round = 0; round < 3; round++)
			CHECK(dirty(true) == 2);
		/* Written after the last round, then unmapped. */
		unmap.handle = handle;
		if (flags[i] & TENON_GNTMAP_identity)
			at = p2m_lookup(host_domain[1], 1, &(enum p2m_type){ 0 },
					NULL) << PAGE_SHIFT;
		unmap.host_addr = flags[i] & GNTMAP_host_map ? at : 0;
		unmap.dev_bus_addr =
			flags[i] & GNTMAP_device_map ?
				p2m_lookup(host_domain[1], 1,
					   &(enum p2m_type){ 0 }, NULL)
					<< PAGE_SHIFT : 0;
		grant_unmap_batch(&unmap, 1);
		CHECK(unmap.status == GNTST_okay);
		CHECK(dirty(false) == 2);
		CHECK(dirty(true) == 2);
		CHECK(!dirty(true));
	}
	grant_copy_batch(&op, 1);
	CHECK(op.status == GNTST_okay);
	CHECK(dirty(true) == 2);
	CHECK(!dirty(true));
	/* Who only read leaves no mark. */
	CHECK(map_one(GNTMAP_host_map | GNTMAP_readonly, &handle) ==
	      GNTST_okay);
	CHECK(unmap_one(handle, (u64)HOLE_GFN << PAGE_SHIFT) == GNTST_okay);
	CHECK(!dirty(true));
	kill_guest(1);
	CHECK(bury_guest(1));
}

/* dom0's tables only grow: let them, before free memory is counted. */
static void grow_dom0(void)
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

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(marks_follow_the_pins),
		TAP_TEST(entries_are_checked),
		TAP_TEST(pins_of_one_entry_are_counted),
		TAP_TEST(a_place_that_changed_hands),
		TAP_TEST(copies_bytes_and_nothing_else),
		TAP_TEST(copies_of_a_batch_find_their_own_frames),
		TAP_TEST(a_guest_maps_what_it_was_granted_and_nothing_else),
		TAP_TEST(a_guest_writes_nothing_through_what_it_may_read),
		TAP_TEST(a_frame_outlives_its_guest_while_another_guest_maps_it),
		TAP_TEST(a_guest_that_dies_lets_go_of_what_it_mapped),
		TAP_TEST(a_guests_maps_are_bounded),
		TAP_TEST(what_others_can_write_is_dirty_in_every_round),
		TAP_TEST(pins_references_and_maps_agree_after_every_call),
		TAP_TEST(calls_of_each_kind_succeeded),
	};
	mfn_t first = RAM_START >> PAGE_SHIFT;

	rng_state = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 1234567891;
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	printf("# seed %lu, %lu calls\n", rng_state, calls);
	host_boot(first + DOM0_FRAMES);
	make_domain(0);
	dom0 = host_domain[0];
	page_give_dom0(dom0, first, first + DOM0_FRAMES);
	for (mfn_t m = first; m < first + DOM0_FRAMES; m += 512)
		p2m_set(dom0, m, m, 9, P2M_RAM);
	grow_dom0();
	return tap_run(tests, ARRAY_SIZE(tests));
}
