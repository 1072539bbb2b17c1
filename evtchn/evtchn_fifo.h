/* SPDX-License-Identifier: MIT */
/*
 * evtchn_fifo.h - the shared words of FIFO event channels
 *
 * A domain has an event word for each port, and each of its virtual CPUs a
 * control block with a queue of ports for each of 16 priorities.  A word says
 * whether its port is pending, masked, and linked into a queue, and which port
 * comes after it.  The words are memory shared between the hypervisor, which
 * sends, and the guest, which receives and masks.  As evtchn_2l.h, this is what
 * either side does with the words and nothing else.
 *
 * Who writes what:
 *
 *	word			sender			receiver
 *	PENDING			sets			clears
 *	MASKED			reads (clears when	sets, clears
 *				asked to unmask)
 *	LINKED			sets			clears
 *	LINK			sets in a queue's last	clears with LINKED
 *	head of a queue		sets if it was empty	reads
 *	ready bit of a queue	sets			takes all, by exchange
 *	upcall flag		sets			clears
 *
 * The receiver walks a queue from its head: it clears LINKED and reads LINK in
 * one step, and goes on to the port found there, until that is 0.  Where a
 * queue ends is known to the sender alone (struct evtchn_fifo_queue).
 *
 * Four orders make sure that no event is lost.  Every step is a
 * read-modify-write with a full barrier.
 *
 * Sending against unmasking: the sender sets PENDING and sees MASKED in one
 * step, since both stand in one word; so does the receiver in the other order.
 *
 * Sending against receiving a port: a sender that finds the port LINKED leaves
 * it there.  The receiver clears LINKED first and looks at PENDING after.
 *
 * Linking against the end of a queue: the sender puts the next port into the
 * last one's LINK by a compare-and-exchange that demands that it still be
 * LINKED.  If it is not, the receiver has gone past it without seeing a next
 * one: the queue is empty, and the port becomes its head.
 *
 * A new head against receiving: the sender sets the head, the ready bit, the
 * upcall flag, in this order; the receiver clears the flag, takes the ready
 * bits, reads the heads, in this order.
 *
 * A port may be linked into another queue than the last time.  It may still be
 * the end of the old one, which must not be linked to any more from the moment
 * it is LINKED again.  So LINKED is set under the locks of both queues, and the
 * caller provides these.
 *
 * Both sides may be hostile.  These functions touch only the words of ports
 * that their caller names and of ends of queues, which are such ports; a
 * receiver that breaks the rules loses events of its own.
 */
#ifndef TENON_EVTCHN_FIFO_H
#define TENON_EVTCHN_FIFO_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif
#include "evtchn_sent.h"

#define EVTCHN_FIFO_PENDING ((uint32_t)1 << 31)
#define EVTCHN_FIFO_MASKED ((uint32_t)1 << 30)
#define EVTCHN_FIFO_LINKED ((uint32_t)1 << 29)
#define EVTCHN_FIFO_LINK_BITS 17
#define EVTCHN_FIFO_LINK (((uint32_t)1 << EVTCHN_FIFO_LINK_BITS) - 1)

#define EVTCHN_FIFO_PORTS ((uint32_t)1 << EVTCHN_FIFO_LINK_BITS)
#define EVTCHN_FIFO_PAGE_WORDS 1024
#define EVTCHN_FIFO_PAGES (EVTCHN_FIFO_PORTS / EVTCHN_FIFO_PAGE_WORDS)
/* Priority 0 goes first. */
#define EVTCHN_FIFO_PRIORITIES 16
#define EVTCHN_FIFO_PRIORITY_DEFAULT 7
/* The receiver gets this many chances to change a word under our hands. */
#define EVTCHN_FIFO_TRIES 64

/**
 * struct evtchn_fifo_control - control block of a virtual CPU, shared
 * @ready: a bit for each queue that is not empty
 * @pad: unused
 * @head: first port of each queue
 */
struct evtchn_fifo_control {
	uint32_t ready;
	uint32_t pad;
	uint32_t head[EVTCHN_FIFO_PRIORITIES];
};

/**
 * struct evtchn_fifo_queue - the sender's knowledge of a queue
 * @tail: the port linked last, whether or not it has been received; 0 if none
 */
struct evtchn_fifo_queue {
	uint32_t tail;
};

/* The word of a port whose page is there. */
static inline uint32_t *evtchn_fifo_word(uint32_t *const *pages, uint32_t port)
{
	return &pages[port / EVTCHN_FIFO_PAGE_WORDS]
		     [port % EVTCHN_FIFO_PAGE_WORDS];
}

/**
 * evtchn_fifo_pend() - make a port pending
 * @word: its word
 *
 * Return: EVTCHN_MERGED, EVTCHN_MASKED, or EVTCHN_QUEUED if it is linked
 * already; else EVTCHN_UPCALL: the caller links it.
 */
