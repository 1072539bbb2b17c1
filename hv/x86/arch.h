/* SPDX-License-Identifier: MIT */
/* arch.h - what the files of x86/ share about a vCPU */
#ifndef HV_X86_ARCH_H
#define HV_X86_ARCH_H

#include "asm.h"
#include "hypercall.h"
#include "svm.h"
#include "vmm.h"
#include "../abi/save.h"

#define NR_VECTORS 256
#define VECTOR_WORDS (NR_VECTORS / 64)
#define NR_APIC_REGS 64

/**
 * struct vlapic - the local APIC of a vCPU, x2APIC registers by MSR only
 * @reg: those that hold what was written to them
 * @irr: requested; set by any CPU
 * @tmr: level-triggered ones among @irr and @isr; set by any CPU
 * @isr: in service
 */
struct vlapic {
	u32 reg[NR_APIC_REGS];
	u64 irr[VECTOR_WORDS], tmr[VECTOR_WORDS], isr[VECTOR_WORDS];
	u64 timer_start; /* now_ns() when the count was written */
	struct timer timer;
};

/* What V_IRQ stands for, while it is set. */
enum virq_source { VIRQ_SRC_NONE, VIRQ_SRC_CALLBACK, VIRQ_SRC_APIC };

/**
 * struct vcpu_arch - processor state of a vCPU
 * @regs: registers while out of the guest
 * @xsave: its extended state, when not in the registers
 * @asid, @asid_cpu, @asid_gen: address space tag, good on that CPU in that
 *	generation
 * @tlb_gen: d->tlb_gen that the tag's translations are as new as
 * @init_lock: protects what follows, and being down for want of a start
 * @wait_sipi: got INIT, or never started
 * @init_pending: INIT came; the vCPU resets itself before it enters again
 * @start_pending: and starts at @start_page then
 */
struct vcpu_arch {
	struct vcpu *vcpu;
	struct vmcb *vmcb;
	struct guest_regs regs;
	void *xsave;
	u64 xcr0;
	u64 dr[4];
	u64 tsc_aux;

	u32 asid;
	struct cpu *asid_cpu;
	u64 asid_gen;
	u32 tlb_gen;

	enum virq_source virq_source;
	u8 virq_vector;
	bool nmi_pending, nmi_blocked;
	u64 nmi_iret_rip;

	/* exit.c: instructions of the kernel that were stepped over */
	struct known_insn {
		u64 rip;
		u32 opcode;
		u32 len;
	} known[8];

	/* walk.c: the page that was translated last, good for the exit served */
	struct walked {
		u64 exit; /* which that is: vcpu->nr_exits */
		u64 gva, gpa;
		bool write;
	} walked;

	struct spinlock init_lock;
	bool wait_sipi, init_pending, start_pending;
	u8 start_page;

	struct vlapic apic;
	struct hvm_hw_mtrr mtrr; /* but PAT and capabilities */
};

/* svm.c */
extern struct svm_features {
	bool nrips, pause_filter;
	u32 nr_asids;
} svm_features;
void svm_reset_vcpu(struct vcpu *v); /* state after INIT */
void svm_start_at(struct vcpu *v, u8 page); /* after a start-up IPI */
/* Exceptions: pushed before the next instruction of the guest. */
void svm_inject(struct vcpu *v, u8 vector);
void svm_inject_error(struct vcpu *v, u8 vector, u32 error);
#define VEC_DB 1
#define VEC_UD 6
#define VEC_GP 13
#define VEC_PF 14

static inline bool svm_long_mode(const struct vcpu *v)
{
	const struct vmcb *vmcb = v->arch->vmcb;

	return (vmcb->efer & EFER_LMA) && (vmcb->cs.attr & ATTR_LONG);
}

/* exit.c */
void exit_handle(struct vcpu *v);
/* Everything that has a handler is an exit. */
void exit_intercept_all(struct vmcb *vmcb);
/*
 * Step over the instruction that caused the exit.  False, with #UD injected, if
 * it is not there any more.
 */
bool exit_skip(struct vcpu *v, u32 opcode, unsigned int opcode_len);
void exit_step(struct vcpu *v, u64 next_rip);

/* vmrun.S */
void vmrun_enter(u64 vmcb, struct guest_regs *regs, u64 host_vmcb);
extern const char vmrun_return[];

/* vlapic.c */
void vlapic_init(struct vcpu *v);
void vlapic_reset(struct vcpu *v);
int vlapic_read(struct vcpu *v, u32 reg, u64 *val); /* -EINVAL: #GP */
int vlapic_write(struct vcpu *v, u32 reg, u64 val);
/* The vector to deliver now, or -1. */
int vlapic_pending(struct vcpu *v);
void vlapic_accept(struct vcpu *v, u8 vector); /* IRR to ISR */
u64 vlapic_base(struct vcpu *v);
/* Its logical ID, of which MMIO has 8 bits, one for each of the first vCPUs. */
u32 vlapic_ldr(const struct vcpu *v, bool mmio);
/* vlapic_mmio.c: the guest touched @gpa; false if that was no register of it. */
bool vlapic_mmio(struct vcpu *v, u64 gpa, bool write);
/* Is it used by MMIO?  (Else by MSRs.) */
static inline bool vlapic_is_mmio(const struct vcpu *v)
{
	return !(v->arch->vmcb->efer & EFER_LMA);
}
void vlapic_get_regs(struct vcpu *v, void *body);
void vlapic_set_regs(struct vcpu *v, const void *body, u32 length);
u32 vlapic_id(const struct vcpu *v);

/* msr.c */
void msr_exit(struct vcpu *v);
void msr_init_vcpu(struct vcpu *v);
void msr_get_mtrr(struct vcpu *v, void *body);
bool msr_mtrr_ok(const void *body, u32 length);
void msr_set_mtrr(struct vcpu *v, const void *body, u32 length);
u64 msr_bitmap(void);

/* io.c */
void io_exit(struct vcpu *v);
u64 io_bitmap(const struct domain *d);

/* npf.c */
void npf_exit(struct vcpu *v);

/* cpuid.c */
void cpuid_exit(struct vcpu *v);

/* xstate.c */
bool xstate_init(void); /* each CPU, the boot CPU first */
int xstate_alloc(struct vcpu *v);
void xstate_free(struct vcpu *v);
void xstate_reset(struct vcpu *v);
void xstate_save(struct vcpu *v);
void xstate_load(struct vcpu *v);
/* Guest's XSETBV; false: #GP. */
bool xstate_set_xcr0(struct vcpu *v, u64 xcr0);
void xstate_set_legacy(struct vcpu *v, const void *fxsave);
#define XSTATE_MOST 2696 /* bytes of it, not compacted */
void xstate_get(struct vcpu *v, void *body);
bool xstate_ok(const void *body, u32 length);
void xstate_set(struct vcpu *v, const void *body, u32 length);
extern u64 xstate_mask; /* XCR0 bits saved, and that guests may have */

/* walk.c */
/* Bytes at CS:RIP; returns how many there are. */
size_t walk_fetch(struct vcpu *v, void *to, size_t len);

static inline bool vcpu_is_dom0(const struct vcpu *v)
{
	return v->domain == dom0;
}

#endif /* HV_X86_ARCH_H */
