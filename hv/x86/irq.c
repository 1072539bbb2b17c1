/* SPDX-License-Identifier: MIT */
/*
 * irq.c - physical interrupts
 *
 * Devices belong to dom0.  Its interrupt controllers name CPUs by physical APIC
 * ID, which is the virtual one of dom0's vCPU of the same number, so a device
 * interrupt taken by CPU k is posted to dom0's vCPU k wherever that runs.
 *
 * An edge is ended at once.  A level-triggered one stays in service here until
 * dom0 ends it at its virtual APIC, or it would come again without end.  The
 * physical EOI ends the highest vector in service, whereas dom0 may end several
 * in another order, so each CPU keeps a stack of what it owes.
 */
#include "apic.h"
#include "timer.h"
#include "vmm.h"

#define MAX_IN_SERVICE 16 /* one a priority class */

static struct irq_cpu {
	u8 in_service[MAX_IN_SERVICE]; /* level-triggered, ascending; own CPU */
	unsigned int depth;
	u64 done[4]; /* vectors dom0 has ended, set by any CPU */
} irq_cpu[NR_CPUS];

/* On the CPU that owes the EOIs. */
static void irq_flush_eoi(struct irq_cpu *ic)
{
	while (ic->depth &&
	       test_and_clear_bit(ic->in_service[ic->depth - 1], ic->done)) {
		ic->depth--;
		apic_eoi();
	}
}

void irq_guest_eoi(struct cpu *c, u8 vector)
{
	set_bit(vector, irq_cpu[c->id].done);
	if (c == this_cpu())
		irq_flush_eoi(&irq_cpu[c->id]);
	else
		apic_send(c->apic_id, APIC_DM_FIXED, VEC_KICK);
}

static void irq_device(u8 vector)
{
	struct cpu *c = this_cpu();
	struct irq_cpu *ic = &irq_cpu[c->id];
	struct vcpu *v = NULL;

	if (dom0 && c->id < dom0->max_vcpus)
		v = dom0->vcpu[c->id];
	if (!apic_is_level(vector)) {
		apic_eoi();
		if (v)
			vlapic_post(v, vector, false);
		return;
	}
	if (!v || ic->depth == MAX_IN_SERVICE) {
		apic_eoi();
		return;
	}
	clear_bit(vector, ic->done);
	ic->in_service[ic->depth++] = vector;
	vlapic_post(v, vector, true);
}

void irq_handle(u8 vector)
{
	struct cpu *c = this_cpu();

	c->interrupts++;
	switch (vector) {
	case VEC_TIMER:
		apic_eoi();
		/* Early because the counter is too short: go on waiting. */
		if (c->timer_deadline > now_ns())
			cpu_timer_program(c->timer_deadline);
		break;
	case VEC_KICK:
		apic_eoi();
		irq_flush_eoi(&irq_cpu[c->id]);
		break;
	case VEC_ERROR:
		apic_write(APIC_ESR, 0);
		pr_warn("APIC error %#x on cpu %u", apic_read(APIC_ESR), c->id);
		apic_eoi();
		break;
	case VEC_SPURIOUS:
		break;
	default:
		if (vector >= VEC_DEVICE_FIRST && vector <= VEC_DEVICE_LAST)
			irq_device(vector);
		else
			apic_eoi();
	}
}
