// SPDX-License-Identifier: MIT
/*
 * blk_uring.c - a block back end in user space: a file, served through io_uring
 *
 *	blk_uring FILE REQUESTS poll|event
 *
 * The child is the back end of a ring of Xen's block interface (blkif.h).  What
 * grants are between domains is here a pool of pages that both map: a gref is the
 * number of a page.  Reads and writes go straight between the file and those pages.
 * "event": when there is nothing to do, it waits in io_uring for a completion and
 * for the front end's eventfd at once.  "poll": neither side ever waits.
 *
 * The parent is a front end that writes and reads pages at random and checks that
 * what comes back is what it wrote.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "blkif.h"
#include "ids.h"

#define PAGE 4096u
#define NR_PAGES 64u /* in the pool */
#define NR_BLOCKS 1024u /* of a page each, in the file */
#define MAX_SLOTS 32u

static void *ring_page;
static uint8_t *pool;
static int to_back, to_front;
static bool polled;

static void die(const char *what)
{
	perror(what);
	exit(1);
}

static void notify(int fd)
{
	uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		die("eventfd");
}

/* --- back end ------------------------------------------------------------ */

struct io {
	uint64_t id;
	uint8_t op;
	int bytes;
	bool busy;
	struct iovec iov[BLKIF_MAX_SEGMENTS];
};

struct server {
	struct blkif64_back ring;
	struct io_uring uring;
	struct io io[MAX_SLOTS]; /* as many as can be unanswered */
	int file;
	uint64_t served;
	uint64_t wakes; /* what was read from the eventfd */
};

static void respond(struct server *s, uint64_t id, uint8_t op, int16_t status)
{
	struct blkif64_rsp rsp;

	memset(&rsp, 0, sizeof(rsp)); /* the padding too */
	rsp.id = id;
	rsp.operation = op;
	rsp.status = status;
	blkif64_back_respond(&s->ring, &rsp);
	s->served++;
}

/* Everything in @req is the front end's word.  @req is ours: it stays as it is. */
static bool check(const struct blkif64_rw *req, struct io *io)
{
	uint64_t sectors = 0;

	if (req->nr_segments > BLKIF_MAX_SEGMENTS)
		return false;
	for (unsigned int i = 0; i < req->nr_segments; i++) {
		const struct blkif_segment *seg = &req->seg[i];

		if (seg->gref >= NR_PAGES || seg->last_sect > 7 ||
		    seg->first_sect > seg->last_sect)
			return false;
		io->iov[i].iov_base = pool + seg->gref * PAGE +
				      seg->first_sect * 512;
		io->iov[i].iov_len =
			(seg->last_sect - seg->first_sect + 1u) * 512;
		sectors += io->iov[i].iov_len / 512;
	}
	io->bytes = (int)(sectors * 512);
	return req->sector <= NR_BLOCKS * 8 &&
	       sectors <= NR_BLOCKS * 8 - req->sector &&
	       (sectors || req->operation == BLKIF_OP_FLUSH_DISKCACHE);
}

static void start(struct server *s, const struct blkif64_rw *req)
{
	struct io_uring_sqe *sqe;
	struct io *io = s->io;

	while (io->busy) /* one is free: not more are unanswered than slots */
		io++;
	if (!check(req, io)) {
		respond(s, req->id, req->operation, BLKIF_RSP_ERROR);
		return;
	}
	if (req->operation != BLKIF_OP_READ && req->operation != BLKIF_OP_WRITE &&
	    req->operation != BLKIF_OP_FLUSH_DISKCACHE) {
		respond(s, req->id, req->operation, BLKIF_RSP_EOPNOTSUPP);
		return;
	}
	sqe = io_uring_get_sqe(&s->uring);
	if (!sqe)
		die("io_uring is full");
	io->id = req->id;
	io->op = req->operation;
	io->busy = true;
	if (io->op == BLKIF_OP_READ)
		io_uring_prep_readv(sqe, s->file, io->iov, req->nr_segments,
				    req->sector * 512);
	else if (io->op == BLKIF_OP_WRITE)
		io_uring_prep_writev(sqe, s->file, io->iov, req->nr_segments,
				     req->sector * 512);
	else
		io_uring_prep_fsync(sqe, s->file, IORING_FSYNC_DATASYNC);
	io_uring_sqe_set_data(sqe, io);
}

/* The eventfd is read like everything else: its completion has no struct io. */
static void listen_for_events(struct server *s)
{
	struct io_uring_sqe *sqe = io_uring_get_sqe(&s->uring);

	if (!sqe)
		die("io_uring is full");
	io_uring_prep_read(sqe, to_back, &s->wakes, sizeof(s->wakes), 0);
	io_uring_sqe_set_data(sqe, NULL);
}

static void finish(struct server *s)
{
	struct io_uring_cqe *cqe;
	unsigned int head, n = 0;
	bool woken = false;

	io_uring_for_each_cqe(&s->uring, head, cqe) {
		struct io *io = io_uring_cqe_get_data(cqe);

		n++;
		if (!io) {
			woken = true;
			continue;
		}
		if (io->op == BLKIF_OP_FLUSH_DISKCACHE)
			io->bytes = 0;
		respond(s, io->id, io->op, cqe->res == io->bytes ?
			BLKIF_RSP_OKAY : BLKIF_RSP_ERROR);
		io->busy = false;
	}
	io_uring_cq_advance(&s->uring, n);
	if (woken)
		listen_for_events(s);
}

