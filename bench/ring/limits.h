/* SPDX-License-Identifier: MIT */
/* limits.h - what two CPUs can do at best, whatever the ring */
#ifndef BENCH_RING_LIMITS_H
#define BENCH_RING_LIMITS_H

#include <stddef.h>
#include <stdint.h>

#define LIMIT_LINES 1024

struct limit_line {
	uint64_t value;
} __attribute__((aligned(64)));

/**
 * struct limit - what the two threads share
 * @ping: line of the first, or of both
 * @pong: line of the second
 * @stream: lines that the first writes and the second reads
 * @nr: round trips or lines
 * @lines: lines of @stream that are used, a power of two
 */
struct limit {
	struct limit_line ping __attribute__((aligned(128)));
	struct limit_line pong __attribute__((aligned(128)));
	struct limit_line stream[LIMIT_LINES][1];
	uint64_t nr;
	uint32_t lines;
};

struct limit_kind {
	const char *name;
	void (*ours)(void *l);
	void (*theirs)(void *l);
	uint64_t nr;
	uint32_t lines;
};

extern const struct limit_kind limit_kinds[];
extern const size_t limit_nr;

void limit_ping(void *arg);
void limit_pong(void *arg);

#endif /* BENCH_RING_LIMITS_H */
