/* SPDX-License-Identifier: MIT */
/*
 * relax.h - included before everything: threads are CPUs here, and there are
 * more of them than real ones, so who waits for another lets it run
 */
#ifndef HV_CORE_RELAX_H
#define HV_CORE_RELAX_H

int sched_yield(void);
#define __builtin_ia32_pause() ((void)sched_yield())

#endif /* HV_CORE_RELAX_H */
