/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * parse.h - a request as the back end understands it
 *
 * Parsing is a pure function from a private copy of a request to an order that
 * is safe to carry out, or to the status of the response that refuses it.  It
 * builds in the kernel and on a host, where it is fuzzed.
 */
#ifndef TENON_BLKBACK_PARSE_H
#define TENON_BLKBACK_PARSE_H

#include "../../ring/blkif.h"

/* What we advertise; one indirect page is enough for it. */
#define PARSE_MAX_SEGMENTS 256

/**
 * struct parse_limits - what a request must fit in
 * @sectors: size of the device
 * @block_sectors: sectors of a logical block, a power of two
 * @readonly: no writes
 * @discard: discard is offered
 * @secure: secure discard is offered
 * @revoke: grants may be revoked
 */
struct parse_limits {
	uint64_t sectors;
	uint32_t block_sectors;
	bool readonly;
	bool discard;
	bool secure;
	bool revoke;
};

enum parse_kind {
	PARSE_READ,
	PARSE_WRITE,
	PARSE_BARRIER,
	PARSE_FLUSH,
	PARSE_DISCARD,
	PARSE_REVOKE,
};

/**
 * struct parse_op - one request, checked
 * @id: the front end's, to be returned
 * @sector: where; 0 for a flush
 * @nr_sectors: how much
 * @kind: what
 * @operation: for the response
 * @indirect: the segments must be fetched from @indirect_gref and given to
 *	parse_segments() first
 * @secure: of a discard
 * @indirect_gref: page of segments
 * @nr_segs: number of segments; of grants in a PARSE_REVOKE, which has nothing
 *	else
 * @grefs: their grants
 * @first: their first sector in the page
 * @count: their number of sectors
 */
struct parse_op {
	uint64_t id;
	uint64_t sector;
	uint64_t nr_sectors;
	enum parse_kind kind;
	uint8_t operation;
	bool indirect;
	bool secure;
	uint32_t indirect_gref;
	unsigned int nr_segs;
	uint32_t grefs[PARSE_MAX_SEGMENTS];
	uint8_t first[PARSE_MAX_SEGMENTS];
	uint8_t count[PARSE_MAX_SEGMENTS];
};

int parse_request64(struct parse_op *op, const union blkif64_req *req,
		    const struct parse_limits *lim);
int parse_request32(struct parse_op *op, const union blkif32_req *req,
		    const struct parse_limits *lim);
int parse_segments(struct parse_op *op, const struct blkif_segment *seg,
		   const struct parse_limits *lim);

#endif /* TENON_BLKBACK_PARSE_H */
