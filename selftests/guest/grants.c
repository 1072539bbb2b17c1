// SPDX-License-Identifier: MIT
/*
 * grants.c - grant operations at the edges, the guest being both sides
 *
 * A domain may grant to itself: so one guest sees what the granter sees and
 * what the user of the grant sees.  Xen allows that too, but a frame mapped
 * twice in one domain loses its first place there, so what maps for good runs
 * on Tenon only.
 */
#include "guest.h"

#define REF 40 /* the first of ours; low ones are the toolstack's */
#define FREE_GFN 0x70000 /* nothing there */

static u8 *const page_a = scratch[0], *const page_b = scratch[1];

static void grant(u32 ref, const void *page, u16 flags, domid_t to)
{
	WRITE_ONCE(grants[ref].flags, 0);
	grants[ref].domid = to;
	grants[ref].frame = gfn_of(page);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	WRITE_ONCE(grants[ref].flags, GTF_permit_access | flags);
}

static u16 grant_flags(u32 ref)
{
	return READ_ONCE(grants[ref].flags);
}

static struct gnttab_map_grant_ref map_result;

static s64 map(domid_t dom, u32 ref, u32 flags, gfn_t gfn)
{
	map_result = (struct gnttab_map_grant_ref){
		.host_addr = gfn << PAGE_SHIFT,
		.flags = flags,
		.ref = ref,
		.dom = dom,
	};
	if (CALL3(grant_table_op, GNTTABOP_map_grant_ref, &map_result, 1))
		return -1000;
	return map_result.status;
}

static s64 unmap(u32 handle, gfn_t gfn, u64 dev_bus_addr)
{
	struct gnttab_unmap_grant_ref op = {
		.host_addr = gfn << PAGE_SHIFT,
		.dev_bus_addr = dev_bus_addr,
		.handle = handle,
	};

	if (CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, &op, 1))
		return -1000;
	return op.status;
}

static s64 unmap_last(gfn_t gfn)
{
	return unmap(map_result.handle, gfn, 0);
}

/* A copy from @from_ref into @page_b, or into @to_ref; by frame if ~0. */
static s64 copy(u32 from_ref, u16 from_offset, u32 to_ref, u16 to_offset,
		u16 len)
{
	struct gnttab_copy op = { .len = len };

	op.source.domid = DOMID_SELF;
	op.source.offset = from_offset;
	op.source.u.gmfn = gfn_of(page_a);
	op.dest.domid = DOMID_SELF;
	op.dest.offset = to_offset;
	op.dest.u.gmfn = gfn_of(page_b);
	if (from_ref != ~0U) {
		op.source.u.gmfn = 0;
		op.source.u.ref = from_ref;
		op.flags |= GNTCOPY_source_gref;
	}
	if (to_ref != ~0U) {
		op.dest.u.gmfn = 0;
		op.dest.u.ref = to_ref;
		op.flags |= GNTCOPY_dest_gref;
	}
	if (CALL3(grant_table_op, GNTTABOP_copy, &op, 1))
		return -1000;
	return op.status;
}

static s64 map_grant_table(u64 idx, const void *at)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_grant_table,
		.idx = idx,
		.gpfn = gfn_of(at),
	};

	return CALL2(memory_op, XENMEM_add_to_physmap, &a);
}

static void test_table(void)
{
	struct gnttab_query_size size = { .dom = DOMID_SELF };
	struct gnttab_set_version version = { .version = 7 };

	ok_eq(map_grant_table(0, &grant_page), 0, "map the table's first frame");
	ok_eq(CALL3(grant_table_op, GNTTABOP_query_size, &size, 1), 0, "its size");
	ok(size.status == 0 && size.nr_frames >= 1 &&
		   size.max_nr_frames >= size.nr_frames,
	   "is %u of %u frames", size.nr_frames, size.max_nr_frames);
	ok(map_grant_table(size.max_nr_frames, scratch[7]) < 0,
	   "a frame behind the last");
	ok(map_grant_table(~0UL, scratch[7]) < 0, "frame 2^64 - 1");
	ok(map_grant_table(0x7fffffff, scratch[7]) < 0, "frame 2^31 - 1");
	size.dom = 0;
	CALL3(grant_table_op, GNTTABOP_query_size, &size, 1);
	ok_eq(size.status, GNTST_permission_denied, "domain 0's table");
	ok_eq(CALL3(grant_table_op, GNTTABOP_query_size, &size, 2), -EINVAL,
	      "two sizes at once");
	ok_eq(CALL3(grant_table_op, GNTTABOP_set_version, &version, 1), -EINVAL,
	      "version 7");
	version.version = 1;
	ok_eq(CALL3(grant_table_op, GNTTABOP_set_version, &version, 1), 0,
	      "version 1");
}

