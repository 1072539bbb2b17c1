/* SPDX-License-Identifier: MIT */
/*
 * p2m.c - guest frame to machine frame maps, as nested page tables
 *
 * Entry format: the processor's long-mode page-table entry (AMD nested paging),
 * with the type in bits 52..55, which it ignores.  User, accessed and dirty are
 * always set: nested walks are user accesses.
 */
#include "domain.h"
#include "hypercall.h"

#define NPT_PRESENT BIT(0)
#define NPT_WRITE BIT(1)
#define NPT_USER BIT(2)
#define NPT_ACCESSED BIT(5)
#define NPT_DIRTY BIT(6)
#define NPT_LEAF BIT(7) /* above level 0 */
#define NPT_TYPE_SHIFT 52
#define NPT_ADDR 0x000ffffffffff000UL
#define NPT_TABLE (NPT_PRESENT | NPT_WRITE | NPT_USER | NPT_ACCESSED)

#define LEVELS 4
#define ENTRIES 512
#define MAX_GFN (1ULL << 36) /* 48-bit guest physical addresses */

/*
 * Tables stay for the life of the domain, and a guest chooses where it puts
 * frames: without a limit it could fill memory with tables.  A dense map needs
 * one for 512 frames.
 */
#define TABLES_MIN 256
#define FRAMES_PER_TABLE 128

/*
 * Identity grant maps of a frame of the pool in dom0's map, and those of them that
 * are writable.  They stand behind the table that maps the frame, which is twice as
 * large for it.
 */
struct identity {
	u32 maps, writers;
};
_Static_assert(sizeof(struct identity) == sizeof(u64), "one for each entry");

static enum p2m_type npt_type(u64 e)
{
	return (e >> NPT_TYPE_SHIFT) & 0xf;
}

static mfn_t npt_mfn(u64 e)
{
	return (e & NPT_ADDR) >> PAGE_SHIFT;
}

static bool npt_is_leaf(u64 e, unsigned int level)
{
	return level == 0 || (e & NPT_LEAF);
}

static u64 npt_leaf(mfn_t mfn, enum p2m_type type, unsigned int level)
{
	u64 e;

	if (type == P2M_NONE)
		return 0;
	e = (mfn << PAGE_SHIFT) | NPT_PRESENT | NPT_USER | NPT_ACCESSED |
	    NPT_DIRTY | ((u64)type << NPT_TYPE_SHIFT);
	if (type != P2M_RAM_RO && type != P2M_GRANT_RO)
		e |= NPT_WRITE;
	if (level)
		e |= NPT_LEAF;
	return e;
}

static unsigned int npt_index(gfn_t gfn, unsigned int level)
{
	return (gfn >> (9 * level)) & (ENTRIES - 1);
}

static u64 *npt_table(u64 e)
{
	return mfn_to_virt(npt_mfn(e));
}

int p2m_init(struct domain *d)
{
	d->p2m_root = page_alloc_virt();
	if (!d->p2m_root)
		return -ENOMEM;
	d->p2m_tables = 1;
	return 0;
}

static void p2m_free_table(u64 *table, unsigned int level)
{
	for (unsigned int i = 0; i < ENTRIES; i++) {
		u64 e = table[i];

		if (!(e & NPT_PRESENT))
			continue;
		if (!npt_is_leaf(e, level))
			p2m_free_table(npt_table(e), level - 1);
		else if (npt_type(e) == P2M_FOREIGN)
			page_put(mfn_to_page(npt_mfn(e)));
	}
	kfree(table);
}

void p2m_destroy(struct domain *d)
{
	if (!d->p2m_root)
		return;
	p2m_free_table(d->p2m_root, LEVELS - 1);
	d->p2m_root = NULL;
	d->p2m_tables = 0;
}

/*
 * The entry that maps @gfn, or the absent one where the walk ends, and where it
 * stands: a place that stays as long as the domain.  In line and unrolled, since
 * every grant operation and every argument of a hypercall comes here.
 */
static inline u64 p2m_walk(const struct domain *d, gfn_t gfn,
			   unsigned int *level, const u64 **slot)
{
	const u64 *table = d->p2m_root;
	u64 e;

#pragma GCC unroll 4
	for (unsigned int l = LEVELS; l-- > 0;) {
		*slot = &table[npt_index(gfn, l)];
		*level = l;
		e = READ_ONCE(**slot);
		if (!(e & NPT_PRESENT) || npt_is_leaf(e, l))
			break;
		table = npt_table(e);
	}
	return e;
}

