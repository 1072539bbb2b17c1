/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * hostile.h - a block front end that can break every rule
 *
 * hostile_link.c	connects and disconnects, sends raw requests
 * hostile_front.c	the cases, one test each, reported in TAP
 */
#ifndef HOSTILE_H
#define HOSTILE_H

#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "../../../ring/blkif.h"

#define HOSTILE_RING_PAGES 2

/**
 * struct link_keys - what goes into xenstore, so that it can be wrong
 *
 * NULL means: the right thing, or nothing where nothing is right.
 */
struct link_keys {
	const char *ring_page_order;
	const char *ring_ref;
	const char *event_channel;
	const char *protocol;
	const char *num_queues;
	const char *persistent;
	const char *revoke;
};

/**
 * struct link - a connection to a back end
 * @dev: xenbus device
 * @shared: the ring
 * @grefs: its grants
 * @port: event channel
 * @irq: its interrupt
 * @slots: number of requests that fit
 * @prod: requests sent
 * @cons: responses seen
 * @data: a page
 * @data_gref: its grant, writable
 * @data_ro_gref: its grant, read-only
 */
struct link {
	struct xenbus_device *dev;
	struct ring_shared *shared;
	grant_ref_t grefs[HOSTILE_RING_PAGES];
	evtchn_port_t port;
	int irq;
	u32 slots;
	u32 prod;
	u32 cons;
	struct page *data;
	int data_gref;
	int data_ro_gref;
};

bool link_connect(struct link *l, const struct link_keys *keys);
bool link_disconnect(struct link *l);
void link_put(struct link *l, const union blkif64_req *req);
void link_publish(struct link *l, u32 req_prod);
bool link_answer(struct link *l, struct blkif64_rsp *rsp);
int link_setup(struct link *l, struct xenbus_device *dev);
void link_cleanup(struct link *l);

#endif /* HOSTILE_H */
