/* SPDX-License-Identifier: MIT */
/* options.h - what the boot command line can set (boot/cmdline.c parses it) */
#ifndef HV_OPTIONS_H
#define HV_OPTIONS_H

#include "types.h"

struct options {
	u64 dom0_mem; /* bytes; 0: all but a quarter of RAM */
	unsigned int dom0_max_vcpus; /* 0: one per CPU */
	bool dom0_vcpus_pin;
	bool park_boot_cpu; /* it runs no guest, see docs/hypervisor.md */
	u64 halt_poll_us; /* most an idle CPU polls before it halts */
	char cmdline[1024]; /* as booted, for xen_version commandline */
};

extern struct options opt;

#endif /* HV_OPTIONS_H */
