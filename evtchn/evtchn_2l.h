/* SPDX-License-Identifier: MIT */
/*
 * evtchn_2l.h - the shared words of 2-level event channels
 *
 * A domain has one pending bit and one mask bit for each port, and each of its
 * virtual CPUs a selector (one bit for each word of pending bits) and a flag
 * that asks for an upcall.  A word has 64 bits for 64-bit guests, 32 for others.
 * All are memory shared between the hypervisor, which sends, and the guest,
 * which receives and masks.  This file is what either side does with the words
 * and nothing else: no allocation, no lock, no dependency, so that the
 * hypervisor delivers with exactly the code that user space tests.
 *
 * Who writes what:
 *
 *	word		sender			receiver
 *	pending bit	sets			clears
 *	mask bit	reads (clears when	sets, clears
 *			asked to unmask)
 *	selector bit	sets			takes all, by exchange
 *	upcall flag	sets			clears
 *
 * Two orders make sure that no event is lost.  Every step is a
 * read-modify-write with a full barrier unless said otherwise.
 *
 * Sending against unmasking: the sender sets pending (A), then reads the mask
 * (B).  The receiver clears the mask (C), then reads pending (D).  A..B and
 * C..D each have a full barrier between, so at least one of the two sees the
 * other's store, and that one goes on to the selector.
 *
 * Sending against receiving: the sender sets pending (A), the selector (E), the
 * upcall flag (F), in this order.  The receiver clears the flag (G), takes the
 * selector (H), reads pending (D), in this order.  A sender that finds the
 * selector bit already set at E leaves the flag alone: whoever set that bit
 * sets the flag after, and the receiver's H comes after E or it would have been
 * clear; so D sees A.
 *
 * Both sides may be hostile.  Whatever stands in the words, these functions
 * touch only the bits named by their arguments; @port has been checked by the
 * caller to be below 4096 (or 1024), and pointers are the caller's own.
 */
#ifndef TENON_EVTCHN_2L_H
#define TENON_EVTCHN_2L_H

#ifdef __KERNEL__
#include <linux/types.h>
#else
#include <stdbool.h>
#include <stdint.h>
#endif
#include "evtchn_sent.h"

#define EVTCHN_2L_WORD_BITS 64
#define EVTCHN_2L_PORTS (EVTCHN_2L_WORD_BITS * EVTCHN_2L_WORD_BITS)

/**
 * struct evtchn_2l - where the words are
 * @pending: pending words of the receiving domain
 * @mask: its mask words
 * @selector: selector of the virtual CPU the port is bound to
 * @upcall: that one's upcall flag
 * @word_bits: in a word and in the selector
 *
 * Whatever a word has, the bit of a port is in the same place: that of 64 bits.
 * The selector is reached by bytes, for 32-bit guests align it to 4 only.
 */
struct evtchn_2l {
	uint64_t *pending;
	uint64_t *mask;
	uint8_t *selector;
	uint8_t *upcall;
	uint32_t word_bits;
};

static inline bool evtchn_2l_test_bit(const uint64_t *words, uint32_t n)
{
	uint64_t word = __atomic_load_n(&words[n / EVTCHN_2L_WORD_BITS],
					__ATOMIC_SEQ_CST);

	return word >> (n % EVTCHN_2L_WORD_BITS) & 1;
}

static inline bool evtchn_2l_set_bit(uint64_t *words, uint32_t n)
{
	uint64_t bit = (uint64_t)1 << (n % EVTCHN_2L_WORD_BITS);

	return __atomic_fetch_or(&words[n / EVTCHN_2L_WORD_BITS], bit,
				 __ATOMIC_SEQ_CST) & bit;
}

static inline bool evtchn_2l_clear_bit(uint64_t *words, uint32_t n)
{
	uint64_t bit = (uint64_t)1 << (n % EVTCHN_2L_WORD_BITS);

	return __atomic_fetch_and(&words[n / EVTCHN_2L_WORD_BITS], ~bit,
				  __ATOMIC_SEQ_CST) & bit;
}

