/* SPDX-License-Identifier: MIT */
/*
 * msr.c - model-specific registers
 *
 * Those that are part of the VMCB and switched with it are not intercepted.  All
 * others are emulated or do not exist (#GP, as on hardware).  dom0 may read a
 * few of the machine's.
 */
#include "apic.h"
#include "arch.h"
#include "asm.h"

#define OP_WRMSR 0x0f30
#define OP_RDMSR 0x0f32

#define MSR_TSC 0x10
#define MSR_UCODE_WRITE 0x79
#define MSR_UCODE_REV 0x8b
#define MSR_MTRR_CAP 0xfe
#define MSR_SYSENTER_CS 0x174
#define MSR_SYSENTER_ESP 0x175
#define MSR_SYSENTER_EIP 0x176
#define MSR_MCG_CAP 0x179
#define MSR_MCG_STATUS 0x17a
#define MSR_DEBUGCTL 0x1d9
#define MSR_MTRR_VAR 0x200
#define MSR_PAT 0x277
#define MSR_MTRR_DEF 0x2ff
#define MSR_X2APIC_FIRST 0x800
#define MSR_X2APIC_LAST 0x8ff
#define MSR_HYPERCALL_PAGE 0x40000000
#define MSR_STAR 0xc0000081
#define MSR_LSTAR 0xc0000082
#define MSR_CSTAR 0xc0000083
#define MSR_SFMASK 0xc0000084
#define MSR_SYSCFG 0xc0010010
#define MSR_HWCR 0xc0010015
#define MSR_PATCH_LOADER 0xc0010020
#define MSR_INT_PENDING 0xc0010055
#define MSR_DE_CFG 0xc0011029

#define EFER_GUEST \
	(EFER_SCE | EFER_LME | EFER_LMA | EFER_NXE | EFER_FFXSR | EFER_TCE)
#define MTRR_CAP_GUEST (MTRR_VCNT | BIT(8) | BIT(10)) /* fixed, WC */
#define MTRR_DEF_MASK 0xcffUL
#define DE_CFG_LFENCE_SERIALISES BIT(1)

#define HYPERCALL_STUB 32
#define NR_STUBS (PAGE_SIZE / HYPERCALL_STUB)
#define HYPERCALL_iret 23

/* Two bits an MSR (read, write), 2 KiB for each of three ranges. */
static u8 *bitmap;

static void bitmap_pass(u32 msr)
{
	u32 bit = (msr & 0x1fff) * 2;
	u8 *base = bitmap + (msr >= 0xc0000000 ? 2048 : 0);

	base[bit / 8] &= ~(3 << bit % 8);
}

u64 msr_bitmap(void)
{
	static const u32 pass[] = {
		MSR_SYSENTER_CS, MSR_SYSENTER_ESP, MSR_SYSENTER_EIP,
		MSR_STAR, MSR_LSTAR, MSR_CSTAR, MSR_SFMASK,
		MSR_FS_BASE, MSR_GS_BASE, MSR_KERNEL_GS_BASE,
	};

	/* First used while dom0 is built, by one CPU. */
	if (!bitmap) {
		bitmap = page_alloc_order_virt(1);
		if (!bitmap)
			panic("no memory for the MSR bitmap");
		memset(bitmap, 0xff, 2 * PAGE_SIZE);
		for (unsigned int i = 0; i < ARRAY_SIZE(pass); i++)
			bitmap_pass(pass[i]);
	}
	return (u64)bitmap;
}

/* The fixed-range MTRRs are not contiguous. */
static const u16 mtrr_fixed[NUM_FIXED_MSR] = {
	0x250, 0x258, 0x259,
	0x268, 0x269, 0x26a, 0x26b, 0x26c, 0x26d, 0x26e, 0x26f,
};

/* What dom0 sees of the machine: as the boot CPU has it, on all its vCPUs. */
static struct hvm_hw_mtrr host_mtrr;
static u64 host_mtrr_cap, host_syscfg, host_hwcr;

