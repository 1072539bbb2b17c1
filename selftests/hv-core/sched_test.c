// SPDX-License-Identifier: MIT
/* sched_test.c - the scheduler in virtual time: shares, wake-ups, affinity, caps */
#include "sim.h"

#define FOREVER (5 * MS) /* stretches of one who never sleeps */

static bool near(u64 value, u64 want, unsigned int percent)
{
	u64 slack = want * percent / 100;

	if (value + slack >= want && value <= want + slack)
		return true;
	printf("# %lu us, expected %lu\n", value / US, want / US);
	return false;
}

static struct guest *hog(u32 weight)
{
	return guest_new(weight, FOREVER, 0);
}

TEST(one_gets_all)
{
	struct guest *g;

	nr_cpus = 1;
	g = hog(256);
	guest_start(g);
	sim_run(SEC);
	CHECK(near(g->ran, SEC, 1));
	sim_end();
}

TEST(equals_share_equally)
{
	for (nr_cpus = 1; nr_cpus <= SIM_CPUS; nr_cpus++) {
		for (unsigned int n = nr_cpus; n <= 2 * nr_cpus + 1; n++) {
			struct guest *g[2 * SIM_CPUS + 1];

			for (unsigned int i = 0; i < n; i++) {
				g[i] = hog(256);
				guest_start(g[i]);
			}
			sim_run(4 * SEC);
			for (unsigned int i = 0; i < n; i++)
				CHECK(near(g[i]->ran, 4 * SEC * nr_cpus / n, 3));
			sim_end();
		}
	}
}

TEST(weights_are_shares)
{
	static const u32 weight[] = { 64, 128, 256, 512, 1024 };
	struct guest *g[ARRAY_SIZE(weight)];
	u64 sum = 0;

	nr_cpus = 1;
	for (size_t i = 0; i < ARRAY_SIZE(weight); i++) {
		g[i] = hog(weight[i]);
		sum += weight[i];
		guest_start(g[i]);
	}
	sim_run(10 * SEC);
	for (size_t i = 0; i < ARRAY_SIZE(weight); i++)
		CHECK(near(g[i]->ran, 10 * SEC * weight[i] / sum, 5));
	sim_end();
}

TEST(a_changed_weight_counts_from_then_on)
{
	struct guest *a, *b;
	u64 before;

	nr_cpus = 1;
	a = hog(256);
	b = hog(256);
	guest_start(a);
	guest_start(b);
	sim_run(SEC);
	CHECK(sched_set_weight(a->v.domain, 0, 0) == -EINVAL);
	CHECK(sched_set_weight(a->v.domain, 65536, 0) == -EINVAL);
	CHECK(!sched_set_weight(a->v.domain, 768, 0));
	before = a->ran;
	sim_run(4 * SEC);
	CHECK(near(a->ran - before, 3 * SEC, 5));
	sim_end();
}

/* Waits for its disk, computes a little: it must not wait for a slice. */
TEST(one_who_sleeps_a_lot_runs_at_once)
{
	struct guest *busy, *io;

	nr_cpus = 1;
	busy = hog(256);
	io = guest_new(256, 100 * US, 900 * US);
	guest_start(busy);
	guest_start(io);
	sim_run(2 * SEC);
	CHECK(io->wakes > 1900);
	CHECK(io->latest <= 600 * US);
	CHECK(near(io->ran, 2 * SEC / 10, 10));
	CHECK(near(io->ran + busy->ran, 2 * SEC, 1));
	sim_end();
}

/* The same when two share the CPU already, in slices. */
TEST(one_who_sleeps_a_lot_interrupts_slices)
{
	struct guest *busy[2], *io;

	nr_cpus = 1;
	for (int i = 0; i < 2; i++) {
		busy[i] = hog(256);
		guest_start(busy[i]);
	}
	io = guest_new(256, 100 * US, 900 * US);
	guest_start(io);
	sim_run(2 * SEC);
	CHECK(io->wakes > 1900);
	CHECK(io->latest <= 600 * US);
	CHECK(near(busy[0]->ran, busy[1]->ran, 5));
	sim_end();
}