static mfn_t npt_leaf_mfn(u64 e, gfn_t gfn, unsigned int level)
{
	return npt_mfn(e) + (gfn & ((1ULL << (9 * level)) - 1));
}

mfn_t p2m_lookup(struct domain *d, gfn_t gfn, enum p2m_type *type,
		 unsigned int *order)
{
	unsigned int level;
	const u64 *slot;
	u64 e;

	*type = P2M_NONE;
	if (order)
		*order = 0;
	if (gfn >= MAX_GFN)
		return INVALID_MFN;
	e = p2m_walk(d, gfn, &level, &slot);
	if (order)
		*order = 9 * level;
	if (!(e & NPT_PRESENT))
		return INVALID_MFN;
	*type = npt_type(e);
	return npt_leaf_mfn(e, gfn, level);
}

const void *p2m_peek(const struct domain *d, u64 gpa)
{
	const u64 *table = d->p2m_root;

	if (gpa >> PAGE_SHIFT >= MAX_GFN)
		return NULL;
#pragma GCC unroll 4
	for (unsigned int l = LEVELS; l-- > 0;) {
		u64 below = (1ULL << (PAGE_SHIFT + 9 * l)) - 1;
		u64 e = READ_ONCE(table[npt_index(gpa >> PAGE_SHIFT, l)]);

		if (!(e & NPT_PRESENT))
			return NULL;
		if (npt_is_leaf(e, l))
			return npt_type(e) == P2M_MMIO ?
				       NULL :
				       (void *)((e & NPT_ADDR & ~below) |
						(gpa & below));
		table = npt_table(e);
	}
	return NULL;
}

/* Replace an absent entry or a larger leaf by a table of the same meaning. */
static u64 *p2m_make_table(struct domain *d, gfn_t gfn, u64 *entry,
			   unsigned int level)
{
	bool counts = d->privileged && level == 1 && pool_has(gfn);
	u64 old = *entry;
	u64 *table;

	if (!d->privileged && d->p2m_tables >= TABLES_MIN +
					       d->max_pages / FRAMES_PER_TABLE)
		return NULL;
	table = kzalloc(counts ? 2 * PAGE_SIZE : PAGE_SIZE);
	if (!table)
		return NULL;
	d->p2m_tables += 1 + counts; /* in frames */
	if (old & NPT_PRESENT) {
		u64 step = 1ULL << (9 * (level - 1));

		for (unsigned int i = 0; i < ENTRIES; i++)
			table[i] = npt_leaf(npt_mfn(old) + i * step,
					    npt_type(old), level - 1);
	}
	/* The table's contents are visible before the table is. */
	store_release(entry, ((u64)table & NPT_ADDR) | NPT_TABLE);
	return table;
}

/*
 * The slot of @gfn at @level, tables made as needed.  @table is set if the slot
 * holds a table instead of a leaf.
 */
static u64 *p2m_slot(struct domain *d, gfn_t gfn, unsigned int level,
		     u64 **table)
{
	u64 *t = d->p2m_root;

	for (unsigned int l = LEVELS - 1;; l--) {
		u64 *e = &t[npt_index(gfn, l)];
		bool is_table = (*e & NPT_PRESENT) && !npt_is_leaf(*e, l);

		if (l == level) {
			*table = is_table ? npt_table(*e) : NULL;
			return e;
		}
		t = is_table ? npt_table(*e) : p2m_make_table(d, gfn, e, l);
		if (!t)
			return NULL;
	}
}

static bool p2m_table_has_foreign(const u64 *table)
{
	for (unsigned int i = 0; i < ENTRIES; i++)
		if (npt_type(table[i]) == P2M_FOREIGN)
			return true;
	return false;
}

/*
 * Set one leaf; *old is what stood there.  Where a superpage meets a table, the
 * table's entries are set one by one (tables stay: lookups walk them without a
 * lock), unless one of them owns a reference.  p2m_lock is held.
 */
