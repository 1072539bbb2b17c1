/* SPDX-License-Identifier: MIT */
/*
 * op.h - operations of a hypercall that take a structure in guest memory
 *
 * What they all begin and end with is done in one place: read the structure,
 * find the domain it names, write the answer back.  Where there is an answer its
 * place is found first, so that nothing fails any more when the work is done.
 */
#ifndef HV_CALL_OP_H
#define HV_CALL_OP_H

#include "hypercall.h"

#define OP_ARG_MAX 64
#define OP_OWN_DOMAIN 0xff
#define OP_ANSWERS 1
#define OP_PRIVILEGED 2

/**
 * struct call_op - an operation
 * @fn: serves it: 0 or more, or an error; @d is the domain that is named, or the
 *	caller's; @arg is ours
 * @size: of the structure
 * @domid: offset of the domid in it, or OP_OWN_DOMAIN
 * @flags: OP_ANSWERS: it is written back if @fn returned 0; OP_PRIVILEGED: for
 *	64-bit code of dom0 only, others get -EPERM before anything is read
 * @members: how it differs for 32-bit code (arg.h), NULL if not
 */
struct call_op {
	long (*fn)(struct domain *d, void *arg);
	u8 size;
	u8 domid;
	u8 flags;
	const char *members;
};

/* Serve @op on the structure at @gva. */
long op_serve(const struct call_op *op, u64 gva);

#endif /* HV_CALL_OP_H */
