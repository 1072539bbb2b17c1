/* SPDX-License-Identifier: MIT */
/*
 * xstate.c - x87, SSE, AVX and whatever else XSAVE covers
 *
 * The hypervisor uses none of it, so a vCPU's state stays in the registers
 * until another vCPU needs them.  All components the processor has are saved
 * whatever the guest enabled: it may have put something there earlier.
 */
#include "arch.h"
#include "asm.h"
#include "../abi/save.h"

#define XCR0_X87 BIT(0)
#define XCR0_SSE BIT(1)
#define XCR0_AVX BIT(2)
#define XCR0_MPX (BIT(3) | BIT(4))
#define XCR0_AVX512 (BIT(5) | BIT(6) | BIT(7))
#define XCR0_PKRU BIT(9)
#define XCR0_KNOWN                                                     \
	(XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_MPX | XCR0_AVX512 | XCR0_PKRU)
/* MPX and PKU are hidden; a guest has no use for them. */
#define XCR0_GUEST (XCR0_X87 | XCR0_SSE | XCR0_AVX | XCR0_AVX512)

#define FCW_RESET 0x37f
#define MXCSR_RESET 0x1f80
#define MXCSR_OFFSET 24
#define MXCSR_GUEST 0xffbf /* other bits would fault on loading */

u64 xstate_mask; /* 0: no XSAVE, the legacy area only */
static unsigned int xstate_order;

bool xstate_init(void)
{
	u32 a, b, c, d;
	u32 size;

	write_cr0((read_cr0() & ~(u64)CR0_TS) | CR0_MP);
	write_cr4(read_cr4() | CR4_OSFXSR | CR4_OSXMMEXCPT);
	cpuid(1, 0, &a, &b, &c, &d);
	if (!(c & BIT(26)))
		return true;
	write_cr4(read_cr4() | CR4_OSXSAVE);
	cpuid(0xd, 0, &a, &b, &c, &d);
	xstate_mask = ((u64)d << 32 | a) & XCR0_KNOWN;
	xsetbv(xstate_mask);
	cpuid(0xd, 0, &a, &size, &c, &d);
	while (PAGE_SIZE << xstate_order < size)
		xstate_order++;
	return xstate_order <= PAGE_MAX_ORDER;
}

int xstate_alloc(struct vcpu *v)
{
	v->arch->xsave = page_alloc_order_virt(xstate_order);
	if (!v->arch->xsave)
		return -ENOMEM;
	xstate_reset(v);
	return 0;
}

void xstate_free(struct vcpu *v)
{
	if (v->arch->xsave)
		page_free_virt(v->arch->xsave, xstate_order);
}

/* The x87 and SSE part alone, the rest in its initial state. */
void xstate_set_legacy(struct vcpu *v, const void *fxsave)
{
	u8 *area = v->arch->xsave;

	memcpy(area, fxsave, 512);
	*(u32 *)(area + MXCSR_OFFSET) &= MXCSR_GUEST;
	if (xstate_mask)
		*(u64 *)(area + 512) = XCR0_X87 | XCR0_SSE;
}

/* Only while @v is not loaded anywhere. */
void xstate_reset(struct vcpu *v)
{
	u8 *area = v->arch->xsave;

	memset(area, 0, PAGE_SIZE << xstate_order);
	*(u16 *)area = FCW_RESET;
	*(u32 *)(area + MXCSR_OFFSET) = MXCSR_RESET;
	v->arch->xcr0 = XCR0_X87;
}

void xstate_save(struct vcpu *v)
{
	if (!xstate_mask) {
		__asm__ __volatile__("fxsave64 (%0)"
				     : : "r"(v->arch->xsave) : "memory");
		return;
	}
	/* Some emulators let the guest change it without an exit. */
	v->arch->xcr0 = xgetbv();
	xsetbv(xstate_mask);
	__asm__ __volatile__("xsave64 (%0)"
			     : : "r"(v->arch->xsave), "a"((u32)xstate_mask),
			       "d"((u32)(xstate_mask >> 32))
			     : "memory");
	/* It may go on running here without a load. */
	xsetbv(v->arch->xcr0);
}

void xstate_load(struct vcpu *v)
{
	if (!xstate_mask) {
		__asm__ __volatile__("fxrstor64 (%0)"
				     : : "r"(v->arch->xsave) : "memory");
		return;
	}
	xsetbv(xstate_mask);
	__asm__ __volatile__("xrstor64 (%0)"
			     : : "r"(v->arch->xsave), "a"((u32)xstate_mask),
			       "d"((u32)(xstate_mask >> 32))
			     : "memory");
	xsetbv(v->arch->xcr0);
}

/* Without XSAVE there is the one value that xstate_reset() sets. */
static bool xcr0_ok(u64 xcr0)
{
	if (xcr0 & ~((xstate_mask ?: XCR0_X87) & XCR0_GUEST) ||
	    !(xcr0 & XCR0_X87))
		return false;
	if (xcr0 & XCR0_AVX && !(xcr0 & XCR0_SSE))
		return false;
	return !(xcr0 & XCR0_AVX512) ||
	       ((xcr0 & XCR0_AVX512) == XCR0_AVX512 && xcr0 & XCR0_AVX);
}

bool xstate_set_xcr0(struct vcpu *v, u64 xcr0)
{
	if (!xstate_mask || !xcr0_ok(xcr0))
		return false;
	v->arch->xcr0 = xcr0;
	xsetbv(xcr0);
	return true;
}

/* The components there are and a guest may have; x87 and SSE at least. */
static u64 components(void)
{
	return (xstate_mask & XCR0_GUEST) | XCR0_X87 | XCR0_SSE;
}

void xstate_get(struct vcpu *v, void *body)
{
	struct hvm_hw_cpu_xsave *to = body;

	to->xcr0 = v->arch->xcr0;
	to->xcr0_accum = components();
	memcpy(to->fpu_sse, v->arch->xsave, XSTATE_MOST);
	if (!xstate_mask)
		to->xstate_bv = components();
	to->xstate_bv &= components();
}

/* Nothing that XRSTOR would not take. */
bool xstate_ok(const void *body, u32)
{
	const struct hvm_hw_cpu_xsave *from = body;

	for (unsigned int i = 0; i < ARRAY_SIZE(from->reserved); i++)
		if (from->reserved[i])
			return false;
	return xcr0_ok(from->xcr0) && !(from->xstate_bv & ~components()) &&
	       !from->xcomp_bv;
}

/* Only while @v is not loaded anywhere. */
void xstate_set(struct vcpu *v, const void *body, u32 length)
{
	const struct hvm_hw_cpu_xsave *from = body;
	u8 *area = v->arch->xsave;

	memset(area, 0, XSTATE_MOST);
	memcpy(area, from->fpu_sse,
	       length - offsetof(struct hvm_hw_cpu_xsave, fpu_sse));
	*(u32 *)(area + MXCSR_OFFSET) &= MXCSR_GUEST;
	v->arch->xcr0 = from->xcr0;
}
