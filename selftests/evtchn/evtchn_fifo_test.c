// SPDX-License-Identifier: MIT
/*
 * evtchn_fifo_test.c - the shared words of FIFO event channels, one thread
 *
 * What each function does to the words, and what it tells its caller, for every
 * state a port can be in.  TAP on stdout.
 */
#include <string.h>

#include "evtchn_fifo.h"
#define TAP_MAIN
#include "../lib/tap.h"

#define PRIORITY 3

static uint32_t words[EVTCHN_FIFO_PAGES][EVTCHN_FIFO_PAGE_WORDS];
static uint32_t *pages[EVTCHN_FIFO_PAGES];
static struct evtchn_fifo_control control;
static struct evtchn_fifo_queue queue, other;
static uint8_t upcall;

static void clear(void)
{
	memset(words, 0, sizeof(words));
	memset(&control, 0, sizeof(control));
	queue.tail = 0;
	other.tail = 0;
	upcall = 0;
}

static uint32_t *word(uint32_t port)
{
	return evtchn_fifo_word(pages, port);
}

static enum evtchn_sent link(uint32_t port, struct evtchn_fifo_queue *old)
{
	return evtchn_fifo_link(pages, port, &queue, old,
				&control.head[PRIORITY]);
}

static enum evtchn_sent send(uint32_t port)
{
	enum evtchn_sent sent = evtchn_fifo_pend(word(port));

	if (sent != EVTCHN_UPCALL)
		return sent;
	if (link(port, &queue) != EVTCHN_UPCALL)
		return EVTCHN_QUEUED;
	return evtchn_fifo_raise(&control, &upcall, PRIORITY);
}

/* Take the port that heads the queue; it is handled: not pending any more. */
static bool receive(uint32_t port, uint32_t *next)
{
	bool ready = evtchn_fifo_receive(word(port), next);

	*word(port) &= ~EVTCHN_FIFO_PENDING;
	return ready;
}

TEST(layout_is_the_abi_s)
{
	CHECK(sizeof(control) == 72);
	CHECK((char *)&control.head[15] - (char *)&control == 68);
	CHECK(EVTCHN_FIFO_PENDING == 0x80000000U);
	CHECK(EVTCHN_FIFO_MASKED == 0x40000000U);
	CHECK(EVTCHN_FIFO_LINKED == 0x20000000U);
	CHECK(EVTCHN_FIFO_LINK == 0x1ffff && EVTCHN_FIFO_PORTS == 131072);
}

TEST(each_port_has_its_own_word)
{
	static const uint32_t ports[] = { 1, 2, 1023, 1024, 4095, 4096, 70000,
					  131071 };

	for (unsigned int i = 0; i < sizeof(ports) / sizeof(*ports); i++) {
		uint32_t next, port = ports[i];

		clear();
		CHECK(send(port) == EVTCHN_UPCALL);
		CHECK(words[port / 1024][port % 1024] ==
		      (EVTCHN_FIFO_PENDING | EVTCHN_FIFO_LINKED));
		CHECK(control.head[PRIORITY] == port && queue.tail == port);
		CHECK(control.ready == 1U << PRIORITY && upcall == 1);
		CHECK(send(port) == EVTCHN_MERGED);
		CHECK(evtchn_fifo_take_upcall(&control, &upcall) ==
		      1U << PRIORITY);
		CHECK(!control.ready && !upcall);
		CHECK(receive(port, &next) && !next);
		CHECK(!*word(port));
	}
}

TEST(ports_come_in_the_order_they_were_sent)
{
	static const uint32_t ports[] = { 7, 131071, 3, 1024 };
	uint32_t port, next;

	clear();
	CHECK(send(ports[0]) == EVTCHN_UPCALL);
	for (unsigned int i = 1; i < 4; i++)
		CHECK(send(ports[i]) == EVTCHN_QUEUED);
	port = control.head[PRIORITY];
	for (unsigned int i = 0; i < 4; i++) {
		CHECK(port == ports[i]);
		CHECK(receive(port, &next));
		port = next;
	}
	CHECK(!port);
	/* The queue is empty, whatever was its end. */
	CHECK(send(1024) == EVTCHN_QUEUED); /* ready was not taken */
	CHECK(control.head[PRIORITY] == 1024);
	CHECK(send(7) == EVTCHN_QUEUED);
	CHECK(receive(1024, &next) && next == 7);
}

