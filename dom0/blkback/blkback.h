/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * blkback.h - the block back end: a device, its rings, their requests
 *
 * blkback.c	a ring: its thread takes requests and decides what to do
 * io.c		a request: grants mapped, bios submitted, the response
 * limit.c	how much it may do in a second
 * vbd.c	the block device behind it
 * xenbus.c	the state machine
 * stats.c	what sysfs and debugfs show
 */
#ifndef TENON_BLKBACK_H
#define TENON_BLKBACK_H

#include <linux/blkdev.h>
#include <linux/completion.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <xen/xenbus.h>

#include "../../evtchn/tenon_common.h"
#include "../common/mapcache.h"
#include "parse.h"

#define BLKBACK_MAX_RING_ORDER 4
#define BLKBACK_MAX_RING_PAGES (1 << BLKBACK_MAX_RING_ORDER)
#define BLKBACK_MAX_QUEUES 32
/* Mappings kept per ring where the front end can revoke grants. */
#define BLKBACK_KEPT_REVOCABLE 4096

struct blkback;

/* Requests by how long they took: less than 2 us, 4 us ..., and the rest. */
#define BLKBACK_LATENCIES 24
/* One in so many is timed: to read a clock costs more than all other counting. */
#define BLKBACK_LATENCY_SAMPLE 16

enum blkback_latency {
	BLKBACK_LATENCY_READ,
	BLKBACK_LATENCY_WRITE,
	BLKBACK_LATENCY_FLUSH,
	BLKBACK_LATENCY_KINDS,
};

/**
 * struct blkback_stats - counters of one ring
 * @rd_req: reads
 * @wr_req: writes
 * @f_req: flushes and barriers
 * @ds_req: discards
 * @revoked: grants the front end asked to be unmapped
 * @rd_sect: sectors read
 * @wr_sect: sectors written
 * @oo_req: times a request had to wait for memory
 * @bad_req: requests refused as invalid
 * @io_errors: requests that failed below
 * @passes: passes over the ring
 * @submitted: requests submitted
 * @latency: from then to being answered, of a sample; by kind, then duration
 */
struct blkback_stats {
	u64 rd_req;
	u64 wr_req;
	u64 f_req;
	u64 ds_req;
	u64 revoked;
	u64 rd_sect;
	u64 wr_sect;
	u64 oo_req;
	u64 bad_req;
	atomic64_t io_errors;
	u64 passes;
	u64 submitted;
	u64 latency[BLKBACK_LATENCY_KINDS][BLKBACK_LATENCIES];
};

/**
 * struct blkback_ring - one ring and who serves it
 * @be: the device
 * @index: number of the queue
 * @name: of thread and interrupt
 * @shared: the mapped ring, or NULL
 * @is32: the front end's layout is the 32-bit one
 * @b32: back half of the ring, if @is32
 * @b64: back half of the ring, if not
 * @chan: event channel
 * @poll: place with the poller
 * @maps: the front end's grants
 * @task: serves the ring
 * @wake: where @task sleeps
 * @kick: set to wake it
 * @armed: the front end will notify us; @task's, or the poller's
 * @useful: there was work since the last EOI
 * @finish: what is in the ring is answered before it stops
 * @lock: guards the responding half of the ring, @in_pass, the free lists
 * @in_pass: @task publishes when it is through, others need not
 * @small: free requests with few segments
 * @large: free requests with many
 * @inflight: requests taken and not answered
 * @drained: where one waits for @inflight to be 0
 * @op: order in work
 * @seg_page: private copy of an indirect page
 * @seg_batch: mapping of an indirect page
 * @seg_released: @seg_batch is empty again
 * @stats: counters
 */
struct blkback_ring {
	struct blkback *be;
	unsigned int index;
	char name[32];
	void *shared;
	bool is32;
	union {
		struct blkif32_back b32;
		struct blkif64_back b64;
	};
	struct tenon_chan chan;
	struct tenon_poll poll;
	struct mapcache *maps;
	struct task_struct *task;
	wait_queue_head_t wake;
	bool kick;
	bool armed;
	bool useful;
	bool finish;
	spinlock_t lock;
	bool in_pass;
	struct list_head small;
	struct list_head large;
	atomic_t inflight;
	wait_queue_head_t drained;
	struct parse_op op;
	void *seg_page;
	struct map_batch *seg_batch;
	struct completion seg_released;
	struct blkback_stats stats;
};

/**
 * struct blkback_vbd - the block device behind the virtual one
 * @bdev: it, or NULL
 * @file: what keeps it open (since Linux 6.9)
 * @mode: how it was opened (before)
 * @devt: its number
 * @sectors: its size, as last told to the front end
 * @readonly: as the toolstack says
 * @cdrom: as the toolstack says
 * @discard_allowed: as the toolstack says
 */
