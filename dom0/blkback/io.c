// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * io.c - one request: its grants, its bios, its response
 */
#include <linux/bio.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>

#include "blkback.h"

/* Bytes of one discard bio: what its 32-bit size holds, in whole MiB. */
#define DISCARD_CHUNK_SECTORS ((UINT_MAX >> SECTOR_SHIFT) & ~2047u)

/**
 * struct io_request - a request on its way
 * @free: in blkback_ring.small or .large
 * @ring: where it came from
 * @maps: its grants
 * @id: of the response
 * @operation: of the response
 * @status: of the response
 * @pending: bios under way, and one while they are being submitted
 * @latency: which latencies it counts among
 * @begun: when it was submitted, in ns; 0 if it is not timed
 */
struct io_request {
	struct list_head free;
	struct blkback_ring *ring;
	struct map_batch *maps;
	u64 id;
	u8 operation;
	int status;
	atomic_t pending;
	enum blkback_latency latency;
	u64 begun;
};

/* Under the ring's lock. */
static void io_put(struct io_request *r)
{
	list_add(&r->free, r->maps->max > BLKIF_MAX_SEGMENTS ?
				   &r->ring->large : &r->ring->small);
}

/* Requests are made on demand and kept, so there are never more than slots. */
static struct io_request *io_get(struct blkback_ring *ring, unsigned int segs)
{
	bool large = segs > BLKIF_MAX_SEGMENTS;
	struct list_head *list = large ? &ring->large : &ring->small;
	struct io_request *r;

	spin_lock_irq(&ring->lock);
	r = list_first_entry_or_null(list, struct io_request, free);
	if (r)
		list_del(&r->free);
	spin_unlock_irq(&ring->lock);
	if (r)
		return r;

	r = kzalloc(sizeof(*r), GFP_NOIO | __GFP_NOWARN);
	if (!r)
		return NULL;
	r->ring = ring;
	r->maps = map_batch_alloc(ring->maps,
				  large ? PARSE_MAX_SEGMENTS :
					  BLKIF_MAX_SEGMENTS,
				  GFP_NOIO | __GFP_NOWARN);
	if (!r->maps) {
		kfree(r);
		return NULL;
	}
	r->maps->owner = r;
	return r;
}

static void io_free_list(struct list_head *list)
{
	struct io_request *r, *next;

	list_for_each_entry_safe(r, next, list, free) {
		map_batch_free(r->maps);
		kfree(r);
	}
	INIT_LIST_HEAD(list);
}

/**
 * blkback_io_free_requests() - free what io_get() has kept
 * @ring: nothing is in flight on it
 */
void blkback_io_free_requests(struct blkback_ring *ring)
{
	io_free_list(&ring->small);
	io_free_list(&ring->large);
}

/* How long a request took; under the ring's lock. */
static void io_count_latency(struct io_request *r)
{
	s64 us = (s64)(local_clock() - r->begun) / (s64)NSEC_PER_USEC;
	unsigned int i = us > 0 ? ilog2(us) : 0;

	r->ring->stats.latency[r->latency][min(i, BLKBACK_LATENCIES - 1u)]++;
}

/*
 * Answers; @r, if any, goes back to its list.  The ring may go away as soon as
 * the lock is dropped after the last one in flight, but for the event channel
 * when there is something to notify: so that is done inside.
 */
static void io_respond(struct blkback_ring *ring, struct io_request *r, u64 id,
		       u8 operation, int status)
{
	unsigned long flags;

	spin_lock_irqsave(&ring->lock, flags);
	if (ring->is32) {
		struct blkif32_rsp rsp = { .id = id, .operation = operation,
					   .status = status };

		blkif32_back_respond(&ring->b32, &rsp);
	} else {
		struct blkif64_rsp rsp = {};

		/* Padding included, nothing of ours gets into the ring. */
		rsp.id = id;
		rsp.operation = operation;
		rsp.status = status;
		blkif64_back_respond(&ring->b64, &rsp);
	}
	if (r) {
		if (r->begun && r->latency < BLKBACK_LATENCY_KINDS)
			io_count_latency(r);
		io_put(r);
	}
	if (!ring->in_pass && BLKBACK_RING_CALL(ring, publish))
		tenon_chan_notify(&ring->chan);
	/* A barrier waits for 1, itself; teardown waits for 0. */
	if (atomic_dec_return(&ring->inflight) <= 1)
		wake_up(&ring->drained);
	spin_unlock_irqrestore(&ring->lock, flags);
}

/**
 * blkback_io_respond() - answer a request that was not submitted
 * @ring: where it came from
 * @id: its id
 * @operation: its operation
 * @status: BLKIF_RSP_*
 */
void blkback_io_respond(struct blkback_ring *ring, u64 id, u8 operation,
			int status)
{
	io_respond(ring, NULL, id, operation, status);
}

static void io_unmapped(struct map_batch *b);

static void io_end(struct io_request *r)
{
	if (atomic_dec_and_test(&r->pending))
		map_batch_release(r->maps, io_unmapped);
}

static void io_bio_end(struct bio *bio)
{
	struct io_request *r = bio->bi_private;

	if (bio->bi_status) {
		atomic64_inc(&r->ring->stats.io_errors);
		WRITE_ONCE(r->status, bio->bi_status == BLK_STS_NOTSUPP ?
			   BLKIF_RSP_EOPNOTSUPP : BLKIF_RSP_ERROR);
	}
	bio_put(bio);
	io_end(r);
}