TEST(sleeping_long_saves_up_nothing)
{
	struct guest *busy, *sleeper;
	u64 before;

	nr_cpus = 1;
	busy = hog(256);
	sleeper = guest_new(256, MS, 5 * SEC);
	guest_start(busy);
	guest_start(sleeper);
	sim_run(4 * SEC);
	sleeper->sleep_ns = 0;
	sleeper->run_ns = FOREVER;
	guest_event(sleeper);
	before = busy->ran;
	sim_run(200 * MS);
	CHECK(near(busy->ran - before, 100 * MS, 15));
	sim_end();
}

TEST(a_pinned_vcpu_stays)
{
	struct guest *g[5];

	nr_cpus = 3;
	for (unsigned int i = 0; i < 5; i++)
		g[i] = hog(256);
	guest_pin(g[0], BIT(1));
	guest_pin(g[1], BIT(1));
	guest_pin(g[2], BIT(0) | BIT(2));
	for (unsigned int i = 0; i < 5; i++)
		guest_start(g[i]);
	sim_run(2 * SEC);
	CHECK(g[0]->ran == g[0]->ran_on[1] && g[0]->ran);
	CHECK(g[1]->ran == g[1]->ran_on[1] && g[1]->ran);
	CHECK(!g[2]->ran_on[1] && g[2]->ran);
	sim_end();
}

TEST(changed_affinity_moves_it_at_once)
{
	struct guest *g, *w;
	struct cpumask none = { .bits = { BIT(9) } };
	u64 before;

	nr_cpus = 3;
	g = hog(256);
	guest_start(g);
	sim_run(10 * MS);
	for (unsigned int cpu = 0; cpu < 3; cpu++) {
		guest_pin(g, BIT(cpu));
		sim_run(100 * US);
		before = g->ran_on[cpu];
		sim_run(10 * MS);
		CHECK(near(g->ran_on[cpu] - before, 10 * MS, 1));
	}
	CHECK(vcpu_set_affinity(&g->v, &none, NULL) == -EINVAL);

	/* One that waits behind another goes to the idle CPU it may now use. */
	w = hog(256);
	guest_pin(w, BIT(2));
	guest_start(w);
	sim_run(100 * US);
	guest_pin(w, BIT(0));
	before = w->ran;
	sim_run(10 * MS);
	CHECK(near(w->ran - before, 10 * MS, 2));
	sim_end();
}

TEST(no_cpu_is_idle_while_one_waits_that_may_use_it)
{
	unsigned int seed = 4;
	struct guest *g[9];

	for (nr_cpus = 2; nr_cpus <= SIM_CPUS; nr_cpus++) {
		for (unsigned int i = 0; i < 9; i++) {
			g[i] = guest_new(256, (1 + host_random(&seed, 3000)) * US,
					 (1 + host_random(&seed, 6000)) * US);
			if (i % 2)
				guest_pin(g[i], BIT(host_random(&seed, nr_cpus)) |
						BIT(host_random(&seed, nr_cpus)));
			guest_start(g[i]);
		}
		sim_idle_waste = 0;
		sim_run(3 * SEC);
		if (sim_idle_waste > 20 * US)
			printf("# %u CPUs: idle for %lu us with work waiting\n",
			       nr_cpus, sim_idle_waste / US);
		CHECK(sim_idle_waste <= 20 * US);
		sim_end();
	}
}

/* Both ran on the same CPU last; the second must not wait for the first. */
TEST(two_wakes_at_once_use_both_cpus)
{
	struct guest *g[2];

	nr_cpus = 2;
	for (int i = 0; i < 2; i++) {
		g[i] = guest_new(256, 100 * US, 10 * SEC);
		guest_start(g[i]);
	}
	sim_run(50 * MS);
	for (int i = 0; i < 2; i++) {
		g[i]->v.cpu = &cpus[0];
		g[i]->run_ns = g[i]->left = 5 * MS;
	}
	for (int i = 0; i < 2; i++)
		guest_event(g[i]);
	sim_run(50 * US);
	CHECK(g[0]->v.running && g[1]->v.running);
	sim_end();
}

