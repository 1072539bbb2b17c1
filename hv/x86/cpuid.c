/* SPDX-License-Identifier: MIT */
/*
 * cpuid.c - what CPUID tells
 *
 * A policy lists leaves; everything not listed is zero.  The tools take a policy,
 * edit it, and write all leaves there are, zero or not, into the space that what
 * they took had filled: so all those are listed, in the order in which the tools
 * search them.
 *
 * Features are taken from the processor through a list of those known to be safe:
 * state they add is switched, and what they do needs no help of the hypervisor.
 * Topology, the APIC ID and sizes that depend on control registers are filled in
 * at run time.
 */
#include "arch.h"
#include "asm.h"

#define LAST_BASIC 0xd
#define LAST_EXTENDED 0x80000021
#define OP_CPUID 0x0fa2

/* Leaf 1 */
#define F1C_X2APIC BIT(21)
#define F1C_XSAVE BIT(26)
#define F1C_OSXSAVE BIT(27)
#define F1C_HYPERVISOR BIT(31)
#define F1C_SAFE                                                          \
	(BIT(0) | BIT(1) | BIT(9) | BIT(12) | BIT(13) | BIT(17) | BIT(19) | \
	 BIT(20) | BIT(22) | BIT(23) | BIT(25) | F1C_XSAVE | BIT(28) |      \
	 BIT(29) | BIT(30))
#define F1D_APIC BIT(9)
#define F1D_HTT BIT(28)
/* All of the classic ones but PSN, DS, ACPI, SS, TM, IA64, PBE. */
#define F1D_SAFE 0x178bfbffUL
/* Leaf 7: no TSC_ADJUST, HLE, RTM, MPX, PT, PKU, LA57, CET, SPEC_CTRL. */
#define F7B_SAFE                                                           \
	(BIT(0) | BIT(3) | BIT(5) | BIT(7) | BIT(8) | BIT(9) | BIT(10) |     \
	 BIT(16) | BIT(17) | BIT(18) | BIT(19) | BIT(20) | BIT(21) |         \
	 BIT(23) | BIT(24) | BIT(28) | BIT(29) | BIT(30) | BIT(31))
#define F7C_SAFE                                                          \
	(BIT(1) | BIT(2) | BIT(6) | BIT(8) | BIT(9) | BIT(10) | BIT(11) |   \
	 BIT(12) | BIT(14) | BIT(22))
#define F7D_SAFE (BIT(2) | BIT(3) | BIT(4) | BIT(8) | BIT(23))
#define F71A_SAFE (BIT(4) | BIT(5) | BIT(10) | BIT(11) | BIT(12))
/* Leaf 0xd, 1: no XSAVES. */
#define FD1A_SAFE (BIT(0) | BIT(1) | BIT(2))
/* Extended leaves: no SVM, OSVW, IBS, SKINIT, WDT, TOPOEXT, counters, MWAITX. */
#define E1C_CMP_LEGACY BIT(1)
#define E1C_SAFE                                                      \
	(BIT(0) | BIT(4) | BIT(5) | BIT(6) | BIT(7) | BIT(8) | BIT(11) | \
	 BIT(16) | BIT(21))
#define E1D_SAFE 0xee13fbffUL /* all but MP; with NX, FFXSR, 1G, LM, 3DNow */
#define E7D_INVARIANT_TSC BIT(8)
#define E8B_SAFE (BIT(0) | BIT(2))
#define E21A_SAFE (BIT(0) | BIT(2) | BIT(6))

#define HV_BASE 0x40000000
#define HV_LAST (HV_BASE + 4)
#define TENON_BASE 0x40000100
#define TENON_LAST (TENON_BASE + 2)
#define TENON_FEATURE_IDENTITY_MAPS BIT(0)
#define XEN_VERSION (4 << 16 | 17)
#define XEN_HVM_VCPU_ID_PRESENT BIT(3)
#define XEN_HVM_DOMID_PRESENT BIT(4)
#define XEN_HVM_X2APIC_VIRT BIT(1)
#define MSR_HYPERCALL_PAGE 0x40000000
#define MSR_PLATFORM_INFO 0xce

static struct cpu_policy host_policy, guest_policy;

static bool has_subleaves(u32 leaf)
{
	return leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;
}

static const struct xen_cpuid_leaf *find(const struct cpu_policy *p, u32 leaf,
				     u32 subleaf)
{
	static const struct xen_cpuid_leaf none;

	return cpu_policy_leaf(p, leaf, subleaf) ?: &none;
}

static u32 host_max(u32 base)
{
	u32 a, b, c, d;

	cpuid(base, 0, &a, &b, &c, &d);
	return a;
}