/* A request that could not be started returns to its list. */
static void io_given_up(struct map_batch *b)
{
	struct io_request *r = b->owner;
	unsigned long flags;

	spin_lock_irqsave(&r->ring->lock, flags);
	io_put(r);
	spin_unlock_irqrestore(&r->ring->lock, flags);
}

static struct bio *io_bio(struct io_request *r, unsigned int vecs,
			  blk_opf_t opf, sector_t sector)
{
	struct bio *bio = bio_alloc(r->ring->be->vbd.bdev, vecs, opf, GFP_NOIO);

	bio->bi_iter.bi_sector = sector;
	bio->bi_private = r;
	bio->bi_end_io = io_bio_end;
	atomic_inc(&r->pending);
	return bio;
}

static void io_submit_data(struct io_request *r, const struct parse_op *op,
			   blk_opf_t opf)
{
	sector_t sector = op->sector;
	struct bio *bio = NULL;
	unsigned int i;

	for (i = 0; i < op->nr_segs; i++) {
		struct page *page = map_batch_page(r->maps, i);
		unsigned int offset = op->first[i] << SECTOR_SHIFT;
		unsigned int len = op->count[i] << SECTOR_SHIFT;

		if (bio && bio_add_page(bio, page, len, offset) != len) {
			/* Full: this one goes, before the next is made. */
			submit_bio(bio);
			bio = NULL;
			opf &= ~REQ_PREFLUSH;
		}
		if (!bio) {
			bio = io_bio(r, bio_max_segs(op->nr_segs - i), opf,
				     sector);
			__bio_add_page(bio, page, len, offset);
		}
		sector += op->count[i];
	}
	submit_bio(bio);
}

static void io_submit_discard(struct io_request *r, const struct parse_op *op)
{
	blk_opf_t opf = op->secure ? REQ_OP_SECURE_ERASE : REQ_OP_DISCARD;
	sector_t sector = op->sector;
	u64 left = op->nr_sectors;

	while (left) {
		u64 n = min_t(u64, left, DISCARD_CHUNK_SECTORS);
		struct bio *bio = io_bio(r, 0, opf, sector);

		bio->bi_iter.bi_size = n << SECTOR_SHIFT;
		submit_bio(bio);
		sector += n;
		left -= n;
		cond_resched();
	}
}

/* Takes what is kept of the grants out of the cache; their unmapping follows. */
static void io_revoke(struct io_request *r, const struct parse_op *op)
{
	unsigned int i;

	/* Each may be mapped to be read and to be written. */
	BUILD_BUG_ON(2 * BLKIF_MAX_REVOKE > PARSE_MAX_SEGMENTS);
	for (i = 0; i < op->nr_segs; i++)
		while (map_batch_forget(r->maps, op->grefs[i]))
			;
}

/**
 * blkback_io_submit() - start a request
 * @ring: where it came from
 * @op: the request, checked; not needed any more on return
 *
 * Only from the ring's thread.  From here on the request answers itself.
 *
 * Return: false if there is no memory; nothing was done.
 */
bool blkback_io_submit(struct blkback_ring *ring, const struct parse_op *op)
{
	bool revoke = op->kind == PARSE_REVOKE;
	const struct blkback *be = ring->be;
	struct io_request *r;
	bool readonly;
	int err = 0;

	r = io_get(ring, revoke ? PARSE_MAX_SEGMENTS : op->nr_segs);
	if (!r)
		return false;
	r->id = op->id;
	r->operation = op->operation;
	r->status = BLKIF_RSP_OKAY;
	atomic_set(&r->pending, 1);
	r->latency = op->kind == PARSE_READ ? BLKBACK_LATENCY_READ :
		     op->kind == PARSE_WRITE ? BLKBACK_LATENCY_WRITE :
		     op->kind == PARSE_FLUSH || op->kind == PARSE_BARRIER ?
			BLKBACK_LATENCY_FLUSH : BLKBACK_LATENCY_KINDS;
	r->begun = ring->stats.submitted++ % BLKBACK_LATENCY_SAMPLE ?
			   0 : local_clock();

	/*
	 * Grants that are kept, but cannot be revoked, are writable and used for
	 * either direction: one mapping serves.
	 */
	readonly = op->kind != PARSE_READ &&
		   (!be->persistent || be->limits.revoke);
	if (op->nr_segs && !revoke)
		err = map_batch_map(r->maps, op->grefs, op->nr_segs, readonly,
				    be->persistent);
	if (err == -ENOMEM) {
		map_batch_release(r->maps, io_given_up);
		return false;
	}
	if (err) {
		r->status = BLKIF_RSP_ERROR;
		ring->stats.bad_req++;
		io_end(r);
		return true;
	}
	switch (op->kind) {
	case PARSE_READ:
		io_submit_data(r, op, REQ_OP_READ);
		break;
	case PARSE_WRITE:
		io_submit_data(r, op, REQ_OP_WRITE | REQ_SYNC | REQ_IDLE);
		break;
	case PARSE_BARRIER:
		if (op->nr_segs) {
			io_submit_data(r, op, REQ_OP_WRITE | REQ_SYNC |
				       REQ_PREFLUSH | REQ_FUA);
			break;
		}
		fallthrough;
	case PARSE_FLUSH:
		submit_bio(io_bio(r, 0, REQ_OP_WRITE | REQ_PREFLUSH, 0));
		break;
	case PARSE_DISCARD:
		io_submit_discard(r, op);
		break;
	case PARSE_REVOKE:
		io_revoke(r, op);
		break;
	}
	io_end(r);
	return true;
}

static void io_unmapped(struct map_batch *b)
{
	struct io_request *r = b->owner;

	io_respond(r->ring, r, r->id, r->operation, r->status);
}
