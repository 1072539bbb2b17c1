// SPDX-License-Identifier: MIT
/*
 * echo.c - two processes, one page, two eventfds
 *
 * The parent is the front end: it asks for words in capitals.  The child is the
 * back end: it maps the same page, answers, and sleeps when there is nothing to
 * do.  Neither makes a system call while the other keeps it busy.
 *
 *	cc -O2 -I.. echo.c -o echo && ./echo 1000000
 */
#define _GNU_SOURCE
#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ring.h"

/* The protocol: what lies in a slot, at first and then. */
struct echo_req {
	uint64_t id;
	char text[24];
};

struct echo_rsp {
	uint64_t id;
	char text[24];
};

RING_DEFINE(echo, struct echo_req, struct echo_rsp);

static void *page;
static int to_back, to_front;
static uint64_t sleeps;

static void notify(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		exit(1);
}

static void sleep_on(int fd)
{
	uint64_t count;

	sleeps++;
	if (read(fd, &count, sizeof(count)) != sizeof(count))
		exit(1);
}

static int back_end(uint64_t total)
{
	struct echo_back b;
	uint64_t served = 0;

	if (!echo_back_attach(&b, page, 4096))
		return 1;
	while (served < total) {
		struct echo_req req;

		while (echo_back_consume(&b, &req)) {
			/* @req is ours alone: the front end cannot change it. */
			struct echo_rsp rsp = { .id = req.id };

			for (size_t i = 0; i < sizeof(rsp.text) - 1; i++)
				rsp.text[i] = (char)toupper((unsigned char)
							    req.text[i]);
			echo_back_respond(&b, &rsp);
			served++;
		}
		/* Once for all that were served, and only if it sleeps. */
		if (echo_back_publish(&b))
			notify(to_front);
		if (echo_back_broken(&b))
			return 1;
		/* False: nothing is there, and we shall hear when it is. */
		if (served < total && !echo_back_arm(&b))
			sleep_on(to_back);
	}
	printf("back end: %" PRIu64 " served, slept %" PRIu64 " times\n", served,
	       sleeps);
	return 0;
}

static int front_end(struct echo_front *f, uint64_t total)
{
	uint64_t sent = 0, done = 0;

	while (done < total) {
		struct echo_req req = { .text = "so may it be" };
		struct echo_rsp rsp;

		for (req.id = sent; sent < total && echo_front_stage(f, &req);
		     req.id = ++sent)
			;
		if (echo_front_publish(f))
			notify(to_back);
		while (echo_front_reap(f, &rsp)) {
			if (rsp.id != done || strcmp(rsp.text, "SO MAY IT BE"))
				return 1;
			done++;
		}
		if (echo_front_broken(f))
			return 1;
		/* Half of what is under way is worth waking up for. */
		if (done < total && echo_front_outstanding(f) &&
		    !echo_front_arm_at(f, (echo_front_outstanding(f) + 1) / 2))
			sleep_on(to_front);
	}
	printf("front end: %" PRIu64 " answered, slept %" PRIu64 " times\n",
	       done, sleeps);
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t total = argc > 1 ? strtoull(argv[1], NULL, 0) : 1000000;
	struct echo_front f;
	int status = 1;
	pid_t child;

	page = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	to_back = eventfd(0, 0);
	to_front = eventfd(0, 0);
	if (page == MAP_FAILED || to_back < 0 || to_front < 0) {
		perror("setup");
		return 1;
	}
	/* The front end initialises, before the back end may look. */
	echo_front_init(&f, page, 4096);
	fflush(stdout);
	child = fork();
	if (child < 0) {
		perror("fork");
		return 1;
	}
	if (!child)
		return back_end(total);
	if (front_end(&f, total))
		return 1;
	waitpid(child, &status, 0);
	return status != 0;
}
