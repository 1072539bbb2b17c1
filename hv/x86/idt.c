/* SPDX-License-Identifier: MIT */
/*
 * idt.c - descriptor tables, and what happens on a fault of the hypervisor
 *
 * NMI, double fault and machine check have stacks of their own (IST).
 */
#include "apic.h"
#include "asm.h"
#include "domain.h"
#include "vmm.h"

#define VEC_NMI 2
#define VEC_DF 8
#define VEC_MC 18

/* What idt_stubs.S pushes. */
struct frame {
	u64 r15, r14, r13, r12, r11, r10, r9, r8;
	u64 rdi, rsi, rbp, rbx, rdx, rcx, rax;
	u64 vector, error;
	u64 rip, cs, rflags, rsp, ss;
};

struct gate {
	u16 offset_low, selector;
	u8 ist, type;
	u16 offset_mid;
	u32 offset_high, zero;
};

struct tss {
	u32 reserved0;
	u64 rsp[3];
	u64 reserved1;
	u64 ist[7];
	u64 reserved2;
	u16 reserved3, iomap;
} __packed;

struct table_ptr {
	u16 limit;
	u64 base;
} __packed;

struct extable_entry {
	u64 from, to;
};

extern const u64 head_gdt[4];
extern char idt_stubs[], text_start[], text_end[];
extern const struct extable_entry extable_start[], extable_end[];

static struct gate idt[256] __aligned(16);
static struct {
	u64 gdt[6];
	struct tss tss;
} tables[NR_CPUS] __aligned(16);
static bool stopping;

void idt_handle(struct frame *f);

static void idt_set(unsigned int vec, u8 ist)
{
	u64 addr = (u64)idt_stubs + vec * 16;

	idt[vec] = (struct gate){
		.offset_low = addr,
		.selector = SEL_CODE64,
		.ist = ist,
		.type = 0x8e, /* interrupt gate */
		.offset_mid = addr >> 16,
		.offset_high = addr >> 32,
	};
}

void idt_cpu_init(struct cpu *c, void *ist_stack)
{
	struct tss *tss = &tables[c->id].tss;
	u64 *gdt = tables[c->id].gdt;
	struct table_ptr ptr;
	u64 base = (u64)tss;

	if (!c->id) {
		for (unsigned int i = 0; i < 256; i++)
			idt_set(i, 0);
		idt_set(VEC_NMI, 1);
		idt_set(VEC_DF, 2);
		idt_set(VEC_MC, 3);
	}
	for (unsigned int i = 0; i < 3; i++)
		tss->ist[i] = (u64)ist_stack + (i + 1) * PAGE_SIZE;
	tss->iomap = sizeof(*tss);

	memcpy(gdt, head_gdt, sizeof(head_gdt));
	gdt[4] = (sizeof(*tss) - 1) | (base & 0xffffff) << 16 |
		 0x89ULL << 40 | (base >> 24 & 0xff) << 56;
	gdt[5] = base >> 32;

	ptr = (struct table_ptr){ sizeof(tables[0].gdt) - 1, (u64)gdt };
	__asm__ __volatile__("lgdt %0" : : "m"(ptr));
	__asm__ __volatile__("ltr %w0" : : "r"(SEL_TSS));
	ptr = (struct table_ptr){ sizeof(idt) - 1, (u64)idt };
	__asm__ __volatile__("lidt %0" : : "m"(ptr));
	wrmsr(MSR_GS_BASE, (u64)c);
}

/* Return addresses of the frames; scripts or addr2line name them. */
static void backtrace(u64 rbp)
{
	u64 top = (u64)this_cpu()->stack_top;

	for (unsigned int i = 0; i < 16; i++) {
		const u64 *frame = (const u64 *)rbp;

		if (rbp % 8 || rbp >= top - 8 || rbp < top - 32768)
			break;
		if (frame[1] < (u64)text_start || frame[1] >= (u64)text_end)
			break;
		pr_err("  called from %016lx", frame[1]);
		rbp = frame[0];
	}
}

void cpu_backtrace(void)
{
	const struct vcpu *v = current;

	if (v)
		pr_err("cpu %u, serving d%uv%u", this_cpu()->id, v->domain->id,
		       v->id);
	else
		pr_err("cpu %u, idle", this_cpu()->id);
	backtrace((u64)__builtin_frame_address(0));
}

static void frame_dump(const struct frame *f)
{
	pr_err("rip %016lx rsp %016lx rflags %lx", f->rip, f->rsp, f->rflags);
	pr_err("rax %016lx rbx %016lx rcx %016lx rdx %016lx", f->rax, f->rbx,
	       f->rcx, f->rdx);
	pr_err("rsi %016lx rdi %016lx rbp %016lx r8  %016lx", f->rsi, f->rdi,
	       f->rbp, f->r8);
	pr_err("r9  %016lx r10 %016lx r11 %016lx r12 %016lx", f->r9, f->r10,
	       f->r11, f->r12);
	pr_err("r13 %016lx r14 %016lx r15 %016lx", f->r13, f->r14, f->r15);
	pr_err("cr0 %016lx cr2 %016lx cr3 %016lx cr4 %016lx", read_cr0(),
	       read_cr2(), read_cr3(), read_cr4());
	backtrace(f->rbp);
}

static bool extable_fixup(struct frame *f)
{
	for (const struct extable_entry *e = extable_start; e < extable_end;
	     e++) {
		if (e->from == f->rip) {
			f->rip = e->to;
			return true;
		}
	}
	return false;
}

void cpu_stop_others(void)
{
	WRITE_ONCE(stopping, true);
	smp_mb(); /* the NMI, which serializes, comes after */
	for (unsigned int i = 0; i < nr_cpus; i++)
		if (cpus[i].online && &cpus[i] != this_cpu())
			apic_send(cpus[i].apic_id, APIC_DM_NMI, 0);
}

void idt_handle(struct frame *f)
{
	if (f->vector >= 32) {
		irq_handle(f->vector);
		return;
	}
	if (f->vector == VEC_NMI) {
		if (READ_ONCE(stopping))
			cpu_park();
		pr_warn("NMI on cpu %u", this_cpu()->id);
		return;
	}
	if (f->vector != VEC_DF && f->vector != VEC_MC && extable_fixup(f))
		return;
	frame_dump(f);
	panic("exception %lu, error code %#lx", f->vector, f->error);
}
