// SPDX-License-Identifier: MIT
/* trap.c - exceptions: recorded where a test expects them, fatal elsewhere */
#include "guest.h"

struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8, rdi, rsi, rbp, rbx, rdx, rcx,
		rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

struct tss {
	u32 pad0;
	u64 rsp[3];
	u64 pad1;
	u64 ist[7];
	u64 pad2;
	u16 pad3, iomap;
} __packed;

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, pad;
};

extern char trap_stubs[], trap_stack_top[], user_return[];
extern u64 gdt[];
extern struct gate idt[256];
extern u64 ex_table_start[][2], ex_table_end[][2];

volatile struct trap_info last_trap;
volatile u64 nr_nmis, nr_upcalls;
static struct tss tss;

void trap(struct frame *f);

static void die(const struct frame *f)
{
	static bool dying;

	if (dying)
		power_off(SHUTDOWN_crash);
	dying = true;
	print("Bail out! trap %lu error 0x%lx at rip 0x%lx rsp 0x%lx cs 0x%lx",
	      f->vector, f->error, f->rip, f->rsp, f->cs);
	print("# rax %lx rbx %lx rcx %lx rdx %lx rsi %lx rdi %lx cr2 %lx", f->rax,
	      f->rbx, f->rcx, f->rdx, f->rsi, f->rdi, (u64)last_trap.address);
	power_off(SHUTDOWN_crash);
}

void trap(struct frame *f)
{
	if (f->vector >= 32 && f->vector != 0x80) {
		if (f->vector == EVENT_VECTOR) {
			nr_upcalls++;
			WRITE_ONCE(vcpu0_info.evtchn_upcall_pending, 0);
		}
		/* Other vectors are the APIC's: a test made them come. */
		if (f->vector != EVENT_VECTOR || event_needs_eoi)
			__asm__ __volatile__("wrmsr" : : "c"(0x80b), "a"(0),
					     "d"(0));
		return;
	}
	if (f->vector == TRAP_NMI) {
		nr_nmis++;
		return;
	}
	if (f->cs & 3) {
		/* Ring 3 is done, or did what it must not: back to its caller. */
		last_trap.vector = f->vector == 0x80 ? TRAP_NONE :
						       (int)f->vector;
		last_trap.error = f->error;
		f->rip = (u64)user_return;
		f->cs = 0x08;
		f->ss = 0x10;
		f->rsp = (u64)trap_stack_top;
		f->rflags = 2;
		return;
	}
	if (f->vector == TRAP_PF) {
		u64 cr2;

		__asm__ __volatile__("mov %%cr2, %0" : "=r"(cr2));
		last_trap.address = cr2;
	}
	for (u64 (*e)[2] = ex_table_start; e < ex_table_end; e++) {
		if ((*e)[0] != f->rip)
			continue;
		last_trap.vector = f->vector;
		last_trap.error = f->error;
		f->rip = (*e)[1];
		return;
	}
	die(f);
}

void trap_init(void)
{
	u64 base = (u64)&tss;

	for (unsigned int i = 0; i < 256; i++) {
		u64 at = (u64)trap_stubs + 16 * i;

		idt[i] = (struct gate){
			.offset_low = at,
			.selector = 0x08,
			.ist = i == TRAP_DF ? 1 : 0,
			.type = i == 0x80 ? 0xee : 0x8e,
			.offset_mid = at >> 16,
			.offset_high = at >> 32,
		};
	}
	tss.rsp[0] = (u64)trap_stack_top;
	tss.ist[0] = (u64)trap_stack_top;
	tss.iomap = sizeof(tss);
	gdt[7] = 0x0000890000000000ULL | (sizeof(tss) - 1) |
		 (base & 0xffffff) << 16 | (base >> 24 & 0xff) << 56;
	gdt[8] = base >> 32;
	__asm__ __volatile__("ltr %w0" : : "r"(0x38));
}
