/* SPDX-License-Identifier: MIT */
/*
 * svm.c - virtual CPUs on AMD SVM with nested paging
 *
 * Address space tags: a vCPU that may have stale nested translations gets a new
 * tag on the CPU it runs on, instead of a flush; when a CPU's tags are used up
 * it flushes everything once and starts again (a new generation).
 */
#include "apic.h"
#include "arch.h"
#include "asm.h"

#define SVM_LEAF 0x8000000a
#define VM_CR_SVMDIS BIT(4)

#define CR0_RESET (CR0_ET | CR0_NW | CR0_CD)
#define RFLAGS_RESET 2
#define DR6_RESET 0xffff0ff0
#define DR7_RESET 0x400
#define PAT_RESET 0x0007040600070406ULL

#define PAUSE_COUNT 3000
#define PAUSE_THRESHOLD 128

struct svm_features svm_features;

static struct svm_cpu {
	u64 asid_gen;
	u32 asid_next;
} svm_cpu[NR_CPUS];

static bool svm_detect(void)
{
	u32 a, b, c, d;

	cpuid(0x80000000, 0, &a, &b, &c, &d);
	if (a < SVM_LEAF)
		return false;
	cpuid(0x80000001, 0, &a, &b, &c, &d);
	if (!(c & BIT(2)))
		return false;
	if (rdmsr(MSR_VM_CR) & VM_CR_SVMDIS)
		return false;
	cpuid(SVM_LEAF, 0, &a, &b, &c, &d);
	if (!(d & BIT(0))) /* nested paging */
		return false;
	svm_features = (struct svm_features){
		.nrips = d & BIT(3),
		.pause_filter = d & BIT(10),
		.nr_asids = b,
	};
	return b > 1;
}

/* Supervisor protections; also the same bits as Linux sets, so that entering
 * and leaving a guest changes as little as possible.
 */
static void svm_init_cr4(void)
{
	u32 a, b, c, d;
	u64 cr4 = read_cr4() | CR4_MCE;

	cpuid(0, 0, &a, &b, &c, &d);
	if (a >= 7) {
		cpuid(7, 0, &a, &b, &c, &d);
		if (b & BIT(7))
			cr4 |= CR4_SMEP;
		if (b & BIT(20))
			cr4 |= CR4_SMAP;
	}
	write_cr4(cr4);
}

int vmm_cpu_init(void)
{
	struct cpu *c = this_cpu();
	void *hsave;

	if (!svm_detect())
		return -ENODEV;
	svm_init_cr4();
	if (!xstate_init())
		return -ENODEV;
	hsave = page_alloc_virt();
	c->host_vmcb = page_alloc_virt();
	if (!hsave || !c->host_vmcb)
		return -ENODEV;
	wrmsr(MSR_EFER, rdmsr(MSR_EFER) | EFER_SVME);
	wrmsr(MSR_VM_HSAVE_PA, (u64)hsave);
	__asm__ __volatile__("vmsave" : : "a"(c->host_vmcb) : "memory");
	svm_cpu[c->id].asid_gen = 1;
	svm_cpu[c->id].asid_next = 1;
	if (!c->id)
		pr_info("SVM: %u ASIDs%s%s", svm_features.nr_asids,
			svm_features.nrips ? ", next RIP" : "",
			svm_features.pause_filter ? ", pause filter" : "");
	return 0;
}

static void vmcb_init(struct vcpu *v)
{
	struct vmcb *vmcb = v->arch->vmcb;

	exit_intercept_all(vmcb);
	vmcb_intercept(vmcb, SVM_EXIT_IRET, false); /* after an NMI only */
	/* A guest without devices has no caches to write back. */
	vmcb_intercept(vmcb, SVM_EXIT_WBINVD, v->domain->id);
	vmcb_intercept(vmcb, SVM_EXIT_PAUSE, svm_features.pause_filter);
	if (svm_features.pause_filter) {
		vmcb->pause_filter_count = PAUSE_COUNT;
		vmcb->pause_filter_threshold = PAUSE_THRESHOLD;
	}
	vmcb->iopm_base = io_bitmap(v->domain);
	vmcb->msrpm_base = msr_bitmap();
	vmcb->v_intr = V_INTR_MASKING;
	vmcb->np_enable = 1;
	vmcb->n_cr3 = (u64)v->domain->p2m_root;
}

