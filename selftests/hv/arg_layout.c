// SPDX-License-Identifier: MIT
/*
 * arg_layout.c - structures of 32-bit callers, against Xen's own headers
 *
 * Compiled twice.  With -m32 -DXEN_HEADERS it is a program that prints where
 * each member is in 32-bit code; without, the test: it runs that program, puts
 * bytes where it says, and looks for them where a handler would.  No arguments,
 * TAP on stdout.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef XEN_HEADERS
#define __XEN_INTERFACE_VERSION__ 0x00040e00
#include <xen/xen.h>
#include <xen/grant_table.h>
#include <xen/memory.h>
#include <xen/sched.h>
#include <xen/vcpu.h>
#include <xen/version.h>
#define PICK(ours, xens) xens
#else
#include "../../hv/abi/grant_table.h"
#include "../../hv/abi/memory.h"
#include "../../hv/abi/sched.h"
#include "../../hv/abi/vcpu.h"
#include "../../hv/abi/version.h"
#include "../../hv/call/arg.h"
#define TAP_MAIN
#include "../lib/tap.h"
#define PICK(ours, xens) ours
#endif

struct member {
	const char *name;
	unsigned int offset, size;
};

#define SIZE(ours, xens) { #ours, 0, sizeof(PICK(struct ours, struct xens)) }
#define S(name) SIZE(name, name)
#define MEMBER(ours, field, xens, xfield)                                  \
	{ "." #field,                                                      \
	  offsetof(PICK(struct ours, struct xens), PICK(field, xfield)),   \
	  sizeof(((PICK(struct ours, struct xens) *)0)->PICK(field, xfield)) }
#define M(name, field) MEMBER(name, field, name, field)
#define COPY(field) M(gnttab_copy, field)

/* A structure, then its members; the same structures in layouts[] below. */
static const struct member members[] = {
	S(xen_memory_reservation), M(xen_memory_reservation, extent_start),
	M(xen_memory_reservation, nr_extents),
	M(xen_memory_reservation, extent_order),
	M(xen_memory_reservation, mem_flags), M(xen_memory_reservation, domid),
	S(xen_add_to_physmap), M(xen_add_to_physmap, domid),
	M(xen_add_to_physmap, size), M(xen_add_to_physmap, space),
	M(xen_add_to_physmap, idx), M(xen_add_to_physmap, gpfn),
	S(xen_add_to_physmap_batch), M(xen_add_to_physmap_batch, domid),
	M(xen_add_to_physmap_batch, space), M(xen_add_to_physmap_batch, size),
	MEMBER(xen_add_to_physmap_batch, foreign_domid,
	       xen_add_to_physmap_batch, u.foreign_domid),
	M(xen_add_to_physmap_batch, idxs), M(xen_add_to_physmap_batch, gpfns),
	M(xen_add_to_physmap_batch, errs),
	S(xen_remove_from_physmap), M(xen_remove_from_physmap, domid),
	M(xen_remove_from_physmap, gpfn),
	S(xen_memory_map), M(xen_memory_map, nr_entries),
	M(xen_memory_map, buffer),
	S(sched_poll), M(sched_poll, ports), M(sched_poll, nr_ports),
	M(sched_poll, timeout),
	S(vcpu_set_singleshot_timer),
	M(vcpu_set_singleshot_timer, timeout_abs_ns),
	M(vcpu_set_singleshot_timer, flags),
	S(vcpu_runstate_info), M(vcpu_runstate_info, state),
	M(vcpu_runstate_info, state_entry_time), M(vcpu_runstate_info, time[0]),
	M(vcpu_runstate_info, time[1]), M(vcpu_runstate_info, time[2]),
	M(vcpu_runstate_info, time[3]),
	S(xen_platform_parameters), M(xen_platform_parameters, virt_start),
	S(gnttab_setup_table), M(gnttab_setup_table, dom),
	M(gnttab_setup_table, nr_frames), M(gnttab_setup_table, status),
	M(gnttab_setup_table, frame_list),
	S(gnttab_copy), COPY(source.u.gmfn), COPY(source.domid),
	COPY(source.offset), COPY(dest.u.gmfn), COPY(dest.domid),
	COPY(dest.offset), COPY(len), COPY(flags), COPY(status),
	/* Longs throughout: no description. */
	S(multicall_entry), M(multicall_entry, op), M(multicall_entry, result),
	M(multicall_entry, args[0]), M(multicall_entry, args[5]),
	/* Not converted, but used where they are. */
	SIZE(vcpu_info32, vcpu_info),
	MEMBER(vcpu_info32, evtchn_upcall_pending, vcpu_info,
	       evtchn_upcall_pending),
	MEMBER(vcpu_info32, evtchn_pending_sel, vcpu_info, evtchn_pending_sel),
	MEMBER(vcpu_info32, time, vcpu_info, time),
	SIZE(shared_info32, shared_info),
	MEMBER(shared_info32, vcpu_info, shared_info, vcpu_info),
	MEMBER(shared_info32, evtchn_pending, shared_info, evtchn_pending),
	MEMBER(shared_info32, evtchn_mask, shared_info, evtchn_mask),
	MEMBER(shared_info32, wc_version, shared_info, wc_version),
	MEMBER(shared_info32, wc_sec, shared_info, wc_sec),
	MEMBER(shared_info32, wc_nsec, shared_info, wc_nsec),
	MEMBER(shared_info32, wc_sec_hi, shared_info, xen_wc_sec_hi),
	/* The same for both. */
	S(vcpu_time_info), S(vcpu_register_vcpu_info),
	M(vcpu_register_vcpu_info, offset),
	SIZE(gnttab_map_grant_ref, gnttab_map_grant_ref),
	M(gnttab_map_grant_ref, dev_bus_addr), S(gnttab_unmap_grant_ref),
	M(gnttab_unmap_grant_ref, status), S(gnttab_query_size),
	S(gnttab_get_version), S(xen_feature_info), S(sched_shutdown),
};
#define NR_MEMBERS (sizeof(members) / sizeof(members[0]))

