// SPDX-License-Identifier: MIT
/*
 * garbage.c - every hypercall, with every class of bad argument
 *
 * The answer must be an errno or what the ABI calls success; the guest must
 * live on, and nothing may be written outside the memory whose address was
 * given.  Values and pointers are chosen so that a legal effect cannot harm this
 * image: frames below 512 KiB and above RAM only, pointers into a scratch area
 * whose neighbours are unmapped.  What legitimately stops the guest or puts it
 * to sleep is left out, see harmless().
 *
 * "seed=" and "rounds=" on the command line choose; "trace=" prints all calls
 * of a number.
 */
#include "guest.h"

#define AREA 64 /* window pages [AREA, AREA + 4) are writable memory */
#define AREA_PAGES 4
#define READ_ONLY 72 /* a page that may not be written */
#define HOLE 76 /* a page table entry without memory behind it */
#define UNMAPPED 80
#define NON_CANONICAL 0x8000000000000000UL

static u8 *area;
static bool narrow; /* calls are made by 32-bit code */

static u64 pick(const u64 *list, unsigned int n)
{
	return list[random64() % n];
}

/* A number that means something to somebody. */
static u64 bad_number(void)
{
	static const u64 numbers[] = {
		0, 0, 0, 1, 1, 2, 3, 4, 7, 8, 31, 32, 63, 64, 127, 1023, 4095,
		/* domain ids */
		DOMID_SELF, DOMID_IO, DOMID_XEN, DOMID_COW, DOMID_INVALID,
		DOMID_IDLE, 32751, 32752, 0xffff, 0x8000,
		/* counts and sizes */
		1UL << 31, (1UL << 31) - 1, 0xffffffff, 1UL << 32, 1UL << 52,
		1UL << 58, 1UL << 63, ~0UL, ~0UL - 1, ~0UL << 12,
		/* frames: low memory, far above RAM, the ends of the map */
		1, 0x10, 0x40, 0x7f, 0x10000, 0xfffff, 1UL << 24,
		(1UL << 36) - 1, 1UL << 36, (1UL << 40) - 1,
	};

	return random64() % 8 ? pick(numbers, ARRAY_SIZE(numbers)) :
				random64() % 512;
}

static u64 bad_pointer(void)
{
	u64 base = (u64)area, end = base + AREA_PAGES * PAGE_SIZE;
	const u64 pointers[] = {
		base, base + 1, base + 7, base + 0x400, base + PAGE_SIZE - 4,
		base + 2 * PAGE_SIZE - 1,
		/* runs out of mapped memory at once, or after a while */
		end - 1, end - 4, end - 8, end - 16, end - 64, end - 0x200,
		0, 1, 8, (u64)window_at(UNMAPPED), (u64)window_at(HOLE),
		(u64)window_at(READ_ONLY), (u64)window_at(READ_ONLY) + 4090,
		NON_CANONICAL, NON_CANONICAL - 8, 0xffff800000000000UL,
		~0UL, ~0UL - 7, ~0UL << 12, 0xffffffffUL,
	};

	return pick(pointers, ARRAY_SIZE(pointers));
}

static u64 bad_value(void)
{
	return random64() % 4 ? bad_number() : bad_pointer();
}

/* Words of all sizes at once: structs of any layout see odd values. */
static void fill_area(void)
{
	for (unsigned int at = 0; at < AREA_PAGES * PAGE_SIZE - 8;) {
		u64 v = bad_value();
		unsigned int size = 2U << random64() % 3;

		at = ALIGN_UP(at, size);
		memcpy(area + at, &v, size);
		at += size;
	}
}

/* Only the part that calls read first is worth filling often. */
static void fill_head(void)
{
	for (unsigned int at = 0; at < 256; at += 8) {
		u64 v = bad_value();

		if (random64() & 1)
			v = (v & 0xffffffff) | bad_number() << 32;
		memcpy(area + at, &v, 8);
	}
}

