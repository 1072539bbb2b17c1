// SPDX-License-Identifier: MIT
/*
 * parse_test.c - each hostile request is refused, each sound one understood
 */
#include <string.h>

#define TAP_MAIN
#include "../lib/tap.h"
#include "../../dom0/blkback/parse.h"

#define DISK_SECTORS 2048

static const struct parse_limits disk = {
	.sectors = DISK_SECTORS,
	.block_sectors = 1,
	.discard = true,
};

static struct parse_op op;

static union blkif64_req rw(uint8_t operation, uint8_t nr, uint64_t sector)
{
	union blkif64_req req;

	memset(&req, 0, sizeof(req));
	req.rw.operation = operation;
	req.rw.nr_segments = nr;
	req.rw.id = ~0ull;
	req.rw.sector = sector;
	for (unsigned int i = 0; i < BLKIF_MAX_SEGMENTS; i++) {
		req.rw.seg[i].gref = 100 + i;
		req.rw.seg[i].last_sect = 7;
	}
	return req;
}

static int parse(union blkif64_req req)
{
	return parse_request64(&op, &req, &disk);
}

static int parse_with(union blkif64_req req, const struct parse_limits *lim)
{
	return parse_request64(&op, &req, lim);
}

TEST(layouts_are_those_of_the_wire)
{
	CHECK(sizeof(union blkif64_req) == 112);
	CHECK(sizeof(union blkif32_req) == 108);
	CHECK(sizeof(struct blkif64_rsp) == 16);
	CHECK(sizeof(struct blkif32_rsp) == 12);
	CHECK(offsetof(struct blkif64_rw, seg) == 24);
	CHECK(offsetof(struct blkif32_rw, seg) == 20);
	CHECK(offsetof(struct blkif64_indirect, grefs) == 28);
	CHECK(offsetof(struct blkif32_indirect, grefs) == 24);
	CHECK(offsetof(struct blkif64_discard, nr_sectors) == 24);
	CHECK(offsetof(struct blkif32_discard, nr_sectors) == 20);
	CHECK(blkif64_ring_size(4096) == 32);
	CHECK(blkif32_ring_size(4096) == 32);
	CHECK(blkif64_ring_size(16 * 4096) == 512);
}

TEST(read_and_write)
{
	CHECK(!parse(rw(BLKIF_OP_READ, 11, 8)));
	CHECK(op.kind == PARSE_READ && op.nr_segs == 11);
	CHECK(op.sector == 8 && op.nr_sectors == 88 && op.id == ~0ull);
	CHECK(op.grefs[10] == 110 && op.first[10] == 0 && op.count[10] == 8);
	CHECK(!parse(rw(BLKIF_OP_WRITE, 1, 0)));
	CHECK(op.kind == PARSE_WRITE && op.operation == BLKIF_OP_WRITE);
}

TEST(same_request_in_the_32_bit_layout)
{
	union blkif32_req req;

	memset(&req, 0, sizeof(req));
	req.rw.operation = BLKIF_OP_WRITE;
	req.rw.nr_segments = 1;
	req.rw.id = 0x0123456789abcdefull;
	req.rw.sector = 5;
	req.rw.seg[0].gref = 9;
	req.rw.seg[0].first_sect = 2;
	req.rw.seg[0].last_sect = 3;
	CHECK(!parse_request32(&op, &req, &disk));
	CHECK(op.id == 0x0123456789abcdefull && op.sector == 5);
	CHECK(op.nr_sectors == 2 && op.grefs[0] == 9 && op.first[0] == 2);
}

TEST(number_of_segments)
{
	CHECK(parse(rw(BLKIF_OP_READ, 0, 0)) == BLKIF_RSP_ERROR);
	CHECK(parse(rw(BLKIF_OP_WRITE, 0, 0)) == BLKIF_RSP_ERROR);
	CHECK(parse(rw(BLKIF_OP_READ, 12, 0)) == BLKIF_RSP_ERROR);
	CHECK(parse(rw(BLKIF_OP_READ, 255, 0)) == BLKIF_RSP_ERROR);
}

TEST(segment_outside_its_page)
{
	union blkif64_req req = rw(BLKIF_OP_READ, 2, 0);

	req.rw.seg[1].last_sect = 8;
	CHECK(parse(req) == BLKIF_RSP_ERROR);
	req.rw.seg[1].last_sect = 255;
	CHECK(parse(req) == BLKIF_RSP_ERROR);
	req.rw.seg[1].first_sect = 5;
	req.rw.seg[1].last_sect = 4;
	CHECK(parse(req) == BLKIF_RSP_ERROR);
	req.rw.seg[1].last_sect = 5;
	CHECK(!parse(req) && op.count[1] == 1);
}