static void host_msrs_init(void)
{
	if (!rdmsr_safe(MSR_MTRR_CAP, &host_mtrr_cap))
		return;
	/* More variable ranges than a guest's copy has are not shown. */
	if ((host_mtrr_cap & 0xff) > MTRR_VCNT)
		host_mtrr_cap = (host_mtrr_cap & ~0xffULL) | MTRR_VCNT;
	rdmsr_safe(MSR_MTRR_DEF, &host_mtrr.msr_mtrr_def_type);
	for (u32 i = 0; i < NUM_FIXED_MSR; i++)
		rdmsr_safe(mtrr_fixed[i], &host_mtrr.msr_mtrr_fixed[i]);
	for (u32 i = 0; i < 2 * (host_mtrr_cap & 0xff); i++)
		rdmsr_safe(MSR_MTRR_VAR + i, &host_mtrr.msr_mtrr_var[i]);
	rdmsr_safe(MSR_SYSCFG, &host_syscfg);
	rdmsr_safe(MSR_HWCR, &host_hwcr);
}

void msr_init_vcpu(struct vcpu *v)
{
	/* On, everything write-back: what firmware would have set up. */
	v->arch->mtrr.msr_mtrr_def_type = 0x806;
	if (!v->domain->id) {
		if (!v->id)
			host_msrs_init();
		v->arch->mtrr = host_mtrr;
	}
}

static u64 *mtrr_guest(struct vcpu *v, u32 msr)
{
	if (msr == MSR_MTRR_DEF)
		return &v->arch->mtrr.msr_mtrr_def_type;
	for (unsigned int i = 0; i < NUM_FIXED_MSR; i++)
		if (msr == mtrr_fixed[i])
			return &v->arch->mtrr.msr_mtrr_fixed[i];
	if (msr >= MSR_MTRR_VAR && msr < MSR_MTRR_VAR + 2 * MTRR_VCNT)
		return &v->arch->mtrr.msr_mtrr_var[msr - MSR_MTRR_VAR];
	return NULL;
}

/* False if there is no such register; *val was 0. */
static bool msr_read(struct vcpu *v, u32 msr, u64 *val)
{
	const struct vmcb *vmcb = v->arch->vmcb;
	const u64 *mtrr;

	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return !vlapic_read(v, msr - MSR_X2APIC_FIRST, val);
	mtrr = mtrr_guest(v, msr);
	if (mtrr) {
		*val = *mtrr;
		return true;
	}
	switch (msr) {
	case MSR_TSC:
		*val = rdtsc();
		return true;
	case MSR_APIC_BASE:
		*val = vlapic_base(v);
		return true;
	case MSR_EFER:
		*val = vmcb->efer & ~(u64)EFER_SVME;
		return true;
	case MSR_PAT:
		*val = vmcb->g_pat;
		return true;
	case MSR_TSC_AUX:
		*val = v->arch->tsc_aux;
		return true;
	case MSR_MTRR_CAP:
		*val = vcpu_is_dom0(v) ? host_mtrr_cap : MTRR_CAP_GUEST;
		return true;
	case MSR_SYSCFG:
		*val = vcpu_is_dom0(v) ? host_syscfg : 0;
		return true;
	case MSR_HWCR:
		*val = vcpu_is_dom0(v) ? host_hwcr : 0;
		return true;
	case MSR_UCODE_REV:
		rdmsr_safe(msr, val);
		return true;
	case MSR_DE_CFG:
		*val = DE_CFG_LFENCE_SERIALISES;
		return true;
	case MSR_MCG_CAP:
	case MSR_MCG_STATUS:
	case MSR_DEBUGCTL:
	case MSR_INT_PENDING:
		return true;
	}
	return false;
}

static bool efer_write(struct vcpu *v, u64 val)
{
	struct vmcb *vmcb = v->arch->vmcb;
	u64 diff = (vmcb->efer ^ val) & ~(u64)EFER_SVME;

	if (val & ~(u64)EFER_GUEST)
		return false;
	/* LMA follows from LME and paging; LME is fixed while paging is on. */
	if (diff & EFER_LME && vmcb->cr0 & CR0_PG)
		return false;
	vmcb->efer = (val & ~(u64)EFER_LMA) | (vmcb->efer & EFER_LMA) |
		     EFER_SVME;
	return true;
}

static bool pat_ok(u64 val)
{
	for (unsigned int i = 0; i < 64; i += 8) {
		u8 type = val >> i;

		if (type > 7 || type == 2 || type == 3)
			return false;
	}
	return true;
}

static bool pat_write(struct vcpu *v, u64 val)
{
	if (pat_ok(val))
		v->arch->vmcb->g_pat = val;
	return pat_ok(val);
}