/* False for what may end this guest, or block it, by right. */
static bool harmless(u64 nr, const u64 *arg)
{
	u32 word[4] = { 0 };

	if (arg[1] - (u64)area <= AREA_PAGES * PAGE_SIZE - sizeof(word))
		memcpy(word, (void *)arg[1], sizeof(word));
	switch (nr) {
	case HYPERCALL_sched_op:
		return arg[0] == SCHEDOP_yield || arg[0] > SCHEDOP_watchdog;
	case HYPERCALL_vcpu_op:
		/* An NMI of its own would find 32-bit code without a stack. */
		return arg[0] != VCPUOP_down && !(narrow && arg[0] == 11);
	case HYPERCALL_event_channel_op:
		/* The console must go on. */
		if (arg[0] == EVTCHNOP_reset)
			return false;
		/* What would succeed: the other tests know 2 levels only. */
		if (arg[0] == EVTCHNOP_init_control)
			return word[3] != 0;
		return arg[0] != EVTCHNOP_close || (word[0] != console_port &&
						    word[0] != store_port);
	case HYPERCALL_hvm_op:
		/* An interrupt by the vector of an exception looks like one. */
		return arg[0] != HVMOP_set_evtchn_upcall_vector ||
		       (word[1] & 0xff) >= 32;
	case HYPERCALL_console_io:
		return arg[0] != CONSOLEIO_write; /* has a test of its own */
	case HYPERCALL_multicall:
		return false; /* too */
	}
	return true;
}

/* Calls that no guest but a privileged one may make: never a success. */
static bool forbidden(u64 nr)
{
	return nr == HYPERCALL_domctl || nr == HYPERCALL_sysctl ||
	       nr == HYPERCALL_platform_op || nr == HYPERCALL_mca;
}

static bool answer_ok(u64 nr, s64 ret)
{
	if (ret < 0)
		return ret >= -133 && ret != -ERESTART;
	return !forbidden(nr);
}

static unsigned int nr_bad;
static u64 trace;

static void try(u64 nr, const u64 *arg)
{
	u64 seed = random_state;
	s64 ret;

	if (!harmless(nr, arg))
		return;
	/* What was the last thing that a guest did which is no more? */
	if (trace == nr)
		print("# %lx %lx %lx %lx %lx: %lx %lx %lx %lx", arg[0], arg[1],
		      arg[2], arg[3], arg[4], ((u64 *)area)[0],
		      ((u64 *)area)[1], ((u64 *)area)[2], ((u64 *)area)[3]);
	ret = (narrow ? call32 : hypercall)(nr, arg[0], arg[1], arg[2], arg[3],
					    arg[4]);
	if (answer_ok(nr, ret))
		return;
	nr_bad++;
	note("hypercall %lu (%lx, %lx, %lx, %lx, %lx) = %ld (state %lx)", nr,
	     arg[0], arg[1], arg[2], arg[3], arg[4], ret, seed);
}

static u64 image_sum(void)
{
	extern u64 image_start[], image_ro_end[];
	u64 sum = 0;

	for (const u64 *p = image_start; p < image_ro_end; p++)
		sum = (sum << 1 | sum >> 63) ^ *p;
	return sum;
}

/* The layout most calls share: a command, a pointer to a struct, a count. */
static void try_commands(u64 nr, unsigned int rounds)
{
	for (u64 cmd = 0; cmd < 70; cmd++) {
		for (unsigned int i = 0; i < rounds; i++) {
			u64 arg[5] = { cmd, (u64)area, bad_number(),
				       bad_value(), bad_value() };

			if (i % 4 == 3)
				arg[1] = bad_pointer();
			/* vcpu_op: the vCPU comes before the pointer. */
			if (nr == HYPERCALL_vcpu_op) {
				arg[2] = arg[1];
				arg[1] = i % 2 ? 0 : bad_number();
			}
			/* grant_table_op: mostly the small counts do things. */
			if (nr == HYPERCALL_grant_table_op && i % 2)
				arg[2] = 1 + random64() % 40;
			fill_head();
			try(nr, arg);
		}
	}
}

