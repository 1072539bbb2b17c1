/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * blkfront.h - the block front end: a disk, its queues, their requests
 *
 * queue.c	a queue: requests staged, responses reaped
 * grants.c	the pages of a request: staged or granted for once
 * direct.c	or granted when first used, and kept so
 * disk.c	the disk as Linux sees it
 * xenbus.c	the state machine
 * shrink.c	gives granted pages back when memory is short
 * stats.c	what debugfs shows
 */
#ifndef TENON_BLKFRONT_H
#define TENON_BLKFRONT_H

#include <linux/bio.h>
#include <linux/blk-mq.h>
#include <linux/blkdev.h>
#include <linux/mutex.h>
#include <linux/scatterlist.h>
#include <linux/shrinker.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <xen/xenbus.h>

#include "../../evtchn/tenon_common.h"
#include "../../ring/blkif.h"
#include "../common/grantpool.h"

#define BLKFRONT_MAX_SEGMENTS 256
#define BLKFRONT_MAX_RING_ORDER 4
#define BLKFRONT_MAX_RING_PAGES (1 << BLKFRONT_MAX_RING_ORDER)
#define BLKFRONT_MAX_QUEUES 32
/* Pages a queue keeps granted: what back ends in use keep mapped at most. */
#define BLKFRONT_POOL_PAGES 1024

struct blkfront;
struct direct_page;

/* How the back end gets at a request's data. */
enum blkfront_how {
	BLKFRONT_STAGED, /* it is copied through pages of the pool */
	BLKFRONT_ONCE, /* its own pages are granted until it ends */
	BLKFRONT_DIRECT, /* its own pages are granted for longer */
};

/**
 * struct blkfront_cmd - our part of a request
 * @status: how it ended
 * @operation: BLKIF_OP_* it was sent as
 * @how: which of @pages, @grefs and @direct is in use
 * @nr: pages or grants in use
 * @queue: where it was sent
 * @segments: the page of segments of an indirect request
 * @pages: pool pages its data goes through
 * @grefs: grants of its own pages, until it ends
 * @direct: its own pages, granted
 */
struct blkfront_cmd {
	blk_status_t status;
	u8 operation;
	enum blkfront_how how;
	unsigned int nr;
	struct blkfront_queue *queue;
	struct grant_page *segments;
	union {
		struct grant_page *pages[BLKFRONT_MAX_SEGMENTS];
		grant_ref_t grefs[BLKFRONT_MAX_SEGMENTS];
		struct direct_page *direct[BLKFRONT_MAX_SEGMENTS];
	};
};

/**
 * struct blkfront_slot - a request id
 * @rq: the request in flight with it, or NULL
 * @generation: makes a late or repeated response recognisable
 * @next_free: next free id
 */
struct blkfront_slot {
	struct request *rq;
	u32 generation;
	u16 next_free;
};

/**
 * struct blkfront_stats - counters of one queue
 * @requests: requests sent
 * @bad_responses: responses that fit no request
 * @io_errors: requests the back end failed
 * @full: times the queue had to stop
 * @stuck_grants: grants the back end had not let go of when it answered
 * @poll_reaped: responses found by polling
 * @polled: requests that their sender polled for
 * @copied: bytes of data copied
 */
struct blkfront_stats {
	u64 requests;
	u64 bad_responses;
	u64 io_errors;
	u64 full;
	u64 stuck_grants;
	u64 poll_reaped;
	u64 polled;
	u64 copied;
};

/**
 * struct blkfront_direct_stats - what became of a queue's own pages
 * @granting: they are granted; else copied
 * @pages: grants that stand
 * @max: bound of @pages
 * @requests: that went directly
 * @refused: that had to be copied although pages are granted
 * @hits: pages found granted
 * @misses: pages granted anew
 * @revokes: revokes sent
 * @revoked: grants ended by them
 * @stuck: grants the back end did not let go of though it said so
 * @on: times granting began
 * @off: times it ended, for lack of hits
 */
struct blkfront_direct_stats {
	bool granting;
	unsigned int pages;
	unsigned int max;
	u64 requests;
	u64 refused;
	u64 hits;
	u64 misses;
	u64 revokes;
	u64 revoked;
	u64 stuck;
	u64 on;
	u64 off;
};

enum blkfront_watch {
	BLKFRONT_UNWATCHED, /* nothing is outstanding */
	BLKFRONT_ARMED, /* the back end will notify us */
	BLKFRONT_POLLED, /* the poller is looking, the ring is not armed */
};

/**
 * struct blkfront_queue - one ring
 * @bf: the device
 * @index: its number
 * @name: of the interrupt
 * @lock: guards all below
 * @live: requests may be staged
 * @stopped: blk-mq was told to stop; @bf restarts it when there is room
 * @ring: front half of the ring
 * @shared: the ring's pages
 * @nr_pages: how many
 * @grefs: their grants
 * @chan: event channel
 * @port: for the back end
 * @poll: place with the poller
 * @watch: who looks for responses
 * @useful: there was a response since the last EOI
 * @slots: by request id
 * @nr_slots: how many
 * @free_slot: first free id, or @nr_slots
 * @revoking: id of the revoke under way, or @nr_slots
 * @completing: requests answered and still holding their pages
 * @polled: those of them that their sender polls for
 * @pool: pages granted for good
 * @direct: pages of requests that stay granted, or NULL
 * @sg: scratch
 * @seg: scratch
 * @stats: counters
 */
