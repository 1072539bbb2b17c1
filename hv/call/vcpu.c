/* SPDX-License-Identifier: MIT */
/* vcpu.c - hypercall 24 and what else a guest says about its own vCPUs */
#include "../abi/vcpu.h"
#include "arg.h"

static long op_up(struct vcpu *v)
{
	/* A vCPU that never had a context has nowhere to start. */
	if (!v->started)
		return -EINVAL;
	vcpu_set_down(v, false);
	return 0;
}

static long op_down(struct vcpu *v)
{
	struct domain *d = v->domain;

	vcpu_set_down(v, true);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i] && !READ_ONCE(d->vcpu[i]->down))
			return 0;
	/* Nobody is left who could start one again. */
	domain_shutdown(d, SHUTDOWN_poweroff);
	return 0;
}

static long op_register_vcpu_info(struct vcpu *v, u64 gva)
{
	struct vcpu_register_vcpu_info op;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	/* Only one's own, or that of a vCPU which does not run. */
	if (v != current && !v->down)
		return -EINVAL;
	return vcpu_place_info(v, op.gfn, op.offset);
}

static long op_register_runstate(struct vcpu *v, u64 gva)
{
	struct vcpu_register_area op;
	struct guest_area area = { .page = { NULL } };

	if (arg_read(&op, gva, sizeof(op), MEMBERS_long, 1))
		return -EFAULT;
	if (op.gva &&
	    guest_area_get(&area, op.gva,
			   arg_size(sizeof(struct vcpu_runstate_info),
				    MEMBERS_vcpu_runstate_info)))
		return -EFAULT;
	vcpu_place_runstate(v, &area, current->call32 ? VCPU_RUNSTATE_ENTRY32 :
							VCPU_RUNSTATE_ENTRY);
	return 0;
}

static long op_register_time(struct vcpu *v, u64 gva)
{
	struct vcpu_register_area op;
	struct vcpu_time_info info;

	if (arg_read(&op, gva, sizeof(op), MEMBERS_long, 1))
		return -EFAULT;
	if (!op.gva)
		return 0;
	/* The relation of TSC and time never changes: once is for ever. */
	vcpu_update_time(v);
	info = v->vcpu_info->time;
	return guest_write(op.gva, &info, sizeof(info));
}

static long op_get_runstate(struct vcpu *v, u64 gva)
{
	struct vcpu_runstate_info info;

	vcpu_runstate(v, &info);
	return arg_write(gva, &info, sizeof(info), MEMBERS_vcpu_runstate_info);
}

static long op_set_singleshot(struct vcpu *v, u64 gva)
{
	struct vcpu_set_singleshot_timer op;

	if (v != current)
		return -EINVAL;
	if (arg_read(&op, gva, sizeof(op), MEMBERS_vcpu_set_singleshot_timer,
		     1))
		return -EFAULT;
	return vcpu_set_singleshot(v, op.timeout_abs_ns,
				   op.flags & VCPU_SSHOTTMR_future);
}

long call_vcpu_op(struct hypercall *hc)
{
	struct domain *d = current->domain;
	struct vcpu *v = domain_vcpu(d, hc->arg[1]);
	u64 gva = hc->arg[2];

	if (!v)
		return -ENOENT;
	switch (hc->arg[0]) {
	case VCPUOP_up:
		return op_up(v);
	case VCPUOP_down:
		return op_down(v);
	case VCPUOP_is_up:
		return !READ_ONCE(v->down);
	case VCPUOP_get_runstate_info:
		return op_get_runstate(v, gva);
	case VCPUOP_register_runstate_memory_area:
		return op_register_runstate(v, gva);
	case VCPUOP_stop_periodic_timer:
		return 0; /* there is none to stop */
	case VCPUOP_set_singleshot_timer:
		return op_set_singleshot(v, gva);
	case VCPUOP_stop_singleshot_timer:
		if (v != current)
			return -EINVAL;
		timer_cancel(&v->singleshot);
		return 0;
	case VCPUOP_register_vcpu_info:
		return op_register_vcpu_info(v, gva);
	case VCPUOP_register_vcpu_time_memory_area:
		return op_register_time(v, gva);
	}
	return -ENOSYS;
}

/* The older way to set the single-shot timer: 0 stops it. */
long call_set_timer_op(struct hypercall *hc)
{
	/* In two halves. */
	if (current->call32)
		hc->arg[0] |= hc->arg[1] << 32;
	if (!hc->arg[0]) {
		timer_cancel(&current->singleshot);
		return 0;
	}
	return vcpu_set_singleshot(current, hc->arg[0], false);
}

long call_vm_assist(struct hypercall *hc)
{
	if (hc->arg[1] != VMASST_TYPE_runstate_update_flag)
		return -EINVAL;
	switch (hc->arg[0]) {
	case VMASST_CMD_enable:
		WRITE_ONCE(current->domain->runstate_update_flag, true);
		return 0;
	case VMASST_CMD_disable:
		WRITE_ONCE(current->domain->runstate_update_flag, false);
		return 0;
	}
	return -ENOSYS;
}