int vmm_vcpu_create(struct vcpu *v)
{
	struct vcpu_arch *a = kzalloc(sizeof(*a));

	if (!a)
		return -ENOMEM;
	v->arch = a;
	a->vcpu = v;
	a->vmcb = page_alloc_virt();
	if (!a->vmcb || xstate_alloc(v)) {
		vmm_vcpu_destroy(v);
		return -ENOMEM;
	}
	vmcb_init(v);
	vlapic_init(v);
	msr_init_vcpu(v);
	svm_reset_vcpu(v);
	a->wait_sipi = v->id != 0;
	/* As firmware leaves it: the boot CPU may take interrupts at once. */
	if (!v->id)
		a->apic.reg[APIC_SVR] |= APIC_SVR_ENABLE;
	return 0;
}

void vmm_vcpu_destroy(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	if (!a)
		return;
	/* Or it would arm itself again. */
	WRITE_ONCE(a->apic.reg[APIC_TIMER_INIT], 0);
	timer_destroy(&a->apic.timer);
	xstate_free(v);
	if (a->vmcb)
		page_free_virt(a->vmcb, 0);
	kfree(a);
	v->arch = NULL;
}

static struct vmcb_segment segment(u16 sel, u16 attr, u32 limit, u64 base)
{
	return (struct vmcb_segment){ sel, attr, limit, base };
}

void svm_reset_vcpu(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *vmcb = a->vmcb;

	memset(&a->regs, 0, sizeof(a->regs));
	memset(a->dr, 0, sizeof(a->dr));
	a->nmi_pending = false;
	a->nmi_blocked = false;
	a->virq_source = VIRQ_SRC_NONE;
	a->asid_cpu = NULL; /* no translation outlives a reset */
	vmcb_intercept(vmcb, SVM_EXIT_IRET, false);
	vmcb->v_intr = V_INTR_MASKING;
	vmcb->event_inj = 0;
	vmcb->interrupt_shadow = 0;

	vmcb->cs = segment(0xf000, 0x9b, 0xffff, 0xffff0000);
	vmcb->ds = segment(0, 0x93, 0xffff, 0);
	vmcb->es = vmcb->ds;
	vmcb->ss = vmcb->ds;
	vmcb->fs = vmcb->ds;
	vmcb->gs = vmcb->ds;
	vmcb->gdtr = segment(0, 0, 0xffff, 0);
	vmcb->idtr = vmcb->gdtr;
	vmcb->ldtr = segment(0, 0x82, 0xffff, 0);
	vmcb->tr = segment(0, 0x8b, 0xffff, 0);
	vmcb->cpl = 0;
	vmcb->cr0 = CR0_RESET;
	vmcb->cr2 = 0;
	vmcb->cr3 = 0;
	vmcb->cr4 = 0;
	vmcb->efer = EFER_SVME;
	vmcb->dr6 = DR6_RESET;
	vmcb->dr7 = DR7_RESET;
	vmcb->g_pat = PAT_RESET;
	a->regs.rip = 0xfff0;
	a->regs.rflags = RFLAGS_RESET;
	vlapic_reset(v);
}

void svm_start_at(struct vcpu *v, u8 page)
{
	struct vmcb *vmcb = v->arch->vmcb;

	vmcb->cs.selector = (u16)page << 8;
	vmcb->cs.base = (u64)page << PAGE_SHIFT;
	v->arch->regs.rip = 0;
}

void vmm_set_pvh_entry(struct vcpu *v, u32 eip, u32 ebx)
{
	struct vmcb *vmcb = v->arch->vmcb;

	vmcb->cs = segment(0, 0xc9b, ~0U, 0);
	vmcb->ds = segment(0, 0xc93, ~0U, 0);
	vmcb->es = vmcb->ds;
	vmcb->ss = vmcb->ds;
	vmcb->tr = segment(0, 0x8b, 0x67, 0);
	vmcb->cr0 = CR0_PE | CR0_ET;
	v->arch->regs.rip = eip;
	v->arch->regs.rbx = ebx;
	v->arch->wait_sipi = false;
}

void vmm_switch_in(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	xstate_load(v);
	wrmsr(MSR_TSC_AUX, a->tsc_aux);
	__asm__ __volatile__("mov %0, %%dr0" : : "r"(a->dr[0]));
	__asm__ __volatile__("mov %0, %%dr1" : : "r"(a->dr[1]));
	__asm__ __volatile__("mov %0, %%dr2" : : "r"(a->dr[2]));
	__asm__ __volatile__("mov %0, %%dr3" : : "r"(a->dr[3]));
}

