/* SPDX-License-Identifier: MIT */
/* svm.h - the processor's virtual machine control block, and exit codes */
#ifndef HV_X86_SVM_H
#define HV_X86_SVM_H

#include "types.h"

#define TLB_CONTROL_NONE 0
#define TLB_CONTROL_FLUSH_ALL 1

/* V_TPR and friends, offset 0x60. */
#define V_IRQ BIT(8)
#define V_INTR_PRIO_SHIFT 16
#define V_IGN_TPR BIT(20)
#define V_INTR_MASKING BIT(24)
#define V_INTR_VECTOR_SHIFT 32

/* EVENTINJ and EXITINTINFO. */
#define EVENT_TYPE_INTR (0UL << 8)
#define EVENT_TYPE_NMI (2UL << 8)
#define EVENT_TYPE_EXCEPTION (3UL << 8)
#define EVENT_TYPE_MASK (7UL << 8)
#define EVENT_ERROR_VALID BIT(11)
#define EVENT_VALID BIT(31)

/* From the first on up to here each has a bit in vmcb.intercept. */
#define SVM_EXIT_EXCEPTION 0x40
#define SVM_EXIT_INTERCEPTS_END 0xa0
#define SVM_EXIT_INTR 0x60
#define SVM_EXIT_NMI 0x61
#define SVM_EXIT_INIT 0x63
#define SVM_EXIT_RDPMC 0x6f
#define SVM_EXIT_CPUID 0x72
#define SVM_EXIT_RSM 0x73
#define SVM_EXIT_IRET 0x74
#define SVM_EXIT_INVD 0x76
#define SVM_EXIT_PAUSE 0x77
#define SVM_EXIT_HLT 0x78
#define SVM_EXIT_INVLPGA 0x7a
#define SVM_EXIT_IOIO 0x7b
#define SVM_EXIT_MSR 0x7c
#define SVM_EXIT_SHUTDOWN 0x7f
#define SVM_EXIT_VMRUN 0x80
#define SVM_EXIT_VMMCALL 0x81
#define SVM_EXIT_VMLOAD 0x82
#define SVM_EXIT_VMSAVE 0x83
#define SVM_EXIT_STGI 0x84
#define SVM_EXIT_CLGI 0x85
#define SVM_EXIT_SKINIT 0x86
#define SVM_EXIT_WBINVD 0x89
#define SVM_EXIT_MONITOR 0x8a
#define SVM_EXIT_MWAIT 0x8b
#define SVM_EXIT_MWAIT_ARMED 0x8c
#define SVM_EXIT_XSETBV 0x8d
#define SVM_EXIT_RDPRU 0x8e
#define SVM_EXIT_NPF 0x400

#define IOIO_IN BIT(0)
#define IOIO_STRING BIT(2)
#define IOIO_REP BIT(3)
#define IOIO_SIZE_SHIFT 4 /* 1, 2 or 4 bytes */
#define IOIO_ADDR16 BIT(7)
#define IOIO_ADDR32 BIT(8)
#define IOIO_ADDR64 BIT(9)
#define IOIO_PORT_SHIFT 16

#define NPF_WRITE BIT(1)

struct vmcb_segment {
	u16 selector;
	u16 attr; /* access byte, then AVL, L, D/B, G */
	u32 limit;
	u64 base;
};

#define ATTR_DPL_SHIFT 5
#define ATTR_LONG BIT(9)
#define ATTR_DB BIT(10)

struct vmcb {
	u16 intercept_cr_read, intercept_cr_write;
	u16 intercept_dr_read, intercept_dr_write;
	u32 intercept[4]; /* see vmcb_intercept() */
	u8 reserved1[0x3c - 0x18];
	u16 pause_filter_threshold, pause_filter_count;
	u64 iopm_base, msrpm_base;
	u64 tsc_offset;
	u32 asid;
	u8 tlb_control;
	u8 reserved2[3];
	u64 v_intr;
	u64 interrupt_shadow;
	u64 exit_code, exit_info1, exit_info2, exit_int_info;
	u64 np_enable;
	u8 reserved3[0xa8 - 0x98];
	u64 event_inj;
	u64 n_cr3;
	u64 lbr_virt;
	u64 clean;
	u64 next_rip;
	u8 reserved4[0x400 - 0xd0];

	struct vmcb_segment es, cs, ss, ds, fs, gs, gdtr, ldtr, idtr, tr;
	u8 reserved5[0x4cb - 0x4a0];
	u8 cpl;
	u32 reserved6;
	u64 efer;
	u8 reserved7[0x548 - 0x4d8];
	u64 cr4, cr3, cr0, dr7, dr6, rflags, rip;
	u8 reserved8[0x5d8 - 0x580];
	u64 rsp;
	u8 reserved9[0x5f8 - 0x5e0];
	u64 rax;
	u64 star, lstar, cstar, sfmask;
	u64 kernel_gs_base;
	u64 sysenter_cs, sysenter_esp, sysenter_eip;
	u64 cr2;
	u8 reserved10[0x668 - 0x648];
	u64 g_pat;
	u64 debugctl;
	u8 reserved11[0x1000 - 0x678];
} __packed;

/* Should the guest's doing so be an exit with @code? */
static inline void vmcb_intercept(struct vmcb *vmcb, u32 code, bool on)
{
	u32 n = code - SVM_EXIT_EXCEPTION;
	u32 others = vmcb->intercept[n / 32] & ~BIT(n % 32);

	vmcb->intercept[n / 32] = others | (on ? BIT(n % 32) : 0);
}

_Static_assert(offsetof(struct vmcb, iopm_base) == 0x40, "VMCB layout");
_Static_assert(offsetof(struct vmcb, v_intr) == 0x60, "VMCB layout");
_Static_assert(offsetof(struct vmcb, event_inj) == 0xa8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, next_rip) == 0xc8, "VMCB layout");
_Static_assert(offsetof(struct vmcb, es) == 0x400, "VMCB layout");
_Static_assert(offsetof(struct vmcb, cr4) == 0x548, "VMCB layout");
_Static_assert(offsetof(struct vmcb, star) == 0x600, "VMCB layout");
_Static_assert(offsetof(struct vmcb, g_pat) == 0x668, "VMCB layout");
_Static_assert(sizeof(struct vmcb) == 0x1000, "VMCB layout");

#endif /* HV_X86_SVM_H */
