/* SPDX-License-Identifier: MIT */
/* grant_copy.c - copying between granted frames and one's own */
#include "grant.h"

/*
 * One side of the copies of a batch.  It stays in use until a copy wants
 * another frame: whoever copies several pieces from or to a page pins it once.
 */
struct side {
	struct grant_peer peer;
	bool write;
	struct page *pg; /* NULL: nothing is in use */
	bool by_ref;
	domid_t domid;
	u64 where; /* reference or frame number */
};

static void side_end(struct side *s)
{
	if (!s->pg)
		return;
	if (s->write)
		page_mark_written(s->pg);
	if (s->by_ref)
		grant_release(s->peer.d, s->where, s->write);
	else
		page_put(s->pg);
	s->pg = NULL;
}

static int side_begin(struct side *s, const struct gnttab_copy_ptr *ptr,
		      bool by_ref)
{
	u64 where = by_ref ? ptr->u.ref : ptr->u.gmfn;
	struct domain *granter;
	enum p2m_type type;

	if (s->pg && s->by_ref == by_ref && s->domid == ptr->domid &&
	    s->where == where)
		return GNTST_okay;
	side_end(s);
	s->by_ref = by_ref;
	s->domid = ptr->domid;
	s->where = where;
	if (by_ref) {
		granter = grant_peer_get(&s->peer, ptr->domid);
		if (!granter)
			return GNTST_bad_domain;
		return grant_acquire(granter, where, s->write, &s->pg);
	}
	if (ptr->domid != DOMID_SELF)
		return GNTST_permission_denied;
	s->pg = p2m_get_page(current->domain, where, s->write, &type);
	return s->pg ? GNTST_okay : GNTST_bad_page;
}

static int copy_one(const struct gnttab_copy *op, struct side *from,
		    struct side *to)
{
	int status;
	void *dst, *src;

	if (op->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref))
		return GNTST_general_error;
	if (op->source.offset + op->len > PAGE_SIZE ||
	    op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;

	status = side_begin(from, &op->source, op->flags & GNTCOPY_source_gref);
	if (!status)
		status = side_begin(to, &op->dest,
				    op->flags & GNTCOPY_dest_gref);
	if (status)
		return status;
	dst = (char *)page_to_virt(to->pg) + op->dest.offset;
	src = (char *)page_to_virt(from->pg) + op->source.offset;
	if (from->pg == to->pg)
		memmove(dst, src, op->len);
	else
		memcpy(dst, src, op->len);
	return GNTST_okay;
}

void grant_copy_batch(struct gnttab_copy *op, unsigned int nr)
{
	struct side from = {.write = false}, to = {.write = true};
	struct domain *d = current->domain;

	for (unsigned int i = 0; i < nr; i++)
		op[i].status = copy_one(&op[i], &from, &to);
	side_end(&from);
	side_end(&to);
	grant_peer_done(&from.peer);
	grant_peer_done(&to.peer);
	__atomic_fetch_add(&d->grant_copies, nr, __ATOMIC_RELAXED);
}