static int p2m_set_locked(struct domain *d, gfn_t gfn, mfn_t mfn,
			  unsigned int level, enum p2m_type type, u64 *old)
{
	u64 *table, *slot;

	slot = p2m_slot(d, gfn, level, &table);
	if (!slot)
		return -ENOMEM;
	if (table) {
		if (level > 1 || p2m_table_has_foreign(table))
			return -EBUSY;
		for (unsigned int i = 0; i < ENTRIES; i++) {
			*old |= table[i] & NPT_PRESENT;
			WRITE_ONCE(table[i], npt_leaf(mfn + i, type, 0));
		}
	} else {
		*old = *slot;
		WRITE_ONCE(*slot, npt_leaf(mfn, type, level));
	}
	if (type != P2M_NONE) {
		gfn_t last = gfn + (1ULL << (9 * level)) - 1;

		d->p2m_max = max(d->p2m_max, last);
	}
	return 0;
}

/* Only single frames are foreign: an entry owns one reference. */
static bool p2m_range_ok(gfn_t gfn, mfn_t mfn, unsigned int order,
			 enum p2m_type type)
{
	u64 below = (1ULL << order) - 1;

	if (order != 0 && order != 9 && order != 18)
		return false;
	if (gfn >= MAX_GFN || gfn & below)
		return false;
	return type == P2M_NONE ||
	       (!(mfn & below) && !(order && type == P2M_FOREIGN));
}

int p2m_set_noflush(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
		    enum p2m_type type)
{
	bool grant = type == P2M_GRANT_RW || type == P2M_GRANT_RO;
	enum p2m_type there = P2M_NONE;
	unsigned int level;
	const u64 *slot;
	u64 old = 0;
	int err;

	if (!p2m_range_ok(gfn, mfn, order, type))
		return -EINVAL;
	spin_lock(&d->p2m_lock);
	if (!order)
		there = npt_type(p2m_walk(d, gfn, &level, &slot));
	if (there == P2M_FOREIGN ||
	    (grant && there != P2M_NONE && there != P2M_MMIO))
		err = -EBUSY;
	else
		err = p2m_set_locked(d, gfn, mfn, order / 9, type, &old);
	spin_unlock(&d->p2m_lock);
	/* A grant's caller takes the place for empty. */
	if (grant && there == P2M_MMIO)
		p2m_flush(d);
	return err;
}

int p2m_set(struct domain *d, gfn_t gfn, mfn_t mfn, unsigned int order,
	    enum p2m_type type)
{
	u64 old = 0;
	int err;

	if (!p2m_range_ok(gfn, mfn, order, type))
		return -EINVAL;
	spin_lock(&d->p2m_lock);
	err = p2m_set_locked(d, gfn, mfn, order / 9, type, &old);
	spin_unlock(&d->p2m_lock);
	if (err)
		return err;
	if (old & NPT_PRESENT)
		p2m_flush(d);
	if (npt_type(old) == P2M_FOREIGN)
		page_put(mfn_to_page(npt_mfn(old)));
	return 0;
}

/*
 * Pairs with the entry sequence of vmm_run(): there guest_epoch becomes odd,
 * then a full barrier, then tlb_gen is read.  Either that CPU sees the new
 * generation and flushes on entry, or we see its odd epoch here and wait until
 * it has left the guest.
 */
void p2m_flush(struct domain *d)
{
	__atomic_fetch_add(&d->tlb_gen, 1, __ATOMIC_SEQ_CST);
	smp_mb(); /* pairs with vmm_run(), between its epoch and its look */
	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];
		u32 epoch = READ_ONCE(c->guest_epoch);
		struct vcpu *v = READ_ONCE(c->vcpu);

		if (!(epoch & 1) || !v || v->domain != d)
			continue;
		cpu_kick(c);
		while (READ_ONCE(c->guest_epoch) == epoch)
			cpu_relax();
	}
}

struct page *p2m_get_page(struct domain *d, gfn_t gfn, bool write,
			  enum p2m_type *type)
{
	*type = P2M_NONE;
	if (gfn >= MAX_GFN)
		return NULL;
	/* Another try only if the entry changed meanwhile: bounded anyway. */
	for (unsigned int tries = 0; tries < 8; tries++) {
		unsigned int level;
		const u64 *slot;
		struct page *pg;
		u64 e;

		/* Or the compiler readies itself for a second try before the first. */
		__asm__("" : "+r"(gfn));
		e = p2m_walk(d, gfn, &level, &slot);
		*type = e & NPT_PRESENT ? npt_type(e) : P2M_NONE;
		if (*type == P2M_NONE || *type == P2M_MMIO)
			return NULL;
		if (write && (*type == P2M_RAM_RO || *type == P2M_GRANT_RO))
			return NULL;
		pg = mfn_to_page(npt_leaf_mfn(e, gfn, level));
		/*
		 * The map of a dying domain may still name frames that have
		 * gone to another owner.
		 */
		if (*type == P2M_RAM || *type == P2M_RAM_RO ||
				    *type == P2M_XEN ?
			    !page_get(pg, d) : !page_get_any(pg))
			continue;
		/* With the reference held: is it still what is mapped? */
		if (READ_ONCE(*slot) == e)
			return pg;
		page_put(pg);
	}
	return NULL;
}