static void test_counts(void)
{
	static void *const nowhere = (void *)0x8000000000000000UL;
	static const u32 ops[] = { GNTTABOP_map_grant_ref,
				   GNTTABOP_unmap_grant_ref, GNTTABOP_copy };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		ok_eq(CALL3(grant_table_op, ops[i], NULL, 0), 0,
		      "operation %u on nothing", ops[i]);
		ok_eq(CALL3(grant_table_op, ops[i], nowhere, 1), -EFAULT,
		      "on something nowhere");
		ok_eq(CALL3(grant_table_op, ops[i], nowhere, 0x7fffffff),
		      -EFAULT, "on 2^31 - 1 of them");
		ok_eq(CALL3(grant_table_op, ops[i], nowhere, 0x80000000UL),
		      -EINVAL, "on 2^31 of them");
		ok_eq(CALL3(grant_table_op, ops[i], nowhere, 0xffffffffUL),
		      -EINVAL, "on 2^32 - 1 of them");
	}
}

/* Whatever a domain grants, not a page of it to us. */
static void test_peer(domid_t id)
{
	unsigned int got = 0;

	for (u32 ref = 0; ref < 2048; ref++) {
		u32 flags = GNTMAP_host_map | (ref & 1 ? GNTMAP_readonly : 0);

		if (map(id, ref % 1024, flags, FREE_GFN) >= 0)
			got++;
	}
	ok(!got, "map of any grant of domain %u's", id);
}

static void test_bad_maps(void)
{
	static const domid_t ids[] = { DOMID_IO, DOMID_XEN, DOMID_COW,
				       DOMID_INVALID, DOMID_IDLE, 32751, 0xffff };
	static const u32 refs[] = { 32768, 1U << 20, 1U << 31, ~0U };

	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++)
		ok(map(ids[i], REF, GNTMAP_host_map, FREE_GFN) < 0,
		   "map of domain 0x%x's", ids[i]);
	test_peer(0);
	if (option("peer", 0))
		test_peer(option("peer", 0));
	for (unsigned int i = 0; i < ARRAY_SIZE(refs); i++)
		ok(map(own_domid, refs[i], GNTMAP_host_map, FREE_GFN) < 0,
		   "map of reference %u", refs[i]);
	ok(map(own_domid, REF, GNTMAP_host_map, FREE_GFN) < 0,
	   "map of a reference that grants nothing");
	ok(map(own_domid, GNTTAB_RESERVED_CONSOLE, GNTMAP_host_map, FREE_GFN) <
		   0,
	   "map of what is granted to domain 0");
	grant(REF, page_a, 0, own_domid);
	ok(map(own_domid, REF, 0, FREE_GFN) < 0, "a map that is none");
	ok(map(own_domid, REF, GNTMAP_host_map | GNTMAP_contains_pte, FREE_GFN) <
		   0, "a map of a page table entry");
	if (on_tenon) {
		ok(map(own_domid, REF, GNTMAP_host_map, 1UL << 40) < 0,
		   "a map beyond the address space");
		ok(map(own_domid, REF, GNTMAP_host_map, ~0UL >> PAGE_SHIFT) < 0,
		   "a map at its last frame");
	}
	grant(REF, page_a, GTF_readonly, own_domid);
	ok(map(own_domid, REF, GNTMAP_host_map, FREE_GFN) < 0,
	   "a writable map of what is read-only");
	grants[REF].frame = 0x7ffff;
	ok(map(own_domid, REF, GNTMAP_host_map | GNTMAP_readonly, FREE_GFN) < 0,
	   "a map of a frame that is not there");
	if (on_tenon) {
		grant(REF, &shared_page, 0, own_domid);
		ok(map(own_domid, REF, GNTMAP_host_map | GNTMAP_readonly,
		       FREE_GFN) < 0, "a map of the hypervisor's frame");
	}
	ok(unmap(0, FREE_GFN, 0) < 0, "nothing was mapped");
	grant(REF, page_a, 0, own_domid);
}

