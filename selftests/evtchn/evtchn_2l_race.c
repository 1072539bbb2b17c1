// SPDX-License-Identifier: MIT
/*
 * evtchn_2l_race.c - no event is lost between threads
 *
 * Before each send a sender writes the port's sequence number in plain memory
 * (what the event announces), and sends the next only when the receiver has
 * seen it.  So a lost event stops its port for good, unless another event
 * happens to rescue it; two of the three scenes have nothing that could:
 *
 *	mask	one port; the receiver unmasks it while the next send comes
 *	word	two senders in one word; the flag is cleared and the selector
 *		taken while they send
 *	mixed	ports in several words, masks at any time, two senders
 *
 * Built with the thread sanitizer it also proves that the announced data is
 * ordered by the words.  Usage: evtchn_2l_race [rounds].  TAP on stdout.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evtchn_2l.h"
#define TAP_MAIN
#include "../lib/tap.h"

#define SENDERS_MAX 2
#define PORTS_MAX 6 /* of each sender */
#define STALL_S 30 /* without any progress: the machine may be busy */

struct scene {
	unsigned int senders, ports;
	uint32_t (*port)(unsigned int sender, unsigned int i);
	unsigned int hold; /* receiver masks one event in so many, 0: none */
	bool wild; /* and any port at any time */
};

static const struct scene *scene;
static unsigned int rounds = 50000;

/* Apart, or whoever holds the cache line does all his steps in one go. */
#define APART __attribute__((aligned(128)))
static uint64_t pending[64] APART, mask[64] APART, selector APART;
static uint8_t upcall APART;
static const struct evtchn_2l words = {
	pending, mask, (uint8_t *)&selector, &upcall, 64
};

static struct port {
	uint32_t sent; /* written by the sender, read after the event */
	uint32_t seen; /* atomic: written by the receiver */
} ports[EVTCHN_2L_PORTS];

static unsigned int senders_left;
static bool stop;
static unsigned long how[4]; /* results of sends */

/* Neither side may settle into a rhythm that avoids a window. */
static void dawdle(unsigned int *seed)
{
	unsigned int n = rand_r(seed) % 64;

	if (n == 0) {
		sched_yield();
		return;
	}
	while (n--)
		__asm__ __volatile__("pause" ::: "memory");
}

static void *sender(void *arg)
{
	unsigned int me = (unsigned long)arg, seed = me;
	unsigned int done[PORTS_MAX] = { 0 }, left = scene->ports;
	unsigned long sent[4] = { 0 };
	unsigned int idle = 0;

	while (left && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (unsigned int i = 0; i < scene->ports; i++) {
			uint32_t nr = scene->port(me, i);
			struct port *p = &ports[nr];

			if (done[i] == rounds ||
			    __atomic_load_n(&p->seen, __ATOMIC_ACQUIRE) !=
				    done[i])
				continue;
			if (++done[i] == rounds)
				left--;
			dawdle(&seed);
			p->sent = done[i];
			sent[evtchn_2l_send(&words, nr)]++;
			idle = 0;
		}
		if (++idle > 1000)
			sched_yield();
	}
	for (unsigned int i = 0; i < 4; i++)
		__atomic_fetch_add(&how[i], sent[i], __ATOMIC_RELAXED);
	__atomic_fetch_sub(&senders_left, 1, __ATOMIC_RELEASE);
	return NULL;
}

static void serve(uint32_t nr, unsigned int *seed)
{
	struct port *p = &ports[nr];
	bool hold = scene->hold && rand_r(seed) % scene->hold == 0;
	uint32_t sent;

	if (hold)
		evtchn_2l_set_bit(mask, nr);
	evtchn_2l_clear_bit(pending, nr);
	sent = p->sent;
	/* From here on the sender may send again: into the mask, or past it. */
	__atomic_store_n(&p->seen, sent, __ATOMIC_RELEASE);
	if (!hold)
		return;
	dawdle(seed);
	evtchn_2l_unmask(&words, nr);
}

