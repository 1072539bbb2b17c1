// SPDX-License-Identifier: MIT
/*
 * ring_uring.c - io_uring's NOP through liburing in the benchmark
 *
 * The kernel is the back end and answers within the submitting call, so there is
 * one thread only, and no payload: a round trip here is system calls and the two
 * rings.  SLOT is that of its submission queue, 64 bytes.
 */
#include "contest.h"

#include <liburing.h>
#include <stdio.h>
#include <stdlib.h>

static struct io_uring ring;
static bool inited;

static void nop_init(struct run *r)
{
	if (inited)
		io_uring_queue_exit(&ring);
	inited = !io_uring_queue_init(r->nr, &ring, 0);
	if (!inited) {
		perror("io_uring_queue_init");
		exit(2);
	}
}

/* What the other rings' back ends would have answered to request @id. */
static uint64_t answer(uint64_t id)
{
	struct req q;

	req_fill(&q, id);
	return id + req_sum(&q);
}

static uint64_t nop_front(struct run *r)
{
	uint64_t sent = 0, done = 0, sum = 0;

	while (done < r->total) {
		struct io_uring_cqe *cqe;
		unsigned int head, n = 0;

		while (sent < r->total && sent + r->batch <= done + r->qd) {
			for (unsigned int i = 0; i < r->batch; i++) {
				struct io_uring_sqe *sqe =
					io_uring_get_sqe(&ring);

				if (!sqe)
					return 0;
				io_uring_prep_nop(sqe);
				io_uring_sqe_set_data64(sqe, answer(sent++));
			}
			if (io_uring_submit(&ring) < 0)
				return 0;
		}
		io_uring_for_each_cqe(&ring, head, cqe) {
			sum += io_uring_cqe_get_data64(cqe);
			n++;
		}
		io_uring_cq_advance(&ring, n);
		done += n;
	}
	return sum;
}

static void nop_back(struct run *r)
{
	(void)r;
}

extern const struct contest contest_uring_64;
const struct contest contest_uring_64 = {
	.ring = "liburing-nop",
	.slot = SLOT,
	.can_sleep = false,
	.init = nop_init,
	.front = nop_front,
	.back = nop_back,
	.single = nop_front,
};
