// SPDX-License-Identifier: MIT
/*
 * cpu.c - instructions, registers and ports that a guest must not have
 */
#include "guest.h"

static int rdmsr(u32 msr, u64 *val)
{
	u32 lo = 0, hi = 0;
	int trap = PROBE("rdmsr", : "=a"(lo), "=d"(hi) : "c"(msr), "0"(0), "1"(0));

	*val = (u64)hi << 32 | lo;
	return trap;
}

static int wrmsr(u32 msr, u64 val)
{
	return PROBE("wrmsr", : : "c"(msr), "a"((u32)val),
		     "d"((u32)(val >> 32)) : "memory");
}

/* Every leaf answers; nothing of virtualisation inside is offered. */
static void test_cpuid(void)
{
	u32 r[4], leaves = 0;

	for (u64 base = 0; base <= 0xc0000000; base += 0x40000000)
		for (u64 leaf = base; leaf < base + 0x300; leaf++)
			for (u32 sub = 0; sub < 4; sub++, leaves++)
				cpuid(leaf, sub, r);
	for (unsigned int i = 0; i < 2000; i++, leaves++)
		cpuid(random64(), random64(), r);
	ok(true, "%u CPUID leaves answer", leaves);
	cpuid(cpuid_base, 0, r);
	ok(r[0] >= cpuid_base + 2, "the hypervisor's leaves");
	cpuid(0x80000001, 0, r);
	ok(!(r[2] & 1 << 2), "no SVM is offered");
	cpuid(1, 0, r);
	ok(!(r[2] & 1 << 5), "no VMX is offered");
	ok(!(r[2] & 1 << 3), "no MONITOR is offered");
	ok(r[2] & 1U << 31, "the hypervisor bit is set");
}

/*
 * Read, and write back what was read, or garbage: a value or #GP.  Registers
 * that move this code's own ground are read only: bases, EFER, the APIC.
 */
static bool msr_is_ours(u32 msr)
{
	return (msr >= 0xc0000080 && msr <= 0xc0000084) || msr == 0xc0000100 ||
	       msr == 0xc0000101 || msr == 0xc0000102 || msr == 0x1b ||
	       (msr >= 0x800 && msr < 0x900) ||
	       (msr >= 0x40000000 && msr < 0x40010000);
}

static void test_msrs(void)
{
	static const struct {
		u32 from, to;
	} ranges[] = {
		{ 0, 0x2000 },
		{ 0x40000000, 0x40000200 },
		{ 0xc0000000, 0xc0000200 },
		{ 0xc0000f00, 0xc0002000 },
		{ 0xc0010000, 0xc0010200 },
		{ 0xc0011000, 0xc0011100 },
		{ 0xffffff00, 0xffffffff },
	};
	unsigned int readable = 0, other = 0;
	u64 val;

	for (unsigned int i = 0; i < ARRAY_SIZE(ranges); i++) {
		for (u32 msr = ranges[i].from; msr < ranges[i].to; msr++) {
			int trap = rdmsr(msr, &val);

			readable += trap == TRAP_NONE;
			other += trap != TRAP_NONE && trap != TRAP_GP;
			if (msr_is_ours(msr))
				continue;
			trap = wrmsr(msr, trap == TRAP_NONE ? val : 0);
			other += trap != TRAP_NONE && trap != TRAP_GP;
			/* No garbage for time and memory types. */
			if (msr == 0x10 || msr == 0x3b || msr == 0x277)
				continue;
			trap = wrmsr(msr, random64());
			other += trap != TRAP_NONE && trap != TRAP_GP;
		}
	}
	ok(!other, "all MSRs: a value or #GP (%u readable)", readable);
	ok(readable < 400, "not the machine's registers as such");
	ok_eq(wrmsr(0xc0000080, ~0UL), TRAP_GP, "EFER: reserved bits");
	ok_eq(rdmsr(0xc0000080, &val), TRAP_NONE, "EFER can be read");
	ok(!(val & 1 << 12), "and does not show SVME");
	ok_eq(wrmsr(0xc0000080, val | 1 << 12), TRAP_GP, "nor lets it be set");
	if (on_tenon) {
		ok_eq(wrmsr(0x277, 0x0202020202020202UL), TRAP_GP,
		      "PAT: reserved memory types");
		ok_eq(wrmsr(0xc0010117, 0x1000), TRAP_GP,
		      "VM_HSAVE_PA is not there");
	}
}

