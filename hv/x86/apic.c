/* SPDX-License-Identifier: MIT */
/*
 * apic.c - the physical local APIC
 *
 * Register access is by MMIO, or by MSR where the firmware left x2APIC mode on.
 */
#include "apic.h"
#include "asm.h"
#include "timer.h"

#define MSR_X2APIC 0x800

static bool x2apic;
static u64 apic_mmio;
u32 apic_timer_khz;

u32 apic_read(unsigned int reg)
{
	if (x2apic)
		return rdmsr(MSR_X2APIC + reg);
	return *(volatile u32 *)(apic_mmio + reg * 16);
}

void apic_write(unsigned int reg, u32 v)
{
	if (x2apic)
		wrmsr(MSR_X2APIC + reg, v);
	else
		*(volatile u32 *)(apic_mmio + reg * 16) = v;
}

u32 apic_id(void)
{
	u32 id = apic_read(APIC_ID);

	return x2apic ? id : id >> 24;
}

void apic_eoi(void)
{
	apic_write(APIC_EOI, 0);
}

bool apic_is_level(u8 vector)
{
	return apic_read(APIC_TMR + vector / 32) >> (vector % 32) & 1;
}

void apic_send(u32 dest, unsigned int mode, u8 vector)
{
	u32 icr = APIC_ICR_ASSERT | mode << 8 | vector;

	if (x2apic) {
		/* Stores must be seen before the interrupt: WRMSR here is no
		 * barrier, unlike an MMIO store.
		 */
		__asm__ __volatile__("mfence; lfence" : : : "memory");
		wrmsr(MSR_X2APIC + APIC_ICR, (u64)dest << 32 | icr);
		return;
	}
	while (apic_read(APIC_ICR) & APIC_ICR_PENDING)
		cpu_relax();
	apic_write(APIC_ICR_HIGH, dest << 24);
	apic_write(APIC_ICR, icr);
}

void apic_init(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	x2apic = base & APIC_BASE_X2APIC;
	apic_mmio = base & 0x000ffffffffff000UL;
	if (!(base & APIC_BASE_ENABLE))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLE);
	/*
	 * The firmware's timer tick may be pending at the 8259s already.  They
	 * must be masked before LINT0 is, or it stays pending without a vector.
	 */
	outb(0x21, 0xff);
	outb(0xa1, 0xff);
}

void apic_cpu_init(void)
{
	if (x2apic && !(rdmsr(MSR_APIC_BASE) & APIC_BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLE |
					     APIC_BASE_X2APIC);
	apic_write(APIC_TPR, 0);
	apic_write(APIC_LVT_LINT0, APIC_LVT_MASKED);
	apic_write(APIC_LVT_LINT1, APIC_LVT_NMI);
	apic_write(APIC_LVT_ERROR, VEC_ERROR);
	apic_write(APIC_SVR, APIC_SVR_ENABLE | VEC_SPURIOUS);
	apic_write(APIC_TIMER_DIVIDE, 0xb); /* by 1 */
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
	apic_write(APIC_TIMER_INIT, 0);
	/* Whatever the firmware left in service. */
	for (unsigned int i = 0; i < 8; i++)
		for (u32 isr = apic_read(APIC_ISR + i); isr; isr &= isr - 1)
			apic_eoi();
}

void cpu_timer_program(u64 deadline)
{
	u64 now, ticks;

	if (deadline == ~0ULL) {
		apic_write(APIC_TIMER_INIT, 0);
		return;
	}
	now = now_ns();
	/* Limit first: the product must not overflow. */
	ticks = deadline > now ? min(deadline - now, (u64)1000000000) : 0;
	ticks = ticks * apic_timer_khz / 1000000 + 1;
	apic_write(APIC_TIMER_INIT, min(ticks, (u64)0xffffffff));
}

void cpu_kick(struct cpu *c)
{
	struct cpu *me = this_cpu();

	/* Pairs with the entry sequence of vmm_run() and with sched_idle(). */
	smp_mb();
	if (c == me || !c->online)
		return;
	if (READ_ONCE(c->polling)) {
		me->kicks_saved++;
		return;
	}
	me->kicks_sent++;
	apic_send(c->apic_id, APIC_DM_FIXED, VEC_KICK);
}

void cpu_irq_window(void)
{
	__asm__ __volatile__("sti; nop; cli" : : : "memory");
}

void cpu_halt(void)
{
	/* STI holds interrupts back for one instruction: none is missed. */
	__asm__ __volatile__("sti; hlt; cli" : : : "memory");
}
