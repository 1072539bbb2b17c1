// SPDX-License-Identifier: MIT
/* timer_test.c - one-shot timers of several CPUs */
#include "host.h"

static u64 now = 1000;
static u64 programmed;

u64 now_ns(void)
{
	return READ_ONCE(now);
}

void cpu_timer_program(u64 deadline)
{
	programmed = deadline;
}

static struct timer t[8];
static unsigned int fired[8], nr_fired;

static void note(struct timer *timer)
{
	fired[nr_fired++] = timer - t;
}

static void setup(void)
{
	for (unsigned int i = 0; i < 2; i++) {
		list_init(&cpus[i].timers);
		cpus[i].timer_deadline = 0;
	}
	nr_fired = 0;
	nr_cpus = 2;
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
		timer_init(&t[i], note);
	host_be_cpu(1);
	timer_run();
	host_be_cpu(0);
	timer_run();
}

static void advance(u64 to)
{
	WRITE_ONCE(now, to);
	timer_run();
}

TEST(they_fire_in_order_and_once)
{
	u64 at = now;

	setup();
	CHECK(programmed == ~0UL);
	timer_set(&t[0], at + 300);
	CHECK(programmed == at + 300);
	timer_set(&t[1], at + 100);
	CHECK(programmed == at + 100);
	timer_set(&t[2], at + 200);
	CHECK(programmed == at + 100);
	advance(at + 99);
	CHECK(nr_fired == 0);
	advance(at + 100);
	CHECK(nr_fired == 1 && fired[0] == 1 && programmed == at + 200);
	advance(at + 500);
	CHECK(nr_fired == 3 && fired[1] == 2 && fired[2] == 0);
	CHECK(programmed == ~0UL);
	advance(at + 1000);
	CHECK(nr_fired == 3);
}

TEST(a_timer_in_the_past_fires_at_the_next_look)
{
	setup();
	timer_set(&t[0], 1);
	CHECK(programmed == 1);
	timer_run();
	CHECK(nr_fired == 1);
}

TEST(setting_again_moves)
{
	u64 at = now;

	setup();
	timer_set(&t[0], at + 100);
	timer_set(&t[0], at + 500);
	advance(at + 200); /* the interrupt of the old time, too early */
	CHECK(nr_fired == 0 && programmed == at + 500);
	timer_set(&t[0], at + 300);
	CHECK(programmed == at + 300);
	advance(at + 600);
	CHECK(nr_fired == 1);
}

TEST(cancelled_does_not_fire)
{
	u64 at = now;

	setup();
	timer_cancel(&t[3]); /* never set */
	timer_set(&t[0], at + 100);
	timer_set(&t[1], at + 100);
	timer_cancel(&t[0]);
	timer_cancel(&t[0]);
	advance(at + 200);
	CHECK(nr_fired == 1 && fired[0] == 1);
	timer_cancel(&t[1]); /* fired already */
}

TEST(it_moves_to_the_cpu_that_sets_it)
{
	u64 at = now;

	setup();
	timer_set(&t[0], at + 100);
	host_be_cpu(1);
	timer_set(&t[0], at + 200);
	CHECK(t[0].cpu == &cpus[1]);
	host_be_cpu(0);
	advance(at + 300);
	CHECK(nr_fired == 0);
	host_be_cpu(1);
	timer_run();
	CHECK(nr_fired == 1);
	host_be_cpu(0);
}

static void again(struct timer *timer)
{
	note(timer);
	if (nr_fired < 3)
		timer_set(timer, now + 50);
}

TEST(the_function_may_set_it_again)
{
	u64 at = now;

	setup();
	timer_init(&t[0], again);
	timer_set(&t[0], at + 50);
	advance(at + 60);
	CHECK(nr_fired == 1 && programmed == at + 110);
	advance(at + 110);
	advance(at + 200);
	CHECK(nr_fired == 3 && programmed == ~0UL);
}

