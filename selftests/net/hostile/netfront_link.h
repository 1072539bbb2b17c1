/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * netfront_link.h - a network front end that can break every rule
 *
 * netfront_link.c	connects and disconnects, moves raw slots
 * netfront_ctrl.c	the same for the control ring
 * netfront_hash.c	its part about hashes
 * netfront_cases.c	the cases, one test each, reported in TAP
 */
#ifndef NETFRONT_LINK_H
#define NETFRONT_LINK_H

#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "netif.h"
#include "ring.h"

#define LINK_SLOTS 256
#define LINK_CTRL_SLOTS 128

/* Pages posted in a second queue. */
#define LINK_TWO_ROOM 64

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
	const char *gso;
	const char *headroom;
	bool two_queues;
	const char *ctrl_ring_ref;
	const char *ctrl_port;
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
 * struct link_ctrl - a connection's control ring, and a page for lists
 * @shared: the ring
 * @page: the same
 * @ref: its grant
 * @prod: requests sent
 * @cons: responses seen
 * @port: event channel
 * @irq: its interrupt
 * @list: the list of a request
 * @list_ref: its grant
 */
struct link_ctrl {
	struct ring_shared *shared;
	void *page;
	grant_ref_t ref;
	u32 prod;
	u32 cons;
	evtchn_port_t port;
	int irq;
	struct netif_gref *list;
	grant_ref_t list_ref;
};

/**
 * struct link_ring - one of its rings
 * @shared: the ring
 * @page: the same
 * @ref: its grant
 * @prod: requests sent
 * @cons: responses seen
 */
struct link_ring {
	struct ring_shared *shared;
	void *page;
	grant_ref_t ref;
	u32 prod;
	u32 cons;
};

/**
 * struct link - a connection to a back end
 * @dev: xenbus device
 * @tx: transmit ring
 * @rx: receive ring
 * @tx_two: of a second queue, which is not used
 * @rx_two: of a second queue
 * @ctrl: the control ring
 * @port: event channel
 * @port_two: of a second queue
 * @irq: the first one's interrupt
 * @data: a page with a frame in it
 * @gref: its grant, writable
 * @ro_gref: its grant, read-only
 */
struct link {
	struct xenbus_device *dev;
	struct link_ring tx;
	struct link_ring rx;
	struct link_ring tx_two;
	struct link_ring rx_two;
	struct link_ctrl ctrl;
	evtchn_port_t port;
	evtchn_port_t port_two;
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

bool ctrl_make(struct link *l, const struct link_keys *keys);
void ctrl_free(struct link *l);
void ctrl_publish(struct link *l, u32 req_prod);
int ctrl_ask(struct link *l, u16 type, u32 a, u32 b, u32 c);
int ctrl_list(struct link *l, u16 type, unsigned int n);

/* The control ring's cases. */
void ctrl_nonsense(struct link *l);
void ctrl_bad_lists(struct link *l);
void ctrl_twice(struct link *l);
void ctrl_readonly(struct link *l);
void ctrl_too_many(struct link *l);
void ctrl_many(struct link *l);
void ctrl_ahead(struct link *l);
void hash_sound(struct link *l);
void hash_segmented(struct link *l);
void hash_nonsense(struct link *l);
void hash_queues(struct link *l);
bool link_given_up(struct link *l);

#endif /* NETFRONT_LINK_H */
