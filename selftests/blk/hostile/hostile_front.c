// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * hostile_front.c - what a hostile front end may try, one test each
 */
#include <linux/module.h>

#include "../../lib/cases.h"
#include "../../lib/hostile_link.h"
#include "hostile.h"

static union blkif64_req rw(struct link *l, u8 operation, u8 nr,
			    u64 sector)
{
	union blkif64_req req = {};
	unsigned int i;

	req.rw.operation = operation;
	req.rw.nr_segments = nr;
	req.rw.id = 0x5eed;
	req.rw.sector = sector;
	for (i = 0; i < BLKIF_MAX_SEGMENTS; i++) {
		req.rw.seg[i].gref = l->data_gref;
		req.rw.seg[i].last_sect = 7;
	}
	return req;
}

static union blkif64_req indirect(struct link *l, u8 operation, u16 nr,
				  u32 gref)
{
	union blkif64_req req = {};

	req.indirect.operation = BLKIF_OP_INDIRECT;
	req.indirect.indirect_op = operation;
	req.indirect.nr_segments = nr;
	req.indirect.id = 0x5eed;
	req.indirect.grefs[0] = gref;
	return req;
}

/* Sends one request; its status, or 99 if there is no proper answer. */
static int status_of(struct link *l, union blkif64_req req)
{
	struct blkif64_rsp rsp;

	link_put(l, &req);
	link_publish(l, l->prod);
	if (!link_answer(l, &rsp) || rsp.id != req.rw.id)
		return 99;
	return rsp.status;
}

static int sound_read(struct link *l)
{
	return status_of(l, rw(l, BLKIF_OP_READ, 1, 0));
}

