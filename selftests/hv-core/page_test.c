// SPDX-License-Identifier: MIT
/* page_test.c - the frame allocator and what it promises about references */
#include "host.h"

#define MAX_FRAMES ((RAM_END - RAM_START) >> PAGE_SHIFT)
#define BIG (1UL << PAGE_MAX_ORDER)

static u64 at_start;

static bool bytes_from(const struct page *pg, size_t from, unsigned int order,
		       u8 value)
{
	const u64 *p = page_to_virt(pg);
	u64 words = (PAGE_SIZE << order) / 8, want;

	memset(&want, value, sizeof(want));
	for (u64 i = from / 8; i < words; i++)
		if (p[i] != want)
			return false;
	return true;
}

static bool all_bytes(const struct page *pg, unsigned int order, u8 value)
{
	return bytes_from(pg, 0, order, value);
}

/* No leak, all blocks whole again, and no reference on any free frame. */
static void check_all_free(void)
{
	struct page *big[MAX_FRAMES / BIG];
	unsigned int n = 0;

	CHECK(page_free_count() == at_start);
	for (mfn_t m = RAM_START >> PAGE_SHIFT; m < max_mfn; m++)
		if (mfn_to_page(m)->refs) {
			printf("# frame %#lx is free with %u references\n", m,
			       mfn_to_page(m)->refs);
			CHECK(!"a free frame has references");
			break;
		}
	while ((big[n] = page_alloc(NULL, PAGE_MAX_ORDER)))
		n++;
	CHECK(n == at_start / BIG);
	CHECK(page_free_count() == at_start % BIG);
	while (n--)
		page_free_virt(page_to_virt(big[n]), PAGE_MAX_ORDER);
	CHECK(page_free_count() == at_start);
}

static struct page *scribbled(struct domain *d, unsigned int order)
{
	struct page *pg = page_alloc(d, order);

	if (pg)
		memset(page_to_virt(pg), 0xcc, PAGE_SIZE << order);
	return pg;
}

static void drop(struct page *pg)
{
	if (page_get_any(pg)) {
		page_give_up(pg);
		page_put(pg);
	}
}

TEST(every_order_is_aligned_zero_and_owned)
{
	for (int round = 0; round < 3; round++) {
		for (unsigned int o = 0; o <= PAGE_MAX_ORDER; o++) {
			struct page *pg = page_alloc(NULL, o);

			REQUIRE(pg);
			CHECK(!(page_to_mfn(pg) & ((1UL << o) - 1)));
			CHECK(all_bytes(pg, o, 0));
			for (u64 i = 0; i < 1UL << o; i++) {
				CHECK(pg[i].refs == 1);
				CHECK(pg[i].owner == DOMID_XEN);
				CHECK(!pg[i].flags);
				CHECK(mfn_valid(page_to_mfn(&pg[i])));
			}
			memset(page_to_virt(pg), 0xcc, PAGE_SIZE << o);
			page_free_virt(page_to_virt(pg), o);
		}
	}
	CHECK(!page_alloc(NULL, PAGE_MAX_ORDER + 1));
	check_all_free();
}

/* The first of all: a scrubbed frame comes back among others that are not. */
TEST(a_clean_frame_makes_a_dirty_block_no_cleaner)
{
	static struct page *loose[BIG];
	struct page *pg;
	u64 n = 0;
	void *p;

	/* First those that are in no large block. */
	while (page_free_count() % BIG)
		REQUIRE((loose[n++] = page_alloc(NULL, 0)));
	p = page_alloc_virt();
	REQUIRE(p);
	page_free_virt(p, 0);
	pg = page_alloc(NULL, PAGE_MAX_ORDER);
	REQUIRE(pg && page_to_virt(pg) <= p &&
		p < page_to_virt(pg) + (PAGE_SIZE << PAGE_MAX_ORDER));
	CHECK(all_bytes(pg, PAGE_MAX_ORDER, 0));
	page_free_virt(page_to_virt(pg), PAGE_MAX_ORDER);
	while (n--)
		page_free_virt(page_to_virt(loose[n]), 0);
	CHECK(page_free_count() == at_start);
}

