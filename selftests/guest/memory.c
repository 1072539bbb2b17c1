// SPDX-License-Identifier: MIT
/*
 * memory.c - giving memory back, getting it, and frames that are not memory
 */
#include "guest.h"

#define FREE_GFN 0x60000 /* nothing there */
#define BALLOON_PAGES 1024
#define BALLOON_GFN 0x1000 /* 16 MiB: ours, and not used for anything */
static void *const nowhere = (void *)0x8000000000000000UL;

static u64 list[BALLOON_PAGES];

static s64 reserve(u32 op, const u64 *gfns, u64 nr, u32 order)
{
	struct xen_memory_reservation r = {
		.extent_start = (u64)gfns,
		.nr_extents = nr,
		.extent_order = order,
		.domid = DOMID_SELF,
	};

	return CALL2(memory_op, op, &r);
}

static s64 give(const u64 *gfns, u64 nr)
{
	return reserve(XENMEM_decrease_reservation, gfns, nr, 0);
}

static s64 take(const u64 *gfns, u64 nr)
{
	return reserve(XENMEM_populate_physmap, gfns, nr, 0);
}

static s64 current_pages(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };

	return CALL2(memory_op, XENMEM_current_reservation, &d);
}

static s64 physmap(u32 space, u64 idx, u64 gfn)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF,
		.space = space,
		.idx = idx,
		.gpfn = gfn,
	};

	return CALL2(memory_op, XENMEM_add_to_physmap, &a);
}

static s64 unmap_gfn(domid_t id, u64 gfn)
{
	struct xen_remove_from_physmap r = { .domid = id, .gpfn = gfn };

	return CALL2(memory_op, XENMEM_remove_from_physmap, &r);
}

/* Memory that was given away and came back: as many pages, and all zero. */
static void test_balloon(void)
{
	s64 before = current_pages(), ret = 0;
	u64 *mark = (u64 *)(BALLOON_GFN << PAGE_SHIFT);
	unsigned int dirty = 0, wrong = 0;

	for (unsigned int i = 0; i < BALLOON_PAGES; i++)
		list[i] = BALLOON_GFN + i;
	for (unsigned int cycle = 0; cycle < 5; cycle++) {
		for (unsigned int i = 0; i < BALLOON_PAGES; i++)
			mark[i * 512 + i % 512] = random64() | 1;
		ret = give(list, BALLOON_PAGES);
		wrong += ret != BALLOON_PAGES;
		wrong += current_pages() != before - BALLOON_PAGES;
		ret = take(list, BALLOON_PAGES);
		wrong += ret != BALLOON_PAGES;
		wrong += current_pages() != before;
		dirty += !all_bytes(mark, 0, BALLOON_PAGES * PAGE_SIZE);
	}
	ok(!wrong, "give %u pages away and take them back, 5 times",
	   BALLOON_PAGES);
	/* Xen scrubs what a domain gives up only when it dies. */
	ok(!dirty || !on_tenon, "what comes back is empty");
	ok_eq(current_pages(), before, "we have as many as before");
	if (!on_tenon) {
		skip("Xen puts a second page over the first");
		return;
	}
	mark[0] = 1;
	ok_eq(take(list, 1), 0, "populate what is populated");
	ok_eq(mark[0], 1, "which is left alone");
}

static void test_reservation_edges(void)
{
	u64 gfn = FREE_GFN, bad[] = { ~0UL, 1UL << 36, 1UL << 52, ~0UL >> 12 };
	u64 two[2] = { BALLOON_GFN, FREE_GFN };
	s64 before = current_pages();
	struct xen_memory_reservation r = {
		.extent_start = (u64)&gfn,
		.nr_extents = 1,
	};

	ok_either(give(nowhere, 1), -EFAULT, 0, "give a list nowhere");
	ok_eq(give(NULL, 0), 0, "give nothing");
	ok_eq(give(&gfn, 1), 0, "give what is not there");
	ok_eq(give(two, 2), 1, "give what is there, and what is not");
	ok_eq(take(two, 1), 1, "take it back");
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		ok_either(give(&bad[i], 1), 0, -EINVAL, "give frame 0x%lx", bad[i]);
		ok_either(take(&bad[i], 1), 0, -EINVAL, "take frame 0x%lx", bad[i]);
	}
	for (u32 order = 10; order < 70; order++) {
		ok(reserve(XENMEM_populate_physmap, &gfn, 1, order) <= 0,
		   "take order %u", order);
		ok(reserve(XENMEM_decrease_reservation, &gfn, 1, order) <= 0,
		   "give order %u", order);
	}
	ok(reserve(XENMEM_populate_physmap, &gfn, 1, 0xffffffff) <= 0,
	   "take order 2^32 - 1");
	/* Xen says how far it came: not at all; we say why. */
	ok(reserve(XENMEM_populate_physmap, nowhere, ~0UL, 0) <= 0,
	   "take 2^64 - 1 extents");
	ok(reserve(XENMEM_populate_physmap, nowhere, ~0UL >> 6, 0) <= 0,
	   "take 2^58 - 1 extents");
	/* The upper bits of the command say where to resume. */
	ok(CALL2(memory_op, XENMEM_populate_physmap | 1UL << 63, &r) < 0 ||
		   !on_tenon, "resume where nothing is");
	ok(CALL2(memory_op, XENMEM_decrease_reservation | 5UL << 6, &r) < 0 ||
		   !on_tenon, "resume behind the end");
	for (domid_t id = DOMID_IO; id <= DOMID_INVALID; id++) {
		r.domid = id;
		ok(CALL2(memory_op, XENMEM_populate_physmap, &r) <= 0,
		   "take for domain 0x%x", id);
	}
	r.domid = 0;
	ok(CALL2(memory_op, XENMEM_populate_physmap, &r) <= 0,
	   "take for domain 0");
	ok(CALL2(memory_op, XENMEM_decrease_reservation, &r) <= 0,
	   "give domain 0's");
	/* A place beyond the map costs Xen's guest a page. */
	ok(current_pages() == before || !on_tenon, "we have as many as before");
}