/* Take the safe part of what the processor says; true if there is any. */
static bool leaf_filter(struct xen_cpuid_leaf *l)
{
	u64 mask = xstate_mask & ~(BIT(3) | BIT(4) | BIT(9));

	switch (l->leaf) {
	case 0:
		l->a = min(l->a, (u32)LAST_BASIC);
		break;
	case 1:
		l->b &= 0x0000ff00; /* CLFLUSH size; the rest at run time */
		l->c = (l->c & F1C_SAFE) | F1C_X2APIC | F1C_HYPERVISOR;
		l->d = (l->d & F1D_SAFE) | F1D_APIC;
		break;
	case 7:
		if (l->subleaf == 0) {
			l->a = min(l->a, 1U);
			l->b &= F7B_SAFE;
			l->c &= F7C_SAFE;
			l->d &= F7D_SAFE;
		} else {
			l->a &= F71A_SAFE;
			l->b = l->c = l->d = 0;
		}
		break;
	case 0xd:
		if (l->subleaf == 0) {
			l->a &= mask;
			l->d &= mask >> 32;
		} else if (l->subleaf == 1) {
			l->a &= FD1A_SAFE;
			l->b = l->c = l->d = 0;
		} else if (!(mask >> l->subleaf & 1)) {
			return false;
		}
		break;
	case 0x80000000:
		l->a = min(l->a, LAST_EXTENDED);
		break;
	case 0x80000001:
		l->c &= E1C_SAFE;
		l->d &= E1D_SAFE;
		break;
	case 0x80000002 ... 0x80000006: /* name, caches */
		break;
	case 0x80000007:
		l->a = l->b = l->c = 0;
		l->d &= E7D_INVARIANT_TSC;
		break;
	case 0x80000008:
		/* 48-bit linear addresses, as many physical as the map has. */
		l->a = min(l->a & 0xff, 48U) | 48 << 8;
		l->b &= E8B_SAFE;
		l->c = l->d = 0;
		break;
	case 0x80000021:
		l->a &= E21A_SAFE;
		l->b = l->c = l->d = 0;
		break;
	default:
		/* MONITOR, thermal, counters, topology, SVM, ...: hidden. */
		return false;
	}
	return l->a | l->b | l->c | l->d;
}

/* List a leaf; if not @always, only if it says anything. */
static void policy_add(struct cpu_policy *p, u32 leaf, u32 subleaf, bool always)
{
	struct xen_cpuid_leaf *l = &p->leaf[p->nr_leaves];

	if (p->nr_leaves == CPU_POLICY_MAX_LEAVES)
		return;
	l->leaf = leaf;
	l->subleaf = subleaf;
	cpuid(leaf, subleaf == NO_SUBLEAF ? 0 : subleaf, &l->a, &l->b, &l->c,
	      &l->d);
	if (!leaf_filter(l)) {
		if (!always)
			return;
		l->a = l->b = l->c = l->d = 0;
	}
	p->nr_leaves++;
}

/* How many subleaves the tools list at least; 0 if the leaf has none. */
static u32 listed_subleaves(const struct cpu_policy *p, u32 leaf)
{
	switch (leaf) {
	case 4:
		return 1;
	case 7:
		return find(p, 7, 0)->a + 1;
	case 0xb:
	case 0xd:
		return 2;
	}
	return 0;
}

/* Size of the XSAVE area with all components of the policy. */
static u32 xsave_size(const struct cpu_policy *p)
{
	u32 size = 576; /* legacy area and header */

	for (u32 i = 2; i < 64; i++) {
		const struct xen_cpuid_leaf *l = find(p, 0xd, i);

		if (l->a)
			size = max(size, l->a + l->b);
	}
	return size;
}

static void policy_build(struct cpu_policy *p)
{
	u32 last = min(host_max(0), (u32)LAST_BASIC);

	for (u32 leaf = 0; leaf <= last; leaf++) {
		if (!has_subleaves(leaf)) {
			policy_add(p, leaf, NO_SUBLEAF, true);
			continue;
		}
		for (u32 sub = 0; sub < (leaf == 0xd ? 64 : 2); sub++)
			policy_add(p, leaf, sub,
				   sub < listed_subleaves(p, leaf));
	}
	policy_add(p, HV_BASE, NO_SUBLEAF, true);
	policy_add(p, TENON_BASE, NO_SUBLEAF, true);
	last = min(host_max(0x80000000), LAST_EXTENDED);
	for (u32 leaf = 0x80000000; leaf <= last; leaf++)
		policy_add(p, leaf, NO_SUBLEAF, true);
	for (unsigned int i = 0; i < p->nr_leaves; i++) {
		struct xen_cpuid_leaf *l = &p->leaf[i];

		if (l->leaf == 0xd && l->subleaf == 0 && l->a)
			l->b = l->c = xsave_size(p);
	}
	p->nr_msrs = 1;
	p->msr[0].idx = MSR_PLATFORM_INFO;
}