/* One that is always due must not keep the others, or the CPU, for ever. */
static void due_again(struct timer *timer)
{
	note(timer);
	WRITE_ONCE(now, now + 10);
	if (nr_fired < 8)
		timer_set(timer, now);
}

TEST(a_fast_periodic_timer_lets_go)
{
	u64 at = now;

	setup();
	timer_init(&t[0], due_again);
	timer_set(&t[0], at + 5);
	advance(at + 5);
	CHECK(nr_fired == 1);
	timer_cancel(&t[0]);
}

/* Two CPUs set, cancel and run the same timers. */
static bool stop;
static u64 runs;

static void count(struct timer *timer)
{
	(void)timer;
	__atomic_fetch_add(&runs, 1, __ATOMIC_RELAXED);
}

static void fiddle(unsigned int seed, unsigned int rounds)
{
	for (unsigned int i = 0; i < rounds; i++) {
		struct timer *timer = &t[host_random(&seed, 8)];

		switch (host_random(&seed, 4)) {
		case 0:
			timer_cancel(timer);
			break;
		case 1:
			__atomic_fetch_add(&now, 10, __ATOMIC_RELAXED);
			timer_run();
			break;
		default:
			timer_set(timer, now_ns() + host_random(&seed, 100));
		}
	}
}

static void *other_cpu(void *arg)
{
	host_be_cpu(1);
	fiddle((unsigned int)(u64)arg, 20000);
	while (!READ_ONCE(stop)) {
		timer_run();
		cpu_relax();
	}
	return NULL;
}

TEST(two_cpus_do_not_confuse_each_other)
{
	pthread_t thread;

	setup();
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
		timer_init(&t[i], count);
	stop = false;
	pthread_create(&thread, NULL, other_cpu, (void *)77UL);
	fiddle(5, 20000);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
		timer_cancel(&t[i]);
	WRITE_ONCE(stop, true);
	pthread_join(thread, NULL);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
		timer_cancel(&t[i]);
	CHECK(runs > 0);
	for (unsigned int i = 0; i < ARRAY_SIZE(t); i++)
		CHECK(!t[i].cpu && list_empty(&t[i].link));
	CHECK(list_empty(&cpus[0].timers) && list_empty(&cpus[1].timers));
}

/* What is freed after timer_destroy() is used by nobody: ASan would tell. */
static struct {
	struct timer timer;
	u64 value;
} *mortal;

static u64 entered;

static void slow(struct timer *timer)
{
	(void)timer;
	__atomic_fetch_add(&entered, 1, __ATOMIC_SEQ_CST);
	for (int i = 0; i < 50; i++) {
		cpu_relax();
		WRITE_ONCE(mortal->value, mortal->value + 1);
	}
}

static void *runner(void *arg)
{
	host_be_cpu((unsigned int)(u64)arg);
	timer_set(&mortal->timer, 0);
	timer_run();
	return NULL;
}

TEST(destroy_waits_for_the_function)
{
	setup();
	for (int round = 0; round < 50; round++) {
		pthread_t thread;

		mortal = calloc(1, sizeof(*mortal));
		REQUIRE(mortal);
		timer_init(&mortal->timer, slow);
		entered = 0;
		pthread_create(&thread, NULL, runner, (void *)1UL);
		while (!__atomic_load_n(&entered, __ATOMIC_SEQ_CST))
			cpu_relax();
		timer_destroy(&mortal->timer);
		CHECK(mortal->value == 50);
		free(mortal);
		pthread_join(thread, NULL);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(they_fire_in_order_and_once),
		TAP_TEST(a_timer_in_the_past_fires_at_the_next_look),
		TAP_TEST(setting_again_moves),
		TAP_TEST(cancelled_does_not_fire),
		TAP_TEST(it_moves_to_the_cpu_that_sets_it),
		TAP_TEST(the_function_may_set_it_again),
		TAP_TEST(a_fast_periodic_timer_lets_go),
		TAP_TEST(two_cpus_do_not_confuse_each_other),
		TAP_TEST(destroy_waits_for_the_function),
	};

	return tap_run(tests, ARRAY_SIZE(tests));
}