static void test_map(void)
{
	u8 *window = window_at(0);
	u32 handle, second;

	grant(REF, page_a, 0, own_domid);
	memset(page_a, 0xa5, PAGE_SIZE);
	window_map(0, (u64)FREE_GFN << PAGE_SHIFT, PTE_RW);
	ok_eq(map(own_domid, REF, GNTMAP_host_map, FREE_GFN), 0, "a map");
	handle = map_result.handle;
	ok(all_bytes(window, 0xa5, PAGE_SIZE), "a map shows the page");
	window[7] = 0x11;
	ok_eq(page_a[7], 0x11, "writes reach it");
	ok_eq(grant_flags(REF) & (GTF_reading | GTF_writing),
	      GTF_reading | GTF_writing, "the entry says so");
	ok(map(own_domid, REF, GNTMAP_host_map, FREE_GFN) < 0,
	   "a second map at the same place");
	ok(map(own_domid, REF, GNTMAP_host_map, gfn_of(page_b)) < 0,
	   "a map where memory is");
	ok_eq(map(own_domid, REF, GNTMAP_host_map | GNTMAP_readonly,
		  FREE_GFN + 1), 0, "a second map, read-only");
	second = map_result.handle;
	window_map(1, (u64)(FREE_GFN + 1) << PAGE_SHIFT, PTE_RW);
	ok_eq(((u8 *)window_at(1))[7], 0x11, "shows the same");

	ok_eq(unmap(handle + 1000, FREE_GFN, 0), GNTST_bad_handle,
	      "unmap a handle that is none");
	ok_eq(unmap(~0U, FREE_GFN, 0), GNTST_bad_handle, "unmap handle 2^32 - 1");
	ok(unmap(handle, FREE_GFN + 5, 0) < 0, "unmap at another place");
	ok_eq(unmap(handle, FREE_GFN, 0), 0, "unmap");
	ok_eq(unmap(handle, FREE_GFN, 0), GNTST_bad_handle, "unmap twice");
	ok_eq(grant_flags(REF) & (GTF_reading | GTF_writing), GTF_reading,
	      "the entry says that only the reader is left");
	ok_eq(unmap(second, FREE_GFN + 1, 0), 0, "unmap the other");
	ok_eq(grant_flags(REF) & (GTF_reading | GTF_writing), 0,
	      "the entry is free");
}

