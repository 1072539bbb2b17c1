/* SPDX-License-Identifier: MIT */
/*
 * vlapic.c - a vCPU's local APIC
 *
 * CPUID offers x2APIC and APIC_BASE says that it is on, so registers are MSRs;
 * but not while the vCPU is out of long mode, for 32-bit kernels may know the
 * older mode only (vlapic_mmio.c).  Interrupts come from other vCPUs, from the event
 * upcall vector, from its timer, and for dom0 from devices.
 */
#include "apic.h"
#include "arch.h"

/* Timer, thermal, performance counters, two lines, error. */
#define NR_LVT (APIC_LVT_ERROR - APIC_LVT_TIMER + 1)
#define VLAPIC_VERSION (0x14 | (NR_LVT - 1) << 16)
#define SVR_RESET 0xff
#define ICR_MODE(icr) ((icr) >> 8 & 7)
#define ICR_SHORTHAND(icr) ((icr) >> 18 & 3)
#define DEST_BROADCAST 0xffffffff
#define SHORTHAND_SELF 1
#define SHORTHAND_ALL 2
#define SHORTHAND_OTHERS 3

/*
 * A guest's timer is not served faster than this: it costs the CPU where it
 * fires, whoever runs there.
 */
#define TIMER_MIN_NS 100000ULL
#define TIMER_LATE_NS 10000000ULL

/* Registers that hold what is written to them: which bits can be set. */
static const u32 writable[NR_APIC_REGS] = {
	[APIC_TPR] = 0xff,
	[APIC_SVR] = 0x1ff,
	[APIC_ICR] = 0xccfff,
	[APIC_ICR_HIGH] = 0xffffffff,
	[APIC_LVT_TIMER ... APIC_LVT_ERROR] = 0x7f7ff,
	[APIC_TIMER_INIT] = 0xffffffff,
	[APIC_TIMER_DIVIDE] = 0xb,
};

/* dom0's interrupt controllers know the physical IDs; libxl's MADT says 2n. */
u32 vlapic_id(const struct vcpu *v)
{
	return vcpu_is_dom0(v) ? cpus[v->id].apic_id : 2 * v->id;
}

u64 vlapic_base(struct vcpu *v)
{
	return APIC_BASE_ADDR | APIC_BASE_ENABLE |
	       (vlapic_is_mmio(v) ? 0 : APIC_BASE_X2APIC) |
	       (v->id ? 0 : APIC_BASE_BSP);
}

static int highest(const u64 *bits)
{
	for (int i = VECTOR_WORDS - 1; i >= 0; i--) {
		u64 w = READ_ONCE(bits[i]);

		if (w)
			return i * 64 + fls64(w);
	}
	return -1;
}

static int vlapic_ppr(const struct vlapic *l)
{
	int isr = highest(l->isr);
	u32 tpr = l->reg[APIC_TPR];

	return isr >= 0 && (isr & 0xf0) > (int)(tpr & 0xf0) ? isr & 0xf0 :
							      (int)tpr;
}

int vlapic_pending(struct vcpu *v)
{
	const struct vlapic *l = &v->arch->apic;
	int irr = highest(l->irr);

	if (irr < 0 || !(l->reg[APIC_SVR] & APIC_SVR_ENABLE) ||
	    (irr & 0xf0) <= (vlapic_ppr(l) & 0xf0))
		return -1;
	return irr;
}

void vlapic_accept(struct vcpu *v, u8 vector)
{
	struct vlapic *l = &v->arch->apic;

	clear_bit(vector, l->irr);
	set_bit(vector, l->isr);
}

void vlapic_post(struct vcpu *v, u8 vector, bool level)
{
	struct vlapic *l = &v->arch->apic;

	if (level)
		set_bit(vector, l->tmr);
	else
		clear_bit(vector, l->tmr);
	set_bit(vector, l->irr);
	vcpu_kick(v);
}

/* Level-triggered ones exist in dom0 only; vCPU n's were taken by CPU n. */
static void vlapic_end(struct vcpu *v, u8 vector)
{
	struct vlapic *l = &v->arch->apic;

	clear_bit(vector, l->isr);
	if (test_and_clear_bit(vector, l->tmr) && vcpu_is_dom0(v))
		irq_guest_eoi(&cpus[v->id], vector);
}

static void vlapic_eoi(struct vcpu *v)
{
	int isr = highest(v->arch->apic.isr);

	if (isr >= 0)
		vlapic_end(v, isr);
}

/* Timer: counts at 1 GHz over the divisor. */
static unsigned int timer_shift(const struct vlapic *l)
{
	u32 divide = l->reg[APIC_TIMER_DIVIDE];
	unsigned int code = (divide & 3) | (divide >> 1 & 4);

	return code == 7 ? 0 : code + 1;
}

static u64 timer_period(const struct vlapic *l)
{
	return (u64)l->reg[APIC_TIMER_INIT] << timer_shift(l);
}

