// SPDX-License-Identifier: MIT
/*
 * connect.c - how many TCP connections a second
 *
 * A connection is made, one byte goes there, one comes back, and the client closes:
 * what others call connect/request/response.
 *
 *   connect server PORT WORKERS
 *   connect client ADDRESS PORT SECONDS WORKERS
 *
 * The client prints JSON.  With 0 seconds every worker makes one connection.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define WORKERS_MAX 64
#define BACKLOG 1024
/* Times are counted in slots of this many microseconds; the last has the rest. */
#define SLOT_US 10
#define SLOTS 100000
/* How long one step of a connection may take. */
#define PATIENCE_S 10

struct tally {
	unsigned long done;
	unsigned long failed;
	unsigned int slots[SLOTS];
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec / 1e9;
}

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void be_patient(int fd)
{
	struct timeval t = { .tv_sec = PATIENCE_S };

	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &t, sizeof(t));
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &t, sizeof(t));
}

static void serve(int listener)
{
	for (;;) {
		int fd = accept(listener, NULL, NULL);
		char byte;

		if (fd < 0)
			continue;
		be_patient(fd);
		/* The client closes first: wait until it has. */
		if (read(fd, &byte, 1) == 1 && write(fd, &byte, 1) == 1)
			while (read(fd, &byte, 1) > 0)
				;
		close(fd);
	}
}

static bool connect_once(const struct sockaddr_in *to)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char byte = 'x';
	bool done;

	if (fd < 0)
		return false;
	be_patient(fd);
	done = !connect(fd, (const struct sockaddr *)to, sizeof(*to)) &&
	       write(fd, &byte, 1) == 1 && read(fd, &byte, 1) == 1;
	close(fd);
	return done;
}

static void work(const struct sockaddr_in *to, double end, struct tally *t)
{
	double before = now();

	do {
		bool done = connect_once(to);
		double after = now();
		unsigned long slot = (after - before) * 1e6 / SLOT_US;

		if (done) {
			t->done++;
			t->slots[slot < SLOTS ? slot : SLOTS - 1]++;
		} else {
			t->failed++;
			/* A refusal comes at once: no need to ask a million times. */
			usleep(10000);
		}
		before = now();
	} while (before < end);
}

static unsigned long percentile(const struct tally *t, double part)
{
	unsigned long seen = 0;

	for (unsigned long i = 0; i < SLOTS; i++) {
		seen += t->slots[i];
		if (seen >= part * t->done)
			return (i + 1) * SLOT_US;
	}
	return 0;
}

static void report(struct tally *tallies, long workers, double seconds)
{
	static struct tally sum;

	for (long i = 0; i < workers; i++) {
		sum.done += tallies[i].done;
		sum.failed += tallies[i].failed;
		for (int slot = 0; slot < SLOTS; slot++)
			sum.slots[slot] += tallies[i].slots[slot];
	}
	printf("{\"connections\": %lu, \"failed\": %lu, \"seconds\": %.6f, "
	       "\"p50_us\": %lu, \"p99_us\": %lu}\n", sum.done, sum.failed,
	       seconds, percentile(&sum, 0.5), percentile(&sum, 0.99));
}

static void client(const struct sockaddr_in *to, double seconds, long workers)
{
	struct tally *tallies = mmap(NULL, workers * sizeof(*tallies),
				     PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	double begin = now();

	if (tallies == MAP_FAILED)
		die("mmap");
	for (long i = 0; i < workers; i++) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			work(to, begin + seconds, &tallies[i]);
			_exit(0);
		}
	}
	while (wait(NULL) > 0)
		;
	report(tallies, workers, now() - begin);
}

static void server(const struct sockaddr_in *at, long workers)
{
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (listener < 0)
		die("socket");
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(listener, (const struct sockaddr *)at, sizeof(*at)))
		die("bind");
	if (listen(listener, BACKLOG))
		die("listen");
	while (workers--) {
		pid_t pid = fork();

		if (pid < 0)
			die("fork");
		if (!pid) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			serve(listener);
		}
	}
	while (wait(NULL) > 0)
		;
}

int main(int argc, char **argv)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	bool serves = argc == 4 && !strcmp(argv[1], "server");
	long workers;

	if (!serves && !(argc == 6 && !strcmp(argv[1], "client"))) {
		fprintf(stderr, "usage: connect server PORT WORKERS\n"
				"       connect client ADDRESS PORT SECONDS WORKERS\n");
		return 2;
	}
	workers = atol(argv[argc - 1]);
	if (workers < 1 || workers > WORKERS_MAX) {
		fprintf(stderr, "connect: 1 to %d workers\n", WORKERS_MAX);
		return 2;
	}
	a.sin_port = htons(atoi(argv[serves ? 2 : 3]));
	if (serves) {
		server(&a, workers);
	} else if (inet_pton(AF_INET, argv[2], &a.sin_addr) == 1) {
		client(&a, atof(argv[4]), workers);
	} else {
		fprintf(stderr, "connect: no address: %s\n", argv[2]);
		return 2;
	}
	return 0;
}
