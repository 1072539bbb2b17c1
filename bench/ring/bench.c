// SPDX-License-Identifier: MIT
/*
 * bench.c - measure rings between two pinned threads
 *
 * bench limits ROUNDS
 * bench run ROUNDS MS [SLOT QD:BATCH spin|notify]...
 * bench count RING SLOT BATCH spin|notify TOTAL
 *
 * "run" measures the given cells (default: all), each ring once a round in rotated
 * order, for MS milliseconds at real-time priority, then sleeps as long.  What an
 * involuntary context switch disturbed is repeated, then dropped.  A ping-pong
 * before and after tells where the two CPUs are: a machine may move them.  A line of
 * output is "slot qd batch mode ring round place ns-a-request events-a-request".
 *
 * "count" runs both ends in one thread, for callgrind.
 */
#define _GNU_SOURCE
#define SLOT 8 /* of no ring; for the types */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "contest.h"
#include "limits.h"

#define CONTEST(ring, slot) extern const struct contest contest_##ring##_##slot;
#include "contests.h"

#define CONTEST(ring, slot) &contest_##ring##_##slot,
static const struct contest *const contests[] = {
#include "contests.h"
};
#define NR_CONTESTS (sizeof(contests) / sizeof(contests[0]))

#define TRIES 6
#define HANG_S 120

static const struct {
	uint32_t qd, batch;
} depths[] = { { 1, 1 },   { 32, 1 },  { 32, 8 },  { 32, 32 },
	       { 256, 1 }, { 256, 8 }, { 256, 32 } };

/* What the other thread is to do. */
static void (*work)(void *);
static void *work_arg;
static uint32_t rounds_begun, rounds_ended, ready;
static long other_switches;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t begun = PTHREAD_COND_INITIALIZER;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Times this thread had to give its CPU away. */
static long switches(void)
{
	struct rusage u;

	getrusage(RUSAGE_THREAD, &u);
	return u.ru_nivcsw;
}

/* The first two CPUs this process may use. */
static int cpus[2];

static void find_cpus(void)
{
	cpu_set_t all;
	int n = 0;

	sched_getaffinity(0, sizeof(all), &all);
	for (int cpu = 0; cpu < CPU_SETSIZE && n < 2; cpu++)
		if (CPU_ISSET(cpu, &all))
			cpus[n++] = cpu;
	if (n < 2) {
		fprintf(stderr, "two CPUs are needed\n");
		exit(2);
	}
}

static void pin(int nth)
{
	struct sched_param p = { .sched_priority = 1 };
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(cpus[nth], &one);
	pthread_setaffinity_np(pthread_self(), sizeof(one), &one);
	if (pthread_setschedparam(pthread_self(), SCHED_FIFO, &p) && !nth)
		fprintf(stderr, "no real-time priority: times will be noisy\n");
}

static void *other_main(void *arg)
{
	uint32_t seen = 0;

	(void)arg;
	pin(1);
	for (;;) {
		long before;

		pthread_mutex_lock(&lock);
		while (rounds_begun == seen)
			pthread_cond_wait(&begun, &lock);
		seen = rounds_begun;
		pthread_mutex_unlock(&lock);
		before = switches();
		__atomic_store_n(&ready, seen, __ATOMIC_RELEASE);
		work(work_arg);
		other_switches = switches() - before;
		__atomic_store_n(&rounds_ended, seen, __ATOMIC_RELEASE);
	}
	return NULL;
}

/* Run @theirs on the other CPU and @ours here; ns, 0 if something disturbed. */
static uint64_t both(void (*theirs)(void *), void (*ours)(void *), void *arg)
{
	uint64_t from, ns;
	uint32_t me;
	long before;

	pthread_mutex_lock(&lock);
	work = theirs;
	work_arg = arg;
	me = ++rounds_begun;
	pthread_cond_signal(&begun);
	pthread_mutex_unlock(&lock);
	while (__atomic_load_n(&ready, __ATOMIC_ACQUIRE) != me)
		relax();
	before = switches();
	from = now_ns();
	ours(arg);
	ns = now_ns() - from;
	before = switches() - before;
	while (__atomic_load_n(&rounds_ended, __ATOMIC_ACQUIRE) != me)
		relax();
	return before || other_switches ? 0 : ns;
}

