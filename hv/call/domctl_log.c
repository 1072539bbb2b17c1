/* SPDX-License-Identifier: MIT */
/*
 * domctl_log.c - domctl: which frames a running domain writes to
 *
 * For live migration: the tools copy all frames, then round after round those
 * that were written to meanwhile, the last time when the guest is suspended.
 */
#include "toolstack.h"

#define CHUNK_WORDS 32
#define CHUNK (CHUNK_WORDS * 64) /* frames */

/*
 * One round over the first @pages frames, with the bits to @bitmap if there is
 * one.  Only one domctl is under way, and the tools' kernel issues a call again
 * that was interrupted; so the progress is the domain's.
 */
static long log_round(struct domain *d, u64 bitmap, u64 pages, bool clear)
{
	gfn_t gfn = d->log.next;
	long ret = 0;

	while (gfn < pages && !ret) {
		u32 nr = min(pages - gfn, (u64)CHUNK);
		u64 bits[CHUNK_WORDS] = { 0 };

		ret = p2m_log_take(d, gfn, nr, bits, clear);
		if (ret < 0)
			break;
		d->log.found += ret;
		ret = 0;
		if (bitmap)
			ret = guest_write(bitmap + gfn / 8, bits,
					  DIV_ROUND_UP(nr, 8));
		gfn += nr;
		if (!ret && gfn < pages && hypercall_preempt())
			ret = -ERESTART;
	}
	d->log.next = ret == -ERESTART ? gfn : 0;
	/* A CPU may still write without setting a dirty bit that it has seen. */
	if (clear)
		p2m_flush(d);
	return ret;
}

long domctl_shadow_op(struct domain *d, struct xen_domctl *op)
{
	struct xen_domctl_shadow_op *arg = &op->u.shadow_op;
	u64 pages = p2m_max_gfn(d) + 1, bitmap = 0;
	long ret;

	if (d == current->domain)
		return -EINVAL;
	switch (arg->op) {
	case XEN_DOMCTL_SHADOW_OP_OFF:
		d->log.on = false;
		d->log.next = 0;
		return 0;
	case XEN_DOMCTL_SHADOW_OP_ENABLE_LOGDIRTY:
		if (d->log.on)
			return -EINVAL;
		break;
	case XEN_DOMCTL_SHADOW_OP_CLEAN:
	case XEN_DOMCTL_SHADOW_OP_PEEK:
		if (!d->log.on)
			return -EINVAL;
		pages = min(pages, arg->pages);
		bitmap = arg->dirty_bitmap;
		break;
	default:
		return -EOPNOTSUPP;
	}
	if (!d->log.next)
		d->log.found = 0;
	ret = log_round(d, bitmap, pages, arg->op != XEN_DOMCTL_SHADOW_OP_PEEK);
	if (ret)
		return ret;
	/* What a migration's time depends on, and stock tools do not tell. */
	if (arg->op != XEN_DOMCTL_SHADOW_OP_PEEK)
		pr_info("d%u: %u frames were written to", d->id,
			d->log.found);
	d->log.on = true;
	arg->pages = pages;
	arg->stats.fault_count = 0;
	arg->stats.dirty_count = d->log.found;
	return 0;
}