static void test_x2apic(void)
{
	unsigned int other = 0, readable = 0;
	u64 val;

	rdmsr(0x1b, &val);
	wrmsr(0x1b, val | 3 << 10); /* x2APIC mode, if it is not on yet */
	for (u32 msr = 0x800; msr < 0x900; msr++) {
		int trap = rdmsr(msr, &val);

		readable += trap == TRAP_NONE;
		other += trap != TRAP_NONE && trap != TRAP_GP;
	}
	ok(!other && readable > 20, "x2APIC: %u registers, the rest #GP",
	   readable);
	for (u32 msr = 0x800; msr < 0x900; msr++) {
		/* Not the command register: it sends; not to ourselves. */
		if (msr == 0x830 || msr == 0x83f)
			continue;
		for (unsigned int i = 0; i < 8; i++) {
			int trap = wrmsr(msr, random64() >> 8 * i);

			other += trap != TRAP_NONE && trap != TRAP_GP;
		}
	}
	ok(!other, "x2APIC: garbage is taken or #GP");
	wrmsr(0x838, 0); /* no timer */
	wrmsr(0x832, 1 << 16);
	/* Commands to IDs that nobody has, of every mode. */
	for (u64 mode = 0; mode < 8; mode++)
		wrmsr(0x830, 0xdeadUL << 32 | mode << 8 | 0xfe);
	wrmsr(0x830, ~0UL << 32 | 3 << 18 | 5 << 8); /* INIT to all others */
	wrmsr(0x830, 3 << 18 | 6 << 8 | 8);
	ok(true, "commands to nobody");
}

/* A periodic timer as fast as it goes must not stop anything. */
static void test_apic_timer(void)
{
	u64 t0;

	wrmsr(0x80f, 0x1ff);
	wrmsr(0x83e, 0xb);
	wrmsr(0x832, 1 << 17 | 0x40); /* periodic, vector 0x40, never taken */
	wrmsr(0x838, 1);
	t0 = now();
	while (now() - t0 < 500000000)
		CALL2(sched_op, SCHEDOP_yield, 0);
	ok(true, "a timer of 1 ns that nobody answers");
	wrmsr(0x838, 0);
	wrmsr(0x832, 1 << 16);
}

#define EXPECT(insn, a, b)                                                  \
	do {                                                                \
		int trap_ = PROBE(insn, : : "a"(0), "c"(0), "d"(0) : "memory", \
				  "cc");                                    \
									    \
		ok_either(trap_, a, b, "%s", insn);                         \
	} while (0)

static void test_instructions(void)
{
	EXPECT("vmrun", TRAP_UD, TRAP_GP);
	EXPECT("vmload", TRAP_UD, TRAP_GP);
	EXPECT("vmsave", TRAP_UD, TRAP_GP);
	EXPECT("stgi", TRAP_UD, TRAP_GP);
	EXPECT("clgi", TRAP_UD, TRAP_GP);
	EXPECT(".byte 0x0f, 0x01, 0xde", TRAP_UD, TRAP_GP); /* skinit */
	EXPECT(".byte 0x0f, 0x01, 0xdf", TRAP_UD, TRAP_GP); /* invlpga */
	EXPECT(".byte 0x0f, 0x01, 0xc1", TRAP_UD, TRAP_GP); /* vmcall */
	EXPECT(".byte 0x0f, 0x01, 0xc2", TRAP_UD, TRAP_GP); /* vmlaunch */
	EXPECT("rsm", TRAP_UD, TRAP_GP);
	EXPECT(".byte 0x0f, 0x01, 0xc8", TRAP_UD, TRAP_GP); /* monitor */
	EXPECT(".byte 0x0f, 0x01, 0xc9", TRAP_UD, TRAP_GP); /* mwait */
	EXPECT("rdpmc", TRAP_GP, TRAP_UD);
	/* Xen makes it WBINVD; QEMU calls it WBINVD, which it then is not. */
	EXPECT("invd", TRAP_GP, on_tenon ? TRAP_UD : TRAP_NONE);
	EXPECT("wbinvd", TRAP_NONE, TRAP_NONE);
	EXPECT("xsetbv", TRAP_UD, TRAP_GP);
}