/* First asked for while dom0 is built, by one CPU. */
const struct cpu_policy *cpu_policy_host(void)
{
	struct xen_cpuid_leaf *l;

	if (host_policy.nr_leaves)
		return &host_policy;
	policy_build(&host_policy);
	/* A guest may move to a machine with another TSC rate. */
	guest_policy = host_policy;
	l = cpu_policy_leaf(&guest_policy, 0x80000007, NO_SUBLEAF);
	if (l)
		l->d &= ~E7D_INVARIANT_TSC;
	return &host_policy;
}

const struct cpu_policy *cpu_policy_guest_default(void)
{
	return &guest_policy;
}

/* Bits of a leaf that are features, hence must be offered to be set. */
static void feature_bits(u32 leaf, u32 subleaf, struct xen_cpuid_leaf *m)
{
	memset(m, 0, sizeof(*m));
	if (leaf == 1) {
		m->c = ~(u32)F1C_OSXSAVE;
		m->d = ~(u32)F1D_HTT;
	} else if (leaf == 7 || leaf == 0x80000021) {
		/* Leaf 7, 0: eax counts subleaves. */
		m->a = leaf == 7 && !subleaf ? 0 : ~0U;
		m->b = m->c = m->d = ~0U;
	} else if (leaf == 0xd && subleaf == 0) {
		m->a = m->d = ~0U;
	} else if (leaf == 0xd && subleaf == 1) {
		m->a = ~0U;
	} else if (leaf == 0x80000001) {
		m->c = ~(u32)E1C_CMP_LEGACY;
		m->d = ~0U;
	} else if (leaf == 0x80000007) {
		m->d = ~0U;
	} else if (leaf == 0x80000008) {
		m->b = ~0U;
	}
}

int cpu_policy_check(const struct cpu_policy *p, u32 *err_leaf,
		     u32 *err_subleaf, u32 *err_msr)
{
	/* The host's: what guests do not get by default may be asked for. */
	const struct cpu_policy *most = cpu_policy_host();

	*err_leaf = *err_subleaf = *err_msr = ~0U;
	for (unsigned int i = 0; i < p->nr_leaves; i++) {
		const struct xen_cpuid_leaf *l = &p->leaf[i];
		const struct xen_cpuid_leaf *have = find(most, l->leaf, l->subleaf);
		struct xen_cpuid_leaf m;

		feature_bits(l->leaf, l->subleaf, &m);
		if ((l->a & m.a & ~have->a) | (l->b & m.b & ~have->b) |
		    (l->c & m.c & ~have->c) | (l->d & m.d & ~have->d)) {
			*err_leaf = l->leaf;
			*err_subleaf = l->subleaf;
			return -EINVAL;
		}
	}
	for (unsigned int i = 0; i < p->nr_msrs; i++) {
		if (p->msr[i].val) {
			*err_msr = p->msr[i].idx;
			return -EINVAL;
		}
	}
	return 0;
}

void cpu_policy_features(const struct cpu_policy *p,
			 u32 words[CPU_FEATURE_WORDS])
{
	const struct xen_cpuid_leaf *l1 = find(p, 1, NO_SUBLEAF);
	const struct xen_cpuid_leaf *e1 = find(p, 0x80000001, NO_SUBLEAF);
	const struct xen_cpuid_leaf *l70 = find(p, 7, 0);
	const struct xen_cpuid_leaf *l71 = find(p, 7, 1);

	memset(words, 0, CPU_FEATURE_WORDS * sizeof(*words));
	words[0] = l1->d;
	words[1] = l1->c;
	words[2] = e1->d;
	words[3] = e1->c;
	words[4] = find(p, 0xd, 1)->a;
	words[5] = l70->b;
	words[6] = l70->c;
	words[7] = find(p, 0x80000007, NO_SUBLEAF)->d;
	words[8] = find(p, 0x80000008, NO_SUBLEAF)->b;
	words[9] = l70->d;
	words[10] = l71->a;
	words[11] = find(p, 0x80000021, NO_SUBLEAF)->a;
	words[12] = l71->b;
}

