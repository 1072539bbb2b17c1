/* SPDX-License-Identifier: MIT */
/* timer.h - one-shot timers, each on one CPU */
#ifndef HV_TIMER_H
#define HV_TIMER_H

#include "cpu.h"

/**
 * struct timer - a one-shot timer
 * @fn: called on the CPU it was armed on, hypervisor context, no lock held
 * @expires: ns of now_ns()
 */
struct timer {
	struct list link;
	void (*fn)(struct timer *t);
	u64 expires;
	struct cpu *cpu; /* NULL if not armed */
	struct spinlock lock;
};

void timer_init(struct timer *t, void (*fn)(struct timer *t));
/* Arm, or move, on this CPU. */
void timer_set(struct timer *t, u64 expires);
/* After this @fn does not run unless armed again (it may be running now). */
void timer_cancel(struct timer *t);
/* Cancel, and wait until no other CPU is in @fn: @t may be freed then. */
void timer_destroy(struct timer *t);
/* Run what has expired on this CPU and program the hardware for the next. */
void timer_run(void);

#endif /* HV_TIMER_H */
