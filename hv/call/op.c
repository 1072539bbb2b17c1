/* SPDX-License-Identifier: MIT */
/* op.c - see op.h */
#include "op.h"

long op_serve(const struct call_op *op, u64 gva)
{
	struct domain *self = current->domain, *d = self;
	struct guest_area area;
	u64 arg[OP_ARG_MAX / 8];
	long ret = 0;

	BUG_ON(op->size > sizeof(arg));
	if (op->flags & OP_PRIVILEGED && !self->privileged)
		return -EPERM;
	if (!(op->flags & OP_ANSWERS)) {
		if (guest_read(arg, gva, op->size))
			return -EFAULT;
	} else {
		if (guest_area_get(&area, gva, op->size))
			return -EFAULT;
		guest_area_read(&area, arg, op->size);
	}
	if (op->domid != OP_OWN_DOMAIN)
		d = domain_for_call(*(domid_t *)((char *)arg + op->domid),
				    &ret);
	if (d)
		ret = op->fn(d, arg);
	if (d && op->domid != OP_OWN_DOMAIN)
		domain_put(d);
	if (op->flags & OP_ANSWERS) {
		if (!ret)
			guest_area_write(&area, 0, arg, op->size);
		guest_area_put(&area);
	}
	return ret;
}
