/* SPDX-License-Identifier: MIT */
/*
 * grant_map.c - mapping granted frames and unmapping them
 *
 * A handle is in the guest's hands only while it is neither free nor MAP_BUSY,
 * and is taken out of them, under map_lock, before anything is undone; so two
 * unmaps of one handle cannot both succeed.
 *
 * What stands at a map's gfn is the guest's business: it may have replaced it
 * by other means.  Unmapping removes the entry if it is still this frame, and
 * flushes in any case, for the frame may linger in a TLB; only then is the pin
 * given up.
 */
#include "grant.h"

static struct grant_map *map_of(struct grant_table *t, u32 handle)
{
	return &t->map[handle / MAPS_PER_FRAME][handle % MAPS_PER_FRAME];
}

static bool maps_grow(struct grant_table *t)
{
	u32 frames = DIV_ROUND_UP(t->max_maps, MAPS_PER_FRAME);
	struct grant_map *frame;

	if (t->nr_maps >= t->max_maps)
		return false;
	if (!t->map)
		t->map = kzalloc(frames * sizeof(*t->map));
	frame = t->map ? page_alloc_virt() : NULL;
	if (!frame)
		return false;
	for (u32 i = 0; i < MAPS_PER_FRAME; i++)
		frame[i].ref = i + 1 < MAPS_PER_FRAME ? t->nr_maps + i + 1 :
							MAP_NONE;
	t->map[t->nr_maps / MAPS_PER_FRAME] = frame;
	t->map_free = t->nr_maps;
	t->nr_maps += MAPS_PER_FRAME;
	return true;
}

void grant_free_maps(struct grant_table *t)
{
	for (u32 i = 0; i < t->nr_maps / MAPS_PER_FRAME; i++)
		page_free_virt(t->map[i], 0);
	kfree(t->map);
}

/* A busy handle, or MAP_NONE. */
static u32 handle_alloc(struct grant_table *t)
{
	struct grant_map *m;
	u32 handle;

	spin_lock(&t->map_lock);
	if (t->map_free == MAP_NONE && !maps_grow(t)) {
		spin_unlock(&t->map_lock);
		return MAP_NONE;
	}
	handle = t->map_free;
	m = map_of(t, handle);
	t->map_free = m->ref;
	t->maps_used++;
	m->flags = MAP_BUSY;
	spin_unlock(&t->map_lock);
	return handle;
}

static void handle_free(struct grant_table *t, u32 handle)
{
	struct grant_map *m = map_of(t, handle);

	spin_lock(&t->map_lock);
	m->granter = NULL;
	m->flags = 0;
	m->ref = t->map_free;
	t->map_free = handle;
	t->maps_used--;
	spin_unlock(&t->map_lock);
}

/* Give the handle of a finished map to the guest. */
static void handle_publish(struct grant_table *t, u32 handle,
			   const struct grant_map *made)
{
	spin_lock(&t->map_lock);
	*map_of(t, handle) = *made;
	spin_unlock(&t->map_lock);
}

static int map_at_gfn(struct domain *d, struct page *pg, u64 host_addr,
		      bool readonly, gfn_t *gfn)
{
	if (host_addr & ~PAGE_MASK)
		return GNTST_general_error;
	*gfn = host_addr >> PAGE_SHIFT;
	/* Fails where something is: a place in use would lose what it holds. */
	if (p2m_set_noflush(d, *gfn, page_to_mfn(pg), 0,
			    readonly ? P2M_GRANT_RO : P2M_GRANT_RW))
		return GNTST_general_error;
	return GNTST_okay;
}

static int map_frame(struct domain *d, struct grant_map *m, u64 host_addr)
{
	bool readonly = m->flags & GNTMAP_readonly;

	m->gfn = 0;
	if (!(m->flags & GNTMAP_host_map))
		return GNTST_okay;
	if (!(m->flags & TENON_GNTMAP_identity))
		return map_at_gfn(d, m->pg, host_addr, readonly, &m->gfn);
	m->gfn = page_to_mfn(m->pg);
	return p2m_identity_map(d, m->pg, readonly) ? GNTST_general_error :
						      GNTST_okay;
}

static int map_one(struct domain *d, struct gnttab_map_grant_ref *op,
		   struct grant_peer *peer)
{
	struct grant_table *t = d->grant;
	struct grant_map m;
	u32 handle;
	int status;

	if (!(op->flags & (GNTMAP_host_map | GNTMAP_device_map)))
		return GNTST_bad_gntref;
	if (op->flags & (GNTMAP_application_map | GNTMAP_contains_pte))
		return GNTST_general_error;
	m.flags = op->flags & (GNTMAP_host_map | GNTMAP_device_map |
			       GNTMAP_readonly | TENON_GNTMAP_identity);
	/* For whom gfn == mfn means nothing the bit does not either. */
	if (m.flags & TENON_GNTMAP_identity && d != dom0)
		return GNTST_general_error;
	m.granter = grant_peer_get(peer, op->dom);
	if (!m.granter)
		return GNTST_bad_domain;

	handle = handle_alloc(t);
	if (handle == MAP_NONE)
		return GNTST_no_device_space;
	m.ref = op->ref;
	status = grant_acquire(m.granter, m.ref, !(m.flags & GNTMAP_readonly),
			       &m.pg);
	if (status)
		goto free;
	status = map_frame(d, &m, op->host_addr);
	if (status)
		goto release;

