/* SPDX-License-Identifier: MIT */
/* machine.h - what the hypervisor knows of the platform's power management */
#ifndef HV_X86_MACHINE_H
#define HV_X86_MACHINE_H

#include "types.h"

/**
 * struct machine_power - from the ACPI tables
 * @pm1a_cnt: I/O ports of the sleep control registers, 0 if not known
 * @pm1b_cnt: the second one, if the chipset has it
 * @slp_typ: sleep types of soft-off for each
 * @have_s5: @slp_typ are known
 */
struct machine_power {
	u16 pm1a_cnt, pm1b_cnt;
	u8 slp_typ[2];
	bool have_s5;
};
extern struct machine_power machine_power;

#define PM1_SLP_EN (1 << 13)
#define PM1_SLP_TYP_SHIFT 10

#endif /* HV_X86_MACHINE_H */
