/* SPDX-License-Identifier: MIT */
/* cpu.h - per-CPU state of the hypervisor */
#ifndef HV_CPU_H
#define HV_CPU_H

#include "lib.h"

#define NR_CPUS 128

struct vcpu;

/* A set of CPUs. */
struct cpumask {
	u64 bits[BITS_TO_WORDS(NR_CPUS)];
};

/**
 * struct cpu - one physical CPU; GS base points at it while in the hypervisor
 * @self: for this_cpu()
 * @vcpu: the one this CPU last entered or is serving an exit of; NULL if idle
 * @id: 0..nr_cpus - 1, in the order of the MADT, the boot CPU first; that one
 *	has nr_cpus if it is parked
 * @apic_id: physical local APIC ID
 * @guest_epoch: odd while the CPU is in a guest, even while it is in the
 *	hypervisor.  To know that a CPU uses no stale nested mapping: if odd,
 *	cpu_kick() it and wait until the value has changed.  See p2m_flush().
 * @polling: the CPU is idle and watches @need_resched, so that no interrupt is
 *	needed to wake it
 * @need_resched: leave the guest (or idle) and ask the scheduler
 * @timer_deadline: what the hardware timer is programmed to (ns), ~0 for none
 * @stack_top: for the entry code
 * @host_vmcb: page for VMSAVE/VMLOAD of the hypervisor's own state
 */
struct cpu {
	struct cpu *self;
	struct vcpu *vcpu;
	unsigned int id;
	u32 apic_id;
	u32 guest_epoch;
	bool polling;
	bool need_resched;
	bool online;
	u64 timer_deadline;
	struct list timers; /* sorted by expiry, see timer.h */
	struct spinlock timer_lock;
	void *stack_top;
	void *host_vmcb;
	/* idle bookkeeping and counters */
	struct vcpu *loaded; /* whose extended state is in the registers */
	u64 idle_ns;
	u64 halt_poll_ns; /* how long this CPU polls before it halts, adaptive */
	u64 halts;
	u64 polls_hit; /* work arrived while polling */
	u64 kicks_sent; /* IPIs sent by this CPU */
	u64 kicks_saved; /* IPIs not needed: target was polling */
	u64 interrupts;
};

extern struct cpu cpus[NR_CPUS];
extern unsigned int nr_cpus;

static inline struct cpu *this_cpu(void)
{
	struct cpu *c;

	__asm__("mov %%gs:0, %0" : "=r"(c));
	return c;
}

#define current (this_cpu()->vcpu)

/*
 * Make a CPU look at its flags: leaves the guest if it is in one, wakes it if
 * it halts; sends nothing if it polls or is this one.  The caller has stored
 * what the CPU shall see before.  Full barrier.
 */
void cpu_kick(struct cpu *c);

/*
 * apic.c: interrupt this CPU at @deadline (ns of now_ns(), ~0 for never), or
 * some time before if it is further away than the hardware can count.
 */
void cpu_timer_program(u64 deadline);
/*
 * Idle window: let pending physical interrupts in (posting devices' interrupts
 * to dom0), with or without halting until one comes.  Called with interrupts
 * off, returns with interrupts off.
 */
void cpu_irq_window(void);
void cpu_halt(void);

/* machine.c: this CPU does nothing any more. */
void cpu_park(void) __noreturn;

/* idt.c: for panic(): stop all other CPUs for good; print what this one does. */
void cpu_stop_others(void);
void cpu_backtrace(void);

/* time.c: nanoseconds since boot, the same on all CPUs. */
u64 now_ns(void);
extern u64 tsc_khz;
/* TSC value at now_ns() == 0, and the pvclock scale for vcpu_time_info. */
extern u64 tsc_base;
extern u32 tsc_to_ns_mul;
extern s8 tsc_to_ns_shift;
u64 wallclock_ns(void); /* UTC at now_ns() == 0, ns since 1970 */
void wallclock_set(u64 ns_at_boot);

#endif /* HV_CPU_H */
