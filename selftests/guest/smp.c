// SPDX-License-Identifier: MIT
/*
 * smp.c - a second vCPU: started, stopped, and changing arguments under the
 * hypervisor's hands
 *
 * Needs a guest of two vCPUs.  The second one has APIC ID 2.
 */
#include "guest.h"

#define AP_PAGE 8
#define AP_ID 2UL
#define ICR_INIT 0x4500
#define ICR_STARTUP (0x4600 | AP_PAGE)
#define FREE_GFN 0x70000

extern char ap_trampoline[], ap_trampoline_end[];

static volatile u64 ap_alive, ap_job, ap_rounds;
static union {
	struct multicall_entry call[64];
	struct gnttab_copy copy[64];
	struct gnttab_map_grant_ref map[64];
	struct gnttab_unmap_grant_ref unmap[64];
	u64 words[512];
} args __aligned(PAGE_SIZE);

enum { JOB_NONE, JOB_SCRIBBLE, JOB_TABLES, JOB_UNMAP, JOB_MEMORY };

static void icr(u64 command)
{
	PROBE("wrmsr", : : "c"(0x830), "a"((u32)command),
	      "d"((u32)(command >> 32)) : "memory");
}

/* One random change of what stands at a few frames that both vCPUs use. */
static void change_memory(u64 x)
{
	u64 gfn = FREE_GFN + 32 + x % 8;
	struct xen_memory_reservation r = {
		.extent_start = (u64)&gfn,
		.nr_extents = 1,
		.domid = DOMID_SELF,
	};
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_grant_table,
		.idx = 1, /* in the first one are the entries in use */
		.gpfn = gfn,
	};
	struct xen_remove_from_physmap rm = { .domid = DOMID_SELF, .gpfn = gfn };
	struct gnttab_map_grant_ref map = {
		.host_addr = gfn << PAGE_SHIFT,
		.flags = GNTMAP_host_map,
		.ref = 64 + (x >> 16) % 8,
		.dom = own_domid,
	};
	struct gnttab_unmap_grant_ref unmap = {
		.host_addr = gfn << PAGE_SHIFT,
		.handle = (x >> 24) % 64,
	};
	struct gnttab_copy copy = {
		.source = { .u.gmfn = gfn, .domid = DOMID_SELF },
		.dest = { .u.gmfn = gfn ^ 1, .domid = DOMID_SELF },
		.len = PAGE_SIZE,
	};

	switch (x >> 32 & 7) {
	case 0:
	case 1:
		CALL2(memory_op, XENMEM_populate_physmap, &r);
		break;
	case 2:
		CALL2(memory_op, XENMEM_decrease_reservation, &r);
		break;
	case 3:
		CALL2(memory_op, XENMEM_add_to_physmap, &a);
		break;
	case 4:
		CALL2(memory_op, XENMEM_remove_from_physmap, &rm);
		break;
	case 5:
		CALL3(grant_table_op, GNTTABOP_map_grant_ref, &map, 1);
		break;
	case 6:
		CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, &unmap, 1);
		break;
	case 7:
		CALL3(grant_table_op, GNTTABOP_copy, &copy, 1);
		break;
	}
}

/* Random words into the arguments, the page table entry of the arguments. */
void ap_main(void)
{
	u64 x = 88172645463325252ULL;

	ap_alive++;
	for (;;) {
		x ^= x << 13;
		x ^= x >> 7;
		x ^= x << 17;
		switch (ap_job) {
		case JOB_SCRIBBLE:
			/* Mostly values that are nearly right. */
			args.words[x % 512] = x >> 32 & 1 ? x >> 52 : x >> 40 & 0xff;
			break;
		case JOB_TABLES:
			if (x & 1)
				window_unmap(8);
			else
				window_map(8, (u64)&args, x & 2 ? PTE_RW : 0);
			break;
		case JOB_UNMAP:
			for (unsigned int i = 0; i < 8; i++)
				args.unmap[32 + i] = (struct gnttab_unmap_grant_ref){
					.host_addr = (u64)(FREE_GFN + i) << PAGE_SHIFT,
					.handle = ap_rounds >> 8,
				};
			CALL3(grant_table_op, GNTTABOP_unmap_grant_ref,
			      &args.unmap[32], 8);
			break;
		case JOB_MEMORY:
			change_memory(x);
			break;
		default:
			CALL2(sched_op, SCHEDOP_yield, 0);
		}
		ap_rounds++;
	}
}

