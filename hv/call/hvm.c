/* SPDX-License-Identifier: MIT */
/* hvm.c - hypercall 34: parameters and event vectors */
#include "../abi/hvm.h"
#include "op.h"

_Static_assert(HVM_PARAM_COUNT == NR_HVM_PARAMS, "size of hvm_param[]");

/* What is to be known of a parameter. */
enum {
	GUEST_SETS = 1, /* not only the toolstack; and reads */
	GUEST_GETS = 2,
	OBSOLETE = 4, /* without a meaning any more, or never had one */
	STAYS_OFF = 8, /* what we do not have */
};

static const u8 params[HVM_PARAM_COUNT] = {
	[HVM_PARAM_CALLBACK_IRQ] = GUEST_SETS,
	[HVM_PARAM_STORE_PFN] = GUEST_GETS,
	[HVM_PARAM_STORE_EVTCHN] = GUEST_SETS,
	[3] = OBSOLETE,
	[HVM_PARAM_PAE_ENABLED] = OBSOLETE,
	[7 ... 8] = OBSOLETE,
	[HVM_PARAM_VIRIDIAN] = STAYS_OFF,
	[HVM_PARAM_DM_DOMAIN] = OBSOLETE,
	[HVM_PARAM_VM86_TSS] = GUEST_SETS,
	[HVM_PARAM_CONSOLE_PFN] = GUEST_GETS,
	[HVM_PARAM_CONSOLE_EVTCHN] = GUEST_SETS,
	[HVM_PARAM_ACPI_IOPORTS_LOCATION] = GUEST_SETS,
	[HVM_PARAM_MEMORY_EVENT_CR0 ... HVM_PARAM_NESTEDHVM - 1] = OBSOLETE,
	[HVM_PARAM_NESTEDHVM] = STAYS_OFF,
	[25] = OBSOLETE,
	[HVM_PARAM_BUFIOREQ_EVTCHN] = OBSOLETE,
	[HVM_PARAM_MEMORY_EVENT_MSR] = OBSOLETE,
	[HVM_PARAM_VM_GENERATION_ID_ADDR] = GUEST_SETS,
	[HVM_PARAM_ALTP2M] = GUEST_GETS | STAYS_OFF,
	[HVM_PARAM_X87_FIP_WIDTH] = GUEST_SETS,
	[HVM_PARAM_VM86_TSS_SIZED] = GUEST_SETS,
	[HVM_PARAM_MCA_CAP] = STAYS_OFF,
};

/* 0, or why @index is not for the caller, who may be @d itself. */
static long check_index(const struct domain *d, u32 index, u8 guest_may)
{
	if (index >= HVM_PARAM_COUNT)
		return -EINVAL;
	if (d == current->domain && !(params[index] & guest_may))
		return -EPERM;
	return params[index] & OBSOLETE ? -EINVAL : 0;
}

/* 0, or why @value cannot be. */
static long check_value(u32 index, u64 value)
{
	if (params[index] & STAYS_OFF && value)
		return -EINVAL;
	switch (index) {
	case HVM_PARAM_TIMER_MODE:
		return value <= 3 ? 0 : -EINVAL;
	case HVM_PARAM_IDENT_PT:
		return value >> 32 ? -EINVAL : 0;
	case HVM_PARAM_ACPI_S_STATE:
		return value == 0 || value == 3 ? 0 : -EINVAL;
	case HVM_PARAM_X87_FIP_WIDTH:
		return value == 0 || value == 4 || value == 8 ? 0 : -EINVAL;
	}
	return 0;
}

static void set_callback(struct domain *d, u64 value)
{
	u8 vector = 0;

	/* Without an interrupt controller a line to raise does not exist. */
	if (value >> HVM_CALLBACK_TYPE_SHIFT == HVM_CALLBACK_TYPE_VECTOR &&
	    (u8)value >= 16)
		vector = value;
	WRITE_ONCE(d->callback_vector, vector);
	/* Events that came before there was a way to tell. */
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i] && vcpu_events_pending(d->vcpu[i]))
			vcpu_kick(d->vcpu[i]);
}

static long op_set_param(struct domain *d, void *arg)
{
	struct hvm_param *op = arg;
	long ret = check_index(d, op->index, GUEST_SETS);

	if (!ret)
		ret = check_value(op->index, op->value);
	if (ret)
		return ret;
	if (op->index == HVM_PARAM_CALLBACK_IRQ && d == current->domain)
		ret = domain_set_layout(d, current->call32);
	if (ret)
		return ret;
	WRITE_ONCE(d->hvm_param[op->index], op->value);
	if (op->index == HVM_PARAM_CALLBACK_IRQ)
		set_callback(d, op->value);
	return 0;
}

static long op_get_param(struct domain *d, void *arg)
{
	struct hvm_param *op = arg;
	long ret = check_index(d, op->index, GUEST_SETS | GUEST_GETS);

	if (!ret)
		op->value = READ_ONCE(d->hvm_param[op->index]);
	return ret;
}

static long op_set_upcall_vector(struct domain *d, void *arg)
{
	struct hvm_evtchn_upcall_vector *op = arg;
	struct vcpu *v = domain_vcpu(d, op->vcpu);

	if (op->vector < 16)
		return -EINVAL;
	if (!v)
		return -ENOENT;
	WRITE_ONCE(v->upcall_vector, op->vector);
	/* What is pending was announced the old way, or not at all. */
	if (vcpu_events_pending(v))
		vlapic_post(v, op->vector, false);
	return 0;
}

static long op_get_time(struct domain *, void *arg)
{
	struct hvm_get_time *op = arg;

	op->now = now_ns();
	return 0;
}

static long op_get_mem_type(struct domain *d, void *arg)
{
	struct hvm_get_mem_type *op = arg;
	enum p2m_type type;

	p2m_lookup(d, op->pfn, &type, NULL);
	op->mem_type = type == P2M_RAM || type == P2M_GRANT_RW ? HVMMEM_ram_rw :
		      type == P2M_RAM_RO || type == P2M_GRANT_RO ?
								 HVMMEM_ram_ro :
								 HVMMEM_mmio_dm;
	return 0;
}

#define PARAM sizeof(struct hvm_param), offsetof(struct hvm_param, domid)

static const struct call_op ops[] = {
	[HVMOP_set_param] = { op_set_param, PARAM, 0 },
	[HVMOP_get_param] = { op_get_param, PARAM, OP_ANSWERS },
	[HVMOP_get_time] = { op_get_time, sizeof(struct hvm_get_time),
			     OP_OWN_DOMAIN, OP_ANSWERS },
	[HVMOP_get_mem_type] = { op_get_mem_type,
				 sizeof(struct hvm_get_mem_type),
				 offsetof(struct hvm_get_mem_type, domid),
				 OP_ANSWERS },
	[HVMOP_set_evtchn_upcall_vector] = {
		op_set_upcall_vector, sizeof(struct hvm_evtchn_upcall_vector),
		OP_OWN_DOMAIN, 0 },
};

long call_hvm_op(struct hypercall *hc)
{
	u64 cmd = hc->arg[0];

	if (cmd < ARRAY_SIZE(ops) && ops[cmd].fn)
		return op_serve(&ops[cmd], hc->arg[1]);
	return cmd == HVMOP_guest_request_vm_event || cmd == HVMOP_altp2m ?
		       -EOPNOTSUPP : -ENOSYS;
}
