/* SPDX-License-Identifier: MIT */
/* machine.c - power-off and reset */
#include "asm.h"
#include "lib.h"
#include "machine.h"
#include "vmm.h"

struct machine_power machine_power;

static void pm1_sleep(u16 port, u8 type)
{
	u16 keep = inw(port) & ~(PM1_SLP_EN | 7 << PM1_SLP_TYP_SHIFT);

	outw(port, keep | type << PM1_SLP_TYP_SHIFT | PM1_SLP_EN);
}

void cpu_park(void)
{
	for (;;)
		__asm__ __volatile__("cli; hlt");
}

void machine_poweroff(void)
{
	pr_err("halted");
	if (machine_power.pm1a_cnt && machine_power.have_s5) {
		pm1_sleep(machine_power.pm1a_cnt, machine_power.slp_typ[0]);
		if (machine_power.pm1b_cnt)
			pm1_sleep(machine_power.pm1b_cnt,
				  machine_power.slp_typ[1]);
	}
	cpu_park();
}

void machine_reset(void)
{
	struct {
		u16 limit;
		u64 base;
	} __packed no_idt = { 0, 0 };

	pr_err("reset");
	outb(0xcf9, 0x02);
	outb(0xcf9, 0x06);
	outb(0x64, 0xfe); /* keyboard controller's reset line */
	__asm__ __volatile__("lidt %0; int3" : : "m"(no_idt));
	cpu_park();
}