TEST(masked_port_only_becomes_pending)
{
	clear();
	*word(5) = EVTCHN_FIFO_MASKED;
	CHECK(send(5) == EVTCHN_MASKED);
	CHECK(*word(5) == (EVTCHN_FIFO_MASKED | EVTCHN_FIFO_PENDING));
	CHECK(!control.ready && !upcall && !queue.tail);
	CHECK(send(5) == EVTCHN_MERGED);
	CHECK(evtchn_fifo_unmask(word(5))); /* to be linked now */
	CHECK(link(5, NULL) == EVTCHN_UPCALL);
	CHECK(!evtchn_fifo_unmask(word(5))); /* it is */
	CHECK(link(5, &queue) == EVTCHN_MERGED);
	*word(6) = EVTCHN_FIFO_MASKED;
	CHECK(!evtchn_fifo_unmask(word(6)) && !*word(6));
}

TEST(masked_while_linked)
{
	uint32_t next;

	clear();
	send(5);
	*word(5) |= EVTCHN_FIFO_MASKED;
	CHECK(!evtchn_fifo_receive(word(5), &next));
	CHECK(*word(5) == (EVTCHN_FIFO_MASKED | EVTCHN_FIFO_PENDING));
	CHECK(evtchn_fifo_unmask(word(5)));
	CHECK(link(5, &queue) == EVTCHN_UPCALL); /* the queue is empty */

	/* Handled before it was received: linked, but not pending. */
	*word(5) &= ~EVTCHN_FIFO_PENDING;
	CHECK(send(5) == EVTCHN_QUEUED);
	*word(5) &= ~EVTCHN_FIFO_PENDING;
	CHECK(!evtchn_fifo_receive(word(5), &next));
}

TEST(a_port_that_moves_ends_no_old_queue)
{
	uint32_t next;

	clear();
	send(5);
	receive(5, &next);
	/* As the end of "other" it must not be linked to there any more. */
	other = queue;
	queue.tail = 0;
	evtchn_fifo_pend(word(5));
	CHECK(link(5, &other) == EVTCHN_UPCALL);
	CHECK(queue.tail == 5 && !other.tail);
	/* A queue that has got another end keeps it. */
	receive(5, &next);
	queue.tail = 0;
	other.tail = 8;
	evtchn_fifo_pend(word(5));
	CHECK(link(5, &other) == EVTCHN_UPCALL);
	CHECK(other.tail == 8);
}

TEST(a_receiver_who_breaks_the_rules_harms_no_other)
{
	clear();
	send(5);
	/* Links and bits of his own: only what we know counts. */
	*word(5) = ~0U;
	CHECK(send(6) == EVTCHN_QUEUED);
	CHECK((*word(5) & EVTCHN_FIFO_LINK) == 6 && queue.tail == 6);
	*word(6) = 0;
	control.head[PRIORITY] = 99;
	CHECK(send(7) == EVTCHN_QUEUED);
	CHECK(control.head[PRIORITY] == 7);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(layout_is_the_abi_s),
		TAP_TEST(each_port_has_its_own_word),
		TAP_TEST(ports_come_in_the_order_they_were_sent),
		TAP_TEST(masked_port_only_becomes_pending),
		TAP_TEST(masked_while_linked),
		TAP_TEST(a_port_that_moves_ends_no_old_queue),
		TAP_TEST(a_receiver_who_breaks_the_rules_harms_no_other),
	};

	for (unsigned int i = 0; i < EVTCHN_FIFO_PAGES; i++)
		pages[i] = words[i];
	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
