/* SPDX-License-Identifier: MIT */
/* platform.h - hypercall 7: dom0's control of the machine */
#ifndef HV_ABI_PLATFORM_H
#define HV_ABI_PLATFORM_H

#include "xen.h"

#define XENPF_INTERFACE_VERSION 0x03000001

#define XENPF_settime32 17
#define XENPF_get_cpuinfo 55
#define XENPF_settime64 62

/* UTC @secs.@nsecs at system time @system_time */
struct xenpf_settime32 {
	u32 secs;
	u32 nsecs;
	u64 system_time;
};

struct xenpf_settime64 {
	u64 secs;
	u32 nsecs;
	u32 mbz;
	u64 system_time;
};

struct xenpf_pcpuinfo {
	u32 xen_cpuid;
	u32 max_present; /* out, as all that follows */
	u32 flags;
	u32 apic_id;
	u32 acpi_id;
};

#define XEN_PCPU_FLAGS_ONLINE 1
#define XEN_PCPU_FLAGS_INVALID 2

struct xen_platform_op {
	u32 cmd;
	u32 interface_version;
	union {
		struct xenpf_settime32 settime32;
		struct xenpf_settime64 settime64;
		struct xenpf_pcpuinfo pcpu_info;
		u8 pad[128];
	} u;
};

#endif /* HV_ABI_PLATFORM_H */