TEST(paused_is_paused)
{
	struct guest *g[3];
	u64 before;

	nr_cpus = 2;
	for (unsigned int i = 0; i < 3; i++) {
		g[i] = hog(256);
		guest_start(g[i]);
	}
	sim_run(50 * MS);
	vcpu_pause(&g[1]->v);
	CHECK(!g[1]->v.running);
	before = g[1]->ran;
	sim_run(100 * MS);
	CHECK(g[1]->ran == before);
	vcpu_pause(&g[1]->v); /* nests */
	vcpu_unpause(&g[1]->v);
	sim_run(100 * MS);
	CHECK(g[1]->ran == before);
	vcpu_unpause(&g[1]->v);
	sim_run(300 * MS);
	CHECK(near(g[1]->ran - before, 200 * MS, 10));
	vcpu_unpause(&g[1]->v); /* once too often is nothing */
	CHECK(g[1]->v.pause_count == 0);

	vcpu_set_down(&g[1]->v, true);
	sim_run(MS);
	before = g[1]->ran;
	sim_run(50 * MS);
	CHECK(g[1]->ran == before);
	vcpu_set_down(&g[1]->v, false);
	sim_run(50 * MS);
	CHECK(g[1]->ran > before);
	sim_end();
}

/* Paused in the moment between being picked and running. */
static struct vcpu *victim;

static void pause_victim(struct vcpu *v)
{
	if (v == victim) {
		victim = NULL;
		vcpu_pause_nosync(v);
		/* By another CPU: that is what makes the request get lost. */
		WRITE_ONCE(this_cpu()->need_resched, true);
	}
}

TEST(a_pause_just_before_it_runs_is_not_lost)
{
	struct guest *g;

	nr_cpus = 1;
	for (int when = 0; when < 2; when++) {
		g = hog(256);
		victim = &g->v;
		if (when)
			sim_keep_hook = pause_victim;
		else
			sim_switch_hook = pause_victim;
		guest_start(g);
		sim_run(100 * MS);
		CHECK(!victim && g->ran == 0 && !g->v.running);
		sim_end();
	}
}

TEST(an_event_before_blocking_completes_is_not_lost)
{
	unsigned int seed = 8;
	struct guest *g[6];

	for (nr_cpus = 1; nr_cpus <= SIM_CPUS; nr_cpus++) {
		for (unsigned int i = 0; i < 6; i++) {
			/* Nothing but the events below ends its sleep. */
			g[i] = guest_new(256, 3 * US, 1000 * SEC);
			guest_start(g[i]);
		}
		for (unsigned int n = 0; n < 20000; n++) {
			guest_event(g[host_random(&seed, 6)]);
			sim_run(1 + host_random(&seed, 8 * US));
			for (unsigned int i = 0; i < 6; i++)
				REQUIRE(!(g[i]->v.blocked &&
					  g[i]->info.evtchn_upcall_pending));
		}
		for (unsigned int i = 0; i < 6; i++) {
			CHECK(g[i]->wakes > 100);
			CHECK(g[i]->latest < MS);
		}
		sim_end();
	}
}

TEST(yield_lets_the_others_go_first)
{
	struct guest *yielder, *other;

	nr_cpus = 1;
	yielder = guest_new(256, 10 * US, 0);
	yielder->yields = true;
	other = hog(256);
	guest_start(yielder);
	guest_start(other);
	sim_run(SEC);
	CHECK(other->ran > SEC * 8 / 10);
	CHECK(yielder->ran > 0);
	sim_end();
}

/*
 * One CPU's clock is ahead.  Seen from another, what it has just started to run
 * began in the future, which must not look like a very long time.
 */
