// SPDX-License-Identifier: MIT
/*
 * apic_mmio.c - the moves that reach a local APIC's registers as memory
 *
 * Instructions as an assembler would make them, of each form and length; those
 * that are none of these are left alone.  No arguments, TAP on stdout.
 */
#include <string.h>

#include "../../hv/x86/apic.h"
#include "../../hv/x86/arch.h"
#include "../../hv/x86/asm.h"
#define TAP_MAIN
#include "../lib/tap.h"

#define RIP 0xc0100000
#define TPR_PAGE (APIC_BASE_ADDR + 16 * APIC_TPR)

static struct vmcb vmcb;
static struct vcpu_arch arch = { .vmcb = &vmcb };
static struct vcpu vcpu = { .arch = &arch };

static const u8 *code;
static size_t code_len;
static u32 read_reg, written_reg;
static u64 written, stepped;
static unsigned int reads, writes;

size_t walk_fetch(struct vcpu *, void *to, size_t len)
{
	len = min(len, code_len);
	memcpy(to, code, len);
	return len;
}

void exit_step(struct vcpu *, u64 rip)
{
	stepped = rip;
}

int vlapic_read(struct vcpu *, u32 reg, u64 *val)
{
	reads++;
	read_reg = reg;
	*val = 0x11223344;
	return 0;
}

int vlapic_write(struct vcpu *, u32 reg, u64 val)
{
	writes++;
	written_reg = reg;
	written = val;
	return 0;
}

u32 vlapic_id(const struct vcpu *)
{
	return 6;
}

u32 vlapic_ldr(const struct vcpu *, bool)
{
	return 8;
}

static bool touch(u64 gpa, bool write, const char *bytes, size_t len)
{
	reads = 0;
	writes = 0;
	stepped = 0;
	code = (const u8 *)bytes;
	code_len = len;
	arch.regs.rip = RIP;
	return vlapic_mmio(&vcpu, gpa, write);
}

#define TOUCH(gpa, write, bytes) touch(gpa, write, bytes, sizeof(bytes) - 1)

static void out_of_long_mode(void)
{
	memset(&vmcb, 0, sizeof(vmcb));
	memset(&arch.regs, 0, sizeof(arch.regs));
	vmcb.cs.attr = ATTR_DB;
}

TEST(each_form_is_read)
{
	static const struct {
		const char *bytes;
		unsigned int len, reg;
	} insns[] = {
		{ "\xa1\x80\xb0\xff\xff", 5, 0 }, /* an address */
		{ "\x8b\x0d\x80\xb0\xff\xff", 6, 1 },
		{ "\x8b\x10", 2, 2 }, /* [eax] */
		{ "\x8b\x58\x80", 3, 3 }, /* [eax - 128] */
		{ "\x8b\xa8\x80\x00\x00\x00", 6, 5 }, /* [eax + 128] */
		{ "\x8b\x34\x18", 3, 6 }, /* [eax + ebx] */
		{ "\x8b\x3c\x85\x00\x00\x00\x10", 7, 7 }, /* [eax * 4 + n] */
		{ "\x8b\x7c\x85\x10", 4, 7 },
		{ "\x8b\xbc\x85\x10\x00\x00\x00", 7, 7 },
	};

	out_of_long_mode();
	for (unsigned int i = 0; i < ARRAY_SIZE(insns); i++) {
		u64 *gpr = &arch.regs.rax;

		memset(gpr, 0xee, 8 * sizeof(*gpr));
		CHECK(touch(TPR_PAGE, false, insns[i].bytes, insns[i].len));
		CHECK(reads == 1 && !writes && read_reg == APIC_TPR);
		CHECK(stepped == RIP + insns[i].len);
		for (unsigned int r = 0; r < 8; r++)
			CHECK(gpr[r] == (r == insns[i].reg ?
						 0x11223344 :
						 0xeeeeeeeeeeeeeeee));
		/* Without its last byte it is none. */
		CHECK(!touch(TPR_PAGE, false, insns[i].bytes, insns[i].len - 1));
		CHECK(!touch(TPR_PAGE, true, insns[i].bytes, insns[i].len));
		CHECK(!reads && !writes && !stepped);
	}
}

