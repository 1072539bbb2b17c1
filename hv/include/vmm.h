/* SPDX-License-Identifier: MIT */
/*
 * vmm.h - the processor-specific layer (today AMD SVM), as the rest sees it
 */
#ifndef HV_VMM_H
#define HV_VMM_H

#include "domain.h"

/* Boot: check for and enable the extension on this CPU.  0 or -ENODEV. */
int vmm_cpu_init(void);

int vmm_vcpu_create(struct vcpu *v); /* allocates v->arch */
void vmm_vcpu_destroy(struct vcpu *v);

/* This CPU starts / stops running @v: load and save extended state. */
void vmm_switch_in(struct vcpu *v);
void vmm_switch_out(struct vcpu *v);

/*
 * Enter the guest once and handle the exit.  Order before entry: make
 * guest_epoch odd; full barrier; return at once (epoch even again) if
 * need_resched is set; then look at pending events and virtual interrupts, and
 * flush stale nested translations if v->domain->tlb_gen moved.  Whoever changes
 * one of these stores it, then a full barrier, then reads guest_epoch, and
 * kicks the CPU only if that is odd; so nothing is missed.  After the exit the
 * epoch is even; returns when the exit was handled.
 */
void vmm_run(struct vcpu *v);

/* True if the vCPU has a virtual interrupt or NMI it can take (wakes HLT). */
bool vmm_interrupt_pending(struct vcpu *v);

/* Flat 32-bit protected mode entry (PVH): eip, ebx = start_info. */
void vmm_set_pvh_entry(struct vcpu *v, u32 eip, u32 ebx);

/*
 * The state of a vCPU as records of the toolstack's (abi/save.h), in the order
 * they are saved.  call/hvm_context.c makes streams of them.
 */
struct vmm_record {
	u16 code;
	u16 least, most; /* bytes */
	void (*get)(struct vcpu *v, void *body); /* @most of them, zeroed */
	bool (*ok)(const void *body, u32 length); /* NULL: any */
	/* @v is paused or down; nothing of it is on a CPU afterwards. */
	void (*set)(struct vcpu *v, const void *body, u32 length);
};
#define VMM_RECORDS 5
const struct vmm_record *vmm_record(unsigned int i);

/*
 * General registers as struct vcpu_guest_context (abi/vcpu.h) has them; @v is
 * paused.  The tools make a cancelled suspend return something else by these.
 */
struct vcpu_guest_context;
void vmm_get_registers(struct vcpu *v, struct vcpu_guest_context *ctx);
void vmm_set_registers(struct vcpu *v, const struct vcpu_guest_context *ctx);

/*
 * Post a virtual interrupt to the vCPU's local APIC (edge), and kick it.
 *
 * Event upcalls: the domain-wide callback vector needs no post, vmm_run() looks
 * at evtchn_upcall_pending (level, no EOI).  A vCPU with an upcall vector of
 * its own (v->upcall_vector) gets an edge: event.c posts that vector here when
 * it changes evtchn_upcall_pending from 0 to 1, as does whoever sets the vector
 * or moves vcpu_info while an upcall is pending.
 */
void vlapic_post(struct vcpu *v, u8 vector, bool level);
/* The same with a non-maskable interrupt. */
void vlapic_post_nmi(struct vcpu *v);

/* Registers of the exit being served, for hypercalls (rax, rdi, rsi, ...). */
struct guest_regs {
	u64 rax, rcx, rdx, rbx, rsp, rbp, rsi, rdi;
	u64 r8, r9, r10, r11, r12, r13, r14, r15;
	u64 rip, rflags;
};
struct guest_regs *vmm_regs(struct vcpu *v);
/* Privilege level of the exit being served, and whether it is 64-bit code. */
unsigned int vmm_cpl(struct vcpu *v);
bool vmm_long_mode(struct vcpu *v);

/*
 * cpuid.c - CPUID policy.  A policy is an array of leaves in the toolstack's
 * wire form; the default one for guests derives from the host.
 *
 * libxl takes only these leaves: 0..0xd, 0x40000000 and 0x40000100 (it keeps
 * their eax alone), 0x80000000..0x8000001c.  Leaves 4, 7, 0xb and 0xd have
 * subleaves (below 6, 3, 2, 63), all others must say ~0; no leaf twice.  It sends
 * back every leaf up to the maxima in eax of the first of each range, zero where
 * it got none, so a check must not mind more zero leaves than there were.
 */
#define NO_SUBLEAF (~0U)
#define CPU_POLICY_MAX_LEAVES 128
#define CPU_POLICY_MAX_MSRS 4
struct cpu_policy {
	unsigned int nr_leaves, nr_msrs;
	struct xen_cpuid_leaf leaf[CPU_POLICY_MAX_LEAVES];
	struct xen_msr_entry msr[CPU_POLICY_MAX_MSRS];
};

/* The entry of a leaf, NULL if it is not listed. */
static inline struct xen_cpuid_leaf *cpu_policy_leaf(const struct cpu_policy *p,
						 u32 leaf, u32 subleaf)
{
	for (unsigned int i = 0; i < p->nr_leaves; i++)
		if (p->leaf[i].leaf == leaf && p->leaf[i].subleaf == subleaf)
			return (struct xen_cpuid_leaf *)&p->leaf[i];
	return NULL;
}

const struct cpu_policy *cpu_policy_host(void);
const struct cpu_policy *cpu_policy_guest_default(void);
/*
 * Check a policy the toolstack sends against what the host and we can offer
 * (features only taken away, topology may change); 0 or -EINVAL and where.
 */
int cpu_policy_check(const struct cpu_policy *p, u32 *err_leaf,
		     u32 *err_subleaf, u32 *err_msr);
/* The featureset words of a policy (sysctl get_cpu_featureset). */
#define CPU_FEATURE_WORDS 18
void cpu_policy_features(const struct cpu_policy *p,
			 u32 words[CPU_FEATURE_WORDS]);

/* Names of exit counters for the dump: NULL if @i is unused. */
const char *vmm_exit_name(unsigned int i);

/* Power-off, reset: never return. */
void machine_reset(void) __noreturn;
void machine_poweroff(void) __noreturn;

/*
 * Memory of the current guest by virtual address (kernel mode rules: a page
 * must be present, and writable for a write).  0 or -EFAULT; on failure part
 * may have been copied.
 */
int guest_read(void *to, u64 gva, size_t len);
int guest_write(u64 gva, const void *from, size_t len);
/* At most a page that the guest may write, all of it its own: see area.h. */
int guest_area_get(struct guest_area *a, u64 gva, size_t len);

#endif /* HV_VMM_H */
