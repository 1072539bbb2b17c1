/* SPDX-License-Identifier: MIT */
/*
 * save.h - the HVM context stream of domctl {get,set}hvmcontext
 *
 * A stream is a sequence of records, each a descriptor followed by its body; it
 * starts with a HEADER record and stops at an END record, which has no body.
 */
#ifndef HV_ABI_SAVE_H
#define HV_ABI_SAVE_H

#include "../include/types.h"

enum hvm_save_code {
	HVM_SAVE_END = 0,
	HVM_SAVE_HEADER = 1,
	HVM_SAVE_CPU = 2,
	HVM_SAVE_LAPIC = 5,
	HVM_SAVE_LAPIC_REGS = 6,
	HVM_SAVE_MTRR = 14,
	HVM_SAVE_CPU_XSAVE = 16,
	HVM_SAVE_CODE_MAX = 20,
};

struct hvm_save_descriptor {
	u16 typecode;
	u16 instance;
	u32 length; /* of the body */
};

#define HVM_FILE_MAGIC 0x54381286U
#define HVM_FILE_VERSION 1U

struct hvm_save_header {
	u32 magic;
	u32 version;
	u64 changeset;
	u32 cpuid; /* leaf 1 eax of the machine that saved */
	u32 gtsc_khz;
};

#define XEN_X86_FPU_INITIALISED 1U

/* Attributes (arbytes) are in the order of a VMCB: type, S, DPL, P, AVL, L, D, G. */
struct hvm_hw_cpu {
	u8 fpu_regs[512]; /* as FXSAVE writes them */

	u64 rax, rbx, rcx, rdx, rbp, rsi, rdi, rsp;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rip, rflags;

	u64 cr0, cr2, cr3, cr4;
	u64 dr0, dr1, dr2, dr3, dr6, dr7;

	u32 cs_sel, ds_sel, es_sel, fs_sel, gs_sel, ss_sel, tr_sel, ldtr_sel;
	u32 cs_limit, ds_limit, es_limit, fs_limit, gs_limit, ss_limit;
	u32 tr_limit, ldtr_limit, idtr_limit, gdtr_limit;
	u64 cs_base, ds_base, es_base, fs_base, gs_base, ss_base;
	u64 tr_base, ldtr_base, idtr_base, gdtr_base;
	u32 cs_arbytes, ds_arbytes, es_arbytes, fs_arbytes;
	u32 gs_arbytes, ss_arbytes, tr_arbytes, ldtr_arbytes;

	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 shadow_gs;

	u64 msr_flags; /* ignored */
	u64 msr_lstar, msr_star, msr_cstar, msr_syscall_mask;
	u64 msr_efer, msr_tsc_aux;
	u64 tsc;

	u32 pending_event; /* as EVENTINJ bits 31:0 */
	u32 error_code;
	u32 flags; /* XEN_X86_FPU_INITIALISED */
	u32 pad0;
};

struct hvm_hw_lapic {
	u64 apic_base_msr;
	u32 disabled;
	u32 timer_divisor; /* what the divide register says */
	u64 tdt_msr;
};

/* Registers at 16 times their number; the ICR's upper half is one more. */
struct hvm_hw_lapic_regs {
	u8 data[1024];
};

#define MTRR_VCNT 8
#define NUM_FIXED_MSR 11

struct hvm_hw_mtrr {
	u64 msr_pat_cr;
	u64 msr_mtrr_var[MTRR_VCNT * 2];
	u64 msr_mtrr_fixed[NUM_FIXED_MSR];
	u64 msr_mtrr_cap;
	u64 msr_mtrr_def_type;
};

/* Followed by the rest of what XSAVE writes, not compacted. */
struct hvm_hw_cpu_xsave {
	u64 xfeature_mask; /* ignored */
	u64 xcr0;
	u64 xcr0_accum; /* what the area below has room for */
	u8 fpu_sse[512];
	u64 xstate_bv, xcomp_bv;
	u64 reserved[6];
};

#endif /* HV_ABI_SAVE_H */
