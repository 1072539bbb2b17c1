// SPDX-License-Identifier: MIT
/* sched_test.c - the scheduler in virtual time: shares, wake-ups, affinity */
#include "sim.h"

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
	};

	sim_init();
	return tap_run(tests, ARRAY_SIZE(tests));
}