TEST(clocks_that_differ_starve_nobody)
{
	struct guest *a, *b;
	u64 before;

	nr_cpus = 2;
	sim_skew[1] = 50 * US;
	a = guest_new(256, 20 * US, 10 * SEC);
	b = guest_new(256, 20 * US, 10 * SEC);
	guest_pin(a, BIT(1));
	guest_pin(b, BIT(0));
	guest_start(a);
	guest_start(b);
	sim_run(MS);
	a->run_ns = a->left = FOREVER;
	a->sleep_ns = 0;
	guest_event(a);
	sim_run(10 * US);
	CHECK(a->v.running);
	b->run_ns = b->left = FOREVER;
	b->sleep_ns = 0;
	guest_event(b);
	sim_run(10 * US);
	guest_pin(b, BIT(1));
	before = b->ran;
	sim_run(400 * MS);
	CHECK(near(b->ran - before, 200 * MS, 10));
	sim_end();
}

TEST(runstates_add_up)
{
	struct vcpu_runstate_info info;
	struct guest *a, *b;
	u64 began, sum = 0;

	nr_cpus = 1;
	began = sim_now;
	a = guest_new(256, 3 * MS, 2 * MS);
	b = hog(256);
	guest_start(a);
	guest_start(b);
	sim_run(SEC);
	vcpu_runstate(&a->v, &info);
	for (int i = 0; i < 4; i++)
		sum += info.time[i];
	CHECK(sum == sim_now - began);
	CHECK(near(info.time[RUNSTATE_running], a->ran, 1));
	CHECK(info.time[RUNSTATE_blocked] && info.time[RUNSTATE_runnable]);
	vcpu_pause(&a->v);
	sim_run(SEC);
	vcpu_runstate(&a->v, &info);
	CHECK(info.state == RUNSTATE_offline);
	CHECK(near(info.time[RUNSTATE_offline], SEC, 1));
	sim_end();
}

TEST(a_polling_cpu_needs_no_interrupt)
{
	struct guest *g;
	u64 hits;

	nr_cpus = 1;
	opt.halt_poll_us = 1000;
	cpus[0].halt_poll_ns = 1000 * US;
	g = guest_new(256, 50 * US, 200 * US);
	guest_start(g);
	sim_run(MS);
	hits = cpus[0].polls_hit;
	sim_run(100 * MS);
	CHECK(cpus[0].polls_hit - hits > 300);
	CHECK(sim_kicks_saved() > 300);
	/* Sleeps too long for that: it halts, and polls less from then on. */
	g->sleep_ns = 20 * MS;
	sim_run(SEC);
	CHECK(cpus[0].halt_poll_ns < 200 * US);
	/* The time it wastes is bounded: 50 rounds. */
	opt.halt_poll_us = 0;
	cpus[0].halt_poll_ns = 0;
	sim_end();
}

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
		TAP_TEST(one_gets_all),
		TAP_TEST(equals_share_equally),
		TAP_TEST(weights_are_shares),
		TAP_TEST(a_changed_weight_counts_from_then_on),
		TAP_TEST(one_who_sleeps_a_lot_runs_at_once),
		TAP_TEST(one_who_sleeps_a_lot_interrupts_slices),
		TAP_TEST(sleeping_long_saves_up_nothing),
		TAP_TEST(a_pinned_vcpu_stays),
		TAP_TEST(changed_affinity_moves_it_at_once),
		TAP_TEST(no_cpu_is_idle_while_one_waits_that_may_use_it),
		TAP_TEST(two_wakes_at_once_use_both_cpus),
		TAP_TEST(paused_is_paused),
		TAP_TEST(a_pause_just_before_it_runs_is_not_lost),
		TAP_TEST(an_event_before_blocking_completes_is_not_lost),
		TAP_TEST(yield_lets_the_others_go_first),
		TAP_TEST(clocks_that_differ_starve_nobody),
		TAP_TEST(runstates_add_up),
		TAP_TEST(a_polling_cpu_needs_no_interrupt),
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
