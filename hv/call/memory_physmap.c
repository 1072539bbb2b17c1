/* SPDX-License-Identifier: MIT */
/*
 * memory_physmap.c - memory_op: what appears at a guest frame number
 *
 * RAM entries of a map change only under the domain's lock: between looking an
 * entry up and replacing it, its frame must not be freed and come back in
 * another place.  Entries of grant maps belong to the grant code alone.  dom0 may
 * put frames where its map shows device memory, which is back when they go
 * (npf.c).
 */
#include "memory.h"

/*
 * Put @mfn (or nothing, P2M_NONE) at @gfn.  RAM that stood there is freed.
 * A reference that a new P2M_FOREIGN entry needs is the caller's.
 */
static int physmap_replace(struct domain *d, gfn_t gfn, mfn_t mfn,
			   enum p2m_type type)
{
	struct page *ram = NULL;
	enum p2m_type old;
	mfn_t old_mfn;
	int err = 0;

	/* There dom0's map shows granted frames at gfn == mfn, nothing else. */
	if (d->privileged && pool_has(gfn))
		return -EINVAL;
	spin_lock(&d->lock);
	old_mfn = p2m_lookup(d, gfn, &old, NULL);
	switch (old) {
	case P2M_NONE:
		err = type == P2M_NONE ? -ENOENT : 0;
		break;
	case P2M_XEN:
	case P2M_FOREIGN:
		break;
	case P2M_MMIO:
		/* Linux in dom0 maps others where it knows of no device. */
		err = type == P2M_NONE ? -EPERM : 0;
		break;
	case P2M_RAM:
	case P2M_RAM_RO:
		ram = mfn_to_page(old_mfn);
		if (!page_get(ram, d)) {
			ram = NULL;
			err = -EBUSY;
		}
		break;
	case P2M_GRANT_RW:
	case P2M_GRANT_RO:
		err = -EBUSY;
		break;
	}
	/* A dying domain's map keeps naming what it had: leave it alone. */
	if (!err && d->state >= DOMAIN_DYING)
		err = -ESRCH;
	if (!err)
		err = p2m_set(d, gfn, mfn, 0, type);
	if (ram) {
		if (!err)
			page_give_up(ram);
		page_put(ram);
	}
	spin_unlock(&d->lock);
	return err;
}

/* One of the hypervisor's own frames that @d may see. */
static int physmap_add_xen(struct domain *d, u32 space, u64 idx, gfn_t gfn)
{
	struct page *pg = NULL;

	switch (space) {
	case XENMAPSPACE_shared_info:
		if (idx == 0)
			pg = d->shared_info_page;
		break;
	case XENMAPSPACE_grant_table:
		if (idx < XENMAPIDX_grant_table_status)
			pg = grant_frame(d, idx);
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (!pg)
		return -EINVAL;
	return physmap_replace(d, gfn, page_to_mfn(pg), P2M_XEN);
}

/* RAM of @from; never the hypervisor's frames, nor what @from maps of others. */
static int physmap_add_foreign(struct domain *d, struct domain *from,
			       gfn_t from_gfn, gfn_t gfn)
{
	struct page *pg = p2m_get_ram(from, from_gfn);
	int err;

	if (!pg)
		return -EINVAL;
	err = physmap_replace(d, gfn, page_to_mfn(pg), P2M_FOREIGN);
	if (err)
		page_put(pg);
	return err;
}

long memory_add_to_physmap(struct domain *d, void *arg)
{
	struct xen_add_to_physmap *op = arg;

	return physmap_add_xen(d, op->space, op->idx, op->gpfn);
}

static long physmap_batch(struct hypercall *hc, struct domain *d,
			  struct domain *from,
			  const struct xen_add_to_physmap_batch *arg)
{
	size_t unit = arg_size(sizeof(u64), MEMBERS_long);
	u64 i = memory_resume_point(hc);

	if (i > arg->size)
		return -EINVAL;
	while (i < arg->size) {
		u64 idx, gfn;
		s32 err;

		if (arg_read(&idx, arg->idxs + i * unit, sizeof(idx),
			     MEMBERS_long, 1) ||
		    arg_read(&gfn, arg->gpfns + i * unit, sizeof(gfn),
			     MEMBERS_long, 1))
			return -EFAULT;
		if (from)
			err = physmap_add_foreign(d, from, idx, gfn);
		else
			err = physmap_add_xen(d, arg->space, idx, gfn);
		if (guest_write(arg->errs + i * sizeof(err), &err, sizeof(err)))
			return -EFAULT;
		if (++i < arg->size && hypercall_preempt())
			return memory_continue(hc, i);
	}
	return 0;
}

long memory_add_to_physmap_batch(struct hypercall *hc)
{
	struct xen_add_to_physmap_batch arg;
	struct domain *d, *from = NULL;
	long ret = 0;

	if (arg_read(&arg, hc->arg[1], sizeof(arg),
		     MEMBERS_add_to_physmap_batch, 1))
		return -EFAULT;
	d = domain_for_call(arg.domid, &ret);
	if (!d)
		return ret;
	if (arg.space == XENMAPSPACE_gmfn_foreign) {
		from = domain_for_call(arg.foreign_domid, &ret);
		/*
		 * Only into dom0's own map, which outlives every guest:
		 * two guests that held each other's frames would never go.
		 */
		if (from && (from == d || d != current->domain))
			ret = -EINVAL;
		else if (from && from->state >= DOMAIN_DYING)
			ret = -ESRCH;
	}
	if (!ret)
		ret = physmap_batch(hc, d, from, &arg);
	if (from)
		domain_put(from);
	domain_put(d);
	return ret;
}

long memory_remove_from_physmap(struct domain *d, void *arg)
{
	struct xen_remove_from_physmap *op = arg;

	return physmap_replace(d, op->gpfn, INVALID_MFN, P2M_NONE);
}

static int acquire_grant_frames(struct domain *d,
				const struct xen_mem_acquire_resource *arg)
{
	/* Bounded: grant_frame() knows at most max_grant_frames of them. */
	for (u32 i = 0; i < arg->nr_frames; i++) {
		struct page *pg = grant_frame(d, arg->frame + i);
		gfn_t gfn;
		int err;

		if (!pg)
			return -EINVAL;
		if (guest_read(&gfn, arg->frame_list + i * sizeof(gfn),
			       sizeof(gfn)))
			return -EFAULT;
		if (!page_get(pg, d))
			return -ESRCH;
		err = physmap_replace(current->domain, gfn, page_to_mfn(pg),
				      P2M_FOREIGN);
		if (err) {
			page_put(pg);
			return err;
		}
	}
	return 0;
}

/* The toolstack maps a guest's grant table to seed its first entries. */
long memory_acquire_resource(struct domain *d, void *arg)
{
	struct xen_mem_acquire_resource *op = arg;

	if (op->type != XENMEM_resource_grant_table)
		return -EOPNOTSUPP;
	if (op->pad || op->id != XENMEM_resource_grant_table_id_shared ||
	    op->frame + op->nr_frames > 0xffffffffU || op->frame > 0xffffffffU)
		return -EINVAL;
	if (d == current->domain)
		return -EPERM;
	if (d->state >= DOMAIN_DYING)
		return -ESRCH;
	if (op->frame_list)
		return acquire_grant_frames(d, op);
	/* How large is it? */
	if (op->nr_frames)
		return -EINVAL;
	op->nr_frames = d->max_grant_frames;
	return 0;
}
