/* SPDX-License-Identifier: MIT */
/*
 * sim.h - a machine in virtual time for the scheduler
 *
 * Each CPU is a coroutine in sched_loop().  "Running a guest" passes virtual
 * time until the guest has done its stretch, the CPU's timer is due, or the CPU
 * is kicked.  Everything is deterministic.
 */
#ifndef HV_CORE_SIM_H
#define HV_CORE_SIM_H

#include "host.h"
#include "options.h"

#define US 1000UL
#define MS (1000 * US)
#define SEC (1000 * MS)
#define SIM_CPUS 4

/**
 * struct guest - a vCPU and what its guest does
 * @run_ns, @sleep_ns: computes so long, then blocks so long; @sleep_ns 0: for
 *	ever computing, in stretches
 * @yields: gives the CPU away after each stretch instead of sleeping
 * @wake_at: when an event comes for it, ~0 if none is due
 * @left: what is left of the present stretch
 * @entered: when it was entered, or counted last
 * @ran: in all
 * @latest: the longest time from an event to running again
 */
struct guest {
	struct vcpu v;
	struct vcpu_info info;
	u64 run_ns, sleep_ns;
	bool yields;
	u64 wake_at;
	u64 left;
	u64 entered;
	u64 ran;
	u64 woken_at;
	u64 latest;
	u64 wakes;
	u64 ran_on[SIM_CPUS];
};

void sim_init(void);
/* @weight: of a domain of its own. */
struct guest *guest_new(u32 weight, u64 run_ns, u64 sleep_ns);
/* One more vCPU of @first's domain. */
struct guest *guest_add(struct guest *first, u64 run_ns, u64 sleep_ns);
void guest_start(struct guest *g);
/* Let @ns pass. */
void sim_run(u64 ns);
/* Stop and forget all guests. */
void sim_end(void);
/* An event for @g, as event.c sends it. */
void guest_event(struct guest *g);
void guest_pin(struct guest *g, u64 cpus);

/* Kicks by sim_run()'s events that a polling CPU made unnecessary. */
u64 sim_kicks_saved(void);

extern u64 sim_now;
/* Called as a CPU begins to run a vCPU, before it looks at need_resched. */
extern void (*sim_switch_hook)(struct vcpu *v);
extern void (*sim_keep_hook)(struct vcpu *v);
/* Longest time a runnable vCPU waited while a CPU it may use was idle. */
extern u64 sim_idle_waste;
/* What the clock of each CPU is ahead of the true time. */
extern u64 sim_skew[SIM_CPUS];

#define FOREVER (5 * MS) /* stretches of one who never sleeps */

/* Is it what was expected? */
static inline bool near(u64 value, u64 want, unsigned int percent)
{
	u64 slack = want * percent / 100;

	if (value + slack >= want && value <= want + slack)
		return true;
	printf("# %lu us, expected %lu\n", value / US, want / US);
	return false;
}

static inline struct guest *hog(u32 weight)
{
	return guest_new(weight, FOREVER, 0);
}

#endif /* HV_CORE_SIM_H */
