// SPDX-License-Identifier: MIT
/*
 * fuzz.c - both ends of a ring while the shared page says anything (libFuzzer)
 *
 * The input is a program: it lets the front and the back end do things, and puts
 * any value into the four indexes and any byte into the slots in between.  After
 * each step the private state must make sense, whatever the page says.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "ring.h"

struct req {
	uint64_t id;
	uint32_t word[2];
};

struct rsp {
	uint64_t id;
};

RING_DEFINE(fz, struct req, struct rsp);

#define MUST(c)                  \
	do {                     \
		if (!(c))        \
			abort(); \
	} while (0)

struct state {
	struct fz_front f;
	struct fz_back b;
	uint8_t *area;
	size_t bytes;
	uint32_t nr;
};

static void check(const struct state *t, bool f_was_broken, bool b_was_broken)
{
	const struct ring_side *f = &t->f.s, *b = &t->b.s;

	/* What is fixed stays. */
	MUST(f->nr == t->nr && b->nr == t->nr);
	MUST(f->slots == t->area + RING_HEADER_SIZE && b->slots == f->slots);
	MUST(f->idle <= RING_IDLE_ && b->idle <= RING_IDLE_);
	/* Broken is for ever. */
	MUST(f->broken || !f_was_broken);
	MUST(b->broken || !b_was_broken);
	MUST(!f->broken || f->seen == f->cons);
	MUST(!b->broken || b->seen == b->cons);
	/* cons <= seen <= published <= prod <= cons + nr in the front end. */
	MUST(f->prod - f->cons <= t->nr);
	MUST(f->published - f->cons <= f->prod - f->cons);
	MUST(f->seen - f->cons <= f->published - f->cons);
	MUST(fz_front_free(&t->f) + fz_front_outstanding(&t->f) == t->nr);
	/* published <= prod <= cons <= seen <= published + nr in the back end. */
	MUST(b->seen - b->published <= t->nr);
	MUST(b->cons - b->published <= b->seen - b->published);
	MUST(b->prod - b->published <= b->cons - b->published);
	MUST(fz_back_unanswered(&t->b) <= t->nr);
}

