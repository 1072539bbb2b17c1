/* SPDX-License-Identifier: MIT */
/* vcpu.h - hypercall 24: operations on one's own virtual CPUs */
#ifndef HV_ABI_VCPU_H
#define HV_ABI_VCPU_H

#include "xen.h"

#define VCPUOP_up 1
#define VCPUOP_down 2
#define VCPUOP_is_up 3
#define VCPUOP_get_runstate_info 4
#define VCPUOP_register_runstate_memory_area 5
#define VCPUOP_stop_periodic_timer 7
#define VCPUOP_set_singleshot_timer 8
#define VCPUOP_stop_singleshot_timer 9
#define VCPUOP_register_vcpu_info 10
#define VCPUOP_register_vcpu_time_memory_area 13

/* register_runstate_memory_area and register_vcpu_time_memory_area */
struct vcpu_register_area {
	u64 gva;
};

#define VCPU_SSHOTTMR_future (1U << 0) /* -ETIME if it has passed already */

struct vcpu_set_singleshot_timer {
	u64 timeout_abs_ns;
	u32 flags;
};

struct vcpu_register_vcpu_info {
	u64 gfn;
	u32 offset;
	u32 rsvd;
};

#endif /* HV_ABI_VCPU_H */
