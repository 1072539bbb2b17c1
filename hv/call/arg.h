/* SPDX-License-Identifier: MIT */
/*
 * arg.h - structures in the memory of a caller, which may be 32-bit code
 *
 * Most structures of the ABI are the same for both.  In the others, 32-bit code
 * has 4 bytes where 64-bit code has a long or a pointer, and its u64 need only
 * be aligned to 4.  Handlers see the 64-bit layout; a structure that differs is
 * described by a letter for each member (MEMBERS_*, in abi/), from which the
 * other follows:
 *
 *	h, w, q	16, 32, 64 bits
 *	l	a long, a pointer, a frame number
 *	.	the end of a structure inside that has an l
 *
 * Which code the caller is was found once, when the call came (vcpu.call32).
 */
#ifndef HV_CALL_ARG_H
#define HV_CALL_ARG_H

#include "hypercall.h"

#define MEMBERS_long "l"

/**
 * arg_size() - bytes that a structure has at the caller's
 * @size: what it has in 64-bit code
 * @members: see above; NULL if it is the same for all
 */
size_t arg_size(size_t size, const char *members);

/* Make the caller's layout of @nr structures at @args the 64-bit one, or back. */
void arg_widen(void *args, size_t size, const char *members, unsigned int nr);
void arg_narrow(void *args, size_t size, const char *members, unsigned int nr);

/* Read structures from the caller's memory.  0 or -EFAULT. */
int arg_read(void *to, u64 gva, size_t size, const char *members,
	     unsigned int nr);
/* Write one; what is at @arg is lost. */
int arg_write(u64 gva, void *arg, size_t size, const char *members);

#endif /* HV_CALL_ARG_H */