TEST(memory_from_boot_is_scrubbed_when_handed_out)
{
	static struct page *all[MAX_FRAMES];
	u64 n = 0;

	/* In this order dirty and clean blocks get mixed and split. */
	while ((all[n] = page_alloc(NULL, n % 3 ? 0 : 5))) {
		CHECK(all_bytes(all[n], n % 3 ? 0 : 5, 0));
		n++;
	}
	for (u64 i = 0; i < n; i += 2)
		page_free_virt(page_to_virt(all[i]), i % 3 ? 0 : 5);
	for (u64 i = 1; i < n; i += 2)
		page_free_virt(page_to_virt(all[i]), i % 3 ? 0 : 5);
	check_all_free();
}

TEST(all_frames_can_be_taken_and_come_together_again)
{
	static struct page *all[MAX_FRAMES];
	unsigned int seed = 7;
	u64 n = 0;

	while ((all[n] = page_alloc(NULL, 0)))
		n++;
	CHECK(n == at_start && page_free_count() == 0);
	CHECK(!page_alloc_virt() && !page_alloc_order_virt(3));
	while (n) {
		u64 i = host_random(&seed, n);

		page_free_virt(page_to_virt(all[i]), 0);
		all[i] = all[--n];
	}
	check_all_free();
}

TEST(random_blocks_never_overlap)
{
	enum { SLOTS = 300 };
	struct { struct page *pg; unsigned int order; u8 mark; } s[SLOTS] = { };
	unsigned int seed = 3;

	for (unsigned int i = 0; i < 20000; i++) {
		unsigned int k = host_random(&seed, SLOTS);

		if (s[k].pg) {
			CHECK(all_bytes(s[k].pg, s[k].order, s[k].mark));
			page_free_virt(page_to_virt(s[k].pg), s[k].order);
			s[k].pg = NULL;
			continue;
		}
		/* Mostly small, or everything would be full at once. */
		s[k].order = host_random(&seed, 8) ? host_random(&seed, 4) :
						     host_random(&seed, 10);
		s[k].pg = page_alloc(NULL, s[k].order);
		s[k].mark = (u8)(i | 1);
		if (s[k].pg) {
			CHECK(all_bytes(s[k].pg, s[k].order, 0));
			memset(page_to_virt(s[k].pg), s[k].mark,
			       PAGE_SIZE << s[k].order);
		}
	}
	for (unsigned int k = 0; k < SLOTS; k++)
		if (s[k].pg)
			page_free_virt(page_to_virt(s[k].pg), s[k].order);
	check_all_free();
}

TEST(a_domain_gets_no_more_than_its_limit)
{
	struct domain *d = host_domain(1, 12);
	struct page *a, *b;

	a = page_alloc(d, 3);
	REQUIRE(a);
	CHECK(d->tot_pages == 8 && d->refs == 2);
	CHECK(!page_alloc(d, 3));
	b = page_alloc(d, 2);
	REQUIRE(b);
	CHECK(d->tot_pages == 12);
	CHECK(!page_alloc(d, 0));
	CHECK(page_free_count() == at_start - 12);
	for (int i = 0; i < 8; i++)
		drop(&a[i]);
	CHECK(d->tot_pages == 4 && d->refs == 2);
	for (int i = 0; i < 4; i++)
		drop(&b[i]);
	CHECK(d->refs == 1);

	WRITE_ONCE(d->state, DOMAIN_DYING);
	CHECK(!page_alloc(d, 0) && !page_alloc_xen(d));
	host_domain_end(d);
	check_all_free();
}

/* Nothing is said about frames before RAM, and RAM ends within 2 MiB. */
TEST(the_frame_table_takes_no_more_than_it_needs)
{
	u64 ram = (RAM_END + RAM_TAIL - RAM_START) >> PAGE_SHIFT;
	u64 table = DIV_ROUND_UP(ram * sizeof(struct page), PAGE_SIZE);

	CHECK(page_total_count() == ram);
	CHECK(at_start == ((RAM_END + RAM_TAIL - DOM0_END) >> PAGE_SHIFT) - table);
	CHECK(nr_pool_ranges == 1);
	CHECK(pool_range[0].start == DOM0_END >> PAGE_SHIFT);
	CHECK(pool_range[0].end == RAM_END >> PAGE_SHIFT);
	CHECK(!mfn_valid(0) && !mfn_valid((RAM_START >> PAGE_SHIFT) - 1));
	CHECK(mfn_valid(pool_range[0].start) && !mfn_valid(max_mfn));
	check_all_free();
}

