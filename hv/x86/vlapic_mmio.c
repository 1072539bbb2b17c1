/* SPDX-License-Identifier: MIT */
/*
 * vlapic_mmio.c - the registers of a local APIC as memory
 *
 * A guest that is not in long mode finds them at APIC_BASE_ADDR: Linux for i386
 * has no x2APIC.  Such kernels use plain moves of 32 bits, and others are none of
 * our business: the guest is stopped as by any access to nothing.  Should another
 * vCPU have changed the instruction since it was executed, the guest does
 * something else than it thought, to itself.
 *
 * The destination of an interrupt is kept as x2APIC has it.
 */
#include "apic.h"
#include "arch.h"

#define DEST_SHIFT 24
#define DEST_ALL 0xff
#define MAX_MOV 11

struct mov {
	unsigned int len;
	u64 *reg; /* the register, or &imm */
	u64 imm;
};

static bool decode(struct vcpu *v, bool write, struct mov *m)
{
	u8 insn[MAX_MOV] = { 0 };
	size_t have = walk_fetch(v, insn, sizeof(insn));
	u8 op = insn[0], mod = insn[1] >> 6, rm = insn[1] & 7;
	/* Registers stand in the order of their numbers. */
	u64 *gpr = &v->arch->regs.rax;

	switch (op) {
	case 0xa1: /* to and from eax, at an address */
	case 0xa3:
		m->len = 5;
		m->reg = gpr;
		break;
	case 0x8b: /* to and from a register, and an immediate */
	case 0x89:
	case 0xc7:
		if (mod == 3)
			return false;
		m->len = 2 + (rm == 4) + (mod == 1 ? 1 : mod == 2 ? 4 : 0);
		if (mod == 0 && (rm == 5 || (rm == 4 && (insn[2] & 7) == 5)))
			m->len += 4;
		m->reg = &gpr[insn[1] >> 3 & 7];
		break;
	default:
		return false;
	}
	if (op == 0xc7) {
		memcpy(&m->imm, &insn[m->len], 4);
		m->len += 4;
		m->reg = &m->imm;
	}
	return m->len <= have && write == (op != 0x8b && op != 0xa1);
}

static u32 mmio_read(struct vcpu *v, u32 reg)
{
	u64 val = 0;

	switch (reg) {
	case APIC_ID:
		return vlapic_id(v) << DEST_SHIFT;
	case APIC_LDR:
		return vlapic_ldr(v, true) << DEST_SHIFT;
	case APIC_DFR: /* flat for good */
		return ~0U;
	case APIC_ICR_HIGH:
		return v->arch->apic.reg[reg] << DEST_SHIFT;
	}
	return vlapic_read(v, reg, &val) ? 0 : val;
}

static void mmio_write(struct vcpu *v, u32 reg, u32 val)
{
	u32 *high = &v->arch->apic.reg[APIC_ICR_HIGH];

	switch (reg) {
	case APIC_EOI:
	case APIC_ESR: /* any value will do */
		vlapic_write(v, reg, 0);
		break;
	case APIC_ICR_HIGH:
		*high = val >> DEST_SHIFT == DEST_ALL ? ~0U : val >> DEST_SHIFT;
		break;
	case APIC_ICR:
		vlapic_write(v, reg, val | (u64)*high << 32);
		break;
	case APIC_SELF_IPI: /* x2APIC only */
		break;
	default:
		vlapic_write(v, reg, val);
	}
}

bool vlapic_mmio(struct vcpu *v, u64 gpa, bool write)
{
	u32 reg = gpa % PAGE_SIZE / 16;
	struct mov m = { .imm = 0 };

	if (!vlapic_is_mmio(v) || ALIGN_DOWN(gpa, PAGE_SIZE) != APIC_BASE_ADDR ||
	    gpa % 16 || reg >= NR_APIC_REGS || !(v->arch->vmcb->cs.attr & ATTR_DB) ||
	    !decode(v, write, &m))
		return false;
	if (write)
		mmio_write(v, reg, *m.reg);
	else
		*m.reg = mmio_read(v, reg);
	exit_step(v, v->arch->regs.rip + m.len);
	return true;
}
