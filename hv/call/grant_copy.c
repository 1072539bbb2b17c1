/* SPDX-License-Identifier: MIT */
/* grant_copy.c - copying between granted frames and one's own */
#include "grant.h"

/* One side of a copy while it is in use. */
struct side {
	struct domain *granter; /* NULL: a frame of the caller */
	u32 ref;
	bool write;
	struct page *pg;
};

static int side_begin(struct side *s, const struct gnttab_copy_ptr *ptr,
		      bool by_ref, bool write, struct grant_peer *peer)
{
	struct domain *d = current->domain;
	enum p2m_type type;

	s->granter = NULL;
	s->write = write;
	if (by_ref) {
		s->ref = ptr->u.ref;
		s->granter = grant_peer_get(peer, ptr->domid);
		if (!s->granter)
			return GNTST_bad_domain;
		return grant_acquire(s->granter, s->ref, write, &s->pg);
	}
	if (ptr->domid != DOMID_SELF)
		return GNTST_permission_denied;
	s->pg = p2m_get_page(d, ptr->u.gmfn, write, &type);
	return s->pg ? GNTST_okay : GNTST_bad_page;
}

static void side_end(struct side *s)
{
	if (s->granter)
		grant_release(s->granter, s->ref, s->write);
	else
		page_put(s->pg);
}

static int copy_one(const struct gnttab_copy *op, struct grant_peer *from_peer,
		    struct grant_peer *to_peer)
{
	struct side from, to;
	int status;

	if (op->flags & ~(GNTCOPY_source_gref | GNTCOPY_dest_gref))
		return GNTST_general_error;
	if (op->source.offset + op->len > PAGE_SIZE ||
	    op->dest.offset + op->len > PAGE_SIZE)
		return GNTST_bad_copy_arg;

	status = side_begin(&from, &op->source, op->flags & GNTCOPY_source_gref,
			    false, from_peer);
	if (status)
		return status;
	status = side_begin(&to, &op->dest, op->flags & GNTCOPY_dest_gref, true,
			    to_peer);
	if (!status) {
		void *dst = (char *)page_to_virt(to.pg) + op->dest.offset;
		void *src = (char *)page_to_virt(from.pg) + op->source.offset;

		if (from.pg == to.pg)
			memmove(dst, src, op->len);
		else
			memcpy(dst, src, op->len);
		side_end(&to);
	}
	side_end(&from);
	return status;
}

void grant_copy_batch(struct gnttab_copy *op, unsigned int nr)
{
	struct domain *d = current->domain;
	struct grant_peer from, to;

	grant_peer_init(&from);
	grant_peer_init(&to);
	for (unsigned int i = 0; i < nr; i++)
		op[i].status = copy_one(&op[i], &from, &to);
	grant_peer_done(&from);
	grant_peer_done(&to);
	__atomic_fetch_add(&d->grant_copies, nr, __ATOMIC_RELAXED);
}