TEST(a_reference_keeps_a_frame_from_being_freed)
{
	struct domain *d = host_domain(1, 10), *e = host_domain(2, 10);
	struct page *pg = scribbled(d, 0);

	REQUIRE(pg);
	CHECK(!page_get(pg, e));
	CHECK(page_get(pg, d));
	CHECK(page_get_any(pg));
	CHECK(pg->refs == 3);
	CHECK(page_give_up(pg));
	CHECK(!page_give_up(pg)); /* only once */
	CHECK(pg->refs == 2);
	page_put(pg);
	CHECK(all_bytes(pg, 0, 0xcc)); /* somebody uses it */
	CHECK(d->tot_pages == 1 && d->refs == 2);
	page_put(pg);
	/* Scrubbed as it was freed: there is what it is listed by, and zeros. */
	CHECK(bytes_from(pg, sizeof(struct list), 0, 0));
	CHECK(d->tot_pages == 0 && d->refs == 1);
	CHECK(!page_get(pg, d) && !page_get_any(pg));
	host_domain_end(d);
	host_domain_end(e);
	check_all_free();
}

TEST(references_do_not_wrap)
{
	struct domain *d = host_domain(1, 10);
	struct page *pg = page_alloc(d, 0);

	REQUIRE(pg);
	pg->refs = 0x7ffffffe;
	CHECK(page_get_any(pg));
	CHECK(!page_get_any(pg) && !page_get(pg, d));
	pg->refs = 1;
	drop(pg);
	host_domain_end(d);
	check_all_free();
}

TEST(hypervisor_frames_of_a_domain_are_not_charged)
{
	struct domain *d = host_domain(1, 0);
	struct page *pg = page_alloc_xen(d);

	REQUIRE(pg);
	CHECK(d->tot_pages == 0 && d->xen_pages == 1 && d->refs == 2);
	CHECK(page_get(pg, d));
	CHECK(!page_give_up(pg)); /* not the guest's to give */
	page_put(pg);
	CHECK(d->refs == 2);
	page_put(pg);
	host_domain_end(d);
	check_all_free();
}

TEST(dom0_takes_back_what_it_gave_up)
{
	struct domain *d = host_domain(0, 0), *e = host_domain(1, 10);
	mfn_t first = RAM_START >> PAGE_SHIFT;
	struct page *pg = mfn_to_page(first + 5);

	CHECK(!mfn_valid(first) && mfn_valid(DOM0_END >> PAGE_SHIFT));
	page_give_dom0(d, first, first + 16);
	CHECK(d->tot_pages == 16 && d->max_pages == 16 && d->refs == 2);
	CHECK(mfn_valid(first));
	d->max_pages = 20;
	CHECK(!page_take_back(d, pg)); /* it has it */
	d->max_pages = 16;

	CHECK(page_get(pg, d));
	CHECK(page_get(pg, d)); /* a user besides */
	CHECK(page_give_up(pg) && !page_give_up(pg));
	page_put(pg);
	CHECK(!page_take_back(d, pg)); /* in use still */
	memset(page_to_virt(pg), 0xcc, PAGE_SIZE);
	page_put(pg);
	CHECK(d->tot_pages == 15 && !page_get(pg, d));
	CHECK(page_free_count() == at_start); /* not the pool's */
	CHECK(!page_take_back(e, pg));
	d->max_pages = 15;
	CHECK(!page_take_back(d, pg));
	d->max_pages = 16;
	CHECK(page_take_back(d, pg) && !page_take_back(d, pg));
	CHECK(all_bytes(pg, 0, 0) && pg->refs == 1 && d->tot_pages == 16);
	CHECK(page_get(pg, d));
	page_put(pg);

	/* All of them, and back: the domain stays for its frames. */
	for (mfn_t m = first; m < first + 16; m++)
		drop(mfn_to_page(m));
	CHECK(d->tot_pages == 0 && d->refs == 1);
	CHECK(page_take_back(d, pg) && d->refs == 2);
	drop(pg);
	host_domain_end(d);
	host_domain_end(e);
	check_all_free();
}