static void test_copy(void)
{
	unsigned int i;

	grant(REF, page_a, 0, own_domid);
	grant(REF + 1, page_b, GTF_readonly, own_domid);
	for (i = 0; i < PAGE_SIZE; i++)
		page_a[i] = i * 7;
	memset(page_b, 0, PAGE_SIZE);
	ok_eq(copy(REF, 0, ~0U, 0, PAGE_SIZE), 0, "copy a page");
	ok(!memcmp(page_a, page_b, PAGE_SIZE), "it is the same");
	ok_eq(copy(REF, 0, ~0U, 0, 0), 0, "copy nothing");
	ok_eq(copy(REF, PAGE_SIZE - 1, ~0U, 0, 1), 0, "copy the last byte");
	ok_eq(copy(REF, PAGE_SIZE - 1, ~0U, 0, 2), GNTST_bad_copy_arg,
	      "copy out of the page");
	ok_eq(copy(REF, 0, ~0U, PAGE_SIZE - 1, 2), GNTST_bad_copy_arg,
	      "copy beyond the end of the other");
	ok_eq(copy(REF, 0xffff, ~0U, 0xffff, 0xffff), GNTST_bad_copy_arg,
	      "copy 65535 at 65535");
	ok(copy(REF, 0, REF + 1, 0, 16) < 0, "copy into a read-only grant");
	ok(copy(REF + 2, 0, ~0U, 0, 16) < 0, "copy from no grant");
	ok(copy(~0U - 1, 0, ~0U, 0, 16) < 0, "copy from reference 2^32 - 2");
	ok_eq(copy(REF, 0, REF, 0, PAGE_SIZE), 0, "copy a page onto itself");
	ok_eq(copy(REF, 0, REF, 8, 1024), 0, "copy onto an overlapping part");
	ok_eq(grant_flags(REF) & (GTF_reading | GTF_writing), 0,
	      "no mark is left");
	grants[REF].frame = 0x7ffff;
	ok(copy(REF, 0, ~0U, 0, 16) < 0, "copy from a frame that is not there");
	grants[REF].frame = ~0U;
	ok(copy(REF, 0, ~0U, 0, 16) < 0, "copy from frame 2^32 - 1");
	grant(REF, page_a, GTF_sub_page, own_domid);
	/* Entries of version 1 know no parts of pages: Xen ignores the bit. */
	ok(copy(REF, 0, ~0U, 0, 16) < 0 || !on_tenon,
	   "copy from a sub-page grant");
	WRITE_ONCE(grants[REF].flags, GTF_transitive);
	ok(copy(REF, 0, ~0U, 0, 16) < 0, "copy from a transitive grant");
	WRITE_ONCE(grants[REF].flags, GTF_accept_transfer);
	ok(copy(REF, 0, ~0U, 0, 16) < 0, "copy from a transfer slot");
}

/* By frame number only one's own memory can be named. */
static void test_copy_others(void)
{
	struct gnttab_copy op = { .len = 64 };

	op.dest.domid = DOMID_SELF;
	op.dest.u.gmfn = gfn_of(page_b);
	memset(page_b, 0x33, PAGE_SIZE);
	op.source.domid = 0;
	op.source.u.gmfn = 0x100;
	CALL3(grant_table_op, GNTTABOP_copy, &op, 1);
	ok(op.status < 0, "copy from domain 0's memory");
	op.source.domid = DOMID_XEN;
	CALL3(grant_table_op, GNTTABOP_copy, &op, 1);
	ok(op.status < 0, "copy from the hypervisor's");
	op.source.domid = DOMID_SELF;
	op.source.u.gmfn = 0x70000;
	CALL3(grant_table_op, GNTTABOP_copy, &op, 1);
	ok(op.status < 0, "copy from where nothing is");
	op.source.u.gmfn = ~0UL;
	CALL3(grant_table_op, GNTTABOP_copy, &op, 1);
	ok(op.status < 0, "copy from frame 2^64 - 1");
	op.source.u.gmfn = gfn_of(page_a);
	if (on_tenon) { /* Xen ignores them and copies */
		op.flags = 0xfffc;
		CALL3(grant_table_op, GNTTABOP_copy, &op, 1);
		ok(op.status < 0, "copy with unknown flags");
	}
	op.flags = 0;
	op.dest.domid = 0;
	op.dest.u.gmfn = 0x100;
	CALL3(grant_table_op, GNTTABOP_copy, &op, 1);
	ok(op.status < 0, "copy to domain 0's memory");
	ok(all_bytes(page_b, 0x33, PAGE_SIZE), "none of them wrote");
}

