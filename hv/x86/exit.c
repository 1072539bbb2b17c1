/* SPDX-License-Identifier: MIT */
/* exit.c - what the guest did that it must not do alone */
#include "apic.h"
#include "arch.h"
#include "asm.h"

#define OP_HLT	   0xf4
#define OP_WBINVD  0x0f09
#define OP_VMMCALL 0x0f01d9
#define OP_XSETBV  0x0f01d1
#define MAX_INSN   15

static bool is_prefix(const struct vcpu *v, u8 b)
{
	static const u8 prefixes[] = {0x66, 0x67, 0xf2, 0xf3, 0x2e, 0x36,
				      0x3e, 0x26, 0x64, 0x65, 0xf0};

	for (unsigned int i = 0; i < sizeof(prefixes); i++)
		if (b == prefixes[i])
			return true;
	/* REX. */
	return svm_long_mode(v) && (b & 0xf0) == 0x40;
}

/*
 * Length of the instruction at CS:RIP with the opcode @opcode (most significant
 * byte first) of @opcode_len bytes; 0 if it is another one.
 */
static unsigned int insn_length(struct vcpu *v, u32 opcode,
				unsigned int opcode_len)
{
	u8 insn[MAX_INSN];
	unsigned int have = walk_fetch(v, insn, MAX_INSN), off = 0, i;

	while (off < have && is_prefix(v, insn[off]))
		off++;
	for (i = 0; i < opcode_len; i++)
		if (off + i >= have ||
		    insn[off + i] != (u8)(opcode >> 8 * (opcode_len - 1 - i)))
			return 0;
	return off + opcode_len;
}

void exit_step(struct vcpu *v, u64 next_rip)
{
	struct vcpu_arch *a = v->arch;

	if (!svm_long_mode(v))
		next_rip = (u32)next_rip;
	a->regs.rip = next_rip;
	a->regs.rflags &= ~RFLAGS_RF;
	a->vmcb->interrupt_shadow = 0;
	/* Single-stepping ends after this instruction too. */
	if (a->regs.rflags & RFLAGS_TF) {
		a->vmcb->dr6 |= BIT(14);
		svm_inject(v, VEC_DB);
	}
}

/*
 * Without the processor's help the length has to be found in memory.  What it
 * was is remembered for the kernel's own code: were another instruction of the
 * same opcode there the next time, with more prefixes or fewer, then the guest
 * would go on in the middle of it, and hurt none but itself.
 */
bool exit_skip(struct vcpu *v, u32 opcode, unsigned int opcode_len)
{
	struct vcpu_arch *a = v->arch;
	u64 rip = a->regs.rip;
	struct known_insn *known = &a->known[rip % ARRAY_SIZE(a->known)];
	bool kernel = !a->vmcb->cpl && (svm_long_mode(v) || !a->vmcb->cs.base);
	unsigned int len;

	if (svm_features.nrips) {
		exit_step(v, a->vmcb->next_rip);
		return true;
	}
	if (kernel && known->rip == rip && known->opcode == opcode) {
		exit_step(v, rip + known->len);
		return true;
	}
	len = insn_length(v, opcode, opcode_len);
	if (!len) {
		/* Changed by another vCPU meanwhile. */
		svm_inject(v, VEC_UD);
		return false;
	}
	if (kernel)
		*known = (struct known_insn){ rip, opcode, len };
	exit_step(v, rip + len);
	return true;
}

static void exit_intr(struct vcpu *)
{
	cpu_irq_window();
}

/* Ours was taken by our own handler when GIF was set. */
static void exit_nmi(struct vcpu *)
{
}

static void exit_gp(struct vcpu *v)
{
	svm_inject_error(v, VEC_GP, 0);
}

static void exit_ud(struct vcpu *v)
{
	svm_inject(v, VEC_UD);
}

/* #DB and #AC are only watched: they go on to the guest. */
static void exit_debug(struct vcpu *v)
{
	svm_inject(v, VEC_DB);
}

static void exit_align(struct vcpu *v)
{
	svm_inject_error(v, 17, 0);
}

static void exit_machine_check(struct vcpu *v)
{
	panic("machine check while d%uv%u ran", v->domain->id, v->id);
}

static void exit_iret(struct vcpu *v)
{
	vmcb_intercept(v->arch->vmcb, SVM_EXIT_IRET, false);
	v->arch->nmi_iret_rip = v->arch->regs.rip;
}

static void exit_wbinvd(struct vcpu *v)
{
	exit_skip(v, OP_WBINVD, 2);
}

static void exit_pause(struct vcpu *)
{
	vcpu_yield();
}

static bool all_vcpus_down(const struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (!d->vcpu[i]->down)
			return false;
	return true;
}

/* Halted with interrupts off, a vCPU is gone until the next INIT. */
static void exit_hlt(struct vcpu *v)
{
	bool gone;

	if (!exit_skip(v, OP_HLT, 1))
		return;
	if (v->arch->regs.rflags & RFLAGS_IF) {
		vcpu_block();
		return;
	}
	spin_lock(&v->arch->init_lock);
	gone = !READ_ONCE(v->arch->nmi_pending) && !v->arch->init_pending;
	if (gone)
		vcpu_set_down(v, true);
	spin_unlock(&v->arch->init_lock);
	if (!gone)
		return;
	if (all_vcpus_down(v->domain))
		domain_shutdown(v->domain, SHUTDOWN_poweroff);
}

static void exit_vmmcall(struct vcpu *v)
{
	if (hypercall_dispatch(v))
		exit_skip(v, OP_VMMCALL, 3);
}

