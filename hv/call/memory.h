/* SPDX-License-Identifier: MIT */
/* memory.h - what the parts of the memory_op hypercall share */
#ifndef HV_CALL_MEMORY_H
#define HV_CALL_MEMORY_H

#include "arg.h"
#include "op.h"
#include "../abi/memory.h"

/*
 * Where a continued call resumes: the number of items already done, kept in the
 * command's upper bits.  The guest can forge it, so it is checked against the
 * number of items like any other argument.
 */
static inline u64 memory_resume_point(const struct hypercall *hc)
{
	return hc->arg[0] >> XENMEM_CMD_BITS;
}

static inline long memory_continue(struct hypercall *hc, u64 done)
{
	hc->arg[0] = (hc->arg[0] & XENMEM_CMD_MASK) | done << XENMEM_CMD_BITS;
	return -ERESTART;
}

/* memory_physmap.c */
long memory_add_to_physmap(struct domain *d, void *arg);
long memory_add_to_physmap_batch(struct hypercall *hc);
long memory_remove_from_physmap(struct domain *d, void *arg);
long memory_acquire_resource(struct domain *d, void *arg);

/* memory_reservation.c */
long memory_populate_physmap(struct hypercall *hc);
long memory_decrease_reservation(struct hypercall *hc);
long memory_claim_pages(struct domain *d, void *arg);

#endif /* HV_CALL_MEMORY_H */
