// SPDX-License-Identifier: MIT
/* p2m_test.c - guest frame maps: leaves of three sizes, references, flushes */
#include "p2m_host.h"

TEST(an_empty_map_has_nothing)
{
	static const gfn_t gfns[] = { 0, 1, M2, G1, LAST_GFN, LAST_GFN + 1,
				      INVALID_GFN };
	struct domain *d = domain_with_map(1);

	for (size_t i = 0; i < ARRAY_SIZE(gfns); i++) {
		unsigned int order = 99;
		enum p2m_type t;

		CHECK(empty(d, gfns[i]));
		p2m_lookup(d, gfns[i], &t, &order);
		CHECK(order == 0 || order == 27); /* always told */
		CHECK(!p2m_get_page(d, gfns[i], false, &t));
	}
	CHECK(p2m_max_gfn(d) == 0);
	domain_end(d);
	no_leak();
}

TEST(leaves_of_every_size)
{
	struct domain *d = domain_with_map(1);

	CHECK(!p2m_set(d, 3, 1003, 0, P2M_RAM));
	CHECK(!p2m_set(d, M2, 2 * M2, 9, P2M_RAM));
	CHECK(!p2m_set(d, 3 * G1, G1, 18, P2M_MMIO));
	CHECK(!p2m_set(d, LAST_GFN, 77, 0, P2M_RAM_RO));
	CHECK(stands(d, 3, 1003, P2M_RAM, 0));
	CHECK(empty(d, 2) && empty(d, 4));
	CHECK(stands(d, M2, 2 * M2, P2M_RAM, 9));
	CHECK(stands(d, 2 * M2 - 1, 3 * M2 - 1, P2M_RAM, 9));
	CHECK(empty(d, M2 - 1) && empty(d, 2 * M2));
	CHECK(stands(d, 3 * G1 + 12345, G1 + 12345, P2M_MMIO, 18));
	CHECK(stands(d, LAST_GFN, 77, P2M_RAM_RO, 0));
	CHECK(p2m_max_gfn(d) == LAST_GFN);
	domain_end(d);
	no_leak();
}

TEST(ranges_that_make_no_sense_are_refused)
{
	struct domain *d = domain_with_map(1);

	CHECK(p2m_set(d, LAST_GFN + 1, 1, 0, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, INVALID_GFN, 1, 0, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, ~0UL << 9, 0, 9, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, 1, M2, 9, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, M2, 1, 9, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, M2, 0, 18, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, 0, M2, 18, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, 16, 16, 4, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, 0, 0, 27, P2M_RAM) == -EINVAL);
	CHECK(p2m_set(d, 0, 0, 9, P2M_FOREIGN) == -EINVAL);
	CHECK(p2m_set_noflush(d, 1, M2, 9, P2M_RAM) == -EINVAL);
	CHECK(p2m_set_noflush(d, LAST_GFN + 1, 1, 0, P2M_RAM) == -EINVAL);
	CHECK(d->p2m_tables == 1 && p2m_max_gfn(d) == 0);
	domain_end(d);
	no_leak();
}

TEST(splitting_keeps_the_rest)
{
	struct domain *d = domain_with_map(1);

	CHECK(!p2m_set(d, G1, 2 * G1, 18, P2M_RAM));
	CHECK(d->p2m_tables == 2);
	CHECK(!p2m_set(d, G1 + 5 * M2, 7 * M2, 9, P2M_RAM_RO));
	CHECK(d->p2m_tables == 3);
	CHECK(stands(d, G1 + 5 * M2 + 9, 7 * M2 + 9, P2M_RAM_RO, 9));
	CHECK(stands(d, G1 + 5 * M2 - 1, 2 * G1 + 5 * M2 - 1, P2M_RAM, 9));
	CHECK(stands(d, G1 + 6 * M2, 2 * G1 + 6 * M2, P2M_RAM, 9));
	CHECK(!p2m_set(d, G1 + 5 * M2 + 100, INVALID_MFN, 0, P2M_NONE));
	CHECK(d->p2m_tables == 4);
	CHECK(empty(d, G1 + 5 * M2 + 100));
	CHECK(stands(d, G1 + 5 * M2 + 99, 7 * M2 + 99, P2M_RAM_RO, 0));
	CHECK(stands(d, G1 + 5 * M2 + 101, 7 * M2 + 101, P2M_RAM_RO, 0));
	CHECK(stands(d, 2 * G1 - 1, 3 * G1 - 1, P2M_RAM, 9));
	domain_end(d);
	no_leak();
}

