// SPDX-License-Identifier: MIT
/*
 * narrow.c - hypercalls by 32-bit code: what differs for it
 *
 * Structures are written here as 32-bit code lays them out, by offsets.
 */
#include "guest.h"

#define AREA 64 /* window pages */
#define ADDRESS (AREA * PAGE_SIZE) /* of scratch, for 32-bit code */
#define LISTS 1024 /* offsets in it */
#define SECOND 1000000000ULL /* clocks of Xen are apart by less */
#define FRAME 0x200 /* frames of ours that nobody needs, from here on */

static void put16(unsigned int at, u16 v)
{
	memcpy(&scratch[0][at], &v, sizeof(v));
}

static void put32(unsigned int at, u32 v)
{
	memcpy(&scratch[0][at], &v, sizeof(v));
}

static void put64(unsigned int at, u64 v)
{
	memcpy(&scratch[0][at], &v, sizeof(v));
}

static u32 get32(unsigned int at)
{
	u32 v;

	memcpy(&v, &scratch[0][at], sizeof(v));
	return v;
}

static u64 get64(unsigned int at)
{
	return get32(at) | (u64)get32(at + 4) << 32;
}

/* With a structure at the begin of the area. */
static s64 with_area(u64 nr, u64 cmd)
{
	return call32(nr, cmd, ADDRESS, 0, 0, 0);
}

static void fresh_area(void)
{
	memset(scratch[0], 0xee, PAGE_SIZE);
}

static void test_version(void)
{
	ok_eq(call32(HYPERCALL_xen_version, XENVER_version, 0, 0, 0, 0),
	      4 << 16 | 17, "version");
	fresh_area();
	put32(0, 0);
	ok_eq(with_area(HYPERCALL_xen_version, XENVER_get_features), 0,
	      "features");
	ok(get32(4) & 1 << XENFEAT_hvm_callback_vector, "which are told");
	ok_eq(with_area(HYPERCALL_xen_version, XENVER_platform_parameters), 0,
	      "platform parameters");
	ok(get32(0) != 0xeeeeeeee || get32(4) != 0, "have 4 bytes");
	ok_eq(call32(HYPERCALL_xen_version, XENVER_extraversion, 0x800000, 0, 0,
		     0), -EFAULT, "what may not be written is not");
}

static void test_lists_of_calls(void)
{
	fresh_area();
	for (unsigned int i = 0; i < 3; i++) {
		put32(32 * i, i == 1 ? HYPERCALL_mca : HYPERCALL_xen_version);
		put32(32 * i + 8, i == 2 ? XENVER_pagesize : XENVER_version);
		put32(32 * i + 12, 0);
	}
	ok_eq(call32(HYPERCALL_multicall, ADDRESS, 3, 0, 0, 0), 0,
	      "multicall");
	ok_eq(get32(4), 4 << 16 | 17, "its first result");
	ok_eq((s32)get32(32 + 4), -ENOSYS, "its second, an error");
	ok_eq(get32(64 + 4), PAGE_SIZE, "its third");
	ok_eq(get32(64 + 8), XENVER_pagesize, "arguments stay");
	ok_eq(get32(96), 0xeeeeeeee, "nothing behind it is touched");
	for (u32 nr = HYPERCALL_physdev_op; nr <= HYPERCALL_domctl; nr++)
		ok(nr == HYPERCALL_hvm_op || with_area(nr, 0) < 0,
		   "call %u is of no use", nr);
}

static s64 reservation(void)
{
	put16(0, DOMID_SELF);
	return with_area(HYPERCALL_memory_op, XENMEM_current_reservation);
}

/* FRAME + 2n, for all of nr. */
static s64 change(u32 cmd, u32 nr)
{
	for (u32 i = 0; i < nr; i++)
		put32(LISTS + 4 * i, FRAME + 2 * i);
	put32(0, ADDRESS + LISTS);
	put32(4, nr);
	put32(8, 0);
	put32(12, 0);
	put16(16, DOMID_SELF);
	return with_area(HYPERCALL_memory_op, cmd);
}

static u16 type_of(u64 gfn)
{
	struct hvm_get_mem_type op = { .domid = DOMID_SELF, .pfn = gfn };

	return CALL2(hvm_op, HVMOP_get_mem_type, &op) ? 0xffff : op.mem_type;
}

