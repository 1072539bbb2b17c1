/* SPDX-License-Identifier: MIT */
/*
 * host.h - a machine of 96 MiB for the hypervisor's core, in a process
 *
 * The hypervisor maps memory at its machine address, so the machine is a mapping
 * at a low address; each thread that is a CPU points its GS base at its struct
 * cpu, as the hypervisor does.
 */
#ifndef HV_CORE_HOST_H
#define HV_CORE_HOST_H

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "domain.h"
#include "hypercall.h"
#include "../lib/tap.h"

#define RAM_START 0x10000000UL
#define DOM0_END 0x12000000UL /* dom0's identity RAM */
#define RAM_END 0x16000000UL /* the pool behind it */
#define RAM_TAIL (5 * PAGE_SIZE) /* RAM still, but no 2 MiB */

/* Set up memory, and make the calling thread CPU 0. */
void host_init(void);
/* Make the calling thread a CPU. */
void host_be_cpu(unsigned int id);

/* A domain that owns nothing yet; domain_put() counts, nothing is freed. */
struct domain *host_domain(domid_t id, u64 max_pages);
/* Forget it; fails the test if it still owns frames or has references. */
void host_domain_end(struct domain *d);

/* CPUs that were kicked, as a bitmap; a kicked CPU leaves its guest at once. */
extern u64 host_kicked;

static inline unsigned int host_random(unsigned int *seed, unsigned int below)
{
	return (unsigned int)rand_r(seed) % below;
}

#endif /* HV_CORE_HOST_H */