/*
 * Somebody who looked a frame up before it changed hands may hold a reference
 * for a moment; then the frame is freed when that goes, not before.
 */
TEST(a_late_reference_on_a_hypervisor_frame_is_no_error)
{
	void *p = page_alloc_virt(), *q = page_alloc_order_virt(2);
	struct page *pg = mfn_to_page(virt_to_mfn(p));
	struct page *second = mfn_to_page(virt_to_mfn(q)) + 1;

	REQUIRE(p && q);
	CHECK(page_get_any(pg) && page_get_any(second));
	page_free_virt(p, 0);
	page_free_virt(q, 2);
	CHECK(page_free_count() == at_start - 2);
	page_put(pg);
	page_put(second);
	check_all_free();
}

TEST(objects_are_zero_aligned_and_apart)
{
	enum { N = 600 };
	struct { u8 *p; size_t size; u8 mark; } o[N] = { };
	unsigned int seed = 11;

	for (unsigned int round = 0; round < 30000; round++) {
		unsigned int k = host_random(&seed, N);

		if (o[k].p) {
			for (size_t i = 0; i < o[k].size; i++)
				REQUIRE(o[k].p[i] == o[k].mark);
			kfree(o[k].p);
			o[k].p = NULL;
			continue;
		}
		o[k].size = 1 + host_random(&seed, host_random(&seed, 20) ?
							   2100 : 20000);
		o[k].mark = (u8)round;
		o[k].p = kzalloc(o[k].size);
		if (!o[k].p)
			continue;
		CHECK(!((u64)o[k].p & 15));
		for (size_t i = 0; i < o[k].size; i++)
			REQUIRE(!o[k].p[i]);
		memset(o[k].p, o[k].mark, o[k].size);
	}
	for (unsigned int k = 0; k < N; k++)
		kfree(o[k].p);
	check_all_free();
}

TEST(object_sizes_at_their_borders)
{
	static const size_t size[] = { 0, 1, 31, 32, 33, 64, 65, 1024, 1025,
				       2047, 2048, 2049, 4096, 4097,
				       PAGE_SIZE << PAGE_MAX_ORDER };

	for (size_t i = 0; i < ARRAY_SIZE(size); i++) {
		u8 *p = kzalloc(size[i]);

		REQUIRE(p);
		memset(p, 0xff, size[i]);
		kfree(p);
	}
	CHECK(!kzalloc((PAGE_SIZE << PAGE_MAX_ORDER) + 1));
	CHECK(!kzalloc(~0UL));
	kfree(NULL);
	check_all_free();
}

TEST(objects_survive_running_out)
{
	static void *p[MAX_FRAMES];
	u64 n = 0;

	while ((p[n] = kzalloc(2048)))
		n++;
	CHECK(n == at_start && page_free_count() == 0);
	kfree(p[0]);
	p[0] = kzalloc(1500);
	CHECK(p[0]);
	for (u64 i = 0; i < n; i++)
		kfree(p[i]);
	check_all_free();
}

/* Threads as CPUs. */
static void *refused(void *d)
{
	host_be_cpu(1);
	return page_alloc(d, 2);
}

/* Its limit is reached, or it dies, after the frames were taken for it. */
TEST(frames_refused_at_the_last_moment_are_really_free)
{
	for (int dies = 0; dies < 2; dies++) {
		struct domain *d = host_domain(1, 100);
		void *got = d;
		pthread_t t;

		spin_lock(&d->page_lock);
		pthread_create(&t, NULL, refused, d);
		while (page_free_count() == at_start)
			cpu_relax();
		if (dies)
			d->state = DOMAIN_DYING;
		else
			d->max_pages = 0;
		spin_unlock(&d->page_lock);
		pthread_join(t, &got);
		CHECK(!got);
		host_domain_end(d);
		check_all_free();
	}
}

static struct {
	struct domain *d, *e;
	u32 frame[64]; /* that may belong to either at any time */
	bool stop;
} race;

#define RACE_ROUNDS 20000