/* A guest gets what it was promised and no frame more. */
static void test_limit(void)
{
	struct xen_memory_domain d = { .domid = DOMID_SELF };
	s64 limit = CALL2(memory_op, XENMEM_maximum_reservation, &d);
	s64 began = current_pages(), got = 0, n;
	u64 gfn = FREE_GFN;

	for (n = 0; n < 4096; n++) {
		gfn = FREE_GFN + n;
		if (take(&gfn, 1) != 1)
			break;
	}
	got = current_pages();
	ok(got <= limit, "at most %ld pages (had %ld)", limit, began);
	ok(got == began + n, "%ld more", n);
	while (n--) {
		gfn = FREE_GFN + n;
		give(&gfn, 1);
	}
	ok_eq(current_pages(), began, "and given back");
}

static void test_physmap(void)
{
	struct xen_memory_domain dom0_id = { .domid = 0 };
	u64 gfn = gfn_of(scratch[0]);

	for (u32 space = 2; space < 8; space++) {
		s64 ret = physmap(space, 0x100, FREE_GFN);

		/* Xen lets a guest move its own frames (2 and 3). */
		ok(ret < 0 || (space < 4 && !on_tenon),
		   "add to the map from space %u (%ld)", space, ret);
	}
	ok(physmap(0x7fffffff, 0, FREE_GFN) < 0, "from space 2^31 - 1");
	ok(physmap(XENMAPSPACE_shared_info, 1, FREE_GFN) < 0,
	   "the second shared info frame");
	ok(physmap(XENMAPSPACE_shared_info, 0, 1UL << 40) < 0,
	   "shared info beyond the address space");
	ok(physmap(XENMAPSPACE_shared_info, 0, ~0UL) < 0,
	   "shared info at frame 2^64 - 1");
	ok_eq(physmap(XENMAPSPACE_shared_info, 0, FREE_GFN), 0,
	      "shared info elsewhere");
	ok_eq(map_shared_info(), 0, "and back");
	ok(unmap_gfn(DOMID_SELF, 1UL << 40) < 0, "remove beyond the map");
	ok(unmap_gfn(DOMID_SELF, ~0UL) < 0, "remove frame 2^64 - 1");
	ok(unmap_gfn(0, 0x100) < 0, "remove domain 0's frame");
	ok(unmap_gfn(DOMID_XEN, 0x100) < 0, "remove the hypervisor's frame");
	memset(scratch[0], 1, PAGE_SIZE);
	ok_eq(unmap_gfn(DOMID_SELF, gfn), 0, "remove a frame of our own");
	ok(unmap_gfn(DOMID_SELF, gfn) < 0 || !on_tenon, "once");
	ok(take(&gfn, 1) == 1 || !on_tenon, "memory can go there");
	if (on_tenon)
		ok(all_bytes(scratch[0], 0, PAGE_SIZE), "which is empty");
	ok(CALL2(memory_op, XENMEM_current_reservation, &dom0_id) < 0,
	   "how much memory domain 0 has");
	ok(CALL2(memory_op, XENMEM_maximum_gpfn, &dom0_id) < 0,
	   "how far its map goes");
}

/* Tools' business. */
static void test_privileged(void)
{
	static u8 zero[128];
	static const u32 ops[] = { XENMEM_machine_memory_map,
				   XENMEM_set_memory_map, XENMEM_claim_pages,
				   XENMEM_acquire_resource,
				   XENMEM_set_pod_target };

	for (unsigned int i = 0; i < ARRAY_SIZE(ops); i++) {
		memset(zero, 0, sizeof(zero));
		ok(CALL2(memory_op, ops[i], zero) < 0,
		   "memory_op %u is not for guests", ops[i]);
	}
}

/* The rest of our memory: what somebody had before us must not be seen. */
static void test_clean_start(void)
{
	u64 dirty = 0, from = 0x2000, to = ram_end;

	for (u64 gfn = from; gfn < to; gfn++)
		if (!all_bytes((void *)(gfn << PAGE_SHIFT), 0, PAGE_SIZE))
			dirty++;
	ok_eq(dirty, 0, "no page of 0x%lx..0x%lx shows old contents", from, to);
}

/* Writes to what cannot be written end in a fault or nowhere. */
static void test_info_pages(void)
{
	struct xen_memory_map map = { .nr_entries = 0 };

	ok_either(CALL2(memory_op, XENMEM_memory_map, &map), 0, -ENOBUFS,
		  "a memory map of no entries");
	map.nr_entries = ~0U;
	map.buffer = (u64)nowhere;
	ok_eq(CALL2(memory_op, XENMEM_memory_map, &map), -EFAULT,
	      "a memory map nowhere");
	map.buffer = (u64)scratch[1];
	ok_eq(CALL2(memory_op, XENMEM_memory_map, &map), 0, "a memory map");
	ok(map.nr_entries > 0 && map.nr_entries < 64, "has %u entries",
	   map.nr_entries);
}

void test_memory(void)
{
	test_clean_start();
	test_balloon();
	test_reservation_edges();
	test_limit();
	test_physmap();
	test_privileged();
	test_info_pages();
	test_smoke();
	/* For the next guest's test_clean_start(). */
	memset((void *)(0x2000UL << PAGE_SHIFT), 0xdb,
	       (ram_end - 0x2000) << PAGE_SHIFT);
}