static double probe(void)
{
	static struct limit ping __attribute__((aligned(128)));
	uint64_t ns;

	for (int i = 0; i < TRIES; i++) {
		memset(&ping, 0, sizeof(ping));
		ping.nr = 1000;
		ns = both(limit_pong, limit_ping, &ping);
		if (ns)
			return (double)ns / ping.nr;
	}
	return 0;
}

static const char *place_of(double before, double after)
{
	if (before < 35 || after < 35)
		return "unknown"; /* disturbed, or two threads of one core */
	if (before < 220 && after < 220)
		return "near";
	if (before >= 220 && after >= 220)
		return "far";
	return "unknown";
}

struct cell {
	const struct contest *c;
	struct run *r;
	uint64_t want, got;
};

static void cell_front(void *arg)
{
	struct cell *m = arg;

	m->got = m->c->front(m->r);
}

static void cell_back(void *arg)
{
	struct cell *m = arg;

	m->c->back(m->r);
}

/*
 * What all responses add up to: word i of request n is n + i, a response has its id
 * and the sum of its words.
 */
static uint64_t sum_of(uint64_t total, unsigned int words)
{
	return (words + 1) * (total * (total - 1) / 2) +
	       total * (words * (words - 1) / 2);
}

static struct run *run_new(void)
{
	struct run *r = aligned_alloc(128, sizeof(*r));
	uint8_t *area = mmap(NULL, AREA_BYTES, PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);

	if (!r || area == MAP_FAILED)
		exit(2);
	memset(r, 0, sizeof(*r));
	r->area = area;
	return r;
}

static void prepare(const struct contest *c, struct run *r, uint32_t qd,
		    uint32_t batch, bool notify)
{
	memset(r->area, 0, AREA_BYTES);
	memset(&r->to_back, 0, sizeof(r->to_back));
	memset(&r->to_front, 0, sizeof(r->to_front));
	r->qd = qd;
	r->batch = batch;
	r->notify = notify;
	r->nr = qd < 32 ? 32 : qd;
	c->init(r);
}

/* Measure one ring in one cell; @per is what a request took so far. */
static void measure(const struct contest *c, struct run *r, uint32_t qd,
		    uint32_t batch, bool notify, unsigned int round,
		    unsigned int ms, double *per)
{
	struct cell m = { .c = c, .r = r };

	for (int i = 0; i < TRIES; i++) {
		double first = probe(), last, ns;

		r->total = (uint64_t)(ms * 1e6 / *per) / batch * batch + batch;
		prepare(c, r, qd, batch, notify);
		ns = (double)both(cell_back, cell_front, &m);
		last = probe();
		if (m.got != sum_of(r->total, c->slot / 8)) {
			fprintf(stderr, "%s %u: wrong data\n", c->ring, c->slot);
			exit(1);
		}
		usleep(ms * 1000);
		if (ns == 0)
			continue;
		ns /= (double)r->total;
		if (ns > *per * 2 || ns < *per / 2) {
			*per = ns;
			continue; /* too long or too short: again */
		}
		*per = ns;
		printf("%u %u %u %s %s %u %s %.2f %.4f\n", c->slot, qd, batch,
		       notify ? "notify" : "spin", c->ring, round,
		       place_of(first, last), ns,
		       (double)(r->to_back.sent + r->to_front.sent) /
			       (double)r->total);
		return;
	}
}