static void *race_owner(void *arg)
{
	unsigned int me = (unsigned int)(u64)arg, seed = me + 1;
	struct domain *d = me & 1 ? race.d : race.e;

	host_be_cpu(me);
	for (u64 i = 0; i < RACE_ROUNDS; i++) {
		struct page *pg = page_alloc(d, 0);
		u32 k = host_random(&seed, 64);

		if (!pg)
			continue;
		if (pg->owner != d->id || pg->refs < 1)
			panic("not what was asked for");
		if (READ_ONCE(d->tot_pages) > d->max_pages)
			panic("more frames than the limit");
		*(u64 *)page_to_virt(pg) = 1;
		WRITE_ONCE(race.frame[k], (u32)page_to_mfn(pg));
		drop(pg);
	}
	return NULL;
}

static void *race_user(void *arg)
{
	unsigned int me = (unsigned int)(u64)arg, seed = me + 1;

	host_be_cpu(me);
	while (!READ_ONCE(race.stop)) {
		u32 mfn = READ_ONCE(race.frame[host_random(&seed, 64)]);
		struct page *pg = mfn_to_page(mfn);

		cpu_relax();
		if (!mfn)
			continue;
		if (me & 1 ? page_get(pg, race.d) : page_get_any(pg)) {
			if (me & 1 && READ_ONCE(pg->owner) != race.d->id)
				panic("reference on another domain's frame");
			page_put(pg);
		}
	}
	return NULL;
}

static void *race_hypervisor(void *arg)
{
	unsigned int seed = 99;

	host_be_cpu((unsigned int)(u64)arg);
	while (!READ_ONCE(race.stop)) {
		void *p = kzalloc(1 + host_random(&seed, 3000));
		unsigned int order = host_random(&seed, 3);
		void *q = page_alloc_order_virt(order);

		kfree(p);
		if (q)
			page_free_virt(q, order);
	}
	return NULL;
}

TEST(taking_references_races_with_freeing)
{
	pthread_t t[5];

	race.stop = false;
	/* A limit that is hit all the time: charging races too. */
	race.d = host_domain(1, 1);
	race.e = host_domain(2, 3);
	pthread_create(&t[0], NULL, race_user, (void *)2UL);
	pthread_create(&t[1], NULL, race_user, (void *)3UL);
	pthread_create(&t[2], NULL, race_hypervisor, (void *)4UL);
	pthread_create(&t[3], NULL, race_owner, (void *)5UL);
	pthread_create(&t[4], NULL, race_owner, (void *)6UL);
	race_owner((void *)1UL);
	pthread_join(t[3], NULL);
	pthread_join(t[4], NULL);
	WRITE_ONCE(race.stop, true);
	for (int i = 0; i < 3; i++)
		pthread_join(t[i], NULL);
	host_be_cpu(0);
	host_domain_end(race.d);
	host_domain_end(race.e);
	check_all_free();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_clean_frame_makes_a_dirty_block_no_cleaner),
		TAP_TEST(memory_from_boot_is_scrubbed_when_handed_out),
		TAP_TEST(every_order_is_aligned_zero_and_owned),
		TAP_TEST(all_frames_can_be_taken_and_come_together_again),
		TAP_TEST(random_blocks_never_overlap),
		TAP_TEST(a_domain_gets_no_more_than_its_limit),
		TAP_TEST(the_frame_table_takes_no_more_than_it_needs),
		TAP_TEST(a_reference_keeps_a_frame_from_being_freed),
		TAP_TEST(references_do_not_wrap),
		TAP_TEST(hypervisor_frames_of_a_domain_are_not_charged),
		TAP_TEST(dom0_takes_back_what_it_gave_up),
		TAP_TEST(a_late_reference_on_a_hypervisor_frame_is_no_error),
		TAP_TEST(objects_are_zero_aligned_and_apart),
		TAP_TEST(object_sizes_at_their_borders),
		TAP_TEST(objects_survive_running_out),
		TAP_TEST(frames_refused_at_the_last_moment_are_really_free),
		TAP_TEST(taking_references_races_with_freeing),
	};

	host_init();
	at_start = page_free_count();
	return tap_run(tests, ARRAY_SIZE(tests));
}
