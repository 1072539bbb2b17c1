/* SPDX-License-Identifier: MIT */
/* sched.h - hypercall 29: giving up the CPU, stopping */
#ifndef HV_ABI_SCHED_H
#define HV_ABI_SCHED_H

#include "xen.h"

#define SCHEDOP_yield 0
#define SCHEDOP_block 1
#define SCHEDOP_shutdown 2
#define SCHEDOP_poll 3
#define SCHEDOP_remote_shutdown 4
#define SCHEDOP_shutdown_code 5
#define SCHEDOP_watchdog 6

/* shutdown and shutdown_code: SHUTDOWN_* */
struct sched_shutdown {
	u32 reason;
};

struct sched_poll {
	u64 ports; /* guest pointer to u32 ports */
	u32 nr_ports;
	u64 timeout; /* system time, 0 for none */
};

#define MEMBERS_sched_poll "lwq"

struct sched_remote_shutdown {
	domid_t domain_id;
	u32 reason;
};

#endif /* HV_ABI_SCHED_H */