static void *receiver(void *arg)
{
	unsigned int seed = 1, idle = 0;

	(void)arg;
	while (__atomic_load_n(&senders_left, __ATOMIC_ACQUIRE)) {
		uint64_t left = evtchn_2l_take_upcall(&selector, &upcall);

		idle = left ? 0 : idle + 1;
		for (; left; left &= left - 1) {
			unsigned int w = __builtin_ctzll(left);
			uint64_t ready = evtchn_2l_ready(pending, mask, w);

			for (; ready; ready &= ready - 1)
				serve(w * 64 + __builtin_ctzll(ready), &seed);
		}
		if (idle > 1000)
			sched_yield();
		if (scene->wild && rand_r(&seed) % 16 == 0) {
			uint32_t nr = scene->port(rand_r(&seed) %
							  scene->senders,
						  rand_r(&seed) % scene->ports);

			evtchn_2l_set_bit(mask, nr);
			dawdle(&seed);
			evtchn_2l_unmask(&words, nr);
		}
	}
	return NULL;
}

static unsigned long progress(void)
{
	unsigned long sum = 0;

	for (unsigned int s = 0; s < scene->senders; s++)
		for (unsigned int i = 0; i < scene->ports; i++)
			sum += __atomic_load_n(&ports[scene->port(s, i)].seen,
					       __ATOMIC_RELAXED);
	return sum;
}

/* Let the senders finish, or stop them if nothing goes on any more. */
static void watch(void)
{
	unsigned long last = 0;
	time_t since = time(NULL);

	while (__atomic_load_n(&senders_left, __ATOMIC_ACQUIRE)) {
		struct timespec tick = { .tv_nsec = 20000000 };
		unsigned long now = progress();

		if (now != last)
			since = time(NULL);
		else if (time(NULL) - since > STALL_S)
			__atomic_store_n(&stop, true, __ATOMIC_RELAXED);
		last = now;
		nanosleep(&tick, NULL);
	}
}

static void run(const struct scene *s)
{
	pthread_t thread[SENDERS_MAX], rx;

	scene = s;
	memset(pending, 0, sizeof(pending));
	memset(mask, 0, sizeof(mask));
	memset(ports, 0, sizeof(ports));
	memset(how, 0, sizeof(how));
	selector = 0;
	upcall = 0;
	stop = false;
	senders_left = s->senders;

	pthread_create(&rx, NULL, receiver, NULL);
	for (unsigned long i = 0; i < s->senders; i++)
		pthread_create(&thread[i], NULL, sender, (void *)i);
	watch();
	for (unsigned int i = 0; i < s->senders; i++)
		pthread_join(thread[i], NULL);
	pthread_join(rx, NULL);

	printf("# %lu merged, %lu masked, %lu queued, %lu upcalls\n",
	       how[EVTCHN_MERGED], how[EVTCHN_MASKED],
	       how[EVTCHN_QUEUED], how[EVTCHN_UPCALL]);
	CHECK(!stop); /* else an event was lost */
}

static uint32_t one_port(unsigned int sender, unsigned int i)
{
	return 70 + sender + i;
}

static uint32_t few_words(unsigned int sender, unsigned int i)
{
	return (i & 1) * 64 + sender * 16 + i + 1;
}

TEST(unmask_races_with_send)
{
	static const struct scene s = { 1, 1, one_port, 1, false };

	run(&s);
	CHECK(how[EVTCHN_MASKED] && how[EVTCHN_UPCALL]);
}

TEST(upcall_races_with_send)
{
	static const struct scene s = { 2, 1, one_port, 0, false };

	run(&s);
	CHECK(how[EVTCHN_QUEUED] && how[EVTCHN_UPCALL]);
}

TEST(everything_at_once)
{
	static const struct scene s = { 2, PORTS_MAX, few_words, 4, true };

	run(&s);
	CHECK(how[EVTCHN_MASKED] && how[EVTCHN_QUEUED]);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(unmask_races_with_send),
		TAP_TEST(upcall_races_with_send),
		TAP_TEST(everything_at_once),
	};

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