/* As a processor does when it writes there. */
static void write_frame(struct domain *d, gfn_t gfn)
{
	u64 *e = d->p2m_root;
	unsigned int level = 3;

	for (e += gfn >> 27; level && !(*e & 0x80); level--)
		e = (u64 *)(*e & 0xffffffffff000) +
		    (gfn >> (9 * (level - 1)) & 511);
	*e |= 0x40;
}

static long log_round(struct domain *d, gfn_t gfn, u64 bits[8], bool clear)
{
	memset(bits, 0, 64);
	return p2m_log_take(d, gfn, M2, bits, clear);
}

TEST(what_is_written_is_known_by_frame)
{
	struct domain *d = domain_with_map(1);
	struct page *pg = page_alloc(d, 9), *one = page_alloc(d, 0);
	u64 bits[8];

	CHECK(!p2m_set(d, M2, page_to_mfn(pg), 9, P2M_RAM));
	CHECK(!p2m_set(d, 9 * M2 + 70, page_to_mfn(one), 0, P2M_RAM));
	CHECK(!p2m_set(d, 9 * M2 + 71, page_to_mfn(one), 0, P2M_XEN));
	/* The first round finds all, and splits what is large. */
	CHECK(log_round(d, M2, bits, true) == M2);
	CHECK(stands(d, M2 + 5, page_to_mfn(pg) + 5, P2M_RAM, 0));
	CHECK(log_round(d, M2, bits, true) == 0);
	write_frame(d, M2);
	write_frame(d, M2 + 511);
	for (unsigned int again = 0; again < 2; again++) {
		CHECK(log_round(d, M2, bits, again) == 2);
		CHECK(bits[0] == 1 && bits[7] == 1UL << 63);
	}
	CHECK(log_round(d, M2, bits, true) == 0);
	/* Holes are not, nor what is not the guest's own. */
	CHECK(log_round(d, 9 * M2, bits, true) == 1 && bits[1] == 1 << 6);
	CHECK(log_round(d, 5 * M2, bits, true) == 0);
	CHECK(log_round(d, 5 * G1 + 3, bits, true) == 0);
	for (unsigned int i = 0; i < M2; i++)
		drop(pg + i);
	drop(one);
	domain_end(d);
	no_leak();
}

TEST(a_superpage_fills_an_old_table)
{
	struct domain *d = domain_with_map(1);

	CHECK(!p2m_set(d, M2 + 1, 4711, 0, P2M_RAM));
	CHECK(!p2m_set(d, M2 + 1, INVALID_MFN, 0, P2M_NONE));
	CHECK(p2m_max_gfn(d) == M2 + 1);
	CHECK(!p2m_set(d, M2, 8 * M2, 9, P2M_RAM));
	CHECK(stands(d, M2, 8 * M2, P2M_RAM, 0));
	CHECK(stands(d, 2 * M2 - 1, 9 * M2 - 1, P2M_RAM, 0));
	CHECK(p2m_max_gfn(d) == 2 * M2 - 1);
	CHECK(!p2m_set(d, M2, INVALID_MFN, 9, P2M_NONE));
	for (gfn_t g = M2; g < 2 * M2; g++)
		CHECK(empty(d, g));
	/* 1 GiB would have to free tables that lookups may be walking. */
	CHECK(p2m_set(d, 0, 0, 18, P2M_RAM) == -EBUSY);
	domain_end(d);
	no_leak();
}