static void exit_xsetbv(struct vcpu *v)
{
	struct guest_regs *r = &v->arch->regs;

	if (v->arch->vmcb->cpl || (u32)r->rcx ||
	    !xstate_set_xcr0(v, (u32)r->rax | r->rdx << 32)) {
		svm_inject_error(v, VEC_GP, 0);
		return;
	}
	exit_skip(v, OP_XSETBV, 3);
}

static void dump_state(struct vcpu *v)
{
	const struct guest_regs *r = &v->arch->regs;
	const struct vmcb *vmcb = v->arch->vmcb;

	printk_guest(
		"d%uv%u: cpl %u rip %#lx rsp %#lx rflags %#lx cr0 %#lx cr2 %#lx cr3 %#lx cr4 %#lx",
		v->domain->id, v->id, vmcb->cpl, r->rip, r->rsp, r->rflags,
		vmcb->cr0, vmcb->cr2, vmcb->cr3, vmcb->cr4);
	printk_guest(
		"d%uv%u: rax %#lx rbx %#lx rcx %#lx rdx %#lx rsi %#lx rdi %#lx rbp %#lx",
		v->domain->id, v->id, r->rax, r->rbx, r->rcx, r->rdx, r->rsi,
		r->rdi, r->rbp);
}

/* A triple fault. */
static void exit_shutdown(struct vcpu *v)
{
	dump_state(v);
	domain_crash(v->domain, "v%u: triple fault at %#lx", v->id,
		     v->arch->regs.rip);
}

static void exit_unknown(struct vcpu *v)
{
	const struct vmcb *vmcb = v->arch->vmcb;

	dump_state(v);
	domain_crash(v->domain, "v%u: exit %#lx info %#lx %#lx at %#lx", v->id,
		     vmcb->exit_code, vmcb->exit_info1, vmcb->exit_info2,
		     v->arch->regs.rip);
}

static const struct {
	u64 code;
	const char *name;
	void (*fn)(struct vcpu *v);
} exits[] = {
	{0, "other", exit_unknown},
	{SVM_EXIT_INTR, "interrupt", exit_intr},
	{SVM_EXIT_VMMCALL, "vmmcall", exit_vmmcall},
	{SVM_EXIT_HLT, "hlt", exit_hlt},
	{SVM_EXIT_MSR, "msr", msr_exit},
	{SVM_EXIT_IOIO, "io", io_exit},
	{SVM_EXIT_CPUID, "cpuid", cpuid_exit},
	{SVM_EXIT_NPF, "nested-fault", npf_exit},
	{SVM_EXIT_NMI, "nmi", exit_nmi},
	{SVM_EXIT_INIT, "init", exit_nmi},
	{SVM_EXIT_PAUSE, "pause", exit_pause},
	{SVM_EXIT_XSETBV, "xsetbv", exit_xsetbv},
	{SVM_EXIT_IRET, "iret", exit_iret},
	{SVM_EXIT_WBINVD, "wbinvd", exit_wbinvd},
	{SVM_EXIT_SHUTDOWN, "triple-fault", exit_shutdown},
	/*
	 * #DB and #AC: delivering them can raise them again without end, and
	 * nothing would ever leave the guest.  #MC is the machine's.
	 */
	{SVM_EXIT_EXCEPTION + VEC_DB, "debug", exit_debug},
	{SVM_EXIT_EXCEPTION + 17, "alignment", exit_align},
	{SVM_EXIT_EXCEPTION + 18, "machine-check", exit_machine_check},
	{SVM_EXIT_RDPMC, "rdpmc", exit_gp},
	{SVM_EXIT_INVD, "invd", exit_gp},
	{SVM_EXIT_RSM, "rsm", exit_ud},
	{SVM_EXIT_INVLPGA, "invlpga", exit_ud},
	{SVM_EXIT_VMRUN, "vmrun", exit_ud},
	{SVM_EXIT_VMLOAD, "vmload", exit_ud},
	{SVM_EXIT_VMSAVE, "vmsave", exit_ud},
	{SVM_EXIT_STGI, "stgi", exit_ud},
	{SVM_EXIT_CLGI, "clgi", exit_ud},
	{SVM_EXIT_SKINIT, "skinit", exit_ud},
	{SVM_EXIT_MONITOR, "monitor", exit_ud},
	{SVM_EXIT_MWAIT, "mwait", exit_ud},
	{SVM_EXIT_MWAIT_ARMED, "mwait-armed", exit_ud},
	{SVM_EXIT_RDPRU, "rdpru", exit_ud},
};
_Static_assert(ARRAY_SIZE(exits) <= NR_EXIT_COUNTERS,
	       "an exit needs a counter");

void exit_intercept_all(struct vmcb *vmcb)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(exits); i++)
		if (exits[i].code >= SVM_EXIT_EXCEPTION &&
		    exits[i].code < SVM_EXIT_INTERCEPTS_END)
			vmcb_intercept(vmcb, exits[i].code, true);
}

const char *vmm_exit_name(unsigned int i)
{
	return i < ARRAY_SIZE(exits) ? exits[i].name : NULL;
}

void exit_handle(struct vcpu *v)
{
	u64 code = v->arch->vmcb->exit_code;
	unsigned int i;

	/* The common ones stand first. */
	for (i = 1; i < ARRAY_SIZE(exits); i++)
		if (exits[i].code == code)
			break;
	if (i == ARRAY_SIZE(exits))
		i = 0;
	v->exits[i]++;
	v->nr_exits++;
	exits[i].fn(v);
}