	handle_publish(t, handle, &m);
	op->handle = handle;
	op->dev_bus_addr = page_to_mfn(m.pg) << PAGE_SHIFT;
	if (m.flags & TENON_GNTMAP_identity)
		op->host_addr = op->dev_bus_addr;
	__atomic_fetch_add(&d->grant_maps, 1, __ATOMIC_RELAXED);
	return GNTST_okay;

release:
	grant_release(m.granter, m.ref, !(m.flags & GNTMAP_readonly));
free:
	handle_free(t, handle);
	return status;
}

void grant_map_batch(struct gnttab_map_grant_ref *op, unsigned int nr)
{
	struct domain *d = current->domain;
	struct grant_peer peer = { .d = NULL };

	for (unsigned int i = 0; i < nr; i++)
		op[i].status = map_one(d, &op[i], &peer);
	grant_peer_done(&peer);
}

/* A map on its way out; what is to be done after the flush. */
struct unmap {
	u32 handle;
	bool last; /* nothing of the map is left: give up pin and handle */
	struct grant_map m;
};

static void unmap_frame(struct domain *d, const struct grant_map *m)
{
	enum p2m_type type;
	mfn_t mfn;

	if (m->flags & TENON_GNTMAP_identity) {
		p2m_identity_unmap_noflush(d, m->pg, m->flags & GNTMAP_readonly);
		return;
	}
	mfn = p2m_lookup(d, m->gfn, &type, NULL);
	if ((type == P2M_GRANT_RW || type == P2M_GRANT_RO) &&
	    mfn == page_to_mfn(m->pg))
		p2m_set_noflush(d, m->gfn, INVALID_MFN, 0, P2M_NONE);
}

/*
 * Check a request and take the handle away from the guest.
 * Return: GNTST_okay with u->m the map as it was and *drop the GNTMAP_* bits
 * that go.
 */
static int unmap_take(struct grant_table *t,
		      const struct gnttab_unmap_grant_ref *op, struct unmap *u,
		      u32 *drop)
{
	struct grant_map *m;
	int status = GNTST_okay;

	*drop = 0;
	spin_lock(&t->map_lock);
	if (op->handle >= t->nr_maps) {
		status = GNTST_bad_handle;
		goto out;
	}
	m = map_of(t, op->handle);
	if (!m->granter || m->flags & MAP_BUSY) {
		status = GNTST_bad_handle;
		goto out;
	}
	if (op->host_addr && m->flags & GNTMAP_host_map) {
		if (op->host_addr != m->gfn << PAGE_SHIFT) {
			status = GNTST_bad_virt_addr;
			goto out;
		}
		*drop |= GNTMAP_host_map;
	}
	if (op->dev_bus_addr && m->flags & GNTMAP_device_map) {
		if (op->dev_bus_addr != page_to_mfn(m->pg) << PAGE_SHIFT) {
			status = GNTST_bad_dev_addr;
			goto out;
		}
		*drop |= GNTMAP_device_map;
	}
	if (*drop) {
		u->handle = op->handle;
		u->m = *m;
		m->flags |= MAP_BUSY;
	}
out:
	spin_unlock(&t->map_lock);
	return status;
}

/* First half: no CPU can start to use the map. */
static int unmap_begin(struct domain *d,
		       const struct gnttab_unmap_grant_ref *op, struct unmap *u)
{
	u32 drop;
	int status;

	u->handle = MAP_NONE;
	status = unmap_take(d->grant, op, u, &drop);
	if (status || !drop)
		return status;
	if (drop & GNTMAP_host_map)
		unmap_frame(d, &u->m);
	u->m.flags &= ~drop;
	u->last = !(u->m.flags & (GNTMAP_host_map | GNTMAP_device_map));
	return GNTST_okay;
}

/* Second half, after the flush. */
static void unmap_finish(struct domain *d, struct unmap *u)
{
	if (u->handle == MAP_NONE)
		return;
	__atomic_fetch_add(&d->grant_unmaps, 1, __ATOMIC_RELAXED);
	if (!u->last) {
		handle_publish(d->grant, u->handle, &u->m);
		return;
	}
	grant_release(u->m.granter, u->m.ref, !(u->m.flags & GNTMAP_readonly));
	handle_free(d->grant, u->handle);
}

void grant_unmap_batch(struct gnttab_unmap_grant_ref *op, unsigned int nr)
{
	struct domain *d = current->domain;
	struct unmap u[GRANT_BATCH];
	bool flush = false;

	for (unsigned int i = 0; i < nr; i++) {
		op[i].status = unmap_begin(d, &op[i], &u[i]);
		flush |= u[i].handle != MAP_NONE;
	}
	if (flush)
		p2m_flush(d);
	for (unsigned int i = 0; i < nr; i++)
		unmap_finish(d, &u[i]);
}

/*
 * The domain is dying and none of its vCPUs runs, but others may still look
 * into its p2m, which must not name frames that it has no right to any more.
 */
int grant_release_maps(struct domain *d)
{
	struct grant_table *t = d->grant;
	struct unmap u[GRANT_BATCH];
	u32 handle = 0;

	if (!t)
		return 0;
	while (t->maps_used) {
		unsigned int nr = 0;

		for (; handle < t->nr_maps && nr < GRANT_BATCH; handle++) {
			struct grant_map *m = map_of(t, handle);

			if (!m->granter || m->flags & MAP_BUSY)
				continue;
			m->flags |= MAP_BUSY;
			u[nr].handle = handle;
			u[nr].last = true;
			u[nr].m = *m;
			if (m->flags & GNTMAP_host_map)
				unmap_frame(d, &u[nr].m);
			nr++;
		}
		if (!nr)
			break;
		p2m_flush(d);
		for (unsigned int i = 0; i < nr; i++)
			unmap_finish(d, &u[i]);
		if (hypercall_preempt())
			return -ERESTART;
	}
	return 0;
}
