/* SPDX-License-Identifier: MIT */
/*
 * context.c - a vCPU's processor state as the toolstack's records have it
 *
 * What comes in is checked as if the guest had loaded it itself, so that an
 * entry can fail but never reach what is the hypervisor's.
 */
#include "arch.h"
#include "asm.h"
#include "../abi/save.h"

#define SEG_ATTR_MASK 0xfff
#define CR4_GUEST 0x003ff7ffUL /* without LA57, SMX, VMX; see context_cr4_ok */
#define CR4_VMXE BIT(13)
#define CR4_SMXE BIT(14)
#define CR4_LA57 BIT(12)
#define RFLAGS_FIXED 2

/* What is the same in both, by its place in each. */
struct field {
	u16 ctx;
	u16 here;
};

#define CTX(name) offsetof(struct hvm_hw_cpu, name)
#define REG(name) { CTX(name), offsetof(struct vcpu_arch, regs.name) }
#define VMCB(ctx, name) { CTX(ctx), offsetof(struct vmcb, name) }

static const struct field arch_fields[] = {
	REG(rax), REG(rbx), REG(rcx), REG(rdx), REG(rbp), REG(rsi),
	REG(rdi), REG(rsp), REG(r8), REG(r9), REG(r10), REG(r11),
	REG(r12), REG(r13), REG(r14), REG(r15), REG(rip), REG(rflags),
	{ CTX(dr0), offsetof(struct vcpu_arch, dr[0]) },
	{ CTX(dr1), offsetof(struct vcpu_arch, dr[1]) },
	{ CTX(dr2), offsetof(struct vcpu_arch, dr[2]) },
	{ CTX(dr3), offsetof(struct vcpu_arch, dr[3]) },
};

static const struct field vmcb_fields[] = {
	VMCB(cr0, cr0), VMCB(cr2, cr2), VMCB(cr3, cr3), VMCB(cr4, cr4),
	VMCB(sysenter_cs, sysenter_cs), VMCB(sysenter_esp, sysenter_esp),
	VMCB(sysenter_eip, sysenter_eip), VMCB(shadow_gs, kernel_gs_base),
	VMCB(msr_lstar, lstar), VMCB(msr_star, star), VMCB(msr_cstar, cstar),
	VMCB(msr_syscall_mask, sfmask),
	VMCB(idtr_base, idtr.base), VMCB(gdtr_base, gdtr.base),
};

#define SEG(name)                                                        \
	{ CTX(name##_sel), CTX(name##_limit), CTX(name##_base),          \
	  CTX(name##_arbytes), offsetof(struct vmcb, name) }

static const struct {
	u16 sel, limit, base, attr;
	u16 here;
} segments[] = {
	SEG(cs), SEG(ds), SEG(es), SEG(fs), SEG(gs), SEG(ss), SEG(tr), SEG(ldtr),
};

/* The word at an offset of a structure. */
static u64 *at64(const void *base, unsigned int offset)
{
	return (u64 *)((char *)base + offset);
}

static u32 *at32(const void *base, unsigned int offset)
{
	return (u32 *)((char *)base + offset);
}

static void get_segments(struct hvm_hw_cpu *ctx, const struct vmcb *vmcb)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
		const struct vmcb_segment *seg =
			(void *)at32(vmcb, segments[i].here);

		*at32(ctx, segments[i].sel) = seg->selector;
		*at32(ctx, segments[i].limit) = seg->limit;
		*at64(ctx, segments[i].base) = seg->base;
		*at32(ctx, segments[i].attr) = seg->attr;
	}
}

static void set_segments(struct vmcb *vmcb, const struct hvm_hw_cpu *ctx)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(segments); i++) {
		struct vmcb_segment *seg =
			(void *)at32(vmcb, segments[i].here);

		seg->selector = *at32(ctx, segments[i].sel);
		seg->limit = *at32(ctx, segments[i].limit);
		seg->base = *at64(ctx, segments[i].base);
		seg->attr = *at32(ctx, segments[i].attr) & SEG_ATTR_MASK;
	}
}

