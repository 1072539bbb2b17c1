/* SPDX-License-Identifier: MIT */
/* grant.c - grant tables: making, growing, pinning, releasing */
#include "grant.h"

#define DEFAULT_GRANT_FRAMES 64
#define DEFAULT_MAPTRACK_FRAMES 1024
#define LIMIT_GRANT_FRAMES 256
#define LIMIT_MAPTRACK_FRAMES 4096

#define PINS_ORDER 1
_Static_assert(GRANT_PER_FRAME * sizeof(struct grant_pins) ==
		       PAGE_SIZE << PINS_ORDER,
	       "pins of a frame");

static u32 limit(u32 asked, u32 standard, u32 most)
{
	return asked == (u32)-1 ? standard : min(asked, most);
}

static bool grant_grow_to(struct domain *d, u32 nr)
{
	struct grant_table *t = d->grant;

	while (t->nr_frames < nr) {
		struct grant_pins *pins = page_alloc_order_virt(PINS_ORDER);
		struct page *pg = pins ? page_alloc_xen(d) : NULL;

		if (!pg) {
			if (pins)
				page_free_virt(pins, PINS_ORDER);
			return false;
		}
		t->pins[t->nr_frames] = pins;
		t->frame[t->nr_frames] = page_to_virt(pg);
		t->nr_frames++;
	}
	return true;
}

int grant_init(struct domain *d)
{
	struct grant_table *t = kzalloc(sizeof(*t));

	if (!t)
		return -ENOMEM;
	d->grant = t;
	d->max_grant_frames = limit(d->max_grant_frames, DEFAULT_GRANT_FRAMES,
				    LIMIT_GRANT_FRAMES);
	d->max_maptrack_frames = limit(d->max_maptrack_frames,
				       DEFAULT_MAPTRACK_FRAMES,
				       LIMIT_MAPTRACK_FRAMES);
	t->max_maps = d->max_maptrack_frames * MAPS_PER_ABI_FRAME;
	t->map_free = MAP_NONE;
	if (!d->max_grant_frames)
		return 0;
	t->frame = kzalloc(d->max_grant_frames * sizeof(*t->frame));
	t->pins = kzalloc(d->max_grant_frames * sizeof(*t->pins));
	if (!t->frame || !t->pins)
		return -ENOMEM; /* domain_create() calls grant_free() */
	return grant_grow_to(d, 1) ? 0 : -ENOMEM;
}

struct page *grant_frame(struct domain *d, u32 idx)
{
	struct grant_table *t = d->grant;
	struct page *pg = NULL;

	if (!t || idx >= d->max_grant_frames)
		return NULL;
	spin_lock(&t->lock);
	if (grant_grow_to(d, idx + 1) && t->frame[idx])
		pg = mfn_to_page(virt_to_mfn(t->frame[idx]));
	spin_unlock(&t->lock);
	return pg;
}

void grant_release_frames(struct domain *d)
{
	struct grant_table *t = d->grant;

	for (u32 i = 0; i < t->nr_frames; i++) {
		struct grant_entry *frame;

		spin_lock(&t->lock);
		frame = t->frame[i];
		t->frame[i] = NULL;
		spin_unlock(&t->lock);
		if (frame)
			page_put(mfn_to_page(virt_to_mfn(frame)));
	}
}

void grant_free(struct domain *d)
{
	struct grant_table *t = d->grant;

	for (u32 i = 0; t->pins && i < t->nr_frames; i++)
		page_free_virt(t->pins[i], PINS_ORDER);
	kfree(t->pins);
	kfree(t->frame);
	grant_free_maps(t);
	kfree(t);
	d->grant = NULL;
}

struct domain *grant_peer_get(struct grant_peer *p, domid_t id)
{
	if (p->d && p->id == id)
		return p->d;
	grant_peer_done(p);
	if (id == DOMID_SELF || id < DOMID_FIRST_RESERVED)
		p->d = domain_get_by_id(id);
	p->id = id;
	return p->d;
}

void grant_peer_done(struct grant_peer *p)
{
	if (p->d)
		domain_put(p->d);
	p->d = NULL;
}

/* The granter's lock is held and the pin is the first. */
static struct page *find_frame(struct domain *granter, struct grant_entry *e,
			       struct grant_pins *p, bool write)
{
	gfn_t gfn = READ_ONCE(e->frame);
	enum p2m_type type;
	struct page *pg = p2m_get_page(granter, gfn, write, &type);

	if (!pg)
		return NULL;
	/* Only one's own RAM can be granted, not what others lent. */
	if (type != P2M_RAM && type != P2M_RAM_RO) {
		page_put(pg);
		return NULL;
	}
	p->mfn = page_to_mfn(pg);
	p->writable = type == P2M_RAM;
	return pg;
}

int grant_acquire(struct domain *granter, u32 ref, bool write, struct page **pg)
{
	struct grant_table *t = granter->grant;
	struct grant_entry *e;
	struct grant_pins *p;
	int status;

	spin_lock(&t->lock);
	/* The frames and the p2m go after the state changed, with our lock. */
	if (granter->state >= DOMAIN_DYING) {
		status = GNTST_bad_domain;
		goto out;
	}
	if (ref / GRANT_PER_FRAME >= t->nr_frames) {
		status = GNTST_bad_gntref;
		goto out;
	}
	e = &t->frame[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];
	p = &t->pins[ref / GRANT_PER_FRAME][ref % GRANT_PER_FRAME];

	status = grant_pin(e, p, current->domain->id, write);
	if (status)
		goto out;
	if (grant_pin_count(p) > 1) {
		*pg = mfn_to_page(p->mfn);
	} else {
		*pg = find_frame(granter, e, p, write);
		if (!*pg) {
			grant_unpin(e, p, write);
			status = GNTST_bad_page;
		}
	}
out:
	spin_unlock(&t->lock);
	return status;
}

void grant_release(struct domain *granter, u32 ref, bool write)
{
	struct grant_table *t = granter->grant;
	u32 i = ref / GRANT_PER_FRAME;
	struct grant_pins *p = &t->pins[i][ref % GRANT_PER_FRAME];
	struct page *pg = NULL;

	spin_lock(&t->lock);
	if (write)
		page_mark_written(mfn_to_page(p->mfn));
	if (grant_unpin(t->frame[i] ? &t->frame[i][ref % GRANT_PER_FRAME] : NULL,
			p, write))
		pg = mfn_to_page(p->mfn);
	spin_unlock(&t->lock);
	/* Last: with its frame the granter may go, and its lock. */
	if (pg)
		page_put(pg);
}

void grant_dump(struct domain *d)
{
	struct grant_table *t = d->grant;
	unsigned int shown = 0;

	if (!t)
		return;
	pr_info("d%u grants: %u of %u frames, %u handles of %u used", d->id,
		t->nr_frames, d->max_grant_frames, t->maps_used, t->max_maps);
	for (u32 ref = 0; ref < t->nr_frames * GRANT_PER_FRAME; ref++) {
		struct grant_pins *p = &t->pins[ref / GRANT_PER_FRAME]
					       [ref % GRANT_PER_FRAME];

		if (!grant_pin_count(p) || ++shown > 32)
			continue;
		pr_info("  ref %u: mfn %#x to d%u, %u readers, %u writers", ref,
			p->mfn, p->domid, p->readers, p->writers);
	}
	if (shown > 32)
		pr_info("  and %u more in use", shown - 32);
}
