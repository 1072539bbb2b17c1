/* SPDX-License-Identifier: MIT */
/* hvm.c - hypercall 34: parameters and event vectors */
#include "../abi/hvm.h"
#include "hypercall.h"

_Static_assert(HVM_PARAM_COUNT == NR_HVM_PARAMS, "size of hvm_param[]");

/* May the domain itself, not only the toolstack, write / read it? */
static bool guest_may_set(u32 index)
{
	switch (index) {
	case HVM_PARAM_CALLBACK_IRQ:
	case HVM_PARAM_STORE_EVTCHN:
	case HVM_PARAM_CONSOLE_EVTCHN:
	case HVM_PARAM_VM86_TSS:
	case HVM_PARAM_VM86_TSS_SIZED:
	case HVM_PARAM_ACPI_IOPORTS_LOCATION:
	case HVM_PARAM_VM_GENERATION_ID_ADDR:
	case HVM_PARAM_X87_FIP_WIDTH:
		return true;
	}
	return false;
}

static bool guest_may_get(u32 index)
{
	return guest_may_set(index) || index == HVM_PARAM_STORE_PFN ||
	       index == HVM_PARAM_CONSOLE_PFN || index == HVM_PARAM_ALTP2M;
}

/* Indexes without a meaning any more, or that never had one. */
static bool obsolete(u32 index)
{
	switch (index) {
	case 3:
	case 7:
	case 8:
	case 25:
	case HVM_PARAM_PAE_ENABLED:
	case HVM_PARAM_DM_DOMAIN:
	case HVM_PARAM_MEMORY_EVENT_CR0 ... HVM_PARAM_NESTEDHVM - 1:
	case HVM_PARAM_BUFIOREQ_EVTCHN:
	case HVM_PARAM_MEMORY_EVENT_MSR:
		return true;
	}
	return false;
}

/* 0, or why @value cannot be: what we do not have stays off. */
static long check_value(u32 index, u64 value)
{
	switch (index) {
	case HVM_PARAM_TIMER_MODE:
		return value <= 3 ? 0 : -EINVAL;
	case HVM_PARAM_IDENT_PT:
		return value >> 32 ? -EINVAL : 0;
	case HVM_PARAM_ACPI_S_STATE:
		return value == 0 || value == 3 ? 0 : -EINVAL;
	case HVM_PARAM_ALTP2M:
	case HVM_PARAM_NESTEDHVM:
	case HVM_PARAM_VIRIDIAN:
	case HVM_PARAM_MCA_CAP:
		return value ? -EINVAL : 0;
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

static long op_set_param(u64 gva)
{
	struct domain *d;
	struct hvm_param op;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.index >= HVM_PARAM_COUNT)
		return -EINVAL;
	d = domain_for_call(op.domid, &ret);
	if (!d)
		return ret;

	if (d == current->domain && !guest_may_set(op.index))
		ret = -EPERM;
	else if (obsolete(op.index))
		ret = -EINVAL;
	else
		ret = check_value(op.index, op.value);
	if (!ret) {
		WRITE_ONCE(d->hvm_param[op.index], op.value);
		if (op.index == HVM_PARAM_CALLBACK_IRQ)
			set_callback(d, op.value);
	}
	domain_put(d);
	return ret;
}

static long op_get_param(u64 gva)
{
	struct domain *d;
	struct hvm_param op;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.index >= HVM_PARAM_COUNT)
		return -EINVAL;
	d = domain_for_call(op.domid, &ret);
	if (!d)
		return ret;

	if (d == current->domain && !guest_may_get(op.index))
		ret = -EPERM;
	else if (obsolete(op.index))
		ret = -EINVAL;
	else
		op.value = READ_ONCE(d->hvm_param[op.index]);
	domain_put(d);
	return ret ? ret : guest_write(gva, &op, sizeof(op));
}

static long op_set_upcall_vector(u64 gva)
{
	struct hvm_evtchn_upcall_vector op;
	struct domain *d = current->domain;
	struct vcpu *v;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.vector < 16)
		return -EINVAL;
	if (op.vcpu >= d->max_vcpus || !d->vcpu[op.vcpu])
		return -ENOENT;
	v = d->vcpu[op.vcpu];
	WRITE_ONCE(v->upcall_vector, op.vector);
	/* What is pending was announced the old way, or not at all. */
	if (vcpu_events_pending(v))
		vlapic_post(v, op.vector, false);
	return 0;
}

static long op_get_time(u64 gva)
{
	struct hvm_get_time op = { now_ns() };

	return guest_write(gva, &op, sizeof(op));
}

static long op_get_mem_type(u64 gva)
{
	struct hvm_get_mem_type op;
	enum p2m_type type;
	struct domain *d;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = domain_for_call(op.domid, &ret);
	if (!d)
		return ret;
	p2m_lookup(d, op.pfn, &type, NULL);
	domain_put(d);
	op.mem_type = type == P2M_RAM || type == P2M_GRANT_RW ? HVMMEM_ram_rw :
		      type == P2M_RAM_RO || type == P2M_GRANT_RO ?
								 HVMMEM_ram_ro :
								 HVMMEM_mmio_dm;
	return guest_write(gva, &op, sizeof(op));
}

long call_hvm_op(struct hypercall *hc)
{
	u64 gva = hc->arg[1];

	switch (hc->arg[0]) {
	case HVMOP_set_param:
		return op_set_param(gva);
	case HVMOP_get_param:
		return op_get_param(gva);
	case HVMOP_set_evtchn_upcall_vector:
		return op_set_upcall_vector(gva);
	case HVMOP_get_time:
		return op_get_time(gva);
	case HVMOP_get_mem_type:
		return op_get_mem_type(gva);
	case HVMOP_guest_request_vm_event:
	case HVMOP_altp2m:
		return -EOPNOTSUPP;
	}
	return -ENOSYS;
}
