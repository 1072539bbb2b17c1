// SPDX-License-Identifier: MIT
/* p2m_model.c - guest frame maps: random changes against a model, and races */
#include "p2m_host.h"

/*
 * Random changes against an array: three places of a few MiB, each across the
 * border of a 1 GiB entry.
 */
enum { SPAN = 8 * 512, PLACES = 3, FRAMES = 16 };

static struct {
	mfn_t mfn;
	enum p2m_type type;
} model[PLACES][SPAN];

static const gfn_t place[PLACES] = { 0, G1 - SPAN / 2, 77 * G1 - SPAN / 2 };

static void model_set(unsigned int p, unsigned int at, unsigned int nr,
		      mfn_t mfn, enum p2m_type type)
{
	for (unsigned int i = 0; i < nr; i++) {
		model[p][at + i].mfn = type == P2M_NONE ? INVALID_MFN : mfn + i;
		model[p][at + i].type = type;
	}
}

static bool model_has_foreign(unsigned int p, unsigned int at)
{
	for (unsigned int i = 0; i < M2; i++)
		if (model[p][at + i].type == P2M_FOREIGN)
			return true;
	return false;
}

TEST(random_changes_agree_with_a_model)
{
	static const enum p2m_type types[] = { P2M_NONE, P2M_RAM, P2M_RAM_RO,
					       P2M_MMIO, P2M_XEN, P2M_GRANT_RW,
					       P2M_GRANT_RO };
	struct domain *d = domain_with_map(1), *e = host_domain(2, 1000);
	struct page *foreign = page_alloc(e, 4);
	unsigned int seed = 5;
	u64 refs = 0;

	REQUIRE(foreign);
	for (unsigned int p = 0; p < PLACES; p++)
		model_set(p, 0, SPAN, 0, P2M_NONE);
	for (unsigned int n = 0; n < 60000 && !tap_failed; n++) {
		unsigned int p = host_random(&seed, PLACES);
		unsigned int at = host_random(&seed, SPAN);
		enum p2m_type type = types[host_random(&seed,
						       ARRAY_SIZE(types))];
		mfn_t mfn = host_random(&seed, 1U << 20);

		switch (host_random(&seed, 12)) {
		case 0: { /* 2 MiB */
			int err;

			at = ALIGN_DOWN(at, (unsigned int)M2);
			mfn = ALIGN_DOWN(mfn, M2);
			err = p2m_set(d, place[p] + at, mfn, 9, type);
			if (model_has_foreign(p, at)) {
				CHECK(err == -EBUSY);
				break;
			}
			CHECK(!err);
			model_set(p, at, M2, mfn, type);
			break;
		}
		case 1: { /* foreign */
			struct page *pg = foreign + host_random(&seed, FRAMES);

			CHECK(page_get_any(pg));
			CHECK(!p2m_set(d, place[p] + at, page_to_mfn(pg), 0,
				       P2M_FOREIGN));
			model_set(p, at, 1, page_to_mfn(pg), P2M_FOREIGN);
			break;
		}
		case 2:
		case 3: { /* in a batch */
			enum p2m_type was = model[p][at].type;
			bool busy = was == P2M_FOREIGN ||
				    (was != P2M_NONE && was != P2M_MMIO &&
				     (type == P2M_GRANT_RW ||
				      type == P2M_GRANT_RO));
			int err = p2m_set_noflush(d, place[p] + at, mfn, 0,
						  type);

			CHECK(err == (busy ? -EBUSY : 0));
			if (!busy)
				model_set(p, at, 1, mfn, type);
			break;
		}
		default:
			CHECK(!p2m_set(d, place[p] + at, mfn, 0, type));
			model_set(p, at, 1, mfn, type);
		}
		p = host_random(&seed, PLACES);
		at = host_random(&seed, SPAN);
		for (unsigned int i = at; i < SPAN && i < at + 8; i++) {
			enum p2m_type t;
			mfn_t m = p2m_lookup(d, place[p] + i, &t, NULL);

			CHECK(m == model[p][i].mfn && t == model[p][i].type);
		}
	}
	for (unsigned int p = 0; p < PLACES; p++)
		for (unsigned int i = 0; i < SPAN; i++) {
			enum p2m_type t;
			mfn_t m = p2m_lookup(d, place[p] + i, &t, NULL);

			CHECK(m == model[p][i].mfn && t == model[p][i].type);
			refs += t == P2M_FOREIGN;
		}
	for (unsigned int i = 0; i < FRAMES; i++)
		refs -= foreign[i].refs - 1;
	CHECK(refs == 0);
	p2m_destroy(d);
	for (unsigned int i = 0; i < FRAMES; i++) {
		CHECK(foreign[i].refs == 1);
		drop(&foreign[i]);
	}
	host_domain_end(d);
	host_domain_end(e);
	no_leak();
}

/* Lookups take no lock: they see an old or the new entry, never between. */
static struct domain *walked;
static bool walk_stop;

static void *walker(void *arg)
{
	host_be_cpu((unsigned int)(u64)arg);
	while (!READ_ONCE(walk_stop)) {
		for (gfn_t g = 0; g < 4 * M2; g += 37) {
			enum p2m_type t;
			mfn_t m = p2m_lookup(walked, g, &t, NULL);

			if (t == P2M_NONE ? m != INVALID_MFN :
					    (m & (4 * M2 - 1)) != g)
				panic("lookup of %#lx found %#lx", g, m);
		}
		cpu_relax();
	}
	return NULL;
}

TEST(lookups_race_with_changes)
{
	unsigned int seed = 1;
	pthread_t t;

	walk_stop = false;
	for (unsigned int round = 0; round < 20; round++) {
		walked = domain_with_map(1);
		WRITE_ONCE(walk_stop, false);
		pthread_create(&t, NULL, walker, (void *)1UL);
		for (unsigned int i = 0; i < 3000; i++) {
			gfn_t g = host_random(&seed, 4 * M2);
			mfn_t base = 4 * M2 * host_random(&seed, 16);
			unsigned int order = host_random(&seed, 8) ? 0 : 9;

			g &= ~((1UL << order) - 1);
			CHECK(!p2m_set(walked, g, base + g, order,
				       i % 5 ? P2M_RAM : P2M_NONE));
		}
		WRITE_ONCE(walk_stop, true);
		pthread_join(t, NULL);
		domain_end(walked);
	}
	no_leak();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(random_changes_agree_with_a_model),
		TAP_TEST(lookups_race_with_changes),
	};

	host_init();
	at_start = page_free_count();
	return tap_run(tests, ARRAY_SIZE(tests));
}
