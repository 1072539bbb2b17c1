/* SPDX-License-Identifier: MIT */
/* smp.c - start of the other CPUs */
#include "boot.h"
#include "options.h"
#include "serial.h"
#include "timer.h"
#include "vmm.h"
#include "../x86/apic.h"

#define TRAMPOLINE 0x8000UL /* any page below 640 KiB; becomes dom0's */
#define STACK_ORDER 2
/* On a loaded host the thread of an emulated CPU may come late. */
#define START_TIMEOUT_US 10000000

extern const char trampoline_start[], trampoline_end[];
extern u64 head_ap_stack, head_ap_cpu;
void smp_ap_main(struct cpu *c) __noreturn;

static bool smp_go;
static void *smp_ist_stack; /* for the CPU that starts now */

/* An AP, on its own stack and the final page tables. */
void smp_ap_main(struct cpu *c)
{
	idt_cpu_init(c, smp_ist_stack);
	apic_cpu_init();
	if (vmm_cpu_init())
		panic("cpu %u lacks what the boot CPU has", c->id);
	store_release(&c->online, true);
	while (!load_acquire(&smp_go))
		cpu_relax();
	smp_enter_sched();
}

void smp_enter_sched(void)
{
	if (!this_cpu()->id)
		console_input_init();
	sched_loop();
}

static bool start_one(struct cpu *c)
{
	char *stack = page_alloc_order_virt(STACK_ORDER);

	smp_ist_stack = page_alloc_order_virt(IST_STACK_ORDER);
	if (!stack || !smp_ist_stack)
		panic("no memory for the stacks of cpu %u", c->id);
	c->self = c;
	c->stack_top = stack + (PAGE_SIZE << STACK_ORDER);
	list_init(&c->timers);
	c->timer_deadline = ~0ULL;
	head_ap_stack = (u64)c->stack_top;
	head_ap_cpu = (u64)c;
	smp_mb(); /* the AP, which INIT makes serialize, sees the above */

	apic_send(c->apic_id, APIC_DM_INIT, 0);
	udelay(10000);
	apic_send(c->apic_id, APIC_DM_STARTUP, TRAMPOLINE >> PAGE_SHIFT);
	for (u64 us = 0; us < START_TIMEOUT_US; us += 100) {
		if (load_acquire(&c->online))
			return true;
		udelay(100);
		/* The second one is ignored by a CPU that took the first. */
		if (us == 1000)
			apic_send(c->apic_id, APIC_DM_STARTUP,
				  TRAMPOLINE >> PAGE_SHIFT);
	}
	/* It must not wake up in the middle of dom0's memory. */
	apic_send(c->apic_id, APIC_DM_INIT, 0);
	return false;
}

void smp_start_aps(void)
{
	unsigned int i = opt.park_boot_cpu ? 0 : 1;

	if (!memmap_is_ram(&firmware_map, TRAMPOLINE, TRAMPOLINE + PAGE_SIZE))
		boot_stop("no RAM at %#lx to start CPUs from", TRAMPOLINE);
	memcpy((void *)TRAMPOLINE, trampoline_start,
	       trampoline_end - trampoline_start);
	while (i < nr_cpus) {
		if (start_one(&cpus[i])) {
			i++;
			continue;
		}
		pr_warn("CPU with APIC ID %u does not start: left out",
			cpus[i].apic_id);
		nr_cpus--;
		for (unsigned int j = i; j < nr_cpus; j++)
			cpus[j].apic_id = cpus[j + 1].apic_id;
	}
	if (!nr_cpus)
		boot_stop("no CPU but the boot CPU starts, which park_boot_cpu keeps idle");
	pr_info("%u CPU%s%s", nr_cpus, nr_cpus == 1 ? "" : "s",
		opt.park_boot_cpu ? " beside the boot CPU, which is parked" : "");
}

void smp_release_aps(void)
{
	store_release(&smp_go, true);
}
