// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * parse.c - from a copied request to an order that is safe to carry out
 *
 * Nothing here touches shared memory.  A function returns 0 or the negative
 * BLKIF_RSP_* to answer with; id and operation of the order are set either way.
 */
#include "parse.h"

/* The device may shrink under us; the block layer checks its end again. */
static int parse_range(const struct parse_op *op,
		       const struct parse_limits *lim)
{
	if (op->sector > lim->sectors ||
	    op->nr_sectors > lim->sectors - op->sector)
		return BLKIF_RSP_ERROR;
	if ((op->sector | op->nr_sectors) & (lim->block_sectors - 1))
		return BLKIF_RSP_ERROR;
	return 0;
}

/**
 * parse_segments() - check segments and finish an order with them
 * @op: order; its nr_segs is within bounds
 * @seg: private copy of op->nr_segs segments
 * @lim: limits
 *
 * Return: 0 or the status to answer with.
 */
int parse_segments(struct parse_op *op, const struct blkif_segment *seg,
		   const struct parse_limits *lim)
{
	uint64_t nr_sectors = 0;
	unsigned int i;

	for (i = 0; i < op->nr_segs; i++) {
		uint8_t first = seg[i].first_sect;
		uint8_t last = seg[i].last_sect;

		op->grefs[i] = seg[i].gref;
		if (op->kind == PARSE_REVOKE)
			continue;
		if (first > last || last >= BLKIF_SECTORS_PER_PAGE)
			return BLKIF_RSP_ERROR;
		op->first[i] = first;
		op->count[i] = last - first + 1;
		/* A bio may have to end after any segment. */
		if (op->count[i] & (lim->block_sectors - 1))
			return BLKIF_RSP_ERROR;
		nr_sectors += op->count[i];
	}
	op->nr_sectors = nr_sectors;
	op->indirect = false;
	return parse_range(op, lim);
}

static int parse_kind(struct parse_op *op, uint8_t operation,
		      const struct parse_limits *lim)
{
	switch (operation) {
	case BLKIF_OP_READ:
		op->kind = PARSE_READ;
		return 0;
	case BLKIF_OP_WRITE:
		op->kind = PARSE_WRITE;
		break;
	case BLKIF_OP_WRITE_BARRIER:
		op->kind = PARSE_BARRIER;
		break;
	case BLKIF_OP_FLUSH_DISKCACHE:
		op->kind = PARSE_FLUSH;
		return 0;
	case BLKIF_OP_DISCARD:
		op->kind = PARSE_DISCARD;
		break;
	default:
		return BLKIF_RSP_EOPNOTSUPP;
	}
	return lim->readonly ? BLKIF_RSP_ERROR : 0;
}

static int parse_rw(struct parse_op *op, uint8_t nr_segments, uint64_t sector,
		    const struct blkif_segment *seg,
		    const struct parse_limits *lim)
{
	op->sector = sector;
	op->nr_segs = nr_segments;
	if (nr_segments > BLKIF_MAX_SEGMENTS)
		return BLKIF_RSP_ERROR;
	if (op->kind == PARSE_FLUSH ||
	    (op->kind == PARSE_BARRIER && !nr_segments)) {
		/* A flush carries no data, and its sector means nothing. */
		op->sector = 0;
		return nr_segments ? BLKIF_RSP_ERROR : 0;
	}
	if (!nr_segments)
		return BLKIF_RSP_ERROR;
	return parse_segments(op, seg, lim);
}

static int parse_discard(struct parse_op *op, uint8_t flag, uint64_t sector,
			 uint64_t nr_sectors, const struct parse_limits *lim)
{
	op->sector = sector;
	op->nr_sectors = nr_sectors;
	op->secure = flag & BLKIF_DISCARD_SECURE;
	if (op->secure ? !lim->secure : !lim->discard)
		return BLKIF_RSP_EOPNOTSUPP;
	if (!nr_sectors)
		return BLKIF_RSP_ERROR;
	return parse_range(op, lim);
}

static int parse_indirect(struct parse_op *op, uint8_t operation,
			  uint16_t nr_segments, uint64_t sector, uint32_t gref,
			  const struct parse_limits *lim)
{
	int err;

	/* Only data has use for so many segments. */
	if (operation != BLKIF_OP_READ && operation != BLKIF_OP_WRITE)
		return BLKIF_RSP_ERROR;
	/* The front end expects the operation it meant. */
	op->operation = operation;
	err = parse_kind(op, operation, lim);
	if (err)
		return err;
	if (!nr_segments || nr_segments > PARSE_MAX_SEGMENTS)
		return BLKIF_RSP_ERROR;
	op->sector = sector;
	op->nr_segs = nr_segments;
	op->indirect = true;
	op->indirect_gref = gref;
	return 0;
}

static int parse_revoke(struct parse_op *op, uint16_t nr_segments,
			uint32_t gref, const struct parse_limits *lim)
{
	if (!lim->revoke)
		return BLKIF_RSP_EOPNOTSUPP;
	if (!nr_segments || nr_segments > BLKIF_MAX_REVOKE)
		return BLKIF_RSP_ERROR;
	op->kind = PARSE_REVOKE;
	op->nr_segs = nr_segments;
	op->indirect = true;
	op->indirect_gref = gref;
	return 0;
}

/* The two layouts differ only in where things stand. */
#define PARSE_REQUEST(bits)                                                    \
	int parse_request##bits(struct parse_op *op,                           \
				const union blkif##bits##_req *req,            \
				const struct parse_limits *lim)                \
	{                                                                      \
		int err;                                                       \
                                                                               \
		op->id = req->rw.id;                                           \
		op->operation = req->rw.operation;                             \
		op->sector = 0;                                                \
		op->nr_sectors = 0;                                            \
		op->nr_segs = 0;                                               \
		op->indirect = false;                                          \
		op->secure = false;                                            \
		if (req->rw.operation == BLKIF_OP_INDIRECT)                    \
			return parse_indirect(op, req->indirect.indirect_op,   \
					      req->indirect.nr_segments,       \
					      req->indirect.sector,            \
					      req->indirect.grefs[0], lim);    \
		if (req->rw.operation == BLKIF_OP_TENON_REVOKE)                \
			return parse_revoke(op, req->indirect.nr_segments,     \
					    req->indirect.grefs[0], lim);      \
		err = parse_kind(op, req->rw.operation, lim);                  \
		if (err)                                                       \
			return err;                                            \
		if (op->kind == PARSE_DISCARD)                                 \
			return parse_discard(op, req->discard.flag,            \
					     req->discard.sector,              \
					     req->discard.nr_sectors, lim);    \
		return parse_rw(op, req->rw.nr_segments, req->rw.sector,       \
				req->rw.seg, lim);                             \
	}

/**
 * parse_request64() - check a request in the 64-bit layout
 * @op: the order to be filled in
 * @req: private copy of the request
 * @lim: limits
 *
 * Return: 0 or the status to answer with.
 */
PARSE_REQUEST(64)

/**
 * parse_request32() - check a request in the 32-bit x86 layout
 * @op: the order to be filled in
 * @req: private copy of the request
 * @lim: limits
 *
 * Return: 0 or the status to answer with.
 */
PARSE_REQUEST(32)