void vmm_switch_out(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	xstate_save(v);
	__asm__ __volatile__("mov %%dr0, %0" : "=r"(a->dr[0]));
	__asm__ __volatile__("mov %%dr1, %0" : "=r"(a->dr[1]));
	__asm__ __volatile__("mov %%dr2, %0" : "=r"(a->dr[2]));
	__asm__ __volatile__("mov %%dr3, %0" : "=r"(a->dr[3]));
}

/* Make sure the guest uses no translation older than the domain's map. */
static void svm_update_asid(struct vcpu *v, struct cpu *c)
{
	struct vcpu_arch *a = v->arch;
	struct svm_cpu *sc = &svm_cpu[c->id];
	u32 gen = READ_ONCE(v->domain->tlb_gen);

	a->vmcb->tlb_control = TLB_CONTROL_NONE;
	if (a->asid_cpu == c && a->asid_gen == sc->asid_gen &&
	    a->tlb_gen == gen)
		return;
	if (sc->asid_next == svm_features.nr_asids) {
		sc->asid_gen++;
		sc->asid_next = 1;
		a->vmcb->tlb_control = TLB_CONTROL_FLUSH_ALL;
	}
	a->asid = sc->asid_next++;
	a->asid_cpu = c;
	a->asid_gen = sc->asid_gen;
	a->tlb_gen = gen;
	a->vmcb->asid = a->asid;
}

static bool callback_pending(const struct vcpu *v)
{
	return v->domain->callback_vector && !v->upcall_vector &&
	       vcpu_events_pending(v);
}

bool vmm_interrupt_pending(struct vcpu *v)
{
	return READ_ONCE(v->arch->nmi_pending) ||
	       READ_ONCE(v->arch->init_pending) || callback_pending(v) ||
	       vlapic_pending(v) >= 0;
}

/*
 * Choose what to present to the guest.  A virtual interrupt waits in the VMCB
 * until the guest can take it, so no exit is needed to find that moment.
 */
static void svm_present_events(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *vmcb = a->vmcb;
	int vector;

	if (READ_ONCE(a->nmi_pending) && !a->nmi_blocked &&
	    !(vmcb->event_inj & EVENT_VALID)) {
		WRITE_ONCE(a->nmi_pending, false);
		a->nmi_blocked = true;
		a->nmi_iret_rip = ~0ULL;
		vmcb_intercept(vmcb, SVM_EXIT_IRET, true);
		vmcb->event_inj = EVENT_VALID | EVENT_TYPE_NMI | 2;
	}

	vmcb->v_intr = V_INTR_MASKING | (a->apic.reg[APIC_TPR] >> 4 & 0xf);
	a->virq_source = VIRQ_SRC_NONE;
	if (callback_pending(v)) {
		a->virq_source = VIRQ_SRC_CALLBACK;
		a->virq_vector = v->domain->callback_vector;
	} else {
		vector = vlapic_pending(v);
		if (vector < 0)
			return;
		a->virq_source = VIRQ_SRC_APIC;
		a->virq_vector = vector;
	}
	vmcb->v_intr |= V_IRQ | V_IGN_TPR | 0xfUL << V_INTR_PRIO_SHIFT |
			(u64)a->virq_vector << V_INTR_VECTOR_SHIFT;
}

/*
 * What became of the events we presented, and of one whose delivery the exit
 * cut short.  That one is known by EXITINTINFO: an interrupt is simply still
 * pending; software interrupts run again from the instruction; exceptions and
 * NMIs are pushed again.  An emulator may report a virtual interrupt as an
 * exception, with V_IRQ still set.
 */
static void svm_collect_events(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *vmcb = a->vmcb;
	u64 info = vmcb->exit_int_info;
	u64 type = info & EVENT_TYPE_MASK;
	bool cut = info & EVENT_VALID;
	u8 vector = info;
	u8 tpr = (vmcb->v_intr & 0xf) << 4;

	vmcb->event_inj = 0;
	if ((a->apic.reg[APIC_TPR] & 0xf0) != tpr)
		a->apic.reg[APIC_TPR] = tpr;

	if (a->virq_source != VIRQ_SRC_NONE) {
		bool taken = !(vmcb->v_intr & V_IRQ);

		if (cut && vector == a->virq_vector &&
		    (!taken || type == EVENT_TYPE_INTR))
			return;
		if (taken && a->virq_source == VIRQ_SRC_APIC)
			vlapic_accept(v, a->virq_vector);
	}
	if (!cut)
		return;
	if (type == EVENT_TYPE_NMI) {
		a->nmi_blocked = false;
		WRITE_ONCE(a->nmi_pending, true);
	} else if (type == EVENT_TYPE_EXCEPTION && vector != 3 && vector != 4) {
		vmcb->event_inj = info;
	}
}

