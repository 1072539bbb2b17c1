// SPDX-License-Identifier: MIT
/*
 * crash.c - what must end this guest, and nothing else
 *
 * Each prints "# ending", then does it; nothing comes after.  The rig looks at
 * what is left.
 */
#include "guest.h"

#define NOTHING 0x7fff0000UL /* no memory there: a guest has 48 MiB */

static void ending(void)
{
	u64 t = now();

	print("# ending");
	/* Time for the line to be read. */
	while (now() - t < 1000000000)
		CALL2(sched_op, SCHEDOP_yield, 0);
}

static void alive(void)
{
	/* Xen answers reads of nothing by all ones and drops writes. */
	print("# still alive");
	tap_plan();
	power_off(SHUTDOWN_poweroff);
}

void test_triple_fault(void)
{
	static const struct {
		u16 limit;
		u64 base;
	} __packed none = { 0, 0 };

	ending();
	__asm__ __volatile__("lidt %0; ud2" : : "m"(none));
}

/* Nobody is left who could wake it. */
void test_halt(void)
{
	ending();
	__asm__ __volatile__("cli; hlt");
	alive();
}

void test_unbacked_read(void)
{
	ending();
	(void)*(volatile u64 *)NOTHING;
	alive();
}

void test_unbacked_write(void)
{
	ending();
	*(volatile u64 *)NOTHING = 1;
	alive();
}

void test_unbacked_jump(void)
{
	ending();
	((void (*)(void))NOTHING)();
	alive();
}

/* Page tables, and with them everything, where nothing is. */
void test_unbacked_tables(void)
{
	ending();
	__asm__ __volatile__("mov %0, %%cr3" : : "r"(NOTHING) : "memory");
	alive();
}

/* The frame that is running goes. */
void test_own_code(void)
{
	u64 gfn = gfn_of(test_own_code);
	struct xen_memory_reservation give = {
		.extent_start = (u64)&gfn,
		.nr_extents = 1,
		.domid = DOMID_SELF,
	};

	ending();
	CALL2(memory_op, XENMEM_decrease_reservation, &give);
	alive();
}

/* Reserved bits of CR4: #GP on hardware; the emulator ends the guest. */
void test_cr4(void)
{
	ending();
	PROBE("mov %0, %%cr4", : : "r"(~0UL) : "memory");
	alive();
}

/* An exception whose handler faults, and so on without an end. */
void test_fault_loop(void)
{
	u64 dr7 = 1 | 3 << 16 | 0x400;

	ending();
	/* A watchpoint on the stack that exceptions are pushed to. */
	__asm__ __volatile__("mov %%rsp, %%rax; sub $8, %%rax; mov %%rax, %%dr0;"
			     "mov %0, %%dr7; push %%rax; pop %%rax"
			     : : "r"(dr7) : "rax", "memory");
	for (;;)
		;
}

/* Busy for ever: others must still run. */
void test_spin(void)
{
	ending();
	for (;;)
		barrier();
}
