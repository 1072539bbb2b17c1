// SPDX-License-Identifier: MIT
/* cap_test.c - caps in virtual time: what a domain gets, budgets and debts */
#include "sim.h"

#define PERIOD (10 * MS)

static u64 domain_ran(const struct guest *g)
{
	const struct domain *d = g->v.domain;
	u64 ran = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++)
		ran += container_of(d->vcpu[i], struct guest, v)->ran;
	return ran;
}

/* Set @g's domain's cap; does it run just so much in each of @periods? */
static bool cap_holds(struct guest *g, u32 cap, unsigned int periods)
{
	u64 start = domain_ran(g);

	if (sched_set_weight(g->v.domain, g->v.domain->weight, cap))
		return false;
	for (unsigned int i = 0; i < periods; i++) {
		u64 before = domain_ran(g);

		sim_run(PERIOD);
		if (domain_ran(g) - before > PERIOD * cap / 100 + 20 * US) {
			printf("# %lu us of %u %% in period %u\n",
			       (domain_ran(g) - before) / US, cap, i);
			return false;
		}
	}
	return near(domain_ran(g) - start, periods * PERIOD * cap / 100, 5);
}

/* To shortly before the end of the period that cap_holds() ended with. */
static bool parked_soon(const struct guest *g)
{
	sim_run(PERIOD - MS);
	return g->v.domain->parked && !g->v.running && !g->v.queued;
}

TEST(a_cap_is_what_it_gets)
{
	static const u32 cap[] = { 40, 1, 99, 100, 7 };
	struct vcpu_runstate_info info;
	struct guest *g;

	nr_cpus = 1;
	g = hog(256);
	guest_start(g);
	sim_run(SEC);
	for (size_t i = 0; i < ARRAY_SIZE(cap); i++)
		CHECK(cap_holds(g, cap[i], 100));
	CHECK(sched_set_weight(g->v.domain, 256, 101) == -EINVAL);
	CHECK(g->v.domain->cap == 7);
	/* What it does not get is stolen, not idle. */
	CHECK(parked_soon(g));
	vcpu_runstate(&g->v, &info);
	CHECK(info.state == RUNSTATE_runnable);
	CHECK(near(info.time[RUNSTATE_runnable], 253 * SEC / 100, 5));
	CHECK(!info.time[RUNSTATE_blocked]);
	sim_end();
}

TEST(a_cap_is_for_all_vcpus_of_a_domain)
{
	static const u32 cap[] = { 10, 60, 150, 300 };
	struct guest *g, *late;

	nr_cpus = SIM_CPUS;
	g = hog(256);
	guest_start(g);
	guest_start(guest_add(g, FOREVER, 0));
	CHECK(cap_holds(g, 60, 100));
	/* Two more, in the middle of a period. */
	CHECK(!sched_set_weight(g->v.domain, 256, 150));
	sim_run(3 * MS);
	late = guest_add(g, FOREVER, 0);
	guest_start(late);
	guest_start(guest_add(g, 70 * US, 30 * US));
	sim_run(7 * MS);
	CHECK(late->ran > 2 * MS);
	/* And one that waits for a CPU when the budget ends. */
	guest_start(guest_add(g, FOREVER, 0));
	for (size_t i = 0; i < ARRAY_SIZE(cap); i++)
		CHECK(cap_holds(g, cap[i], 100));
	sim_end();
}

TEST(a_changed_cap_counts_from_then_on)
{
	struct guest *g;
	u64 before;

	nr_cpus = 1;
	g = hog(256);
	guest_start(g);
	/* Nothing is held against it that it ran before. */
	sim_run(SEC);
	CHECK(cap_holds(g, 50, 1));
	CHECK(cap_holds(g, 20, 10));
	/* A higher one, or none, takes it out of being parked. */
	CHECK(parked_soon(g));
	CHECK(cap_holds(g, 80, 10));
	CHECK(cap_holds(g, 5, 1));
	CHECK(parked_soon(g));
	before = g->ran;
	CHECK(!sched_set_weight(g->v.domain, 256, 0));
	CHECK(list_empty(&cpus[0].timers));
	sim_run(SEC);
	CHECK(near(g->ran - before, SEC, 1));
	/* It runs alone, and is not interrupted for anything. */
	CHECK(list_empty(&cpus[0].timers));
	sim_end();
}

TEST(a_weight_leaves_the_cap_alone)
{
	struct guest *g;
	u64 before;

	nr_cpus = 1;
	g = hog(256);
	guest_start(g);
	CHECK(cap_holds(g, 30, 10));
	before = g->ran;
	for (unsigned int i = 0; i < 1000; i++) {
		CHECK(!sched_set_weight(g->v.domain, 100 + i, 30));
		sim_run(MS);
	}
	CHECK(near(g->ran - before, 300 * MS, 5));
	sim_end();
}

TEST(weights_hold_beside_a_capped_domain)
{
	struct guest *a, *b, *capped;

	nr_cpus = 1;
	a = hog(256);
	b = hog(512);
	capped = hog(1024);
	guest_start(a);
	guest_start(b);
	guest_start(capped);
	CHECK(!sched_set_weight(capped->v.domain, 1024, 25));
	sim_run(10 * SEC);
	CHECK(near(capped->ran, 10 * SEC / 4, 5));
	CHECK(near(a->ran, 10 * SEC / 4, 5));
	CHECK(near(b->ran, 10 * SEC / 2, 5));
	sim_end();

	/* A cap is no claim: its share is less. */
	a = hog(256);
	capped = hog(256);
	guest_start(a);
	guest_start(capped);
	CHECK(!sched_set_weight(capped->v.domain, 256, 80));
	sim_run(10 * SEC);
	CHECK(near(a->ran, 5 * SEC, 5));
	CHECK(near(capped->ran, 5 * SEC, 5));
	sim_end();
}

