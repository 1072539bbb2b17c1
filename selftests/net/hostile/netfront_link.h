/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * netfront_link.h - a network front end that can break every rule
 *
 * netfront_link.c	connects and disconnects, moves raw slots
 * netfront_cases.c	the cases, one test each, reported in TAP
 */
#ifndef NETFRONT_LINK_H
#define NETFRONT_LINK_H

#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "netif.h"
#include "ring.h"

#define LINK_SLOTS 256

/**
 * struct link_keys - what goes into xenstore, so that it can be wrong
 *
 * NULL means the right thing.
 */
struct link_keys {
	const char *tx_ring_ref;
	const char *rx_ring_ref;
	const char *event_channel;
	const char *num_queues;
	const char *rx_copy;
	const char *rx_notify;
	const char *no_sg;
};

/**
 * struct link_tx - a transmit slot as either side sees it
 */
union link_tx {
	union netif_tx_slot req;
	struct netif_tx_rsp rsp;
};

/**
 * struct link_rx - a receive slot as either side sees it
 */
union link_rx {
	struct netif_rx_req req;
	union netif_rx_slot rsp;
};

/**
 * struct link - a connection to a back end
 * @dev: xenbus device
 * @tx: transmit ring, its slots, its grant, requests sent, responses seen
 * @rx: the same of the receive ring
 * @port: event channel
 * @irq: its interrupt
 * @data: a page with a frame in it
 * @gref: its grant, writable
 * @ro_gref: its grant, read-only
 */
struct link {
	struct xenbus_device *dev;
	struct {
		struct ring_shared *shared;
		void *page;
		grant_ref_t ref;
		u32 prod;
		u32 cons;
	} tx, rx;
	evtchn_port_t port;
	int irq;
	struct page *data;
	int gref;
	int ro_gref;
};

int link_setup(struct link *l, struct xenbus_device *dev);
void link_cleanup(struct link *l);
bool link_connect(struct link *l, const struct link_keys *keys);
bool link_disconnect(struct link *l);
void link_put(struct link *l, const union netif_tx_slot *slot);
void link_publish(struct link *l, u32 req_prod);
bool link_answer(struct link *l, struct netif_tx_rsp *rsp);
void link_post(struct link *l, u32 gref);
void link_publish_rx(struct link *l, u32 req_prod);
bool link_receive(struct link *l, union netif_rx_slot *rsp);

#endif /* NETFRONT_LINK_H */
