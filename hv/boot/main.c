/* SPDX-License-Identifier: MIT */
/* main.c - the start of the hypervisor, in order */
#include "boot.h"
#include "options.h"
#include "serial.h"
#include "timer.h"
#include "vmm.h"
#include "../x86/apic.h"

extern char boot_stack_top[];
static char boot_ist_stack[PAGE_SIZE << IST_STACK_ORDER] __aligned(4096);

void boot_main(u32 magic, u32 info) __noreturn;

void boot_stop(const char *fmt, ...)
{
	char buf[200];
	va_list ap;

	/* Before the command line was read, nobody chose a console. */
	if (!serial_owned())
		serial_init();
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	pr_err("cannot start: %s", buf);
	machine_poweroff();
}

static void boot_cpu_init(struct cpu *c)
{
	c->self = c;
	c->stack_top = boot_stack_top;
	c->timer_deadline = ~0ULL;
	list_init(&c->timers);
	idt_cpu_init(c, boot_ist_stack);
}

/*
 * Make room in the numbers 0..nr_cpus - 1 for the CPUs that run guests, of
 * which the boot CPU is not to be one.
 */
static void boot_cpu_step_aside(void)
{
	u32 apic_id = cpus[0].apic_id;

	if (nr_cpus == 1) {
		pr_warn("park_boot_cpu is ignored: there is no other CPU");
		opt.park_boot_cpu = false;
		return;
	}
	nr_cpus--;
	for (unsigned int i = 0; i < nr_cpus; i++)
		cpus[i].apic_id = cpus[i + 1].apic_id;
	cpus[nr_cpus].apic_id = apic_id;
	boot_cpu_init(&cpus[nr_cpus]);
}

static void frames_init(void)
{
	struct mfn_range ram[MAX_E820];
	unsigned int nr = 0;

	for (unsigned int i = 0; i < firmware_map.nr; i++) {
		const struct memmap_range *r = &firmware_map.range[i];

		if (r->type == MEM_RAM)
			ram[nr++] = (struct mfn_range){ r->start >> PAGE_SHIFT,
							r->end >> PAGE_SHIFT };
	}
	page_init(ram, nr, dom0_top >> PAGE_SHIFT);
}

void boot_main(u32 magic, u32 info)
{
	nr_cpus = 1;
	boot_cpu_init(&cpus[0]);
	multiboot_parse(magic, info);
	cmdline_parse();
	pr_info("Tenon hypervisor, options: %s", opt.cmdline);

	paging_init();
	apic_init();
	cpus[0].apic_id = apic_id();
	acpi_init();
	if (opt.park_boot_cpu)
		boot_cpu_step_aside();
	apic_cpu_init();
	time_init();

	dom0_plan();
	frames_init();
	if (vmm_cpu_init())
		boot_stop("this processor has no SVM with nested paging, or the firmware has switched it off");
	this_cpu()->online = true;
	smp_start_aps();
	sched_init();
	dom0_build();
	smp_release_aps();
	if (opt.park_boot_cpu)
		cpu_park();
	smp_enter_sched();
}