TEST(range_outside_the_device)
{
	CHECK(!parse(rw(BLKIF_OP_READ, 1, DISK_SECTORS - 8)));
	CHECK(parse(rw(BLKIF_OP_READ, 1, DISK_SECTORS - 7)) ==
	      BLKIF_RSP_ERROR);
	CHECK(parse(rw(BLKIF_OP_WRITE, 1, DISK_SECTORS)) == BLKIF_RSP_ERROR);
	CHECK(parse(rw(BLKIF_OP_READ, 1, ~0ull)) == BLKIF_RSP_ERROR);
	CHECK(parse(rw(BLKIF_OP_READ, 1, ~0ull - 7)) == BLKIF_RSP_ERROR);
}

TEST(not_a_multiple_of_the_block)
{
	struct parse_limits lim = disk;
	union blkif64_req req = rw(BLKIF_OP_READ, 1, 8);

	lim.block_sectors = 8;
	CHECK(!parse_with(req, &lim));
	CHECK(parse_with(rw(BLKIF_OP_READ, 1, 4), &lim) == BLKIF_RSP_ERROR);
	req.rw.seg[0].last_sect = 3;
	CHECK(parse_with(req, &lim) == BLKIF_RSP_ERROR);
}

TEST(read_only_device)
{
	struct parse_limits lim = disk;

	lim.readonly = true;
	CHECK(!parse_with(rw(BLKIF_OP_READ, 1, 0), &lim));
	CHECK(!parse_with(rw(BLKIF_OP_FLUSH_DISKCACHE, 0, 0), &lim));
	CHECK(parse_with(rw(BLKIF_OP_WRITE, 1, 0), &lim) == BLKIF_RSP_ERROR);
	CHECK(parse_with(rw(BLKIF_OP_WRITE_BARRIER, 1, 0), &lim) ==
	      BLKIF_RSP_ERROR);
	CHECK(parse_with(rw(BLKIF_OP_DISCARD, 0, 0), &lim) == BLKIF_RSP_ERROR);
}

TEST(flush_and_barrier)
{
	CHECK(!parse(rw(BLKIF_OP_FLUSH_DISKCACHE, 0, ~0ull)));
	CHECK(op.kind == PARSE_FLUSH && !op.sector && !op.nr_segs);
	CHECK(parse(rw(BLKIF_OP_FLUSH_DISKCACHE, 1, 0)) == BLKIF_RSP_ERROR);
	CHECK(!parse(rw(BLKIF_OP_WRITE_BARRIER, 0, ~0ull)));
	CHECK(op.kind == PARSE_BARRIER && !op.nr_segs);
	CHECK(!parse(rw(BLKIF_OP_WRITE_BARRIER, 3, 0)));
	CHECK(op.kind == PARSE_BARRIER && op.nr_segs == 3);
}

TEST(discard_requests)
{
	struct parse_limits lim = disk;
	union blkif64_req req;

	memset(&req, 0, sizeof(req));
	req.discard.operation = BLKIF_OP_DISCARD;
	req.discard.nr_sectors = DISK_SECTORS;
	CHECK(!parse(req) && op.kind == PARSE_DISCARD && !op.secure);
	req.discard.nr_sectors = DISK_SECTORS + 1;
	CHECK(parse(req) == BLKIF_RSP_ERROR);
	req.discard.nr_sectors = ~0ull;
	req.discard.sector = 1;
	CHECK(parse(req) == BLKIF_RSP_ERROR);
	req.discard.nr_sectors = 0;
	CHECK(parse(req) == BLKIF_RSP_ERROR);
	req.discard.nr_sectors = 1;
	req.discard.flag = BLKIF_DISCARD_SECURE;
	CHECK(parse(req) == BLKIF_RSP_EOPNOTSUPP);
	lim.secure = true;
	CHECK(!parse_with(req, &lim) && op.secure);
	lim.discard = false;
	req.discard.flag = 0;
	CHECK(parse_with(req, &lim) == BLKIF_RSP_EOPNOTSUPP);
}