static void vlapic_timer_fired(struct timer *t)
{
	struct vcpu_arch *a = container_of(t, struct vcpu_arch, apic.timer);
	struct vcpu *v = a->vcpu;
	u32 lvt = a->apic.reg[APIC_LVT_TIMER];
	u8 vector = lvt;
	/* Whoever did not take the last one need not have the next so soon. */
	bool late = lvt & APIC_LVT_MASKED || test_bit(vector, a->apic.irr);
	u64 least = late ? TIMER_LATE_NS : TIMER_MIN_NS;

	if (!late)
		vlapic_post(v, vector, false);
	if (lvt & APIC_LVT_PERIODIC && a->apic.reg[APIC_TIMER_INIT]) {
		a->apic.timer_start = now_ns();
		timer_set(t, a->apic.timer_start +
				     max(timer_period(&a->apic), least));
	}
}

/* It has @left to go, if it goes. */
static void vlapic_timer_start(struct vlapic *l, u64 left)
{
	u64 now = now_ns();

	l->timer_start = now + left - timer_period(l);
	if (left)
		timer_set(&l->timer, now + max(left, TIMER_MIN_NS));
	else
		timer_cancel(&l->timer);
}

static u32 vlapic_timer_count(const struct vlapic *l)
{
	u64 period = timer_period(l);
	u64 ran = now_ns() - l->timer_start;

	if (ran >= period)
		return 0;
	return (period - ran) >> timer_shift(l);
}

/* A vCPU that is down has to run once more to reset itself. */
static void vlapic_send_init(struct vcpu *t)
{
	struct vcpu_arch *a = t->arch;

	spin_lock(&a->init_lock);
	if (!a->wait_sipi) {
		WRITE_ONCE(a->start_pending, false);
		WRITE_ONCE(a->init_pending, true);
		vcpu_set_down(t, false);
	}
	spin_unlock(&a->init_lock);
	vcpu_kick(t);
}

/* The second of two is ignored, as are those that no INIT came before. */
static void vlapic_send_startup(struct vcpu *t, u8 page)
{
	struct vcpu_arch *a = t->arch;

	spin_lock(&a->init_lock);
	if ((a->wait_sipi || a->init_pending) && !a->start_pending) {
		a->start_page = page;
		WRITE_ONCE(a->start_pending, true);
		vcpu_set_down(t, false);
	}
	spin_unlock(&a->init_lock);
}

void vlapic_post_nmi(struct vcpu *v)
{
	WRITE_ONCE(v->arch->nmi_pending, true);
	vcpu_kick(v);
}

static void vlapic_deliver(struct vcpu *t, u64 icr)
{
	u8 vector = icr;

	switch (ICR_MODE(icr)) {
	case APIC_DM_FIXED:
	case APIC_DM_LOWEST:
		if (vector >= 16)
			vlapic_post(t, vector, false);
		break;
	case APIC_DM_NMI:
		vlapic_post_nmi(t);
		break;
	case APIC_DM_INIT:
		vlapic_send_init(t);
		break;
	case APIC_DM_STARTUP:
		vlapic_send_startup(t, vector);
		break;
	}
}

u32 vlapic_ldr(const struct vcpu *v, bool mmio)
{
	u32 id = vlapic_id(v);

	if (mmio)
		return v->id < 8 ? 1U << v->id : 0;
	return (id >> 4) << 16 | 1U << (id & 15);
}

static bool vlapic_is_dest(const struct vcpu *t, u32 dest, bool logical,
			   bool mmio)
{
	u32 ldr = vlapic_ldr(t, mmio);

	if (dest == DEST_BROADCAST)
		return true;
	if (!logical)
		return dest == vlapic_id(t);
	return dest >> 16 == ldr >> 16 && (dest & ldr & 0xffff);
}

static void vlapic_send(struct vcpu *v)
{
	const u32 *reg = v->arch->apic.reg;
	u64 icr = reg[APIC_ICR] | (u64)reg[APIC_ICR_HIGH] << 32;
	const struct domain *d = v->domain;
	bool logical = icr & APIC_ICR_LOGICAL;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *t = d->vcpu[i];
		bool hit;

		switch (ICR_SHORTHAND(icr)) {
		case SHORTHAND_SELF:
			hit = t == v;
			break;
		case SHORTHAND_ALL:
			hit = true;
			break;
		case SHORTHAND_OTHERS:
			hit = t != v;
			break;
		default:
			hit = vlapic_is_dest(t, icr >> 32, logical,
					     vlapic_is_mmio(v));
		}
		if (hit)
			vlapic_deliver(t, icr);
	}
}

static u32 word_of(const u64 *bits, u32 i)
{
	return READ_ONCE(bits[i / 2]) >> 32 * (i % 2);
}

