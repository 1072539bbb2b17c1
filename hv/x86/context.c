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

#define GET_SEG(seg)                                        \
	do {                                                \
		ctx->seg##_sel = vmcb->seg.selector;        \
		ctx->seg##_limit = vmcb->seg.limit;         \
		ctx->seg##_base = vmcb->seg.base;           \
		ctx->seg##_arbytes = vmcb->seg.attr;        \
	} while (0)
#define SET_SEG(seg)                                                     \
	(vmcb->seg = (struct vmcb_segment){ ctx->seg##_sel,              \
					    ctx->seg##_arbytes & SEG_ATTR_MASK, \
					    ctx->seg##_limit,            \
					    ctx->seg##_base })

void vmm_get_context(struct vcpu *v, struct hvm_hw_cpu *ctx)
{
	const struct vcpu_arch *a = v->arch;
	const struct vmcb *vmcb = a->vmcb;
	const struct guest_regs *r = &a->regs;

	memset(ctx, 0, sizeof(*ctx));
	memcpy(ctx->fpu_regs, a->xsave, sizeof(ctx->fpu_regs));
	ctx->rax = r->rax;
	ctx->rbx = r->rbx;
	ctx->rcx = r->rcx;
	ctx->rdx = r->rdx;
	ctx->rbp = r->rbp;
	ctx->rsi = r->rsi;
	ctx->rdi = r->rdi;
	ctx->rsp = r->rsp;
	ctx->r8 = r->r8;
	ctx->r9 = r->r9;
	ctx->r10 = r->r10;
	ctx->r11 = r->r11;
	ctx->r12 = r->r12;
	ctx->r13 = r->r13;
	ctx->r14 = r->r14;
	ctx->r15 = r->r15;
	ctx->rip = r->rip;
	ctx->rflags = r->rflags;
	ctx->cr0 = vmcb->cr0;
	ctx->cr2 = vmcb->cr2;
	ctx->cr3 = vmcb->cr3;
	ctx->cr4 = vmcb->cr4;
	ctx->dr0 = a->dr[0];
	ctx->dr1 = a->dr[1];
	ctx->dr2 = a->dr[2];
	ctx->dr3 = a->dr[3];
	ctx->dr6 = vmcb->dr6;
	ctx->dr7 = vmcb->dr7;
	GET_SEG(cs);
	GET_SEG(ds);
	GET_SEG(es);
	GET_SEG(fs);
	GET_SEG(gs);
	GET_SEG(ss);
	GET_SEG(tr);
	GET_SEG(ldtr);
	ctx->idtr_limit = vmcb->idtr.limit;
	ctx->idtr_base = vmcb->idtr.base;
	ctx->gdtr_limit = vmcb->gdtr.limit;
	ctx->gdtr_base = vmcb->gdtr.base;
	ctx->sysenter_cs = vmcb->sysenter_cs;
	ctx->sysenter_esp = vmcb->sysenter_esp;
	ctx->sysenter_eip = vmcb->sysenter_eip;
	ctx->shadow_gs = vmcb->kernel_gs_base;
	ctx->msr_lstar = vmcb->lstar;
	ctx->msr_star = vmcb->star;
	ctx->msr_cstar = vmcb->cstar;
	ctx->msr_syscall_mask = vmcb->sfmask;
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
	struct guest_regs *r = &a->regs;

	if (!context_ok(ctx))
		return -EINVAL;
	if (ctx->flags & XEN_X86_FPU_INITIALISED)
		set_fpu(a, ctx);
	else
		xstate_reset(v);
	vcpu_forget(v);
	a->asid_cpu = NULL; /* translations of the old state are void */
	r->rax = ctx->rax;
	r->rbx = ctx->rbx;
	r->rcx = ctx->rcx;
	r->rdx = ctx->rdx;
	r->rbp = ctx->rbp;
	r->rsi = ctx->rsi;
	r->rdi = ctx->rdi;
	r->rsp = ctx->rsp;
	r->r8 = ctx->r8;
	r->r9 = ctx->r9;
	r->r10 = ctx->r10;
	r->r11 = ctx->r11;
	r->r12 = ctx->r12;
	r->r13 = ctx->r13;
	r->r14 = ctx->r14;
	r->r15 = ctx->r15;
	r->rip = ctx->rip;
	r->rflags = ctx->rflags | RFLAGS_FIXED;
	vmcb->cr0 = ctx->cr0 | CR0_ET;
	vmcb->cr2 = ctx->cr2;
	vmcb->cr3 = ctx->cr3;
	vmcb->cr4 = ctx->cr4;
	a->dr[0] = ctx->dr0;
	a->dr[1] = ctx->dr1;
	a->dr[2] = ctx->dr2;
	a->dr[3] = ctx->dr3;
	if (ctx->dr6)
		vmcb->dr6 = ctx->dr6;
	if (ctx->dr7)
		vmcb->dr7 = ctx->dr7;
	SET_SEG(cs);
	SET_SEG(ds);
	SET_SEG(es);
	SET_SEG(fs);
	SET_SEG(gs);
	SET_SEG(ss);
	SET_SEG(tr);
	SET_SEG(ldtr);
	vmcb->idtr.limit = ctx->idtr_limit & 0xffff;
	vmcb->idtr.base = ctx->idtr_base;
	vmcb->gdtr.limit = ctx->gdtr_limit & 0xffff;
	vmcb->gdtr.base = ctx->gdtr_base;
	vmcb->cpl = vmcb->ss.attr >> ATTR_DPL_SHIFT & 3;
	vmcb->sysenter_cs = ctx->sysenter_cs;
	vmcb->sysenter_esp = ctx->sysenter_esp;
	vmcb->sysenter_eip = ctx->sysenter_eip;
	vmcb->kernel_gs_base = ctx->shadow_gs;
	vmcb->lstar = ctx->msr_lstar;
	vmcb->star = ctx->msr_star;
	vmcb->cstar = ctx->msr_cstar;
	vmcb->sfmask = ctx->msr_syscall_mask;
	vmcb->efer = (ctx->msr_efer & ~(u64)EFER_LMA) | EFER_SVME;
	if (ctx->msr_efer & EFER_LME && ctx->cr0 & CR0_PG)
		vmcb->efer |= EFER_LMA;
	a->tsc_aux = (u32)ctx->msr_tsc_aux;
	vmcb->event_inj = 0;
	vmcb->interrupt_shadow = 0;
	a->wait_sipi = false;
	return 0;
}