TEST(operations_that_do_not_exist)
{
	for (unsigned int o = 0; o < 256; o++) {
		union blkif64_req req = rw(o, 1, 0);

		if (o <= BLKIF_OP_FLUSH_DISKCACHE || o == BLKIF_OP_DISCARD ||
		    o == BLKIF_OP_INDIRECT)
			continue;
		CHECK(parse(req) == BLKIF_RSP_EOPNOTSUPP);
		CHECK(op.operation == o && op.id == ~0ull);
	}
}

static union blkif64_req indirect(uint8_t operation, uint16_t nr)
{
	union blkif64_req req;

	memset(&req, 0, sizeof(req));
	req.indirect.operation = BLKIF_OP_INDIRECT;
	req.indirect.indirect_op = operation;
	req.indirect.nr_segments = nr;
	req.indirect.sector = 16;
	req.indirect.grefs[0] = 7;
	return req;
}

TEST(indirect_segments)
{
	static struct blkif_segment seg[PARSE_MAX_SEGMENTS];
	unsigned int i;

	for (i = 0; i < PARSE_MAX_SEGMENTS; i++)
		seg[i] = (struct blkif_segment) { .gref = i, .last_sect = 3 };
	CHECK(!parse(indirect(BLKIF_OP_WRITE, 256)));
	CHECK(op.indirect && op.indirect_gref == 7);
	CHECK(!parse_segments(&op, seg, &disk));
	CHECK(!op.indirect && op.nr_sectors == 1024 && op.sector == 16);
	CHECK(op.operation == BLKIF_OP_WRITE);
	seg[255].last_sect = 9;
	CHECK(!parse(indirect(BLKIF_OP_WRITE, 256)));
	CHECK(parse_segments(&op, seg, &disk) == BLKIF_RSP_ERROR);
}

TEST(indirect_that_must_not_be)
{
	CHECK(parse(indirect(BLKIF_OP_READ, 0)) == BLKIF_RSP_ERROR);
	CHECK(parse(indirect(BLKIF_OP_READ, 257)) == BLKIF_RSP_ERROR);
	CHECK(parse(indirect(BLKIF_OP_READ, 65535)) == BLKIF_RSP_ERROR);
	CHECK(parse(indirect(BLKIF_OP_INDIRECT, 1)) == BLKIF_RSP_ERROR);
	CHECK(parse(indirect(BLKIF_OP_FLUSH_DISKCACHE, 1)) ==
	      BLKIF_RSP_ERROR);
	CHECK(parse(indirect(BLKIF_OP_DISCARD, 1)) == BLKIF_RSP_ERROR);
	CHECK(parse(indirect(BLKIF_OP_WRITE_BARRIER, 1)) == BLKIF_RSP_ERROR);
}

TEST(revokes)
{
	static struct blkif_segment seg[BLKIF_MAX_REVOKE];
	union blkif64_req req = indirect(0, BLKIF_MAX_REVOKE);
	struct parse_limits lim = disk;

	req.indirect.operation = BLKIF_OP_TENON_REVOKE;
	CHECK(parse(req) == BLKIF_RSP_EOPNOTSUPP);
	lim.revoke = true;
	lim.readonly = true;
	/* Neither where nor how much means anything. */
	memset(seg, 255, sizeof(seg));
	req.indirect.sector = ~0ull;
	CHECK(!parse_with(req, &lim));
	CHECK(op.kind == PARSE_REVOKE && op.indirect && op.indirect_gref == 7);
	CHECK(op.operation == BLKIF_OP_TENON_REVOKE && !op.sector);
	CHECK(!parse_segments(&op, seg, &lim) && !op.nr_sectors);
	CHECK(op.nr_segs == BLKIF_MAX_REVOKE && op.grefs[127] == ~0u);
	req.indirect.nr_segments++;
	CHECK(parse_with(req, &lim) == BLKIF_RSP_ERROR);
	req.indirect.nr_segments = 0;
	CHECK(parse_with(req, &lim) == BLKIF_RSP_ERROR);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(layouts_are_those_of_the_wire),
		TAP_TEST(read_and_write),
		TAP_TEST(same_request_in_the_32_bit_layout),
		TAP_TEST(number_of_segments),
		TAP_TEST(segment_outside_its_page),
		TAP_TEST(range_outside_the_device),
		TAP_TEST(not_a_multiple_of_the_block),
		TAP_TEST(read_only_device),
		TAP_TEST(flush_and_barrier),
		TAP_TEST(discard_requests),
		TAP_TEST(operations_that_do_not_exist),
		TAP_TEST(indirect_segments),
		TAP_TEST(indirect_that_must_not_be),
		TAP_TEST(revokes),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