TEST(a_foreign_entry_owns_one_reference)
{
	struct domain *d = domain_with_map(1), *e = host_domain(2, 10);
	struct page *pg = page_alloc(e, 0);

	REQUIRE(pg);
	CHECK(page_get_any(pg));
	CHECK(!p2m_set(d, 10, page_to_mfn(pg), 0, P2M_FOREIGN));
	CHECK(pg->refs == 2);
	CHECK(p2m_set_noflush(d, 10, INVALID_MFN, 0, P2M_NONE) == -EBUSY);
	CHECK(p2m_set(d, 0, 0, 9, P2M_RAM) == -EBUSY);
	CHECK(pg->refs == 2);
	CHECK(!p2m_set(d, 10, INVALID_MFN, 0, P2M_NONE));
	CHECK(pg->refs == 1);
	CHECK(!p2m_set(d, 10, INVALID_MFN, 0, P2M_NONE));
	CHECK(pg->refs == 1);

	/* Replaced by itself: the new reference in, the old one out. */
	CHECK(page_get_any(pg));
	CHECK(!p2m_set(d, 10, page_to_mfn(pg), 0, P2M_FOREIGN));
	CHECK(page_get_any(pg));
	CHECK(!p2m_set(d, 10, page_to_mfn(pg), 0, P2M_FOREIGN));
	CHECK(pg->refs == 2);

	/* Twice in the map; the end drops both. */
	CHECK(page_get_any(pg));
	CHECK(!p2m_set(d, G1, page_to_mfn(pg), 0, P2M_FOREIGN));
	CHECK(pg->refs == 3);
	p2m_destroy(d);
	CHECK(pg->refs == 1);
	drop(pg);
	host_domain_end(d);
	host_domain_end(e);
	no_leak();
}

TEST(the_frame_behind_a_gfn_with_a_reference)
{
	struct domain *d = domain_with_map(1), *e = host_domain(2, 10);
	struct page *own = page_alloc(d, 0), *other = page_alloc(e, 0);
	struct page *xen = page_alloc_xen(d);
	enum p2m_type t;

	REQUIRE(own && other && xen);
	CHECK(!p2m_set(d, 1, page_to_mfn(own), 0, P2M_RAM));
	CHECK(!p2m_set(d, 2, page_to_mfn(own), 0, P2M_RAM_RO));
	CHECK(!p2m_set(d, 3, page_to_mfn(other), 0, P2M_GRANT_RW));
	CHECK(!p2m_set(d, 4, page_to_mfn(other), 0, P2M_GRANT_RO));
	CHECK(!p2m_set(d, 5, page_to_mfn(xen), 0, P2M_XEN));
	CHECK(!p2m_set(d, 6, 0xfee00, 0, P2M_MMIO));
	CHECK(!p2m_set(d, 7, page_to_mfn(other), 0, P2M_RAM)); /* a lie */

	CHECK(p2m_get_page(d, 1, true, &t) == own && t == P2M_RAM);
	CHECK(own->refs == 2);
	page_put(own);
	CHECK(!p2m_get_page(d, 2, true, &t) && own->refs == 1);
	CHECK(p2m_get_page(d, 2, false, &t) == own && t == P2M_RAM_RO);
	page_put(own);
	CHECK(p2m_get_page(d, 3, true, &t) == other && t == P2M_GRANT_RW);
	page_put(other);
	CHECK(!p2m_get_page(d, 4, true, &t));
	CHECK(p2m_get_page(d, 4, false, &t) == other);
	page_put(other);
	CHECK(p2m_get_page(d, 5, true, &t) == xen && t == P2M_XEN);
	page_put(xen);
	CHECK(!p2m_get_page(d, 6, false, &t));
	CHECK(!p2m_get_page(d, 7, false, &t));
	CHECK(own->refs == 1 && other->refs == 1 && xen->refs == 1);

	/* Gone from its owner, the map of a dying domain still names it. */
	drop(own);
	CHECK(!p2m_get_page(d, 1, false, &t));
	page_put(xen);
	CHECK(!p2m_get_page(d, 5, false, &t));
	drop(other);
	domain_end(d);
	host_domain_end(e);
	no_leak();
}