static void test_frames(void)
{
	s64 had = reservation();
	u32 nr;

	ok(had > 0, "reservation");
	ok_eq(change(XENMEM_decrease_reservation, 70), 70, "give up 70 frames");
	ok_eq(reservation(), had - 70, "which are fewer then");
	ok(type_of(FRAME) == HVMMEM_mmio_dm &&
		   type_of(FRAME + 1) == HVMMEM_ram_rw &&
		   type_of(FRAME + 138) == HVMMEM_mmio_dm &&
		   type_of(FRAME + 140) == HVMMEM_ram_rw,
	   "those that were named");
	ok_eq(change(XENMEM_populate_physmap, 70), 70, "take them back");
	ok_eq(reservation(), had, "all");
	ok(type_of(FRAME) == HVMMEM_ram_rw &&
		   type_of(FRAME + 138) == HVMMEM_ram_rw, "where they were");

	put16(0, DOMID_SELF);
	put32(4, FRAME + 8);
	ok_eq(with_area(HYPERCALL_memory_op, XENMEM_remove_from_physmap), 0,
	      "remove a frame");
	ok(type_of(FRAME + 8) == HVMMEM_mmio_dm, "this one");
	put16(0, DOMID_SELF);
	put16(2, 0);
	put32(4, XENMAPSPACE_grant_table);
	put32(8, 0);
	put32(12, FRAME + 8);
	ok_eq(with_area(HYPERCALL_memory_op, XENMEM_add_to_physmap), 0,
	      "put the grant table there");
	*(volatile u32 *)((FRAME + 8) * PAGE_SIZE + 8 * 20 + 4) = 0x1234;
	put16(0, DOMID_SELF);
	put16(2, XENMAPSPACE_grant_table);
	put16(4, 2);
	put16(6, 0);
	put32(8, ADDRESS + LISTS);
	put32(12, ADDRESS + LISTS + 8);
	put32(16, ADDRESS + LISTS + 16);
	put32(LISTS, 0);
	put32(LISTS + 4, 1 << 20);
	put32(LISTS + 8, FRAME + 10);
	put32(LISTS + 12, FRAME + 11);
	ok_eq(with_area(HYPERCALL_memory_op, XENMEM_add_to_physmap_batch), 0,
	      "and again, by a list");
	ok_eq(get32(LISTS + 16), 0, "the first of it");
	ok((s32)get32(LISTS + 20) < 0, "the second is too far");
	ok_eq(*(volatile u32 *)((FRAME + 10) * PAGE_SIZE + 8 * 20 + 4), 0x1234,
	      "it is the same");

	fresh_area();
	put32(0, 40);
	put32(4, ADDRESS + LISTS);
	ok_eq(with_area(HYPERCALL_memory_op, XENMEM_memory_map), 0, "map");
	nr = get32(0);
	ok(nr > 0 && nr < 40, "has entries");
	ok(get64(LISTS) == 0 && get64(LISTS + 8) > 0, "the first is at 0");
	ok_eq(get32(LISTS + 20 * nr), 0xeeeeeeee, "and there are no more");
}

static void test_own_vcpu(void)
{
	const unsigned int last = PAGE_SIZE - 12;
	u64 began = now();

	fresh_area();
	ok_eq(call32(HYPERCALL_vcpu_op, VCPUOP_get_runstate_info, 0, ADDRESS, 0,
		     0), 0, "run state");
	ok_eq(get32(0), 0, "is running");
	ok(get64(4) < now() + SECOND && get64(12) > 0, "since when, and how long");
	ok_eq(get32(44), 0xeeeeeeee, "has 44 bytes");

	fresh_area();
	put32(0, ADDRESS + LISTS);
	ok_eq(call32(HYPERCALL_vcpu_op, VCPUOP_register_runstate_memory_area, 0,
		     ADDRESS, 0, 0), 0, "run state in memory");
	CALL2(sched_op, SCHEDOP_yield, 0);
	ok(!get32(LISTS) && get64(LISTS + 4) < now() + SECOND &&
		   get64(LISTS + 12) > 0,
	   "is written");
	ok_eq(get32(LISTS + 44), 0xeeeeeeee, "with 44 bytes");
	put32(0, 0);
	call32(HYPERCALL_vcpu_op, VCPUOP_register_runstate_memory_area, 0,
	       ADDRESS, 0, 0);
	put32(0, ADDRESS + LISTS);
	ok_eq(call32(HYPERCALL_vcpu_op, VCPUOP_register_vcpu_time_memory_area,
		     0, ADDRESS, 0, 0), 0, "time in memory");
	ok(!(get32(LISTS) & 1) && get32(LISTS + 24), "is written");

	/* At the end of what is mapped: there are no more bytes than these. */
	put64(0, gfn_of(scratch[7]));
	put32(8, 0);
	ok_eq(call32(HYPERCALL_vcpu_op, VCPUOP_register_vcpu_info, 0, ADDRESS,
		     0, 0), -EINVAL, "vcpu_info a second time");
	put64(last, now() - 1);
	put32(last + 8, VCPU_SSHOTTMR_future);
	/* Xen ignores the flag, see events.c. */
	ok_either(call32(HYPERCALL_vcpu_op, VCPUOP_set_singleshot_timer, 0,
			 ADDRESS + last, 0, 0), -ETIME, 0,
		  "a timer in the past");
	ok_eq(call32(HYPERCALL_set_timer_op, 0, 1 << 30, 0, 0, 0), 0,
	      "a timer in far future, in two halves");
	ok_eq(call32(HYPERCALL_set_timer_op, 0, 0, 0, 0, 0), 0, "and none");

	put32(0, ADDRESS + LISTS);
	put32(4, 1);
	put64(8, now() + 50000000);
	put32(LISTS, store_port);
	event_clear(store_port);
	ok_eq(with_area(HYPERCALL_sched_op, SCHEDOP_poll), 0, "poll a port");
	ok(now() > began, "time goes on");
	put32(4, 4000);
	ok_eq(with_area(HYPERCALL_sched_op, SCHEDOP_poll), -EINVAL,
	      "poll too many");
}

