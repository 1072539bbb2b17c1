/* SPDX-License-Identifier: MIT */
/*
 * ids.h - which ids a front end has given out, beside its ring
 *
 * A back end may answer with an id that was never given out, that is not in
 * flight, or twice.  This says so, with a bit an id: take one for each request, and
 * return it for each response; if that fails, the peer lies (condemn the ring).
 *
 *     if (ids_take(&ids, &id)) { req.id = id; ... stage ... }
 *
 *     while (blk_front_reap(&f, &rsp))
 *             if (!ids_return(&ids, rsp.id))
 *                     blk_front_condemn(&f);
 *
 * Calls must be serialised by the caller, like those of a front end.
 */
#ifndef TENON_RING_IDS_H
#define TENON_RING_IDS_H

#include "ring.h"

#define IDS_WORDS(nr) (((nr) + 63) / 64)

/**
 * struct ids - ids 0..@nr-1; never put it in shared memory
 * @busy: IDS_WORDS(nr) words of the user's, a bit set for each id in flight
 * @nr: number of ids
 * @in_flight: how many are given out
 * @next: word to look at first
 */
struct ids {
	uint64_t *busy;
	uint32_t nr;
	uint32_t in_flight;
	uint32_t next;
};

/**
 * ids_init() - no id is in flight
 * @ids: what to initialise
 * @words: IDS_WORDS(@nr) words, which stay with it
 * @nr: number of ids
 */
RING_FN_ void ids_init(struct ids *ids, uint64_t *words, uint32_t nr)
{
	uint32_t n = IDS_WORDS(nr);

	for (uint32_t i = 0; i < n; i++)
		words[i] = 0;
	/* What the last word has beyond @nr is busy for ever. */
	if (nr % 64)
		words[n - 1] = ~(uint64_t)0 << (nr % 64);
	ids->busy = words;
	ids->nr = nr;
	ids->in_flight = 0;
	ids->next = 0;
}

/**
 * ids_take() - give out an id that is not in flight
 * @ids: the ids
 * @id: where it goes
 *
 * Return: false if all are in flight.
 */
RING_FN_ bool ids_take(struct ids *ids, uint32_t *id)
{
	if (ids->in_flight == ids->nr)
		return false;
	while (!~ids->busy[ids->next])
		ids->next = (ids->next + 1) % IDS_WORDS(ids->nr);
	*id = (uint32_t)__builtin_ctzll(~ids->busy[ids->next]);
	ids->busy[ids->next] |= (uint64_t)1 << *id;
	*id += ids->next * 64;
	ids->in_flight++;
	return true;
}

/**
 * ids_return() - an id came back
 * @ids: the ids
 * @id: the peer's word; any value
 *
 * Return: false if it is not in flight, and nothing is changed.
 */
RING_FN_ bool ids_return(struct ids *ids, uint64_t id)
{
	uint64_t bit = (uint64_t)1 << (id % 64);

	if (id >= ids->nr || !(ids->busy[id / 64] & bit))
		return false;
	ids->busy[id / 64] &= ~bit;
	ids->in_flight--;
	return true;
}

#endif /* TENON_RING_IDS_H */
