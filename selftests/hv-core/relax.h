/* SPDX-License-Identifier: MIT */
/*
 * relax.h - included before everything: who waits for another CPU lets it run
 *
 * There are more threads than real CPUs, or the CPUs are coroutines.
 */
#ifndef HV_CORE_RELAX_H
#define HV_CORE_RELAX_H

void host_relax(void);
#define __builtin_ia32_pause() host_relax()

#endif /* HV_CORE_RELAX_H */
