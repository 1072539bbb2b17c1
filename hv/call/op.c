/* SPDX-License-Identifier: MIT */
/* op.c - see op.h */
#include "arg.h"
#include "op.h"

long op_serve(const struct call_op *op, u64 gva)
{
	struct domain *self = current->domain, *d = self;
	size_t size = arg_size(op->size, op->members);
	struct guest_area area;
	u64 arg[OP_ARG_MAX / 8];
	long ret = 0;

	BUG_ON(op->size > sizeof(arg));
	if (op->flags & OP_PRIVILEGED && (!self->privileged || current->call32))
		return -EPERM;
	if (!(op->flags & OP_ANSWERS)) {
		if (guest_read(arg, gva, size))
			return -EFAULT;
	} else {
		if (guest_area_get(&area, gva, size))
			return -EFAULT;
		guest_area_read(&area, arg, size);
	}
	arg_widen(arg, op->size, op->members, 1);
	if (op->domid != OP_OWN_DOMAIN)
		d = domain_for_call(*(domid_t *)((char *)arg + op->domid),
				    &ret);
	if (d)
		ret = op->fn(d, arg);
	if (d && op->domid != OP_OWN_DOMAIN)
		domain_put(d);
	if (op->flags & OP_ANSWERS) {
		if (!ret) {
			arg_narrow(arg, op->size, op->members, 1);
			guest_area_write(&area, 0, arg, size);
		}
		guest_area_put(&area);
	}
	return ret;
}