/* A granted page that its owner gives away stays what it is for who maps it. */
static void test_give_away(void)
{
	struct xen_memory_reservation give = {
		.nr_extents = 1,
		.domid = DOMID_SELF,
	};
	u64 gfn = gfn_of(scratch[3]);
	u8 *window = window_at(2);
	s64 ret;

	give.extent_start = (u64)&gfn;
	memset(scratch[3], 0x77, PAGE_SIZE);
	grant(REF + 3, scratch[3], 0, own_domid);
	window_map(2, (u64)(FREE_GFN + 2) << PAGE_SHIFT, PTE_RW);
	ok_eq(map(own_domid, REF + 3, GNTMAP_host_map, FREE_GFN + 2), 0, "a map");
	ret = CALL2(memory_op, XENMEM_decrease_reservation, &give);
	ok(ret == 0 || ret == 1, "give up a page that is mapped");
	ok(all_bytes(window, 0x77, PAGE_SIZE), "the map still shows it");
	ok_eq(unmap(map_result.handle, FREE_GFN + 2, 0), 0, "unmap it");
	if (ret)
		ok_eq(CALL2(memory_op, XENMEM_populate_physmap, &give), 1,
		      "have memory there again");
	ok(all_bytes(scratch[3], ret ? 0 : 0x77, PAGE_SIZE),
	   "which shows nothing of what was");
}

static void test_many(void)
{
	static u32 handle[4096];
	unsigned int n, bad = 0, where = FREE_GFN + 16;

	grant(REF + 4, page_a, 0, own_domid);
	for (n = 0; n < ARRAY_SIZE(handle); n++) {
		if (map(own_domid, REF + 4, GNTMAP_host_map, where + n))
			break;
		handle[n] = map_result.handle;
	}
	ok(n == ARRAY_SIZE(handle) || n == 0 || map_result.status < 0,
	   "map one reference %u times", n);
	for (unsigned int i = 0; i < n; i++)
		bad += unmap(handle[i], where + i, 0) != 0;
	ok(!bad, "and unmap all of them");
	ok_eq(grant_flags(REF + 4) & (GTF_reading | GTF_writing), 0,
	      "no mark is left");
}

/*
 * As many maps as there may be, none of which takes a place; and this guest
 * goes with half of them made.
 */
static void test_exhaustion(void)
{
	static u32 handle[300000];
	static struct gnttab_map_grant_ref maps[64];
	static struct gnttab_unmap_grant_ref unmaps[64];
	u64 bus = 0, n = 0, bad = 0;
	s16 status = 0;

	grant(REF + 5, page_a, 0, own_domid);
	while (!status && n + ARRAY_SIZE(maps) <= ARRAY_SIZE(handle)) {
		for (unsigned int i = 0; i < ARRAY_SIZE(maps); i++)
			maps[i] = (struct gnttab_map_grant_ref){
				.flags = GNTMAP_device_map | GNTMAP_readonly,
				.ref = REF + 5,
				.dom = own_domid,
			};
		CALL3(grant_table_op, GNTTABOP_map_grant_ref, maps,
		      ARRAY_SIZE(maps));
		for (unsigned int i = 0; i < ARRAY_SIZE(maps) && !status; i++) {
			status = maps[i].status;
			if (status)
				break;
			handle[n++] = maps[i].handle;
			bus = maps[i].dev_bus_addr;
		}
	}
	if (!n) {
		skip("maps for devices: %d", status);
		return;
	}
	ok(status < 0, "maps run out (%d) after %lu", status, n);
	for (u64 at = 0; at < n / 2; at += ARRAY_SIZE(unmaps)) {
		unsigned int nr = min((u64)ARRAY_SIZE(unmaps), n / 2 - at);

		for (unsigned int i = 0; i < nr; i++)
			unmaps[i] = (struct gnttab_unmap_grant_ref){
				.dev_bus_addr = bus,
				.handle = handle[at + i],
			};
		CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, unmaps, nr);
		for (unsigned int i = 0; i < nr; i++)
			bad += unmaps[i].status != 0;
	}
	ok(!bad, "half of them can be unmapped");
	ok_eq(map(own_domid, REF + 4, GNTMAP_host_map, FREE_GFN), 0,
	      "then one can be made");
	ok_eq(unmap_last(FREE_GFN), 0, "and unmapped");
}

void test_grants(void)
{
	test_table();
	test_counts();
	test_bad_maps();
	test_copy();
	test_copy_others();
	if (!on_tenon) {
		skip("Xen: a map of one's own frame takes it from its place");
		return;
	}
	test_map();
	test_give_away();
	test_many();
	test_exhaustion();
}