/* By MSR the ICR is one register. */
static u32 vlapic_writable(u32 reg)
{
	return reg < NR_APIC_REGS && reg != APIC_ICR_HIGH ? writable[reg] : 0;
}

int vlapic_read(struct vcpu *v, u32 reg, u64 *val)
{
	const struct vlapic *l = &v->arch->apic;

	switch (reg) {
	case APIC_ID:
		*val = vlapic_id(v);
		return 0;
	case APIC_VERSION:
		*val = VLAPIC_VERSION;
		return 0;
	case APIC_PPR:
		*val = vlapic_ppr(l);
		return 0;
	case APIC_LDR:
		*val = vlapic_ldr(v, false);
		return 0;
	case APIC_ISR ... APIC_ISR + 7:
		*val = word_of(l->isr, reg - APIC_ISR);
		return 0;
	case APIC_TMR ... APIC_TMR + 7:
		*val = word_of(l->tmr, reg - APIC_TMR);
		return 0;
	case APIC_IRR ... APIC_IRR + 7:
		*val = word_of(l->irr, reg - APIC_IRR);
		return 0;
	case APIC_ESR: /* there are none */
		*val = 0;
		return 0;
	case APIC_ICR:
		*val = l->reg[APIC_ICR] | (u64)l->reg[APIC_ICR_HIGH] << 32;
		return 0;
	case APIC_TIMER_COUNT:
		*val = vlapic_timer_count(l);
		return 0;
	}
	if (!vlapic_writable(reg))
		return -EINVAL;
	*val = l->reg[reg];
	return 0;
}

int vlapic_write(struct vcpu *v, u32 reg, u64 val)
{
	struct vlapic *l = &v->arch->apic;

	if (val >> 32 && reg != APIC_ICR)
		return -EINVAL;
	switch (reg) {
	case APIC_EOI:
		if (val)
			return -EINVAL;
		vlapic_eoi(v);
		return 0;
	case APIC_ESR:
		return val ? -EINVAL : 0;
	case APIC_SELF_IPI:
		if (val >> 8)
			return -EINVAL;
		if (val >= 16)
			vlapic_post(v, val, false);
		return 0;
	}
	if (!vlapic_writable(reg) || (reg == APIC_TPR && val >> 8))
		return -EINVAL;
	l->reg[reg] = val & writable[reg];
	if (reg == APIC_ICR) {
		l->reg[APIC_ICR_HIGH] = val >> 32;
		vlapic_send(v);
	} else if (reg == APIC_TIMER_INIT) {
		vlapic_timer_start(l, timer_period(l));
	}
	return 0;
}

void vlapic_get_regs(struct vcpu *v, void *body)
{
	u32(*word)[4] = body;
	u64 val;

	for (u32 reg = 0; reg < NR_APIC_REGS; reg++) {
		if (vlapic_read(v, reg, &val))
			continue;
		word[reg][0] = val;
		if (reg == APIC_ICR)
			word[APIC_ICR_HIGH][0] = val >> 32;
	}
}

static void bits_set(u64 *bits, const u32 (*word)[4])
{
	for (unsigned int i = 0; i < VECTOR_WORDS; i++)
		bits[i] = word[2 * i][0] | (u64)word[2 * i + 1][0] << 32;
	bits[0] &= ~0xffffULL; /* the processor's own */
}

/* What a register cannot hold does not get there. */
void vlapic_set_regs(struct vcpu *v, const void *body, u32)
{
	struct vlapic *l = &v->arch->apic;
	const u32(*word)[4] = body;
	u64 left;

	for (u32 reg = 0; reg < NR_APIC_REGS; reg++)
		l->reg[reg] = word[reg][0] & writable[reg];
	bits_set(l->isr, &word[APIC_ISR]);
	bits_set(l->tmr, &word[APIC_TMR]);
	bits_set(l->irr, &word[APIC_IRR]);
	left = min(word[APIC_TIMER_COUNT][0], l->reg[APIC_TIMER_INIT]);
	vlapic_timer_start(l, left << timer_shift(l));
}

void vlapic_init(struct vcpu *v)
{
	timer_init(&v->arch->apic.timer, vlapic_timer_fired);
}

void vlapic_reset(struct vcpu *v)
{
	struct vlapic *l = &v->arch->apic;

	/* What dom0 had in service must not stay so in the physical APIC. */
	for (int isr; (isr = highest(l->isr)) >= 0;)
		vlapic_end(v, isr);
	for (int irr; (irr = highest(l->irr)) >= 0;) {
		clear_bit(irr, l->irr);
		vlapic_end(v, irr);
	}
	timer_cancel(&l->timer);
	memset(l->reg, 0, sizeof(l->reg));
	l->reg[APIC_SVR] = SVR_RESET;
	for (u32 reg = APIC_LVT_TIMER; reg <= APIC_LVT_ERROR; reg++)
		l->reg[reg] = APIC_LVT_MASKED;
}
