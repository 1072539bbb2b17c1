// SPDX-License-Identifier: MIT
/*
 * parse_fuzz.c - whatever the request, an accepted order is safe to carry out
 *
 * The input is: a byte of options, a request, and the segments for it.
 */
#include <stdlib.h>
#include <string.h>

#include "../../dom0/blkback/parse.h"

static void require(bool c)
{
	if (!c)
		abort();
}

static void check_status(int status)
{
	require(status == BLKIF_RSP_ERROR || status == BLKIF_RSP_EOPNOTSUPP);
}

static void check_order(const struct parse_op *op,
			const struct parse_limits *lim)
{
	uint64_t sum = 0;
	unsigned int i;

	require(op->nr_segs <= PARSE_MAX_SEGMENTS);
	require(op->sector <= lim->sectors);
	require(op->nr_sectors <= lim->sectors - op->sector);
	require(!(op->sector % lim->block_sectors));
	require(!(op->nr_sectors % lim->block_sectors));
	require(!lim->readonly || op->kind == PARSE_READ ||
		op->kind == PARSE_FLUSH || op->kind == PARSE_REVOKE);
	for (i = 0; op->kind != PARSE_REVOKE && i < op->nr_segs; i++) {
		require(op->count[i] >= 1);
		require(op->first[i] + op->count[i] <= BLKIF_SECTORS_PER_PAGE);
		sum += op->count[i];
	}
	switch (op->kind) {
	case PARSE_READ:
	case PARSE_WRITE:
		require(op->nr_segs && sum == op->nr_sectors);
		break;
	case PARSE_BARRIER:
		require(sum == op->nr_sectors);
		break;
	case PARSE_FLUSH:
		require(!op->nr_segs && !op->nr_sectors);
		break;
	case PARSE_DISCARD:
		require(!op->nr_segs && op->nr_sectors);
		require(op->secure ? lim->secure : lim->discard);
		break;
	case PARSE_REVOKE:
		require(lim->revoke && !op->nr_sectors);
		require(op->nr_segs && op->nr_segs <= BLKIF_MAX_REVOKE);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct blkif_segment seg[PARSE_MAX_SEGMENTS] = { 0 };
	static struct parse_op op;
	union {
		union blkif32_req r32;
		union blkif64_req r64;
	} req;
	struct parse_limits lim;
	size_t len;
	int status;

	if (!size)
		return 0;
	lim = (struct parse_limits) {
		.sectors = data[0] & 1 ? 1 << 20 : UINT64_MAX >> 9,
		.block_sectors = data[0] & 2 ? 8 : 1,
		.readonly = data[0] & 4,
		.discard = data[0] & 8,
		.secure = data[0] & 16,
		.revoke = data[0] & 64,
	};
	memset(&req, 0, sizeof(req));
	len = size - 1 < sizeof(req) ? size - 1 : sizeof(req);
	memcpy(&req, data + 1, len);
	size -= 1 + len;
	memcpy(seg, data + 1 + len, size < sizeof(seg) ? size : sizeof(seg));

	status = data[0] & 32 ? parse_request32(&op, &req.r32, &lim) :
				parse_request64(&op, &req.r64, &lim);
	if (status) {
		check_status(status);
		return 0;
	}
	if (op.indirect) {
		require(op.nr_segs && op.nr_segs <= PARSE_MAX_SEGMENTS);
		status = parse_segments(&op, seg, &lim);
		if (status) {
			check_status(status);
			return 0;
		}
	}
	check_order(&op, &lim);
	return 0;
}