static int back_end(const char *name, uint64_t total)
{
	struct server s = { .served = 0 };
	union blkif64_req req;

	s.file = open(name, O_RDWR);
	if (s.file < 0)
		die(name);
	if (!blkif64_back_attach(&s.ring, ring_page, PAGE) ||
	    io_uring_queue_init(MAX_SLOTS + 1, &s.uring, 0))
		die("attach");
	if (!polled)
		listen_for_events(&s);
	while (s.served < total) {
		/* A snapshot a pass: one look at the index, at most a ring. */
		blkif64_back_pending(&s.ring);
		while (blkif64_back_take(&s.ring, &req))
			start(&s, &req.rw);
		if (io_uring_submit(&s.uring) < 0)
			die("io_uring_submit");
		finish(&s);
		if (polled)
			blkif64_back_publish_polled(&s.ring);
		else if (blkif64_back_publish(&s.ring))
			notify(to_front);
		if (blkif64_back_broken(&s.ring))
			return 1;
		if (polled)
			sched_yield(); /* two polling sides, perhaps one CPU */
		else if (s.served < total && !blkif64_back_arm(&s.ring) &&
			 io_uring_submit_and_wait(&s.uring, 1) < 0)
			die("io_uring_submit_and_wait");
	}
	return fsync(s.file) ? 1 : 0;
}

/* --- front end: one request for a block at a time, each with a page ------- */

struct front {
	struct blkif64_front ring;
	struct ids ids; /* an id is a page of the pool */
	uint64_t words[IDS_WORDS(NR_PAGES)];
	uint32_t block[NR_PAGES]; /* that the request is for */
	uint8_t op[NR_PAGES];
	bool busy[NR_BLOCKS];
	uint32_t version[NR_BLOCKS]; /* last written */
	unsigned int seed;
};

static void fill(uint32_t *page, uint32_t block, uint32_t version)
{
	for (uint32_t i = 0; i < PAGE / 4; i++)
		page[i] = block * 7919 + version * 104729 + i;
}

static bool front_ask(struct front *f)
{
	uint32_t id, block = (uint32_t)rand_r(&f->seed) % NR_BLOCKS;
	union blkif64_req *req;

	if (f->busy[block] || !blkif64_front_free(&f->ring) ||
	    !ids_take(&f->ids, &id))
		return false;
	f->busy[block] = true;
	f->block[id] = block;
	f->op[id] = rand_r(&f->seed) % 2 ? BLKIF_OP_WRITE : BLKIF_OP_READ;
	if (f->op[id] == BLKIF_OP_WRITE)
		fill((uint32_t *)(pool + id * PAGE), block,
		     ++f->version[block]);
	req = blkif64_front_claim(&f->ring); /* there is room: see above */
	memset(req, 0, sizeof(*req));
	req->rw.operation = f->op[id];
	req->rw.nr_segments = 1;
	req->rw.id = id;
	req->rw.sector = block * 8;
	req->rw.seg[0].gref = id;
	req->rw.seg[0].last_sect = 7;
	return true;
}

static bool front_done(struct front *f, const struct blkif64_rsp *rsp)
{
	uint32_t want[PAGE / 4], block;

	/* Not ours, or answered already: the other side lies. */
	if (!ids_return(&f->ids, rsp->id)) {
		blkif64_front_condemn(&f->ring);
		return false;
	}
	block = f->block[rsp->id];
	f->busy[block] = false;
	if (rsp->status != BLKIF_RSP_OKAY || rsp->operation != f->op[rsp->id])
		return false;
	fill(want, block, f->version[block]);
	return f->op[rsp->id] == BLKIF_OP_WRITE || !f->version[block] ||
	       !memcmp(want, pool + rsp->id * PAGE, PAGE);
}

static int front_end(struct front *f, uint64_t total)
{
	uint64_t sent = 0, done = 0, count;
	struct blkif64_rsp rsp;

	while (done < total) {
		for (int tries = 8; tries && sent < total; tries--)
			sent += front_ask(f);
		if (polled)
			blkif64_front_publish_polled(&f->ring);
		else if (blkif64_front_publish(&f->ring))
			notify(to_back);
		while (blkif64_front_reap(&f->ring, &rsp)) {
			if (!front_done(f, &rsp)) {
				fprintf(stderr, "wrong answer\n");
				return 1;
			}
			done++;
		}
		if (polled)
			sched_yield();
		else if (done < total &&
			 (sent == total ||
			  blkif64_front_outstanding(&f->ring) > MAX_SLOTS / 2) &&
			 !blkif64_front_arm(&f->ring) &&
			 read(to_front, &count, sizeof(count)) != sizeof(count))
			die("eventfd");
	}
	return 0;
}

int main(int argc, char **argv)
{
	uint64_t total = argc == 4 ? strtoull(argv[2], NULL, 0) : 0;
	static struct front f = { .seed = 1 };
	int status = 1;
	pid_t child;

	if (!total) {
		fprintf(stderr, "usage: blk_uring FILE REQUESTS poll|event\n");
		return 2;
	}
	polled = !strcmp(argv[3], "poll");
	ring_page = mmap(NULL, (NR_PAGES + 1) * PAGE, PROT_READ | PROT_WRITE,
			 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	to_back = eventfd(0, 0);
	to_front = eventfd(0, 0);
	if (ring_page == MAP_FAILED || to_back < 0 || to_front < 0)
		die("setup");
	pool = (uint8_t *)ring_page + PAGE;
	blkif64_front_init(&f.ring, ring_page, PAGE);
	ids_init(&f.ids, f.words, NR_PAGES);
	child = fork();
	if (child < 0)
		die("fork");
	if (!child)
		return back_end(argv[1], total);
	if (front_end(&f, total))
		return 1;
	waitpid(child, &status, 0);
	if (!status)
		printf("%" PRIu64 " requests served and checked\n", total);
	return status != 0;
}