static inline enum evtchn_sent evtchn_fifo_pend(uint32_t *word)
{
	uint32_t old = __atomic_fetch_or(word, EVTCHN_FIFO_PENDING,
					 __ATOMIC_SEQ_CST);

	if (old & EVTCHN_FIFO_PENDING)
		return EVTCHN_MERGED;
	if (old & EVTCHN_FIFO_MASKED)
		return EVTCHN_MASKED;
	return old & EVTCHN_FIFO_LINKED ? EVTCHN_QUEUED : EVTCHN_UPCALL;
}

/**
 * evtchn_fifo_unmask() - unmask a port
 * @word: its word
 *
 * Return: true if it is pending and the caller links it.
 */
static inline bool evtchn_fifo_unmask(uint32_t *word)
{
	uint32_t old = __atomic_fetch_and(word, ~EVTCHN_FIFO_MASKED,
					  __ATOMIC_SEQ_CST);

	return old & EVTCHN_FIFO_PENDING && !(old & EVTCHN_FIFO_LINKED);
}

/* Link @port behind the tail of a queue; false if that has been received. */
static inline bool evtchn_fifo_append(uint32_t *tail, uint32_t port)
{
	uint32_t seen = __atomic_load_n(tail, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < EVTCHN_FIFO_TRIES; i++) {
		if (!(seen & EVTCHN_FIFO_LINKED))
			return false;
		if (__atomic_compare_exchange_n(
			    tail, &seen, (seen & ~EVTCHN_FIFO_LINK) | port,
			    false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
			return true;
	}
	return false; /* nobody does that who wants his events */
}

/**
 * evtchn_fifo_link() - link a port into a queue
 * @pages: pages of event words
 * @port: a port whose page is there
 * @queue: the queue to link it to
 * @old: the one it was linked to the last time, may be @queue or NULL
 * @head: head of the queue in the control block
 *
 * The caller holds the locks of both queues.
 *
 * Return: EVTCHN_MERGED if it is linked already, EVTCHN_QUEUED, or EVTCHN_UPCALL
 * if the queue was empty: the caller raises its ready bit.
 */
static inline enum evtchn_sent
evtchn_fifo_link(uint32_t *const *pages, uint32_t port,
		 struct evtchn_fifo_queue *queue,
		 struct evtchn_fifo_queue *old, uint32_t *head)
{
	uint32_t tail;

	if (__atomic_fetch_or(evtchn_fifo_word(pages, port),
			      EVTCHN_FIFO_LINKED, __ATOMIC_SEQ_CST) &
	    EVTCHN_FIFO_LINKED)
		return EVTCHN_MERGED; /* another sender was faster */
	if (old && old->tail == port)
		old->tail = 0;
	tail = queue->tail;
	queue->tail = port;
	if (tail && evtchn_fifo_append(evtchn_fifo_word(pages, tail), port))
		return EVTCHN_QUEUED;
	__atomic_store_n(head, port, __ATOMIC_SEQ_CST);
	return EVTCHN_UPCALL;
}

/**
 * evtchn_fifo_raise() - say that a queue is not empty any more
 * @control: control block of the virtual CPU
 * @upcall: its upcall flag
 * @priority: of the queue
 *
 * Return: EVTCHN_UPCALL if the virtual CPU has to be interrupted.
 */
static inline enum evtchn_sent
evtchn_fifo_raise(struct evtchn_fifo_control *control, uint8_t *upcall,
		  unsigned int priority)
{
	uint32_t bit = (uint32_t)1 << priority;

	if (__atomic_fetch_or(&control->ready, bit, __ATOMIC_SEQ_CST) & bit)
		return EVTCHN_QUEUED;
	if (__atomic_exchange_n(upcall, 1, __ATOMIC_SEQ_CST))
		return EVTCHN_QUEUED;
	return EVTCHN_UPCALL;
}

/*
 * The receiving side.
 */

/**
 * evtchn_fifo_take_upcall() - begin to serve an upcall
 * @control: own control block
 * @upcall: own upcall flag
 *
 * Return: a bit for each queue to look at.
 */
static inline uint32_t
evtchn_fifo_take_upcall(struct evtchn_fifo_control *control, uint8_t *upcall)
{
	__atomic_exchange_n(upcall, 0, __ATOMIC_SEQ_CST);
	return __atomic_exchange_n(&control->ready, 0, __ATOMIC_SEQ_CST);
}

/**
 * evtchn_fifo_receive() - take the first port out of a queue
 * @word: the word of the port that heads it
 * @next: returns the port after it, 0 at the end of the queue
 *
 * Return: true if the port is pending and not masked.
 */
static inline bool evtchn_fifo_receive(uint32_t *word, uint32_t *next)
{
	uint32_t old = __atomic_fetch_and(
		word, ~(EVTCHN_FIFO_LINKED | EVTCHN_FIFO_LINK),
		__ATOMIC_SEQ_CST);

	*next = old & EVTCHN_FIFO_LINK;
	old = __atomic_load_n(word, __ATOMIC_SEQ_CST);
	return old & EVTCHN_FIFO_PENDING && !(old & EVTCHN_FIFO_MASKED);
}

#endif /* TENON_EVTCHN_FIFO_H */