#ifdef XEN_HEADERS
int main(void)
{
	for (unsigned int i = 0; i < NR_MEMBERS; i++)
		printf("%s %u %u\n", members[i].name, members[i].offset,
		       members[i].size);
	return 0;
}
#else

#define SAME ""

static const struct {
	const char *name, *members;
} layouts[] = {
	{ "xen_memory_reservation", MEMBERS_memory_reservation },
	{ "xen_add_to_physmap", MEMBERS_add_to_physmap },
	{ "xen_add_to_physmap_batch", MEMBERS_add_to_physmap_batch },
	{ "xen_remove_from_physmap", MEMBERS_remove_from_physmap },
	{ "xen_memory_map", MEMBERS_memory_map },
	{ "sched_poll", MEMBERS_sched_poll },
	{ "vcpu_set_singleshot_timer", MEMBERS_vcpu_set_singleshot_timer },
	{ "vcpu_runstate_info", MEMBERS_vcpu_runstate_info },
	{ "xen_platform_parameters", MEMBERS_platform_parameters },
	{ "gnttab_setup_table", MEMBERS_gnttab_setup_table },
	{ "gnttab_copy", MEMBERS_gnttab_copy },
	{ "multicall_entry", "llllllll" },
};

static struct member narrow[NR_MEMBERS];
static struct vcpu caller;
struct cpu cpus[NR_CPUS];
static const char *lister; /* the program that prints the layouts */

int guest_read(void *, u64, size_t)
{
	return -EFAULT;
}

int guest_write(u64, const void *, size_t)
{
	return -EFAULT;
}

void panic(const char *fmt, ...)
{
	printf("Bail out! %s\n", fmt);
	__builtin_abort();
}

static const char *layout_of(const char *name)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(layouts); i++)
		if (!strcmp(layouts[i].name, name))
			return layouts[i].members;
	return NULL;
}

static bool is_struct(const struct member *m)
{
	return m->name[0] != '.';
}

TEST(the_headers_have_the_same_members)
{
	static char names[NR_MEMBERS][64];
	FILE *f = popen(lister, "r");

	REQUIRE(f);
	for (unsigned int i = 0; i < NR_MEMBERS; i++) {
		REQUIRE(fscanf(f, "%63s %u %u", names[i], &narrow[i].offset,
			       &narrow[i].size) == 3);
		narrow[i].name = names[i];
		CHECK(!strcmp(names[i], members[i].name));
	}
	CHECK(!pclose(f));
}

/* A byte that differs from one member and place to the next. */
static u8 byte_of(unsigned int nr, unsigned int member, unsigned int i)
{
	return 1 + (nr * 89 + member * 23 + i * 5) % 255;
}

