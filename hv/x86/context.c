/* SPDX-License-Identifier: MIT */
/*
 * context.c - a vCPU's processor state as the toolstack's records have it
 *
 * What comes in is checked as if the guest had loaded it itself, so that an
 * entry can fail but never reach what is the hypervisor's.
 */
#include "apic.h"
#include "arch.h"
#include "asm.h"
#include "../abi/save.h"
#include "../abi/vcpu.h"

#define SEG_ATTR_MASK 0xfff
/* All but what no guest is offered (LA57, VMX, SMX, PKU) or does not exist. */
#define CR4_GUEST 0x00370fffUL
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

static void get_cpu(struct vcpu *v, void *body)
{
	const struct vcpu_arch *a = v->arch;
	const struct vmcb *vmcb = a->vmcb;
	struct hvm_hw_cpu *ctx = body;

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

static bool cpu_ok(const void *body, u32)
{
	const struct hvm_hw_cpu *ctx = body;
	const u64 efer_known = EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE |
			       EFER_FFXSR | EFER_TCE;
	bool paging = ctx->cr0 & CR0_PG;

	if (ctx->cr0 >> 32 || (paging && !(ctx->cr0 & CR0_PE)) ||
	    (ctx->cr0 & CR0_NW && !(ctx->cr0 & CR0_CD)))
		return false;
	if (ctx->cr4 & ~CR4_GUEST || ctx->msr_efer & ~efer_known)
		return false;
	if (ctx->msr_efer & EFER_LME && paging && !(ctx->cr4 & CR4_PAE))
		return false;
	return !(ctx->dr6 >> 32) && !(ctx->dr7 >> 32);
}

static void set_cpu(struct vcpu *v, const void *body, u32)
{
	const struct hvm_hw_cpu *ctx = body;
	struct vcpu_arch *a = v->arch;
	struct vmcb *vmcb = a->vmcb;

	if (ctx->flags & XEN_X86_FPU_INITIALISED)
		xstate_set_legacy(v, ctx->fpu_regs);
	else
		xstate_reset(v);
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
	vmcb->event_inj = ctx->pending_event & EVENT_VALID ?
			ctx->pending_event | (u64)ctx->error_code << 32 : 0;
	vmcb->interrupt_shadow = 0;
	a->wait_sipi = false;
	vcpu_set_down(v, false);
}

static void get_lapic(struct vcpu *v, void *body)
{
	struct hvm_hw_lapic *to = body;

	/* As its registers are kept, whether it is used so or by MMIO. */
	to->apic_base_msr = vlapic_base(v) | APIC_BASE_X2APIC;
	to->timer_divisor = 1;
}

/* What it was in another mode we could not tell from its registers. */
static bool lapic_ok(const void *body, u32)
{
	const struct hvm_hw_lapic *from = body;
	const u64 on = APIC_BASE_ENABLE | APIC_BASE_X2APIC;

	return (from->apic_base_msr & on) == on && !from->disabled;
}

static void set_nothing(struct vcpu *, const void *, u32)
{
}

#define EXACTLY(type) sizeof(struct type), sizeof(struct type)
#define XSAVE_HEADER offsetof(struct hvm_hw_cpu_xsave, fpu_sse)

/* The registers' own record before XSAVE's: it has a part of that state. */
static const struct vmm_record records[VMM_RECORDS] = {
	{ HVM_SAVE_CPU, EXACTLY(hvm_hw_cpu), get_cpu, cpu_ok, set_cpu },
	{ HVM_SAVE_LAPIC, EXACTLY(hvm_hw_lapic), get_lapic, lapic_ok,
	  set_nothing },
	{ HVM_SAVE_LAPIC_REGS, EXACTLY(hvm_hw_lapic_regs), vlapic_get_regs, NULL,
	  vlapic_set_regs },
	{ HVM_SAVE_MTRR, EXACTLY(hvm_hw_mtrr), msr_get_mtrr, msr_mtrr_ok,
	  msr_set_mtrr },
	{ HVM_SAVE_CPU_XSAVE, sizeof(struct hvm_hw_cpu_xsave),
	  XSAVE_HEADER + XSTATE_MOST, xstate_get, xstate_ok, xstate_set },
};

const struct vmm_record *vmm_record(unsigned int i)
{
	return &records[i];
}

/* As struct vcpu_guest_context and we have them. */
#define USER(name)                                                \
	{ offsetof(struct cpu_user_regs, name),                   \
	  offsetof(struct guest_regs, name) }

static const struct field user_fields[] = {
	USER(r15), USER(r14), USER(r13), USER(r12), USER(rbp), USER(rbx),
	USER(r11), USER(r10), USER(r9), USER(r8), USER(rax), USER(rcx),
	USER(rdx), USER(rsi), USER(rdi), USER(rip), USER(rflags), USER(rsp),
};

void vmm_get_registers(struct vcpu *v, struct vcpu_guest_context *ctx)
{
	const struct vmcb *vmcb = v->arch->vmcb;

	for (unsigned int i = 0; i < ARRAY_SIZE(user_fields); i++)
		*at64(&ctx->user_regs, user_fields[i].ctx) =
			*at64(&v->arch->regs, user_fields[i].here);
	ctx->user_regs.cs = vmcb->cs.selector;
	ctx->user_regs.ss = vmcb->ss.selector;
	ctx->ctrlreg[0] = vmcb->cr0;
	ctx->ctrlreg[2] = vmcb->cr2;
	ctx->ctrlreg[3] = vmcb->cr3;
	ctx->ctrlreg[4] = vmcb->cr4;
	ctx->flags = (v->down ? 0 : VGCF_online) |
		     (vmcb->cpl ? 0 : VGCF_in_kernel);
}

void vmm_set_registers(struct vcpu *v, const struct vcpu_guest_context *ctx)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(user_fields); i++)
		*at64(&v->arch->regs, user_fields[i].here) =
			*at64(&ctx->user_regs, user_fields[i].ctx);
	v->arch->regs.rflags |= RFLAGS_FIXED;
}