/* The hypervisor's leaves: signature, version, hypercall page, time, ids. */
static void hypervisor_leaf(struct vcpu *v, u32 leaf, u32 subleaf,
			    struct xen_cpuid_leaf *l)
{
	switch (leaf - HV_BASE) {
	case 0:
		l->a = HV_LAST;
		memcpy(&l->b, "XenVMMXenVMM", 12); /* and c, d */
		break;
	case 1:
		l->a = XEN_VERSION;
		break;
	case 2:
		l->a = 1; /* hypercall pages */
		l->b = MSR_HYPERCALL_PAGE;
		break;
	case 3:
		if (subleaf == 0) {
			l->c = tsc_khz;
		} else if (subleaf == 1) {
			l->c = tsc_to_ns_mul;
			l->d = (u8)tsc_to_ns_shift;
		} else if (subleaf == 2) {
			l->a = tsc_khz;
		}
		break;
	case 4:
		/*
		 * No hint of a per-vCPU upcall vector, though one can be set:
		 * a guest ends it at its local APIC, which costs an exit for
		 * every upcall; the domain-wide callback vector needs none.
		 */
		l->a = XEN_HVM_X2APIC_VIRT | XEN_HVM_VCPU_ID_PRESENT |
		       XEN_HVM_DOMID_PRESENT;
		l->b = v->id;
		l->c = v->domain->id;
		break;
	}
}

/* Ours: what a kernel needs to know to use identity grant maps. */
static void tenon_leaf(struct vcpu *v, u32 leaf, u32 subleaf,
		       struct xen_cpuid_leaf *l)
{
	bool privileged = v->domain->privileged;

	switch (leaf - TENON_BASE) {
	case 0:
		l->a = TENON_LAST;
		memcpy(&l->b, "TenonTenonTe", 12);
		break;
	case 1:
		if (privileged) {
			l->a = TENON_FEATURE_IDENTITY_MAPS;
			l->b = nr_pool_ranges;
		}
		l->c = v->domain->id;
		break;
	case 2:
		if (privileged && subleaf < nr_pool_ranges) {
			const struct mfn_range *r = &pool_range[subleaf];
			u64 nr = r->end - r->start;

			l->a = r->start;
			l->b = r->start >> 32;
			l->c = nr;
			l->d = nr >> 32;
		}
		break;
	}
}

/* Bits that tell apart the APIC IDs of dom0's vCPUs. */
static unsigned int dom0_id_bits(const struct domain *d)
{
	u32 ids = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++)
		ids |= vlapic_id(d->vcpu[i]);
	return ids ? fls64(ids) + 1 : 0;
}

static void topology_leaf(struct vcpu *v, u32 subleaf, struct xen_cpuid_leaf *l)
{
	if (vcpu_is_dom0(v) && subleaf < 2) {
		/* One thread a core, all in one package. */
		l->a = subleaf ? dom0_id_bits(v->domain) : 0;
		l->b = subleaf ? v->domain->max_vcpus : 1;
		l->c = (subleaf + 1) << 8;
	}
	l->c = (l->c & 0xff00) | (subleaf & 0xff);
	l->d = vlapic_id(v);
}

static void runtime_leaf(struct vcpu *v, u32 leaf, u32 subleaf,
			 struct xen_cpuid_leaf *l)
{
	const struct vmcb *vmcb = v->arch->vmcb;
	u32 a, c, d;

	switch (leaf) {
	case 1:
		l->b = (l->b & 0x00ffffff) | vlapic_id(v) << 24;
		if (vcpu_is_dom0(v) && v->domain->max_vcpus > 1) {
			l->b |= v->domain->max_vcpus << 16;
			l->d |= F1D_HTT;
		}
		l->c &= ~(u32)F1C_OSXSAVE;
		if (l->c & F1C_XSAVE && vmcb->cr4 & CR4_OSXSAVE)
			l->c |= F1C_OSXSAVE;
		break;
	case 0xb:
		topology_leaf(v, subleaf, l);
		break;
	case 0xd:
		/* By what is enabled now: the guest's XCR0 is loaded. */
		if (subleaf < 2 && l->a)
			cpuid(leaf, subleaf, &a, &l->b, &c, &d);
		break;
	}
}

void cpuid_exit(struct vcpu *v)
{
	struct guest_regs *r = &v->arch->regs;
	u32 leaf = r->rax, subleaf = r->rcx;
	struct xen_cpuid_leaf l = { 0 };

	if (leaf >= TENON_BASE && leaf <= TENON_LAST) {
		tenon_leaf(v, leaf, subleaf, &l);
	} else if (leaf >= HV_BASE && leaf <= HV_LAST) {
		hypervisor_leaf(v, leaf, subleaf, &l);
	} else {
		l = *find(v->domain->policy, leaf,
			  has_subleaves(leaf) ? subleaf : NO_SUBLEAF);
		runtime_leaf(v, leaf, subleaf, &l);
	}
	r->rax = l.a;
	r->rbx = l.b;
	r->rcx = l.c;
	r->rdx = l.d;
	exit_skip(v, OP_CPUID, 2);
}
