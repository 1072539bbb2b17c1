/* SPDX-License-Identifier: MIT */
/*
 * io.c - I/O ports
 *
 * dom0 has them all but those of the 8259s (it must not see any), of the
 * hypervisor's serial line, and the sleep control register.  A guest has none:
 * it reads all ones, except where that would make a probe loop without end.
 */
#include "arch.h"
#include "asm.h"
#include "machine.h"
#include "serial.h"

#define IOPM_ORDER 2 /* 12 KiB used */
#define PIT_CH0 0x40
#define PIT_CH2 0x42
#define PORT_61 0x61
#define PORT_61_TOGGLE BIT(4)
#define PORT_61_OUT2 BIT(5)
/* Bytes of a string instruction done in one exit. */
#define STRING_CHUNK 512

static u8 *bitmap_dom0, *bitmap_guest;

static void bitmap_trap(u8 *map, u16 port, unsigned int nr)
{
	for (; nr; nr--, port++)
		map[port / 8] |= 1 << port % 8;
}

static void bitmap_init(void)
{
	bitmap_dom0 = page_alloc_order_virt(IOPM_ORDER);
	bitmap_guest = page_alloc_order_virt(IOPM_ORDER);
	if (!bitmap_dom0 || !bitmap_guest)
		panic("no memory for the I/O bitmaps");
	memset(bitmap_guest, 0xff, PAGE_SIZE << IOPM_ORDER);
	bitmap_trap(bitmap_dom0, 0x20, 2);
	bitmap_trap(bitmap_dom0, 0xa0, 2);
	if (serial_owned())
		bitmap_trap(bitmap_dom0, SERIAL_PORT, SERIAL_NR_PORTS);
	if (machine_power.pm1a_cnt)
		bitmap_trap(bitmap_dom0, machine_power.pm1a_cnt, 2);
}

u64 io_bitmap(const struct domain *d)
{
	if (!bitmap_dom0)
		bitmap_init();
	return (u64)(d->id ? bitmap_guest : bitmap_dom0);
}

static bool is_pm1(const struct vcpu *v, u16 port)
{
	return vcpu_is_dom0(v) && machine_power.pm1a_cnt &&
	       (port & ~1) == machine_power.pm1a_cnt;
}

static u32 io_read(const struct vcpu *v, u16 port, unsigned int size)
{
	if (is_pm1(v, port))
		return size == 1 ? inb(port) : inw(port);
	if (!vcpu_is_dom0(v)) {
		if (port == PIT_CH0 || port == PIT_CH2)
			return 0;
		/* Delay loops wait for a change of one, or for the other. */
		if (port == PORT_61)
			return PORT_61_OUT2 |
			       (now_ns() >> 14 & 1 ? PORT_61_TOGGLE : 0);
	}
	return ~0U;
}

/*
 * dom0 puts the machine to sleep.  Only soft-off is possible: nothing of the
 * hypervisor would survive another sleep state.
 */
static void pm1_write(u16 port, u32 val, unsigned int size)
{
	u8 type = val >> PM1_SLP_TYP_SHIFT & 7;

	if (size == 1) {
		outb(port, val);
		return;
	}
	if (val & PM1_SLP_EN) {
		if (machine_power.have_s5 && type != machine_power.slp_typ[0]) {
			pr_warn("dom0 asked for a sleep state other than off");
			return;
		}
		pr_info("dom0 powers the machine off");
		stats_dump_all();
	}
	outw(port, val);
}

static void io_write(const struct vcpu *v, u16 port, u32 val, unsigned int size)
{
	if (is_pm1(v, port))
		pm1_write(port, val, size);
}

static void string_fault(struct vcpu *v, u64 addr)
{
	if (svm_long_mode(v) && (s64)(addr << 16) >> 16 != (s64)addr) {
		svm_inject_error(v, VEC_GP, 0);
		return;
	}
	v->arch->vmcb->cr2 = addr;
	svm_inject_error(v, VEC_PF, NPF_WRITE);
}

/* An emulator may not say: then it is the code segment's, no prefix. */
static u64 address_mask(struct vcpu *v, u64 info)
{
	if (info & IOIO_ADDR64)
		return ~0ULL;
	if (info & IOIO_ADDR32)
		return 0xffffffff;
	if (info & IOIO_ADDR16)
		return 0xffff;
	if (svm_long_mode(v))
		return ~0ULL;
	return v->arch->vmcb->cs.attr & ATTR_DB ? 0xffffffff : 0xffff;
}

/*
 * INS and OUTS: no trapped port is meant for them.  What is read is all ones,
 * what is written is lost; registers move as the instruction says.
 */
static void io_string(struct vcpu *v, u64 info, unsigned int size)
{
	static const u8 ones[64] = { [0 ... 63] = 0xff };
	struct guest_regs *r = &v->arch->regs;
	bool in = info & IOIO_IN;
	u64 mask = address_mask(v, info);
	u64 *index = in ? &r->rdi : &r->rsi;
	u64 left = info & IOIO_REP ? r->rcx & mask : 1;
	u64 n = min(left, (u64)STRING_CHUNK / size);
	bool down = r->rflags & RFLAGS_DF;

	/* guest_write() asks for the kernel's rights, which these have not. */
	if (v->arch->vmcb->cpl) {
		svm_inject_error(v, VEC_GP, 0);
		return;
	}
	for (u64 i = 0; i < n; i++) {
		u64 addr = *index & mask;

		if (in) {
			addr += svm_long_mode(v) ? 0 : v->arch->vmcb->es.base;
			if (guest_write(addr, ones, size)) {
				string_fault(v, addr);
				return;
			}
		}
		*index = (*index & ~mask) |
			 ((*index + (down ? -(u64)size : size)) & mask);
		if (info & IOIO_REP)
			r->rcx = (r->rcx & ~mask) | ((r->rcx - 1) & mask);
	}
	if (n == left)
		exit_step(v, v->arch->vmcb->exit_info2);
}

void io_exit(struct vcpu *v)
{
	struct guest_regs *r = &v->arch->regs;
	u64 info = v->arch->vmcb->exit_info1;
	unsigned int size = info >> IOIO_SIZE_SHIFT & 7;
	u16 port = info >> IOIO_PORT_SHIFT;

	if (info & IOIO_STRING) {
		io_string(v, info, size);
		return;
	}
	if (info & IOIO_IN) {
		u32 val = io_read(v, port, size);

		if (size == 4)
			r->rax = val;
		else if (size == 2)
			r->rax = (r->rax & ~0xffffULL) | (u16)val;
		else
			r->rax = (r->rax & ~0xffULL) | (u8)val;
	} else {
		io_write(v, port, r->rax, size);
	}
	exit_step(v, v->arch->vmcb->exit_info2);
}