/* The answer is all ones or nothing; no port stops the guest. */
static void test_ports(void)
{
	static u8 buffer[64];
	unsigned int ones = 0;
	u8 b;
	u16 w;
	u32 l;

	for (unsigned int port = 0; port < 0x10000; port += port < 0x1000 ? 1 : 61) {
		__asm__ __volatile__("inb %1, %0" : "=a"(b) : "Nd"((u16)port));
		__asm__ __volatile__("inw %1, %0" : "=a"(w) : "Nd"((u16)port));
		__asm__ __volatile__("inl %1, %0" : "=a"(l) : "Nd"((u16)port));
		ones += b == 0xff;
	}
	ok(ones > 4000, "input from all ports (%u not there)", ones);
	for (unsigned int port = 0; port < 0x10000; port += 61) {
		/* Xen prints what a guest writes to 0xe9. */
		if (port == 0xe9)
			continue;
		__asm__ __volatile__("outb %0, %1" : : "a"((u8)port), "Nd"((u16)port));
		__asm__ __volatile__("outw %w0, %1" : : "a"(port), "Nd"((u16)port));
		__asm__ __volatile__("outl %0, %1" : : "a"(port), "Nd"((u16)port));
	}
	ok(true, "output to all ports");
	memset(buffer, 0, sizeof(buffer));
	{
		void *to = buffer;
		u64 count = 32;

		__asm__ __volatile__("rep insb"
				     : "+D"(to), "+c"(count)
				     : "d"((u16)0x1234)
				     : "memory");
		ok(!count && to == buffer + 32, "rep insb counts");
		if (!ok(all_bytes(buffer, 0xff, 32) &&
				all_bytes(buffer + 32, 0, 32),
			"rep insb stores all ones, and no more"))
			note("%16lx %16lx %16lx %16lx %16lx",
			     ((u64 *)buffer)[0], ((u64 *)buffer)[1],
			     ((u64 *)buffer)[2], ((u64 *)buffer)[3],
			     ((u64 *)buffer)[4]);
		count = 8;
		to = buffer;
		__asm__ __volatile__("rep insl"
				     : "+D"(to), "+c"(count)
				     : "d"((u16)0x1234)
				     : "memory");
		ok(!count && to == buffer + 32, "rep insl counts");
		count = 32;
		to = buffer;
		__asm__ __volatile__("rep outsb"
				     : "+S"(to), "+c"(count)
				     : "d"((u16)0x1234)
				     : "memory");
		ok(!count && to == buffer + 32, "rep outsb counts");
	}
	ok_eq(PROBE("insb", : : "D"(0x8000000000000000UL), "d"((u16)0x1234)
		    : "memory"), TRAP_GP, "insb to where no address is");
	ok_eq(PROBE("insb", : : "D"(8), "d"((u16)0x1234) : "memory"), TRAP_PF,
	      "insb to NULL");
}

static void test_ring3(void)
{
	u64 ret;

	window_map(300, (u64)user_page, PTE_US);
	window_map(301, (u64)scratch[1], PTE_US | PTE_RW);
	ret = user_call((u64)window_at(300) + (user_hypercall - user_page),
			(u64)window_at(302), HYPERCALL_xen_version);
	ok_eq(ret, -EPERM, "a hypercall from ring 3");
	ok_eq(last_trap.vector, TRAP_NONE, "is answered, no fault");
	ret = user_call((u64)window_at(300) + (user_hypercall - user_page),
			(u64)window_at(302), ~0UL);
	ok_eq(ret, -EPERM, "whatever its number");
}

/* What hypercalls leave alone. */
static void test_registers(void)
{
	u64 bad = 0;

	__asm__ __volatile__(
		"mov $0x1111, %%rbx; mov $0x2222, %%r12; mov $0x3333, %%r13;"
		"mov $0x4444, %%r14; mov $0x5555, %%r15; mov $0x6666, %%r9;"
		"mov %1, %%eax; xor %%edi, %%edi; xor %%esi, %%esi;"
		"vmmcall;"
		"cmp $0x1111, %%rbx; jne 1f; cmp $0x2222, %%r12; jne 1f;"
		"cmp $0x3333, %%r13; jne 1f; cmp $0x4444, %%r14; jne 1f;"
		"cmp $0x5555, %%r15; jne 1f; cmp $0x6666, %%r9; jne 1f;"
		"test %%rdi, %%rdi; jne 1f; test %%rsi, %%rsi; je 2f;"
		"1: movq $1, %0; 2:"
		: "+m"(bad)
		: "i"(HYPERCALL_xen_version)
		: "rax", "rbx", "rcx", "rdx", "rdi", "rsi", "r8", "r9", "r10",
		  "r11", "r12", "r13", "r14", "r15", "memory", "cc");
	ok_eq(bad, 0, "a hypercall changes no register but rax");
}

void test_cpu(void)
{
	test_cpuid();
	test_msrs();
	test_x2apic();
	test_apic_timer();
	test_instructions();
	test_ports();
	test_ring3();
	test_registers();
	test_smoke();
}
