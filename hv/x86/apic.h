/* SPDX-License-Identifier: MIT */
/* apic.h - the physical local APIC and the vectors of the hypervisor */
#ifndef HV_X86_APIC_H
#define HV_X86_APIC_H

#include "cpu.h"

/*
 * dom0's devices use 0x20..0xef.  Ours outrank them, so that a device vector
 * whose EOI is still owed by dom0 does not hold them back.
 */
#define VEC_DEVICE_FIRST 0x20
#define VEC_DEVICE_LAST 0xef
#define VEC_TIMER 0xf1
#define VEC_KICK 0xf2
#define VEC_ERROR 0xf3
#define VEC_SPURIOUS 0xff

/* Register numbers, as x2APIC MSR offsets; MMIO offset / 16. */
#define APIC_ID 0x02
#define APIC_VERSION 0x03
#define APIC_TPR 0x08
#define APIC_PPR 0x0a
#define APIC_EOI 0x0b
#define APIC_LDR 0x0d
#define APIC_DFR 0x0e /* xAPIC only */
#define APIC_SVR 0x0f
#define APIC_ISR 0x10
#define APIC_TMR 0x18
#define APIC_IRR 0x20
#define APIC_ESR 0x28
#define APIC_ICR 0x30
#define APIC_ICR_HIGH 0x31 /* xAPIC only */
#define APIC_LVT_TIMER 0x32
#define APIC_LVT_LINT0 0x35
#define APIC_LVT_LINT1 0x36
#define APIC_LVT_ERROR 0x37
#define APIC_TIMER_INIT 0x38
#define APIC_TIMER_COUNT 0x39
#define APIC_TIMER_DIVIDE 0x3e
#define APIC_SELF_IPI 0x3f

#define APIC_SVR_ENABLE BIT(8)
#define APIC_LVT_MASKED BIT(16)
#define APIC_LVT_PERIODIC BIT(17)
#define APIC_LVT_NMI 0x400
#define APIC_ICR_PENDING BIT(12)
#define APIC_ICR_ASSERT BIT(14)
#define APIC_ICR_LOGICAL BIT(11)

#define APIC_DM_FIXED 0
#define APIC_DM_LOWEST 1
#define APIC_DM_NMI 4
#define APIC_DM_INIT 5
#define APIC_DM_STARTUP 6

#define APIC_BASE_ADDR 0xfee00000UL
#define APIC_BASE_BSP BIT(8)
#define APIC_BASE_X2APIC BIT(10)
#define APIC_BASE_ENABLE BIT(11)

void apic_init(void); /* once, on the boot CPU: find mode and address */
void apic_cpu_init(void); /* each CPU */
u32 apic_read(unsigned int reg);
void apic_write(unsigned int reg, u32 v);
u32 apic_id(void);
void apic_eoi(void);
/* Was this vector, now in service, level triggered? */
bool apic_is_level(u8 vector);
/* To a physical ID; @mode is APIC_DM_*, @vector the page of a start-up IPI. */
void apic_send(u32 dest, unsigned int mode, u8 vector);
extern u32 apic_timer_khz;

/* irq.c: a vector >= 0x20 was taken by this CPU. */
void irq_handle(u8 vector);
/* irq.c: dom0 ended level-triggered @vector that @c has in service. */
void irq_guest_eoi(struct cpu *c, u8 vector);

/* idt.c: descriptor tables and GS base of a CPU */
void idt_cpu_init(struct cpu *c, void *ist_stack);
#define IST_STACK_ORDER 2 /* pages of @ist_stack: NMI, #DF, #MC, spare */

/* time.c */
void time_init(void); /* boot CPU: calibrate TSC and APIC timer, read RTC */
void udelay(u64 us);

#endif /* HV_X86_APIC_H */