static void test_numbers(unsigned int rounds)
{
	static const u64 huge[] = { 64, 65, 100, 0x7fffffff, 0x80000000,
				    0xffffffff, 1UL << 32 | 29, ~0UL, 1UL << 63,
				    1UL << 63 | 12 };
	u64 arg[5];

	for (unsigned int i = 0; i < ARRAY_SIZE(huge); i++)
		ok_eq(narrow ? call32((u32)huge[i] | 64, 0, 0, 0, 0, 0) :
			       hypercall(huge[i], 0, 0, 0, 0, 0), -ENOSYS,
		      "hypercall number 0x%lx does not exist", huge[i]);
	for (u64 nr = 0; nr < 64; nr++) {
		nr_bad = 0;
		for (unsigned int i = 0; i < rounds * 8; i++) {
			for (unsigned int k = 0; k < 5; k++)
				arg[k] = bad_value();
			if (i % 2)
				arg[0] %= 64;
			fill_head();
			try(nr, arg);
		}
		try_commands(nr, rounds);
		ok(!nr_bad, "hypercall %lu answers anything by an errno", nr);
	}
}

/* A list of garbage calls; and lists that are garbage themselves. */
static void test_multicall(unsigned int rounds)
{
	/* The last page alone, so that a list runs off its end. */
	struct multicall_entry *list =
		(void *)(area + (AREA_PAGES - 1) * PAGE_SIZE);
	unsigned int n = PAGE_SIZE / sizeof(*list), bad = 0;
	s64 ret;

	ret = CALL2(multicall, 0, 0);
	ok_eq(ret, 0, "multicall of nothing");
	ok_eq(CALL2(multicall, 0, 1), -EFAULT, "multicall of a NULL list");
	ok_eq(CALL2(multicall, NON_CANONICAL, 3), -EFAULT,
	      "multicall of a list nowhere");
	for (unsigned int i = 0; i < rounds; i++) {
		fill_area();
		for (unsigned int k = 0; k < n; k++) {
			list[k].op = random64() % 64;
			if (!harmless(list[k].op, list[k].args) ||
			    list[k].op == HYPERCALL_event_channel_op ||
			    list[k].op == HYPERCALL_memory_op)
				list[k].op = HYPERCALL_xen_version;
			list[k].args[1] = bad_pointer() % PAGE_SIZE;
		}
		ret = CALL2(multicall, list, n);
		bad += ret != 0 && ret != -EFAULT;
		ret = CALL2(multicall, list, i % 2 ? n + 1 : 1U << 31);
		bad += ret != -EFAULT && ret != -EINVAL && ret != -EPERM;
	}
	ok(!bad, "multicalls of garbage");

	memset(list, 0, 2 * sizeof(*list));
	list[0].op = HYPERCALL_multicall;
	list[0].args[0] = (u64)list;
	list[0].args[1] = 2;
	list[1].op = HYPERCALL_xen_version;
	ok_eq(CALL2(multicall, list, 2), 0, "multicall of a multicall");
	ok((s64)list[0].result < 0, "which is refused");
	ok((s64)list[1].result > 0, "and the next entry served");
}

static void test_console(void)
{
	u64 end = (u64)area + AREA_PAGES * PAGE_SIZE;
	/* Xen has this call for guests only in debug builds. */
	s64 no = on_tenon ? 0 : -EPERM;
	char *text = (char *)area;

	for (unsigned int i = 0; i < 300; i++)
		text[i] = i;
	ok_either(CALL3(console_io, CONSOLEIO_write, 300, text), 0, no,
		  "console: all 256 bytes");
	ok_either(CALL3(console_io, CONSOLEIO_write, 0, 0), 0, no,
		  "console: nothing");
	no = on_tenon ? -EFAULT : -EPERM;
	ok_either(CALL3(console_io, CONSOLEIO_write, 10, 0), -EFAULT, no,
		  "console: NULL");
	ok_either(CALL3(console_io, CONSOLEIO_write, 1UL << 31, end - 100),
		  -EFAULT, no, "console: 2^31 bytes");
	ok_either(CALL3(console_io, CONSOLEIO_write, 0xffffffffUL, end - 100),
		  -EFAULT, no, "console: 2^32 - 1 bytes");
	ok(CALL3(console_io, CONSOLEIO_read, 100, text) < 0,
	   "console: input is not for guests");
}

