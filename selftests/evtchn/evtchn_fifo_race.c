// SPDX-License-Identifier: MIT
/*
 * evtchn_fifo_race.c - no event is lost between threads
 *
 * As evtchn_2l_race.c: before each send a sender writes the port's sequence
 * number in plain memory, and sends the next only when the receiver has seen it.
 * So a lost event stops its port for good.  Two queues of one virtual CPU stand
 * for queues of any: locks and ends are each their own.  Scenes:
 *
 *	mask	one port; the receiver unmasks it while the next send comes, and
 *		both may want to link it
 *	end	senders link to the end of a queue which the receiver goes past
 *	move	ports go from one queue to the other all the time
 *	mixed	all of it, masks at any time
 *
 * Built with the thread sanitizer it also proves that the announced data is
 * ordered by the words.  Usage: evtchn_fifo_race [rounds].  TAP on stdout.
 */
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "evtchn_fifo.h"
#define TAP_MAIN
#include "../lib/tap.h"

#define SENDERS_MAX 2
#define PORTS_MAX 4 /* of each sender */
#define NR_PORTS (1 + SENDERS_MAX * PORTS_MAX)
#define QUEUES 2
#define STALL_S 30 /* without any progress: the machine may be busy */

struct scene {
	unsigned int senders, ports;
	bool move; /* ports change their queue */
	unsigned int hold; /* receiver masks one event in so many, 0: none */
	bool wild; /* and any port at any time */
};

static const struct scene *scene;
static unsigned int rounds = 50000;

#define APART __attribute__((aligned(128)))
static uint32_t words[EVTCHN_FIFO_PAGE_WORDS] APART;
static uint32_t *const pages[EVTCHN_FIFO_PAGES] = { words };
static struct evtchn_fifo_control control APART;
static uint8_t upcall APART;

static struct lock {
	bool held;
} APART queue_lock[QUEUES];
static struct evtchn_fifo_queue queue[QUEUES];

static struct port {
	struct lock lock; /* to link it */
	unsigned int wanted; /* queue, atomic */
	unsigned int last; /* queue + 1, 0 for none: under the lock */
	uint32_t sent; /* written by the sender, read after the event */
	uint32_t seen; /* atomic: written by the receiver */
} ports[NR_PORTS];

static unsigned int senders_left;
static bool stop;
static unsigned long how[4]; /* results of sends */
static unsigned long moves;

static void lock(struct lock *l)
{
	while (__atomic_exchange_n(&l->held, true, __ATOMIC_ACQUIRE))
		sched_yield();
}

static void unlock(struct lock *l)
{
	__atomic_store_n(&l->held, false, __ATOMIC_RELEASE);
}

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

/* What the hypervisor's event_fifo.c does around evtchn_fifo_link(). */
static enum evtchn_sent link(uint32_t nr)
{
	struct port *p = &ports[nr];
	unsigned int to = __atomic_load_n(&p->wanted, __ATOMIC_RELAXED), from;
	enum evtchn_sent sent;

	lock(&p->lock);
	from = p->last ? p->last - 1 : to;
	lock(&queue_lock[to < from ? to : from]);
	if (to != from)
		lock(&queue_lock[to < from ? from : to]);
	sent = evtchn_fifo_link(pages, nr, &queue[to],
				p->last ? &queue[from] : NULL,
				&control.head[to]);
	if (sent != EVTCHN_MERGED) {
		if (to != from)
			__atomic_fetch_add(&moves, 1, __ATOMIC_RELAXED);
		p->last = to + 1;
	}
	unlock(&queue_lock[to]);
	if (to != from)
		unlock(&queue_lock[from]);
	unlock(&p->lock);
	if (sent != EVTCHN_UPCALL)
		return EVTCHN_QUEUED;
	return evtchn_fifo_raise(&control, &upcall, to);
}

static enum evtchn_sent send(uint32_t nr)
{
	enum evtchn_sent sent = evtchn_fifo_pend(&words[nr]);

	return sent == EVTCHN_UPCALL ? link(nr) : sent;
}

static void unmask(uint32_t nr)
{
	if (evtchn_fifo_unmask(&words[nr]))
		link(nr);
}

static uint32_t port_nr(unsigned int sender, unsigned int i)
{
	return 1 + sender * PORTS_MAX + i;
}

