// SPDX-License-Identifier: MIT
/* grant_guest_test.c - guests that map each other's frames, and what is dirty */
#include "grant_host.h"

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

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_guest_maps_what_it_was_granted_and_nothing_else),
		TAP_TEST(a_guest_writes_nothing_through_what_it_may_read),
		TAP_TEST(a_frame_outlives_its_guest_while_another_guest_maps_it),
		TAP_TEST(a_guest_that_dies_lets_go_of_what_it_mapped),
		TAP_TEST(a_guests_maps_are_bounded),
		TAP_TEST(what_others_can_write_is_dirty_in_every_round),
	};

	grant_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