struct blkfront_queue {
	struct blkfront *bf;
	unsigned int index;
	char name[32];
	spinlock_t lock;
	bool live;
	bool stopped;
	struct blkif64_front ring;
	void *shared;
	unsigned int nr_pages;
	grant_ref_t grefs[BLKFRONT_MAX_RING_PAGES];
	struct tenon_chan chan;
	evtchn_port_t port;
	struct tenon_poll poll;
	enum blkfront_watch watch;
	bool useful;
	struct blkfront_slot *slots;
	unsigned int nr_slots;
	unsigned int free_slot;
	unsigned int revoking;
	unsigned int completing;
	struct list_head polled;
	struct grantpool pool;
	struct blkfront_direct *direct;
	struct scatterlist sg[BLKFRONT_MAX_SEGMENTS];
	struct blkif_segment seg[BLKFRONT_MAX_SEGMENTS];
	struct blkfront_stats stats;
};

/**
 * struct blkfront_features - what the two sides have agreed on
 * @persistent: grants are kept by both
 * @staged: data goes through the pool
 * @flush: BLKIF_OP_FLUSH_DISKCACHE works
 * @barrier: BLKIF_OP_WRITE_BARRIER works
 * @discard: BLKIF_OP_DISCARD works
 * @secure: so does its secure form
 * @direct_pages: how many pages of requests may stay granted for a queue
 * @max_segments: of one request
 * @discard_granularity: bytes
 * @discard_alignment: bytes
 * @sectors: size of the disk
 * @sector_size: logical block, bytes
 * @physical_size: physical block, bytes
 * @info: VDISK_*
 */
struct blkfront_features {
	bool persistent;
	bool staged;
	bool flush;
	bool barrier;
	bool discard;
	bool secure;
	unsigned int direct_pages;
	unsigned int max_segments;
	unsigned int discard_granularity;
	unsigned int discard_alignment;
	u64 sectors;
	unsigned int sector_size;
	unsigned int physical_size;
	unsigned int info;
};

/**
 * struct blkfront - one disk
 * @dev: its xenbus device
 * @vdevice: its number, as the toolstack gave it
 * @trusted: the back end may see whatever shares a page with the data
 * @lock: serialises connecting, resuming, closing, removing
 * @features: agreed on
 * @queues: the rings while connected or connecting
 * @nr_queues: how many
 * @connected: the back end is Connected and so are we
 * @quiesced: blk-mq was asked to send nothing
 * @dead: the disk is closing; every request fails
 * @tag_set: blk-mq's
 * @disk: the disk, once connected
 * @added: the world sees it
 * @add_work: shows it
 * @recovered: bios to be sent again after resume
 * @shrinker: gives granted pages back
 * @debugfs: directory
 */
struct blkfront {
	struct xenbus_device *dev;
	unsigned int vdevice;
	bool trusted;
	struct mutex lock;
	struct blkfront_features features;
	struct blkfront_queue *queues;
	unsigned int nr_queues;
	bool connected;
	bool quiesced;
	bool dead;
	struct blk_mq_tag_set tag_set;
	struct gendisk *disk;
	bool added;
	struct work_struct add_work;
	struct bio_list recovered;
	struct shrinker *shrinker;
	struct dentry *debugfs;
};

/* queue.c */
extern const struct blk_mq_ops blkfront_mq_ops;
int blkfront_queue_start(struct blkfront *bf, struct blkfront_queue *q,
			 unsigned int nr_pages);
void blkfront_queue_stop(struct blkfront_queue *q, struct bio_list *again);
void blkfront_queue_enable(struct blkfront_queue *q);
unsigned int blkfront_queue_outstanding(struct blkfront_queue *q);
unsigned int blkfront_queue_drain(struct blkfront_queue *q);
bool blkfront_queue_revoke(struct blkfront_queue *q, grant_ref_t list,
			   unsigned int n, bool *notify);

/* grants.c */
blk_status_t blkfront_grants_get(struct blkfront_queue *q, struct request *rq);
void blkfront_grants_fill(struct request *rq);
unsigned int blkfront_grants_describe(struct blkfront_queue *q,
				      struct request *rq);
void blkfront_grants_drain(struct request *rq);
void blkfront_grants_put(struct blkfront_queue *q, struct request *rq);

/* direct.c */
int blkfront_direct_setup(void);
void blkfront_direct_teardown(void);
void blkfront_direct_start(struct blkfront_queue *q);
void blkfront_direct_stop(struct blkfront_queue *q);
bool blkfront_direct_get(struct blkfront_queue *q, struct request *rq);
void blkfront_direct_put(struct blkfront_queue *q, struct blkfront_cmd *cmd);
void blkfront_direct_revoked(struct blkfront_queue *q);
bool blkfront_direct_drain(struct blkfront_queue *q);
void blkfront_direct_shrink(struct blkfront_queue *q, unsigned int n);
bool blkfront_direct_show(struct blkfront_queue *q,
			  struct blkfront_direct_stats *st);

/* shrink.c */
int blkfront_shrink_add(struct blkfront *bf);
void blkfront_shrink_remove(struct blkfront *bf);

/* disk.c */
int blkfront_disk_setup(void);
void blkfront_disk_teardown(void);
void blkfront_disk_map(struct blk_mq_tag_set *set);
int blkfront_disk_make(struct blkfront *bf);
int blkfront_disk_add(struct blkfront *bf);
void blkfront_disk_update(struct blkfront *bf);
void blkfront_disk_remove(struct blkfront *bf);

/* stats.c */
void blkfront_stats_setup(void);
void blkfront_stats_teardown(void);
void blkfront_stats_add(struct blkfront *bf);
void blkfront_stats_remove(struct blkfront *bf);

#endif /* TENON_BLKFRONT_H */
