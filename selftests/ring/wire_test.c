// SPDX-License-Identifier: MIT
/*
 * wire_test.c - our ends against Xen's macros, from the distribution's header
 *
 * Our front end talks to a back end made of Xen's macros, and the reverse, for
 * several slot sizes and every area from 1 to 16 pages, over the index wrap.
 * Both must also agree when to notify.
 */
#define TAP_MAIN
#include "../lib/tap.h"

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define mb() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rmb() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define wmb() __atomic_thread_fence(__ATOMIC_RELEASE)
#include <xen/io/ring.h>

#include "ring.h"

#define PAGE 4096u

/* A response says what its request said, so that slots can be compared. */
#define WIRE(name, req_bytes, rsp_bytes, align)                                \
	struct name##_req {                                                    \
		uint8_t byte[req_bytes] __attribute__((aligned(align)));       \
	};                                                                     \
	struct name##_rsp {                                                    \
		uint8_t byte[rsp_bytes] __attribute__((aligned(align)));       \
	};                                                                     \
	RING_DEFINE(name, struct name##_req, struct name##_rsp);               \
	DEFINE_RING_TYPES(x##name, struct name##_req, struct name##_rsp);      \
									       \
	static void name##_fill(uint8_t *p, size_t size, uint32_t n)           \
	{                                                                      \
		for (size_t i = 0; i < size; i++)                              \
			p[i] = (uint8_t)(n * 31 + i * 7);                      \
	}                                                                      \
									       \
	static bool name##_right(const uint8_t *p, size_t size, uint32_t n)    \
	{                                                                      \
		for (size_t i = 0; i < size; i++)                              \
			if (p[i] != (uint8_t)(n * 31 + i * 7))                 \
				return false;                                  \
		return true;                                                   \
	}                                                                      \
									       \
	static void name##_our_front(void *area, size_t bytes, uint32_t at)    \
	{                                                                      \
		struct x##name##_sring *sring = area;                          \
		struct x##name##_back_ring back;                               \
		struct name##_front f;                                         \
		uint32_t sent = 0, served = 0, done = 0;                       \
		uint32_t nr = name##_ring_size(bytes);                         \
		unsigned int seed = at + 1;                                    \
		int notify, want;                                              \
									       \
		name##_front_init(&f, area, bytes);                            \
		sring->req_prod = at;                                          \
		sring->rsp_prod = at;                                          \
		REQUIRE(name##_front_attach(&f, area, bytes));                 \
		BACK_RING_ATTACH(&back, sring, at, bytes);                     \
		REQUIRE(RING_SIZE(&back) == nr);                               \
		while (done < 3 * nr) {                                        \
			uint32_t n = 1 + rand_r(&seed) % nr;                   \
			uint32_t before = sring->req_prod;                     \
			struct name##_req req;                                 \
			struct name##_rsp rsp;                                 \
			int more;                                              \
									       \
			while (n-- && name##_front_free(&f)) {                 \
				name##_fill(req.byte, sizeof(req), sent++);    \
				REQUIRE(name##_front_stage(&f, &req));         \
			}                                                      \
			want = (uint32_t)(at + sent - sring->req_event) <      \
			       (uint32_t)(at + sent - before);                 \
			CHECK(name##_front_publish(&f) == want);               \
			do {                                                   \
				while (back.req_cons != sring->req_prod) {     \
					RING_COPY_REQUEST(&back, back.req_cons,\
							  &req);               \
					back.req_cons++;                       \
					REQUIRE(name##_right(req.byte,         \
							     sizeof(req),      \
							     served));         \
					name##_fill(rsp.byte, sizeof(rsp),     \
						    served++ ^ 0x55);          \
					*RING_GET_RESPONSE(&back,              \
						back.rsp_prod_pvt) = rsp;      \
					back.rsp_prod_pvt++;                   \
				}                                              \
				RING_FINAL_CHECK_FOR_REQUESTS(&back, more);    \
			} while (more);                                        \
			before = sring->rsp_prod;                              \
			RING_PUSH_RESPONSES_AND_CHECK_NOTIFY(&back, notify);   \
			want = before != sring->rsp_prod &&                    \
			       (uint32_t)(sring->rsp_prod - sring->rsp_event) <\
			       (uint32_t)(sring->rsp_prod - before);           \
			CHECK(notify == want);                                 \
			while (name##_front_reap(&f, &rsp)) {                  \
				REQUIRE(name##_right(rsp.byte, sizeof(rsp),    \
						     done ^ 0x55));            \
				done++;                                        \
			}                                                      \
			CHECK(!name##_front_arm(&f));                          \
			CHECK(sring->rsp_event == at + done + 1);              \
		}                                                              \
		CHECK(!name##_front_broken(&f));                               \
	}                                                                      \
									       \
	static void name##_our_back(void *area, size_t bytes, uint32_t at)     \
	{                                                                      \
		struct x##name##_sring *sring = area;                          \
		struct x##name##_front_ring front;                             \
		struct name##_back b;                                          \
		uint32_t sent = 0, served = 0, done = 0;                       \
		uint32_t nr = name##_ring_size(bytes);                         \
		unsigned int seed = at + 1;                                    \
		int notify, want;                                              \
									       \
		memset(area, 0, bytes);                                        \
		SHARED_RING_INIT(sring);                                       \
		FRONT_RING_ATTACH(&front, sring, at, bytes);                   \
		sring->req_prod = at;                                          \
		sring->rsp_prod = at;                                          \
		sring->req_event = at + 1;                                     \
		sring->rsp_event = at + 1;                                     \
		REQUIRE(RING_SIZE(&front) == nr);                              \
		REQUIRE(name##_back_attach(&b, area, bytes));                  \
		while (done < 3 * nr) {                                        \
			uint32_t n = 1 + rand_r(&seed) % nr, before;           \
			struct name##_req req;                                 \
			struct name##_rsp rsp;                                 \
			int more;                                              \
									       \
			while (n-- && !RING_FULL(&front)) {                    \
				name##_fill(req.byte, sizeof(req), sent++);    \
				*RING_GET_REQUEST(&front,                      \
						  front.req_prod_pvt) = req;   \
				front.req_prod_pvt++;                          \
			}                                                      \
			before = sring->req_prod;                              \
			want = (uint32_t)(front.req_prod_pvt -                 \
					  sring->req_event) <                  \
			       (uint32_t)(front.req_prod_pvt - before);        \
			RING_PUSH_REQUESTS_AND_CHECK_NOTIFY(&front, notify);   \
			CHECK(notify == want);                                 \
			before = sring->rsp_prod;                              \
			while (name##_back_consume(&b, &req)) {                \
				REQUIRE(name##_right(req.byte, sizeof(req),    \
						     served));                 \
				name##_fill(rsp.byte, sizeof(rsp),             \
					    served++ ^ 0x55);                  \
				REQUIRE(name##_back_respond(&b, &rsp));        \
			}                                                      \
			want = at + served != before &&                        \
			       (uint32_t)(at + served - sring->rsp_event) <    \
			       (uint32_t)(at + served - before);               \
			CHECK(name##_back_publish(&b) == want);                \
			CHECK(!name##_back_arm(&b));                           \
			CHECK(sring->req_event == at + served + 1);            \
			do {                                                   \
				while (front.rsp_cons != sring->rsp_prod) {    \
					RING_COPY_RESPONSE(&front,             \
							   front.rsp_cons,     \
							   &rsp);              \
					front.rsp_cons++;                      \
					REQUIRE(name##_right(rsp.byte,         \
							     sizeof(rsp),      \
							     done ^ 0x55));    \
					done++;                                \
				}                                              \
				RING_FINAL_CHECK_FOR_RESPONSES(&front, more);  \
			} while (more);                                        \
		}                                                              \
		CHECK(!name##_back_broken(&b));                                \
	}                                                                      \
									       \
	static void name(void)                                                 \
	{                                                                      \
		static const uint32_t start[] = { 0, 0xfffffff0, 0x7fffffff }; \
									       \
		for (size_t pages = 1; pages <= 16; pages++) {                 \
			void *area = aligned_alloc(PAGE, pages * PAGE);        \
									       \
			REQUIRE(area);                                         \
			CHECK(sizeof(union name##_slot) ==                     \
			      sizeof(union x##name##_sring_entry));            \
			for (size_t i = 0; i < 3; i++) {                       \
				name##_our_front(area, pages * PAGE, start[i]);\
				name##_our_back(area, pages * PAGE, start[i]); \
			}                                                      \
			free(area);                                            \
		}                                                              \
	}                                                                      \
	struct name##_end

WIRE(net_rx_8_bytes, 8, 8, 2);
WIRE(net_tx_12_bytes, 12, 4, 2);
WIRE(one_16_bytes, 16, 16, 8);
WIRE(scsi_like_64_bytes, 64, 24, 8);
WIRE(block32_108_bytes, 108, 12, 4);
WIRE(block64_112_bytes, 112, 16, 8);
WIRE(bigger_response, 8, 40, 8);
WIRE(whole_page_2000_bytes, 2000, 2000, 8);

TEST(the_header_is_laid_out_as_xen_s)
{
	CHECK(offsetof(struct ring_shared, req_prod) ==
	      offsetof(struct xone_16_bytes_sring, req_prod));
	CHECK(offsetof(struct ring_shared, req_event) ==
	      offsetof(struct xone_16_bytes_sring, req_event));
	CHECK(offsetof(struct ring_shared, rsp_prod) ==
	      offsetof(struct xone_16_bytes_sring, rsp_prod));
	CHECK(offsetof(struct ring_shared, rsp_event) ==
	      offsetof(struct xone_16_bytes_sring, rsp_event));
	CHECK(sizeof(struct ring_shared) ==
	      offsetof(struct xone_16_bytes_sring, ring));
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(the_header_is_laid_out_as_xen_s),
		TAP_TEST(net_rx_8_bytes),
		TAP_TEST(net_tx_12_bytes),
		TAP_TEST(one_16_bytes),
		TAP_TEST(scsi_like_64_bytes),
		TAP_TEST(block32_108_bytes),
		TAP_TEST(block64_112_bytes),
		TAP_TEST(bigger_response),
		TAP_TEST(whole_page_2000_bytes),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