static void run_cell(struct run *r, unsigned int slot, uint32_t qd,
		     uint32_t batch, bool notify, unsigned int round,
		     unsigned int ms)
{
	static double per[NR_CONTESTS][8][2];
	size_t d = 0;

	while (d < 7 && (depths[d].qd != qd || depths[d].batch != batch))
		d++;
	for (size_t k = 0; k < NR_CONTESTS; k++) {
		size_t i = (k + round) % NR_CONTESTS;
		const struct contest *c = contests[i];
		double *p = &per[i][d][notify];

		if (c->slot != slot || (notify && !c->can_sleep))
			continue;
		if (*p == 0)
			*p = 50;
		measure(c, r, qd, batch, notify, round, ms, p);
	}
	fflush(stdout);
}

static int run(int argc, char **argv)
{
	unsigned int rounds = (unsigned int)atoi(argv[2]);
	unsigned int ms = (unsigned int)atoi(argv[3]);
	static const unsigned int slots[] = { 16, 64, 112 };
	struct run *r = run_new();

	for (unsigned int round = 0; round < rounds; round++) {
		if (argc > 4) {
			for (int i = 4; i + 2 < argc; i += 3) {
				uint32_t qd, batch;

				if (sscanf(argv[i + 1], "%u:%u", &qd, &batch) != 2)
					return 2;
				alarm(HANG_S);
				run_cell(r, (unsigned int)atoi(argv[i]), qd,
					 batch, !strcmp(argv[i + 2], "notify"),
					 round, ms);
			}
		} else {
			for (unsigned int i = 0; i < 3 * 7 * 2; i++) {
				alarm(HANG_S);
				run_cell(r, slots[i / 7 % 3], depths[i % 7].qd,
					 depths[i % 7].batch, i >= 21, round,
					 ms);
			}
		}
		fprintf(stderr, "\rround %u of %u ", round + 1, rounds);
	}
	fprintf(stderr, "\n");
	return 0;
}

static int limits(unsigned int rounds)
{
	struct limit *l = aligned_alloc(4096, sizeof(*l));

	if (!l)
		return 2;
	for (unsigned int round = 0; round < rounds; round++) {
		for (size_t i = 0; i < limit_nr; i++) {
			const struct limit_kind *k = &limit_kinds[i];
			double first, last, ns = 0;

			alarm(HANG_S);
			first = probe();
			for (int t = 0; t < TRIES && ns == 0; t++) {
				memset(l, 0, sizeof(*l));
				l->nr = k->nr;
				l->lines = k->lines;
				ns = (double)both(k->theirs, k->ours, l);
			}
			last = probe();
			usleep(2000);
			if (ns != 0)
				printf("%s %u %s %.2f\n", k->name, round,
				       place_of(first, last), ns / (double)k->nr);
		}
	}
	return 0;
}

static int count(char **argv)
{
	struct run *r = run_new();

	for (size_t i = 0; i < NR_CONTESTS; i++) {
		const struct contest *c = contests[i];
		uint32_t batch = (uint32_t)atoi(argv[4]);

		if (strcmp(c->ring, argv[2]) ||
		    c->slot != (unsigned int)atoi(argv[3]))
			continue;
		r->total = strtoull(argv[6], NULL, 0) / batch * batch;
		prepare(c, r, 32, batch, !strcmp(argv[5], "notify"));
		return c->single(r) ? 0 : 1;
	}
	fprintf(stderr, "no ring %s with %s bytes here\n", argv[2], argv[3]);
	return 2;
}

int main(int argc, char **argv)
{
	pthread_t other;

	if (argc == 7 && !strcmp(argv[1], "count"))
		return count(argv);
	find_cpus();
	/* Before this one gets priority: the new one would inherit it, and wait. */
	if (pthread_create(&other, NULL, other_main, NULL))
		return 2;
	pin(0);
	if (argc >= 4 && !strcmp(argv[1], "run"))
		return run(argc, argv);
	if (argc == 3 && !strcmp(argv[1], "limits"))
		return limits((unsigned int)atoi(argv[2]));
	fprintf(stderr, "usage: bench limits ROUNDS\n");
	fprintf(stderr, "       bench run ROUNDS MS [SLOT QD:BATCH spin|notify]...\n");
	fprintf(stderr, "       bench count RING SLOT BATCH spin|notify TOTAL\n");
	return 2;
}