struct page *p2m_get_ram(struct domain *d, gfn_t gfn)
{
	enum p2m_type type;
	struct page *pg = p2m_get_page(d, gfn, true, &type);

	if (pg && type != P2M_RAM) {
		page_put(pg);
		return NULL;
	}
	return pg;
}

gfn_t p2m_max_gfn(struct domain *d)
{
	return d->p2m_max;
}

/*
 * Pairs with page_mark_written() and the page_put() after it: either the mark
 * is seen, or the reference still is, or both come after this round.
 */
static bool page_take_written(struct page *pg, bool clear)
{
	bool marked = clear ? __atomic_exchange_n(&pg->written, false,
						  __ATOMIC_SEQ_CST) :
			      READ_ONCE(pg->written);

	return marked || READ_ONCE(pg->refs) > 1;
}

static bool entry_take_dirty(u64 *entry, bool clear)
{
	return (clear ? __atomic_fetch_and(entry, ~NPT_DIRTY, __ATOMIC_SEQ_CST) :
			READ_ONCE(*entry)) & NPT_DIRTY;
}

/* The entry of one frame of RAM; else NULL, and how many frames have none. */
static u64 *p2m_log_entry(struct domain *d, gfn_t gfn, gfn_t *skip)
{
	unsigned int level;
	const u64 *slot;
	u64 *table;
	u64 e = p2m_walk(d, gfn, &level, &slot);

	*skip = 1;
	if (!(e & NPT_PRESENT)) {
		u64 mask = (1ULL << (9 * level)) - 1;

		*skip = (gfn | mask) + 1 - gfn;
		return NULL;
	}
	if (npt_type(e) != P2M_RAM && npt_type(e) != P2M_RAM_RO)
		return NULL;
	if (!level)
		return (u64 *)slot;
	*skip = 0; /* if there is no memory for a table */
	return p2m_slot(d, gfn, 0, &table);
}

long p2m_log_take(struct domain *d, gfn_t gfn, u32 nr, u64 *bits, bool clear)
{
	gfn_t skip = 1;
	long found = 0;

	spin_lock(&d->p2m_lock);
	for (gfn_t i = 0; i < nr && skip; i += skip) {
		u64 *entry = p2m_log_entry(d, gfn + i, &skip);
		bool dirty, written;

		if (!entry)
			continue;
		skip = 1;
		dirty = entry_take_dirty(entry, clear);
		written = page_take_written(mfn_to_page(npt_mfn(*entry)), clear);
		if (!dirty && !written)
			continue;
		bits[i / 64] |= 1ULL << (i % 64);
		found++;
	}
	spin_unlock(&d->p2m_lock);
	return skip ? found : -ENOMEM;
}

static u64 npt_identity(mfn_t mfn, const struct identity *id)
{
	return npt_leaf(mfn, !id->maps	 ? P2M_NONE :
			     id->writers ? P2M_GRANT_RW : P2M_GRANT_RO, 0);
}

static int identity_change(struct domain *d, struct page *pg, int maps,
			   int writers)
{
	mfn_t mfn = page_to_mfn(pg);
	u64 *slot, *table;

	/* dom0's own frames stand at gfn == mfn already. */
	if (pg->owner == d->id)
		return 0;
	spin_lock(&d->p2m_lock);
	slot = p2m_slot(d, mfn, 0, &table);
	if (slot) {
		struct identity *id = (struct identity *)(slot + ENTRIES);

		id->maps += maps;
		id->writers += writers;
		WRITE_ONCE(*slot, npt_identity(mfn, id));
	}
	spin_unlock(&d->p2m_lock);
	return slot ? 0 : -ENOMEM;
}

int p2m_identity_map(struct domain *d, struct page *pg, bool readonly)
{
	return identity_change(d, pg, 1, !readonly);
}

/* Cannot fail: the tables were made by the map. */
void p2m_identity_unmap_noflush(struct domain *d, struct page *pg,
				bool readonly)
{
	identity_change(d, pg, -1, -!readonly);
}
