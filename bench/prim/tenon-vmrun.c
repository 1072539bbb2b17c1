// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tenon-vmrun.c - the floor under every hypercall: a bare VMRUN and its exit
 *
 * For plain Linux on the machine that the hypervisors run on.  The guest is one
 * instruction in the kernel's own address space, with nested paging; nothing is
 * saved, looked at or answered between its exits.  AMD's manual, volume 2,
 * chapter 15, says what the fields of the VMCB mean.
 *
 * It runs only for as long as insmod takes.
 */
#define pr_fmt(fmt) "tenon-prim: " fmt

#include <linux/gfp.h>
#include <linux/io.h>
#include <linux/mm.h>
#include <linux/module.h>

#include <asm/cpufeature.h>
#include <asm/desc.h>
#include <asm/msr.h>
#include <asm/segment.h>
#include <asm/special_insns.h>
#include <asm/svm.h>

#include "batches.h"

/* Of a page table entry: present, writable, user; a page of a GiB. */
#define PT_FLAGS 0x7
#define PT_HUGE 0x80
#define PT_ENTRIES 512

enum vmrun_page {
	VMRUN_VMCB,
	VMRUN_HOST, /* where the processor keeps what VMRUN replaces */
	VMRUN_STACK,
	VMRUN_PML4,
	VMRUN_PDPT,
	VMRUN_PAGES,
};

static struct page *vmrun_pages[VMRUN_PAGES];

static void *vmrun_address(enum vmrun_page page)
{
	return page_address(vmrun_pages[page]);
}

static u64 vmrun_physical(enum vmrun_page page)
{
	return page_to_phys(vmrun_pages[page]);
}

/* All of the guest.  An intercepted VMMCALL is run again at the next entry. */
static noinline void vmrun_guest(void)
{
	for (;;)
		asm volatile("vmmcall");
}

static void vmrun_segment(struct vmcb_seg *seg, u16 selector, u16 attributes)
{
	*seg = (struct vmcb_seg){ .selector = selector,
				  .attrib = attributes,
				  .limit = ~0u };
}

/* Guest physical addresses are physical ones. */
static void vmrun_nested_tables(void)
{
	u64 *pml4 = vmrun_address(VMRUN_PML4), *pdpt = vmrun_address(VMRUN_PDPT);
	u64 i;

	pml4[0] = vmrun_physical(VMRUN_PDPT) | PT_FLAGS;
	for (i = 0; i < PT_ENTRIES; i++)
		pdpt[i] = i << 30 | PT_HUGE | PT_FLAGS;
}

static void vmrun_prepare(struct vmcb *vmcb, u64 efer)
{
	struct vmcb_control_area *control = &vmcb->control;
	struct vmcb_save_area *save = &vmcb->save;

	vmrun_nested_tables();
	control->intercepts[INTERCEPT_WORD4] =
		BIT(INTERCEPT_VMRUN % 32) | BIT(INTERCEPT_VMMCALL % 32);
	control->asid = 1;
	control->nested_ctl = SVM_NESTED_CTL_NP_ENABLE;
	control->nested_cr3 = vmrun_physical(VMRUN_PML4);

	/* Code of 64 bits; data, as flat as it gets. */
	vmrun_segment(&save->cs, __KERNEL_CS, 0x29b);
	vmrun_segment(&save->ss, __KERNEL_DS, 0xc93);
	save->ds = save->ss;
	save->es = save->ss;
	save->cr0 = read_cr0();
	save->cr3 = __read_cr3();
	save->cr4 = __read_cr4();
	save->efer = efer;
	save->dr6 = 0xffff0ff0;
	save->dr7 = 0x400;
	save->g_pat = 0x0007040600070406ULL; /* as after reset */
	save->rflags = 0x2; /* no interrupts, which stay with the host */
	save->rip = (unsigned long)vmrun_guest;
	save->rsp = (unsigned long)vmrun_address(VMRUN_STACK) + PAGE_SIZE;
}

/* With interrupts off: GIF is clear from an exit to STGI. */
static int vmrun_enter(unsigned int n)
{
	struct vmcb *vmcb = vmrun_address(VMRUN_VMCB);
	unsigned long flags;
	int err = 0;

	local_irq_save(flags);
	while (n-- && !err) {
		u64 rax = vmrun_physical(VMRUN_VMCB);

		asm volatile("vmrun %%rax" : "+a"(rax) : : "cc", "memory");
		if (READ_ONCE(vmcb->control.exit_code) != SVM_EXIT_VMMCALL)
			err = -EIO;
	}
	asm volatile("stgi" : : : "memory");
	local_irq_restore(flags);
	return err;
}

static void vmrun_free(void)
{
	unsigned int i;

	for (i = 0; i < VMRUN_PAGES; i++)
		if (vmrun_pages[i])
			__free_page(vmrun_pages[i]);
}

static int __init vmrun_init(void)
{
	u64 efer, vm_cr, host;
	unsigned int i;

	if (!boot_cpu_has(X86_FEATURE_SVM) || !boot_cpu_has(X86_FEATURE_NPT))
		return -ENODEV;
	for (i = 0; i < VMRUN_PAGES; i++) {
		vmrun_pages[i] = alloc_page(GFP_KERNEL | __GFP_ZERO);
		if (!vmrun_pages[i]) {
			vmrun_free();
			return -ENOMEM;
		}
	}
	/* What follows belongs to one CPU, and to nobody else on it. */
	preempt_disable();
	rdmsrl(MSR_EFER, efer);
	rdmsrl(MSR_VM_CR, vm_cr);
	if (efer & EFER_SVME || vm_cr & SVM_VM_CR_SVM_DIS_MASK) {
		preempt_enable();
		vmrun_free();
		return -EBUSY;
	}
	rdmsrl(MSR_VM_HSAVE_PA, host);
	wrmsrl(MSR_EFER, efer | EFER_SVME);
	wrmsrl(MSR_VM_HSAVE_PA, vmrun_physical(VMRUN_HOST));
	vmrun_prepare(vmrun_address(VMRUN_VMCB), efer | EFER_SVME);
	batches_run("vmrun", 500, vmrun_enter);
	wrmsrl(MSR_VM_HSAVE_PA, host);
	wrmsrl(MSR_EFER, efer);
	preempt_enable();
	return 0;
}
module_init(vmrun_init);

static void __exit vmrun_exit(void)
{
	vmrun_free();
}
module_exit(vmrun_exit);

MODULE_DESCRIPTION("Cost of a bare VMRUN and its exit");
MODULE_LICENSE("Dual MIT/GPL");