TEST(each_form_is_written)
{
	out_of_long_mode();
	arch.regs.rax = 0xaabbccdd00000010;
	arch.regs.rdi = 0x20;
	CHECK(TOUCH(TPR_PAGE, true, "\xa3\x80\xb0\xff\xff"));
	CHECK(written_reg == APIC_TPR && written == 0x10 && stepped == RIP + 5);
	CHECK(TOUCH(TPR_PAGE, true, "\x89\x3d\x80\xb0\xff\xff"));
	CHECK(written == 0x20 && stepped == RIP + 6 && !reads);
	CHECK(TOUCH(TPR_PAGE, true,
		    "\xc7\x05\x80\xb0\xff\xff\x30\x00\x00\x80"));
	CHECK(written == 0x80000030 && stepped == RIP + 10);
	CHECK(TOUCH(TPR_PAGE, true,
		    "\xc7\x84\x85\x80\xb0\xff\xff\x40\x00\x00\x00"));
	CHECK(written == 0x40 && stepped == RIP + 11);
	CHECK(!TOUCH(TPR_PAGE, true,
		     "\xc7\x84\x85\x80\xb0\xff\xff\x40\x00\x00"));
}

TEST(others_are_left_alone)
{
	static const char mov[] = "\x8b\x10";

	out_of_long_mode();
	CHECK(!TOUCH(TPR_PAGE, true, "\x88\x10")); /* a byte */
	CHECK(!TOUCH(TPR_PAGE, true, "\x66\x89\x10")); /* 16 bits */
	CHECK(!TOUCH(TPR_PAGE, true, "\x87\x10")); /* xchg */
	CHECK(!TOUCH(TPR_PAGE, false, "\x8b\xd0")); /* two registers */
	CHECK(!TOUCH(TPR_PAGE, false, ""));
	CHECK(!TOUCH(TPR_PAGE + 4, false, "\x8b\x10"));
	CHECK(!TOUCH(TPR_PAGE - PAGE_SIZE, false, "\x8b\x10"));
	CHECK(!TOUCH(APIC_BASE_ADDR + 0x400, false, "\x8b\x10"));
	CHECK(!TOUCH(TPR_PAGE + (1UL << 32), false, "\x8b\x10"));
	vmcb.cs.attr = 0; /* 16-bit code */
	CHECK(!touch(TPR_PAGE, false, mov, 2));
	vmcb.cs.attr = ATTR_DB;
	vmcb.efer = EFER_LMA;
	CHECK(!touch(TPR_PAGE, false, mov, 2));
	CHECK(!reads && !writes && !stepped);
}

static u32 get(u32 reg)
{
	CHECK(TOUCH(APIC_BASE_ADDR + 16 * reg, false, "\x8b\x10"));
	return arch.regs.rdx;
}

static void put(u32 reg, u32 val)
{
	arch.regs.rdx = val;
	CHECK(TOUCH(APIC_BASE_ADDR + 16 * reg, true, "\x89\x10"));
}

TEST(registers_of_the_older_mode)
{
	out_of_long_mode();
	CHECK(get(APIC_ID) == 6U << 24);
	CHECK(get(APIC_LDR) == 8U << 24);
	CHECK(get(APIC_DFR) == ~0U);
	put(APIC_ICR_HIGH, 0x05abcdef);
	CHECK(!writes && get(APIC_ICR_HIGH) == 0x05000000);
	put(APIC_ICR, 0x4500);
	CHECK(written_reg == APIC_ICR && written == 0x500004500);
	put(APIC_ICR_HIGH, 0xff000000);
	put(APIC_ICR, 0x4500);
	CHECK(written == 0xffffffff00004500);
	put(APIC_EOI, 77);
	CHECK(written_reg == APIC_EOI && !written);
	put(APIC_ESR, 77);
	CHECK(written_reg == APIC_ESR && !written);
	put(APIC_SELF_IPI, 0x40);
	CHECK(!writes);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(each_form_is_read),
		TAP_TEST(each_form_is_written),
		TAP_TEST(others_are_left_alone),
		TAP_TEST(registers_of_the_older_mode),
	};

	return tap_run(tests, ARRAY_SIZE(tests));
}