TEST(a_capped_sleeper_saves_up_nothing)
{
	struct guest *g;
	u64 before;

	nr_cpus = 1;
	/* Below its cap it is as if there were none. */
	g = guest_new(256, 100 * US, 900 * US);
	guest_start(g);
	CHECK(!sched_set_weight(g->v.domain, 256, 20));
	sim_run(SEC);
	CHECK(g->wakes > 950 && g->latest <= 10 * US);
	/* Above it: the rest of its work waits for the next period. */
	g->run_ns = 400 * US;
	g->sleep_ns = 100 * US;
	CHECK(cap_holds(g, 20, 100));
	/* While it sleeps no timer ticks, and nothing is kept for later. */
	g->run_ns = MS;
	g->sleep_ns = 1000 * SEC;
	sim_run(100 * SEC);
	CHECK(g->v.blocked && list_empty(&cpus[0].timers));
	g->run_ns = FOREVER;
	g->sleep_ns = 0;
	before = g->ran;
	guest_event(g);
	sim_run(10 * PERIOD);
	/* Its budget of the period in which it woke may be all unused. */
	CHECK(near(g->ran - before, 21 * MS, 10));
	sim_end();
}

/* However late a timer was. */
TEST(a_debt_is_forgotten_after_a_while)
{
	struct guest *g;
	u64 before;

	nr_cpus = 1;
	g = hog(256);
	guest_start(g);
	CHECK(cap_holds(g, 50, 10));
	g->v.domain->cap_used += 15 * MS;
	before = g->ran;
	sim_run(20 * PERIOD);
	CHECK(near(g->ran - before, 85 * MS, 5));
	/* Four periods passed unnoticed, which brought budgets too. */
	CHECK(parked_soon(g));
	g->v.domain->cap_used += 4 * 5 * MS;
	g->v.domain->cap_refill -= 4 * PERIOD;
	before = g->ran;
	sim_run(20 * PERIOD);
	CHECK(near(g->ran - before, 100 * MS, 5));
	g->v.domain->cap_used += 1000 * SEC;
	before = g->ran;
	sim_run(9 * PERIOD);
	CHECK(g->ran == before);
	sim_run(10 * PERIOD);
	CHECK(near(g->ran - before, 50 * MS, 5));
	sim_end();
}

TEST(a_parked_domain_is_paused_and_ends)
{
	struct vcpu_runstate_info info;
	struct guest *g, *sleeper;
	u64 before;

	nr_cpus = 2;
	g = hog(256);
	sleeper = guest_add(g, 50 * US, 1000 * SEC);
	guest_start(g);
	guest_start(sleeper);
	CHECK(cap_holds(g, 40, 10));
	CHECK(parked_soon(g));
	/* An event for it makes it runnable; it runs when it is due. */
	before = sleeper->ran;
	guest_event(sleeper);
	vcpu_runstate(&sleeper->v, &info);
	CHECK(info.state == RUNSTATE_runnable && !sleeper->v.queued);
	CHECK(cpus[0].vcpu == NULL && !cpus[0].need_resched);
	CHECK(cpus[1].vcpu == NULL && !cpus[1].need_resched);
	sim_run(MS + 100 * US);
	CHECK(near(sleeper->ran - before, 50 * US, 10));

	CHECK(parked_soon(g));
	vcpu_pause(&g->v);
	vcpu_runstate(&g->v, &info);
	CHECK(info.state == RUNSTATE_offline);
	before = g->ran;
	sim_run(10 * PERIOD);
	CHECK(g->ran == before && list_empty(&cpus[0].timers) &&
	      list_empty(&cpus[1].timers));
	vcpu_unpause(&g->v);
	CHECK(cap_holds(g, 30, 10));
	CHECK(parked_soon(g));
	vcpu_set_down(&g->v, true);
	vcpu_set_down(&g->v, false);
	CHECK(!g->v.queued && !g->v.running);
	guest_pin(g, BIT(1));
	before = g->ran_on[1];
	sim_run(MS);
	CHECK(parked_soon(g));
	CHECK(near(g->ran_on[1] - before, 3 * MS, 5));
	sim_end();
	CHECK(list_empty(&cpus[0].timers) && list_empty(&cpus[1].timers));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_cap_is_what_it_gets),
		TAP_TEST(a_cap_is_for_all_vcpus_of_a_domain),
		TAP_TEST(a_changed_cap_counts_from_then_on),
		TAP_TEST(a_weight_leaves_the_cap_alone),
		TAP_TEST(weights_hold_beside_a_capped_domain),
		TAP_TEST(a_capped_sleeper_saves_up_nothing),
		TAP_TEST(a_debt_is_forgotten_after_a_while),
		TAP_TEST(a_parked_domain_is_paused_and_ends),
	};

	sim_init();
	return tap_run(tests, ARRAY_SIZE(tests));
}
