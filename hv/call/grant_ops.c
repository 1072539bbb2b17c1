/* SPDX-License-Identifier: MIT */
/*
 * grant_ops.c - the grant table hypercall
 *
 * arg[0] = operation, arg[1] = array of requests, arg[2] = how many.  Requests
 * are read, served and written back in batches; between batches arg[1] and
 * arg[2] move on, so the call can be continued.
 */
#include "arg.h"
#include "grant.h"

/* The domain of a table query, or why not as GNTST_*. */
static struct domain *query_domain(domid_t id, s16 *status)
{
	struct domain *d;
	long err = 0;

	d = domain_for_call(id, &err);
	if (!d)
		*status = err == -EPERM ? GNTST_permission_denied :
					  GNTST_bad_domain;
	return d;
}

static long op_query_size(u64 gva)
{
	struct gnttab_query_size op;
	struct domain *d;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = query_domain(op.dom, &op.status);
	if (d) {
		op.nr_frames = READ_ONCE(d->grant->nr_frames);
		op.max_nr_frames = d->max_grant_frames;
		op.status = GNTST_okay;
		domain_put(d);
	}
	return guest_write(gva, &op, sizeof(op));
}

/* A PVH guest maps the frames by add_to_physmap: there is nothing to list. */
static long op_setup_table(u64 gva)
{
	struct gnttab_setup_table op;
	const u64 nowhere = INVALID_GFN;
	size_t unit = arg_size(sizeof(nowhere), MEMBERS_long);
	struct domain *d;
	long ret = 0;

	if (arg_read(&op, gva, sizeof(op), MEMBERS_gnttab_setup_table, 1))
		return -EFAULT;
	d = query_domain(op.dom, &op.status);
	if (d) {
		op.status = GNTST_okay;
		if (op.nr_frames > d->max_grant_frames ||
		    (op.nr_frames && !grant_frame(d, op.nr_frames - 1)))
			op.status = GNTST_general_error;
		domain_put(d);
		if (op.status == GNTST_okay)
			for (u32 i = 0; i < op.nr_frames && !ret; i++)
				ret = guest_write(op.frame_list + i * unit,
						  &nowhere, unit);
	}
	return ret ? ret : arg_write(gva, &op, sizeof(op),
				     MEMBERS_gnttab_setup_table);
}

static long op_set_version(u64 gva)
{
	struct gnttab_set_version op;
	long ret = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	if (op.version == 2)
		ret = -ENOSYS;
	else if (op.version != 1)
		ret = -EINVAL;
	op.version = 1;
	return guest_write(gva, &op, sizeof(op)) ? -EFAULT : ret;
}

static long op_get_version(u64 gva)
{
	struct gnttab_get_version op;
	struct domain *d;
	long err = 0;

	if (guest_read(&op, gva, sizeof(op)))
		return -EFAULT;
	d = domain_for_call(op.dom, &err);
	if (!d)
		return err;
	domain_put(d);
	op.version = 1;
	return guest_write(gva, &op, sizeof(op));
}

union batch {
	struct gnttab_map_grant_ref map[GRANT_BATCH];
	struct gnttab_unmap_grant_ref unmap[GRANT_BATCH];
	struct gnttab_copy copy[GRANT_BATCH];
};

static size_t request_size(u64 cmd)
{
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
		return sizeof(struct gnttab_map_grant_ref);
	case GNTTABOP_unmap_grant_ref:
		return sizeof(struct gnttab_unmap_grant_ref);
	default:
		return sizeof(struct gnttab_copy);
	}
}

static long op_batches(struct hypercall *hc)
{
	const char *members = hc->arg[0] == GNTTABOP_copy ?
				      MEMBERS_gnttab_copy : NULL;
	size_t wide = request_size(hc->arg[0]);
	size_t size = arg_size(wide, members);
	union batch batch;

	while (hc->arg[2]) {
		unsigned int nr = min(hc->arg[2], (u64)GRANT_BATCH);
		struct guest_area area;

		if (guest_area_get(&area, hc->arg[1], nr * size))
			return -EFAULT;
		guest_area_read(&area, &batch, nr * size);
		arg_widen(&batch, wide, members, nr);
		switch (hc->arg[0]) {
		case GNTTABOP_map_grant_ref:
			grant_map_batch(batch.map, nr);
			break;
		case GNTTABOP_unmap_grant_ref:
			grant_unmap_batch(batch.unmap, nr);
			break;
		case GNTTABOP_copy:
			grant_copy_batch(batch.copy, nr);
			break;
		}
		arg_narrow(&batch, wide, members, nr);
		guest_area_write(&area, 0, &batch, nr * size);
		guest_area_put(&area);
		hc->arg[1] += nr * size;
		hc->arg[2] -= nr;
		if (hc->arg[2] && hypercall_preempt())
			return -ERESTART;
	}
	return 0;
}

long call_grant_table_op(struct hypercall *hc)
{
	u64 cmd = hc->arg[0], gva = hc->arg[1];

	hc->arg[2] = (u32)hc->arg[2];
	if ((s32)hc->arg[2] < 0)
		return -EINVAL;
	switch (cmd) {
	case GNTTABOP_map_grant_ref:
	case GNTTABOP_unmap_grant_ref:
	case GNTTABOP_copy:
		return op_batches(hc);
	case GNTTABOP_setup_table:
		return hc->arg[2] == 1 ? op_setup_table(gva) : -EINVAL;
	case GNTTABOP_query_size:
		return hc->arg[2] == 1 ? op_query_size(gva) : -EINVAL;
	case GNTTABOP_set_version:
		return op_set_version(gva);
	case GNTTABOP_get_version:
		return op_get_version(gva);
	}
	return -ENOSYS;
}