/*
 * Steps E and F.  The flag is set by exchange too: exactly one of several
 * senders is told to interrupt the virtual CPU.
 */
static inline enum evtchn_sent evtchn_2l_raise(const struct evtchn_2l *e,
					       uint32_t port)
{
	uint32_t word = port / e->word_bits;
	uint8_t bit = 1U << (word % 8);

	if (__atomic_fetch_or(&e->selector[word / 8], bit, __ATOMIC_SEQ_CST) &
	    bit)
		return EVTCHN_QUEUED;
	if (__atomic_exchange_n(e->upcall, 1, __ATOMIC_SEQ_CST))
		return EVTCHN_QUEUED;
	return EVTCHN_UPCALL;
}

/**
 * evtchn_2l_send() - make a port pending
 * @e: the words
 * @port: checked port number
 *
 * Return: what was done; on EVTCHN_UPCALL the caller interrupts the virtual
 * CPU, on any but EVTCHN_MERGED it looks for pollers of the port.
 */
static inline enum evtchn_sent evtchn_2l_send(const struct evtchn_2l *e,
					      uint32_t port)
{
	if (evtchn_2l_set_bit(e->pending, port)) /* A */
		return EVTCHN_MERGED;
	if (evtchn_2l_test_bit(e->mask, port)) /* B, pairs with C */
		return EVTCHN_MASKED;
	return evtchn_2l_raise(e, port);
}

/**
 * evtchn_2l_unmask() - unmask a port, and redo the notification it missed
 * @e: the words
 * @port: checked port number
 *
 * Return: EVTCHN_UPCALL if the virtual CPU has to be interrupted; else
 * EVTCHN_QUEUED, or EVTCHN_MERGED if nothing was pending or masked.
 */
static inline enum evtchn_sent evtchn_2l_unmask(const struct evtchn_2l *e,
						uint32_t port)
{
	if (!evtchn_2l_clear_bit(e->mask, port)) /* C */
		return EVTCHN_MERGED;
	if (!evtchn_2l_test_bit(e->pending, port)) /* D, pairs with A */
		return EVTCHN_MERGED;
	return evtchn_2l_raise(e, port);
}

/**
 * evtchn_2l_raise_all() - make the receiver look at every port
 * @e: the words of a virtual CPU, which have just moved here
 *
 * Return: true if the virtual CPU has to be interrupted.
 */
static inline bool evtchn_2l_raise_all(const struct evtchn_2l *e)
{
	for (uint32_t i = 0; i < e->word_bits / 8; i++)
		__atomic_store_n(&e->selector[i], 0xff, __ATOMIC_SEQ_CST); /* E */
	return !__atomic_exchange_n(e->upcall, 1, __ATOMIC_SEQ_CST); /* F */
}

/*
 * The receiving side.
 */

/**
 * evtchn_2l_take_upcall() - begin to serve an upcall
 * @selector: own selector
 * @upcall: own upcall flag
 *
 * Return: the words of pending bits to look at.  After they are served the
 * caller checks the flag again before it sleeps.
 */
static inline uint64_t evtchn_2l_take_upcall(uint64_t *selector,
					     uint8_t *upcall)
{
	/* G: an exchange, because H must not be done before it. */
	if (!__atomic_exchange_n(upcall, 0, __ATOMIC_SEQ_CST))
		return 0;
	return __atomic_exchange_n(selector, 0, __ATOMIC_SEQ_CST); /* H */
}

/* D: ports of one word that are pending and not masked. */
static inline uint64_t evtchn_2l_ready(const uint64_t *pending,
				       const uint64_t *mask,
				       unsigned int word)
{
	return __atomic_load_n(&pending[word], __ATOMIC_ACQUIRE) &
	       ~__atomic_load_n(&mask[word], __ATOMIC_RELAXED);
}

#endif /* TENON_EVTCHN_2L_H */
