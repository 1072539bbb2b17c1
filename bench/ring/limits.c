// SPDX-License-Identifier: MIT
/*
 * limits.c - one line to and fro, two lines to and fro, a stream of lines
 *
 * The stream is the best a ring could do: the writer fills whole lines and the
 * reader reads them; a line itself says that it is full, and only once around does
 * the writer wait for the reader.
 */
#include "limits.h"

static inline uint64_t load(const uint64_t *p)
{
	return __atomic_load_n(p, __ATOMIC_ACQUIRE);
}

static inline void store(uint64_t *p, uint64_t v)
{
	__atomic_store_n(p, v, __ATOMIC_RELEASE);
}

void limit_ping(void *arg)
{
	struct limit *l = arg;

	for (uint64_t i = 0; i < l->nr; i++) {
		store(&l->ping.value, 2 * i + 1);
		while (load(&l->ping.value) != 2 * i + 2)
			;
	}
}

void limit_pong(void *arg)
{
	struct limit *l = arg;

	for (uint64_t i = 0; i < l->nr; i++) {
		while (load(&l->ping.value) != 2 * i + 1)
			;
		store(&l->ping.value, 2 * i + 2);
	}
}

static void two_ping(void *arg)
{
	struct limit *l = arg;

	for (uint64_t i = 1; i <= l->nr; i++) {
		store(&l->ping.value, i);
		while (load(&l->pong.value) != i)
			;
	}
}

static void two_pong(void *arg)
{
	struct limit *l = arg;

	for (uint64_t i = 1; i <= l->nr; i++) {
		while (load(&l->ping.value) != i)
			;
		store(&l->pong.value, i);
	}
}

static void stream_write(void *arg)
{
	struct limit *l = arg;
	uint32_t mask = l->lines - 1;

	for (uint64_t i = 0; i < l->nr; i++) {
		/* Room for half a lap is looked for twice a lap. */
		if (!(i & (mask / 2)) && i >= l->lines)
			while (load(&l->pong.value) + l->lines < i + l->lines / 2)
				;
		store(&l->stream[i & mask][0].value, i + 1);
	}
	while (load(&l->pong.value) < l->nr)
		;
}

static void stream_read(void *arg)
{
	struct limit *l = arg;
	uint32_t mask = l->lines - 1;

	for (uint64_t i = 0; i < l->nr; i++) {
		while (load(&l->stream[i & mask][0].value) != i + 1)
			;
		if (!((i + 1) & (mask / 2)))
			store(&l->pong.value, i + 1);
	}
	store(&l->pong.value, l->nr);
}

const struct limit_kind limit_kinds[] = {
	{ "one-line-round-trip", limit_ping, limit_pong, 20000, 0 },
	{ "two-lines-round-trip", two_ping, two_pong, 20000, 0 },
	{ "stream-256-lines", stream_write, stream_read, 200000, 256 },
	{ "stream-1024-lines", stream_write, stream_read, 200000, 1024 },
};
const size_t limit_nr = sizeof(limit_kinds) / sizeof(limit_kinds[0]);
