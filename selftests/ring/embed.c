// SPDX-License-Identifier: MIT
/*
 * embed.c - what an embedder's file looks like, for compile.sh: every function of
 * a ring is used, as C and as C++, hosted, freestanding, and as in the kernel
 */
#include "ring.h"

struct ask {
	uint64_t id;
	uint32_t what;
	uint32_t length;
};

struct answer {
	uint64_t id;
	int32_t status;
};

RING_DEFINE(em, struct ask, struct answer);
/* Another in the same file, nothing of it used, slots of one byte. */
RING_DEFINE(em2, uint8_t, uint8_t);

uint32_t embed_front(struct em_front *f, void *area, size_t bytes);
uint32_t embed_back(struct em_back *b, void *area, size_t bytes);

uint32_t embed_front(struct em_front *f, void *area, size_t bytes)
{
	struct ask a = { 1, 2, 3 };
	struct answer r = { 0, 0 };
	uint32_t events = 0;
	struct em_room room;
	struct ask *slot;

	em_front_init(f, area, bytes);
	if (!em_front_attach(f, area, bytes) || !em_ring_size(bytes))
		return 0;
	while (em_front_stage(f, &a))
		a.id++;
	events += em_front_publish(f);
	slot = em_front_claim(f);
	if (slot)
		slot->id = 7;
	events += em_front_publish_polled(f);
	room = em_front_room(f);
	slot = em_room_slot(&room, 0);
	if (slot)
		slot->id = 8;
	events += em_front_submit(f, 1);
	events += em_front_submit_polled(f, 0);
	while (em_front_pending(f) && em_front_take(f, &r))
		events++;
	do {
		while (em_front_reap(f, &r))
			events += (uint32_t)r.status;
		if (r.status > 100)
			em_front_condemn(f);
	} while (em_front_arm(f));
	em_front_disarm(f);
	events += em_front_arm_at(f, em_front_outstanding(f) / 2 + 1);
	return events + em_front_pending(f) + em_front_free(f) +
	       em_front_broken(f);
}

uint32_t embed_back(struct em_back *b, void *area, size_t bytes)
{
	struct answer r = { 0, 0 };
	struct ask a = { 0, 0, 0 };
	uint32_t events = 0;

	if (!em_back_attach(b, area, bytes))
		return 0;
	do {
		while (em_back_consume(b, &a)) {
			if (!a.length && em_back_rewind(b, 1))
				break;
			r.id = a.id;
			em_back_respond(b, &r);
		}
		events += em_back_publish(b);
	} while (em_back_arm(b));
	while (em_back_take(b, &a) && em_back_respond(b, &r))
		events += em_back_publish_polled(b);
	em_back_disarm(b);
	if (a.what > 5)
		em_back_condemn(b);
	events += em_back_arm_at(b, 2);
	return events + em_back_pending(b) + em_back_unanswered(b) +
	       em_back_broken(b);
}