static void svm_unblock_nmi(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	/* The IRET seen at an earlier exit has been executed since. */
	if (a->nmi_blocked && a->nmi_iret_rip != ~0ULL &&
	    a->regs.rip != a->nmi_iret_rip)
		a->nmi_blocked = false;
}

/*
 * INIT and start-up IPIs only leave a note: the vCPU itself acts on it, so that
 * nobody ever waits for a vCPU, which may need the waiter's CPU to run.
 */
static void svm_take_init(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;

	spin_lock(&a->init_lock);
	if (a->init_pending) {
		WRITE_ONCE(a->init_pending, false);
		svm_reset_vcpu(v);
		a->wait_sipi = true;
	}
	if (a->start_pending) {
		WRITE_ONCE(a->start_pending, false);
		svm_start_at(v, a->start_page);
		a->wait_sipi = false;
	}
	if (a->wait_sipi)
		vcpu_set_down(v, true);
	spin_unlock(&a->init_lock);
}

static void guest_epoch_next(struct cpu *c)
{
	__atomic_store_n(&c->guest_epoch, c->guest_epoch + 1, __ATOMIC_RELEASE);
}

/*
 * QEMU's emulation can end a guest's run on its first CPU twice: the second time
 * it saves our own state as the guest's, which is lost.  To go on would run the
 * guest on our addresses, faulting for ever.  Why, and how park_boot_cpu avoids
 * it: docs/hypervisor.md.
 */
static bool svm_state_lost(const struct vmcb *vmcb)
{
	return vmcb->rip == (u64)vmrun_return && vmcb->cr3 == read_cr3();
}

void vmm_run(struct vcpu *v)
{
	struct vcpu_arch *a = v->arch;
	struct vmcb *vmcb = a->vmcb;
	struct cpu *c = this_cpu();

	if (READ_ONCE(a->init_pending) || READ_ONCE(a->start_pending)) {
		svm_take_init(v);
		return;
	}

	/*
	 * From here on whoever changes something that matters to the guest sees
	 * an odd epoch and sends an interrupt, which ends guest mode at once.
	 */
	guest_epoch_next(c);
	smp_mb(); /* pairs with p2m_flush() and whoever kicks a CPU */
	if (READ_ONCE(c->need_resched)) {
		guest_epoch_next(c);
		return;
	}
	svm_update_asid(v, c);
	svm_present_events(v);
	vmcb->rax = a->regs.rax;
	vmcb->rsp = a->regs.rsp;
	vmcb->rip = a->regs.rip;
	vmcb->rflags = a->regs.rflags;

	vmrun_enter((u64)vmcb, &a->regs, (u64)c->host_vmcb);

	guest_epoch_next(c);
	if (unlikely(svm_state_lost(vmcb))) {
		domain_crash(v->domain, "v%u: the emulator lost its state (use park_boot_cpu)",
			     v->id);
		return;
	}
	a->regs.rax = vmcb->rax;
	a->regs.rsp = vmcb->rsp;
	a->regs.rip = vmcb->rip;
	a->regs.rflags = vmcb->rflags;
	svm_collect_events(v);
	svm_unblock_nmi(v);
	exit_handle(v);
}

void svm_inject(struct vcpu *v, u8 vector)
{
	v->arch->vmcb->event_inj = EVENT_VALID | EVENT_TYPE_EXCEPTION | vector;
}

void svm_inject_error(struct vcpu *v, u8 vector, u32 error)
{
	v->arch->vmcb->event_inj = EVENT_VALID | EVENT_TYPE_EXCEPTION |
				   EVENT_ERROR_VALID | vector |
				   (u64)error << 32;
}

struct guest_regs *vmm_regs(struct vcpu *v)
{
	return &v->arch->regs;
}

unsigned int vmm_cpl(struct vcpu *v)
{
	return v->arch->vmcb->cpl;
}

bool vmm_long_mode(struct vcpu *v)
{
	return svm_long_mode(v);
}