TEST(identity_maps_are_counted_and_access_is_their_union)
{
	struct domain *d = domain_with_map(0), *e = host_domain(2, 10);
	struct page *pg = page_alloc(e, 0);
	mfn_t mfn;

	REQUIRE(pg);
	mfn = page_to_mfn(pg);
	CHECK(!p2m_identity_map(d, pg, true));
	CHECK(stands(d, mfn, mfn, P2M_GRANT_RO, 0));
	CHECK(!p2m_identity_map(d, pg, false));
	CHECK(stands(d, mfn, mfn, P2M_GRANT_RW, 0));
	CHECK(!p2m_identity_map(d, pg, true));
	CHECK(!p2m_identity_map(d, pg, false));
	p2m_identity_unmap_noflush(d, pg, false);
	CHECK(stands(d, mfn, mfn, P2M_GRANT_RW, 0));
	p2m_identity_unmap_noflush(d, pg, false);
	CHECK(stands(d, mfn, mfn, P2M_GRANT_RO, 0));
	p2m_identity_unmap_noflush(d, pg, true);
	CHECK(stands(d, mfn, mfn, P2M_GRANT_RO, 0));
	p2m_identity_unmap_noflush(d, pg, true);
	CHECK(empty(d, mfn));
	CHECK(pg->refs == 1);
	/* None is left over. */
	CHECK(!p2m_identity_map(d, pg, true));
	CHECK(stands(d, mfn, mfn, P2M_GRANT_RO, 0));
	p2m_identity_unmap_noflush(d, pg, true);
	CHECK(empty(d, mfn));

	/* A frame of its own stands there already, as RAM. */
	page_give_dom0(d, RAM_START >> PAGE_SHIFT, (RAM_START >> PAGE_SHIFT) + 1);
	mfn = RAM_START >> PAGE_SHIFT;
	CHECK(!p2m_set(d, mfn, mfn, 0, P2M_RAM));
	CHECK(!p2m_identity_map(d, mfn_to_page(mfn), true));
	CHECK(stands(d, mfn, mfn, P2M_RAM, 0));
	p2m_identity_unmap_noflush(d, mfn_to_page(mfn), true);
	CHECK(stands(d, mfn, mfn, P2M_RAM, 0));
	drop(mfn_to_page(mfn));
	drop(pg);
	domain_end(d);
	host_domain_end(e);
	no_leak();
}

/* A CPU in the guest leaves it before a removed entry counts as gone. */
TEST(removal_waits_for_cpus_in_the_guest)
{
	struct domain *d = domain_with_map(1), *e = domain_with_map(2);
	struct vcpu dv = { .domain = d }, ev = { .domain = e };
	u32 gen;

	nr_cpus = 4;
	cpus[1] = (struct cpu){ .id = 1, .vcpu = &dv, .guest_epoch = 7 };
	cpus[2] = (struct cpu){ .id = 2, .vcpu = &ev, .guest_epoch = 7 };
	cpus[3] = (struct cpu){ .id = 3, .vcpu = &dv, .guest_epoch = 8 };
	host_kicked = 0;
	gen = d->tlb_gen;
	CHECK(!p2m_set(d, 5, 5, 0, P2M_RAM));
	CHECK(d->tlb_gen == gen && !host_kicked); /* nothing was there */
	CHECK(!p2m_set(d, 5, INVALID_MFN, 0, P2M_NONE));
	CHECK(d->tlb_gen != gen && host_kicked == BIT(1));
	CHECK(cpus[1].guest_epoch == 8);

	cpus[1].guest_epoch = 9;
	host_kicked = 0;
	CHECK(!p2m_set(d, 5, 5, 0, P2M_RAM));
	gen = d->tlb_gen;
	CHECK(!p2m_set_noflush(d, 5, INVALID_MFN, 0, P2M_NONE));
	CHECK(d->tlb_gen == gen && !host_kicked);
	p2m_flush(d);
	CHECK(d->tlb_gen != gen && host_kicked == BIT(1));

	/* A grant's place is empty, or dom0 has given up a device there. */
	cpus[1].guest_epoch = 9;
	host_kicked = 0;
	gen = d->tlb_gen;
	CHECK(!p2m_set_noflush(d, 6, 6, 0, P2M_GRANT_RW));
	CHECK(d->tlb_gen == gen && !host_kicked);
	CHECK(!p2m_set_noflush(d, 6, INVALID_MFN, 0, P2M_NONE));
	CHECK(!p2m_set(d, 6, 6, 0, P2M_MMIO));
	CHECK(!p2m_set_noflush(d, 6, 5, 0, P2M_GRANT_RW));
	CHECK(d->tlb_gen != gen && host_kicked == BIT(1));

	/* A superpage over single frames replaces entries too. */
	cpus[1].guest_epoch = 9;
	host_kicked = 0;
	CHECK(!p2m_set(d, 7, 7, 0, P2M_RAM));
	CHECK(!host_kicked);
	CHECK(!p2m_set(d, 0, M2, 9, P2M_RAM));
	CHECK(host_kicked == BIT(1));
	nr_cpus = 1;
	domain_end(d);
	domain_end(e);
	no_leak();
}