/* All that parsing refuses; see parse_test.c for the finer points. */
static void bad_requests(struct link *l)
{
	union blkif64_req req;
	unsigned int o;

	EXPECT(status_of(l, rw(l, BLKIF_OP_READ, 0, 0)) == BLKIF_RSP_ERROR);
	EXPECT(status_of(l, rw(l, BLKIF_OP_READ, 12, 0)) == BLKIF_RSP_ERROR);
	EXPECT(status_of(l, rw(l, BLKIF_OP_WRITE, 255, 0)) == BLKIF_RSP_ERROR);
	EXPECT(status_of(l, rw(l, BLKIF_OP_READ, 1, ~0ull)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, rw(l, BLKIF_OP_READ, 1, 1ull << 54)) ==
	       BLKIF_RSP_ERROR);
	req = rw(l, BLKIF_OP_READ, 1, 0);
	req.rw.seg[0].last_sect = 8;
	EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	req.rw.seg[0].first_sect = 7;
	req.rw.seg[0].last_sect = 6;
	EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	for (o = 7; o < 256; o += 31)
		EXPECT(status_of(l, rw(l, o, 1, 0)) == BLKIF_RSP_EOPNOTSUPP);
	EXPECT(status_of(l, rw(l, BLKIF_OP_FLUSH_DISKCACHE, 1, 0)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

static void bad_indirect(struct link *l)
{
	struct blkif_segment *seg = page_address(l->data);

	EXPECT(status_of(l, indirect(l, BLKIF_OP_READ, 0, l->data_gref)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, indirect(l, BLKIF_OP_READ, 257, l->data_gref)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, indirect(l, BLKIF_OP_READ, 65535, l->data_gref)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, indirect(l, BLKIF_OP_INDIRECT, 1, l->data_gref)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, indirect(l, BLKIF_OP_DISCARD, 1, l->data_gref)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, indirect(l, BLKIF_OP_READ, 1, 0x7fffffff)) ==
	       BLKIF_RSP_ERROR);
	/* Its segments are in the page it reads to: odd, but harmless. */
	memset(seg, 0, PAGE_SIZE);
	seg[0].gref = l->data_gref;
	EXPECT(status_of(l, indirect(l, BLKIF_OP_READ, 1, l->data_gref)) ==
	       BLKIF_RSP_OKAY);
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

static void bad_grants(struct link *l)
{
	union blkif64_req req = rw(l, BLKIF_OP_READ, 1, 0);

	req.rw.seg[0].gref = 0x7fffffff;
	EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	req.rw.seg[0].gref = 9999;
	EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	/* The disk would write to a page that may only be read. */
	req.rw.seg[0].gref = l->data_ro_gref;
	EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	/* One bad among good ones. */
	req = rw(l, BLKIF_OP_READ, 11, 0);
	req.rw.seg[6].gref = 0x7fffffff;
	EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

static union blkif64_req revoke(u16 nr, u32 gref)
{
	union blkif64_req req = {};

	req.indirect.operation = BLKIF_OP_TENON_REVOKE;
	req.indirect.nr_segments = nr;
	req.indirect.id = 0x5eed;
	req.indirect.grefs[0] = gref;
	return req;
}

static void revoke_not_agreed_on(struct link *l)
{
	EXPECT(status_of(l, revoke(1, l->data_gref)) == BLKIF_RSP_EOPNOTSUPP);
}

static void bad_revokes(struct link *l)
{
	struct blkif_segment *seg = page_address(l->data);
	unsigned int i;

	EXPECT(status_of(l, revoke(0, l->data_gref)) == BLKIF_RSP_ERROR);
	EXPECT(status_of(l, revoke(BLKIF_MAX_REVOKE + 1, l->data_gref)) ==
	       BLKIF_RSP_ERROR);
	EXPECT(status_of(l, revoke(65535, l->data_gref)) == BLKIF_RSP_ERROR);
	EXPECT(status_of(l, revoke(1, 0x7fffffff)) == BLKIF_RSP_ERROR);
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
	/* Grants that are none, or not kept, or listed twice; sectors of sorts. */
	for (i = 0; i < BLKIF_MAX_REVOKE; i++)
		seg[i] = (struct blkif_segment) {
			.gref = i % 3 ? l->data_gref : 0x7fffffff - i,
			.first_sect = 255,
		};
	EXPECT(status_of(l, revoke(BLKIF_MAX_REVOKE, l->data_gref)) ==
	       BLKIF_RSP_OKAY);
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

/* The page is mapped to be read and to be written, and then not at all. */
static void revoke_unmaps(struct link *l)
{
	int gref = gnttab_grant_foreign_access(l->dev->otherend_id,
					       xen_page_to_gfn(l->data), 0);
	union blkif64_req req = rw(l, BLKIF_OP_WRITE, 1, 0);
	struct blkif_segment *seg = page_address(l->data);

	if (gref < 0) {
		case_failed = true;
		return;
	}
	req.rw.seg[0].gref = gref;
	EXPECT(status_of(l, req) == BLKIF_RSP_OKAY);
	req.rw.operation = BLKIF_OP_READ;
	EXPECT(status_of(l, req) == BLKIF_RSP_OKAY);
	seg[0].gref = gref;
	EXPECT(status_of(l, revoke(1, l->data_gref)) == BLKIF_RSP_OKAY);
	EXPECT(gnttab_try_end_foreign_access(gref));
}

/* What may only be read is kept for writing to the disk, and for that only. */
static void read_only_grants(struct link *l)
{
	union blkif64_req req = rw(l, BLKIF_OP_WRITE, 1, 0);
	unsigned int i;

	req.rw.seg[0].gref = l->data_ro_gref;
	for (i = 0; i < 2; i++) {
		req.rw.operation = BLKIF_OP_WRITE;
		EXPECT(status_of(l, req) == BLKIF_RSP_OKAY);
		req.rw.operation = BLKIF_OP_READ;
		EXPECT(status_of(l, req) == BLKIF_RSP_ERROR);
	}
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

static void one_page_eleven_times(struct link *l)
{
	EXPECT(status_of(l, rw(l, BLKIF_OP_READ, 11, 0)) == BLKIF_RSP_OKAY);
}

static void one_id_for_all(struct link *l)
{
	union blkif64_req req = rw(l, BLKIF_OP_READ, 1, 0);
	struct blkif64_rsp rsp;
	unsigned int i;

	req.rw.id = ~0ull;
	for (i = 0; i < l->slots; i++)
		link_put(l, &req);
	link_publish(l, l->prod);
	for (i = 0; i < l->slots; i++)
		EXPECT(link_answer(l, &rsp) && rsp.id == ~0ull &&
		       rsp.status == BLKIF_RSP_OKAY);
}

static void storm(struct link *l)
{
	unsigned int i;

	for (i = 0; i < 20000; i++)
		link_publish(l, l->prod);
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

/* A garbled response area or event index harms nobody but ourselves. */
static void scribble(struct link *l)
{
	l->shared->rsp_event = 0x80000000;
	l->shared->req_event = 0xdeadbeef;
	l->shared->rsp_prod = l->cons;
	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
}

/* An impossible index ends the connection; there must be no answer. */
static void index_ahead(struct link *l)
{
	u32 before = l->shared->rsp_prod;

	link_publish(l, l->prod + l->slots + 1);
	schedule_timeout_uninterruptible(HZ);
	EXPECT(l->shared->rsp_prod == before);
}

static void index_back(struct link *l)
{
	u32 before;

	EXPECT(sound_read(l) == BLKIF_RSP_OKAY);
	before = l->shared->rsp_prod;
	link_publish(l, l->prod - 1);
	schedule_timeout_uninterruptible(HZ);
	EXPECT(l->shared->rsp_prod == before);
}

static void index_far(struct link *l)
{
	u32 before = l->shared->rsp_prod;

	link_publish(l, l->prod + 0x80000000u);
	schedule_timeout_uninterruptible(HZ);
	EXPECT(l->shared->rsp_prod == before);
}

/* Requests under way when the connection is closed. */
static void leave_in_a_hurry(struct link *l)
{
	union blkif64_req req = rw(l, BLKIF_OP_READ, 11, 0);
	unsigned int i;

	for (i = 0; i < l->slots; i++)
		link_put(l, &req);
	link_publish(l, l->prod);
}

/* What was published before is answered, though no event told of it. */
static void answered_at_the_end(struct link *l)
{
	union blkif64_req req = rw(l, BLKIF_OP_READ, 11, 0);
	u32 i, end = l->cons + l->slots;

	schedule_timeout_uninterruptible(HZ); /* nobody looks any more */
	for (i = 0; i < l->slots; i++)
		link_put(l, &req);
	virt_store_release(&l->shared->req_prod, l->prod);
	xenbus_switch_state(l->dev, XenbusStateClosed);
	EXPECT(link_wait(l->dev, XenbusStateClosed, XenbusStateClosed) ==
	       XenbusStateClosed);
	EXPECT(virt_load_acquire(&l->shared->rsp_prod) == end);
}

static const struct hostile_case cases[] = {
	{ "requests that mean nothing", bad_requests },
	{ "indirect requests that mean nothing", bad_indirect },
	{ "grants that are none", bad_grants },
	{ "one page eleven times", one_page_eleven_times },
	{ "one id for all requests", one_id_for_all },
	{ "20,000 events without work", storm },
	{ "a scribbled ring header", scribble },
	{ "the same with persistent grants: requests", bad_requests,
	  KEYS(.persistent = "1") },
	{ "the same with persistent grants: indirect", bad_indirect,
	  KEYS(.persistent = "1") },
	{ "the same with persistent grants: grants", bad_grants,
	  KEYS(.persistent = "1") },
	{ "the same with persistent grants: one page", one_page_eleven_times,
	  KEYS(.persistent = "1") },
	{ "a revoke that was not agreed on", revoke_not_agreed_on,
	  KEYS(.persistent = "1") },
	{ "a revoke without grants that are kept", revoke_not_agreed_on,
	  KEYS(.revoke = "1") },
	{ "revokes that mean nothing", bad_revokes,
	  KEYS(.persistent = "1", .revoke = "1") },
	{ "what is revoked is not mapped", revoke_unmaps,
	  KEYS(.persistent = "1", .revoke = "4294967295") },
	{ "kept grants to be read only", read_only_grants,
	  KEYS(.persistent = "1", .revoke = "1") },
	{ "index ahead of the ring", index_ahead },
	{ "index going back", index_back },
	{ "index half a world away", index_far },
	{ "leaving with requests under way", leave_in_a_hurry },
	{ "closing with requests not taken", answered_at_the_end },
	{ "ring order 31", NULL, KEYS(.ring_page_order = "31"), true },
	{ "ring order 5", NULL, KEYS(.ring_page_order = "5"), true },
	{ "ring order that does not fit", NULL,
	  KEYS(.ring_page_order = "99999999999999999999"), true },
	{ "ring reference that is none", NULL, KEYS(.ring_ref = "4000000"),
	  true },
	{ "ring reference that is no number", NULL, KEYS(.ring_ref = "x"), true },
	{ "no event channel", NULL, KEYS(.event_channel = "0"), true },
	{ "event channel out of range", NULL,
	  KEYS(.event_channel = "4294967295"), true },
	{ "event channel that is no number", NULL, KEYS(.event_channel = ""),
	  true },
	{ "unknown protocol", NULL, KEYS(.protocol = "vax-abi"), true },
	{ "no queue", NULL, KEYS(.num_queues = "0"), true },
	{ "a billion queues", NULL, KEYS(.num_queues = "2147483648"), true },
};

static bool front_serves(struct link *l)
{
	return sound_read(l) == BLKIF_RSP_OKAY;
}

static const struct link_keys front_sound;

static const struct xenbus_device_id front_ids[] = {
	{ "vbd" },
	{ "" }
};

struct cases_kind cases_kind = {
	.driver = { .name = "tenon-hostile-front", .ids = front_ids },
	.cases = cases,
	.number = ARRAY_SIZE(cases),
	.size = sizeof(struct link),
	.sound = &front_sound,
	.setup = link_setup,
	.cleanup = link_cleanup,
	.connect = link_connect,
	.disconnect = link_disconnect,
	.send_sound = front_serves,
};

MODULE_DESCRIPTION("Tenon: a block front end that breaks the rules");
MODULE_LICENSE("Dual MIT/GPL");