void vmm_get_context(struct vcpu *v, struct hvm_hw_cpu *ctx)
{
	const struct vcpu_arch *a = v->arch;
	const struct vmcb *vmcb = a->vmcb;

	memset(ctx, 0, sizeof(*ctx));
	memcpy(ctx->fpu_regs, a->xsave, sizeof(ctx->fpu_regs));
	for (unsigned int i = 0; i < ARRAY_SIZE(arch_fields); i++)
		*at64(ctx, arch_fields[i].ctx) = *at64(a, arch_fields[i].here);
	for (unsigned int i = 0; i < ARRAY_SIZE(vmcb_fields); i++)
		*at64(ctx, vmcb_fields[i].ctx) =
			*at64(vmcb, vmcb_fields[i].here);
	get_segments(ctx, vmcb);
	ctx->idtr_limit = vmcb->idtr.limit;
	ctx->gdtr_limit = vmcb->gdtr.limit;
	ctx->dr6 = vmcb->dr6;
	ctx->dr7 = vmcb->dr7;
	ctx->msr_efer = vmcb->efer & ~(u64)EFER_SVME;
	ctx->msr_tsc_aux = a->tsc_aux;
	ctx->tsc = rdtsc();
	ctx->pending_event = vmcb->event_inj;
	ctx->error_code = vmcb->event_inj >> 32;
	ctx->flags = XEN_X86_FPU_INITIALISED;
}

static bool context_ok(const struct hvm_hw_cpu *ctx)
{
	const u64 efer_known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE |
			       EFER_FFXSR | EFER_TCE;
	bool paging = ctx->cr0 & CR0_PG;

	if (ctx->cr0 >> 32 || (paging && !(ctx->cr0 & CR0_PE)) ||
	    (ctx->cr0 & CR0_NW && !(ctx->cr0 & CR0_CD)))
		return false;
	if (ctx->cr4 & ~CR4_GUEST ||
	    ctx->cr4 & (CR4_VMXE | CR4_SMXE | CR4_LA57))
		return false;
	if (ctx->msr_efer & ~efer_known)
		return false;
	if (ctx->msr_efer & EFER_LME && paging && !(ctx->cr4 & CR4_PAE))
		return false;
	return !(ctx->dr6 >> 32) && !(ctx->dr7 >> 32);
}

/* The x87 and SSE part; bits MXCSR does not have would fault on loading. */
static void set_fpu(struct vcpu_arch *a, const struct hvm_hw_cpu *ctx)
{
	u8 *area = a->xsave;

	memcpy(area, ctx->fpu_regs, sizeof(ctx->fpu_regs));
	*(u32 *)(area + 24) &= 0xffbf;
	/* XSTATE_BV: x87 and SSE are there, the rest in its initial state. */
	if (xstate_mask)
		*(u64 *)(area + 512) = 3;
}

/* @v is paused, or down; not loaded on any CPU afterwards. */
int vmm_set_context(struct vcpu *v, const struct hvm_hw_cpu *ctx)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *vmcb = a->vmcb;

	if (!context_ok(ctx))
		return -EINVAL;
	if (ctx->flags & XEN_X86_FPU_INITIALISED)
		set_fpu(a, ctx);
	else
		xstate_reset(v);
	vcpu_forget(v);
	a->asid_cpu = NULL; /* translations of the old state are void */
	for (unsigned int i = 0; i < ARRAY_SIZE(arch_fields); i++)
		*at64(a, arch_fields[i].here) = *at64(ctx, arch_fields[i].ctx);
	for (unsigned int i = 0; i < ARRAY_SIZE(vmcb_fields); i++)
		*at64(vmcb, vmcb_fields[i].here) =
			*at64(ctx, vmcb_fields[i].ctx);
	a->regs.rflags |= RFLAGS_FIXED;
	vmcb->cr0 |= CR0_ET;
	if (ctx->dr6)
		vmcb->dr6 = ctx->dr6;
	if (ctx->dr7)
		vmcb->dr7 = ctx->dr7;
	set_segments(vmcb, ctx);
	vmcb->idtr.limit = ctx->idtr_limit & 0xffff;
	vmcb->gdtr.limit = ctx->gdtr_limit & 0xffff;
	vmcb->cpl = vmcb->ss.attr >> ATTR_DPL_SHIFT & 3;
	vmcb->efer = (ctx->msr_efer & ~(u64)EFER_LMA) | EFER_SVME;
	if (ctx->msr_efer & EFER_LME && ctx->cr0 & CR0_PG)
		vmcb->efer |= EFER_LMA;
	a->tsc_aux = (u32)ctx->msr_tsc_aux;
	vmcb->event_inj = 0;
	vmcb->interrupt_shadow = 0;
	a->wait_sipi = false;
	return 0;
}