#define ARRAY 3

/* Members [@first, @end) of the structure before them, which has @m. */
static void check_struct(unsigned int first, unsigned int end, const char *m)
{
	unsigned int wide_size = members[first - 1].size;
	unsigned int narrow_size = narrow[first - 1].size;
	u8 args[ARRAY * 128], before[ARRAY * 128] = { 0 };

	CHECK(arg_size(wide_size, m) == narrow_size);
	for (unsigned int nr = 0; nr < ARRAY; nr++)
		for (unsigned int i = first; i < end; i++)
			for (unsigned int b = 0; b < narrow[i].size; b++)
				before[nr * narrow_size + narrow[i].offset + b] =
					byte_of(nr, i, b);
	memset(args, 0xa5, sizeof(args));
	memcpy(args, before, ARRAY * narrow_size);
	arg_widen(args, wide_size, m, ARRAY);
	for (unsigned int nr = 0; nr < ARRAY; nr++)
		for (unsigned int i = first; i < end; i++)
			for (unsigned int b = 0; b < members[i].size; b++)
				CHECK(args[nr * wide_size + members[i].offset +
					   b] == (b < narrow[i].size ?
							  byte_of(nr, i, b) :
							  0));
	arg_narrow(args, wide_size, m, ARRAY);
	CHECK(!memcmp(args, before, ARRAY * narrow_size));
	CHECK(args[ARRAY * wide_size] == 0xa5);
}

TEST(structures_are_converted)
{
	unsigned int done = 0, end;

	for (unsigned int i = 0; i < NR_MEMBERS; i = end) {
		const char *m = layout_of(members[i].name);

		for (end = i + 1; end < NR_MEMBERS && !is_struct(&members[end]);)
			end++;
		/* Of multicall_entry only some are listed: the rest is 0. */
		if (!m)
			continue;
		printf("# %s\n", members[i].name);
		check_struct(i + 1, end, m);
		done++;
	}
	CHECK(done == ARRAY_SIZE(layouts));
}

TEST(others_are_the_same)
{
	const char *m = NULL;

	for (unsigned int i = 0; i < NR_MEMBERS; i++) {
		if (is_struct(&members[i]))
			m = layout_of(members[i].name);
		if (m)
			continue;
		if (members[i].offset != narrow[i].offset ||
		    members[i].size != narrow[i].size) {
			printf("# %s: %u %u, in 32-bit code %u %u\n",
			       members[i].name, members[i].offset,
			       members[i].size, narrow[i].offset,
			       narrow[i].size);
			CHECK(false);
		}
	}
}

TEST(of_64_bits_nothing_is_converted)
{
	u8 args[64], before[64];

	for (unsigned int i = 0; i < sizeof(args); i++)
		args[i] = before[i] = i;
	caller.call32 = false;
	CHECK(arg_size(40, MEMBERS_gnttab_copy) == 40);
	arg_widen(args, 40, MEMBERS_gnttab_copy, 1);
	arg_narrow(args, 40, MEMBERS_gnttab_copy, 1);
	CHECK(!memcmp(args, before, sizeof(args)));
	caller.call32 = true;
	CHECK(arg_size(40, NULL) == 40);
	arg_widen(args, 40, NULL, 1);
	CHECK(!memcmp(args, before, sizeof(args)));
}

TEST(times_begin_where_they_are_written)
{
	for (unsigned int i = 0; i < NR_MEMBERS; i++) {
		if (strcmp(members[i].name, ".state_entry_time"))
			continue;
		CHECK(members[i].offset == VCPU_RUNSTATE_ENTRY);
		CHECK(narrow[i].offset == VCPU_RUNSTATE_ENTRY32);
	}
}

int main(int, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(the_headers_have_the_same_members),
		TAP_TEST(structures_are_converted),
		TAP_TEST(others_are_the_same),
		TAP_TEST(of_64_bits_nothing_is_converted),
		TAP_TEST(times_begin_where_they_are_written),
	};
	static char path[4096];

	snprintf(path, sizeof(path), "%s_xen32", argv[0]);
	lister = path;
	caller.call32 = true;
	cpus[0].self = &cpus[0];
	cpus[0].vcpu = &caller;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[0])) {
		printf("Bail out! no CPU\n");
		return 1;
	}
	return tap_run(tests, ARRAY_SIZE(tests));
}
#endif