/* The second vCPU's info, while it is down: only inside one frame of memory. */
static void test_place_info(void)
{
	struct vcpu_register_vcpu_info info = {
		.gfn = gfn_of(scratch[7]),
		.offset = PAGE_SIZE - sizeof(struct vcpu_info) + 8,
	};

	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), -EINVAL,
	      "vcpu_info across the end of a page");
	info.offset = 0xfffffff8;
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), -EINVAL,
	      "at offset 2^32 - 8");
	info.offset = 4;
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), -EINVAL,
	      "misaligned");
	info.offset = 0;
	info.gfn = FREE_GFN;
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), -EINVAL,
	      "where no memory is");
	info.gfn = ~0UL;
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), -EINVAL,
	      "at frame 2^64 - 1");
	info.gfn = gfn_of(scratch[7]);
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), 0,
	      "in memory");
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1, &info), -EINVAL,
	      "twice");
}

static bool wait_for(volatile u64 *p, u64 value)
{
	u64 end = now() + 20000000000ULL;

	while (*p < value && now() < end)
		CALL2(sched_op, SCHEDOP_yield, 0);
	return *p >= value;
}

static void test_start(void)
{
	u64 base = 0, before, alive;
	u32 lo = 0, hi = 0;

	PROBE("rdmsr", : "=a"(lo), "=d"(hi) : "c"(0x1b));
	base = (u64)hi << 32 | lo | 3 << 10;
	PROBE("wrmsr", : : "c"(0x1b), "a"((u32)base), "d"((u32)(base >> 32)));

	memcpy((void *)(AP_PAGE << PAGE_SHIFT), ap_trampoline,
	       ap_trampoline_end - ap_trampoline);
	icr(AP_ID << 32 | ICR_STARTUP); /* never had an INIT */
	icr(AP_ID << 32 | ICR_INIT);
	icr(AP_ID << 32 | ICR_STARTUP);
	icr(AP_ID << 32 | ICR_STARTUP); /* the second is ignored */
	ok(wait_for(&ap_alive, 1), "the second vCPU starts");
	before = ap_rounds;
	ok(wait_for(&ap_rounds, before + 10), "and runs");
	alive = ap_alive;
	before = ap_rounds;
	icr(AP_ID << 32 | ICR_STARTUP);
	wait_for(&ap_rounds, before + 10);
	ok_eq(ap_alive, alive, "a start-up without INIT is ignored");
	icr(AP_ID << 32 | ICR_INIT);
	icr(AP_ID << 32 | ICR_STARTUP);
	ok(wait_for(&ap_alive, alive + 1), "INIT and start-up begin anew");
	for (unsigned int i = 0; i < 500; i++) {
		icr(AP_ID << 32 | ICR_INIT);
		if (random64() & 1)
			icr(AP_ID << 32 | ICR_STARTUP);
		if (random64() & 1)
			icr(AP_ID << 32 | ICR_STARTUP);
		if (random64() & 1)
			CALL3(vcpu_op, VCPUOP_is_up, 1, 0);
	}
	before = ap_alive;
	icr(AP_ID << 32 | ICR_INIT);
	icr(AP_ID << 32 | ICR_STARTUP);
	ok(wait_for(&ap_alive, before + 1), "so after 500 of them at once");
}

static void test_down(void)
{
	u64 before;

	ok_eq(CALL3(vcpu_op, VCPUOP_is_up, 1, 0), 1, "it is up");
	ok_eq(CALL3(vcpu_op, VCPUOP_down, 1, 0), 0, "take it down");
	ok_eq(CALL3(vcpu_op, VCPUOP_is_up, 1, 0), 0, "it is down");
	before = ap_rounds;
	ok_eq(CALL3(vcpu_op, VCPUOP_up, 1, 0), 0, "bring it up");
	ok_either(CALL3(vcpu_op, VCPUOP_up, 1, 0), 0, -EEXIST, "twice");
	ok(wait_for(&ap_rounds, before + 10), "it goes on where it was");
	for (unsigned int i = 0; i < 1000; i++) {
		CALL3(vcpu_op, VCPUOP_down, 1, 0);
		CALL3(vcpu_op, VCPUOP_up, 1, 0);
	}
	before = ap_rounds;
	ok(wait_for(&ap_rounds, before + 10), "so after 1000 times");
}

/* Arguments that change while they are read: any answer, and life goes on. */
static void race(const char *name, u64 job, void *at, u64 ns)
{
	u64 end = now() + ns, n = 0, bad = 0;

	ap_job = job;
	for (; now() < end; n++) {
		s64 ret;

		switch (n % 6) {
		case 0:
			ret = CALL3(grant_table_op, GNTTABOP_copy, at, 32);
			break;
		case 1:
			ret = CALL3(grant_table_op, GNTTABOP_map_grant_ref, at, 32);
			break;
		case 2:
			ret = CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, at, 32);
			break;
		case 3:
			ret = CALL2(event_channel_op, EVTCHNOP_status, at);
			break;
		case 4:
			ret = CALL2(hvm_op, HVMOP_get_param, at);
			break;
		default:
			ret = CALL2(memory_op, XENMEM_memory_map, at);
		}
		bad += ret < -133;
	}
	ap_job = JOB_NONE;
	ok(!bad, "%s: %lu calls", name, n);
}

