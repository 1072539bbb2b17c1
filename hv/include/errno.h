/* SPDX-License-Identifier: MIT */
/* errno.h - error numbers of the hypercall ABI (Xen public errno.h) */
#ifndef HV_ERRNO_H
#define HV_ERRNO_H

#define EPERM 1
#define ENOENT 2
#define ESRCH 3
#define E2BIG 7
#define ENOMEM 12
#define EACCES 13
#define EFAULT 14
#define EBUSY 16
#define EEXIST 17
#define ENODEV 19
#define EINVAL 22
#define ENOSPC 28
#define ENOSYS 38
#define ENODATA 61
#define ETIME 62
#define EOPNOTSUPP 95
#define ENOBUFS 105
/*
 * Never seen by a guest: the call is to be issued again with the arguments the
 * handler left in its struct hypercall.
 */
#define ERESTART 85

#endif /* HV_ERRNO_H */