TEST(a_guest_cannot_make_tables_without_limit)
{
	struct domain *d = host_domain(1, 1280);
	u64 n = 0;
	int err = 0;

	REQUIRE(!p2m_init(d));
	/* Each in its own 512 GiB takes three tables. */
	for (gfn_t g = 0; g <= LAST_GFN && !err; g += 512 * G1)
		err = p2m_set(d, g, 1, 0, P2M_RAM);
	CHECK(err == -ENOMEM);
	CHECK(d->p2m_tables <= 256 + 1280 / 128);
	/* What it needs for a map in one piece is within the limit. */
	for (gfn_t g = G1; g < G1 + 1280; g++)
		n += !p2m_set(d, g, g, 0, P2M_RAM);
	CHECK(n == 0 || n == 1280); /* full is full */
	domain_end(d);

	d = host_domain(1, 1280);
	REQUIRE(!p2m_init(d));
	for (gfn_t g = G1; g < G1 + 1280; g++)
		CHECK(!p2m_set(d, g, g, 0, P2M_RAM));
	domain_end(d);
	no_leak();
}

TEST(no_memory_for_tables_is_an_error)
{
	struct domain *d = domain_with_map(1);
	static struct page *hog[32768];
	u64 n = 0;

	while ((hog[n] = page_alloc(NULL, 0)))
		n++;
	CHECK(p2m_set(d, 5, 5, 0, P2M_RAM) == -ENOMEM);
	CHECK(empty(d, 5));
	for (int i = 0; i < 2; i++)
		page_free_virt(page_to_virt(hog[--n]), 0);
	/* Two tables of three: what was made stays, and is found again. */
	CHECK(p2m_set(d, 5, 5, 0, P2M_RAM) == -ENOMEM);
	CHECK(empty(d, 5));
	page_free_virt(page_to_virt(hog[--n]), 0);
	CHECK(!p2m_set(d, 5, 5, 0, P2M_RAM));
	CHECK(stands(d, 5, 5, P2M_RAM, 0));
	while (n)
		page_free_virt(page_to_virt(hog[--n]), 0);
	domain_end(d);
	no_leak();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(an_empty_map_has_nothing),
		TAP_TEST(leaves_of_every_size),
		TAP_TEST(ranges_that_make_no_sense_are_refused),
		TAP_TEST(splitting_keeps_the_rest),
		TAP_TEST(what_is_written_is_known_by_frame),
		TAP_TEST(a_superpage_fills_an_old_table),
		TAP_TEST(a_foreign_entry_owns_one_reference),
		TAP_TEST(the_frame_behind_a_gfn_with_a_reference),
		TAP_TEST(identity_maps_are_counted_and_access_is_their_union),
		TAP_TEST(removal_waits_for_cpus_in_the_guest),
		TAP_TEST(a_guest_cannot_make_tables_without_limit),
		TAP_TEST(no_memory_for_tables_is_an_error),
	};

	host_init();
	at_start = page_free_count();
	return tap_run(tests, ARRAY_SIZE(tests));
}