struct blkback_vbd {
	struct block_device *bdev;
	struct file *file;
	unsigned int mode;
	dev_t devt;
	u64 sectors;
	bool readonly;
	bool cdrom;
	bool discard_allowed;
};

/**
 * struct blkback_limit - how much a virtual device may do in a second
 * @lock: guards all below
 * @request_ns: what a request costs at least, 0: nothing
 * @bytes: bytes per second, 0: any number
 * @paid_until: time up to which requests were taken
 */
struct blkback_limit {
	spinlock_t lock;
	u64 request_ns;
	u64 bytes;
	u64 paid_until;
};

/**
 * struct blkback - one virtual block device
 * @dev: its xenbus device
 * @vbd: what is behind it
 * @limits: what requests are checked against; constant while connected, but
 *	for the size
 * @limit: how much it may do in a second
 * @persistent: grants are kept, both sides agreed
 * @rings: the rings while connected
 * @nr_rings: how many
 * @watch: of the toolstack's physical-device key
 * @watching: it is registered
 * @limit_watch: of the toolstack's limit
 * @limit_watching: it is registered
 * @state_work: does what xenstore asks for; all but it leave @rings alone
 * @state: the front end's, as last seen
 * @remove_work: lets go of everything
 * @finished: it has
 * @refs: references to this struct
 * @resize_work: tells the front end a new size
 * @debugfs: directory
 * @lock: guards @rings and @nr_rings against sysfs and debugfs
 */
struct blkback {
	struct xenbus_device *dev;
	struct blkback_vbd vbd;
	struct parse_limits limits;
	struct blkback_limit limit;
	bool persistent;
	struct blkback_ring *rings;
	unsigned int nr_rings;
	struct xenbus_watch watch;
	bool watching;
	struct xenbus_watch limit_watch;
	bool limit_watching;
	struct work_struct state_work;
	enum xenbus_state state;
	struct work_struct remove_work;
	struct completion finished;
	refcount_t refs;
	struct work_struct resize_work;
	struct dentry *debugfs;
	struct mutex lock;
};

extern struct workqueue_struct *blkback_queue;

/* blkback.c */
int blkback_ring_start(struct blkback *be, struct blkback_ring *ring,
		       grant_ref_t *grefs, unsigned int nr_pages,
		       evtchn_port_t port, bool is32);
void blkback_ring_stop(struct blkback_ring *ring, bool finish);

/* io.c */
bool blkback_io_submit(struct blkback_ring *ring, const struct parse_op *op);
void blkback_io_respond(struct blkback_ring *ring, u64 id, u8 operation,
			int status);
void blkback_io_free_requests(struct blkback_ring *ring);

/* limit.c */
void blkback_limit_set(struct blkback *be, unsigned int iops, u64 bytes);
void blkback_limit_charge(struct blkback *be, u64 sectors);
unsigned long blkback_limit_wait(struct blkback *be);

/* vbd.c */
int blkback_vbd_open(struct blkback *be, unsigned int major,
		     unsigned int minor);
void blkback_vbd_close(struct blkback *be);
void blkback_vbd_limits(struct blkback *be);
int blkback_vbd_advertise(struct blkback *be, struct xenbus_transaction xbt);

/* stats.c */
extern const struct attribute_group *blkback_stats_groups[];
void blkback_stats_setup(void);
void blkback_stats_teardown(void);
void blkback_stats_add(struct blkback *be);
void blkback_stats_remove(struct blkback *be);

/* xenbus.c */
int blkback_xenbus_register(void);
void blkback_xenbus_unregister(void);

/* The one order of a ring's two layouts; see ring.h for each function. */
static inline int blkback_ring_take(struct blkback_ring *ring)
{
	const struct parse_limits *lim = &ring->be->limits;
	union blkif32_req req32;
	union blkif64_req req64;

	if (ring->is32) {
		if (!blkif32_back_consume(&ring->b32, &req32))
			return 1;
		return parse_request32(&ring->op, &req32, lim);
	}
	if (!blkif64_back_consume(&ring->b64, &req64))
		return 1;
	return parse_request64(&ring->op, &req64, lim);
}

#define BLKBACK_RING_CALL(ring, fn, ...)                                       \
	((ring)->is32 ? blkif32_back_##fn(&(ring)->b32, ##__VA_ARGS__) :       \
			blkif64_back_##fn(&(ring)->b64, ##__VA_ARGS__))

#endif /* TENON_BLKBACK_H */
