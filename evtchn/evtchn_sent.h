/* SPDX-License-Identifier: MIT */
/* evtchn_sent.h - what became of an event that was sent, for either ABI */
#ifndef TENON_EVTCHN_SENT_H
#define TENON_EVTCHN_SENT_H

/**
 * enum evtchn_sent - how far a send had to go
 * @EVTCHN_MERGED: the port was pending already; nothing to do
 * @EVTCHN_MASKED: now pending, but masked: only a poller cares
 * @EVTCHN_QUEUED: now pending, the virtual CPU is about to look at it anyway
 * @EVTCHN_UPCALL: now pending, and the virtual CPU has to be told
 */
enum evtchn_sent {
	EVTCHN_MERGED,
	EVTCHN_MASKED,
	EVTCHN_QUEUED,
	EVTCHN_UPCALL,
};

#endif /* TENON_EVTCHN_SENT_H */
