// SPDX-License-Identifier: MIT
/* grant_test.c - entries, pins and copies, one by one */
#include "grant_host.h"

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

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(marks_follow_the_pins),
		TAP_TEST(entries_are_checked),
		TAP_TEST(pins_of_one_entry_are_counted),
		TAP_TEST(a_place_that_changed_hands),
		TAP_TEST(copies_bytes_and_nothing_else),
		TAP_TEST(copies_of_a_batch_find_their_own_frames),
	};

	grant_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