/* A structure of 24 bytes for each copy. */
static void test_copy(void)
{
	unsigned int bad = 0;

	fresh_area();
	for (unsigned int i = 0; i < 40; i++) {
		put32(24 * i, gfn_of(scratch[5]));
		put16(24 * i + 4, DOMID_SELF);
		put16(24 * i + 6, 64 * i);
		put32(24 * i + 8, gfn_of(scratch[6]));
		put16(24 * i + 12, DOMID_SELF);
		put16(24 * i + 14, 64 * (39 - i));
		put16(24 * i + 16, 64);
		put16(24 * i + 18, 0);
		memset(&scratch[5][64 * i], i + 1, 64);
	}
	ok_eq(call32(HYPERCALL_grant_table_op, GNTTABOP_copy, ADDRESS, 40, 0, 0),
	      0, "copy 40 pieces");
	for (unsigned int i = 0; i < 40; i++)
		bad += (u16)get32(24 * i + 20) != 0 ||
		       !all_bytes(&scratch[6][64 * (39 - i)], i + 1, 64);
	ok(!bad, "all are where they should be");
	ok_eq(get32(24 * 40), 0xeeeeeeee, "nothing behind them is touched");

	fresh_area();
	put16(0, DOMID_SELF);
	put32(4, 1);
	put32(12, ADDRESS + LISTS);
	ok_eq(call32(HYPERCALL_grant_table_op, GNTTABOP_setup_table, ADDRESS, 1,
		     0, 0), 0, "set a table up");
	ok((u16)get32(8) == 0 || !on_tenon, "which is right");
	ok_eq(get32(LISTS + 4), 0xeeeeeeee, "a frame has 4 bytes");
}

static void set_callback32(void)
{
	put16(0, DOMID_SELF);
	put16(2, 0);
	put32(4, HVM_PARAM_CALLBACK_IRQ);
	put64(8, (u64)HVM_CALLBACK_TYPE_VECTOR << HVM_CALLBACK_TYPE_SHIFT |
			 EVENT_VECTOR);
	ok_eq(with_area(HYPERCALL_hvm_op, HVMOP_set_param), 0, "set a vector");
}

/* From now on the shared page is as 32-bit code knows it. */
static void test_shared_page(void)
{
	struct shared_info32 *si = (void *)&shared;
	struct vcpu_info32 *vi = (void *)&vcpu0_info;
	u32 seconds = shared.wc_sec, end;
	struct evtchn_bind_ipi ipi = { .vcpu = 0 };
	u64 before = nr_upcalls;

	ok(seconds && !si->wc_sec, "there is a wall clock of 64-bit code");
	set_callback32();
	ok(si->wc_sec == seconds && !(si->wc_version & 1) && !si->wc_sec_hi,
	   "now there is one of 32-bit code");
	memset(si->evtchn_mask, 0xff, sizeof(si->evtchn_mask));
	memset(si->evtchn_pending, 0, sizeof(si->evtchn_pending));
	do
		end = evtchn(EVTCHNOP_bind_ipi, &ipi) ? 0 : ipi.port;
	while (end && end < 70);
	ok_eq(end, 70, "open ports up to 70");
	vi->evtchn_upcall_pending = 0;
	vi->evtchn_pending_sel = 0;
	ok_eq(evtchn_port(EVTCHNOP_send, 70), 0, "send");
	ok_eq(si->evtchn_pending[2], 1 << 6, "it is pending");
	ok(!vi->evtchn_upcall_pending && !vi->evtchn_pending_sel,
	   "and masked: nothing is told");
	ok_eq(evtchn_port(EVTCHNOP_unmask, 70), 0, "unmask");
	ok_eq(si->evtchn_mask[2], ~(1U << 6), "its bit is clear");
	ok_eq(vi->evtchn_pending_sel, 1 << 2, "the word is told");
	ok_eq(vi->evtchn_upcall_pending, 1, "and an interrupt asked for");
	__asm__ __volatile__("sti; nop; nop; cli" : : : "memory");
	ok(nr_upcalls > before, "which comes");
	for (u32 port = 1; port <= 70; port++)
		if (port != console_port && port != store_port)
			evtchn_port(EVTCHNOP_close, port);
	/* The place of the clock is one of words, for 64-bit code. */
	memset(&si->wc_version, 0, sizeof(*si) - offsetof(struct shared_info32,
							 wc_version));
	memset(si->evtchn_mask, 0, sizeof(si->evtchn_mask));
	event_init();
}

void test_narrow(void)
{
	window_map(AREA, (u64)scratch[0], PTE_RW);
	test_version();
	test_lists_of_calls();
	test_frames();
	test_own_vcpu();
	test_copy();
	test_shared_page();
	test_smoke();
}