static void step(struct state *t, uint8_t op, uint8_t arg, uint32_t value)
{
	struct ring_shared *page = (struct ring_shared *)t->area;
	uint32_t *const index[] = { &page->req_prod, &page->req_event,
				    &page->rsp_prod, &page->rsp_event };
	struct req req = { .id = value };
	struct rsp rsp = { .id = value };
	struct fz_room room;
	struct req *slot;
	uint32_t n, was;

	switch (op % 28) {
	case 0:
		was = fz_front_free(&t->f);
		MUST(fz_front_stage(&t->f, &req) == (was > 0));
		break;
	case 1:
		was = t->f.s.published;
		if (fz_front_publish(&t->f))
			MUST(t->f.s.published != was);
		MUST(t->f.s.published == t->f.s.prod);
		break;
	case 2:
		was = fz_front_outstanding(&t->f);
		if (fz_front_reap(&t->f, &rsp))
			MUST(was && fz_front_outstanding(&t->f) == was - 1);
		else
			MUST(fz_front_outstanding(&t->f) == was);
		break;
	case 3:
		n = fz_front_pending(&t->f);
		MUST(n <= fz_front_outstanding(&t->f));
		MUST(!n || !fz_front_broken(&t->f));
		break;
	case 4:
		MUST(!fz_front_arm(&t->f) || !fz_front_broken(&t->f));
		break;
	case 5:
		fz_front_arm_at(&t->f, 1 + arg);
		break;
	case 6:
		was = fz_back_unanswered(&t->b);
		if (fz_back_consume(&t->b, &req)) {
			MUST(!fz_back_broken(&t->b));
			MUST(fz_back_unanswered(&t->b) == was + 1);
		}
		break;
	case 7:
		was = fz_back_unanswered(&t->b);
		MUST(fz_back_respond(&t->b, &rsp) == (was > 0));
		break;
	case 8:
		fz_back_publish(&t->b);
		MUST(t->b.s.published == t->b.s.prod);
		break;
	case 9:
		n = fz_back_pending(&t->b);
		MUST(n <= t->nr && (!n || !fz_back_broken(&t->b)));
		break;
	case 10:
		MUST(!fz_back_arm(&t->b) || !fz_back_broken(&t->b));
		break;
	case 11:
		fz_back_arm_at(&t->b, 1 + arg);
		break;
	case 12:
		was = fz_back_unanswered(&t->b);
		MUST(fz_back_rewind(&t->b, arg) == (arg <= was));
		break;
	case 13: /* far */
		*index[arg % 4] = value;
		break;
	case 14: /* near, where the borders are */
		*index[arg % 4] += (int8_t)value;
		break;
	case 15:
		t->area[RING_HEADER_SIZE +
			value % (t->bytes - RING_HEADER_SIZE)] = arg;
		break;
	case 16: /* near our own: what is just allowed, or just not */
		page->req_prod = t->b.s.published + t->nr + (int8_t)value % 3;
		break;
	case 20:
		if (arg == 77)
			fz_front_condemn(&t->f);
		if (arg == 78)
			fz_back_condemn(&t->b);
		break;
	case 18:
		fz_front_disarm(&t->f);
		break;
	case 19:
		fz_back_disarm(&t->b);
		break;
	case 21:
		was = fz_front_free(&t->f);
		slot = fz_front_claim(&t->f);
		MUST((slot != NULL) == (was > 0));
		if (slot)
			*slot = req;
		break;
	case 22:
		n = t->f.s.seen - t->f.s.cons;
		MUST(fz_front_take(&t->f, &rsp) == (n > 0));
		break;
	case 23:
		n = t->b.s.seen - t->b.s.cons;
		MUST(fz_back_take(&t->b, &req) == (n > 0));
		break;
	case 24:
		was = t->f.s.published;
		MUST(fz_front_publish_polled(&t->f) == (t->f.s.published != was));
		MUST(t->f.s.published == t->f.s.prod);
		break;
	case 25:
		fz_back_publish_polled(&t->b);
		MUST(t->b.s.published == t->b.s.prod);
		break;
	case 26:
		was = fz_front_free(&t->f);
		room = fz_front_room(&t->f);
		slot = fz_room_slot(&room, value % 70);
		MUST((slot != NULL) == (value % 70 < was));
		if (slot)
			*slot = req;
		break;
	case 27:
		was = fz_front_outstanding(&t->f);
		n = arg <= fz_front_free(&t->f) ? arg : 0;
		if (value % 2)
			fz_front_submit(&t->f, arg);
		else
			fz_front_submit_polled(&t->f, arg);
		MUST(fz_front_outstanding(&t->f) == was + n);
		break;
	case 17:
		page->rsp_prod = t->f.s.published + (int8_t)value % 3;
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ring_shared *page;
	struct state t;
	uint32_t at;

	if (size < 6)
		return 0;
	/* Slots for 1 to 64, and some bytes that make no slot. */
	t.bytes = RING_HEADER_SIZE + 16 + (size_t)data[0] % 64 * 16 + data[1] % 16;
	t.bytes &= ~(size_t)7;
	t.nr = fz_ring_size(t.bytes);
	t.area = malloc(t.bytes); /* exactly: ASan sees any byte beyond */
	MUST(t.area);
	memcpy(&at, data + 2, sizeof(at));
	page = (struct ring_shared *)t.area;
	fz_front_init(&t.f, t.area, t.bytes);
	page->req_prod = at;
	page->rsp_prod = at;
	MUST(fz_front_attach(&t.f, t.area, t.bytes));
	MUST(fz_back_attach(&t.b, t.area, t.bytes));
	check(&t, false, false);
	for (size_t i = 6; i + 6 <= size; i += 6) {
		bool f_broken = t.f.s.broken, b_broken = t.b.s.broken;
		uint32_t value;

		memcpy(&value, data + i + 2, sizeof(value));
		step(&t, data[i], data[i + 1], value);
		check(&t, f_broken, b_broken);
	}
	free(t.area);
	return 0;
}