/* Two vCPUs unmap the same handles: each goes once, the marks are right. */
static void test_unmap_race(void)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_grant_table,
		.gpfn = gfn_of(&grant_page),
	};
	unsigned int rounds = 0, maps = 0;

	CALL2(memory_op, XENMEM_add_to_physmap, &a);
	for (unsigned int i = 0; i < 8; i++) {
		grants[64 + i].domid = own_domid;
		grants[64 + i].frame = gfn_of(scratch[i]);
		WRITE_ONCE(grants[64 + i].flags, GTF_permit_access);
	}
	ap_rounds = 0;
	ap_job = JOB_UNMAP;
	for (; rounds < 2000; rounds++) {
		struct gnttab_map_grant_ref map[8];
		struct gnttab_unmap_grant_ref unmap[8];

		for (unsigned int i = 0; i < 8; i++)
			map[i] = (struct gnttab_map_grant_ref){
				.host_addr = (u64)(FREE_GFN + i) << PAGE_SHIFT,
				.flags = GNTMAP_host_map,
				.ref = 64 + i,
				.dom = own_domid,
			};
		CALL3(grant_table_op, GNTTABOP_map_grant_ref, map, 8);
		for (unsigned int i = 0; i < 8; i++) {
			maps += !map[i].status;
			unmap[i] = (struct gnttab_unmap_grant_ref){
				.host_addr = map[i].host_addr,
				.handle = map[i].status ? ~0U : map[i].handle,
			};
			/* The other one goes round the handles in use. */
			if (!map[i].status)
				ap_rounds = (u64)map[i].handle << 8;
		}
		CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, unmap, 8);
	}
	ap_job = JOB_NONE;
	/* What the other one was doing is over. */
	for (unsigned int i = 0; i < 1000; i++)
		CALL2(sched_op, SCHEDOP_yield, 0);
	ok(maps > 0, "two vCPUs unmap %u maps", maps);
	for (u32 handle = 0; handle < 256; handle++)
		for (unsigned int i = 0; i < 8; i++) {
			struct gnttab_unmap_grant_ref u = {
				.host_addr = (u64)(FREE_GFN + i) << PAGE_SHIFT,
				.handle = handle,
			};

			CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1);
		}
	for (unsigned int i = 0; i < 8; i++)
		ok_eq(grants[64 + i].flags, GTF_permit_access,
		      "entry %u has no mark left", 64 + i);
}

/*
 * Both vCPUs change the same frames, in every way.  That the references come
 * out even shows when this guest is gone: the rig counts the free memory.
 */
static void test_memory_race(void)
{
	struct xen_memory_domain self = { .domid = DOMID_SELF };
	s64 before = CALL2(memory_op, XENMEM_current_reservation, &self), after;
	u64 end = now() + 4000000000ULL, n = 0;

	ap_job = JOB_MEMORY;
	for (; now() < end; n++)
		change_memory(random64());
	ap_job = JOB_NONE;
	for (unsigned int i = 0; i < 1000; i++)
		CALL2(sched_op, SCHEDOP_yield, 0);
	ok(true, "two vCPUs change the same frames %lu times", n);
	for (u32 handle = 0; handle < 512; handle++)
		for (unsigned int i = 0; i < 8; i++) {
			struct gnttab_unmap_grant_ref u = {
				.host_addr = (FREE_GFN + 32UL + i) << PAGE_SHIFT,
				.handle = handle,
			};

			CALL3(grant_table_op, GNTTABOP_unmap_grant_ref, &u, 1);
		}
	for (unsigned int i = 0; i < 8; i++) {
		struct xen_remove_from_physmap rm = {
			.domid = DOMID_SELF,
			.gpfn = FREE_GFN + 32 + i,
		};

		CALL2(memory_op, XENMEM_remove_from_physmap, &rm);
	}
	after = CALL2(memory_op, XENMEM_current_reservation, &self);
	ok_eq(after, before, "as many pages as before");
	for (unsigned int i = 0; i < 8; i++)
		ok_eq(grants[64 + i].flags, GTF_permit_access,
		      "entry %u has no mark left", 64 + i);
}

void test_smp(void)
{
	test_place_info();
	test_start();
	test_down();
	race("changing arguments", JOB_SCRIBBLE, &args, 3000000000ULL);
	window_map(8, (u64)&args, PTE_RW);
	race("changing page tables", JOB_TABLES, window_at(8), 3000000000ULL);
	if (on_tenon) { /* see grants.c for why not on Xen */
		test_unmap_race();
		test_memory_race();
	}
	icr(AP_ID << 32 | ICR_INIT);
	test_smoke();
}
