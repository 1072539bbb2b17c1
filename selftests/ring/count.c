// SPDX-License-Identifier: MIT
/*
 * count.c - how many instructions a request and its response take
 *
 * count tenon|xen SLOT BATCH: both ends in one thread, for count.sh, which runs
 * it under callgrind.  Xen's macros are used as well as they can be: one look at
 * the producer index a pass, one push a batch.  Both fill every byte of a
 * request, and read it once.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/ring.h>

#include "ring.h"

#define ROUNDS 1000

/* callgrind finds them by name. */
#ifdef __clang__
#define MEASURED __attribute__((noinline))
#else
#define MEASURED __attribute__((noinline, noclone))
#endif

static uint8_t area[4096] __attribute__((aligned(4096)));
static uint64_t sink;
static unsigned int notified;

#define RINGS(bytes)                                                           \
	struct req##bytes {                                                    \
		uint64_t word[bytes / 8];                                      \
	};                                                                     \
	struct rsp##bytes {                                                    \
		uint64_t id, status;                                           \
	};                                                                     \
	RING_DEFINE(t##bytes, struct req##bytes, struct rsp##bytes);           \
	DEFINE_RING_TYPES(x##bytes, struct req##bytes, struct rsp##bytes);     \
                                                                               \
	MEASURED static void                                                   \
	measured_tenon##bytes(struct t##bytes##_front *f,                      \
			      struct t##bytes##_back *b, unsigned int batch)   \
	{                                                                      \
		struct req##bytes req;                                         \
		struct rsp##bytes rsp;                                         \
                                                                               \
		for (unsigned int r = 0; r < ROUNDS; r++) {                    \
			for (unsigned int n = 0; n < batch; n++) {             \
				for (unsigned int i = 0; i < bytes / 8; i++)   \
					req.word[i] = r + i;                   \
				t##bytes##_front_stage(f, &req);               \
			}                                                      \
			notified += t##bytes##_front_publish(f);               \
			for (unsigned int n = t##bytes##_back_pending(b);      \
			     n && t##bytes##_back_consume(b, &req); n--) {     \
				rsp.id = req.word[0];                          \
				rsp.status = 0;                                \
				for (unsigned int i = 0; i < bytes / 8; i++)   \
					rsp.status += req.word[i];             \
				t##bytes##_back_respond(b, &rsp);              \
			}                                                      \
			notified += t##bytes##_back_publish(b);                \
			for (unsigned int n = t##bytes##_front_pending(f);     \
			     n && t##bytes##_front_reap(f, &rsp); n--)         \
				sink += rsp.status;                            \
		}                                                              \
	}                                                                      \
                                                                               \
	MEASURED static void                                                   \
	measured_xen##bytes(struct x##bytes##_front_ring *f,                   \
			    struct x##bytes##_back_ring *b,                    \
			    unsigned int batch)                                \
	{                                                                      \
		struct req##bytes req;                                         \
		struct rsp##bytes rsp, *to;                                    \
		RING_IDX i, end;                                               \
		int notify;                                                    \
                                                                               \
		for (unsigned int r = 0; r < ROUNDS; r++) {                    \
			for (unsigned int n = 0; n < batch; n++) {             \
				struct req##bytes *slot;                       \
                                                                               \
				if (RING_FULL(f))                              \
					break;                                 \
				slot = RING_GET_REQUEST(f, f->req_prod_pvt);   \
				for (unsigned int k = 0; k < bytes / 8; k++)   \
					slot->word[k] = r + k;                 \
				f->req_prod_pvt++;                             \
			}                                                      \
			RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(f, notify);        \
			notified += notify;                                    \
			end = b->sring->req_prod;                              \
			rmb();                                                 \
			if (RING_REQUEST_PROD_OVERFLOW(b, end))                \
				abort();                                       \
			for (i = b->req_cons; i != end; i++) {                 \
				RING_COPY_REQUEST(b, i, &req);                 \
				to = RING_GET_RESPONSE(b, b->rsp_prod_pvt);    \
				rsp.id = req.word[0];                          \
				rsp.status = 0;                                \
				for (unsigned int k = 0; k < bytes / 8; k++)   \
					rsp.status += req.word[k];             \
				*to = rsp;                                     \
				b->rsp_prod_pvt++;                             \
			}                                                      \
			b->req_cons = i;                                       \
			RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(b, notify);       \
			notified += notify;                                    \
			end = f->sring->rsp_prod;                              \
			rmb();                                                 \
			if (RING_RESPONSE_PROD_OVERFLOW(f, end))               \
				abort();                                       \
			for (i = f->rsp_cons; i != end; i++) {                 \
				RING_COPY_RESPONSE(f, i, &rsp);                \
				sink += rsp.status;                            \
			}                                                      \
			f->rsp_cons = i;                                       \
		}                                                              \
	}                                                                      \
                                                                               \
	static void tenon##bytes(unsigned int batch)                           \
	{                                                                      \
		struct t##bytes##_front f;                                     \
		struct t##bytes##_back b;                                      \
                                                                               \
		t##bytes##_front_init(&f, area, sizeof(area));                 \
		if (!t##bytes##_back_attach(&b, area, sizeof(area)))           \
			abort();                                               \
		measured_tenon##bytes(&f, &b, batch);                          \
	}                                                                      \
                                                                               \
	static void xen##bytes(unsigned int batch)                             \
	{                                                                      \
		struct x##bytes##_sring *sring = (void *)area;                 \
		struct x##bytes##_front_ring f;                                \
		struct x##bytes##_back_ring b;                                 \
                                                                               \
		SHARED_RING_INIT(sring);                                       \
		FRONT_RING_INIT(&f, sring, sizeof(area));                      \
		BACK_RING_INIT(&b, sring, sizeof(area));                       \
		measured_xen##bytes(&f, &b, batch);                            \
	}                                                                      \
	struct end##bytes

RINGS(16);
RINGS(64);
RINGS(112);

int main(int argc, char **argv)
{
	bool xen = argc > 1 && !strcmp(argv[1], "xen");
	unsigned int slot = argc > 2 ? (unsigned int)atoi(argv[2]) : 64;
	unsigned int batch = argc > 3 ? (unsigned int)atoi(argv[3]) : 8;

	if (slot == 16)
		(xen ? xen16 : tenon16)(batch);
	else if (slot == 64)
		(xen ? xen64 : tenon64)(batch);
	else
		(xen ? xen112 : tenon112)(batch);
	return sink == 0;
}