void msr_get_mtrr(struct vcpu *v, void *body)
{
	struct hvm_hw_mtrr *to = body;

	*to = v->arch->mtrr;
	to->msr_pat_cr = v->arch->vmcb->g_pat;
	to->msr_mtrr_cap = MTRR_CAP_GUEST;
}

bool msr_mtrr_ok(const void *body, u32)
{
	const struct hvm_hw_mtrr *from = body;

	return pat_ok(from->msr_pat_cr) &&
	       !(from->msr_mtrr_def_type & ~MTRR_DEF_MASK);
}

void msr_set_mtrr(struct vcpu *v, const void *body, u32)
{
	const struct hvm_hw_mtrr *from = body;

	v->arch->vmcb->g_pat = from->msr_pat_cr;
	v->arch->mtrr = *from;
}

/* A page of stubs, 32 bytes each: mov $number, %eax; vmmcall; ret. */
static bool hypercall_page_write(struct vcpu *v, u64 val)
{
	enum p2m_type type;
	struct page *pg;
	u8 *p;

	if (val & ~PAGE_MASK) /* only page 0 of them exists */
		return false;
	pg = p2m_get_page(v->domain, val >> PAGE_SHIFT, true, &type);
	if (!pg)
		return false;
	p = page_to_virt(pg);
	memset(p, 0xcc, PAGE_SIZE);
	for (u32 i = 0; i < NR_STUBS; i++, p += HYPERCALL_STUB) {
		if (i == HYPERCALL_iret) {
			memcpy(p, "\x0f\x0b", 2); /* ud2 */
			continue;
		}
		p[0] = 0xb8;
		memcpy(p + 1, &i, 4);
		memcpy(p + 5, "\x0f\x01\xd9\xc3", 4);
	}
	page_mark_written(pg);
	page_put(pg);
	domain_set_layout(v->domain, !svm_long_mode(v));
	return true;
}

static bool msr_write(struct vcpu *v, u32 msr, u64 val)
{
	u64 *mtrr;

	if (msr >= MSR_X2APIC_FIRST && msr <= MSR_X2APIC_LAST)
		return !vlapic_write(v, msr - MSR_X2APIC_FIRST, val);
	mtrr = mtrr_guest(v, msr);
	if (mtrr) {
		if (msr == MSR_MTRR_DEF && val & ~MTRR_DEF_MASK)
			return false;
		/* The machine's stay as the firmware set them. */
		if (!vcpu_is_dom0(v))
			*mtrr = val;
		return true;
	}
	switch (msr) {
	case MSR_EFER:
		return efer_write(v, val);
	case MSR_PAT:
		return pat_write(v, val);
	case MSR_TSC_AUX:
		if (val >> 32)
			return false;
		v->arch->tsc_aux = val;
		wrmsr(MSR_TSC_AUX, val);
		return true;
	case MSR_HYPERCALL_PAGE:
		return hypercall_page_write(v, val);
	case MSR_APIC_BASE:
		return val == vlapic_base(v);
	/* Accepted without effect. */
	case MSR_TSC:
	case MSR_UCODE_REV:
	case MSR_UCODE_WRITE:
	case MSR_PATCH_LOADER:
	case MSR_MCG_STATUS:
	case MSR_DEBUGCTL:
	case MSR_SYSCFG:
	case MSR_HWCR:
	case MSR_DE_CFG:
		return true;
	}
	return false;
}

void msr_exit(struct vcpu *v)
{
	struct guest_regs *r = &v->arch->regs;
	bool write = v->arch->vmcb->exit_info1 & 1;
	u32 msr = r->rcx;
	u64 val = 0;
	bool ok;

	if (write)
		ok = msr_write(v, msr, (u32)r->rax | r->rdx << 32);
	else
		ok = msr_read(v, msr, &val);
	if (!ok) {
		if (log_level >= LOG_DEBUG)
			printk_guest("d%uv%u: no MSR %#x to %s at %#lx",
				     v->domain->id, v->id, msr,
				     write ? "write" : "read", r->rip);
		svm_inject_error(v, VEC_GP, 0);
		return;
	}
	if (!write) {
		r->rax = (u32)val;
		r->rdx = val >> 32;
	}
	exit_skip(v, write ? OP_WRMSR : OP_RDMSR, 2);
}