/* Each of these is right in form; the caller is not. */
static void test_privileged(void)
{
	u32 *control = (u32 *)area;
	unsigned int bad = 0;

	for (u32 cmd = 0; cmd < 100; cmd++) {
		memset(area, 0, 256);
		control[0] = cmd;
		control[1] = 0x15; /* the interface version of 4.17 */
		control[2] = own_domid;
		if (CALL2(domctl, area, 0) >= 0)
			note("domctl %u allowed", cmd), bad++;
		if (CALL2(sysctl, area, 0) >= 0)
			note("sysctl %u allowed", cmd), bad++;
		control[1] = 0x03000000;
		if (CALL2(platform_op, area, 0) >= 0)
			note("platform_op %u allowed", cmd), bad++;
	}
	ok(!bad, "domctl, sysctl and platform_op are not for guests");
}

/* What a guest may know and set of itself, and nothing of another's. */
static void test_params(void)
{
	static const u32 tools[] = { HVM_PARAM_STORE_PFN, HVM_PARAM_CONSOLE_PFN,
				     HVM_PARAM_IDENT_PT, HVM_PARAM_ALTP2M,
				     HVM_PARAM_NESTEDHVM };
	struct hvm_param p;
	unsigned int bad = 0;

	for (u32 index = 0; index < 70; index++) {
		p = (struct hvm_param){ .domid = 0, .index = index };
		bad += CALL2(hvm_op, HVMOP_get_param, &p) >= 0;
		bad += CALL2(hvm_op, HVMOP_set_param, &p) >= 0;
		p = (struct hvm_param){ .domid = DOMID_XEN, .index = index };
		bad += CALL2(hvm_op, HVMOP_get_param, &p) >= 0;
		bad += CALL2(hvm_op, HVMOP_set_param, &p) >= 0;
	}
	ok(!bad, "parameters of other domains");
	for (unsigned int i = 0; i < ARRAY_SIZE(tools); i++) {
		p = (struct hvm_param){
			.domid = DOMID_SELF,
			.index = tools[i],
			.value = 0x1234,
		};
		ok(CALL2(hvm_op, HVMOP_set_param, &p) < 0,
		   "parameter %u is the toolstack's", tools[i]);
	}
	p = (struct hvm_param){ .domid = DOMID_SELF, .index = 39 };
	ok_eq(CALL2(hvm_op, HVMOP_get_param, &p), -EINVAL, "parameter 39");
	p.index = ~0U;
	ok_eq(CALL2(hvm_op, HVMOP_get_param, &p), -EINVAL,
	      "parameter 2^32 - 1");
}

void test_garbage(void)
{
	unsigned int rounds = option("rounds", 16);
	u64 sum, began = now();

	note("%u rounds", rounds);
	trace = option("trace", ~0UL);
	random_state = option("seed", 1) * 88172645463325252ULL;
	for (unsigned int i = 0; i < AREA_PAGES; i++)
		window_map(AREA + i, (u64)scratch[i], PTE_RW);
	window_map(READ_ONLY, (u64)scratch[AREA_PAGES], 0);
	window_map(HOLE, 0x7ffff000, PTE_RW);
	area = window_at(AREA);
	/* A number taken for a pointer, and a large count, would reach us. */
	low_memory_unmap();
	memset(scratch[AREA_PAGES], 0x5a, (SCRATCH_PAGES - AREA_PAGES) * PAGE_SIZE);
	sum = image_sum();
	fill_area();

	test_numbers(rounds);
	note("%lu ms, now by 32-bit code", (now() - began) / 1000000);
	narrow = true;
	test_numbers(rounds / 2);
	note("%lu ms", (now() - began) / 1000000);
	test_multicall(rounds);
	note("%lu ms", (now() - began) / 1000000);
	test_console();
	test_privileged();
	test_params();

	ok(image_sum() == sum, "code and constants are what they were");
	ok(all_bytes(scratch[AREA_PAGES], 0x5a,
		     (SCRATCH_PAGES - AREA_PAGES) * PAGE_SIZE),
	   "nothing was written through a read-only or missing mapping");
	ok_eq(map_shared_info(), 0, "shared info can be mapped again");
	event_init();
	event_init_own_vector();
	test_smoke();
}