static void *sender(void *arg)
{
	unsigned int me = (unsigned long)arg, seed = me;
	unsigned int done[PORTS_MAX] = { 0 }, left = scene->ports;
	unsigned long sent[4] = { 0 };
	unsigned int idle = 0;

	while (left && !__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		for (unsigned int i = 0; i < scene->ports; i++) {
			uint32_t nr = port_nr(me, i);
			struct port *p = &ports[nr];

			if (done[i] == rounds ||
			    __atomic_load_n(&p->seen, __ATOMIC_ACQUIRE) !=
				    done[i])
				continue;
			if (++done[i] == rounds)
				left--;
			dawdle(&seed);
			if (scene->move)
				__atomic_store_n(&p->wanted,
						 rand_r(&seed) % QUEUES,
						 __ATOMIC_RELAXED);
			p->sent = done[i];
			sent[send(nr)]++;
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
		__atomic_fetch_or(&words[nr], EVTCHN_FIFO_MASKED,
				  __ATOMIC_SEQ_CST);
	__atomic_fetch_and(&words[nr], ~EVTCHN_FIFO_PENDING, __ATOMIC_SEQ_CST);
	sent = p->sent;
	/* From here on the sender may send again: into the mask, or past it. */
	__atomic_store_n(&p->seen, sent, __ATOMIC_RELEASE);
	if (!hold)
		return;
	dawdle(seed);
	unmask(nr);
}

static void *receiver(void *arg)
{
	uint32_t head[QUEUES] = { 0 };
	unsigned int seed = 1, idle = 0;

	(void)arg;
	while (__atomic_load_n(&senders_left, __ATOMIC_ACQUIRE)) {
		uint32_t ready = evtchn_fifo_take_upcall(&control, &upcall);

		idle = ready ? 0 : idle + 1;
		for (; ready; ready &= ready - 1) {
			unsigned int q = __builtin_ctz(ready);

			if (!head[q])
				head[q] = __atomic_load_n(&control.head[q],
							  __ATOMIC_SEQ_CST);
			while (head[q]) {
				uint32_t nr = head[q];

				if (evtchn_fifo_receive(&words[nr], &head[q]))
					serve(nr, &seed);
			}
		}
		if (idle > 1000)
			sched_yield();
		if (scene->wild && rand_r(&seed) % 16 == 0) {
			uint32_t nr = port_nr(rand_r(&seed) % scene->senders,
					      rand_r(&seed) % scene->ports);

			__atomic_fetch_or(&words[nr], EVTCHN_FIFO_MASKED,
					  __ATOMIC_SEQ_CST);
			dawdle(&seed);
			unmask(nr);
		}
	}
	return NULL;
}

static unsigned long progress(void)
{
	unsigned long sum = 0;

	for (unsigned int i = 1; i < NR_PORTS; i++)
		sum += __atomic_load_n(&ports[i].seen, __ATOMIC_RELAXED);
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
	memset(words, 0, sizeof(words));
	memset(&control, 0, sizeof(control));
	memset(queue, 0, sizeof(queue));
	memset(ports, 0, sizeof(ports));
	memset(how, 0, sizeof(how));
	moves = 0;
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

	printf("# %lu merged, %lu masked, %lu queued, %lu upcalls, %lu moves\n",
	       how[EVTCHN_MERGED], how[EVTCHN_MASKED], how[EVTCHN_QUEUED],
	       how[EVTCHN_UPCALL], moves);
	CHECK(!stop); /* else an event was lost */
}

TEST(unmask_races_with_send)
{
	static const struct scene s = { 1, 1, false, 1, false };

	run(&s);
	CHECK(how[EVTCHN_MASKED] && how[EVTCHN_UPCALL]);
}

TEST(end_of_queue_races_with_send)
{
	static const struct scene s = { 2, 2, false, 0, false };

	run(&s);
	CHECK(how[EVTCHN_QUEUED] && how[EVTCHN_UPCALL]);
}

TEST(ports_move_between_queues)
{
	static const struct scene s = { 2, PORTS_MAX, true, 0, false };

	run(&s);
	CHECK(moves && how[EVTCHN_QUEUED]);
}

TEST(everything_at_once)
{
	static const struct scene s = { 2, PORTS_MAX, true, 4, true };

	run(&s);
	CHECK(how[EVTCHN_MASKED] && how[EVTCHN_QUEUED] && moves);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(unmask_races_with_send),
		TAP_TEST(end_of_queue_races_with_send),
		TAP_TEST(ports_move_between_queues),
		TAP_TEST(everything_at_once),
	};

	if (argc > 1)
		rounds = strtoul(argv[1], NULL, 0);
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
