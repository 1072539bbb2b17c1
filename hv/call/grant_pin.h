/* SPDX-License-Identifier: MIT */
/*
 * grant_pin.h - taking and giving up the right to use a granted frame
 *
 * The granting domain writes an entry (flags, domid, frame) whenever it likes.
 * Using it means: check flags and domid and set GTF_reading, and GTF_writing
 * for a writer, in the same 32-bit compare-and-exchange, so that the granter
 * cannot revoke between check and use; then, once, look up the frame.  As long
 * as anybody uses the entry, the frame found then counts, whatever the entry
 * says meanwhile.  Pure logic: no lock (the table's is held), no allocation.
 */
#ifndef HV_CALL_GRANT_PIN_H
#define HV_CALL_GRANT_PIN_H

#include "../abi/grant_table.h"

/**
 * struct grant_pins - who uses a grant
 * @mfn: the frame, while there are pins
 * @domid: the domain that uses it, while there are pins
 * @writable: the granter itself may write the frame
 * @readers: read-only pins
 * @writers: other pins
 */
struct grant_pins {
	u32 mfn;
	domid_t domid;
	bool writable;
	u32 readers;
	u32 writers;
};

#define GRANT_PINS_MAX (1U << 20)
/* The granter gets this many chances to change the entry under our hands. */
#define GRANT_MARK_TRIES 5

static inline u32 grant_pin_count(const struct grant_pins *p)
{
	return p->readers + p->writers;
}

/* Check the entry and set GTF_reading and, for a writer, GTF_writing. */
static inline int grant_mark(struct grant_entry *e, domid_t who, bool write)
{
	u32 *word = (u32 *)e;
	u32 seen = __atomic_load_n(word, __ATOMIC_RELAXED);

	for (unsigned int i = 0; i < GRANT_MARK_TRIES; i++) {
		u16 flags = seen;
		domid_t domid = seen >> 16;
		u32 mark = GTF_reading | (write ? GTF_writing : 0);

		if ((flags & GTF_type_mask) != GTF_permit_access ||
		    flags & GTF_sub_page || domid != who)
			return GNTST_general_error;
		if (write && flags & GTF_readonly)
			return GNTST_general_error;
		/*
		 * Acquire: the frame number is read after.  Pairs with the
		 * granter's barrier between writing frame and flags.
		 */
		if (__atomic_compare_exchange_n(word, &seen, seen | mark, false,
						__ATOMIC_SEQ_CST,
						__ATOMIC_RELAXED))
			return GNTST_okay;
	}
	return GNTST_general_error;
}

/**
 * grant_pin() - take the right to use an entry
 * @e: the shared entry
 * @p: its pins
 * @who: the using domain
 * @write: for writing
 *
 * If this is the first pin the caller goes on to find the frame, and calls
 * grant_unpin() if there is none.
 *
 * Return: GNTST_okay, or why not.
 */
static inline int grant_pin(struct grant_entry *e, struct grant_pins *p,
			    domid_t who, bool write)
{
	bool first = !grant_pin_count(p);
	int status;

	if (!first) {
		if (p->domid != who)
			return GNTST_general_error;
		if (grant_pin_count(p) >= GRANT_PINS_MAX)
			return GNTST_no_space;
		if (write && !p->writable)
			return GNTST_general_error;
	}
	if (first || (write && !p->writers)) {
		status = grant_mark(e, who, write);
		if (status)
			return status;
	}
	p->domid = who;
	if (write)
		p->writers++;
	else
		p->readers++;
	return GNTST_okay;
}

/**
 * grant_unpin() - give it up
 * @e: the shared entry, NULL if the granter's table is gone
 * @p: its pins
 * @write: as when it was taken
 *
 * All use of the frame is over, or after the marks are cleared the granter
 * would take it for free while it is not.
 *
 * Return: true if it was the last pin: the caller drops the frame.
 */
static inline bool grant_unpin(struct grant_entry *e, struct grant_pins *p,
			       bool write)
{
	u16 clear = 0;

	if (write && !--p->writers)
		clear |= GTF_writing;
	if (!write)
		p->readers--;
	if (!grant_pin_count(p))
		clear |= GTF_reading;
	if (e && clear)
		__atomic_fetch_and(&e->flags, (u16)~clear, __ATOMIC_SEQ_CST);
	return !grant_pin_count(p);
}

#endif /* HV_CALL_GRANT_PIN_H */
