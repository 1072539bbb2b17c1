/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * netfront.h - what the files of tenon-netfront share
 *
 *  front.c     the network device
 *  queue.c     rings, event channels and memory of one queue; its NAPI poll
 *  tx.c        start_xmit: copy into pages granted once, reap when room runs out
 *  rx.c        post pages, turn what came back into packets
 *  xdp.c       runs a program on each packet received; sends what programs redirect
 *  headroom.c  asks the back end to leave room for XDP before packets
 *  stage.c     pages to receive into that stay mapped in the back end
 *  ctrl.c      control ring: asks the back end to map pages
 *  stats.c     ethtool counters, debugfs
 *  xenbus.c    xenstore state machine
 */
#ifndef NETFRONT_H
#define NETFRONT_H

#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/timer.h>
#include <net/xdp.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "netif.h"
#include "ring.h"
#include "tenon_common.h"

RING_DEFINE(nettx, union netif_tx_slot, struct netif_tx_rsp);
RING_DEFINE(netrx, struct netif_rx_req, union netif_rx_slot);
RING_DEFINE(netctrl, struct netif_ctrl_req, struct netif_ctrl_rsp);

/* Slots of a ring of one page, of either kind. */
#define QUEUE_SLOTS 256

/* What a granted page holds. */
#define QUEUE_PAGE 4096

enum queue_stat {
	STAT_TX_PACKETS,
	STAT_TX_BYTES,
	STAT_TX_GSO,
	STAT_TX_STOPPED,
	STAT_TX_ERRORS,
	STAT_TX_DROPPED,
	STAT_RX_PACKETS,
	STAT_RX_BYTES,
	STAT_RX_GSO,
	STAT_RX_COPIED,
	STAT_RX_STAGED,
	STAT_RX_STAGE_BUSY,
	STAT_RX_NOMEM,
	STAT_RX_ERRORS,
	STAT_RX_BAD_SLOT,
	STAT_RX_BAD_EXTRA,
	STAT_RX_BAD_HEADER,
	STAT_RX_GRANT_HELD,
	STAT_XDP_PASS,
	STAT_XDP_DROP,
	STAT_XDP_TX,
	STAT_XDP_REDIRECT,
	STAT_XDP_ERRORS,
	STAT_XDP_XMIT,
	QUEUE_STATS,
};

struct netfront;
struct ctrl;

/**
 * struct tx_slot - a page the back end may read, for good
 * @page: holds the bytes of one request
 * @gref: its grant
 * @busy: in flight
 */
struct tx_slot {
	struct page *page;
	grant_ref_t gref;
	bool busy;
};

/**
 * struct tx_side - what we send; owned by the device's transmit lock
 * @ring: our side of the ring
 * @page: the ring
 * @ring_ref: its grant
 * @chan: event channel
 * @port: its port here
 * @slot: pages; the index is the request's id
 * @free: ids that are not in flight
 * @nr_free: how many
 * @nr_extras: extras in flight
 * @sent_at: when the last packet was sent, by the CPU's clock
 * @looked_at: when its sender last looked for packets to receive
 */
struct tx_side {
	struct nettx_front ring;
	void *page;
	grant_ref_t ring_ref;
	struct tenon_chan chan;
	evtchn_port_t port;
	struct tx_slot slot[QUEUE_SLOTS];
	u8 free[QUEUE_SLOTS];
	unsigned int nr_free;
	unsigned int nr_extras;
	u64 sent_at;
	u64 looked_at;
};

/**
 * struct rx_buffer - a page the back end may write, until we take it back
 * @page: of the pool, or staged
 * @gref: its grant
 * @staged: it stays mapped in the back end
 */
struct rx_buffer {
	struct page *page;
	grant_ref_t gref;
	bool staged;
};

/**
 * struct rx_stage - pages that stay mapped in the back end
 * @buf: those that are not posted, free or the stack's, from @head to @tail
 * @ready: they may be used
 * @head: index of the next to look at
 * @tail: index behind the last
 */
struct rx_stage {
	struct rx_buffer *buf;
	bool ready;
	u32 head;
	u32 tail;
};

/**
 * struct rx_side - what we receive; owned by the NAPI poll
 * @ring: our side of the ring
 * @page: the ring
 * @ring_ref: its grant
 * @chan: event channel, unbound if the back end takes only one
 * @port: its port here
 * @pool: where pages come from and the stack returns them to
 * @frames: pages that the back end never sees, for what XDP programs redirect
 * @xdp: says to programs where a packet comes from, and that its page is of @frames
 * @xdp_flush: a program has redirected packets in this pass
 * @xdp_sent: a program has sent packets back in this pass
 * @posted: buffers by slot; the back end has them
 * @next_post: index of the next slot to post
 * @next_take: index of the next answer
 * @rested: what it was when the ring last ran dry
 * @spare: granted buffers that came back unused, or were copied from
 * @nr_spare: how many
 * @gref: grants without a page
 * @nr_grefs: how many
 * @stage: pages that stay mapped
 * @refill_timer: tries again after memory ran out
 */
struct rx_side {
	struct netrx_front ring;
	void *page;
	grant_ref_t ring_ref;
	struct tenon_chan chan;
	evtchn_port_t port;
	struct page_pool *pool;
	struct page_pool *frames;
	struct xdp_rxq_info xdp;
	bool xdp_flush;
	bool xdp_sent;
	struct rx_buffer posted[QUEUE_SLOTS];
	u32 next_post;
	u32 next_take;
	u32 rested;
	struct rx_buffer spare[QUEUE_SLOTS];
	unsigned int nr_spare;
	grant_ref_t gref[QUEUE_SLOTS];
	unsigned int nr_grefs;
	struct rx_stage stage;
	struct timer_list refill_timer;
};

/**
 * struct rx_part - bytes of a packet in one page
 * @buf: the page and its grant
 * @offset: where in the page
 * @len: how many
 */
struct rx_part {
	struct rx_buffer buf;
	u16 offset;
	u16 len;
};

/**
 * struct rx_packet - a packet as the back end describes it
 * @part: its pages
 * @nr_parts: how many
 * @len: bytes in all of them
 * @flags: NETIF_RXF_* of the first answer
 * @gso_type: NETIF_GSO_*, or 0
 * @gso_size: payload bytes of a segment
 * @headroom: bytes left free before it, of which the back end gave notice
 * @bad: it is to be dropped
 * @owned: the grants of its pages have ended, but for those that are staged
 */
struct rx_packet {
	struct rx_part part[NETIF_SLOTS_MIN];
	unsigned int nr_parts;
	unsigned int len;
	u16 flags;
	u16 gso_size;
	u8 gso_type;
	u16 headroom;
	bool bad;
	bool owned;
};

/**
 * struct netfront_queue - a pair of rings
 * @front: the interface
 * @id: which of its queues
 * @napi: serves both rings
 * @poll: place with the CPU's poller
 * @polled: the poller looks at the receive ring, which is armed for a batch only
 * @worked: something was found since the last event was acknowledged
 * @tx: what we send
 * @rx: what we receive
 * @tx_name: of the event channel
 * @rx_name: of the event channel
 * @stat: counters
 */
struct netfront_queue {
	struct netfront *front;
	unsigned int id;
	struct napi_struct napi;
	struct tenon_poll poll;
	bool polled;
	bool worked;
	struct tx_side tx;
	struct rx_side rx;
	char tx_name[IFNAMSIZ + 16];
	char rx_name[IFNAMSIZ + 16];
	u64 stat[QUEUE_STATS];
};

/**
 * struct netfront - one network interface
 * @dev: the network device
 * @xbdev: its xenstore device
 * @queue: @nr_queues of them, NULL while not connected
 * @nr_queues: queues in use
 * @max_queues: queues the device was made for
 * @split: the back end takes one event channel for each ring
 * @connected: rings are there; changes under RTNL
 * @broken: the back end broke the protocol; nothing is done until it connects
 *	anew
 * @trusted: the back end may keep pages that the stack has
 * @can_headroom: the back end may be asked to leave room for XDP before packets
 * @xdp_prog: runs on each packet received, or NULL; changes under RTNL
 * @headroom: the room that we last asked for
 * @headroom_work: asks
 * @ctrl: control ring, or NULL
 * @features: what the back end can take, as device features
 * @old: counters of queues that are gone
 * @debugfs: directory
 */
struct netfront {
	struct net_device *dev;
	struct xenbus_device *xbdev;
	struct netfront_queue *queue;
	unsigned int nr_queues;
	unsigned int max_queues;
	bool split;
	bool connected;
	bool broken;
	bool trusted;
	bool can_headroom;
	struct bpf_prog __rcu *xdp_prog;
	unsigned int headroom;
	struct work_struct headroom_work;
	struct ctrl *ctrl;
	netdev_features_t features;
	u64 old[QUEUE_STATS];
	struct dentry *debugfs;
};

static inline void queue_count(struct netfront_queue *q, enum queue_stat stat,
			       u64 n)
{
	/* one writer per counter; readers take what they see */
	WRITE_ONCE(q->stat[stat], q->stat[stat] + n);
}

static inline struct netdev_queue *queue_txq(struct netfront_queue *q)
{
	return netdev_get_tx_queue(q->front->dev, q->id);
}

static inline struct tenon_chan *queue_rx_chan(struct netfront_queue *q)
{
	return q->front->split ? &q->rx.chan : &q->tx.chan;
}

/* front.c */
struct netfront *front_create(struct xenbus_device *xbdev, unsigned int queues);
void front_destroy(struct netfront *front);
int front_connect(struct netfront *front, unsigned int nr);
int front_register(struct netfront *front);
void front_stop(struct netfront *front);
void front_disconnect(struct netfront *front);
void front_break(struct netfront *front, const char *why);

/* queue.c */
int queue_connect(struct netfront_queue *q);
void queue_disconnect(struct netfront_queue *q);
void queue_up(struct netfront_queue *q);
void queue_down(struct netfront_queue *q);
void queue_look_sending(struct netfront_queue *q, u64 now);

/* ctrl.c */
int ctrl_connect(struct netfront *front);
int ctrl_write(const struct netfront *front);
void ctrl_start(struct netfront *front);
void ctrl_disconnect(struct netfront *front);

/* stage.c */
int stage_make(struct netfront_queue *q, unsigned int room);
grant_ref_t stage_gref(const struct netfront_queue *q, unsigned int i);
void stage_use(struct netfront_queue *q);
bool stage_get(struct netfront_queue *q, struct rx_buffer *buf);
void stage_put(struct netfront_queue *q, const struct rx_buffer *buf);
void stage_free(struct netfront_queue *q);

/* headroom.c */
void headroom_init(struct netfront *front);
int headroom_write(struct netfront *front);
void headroom_ask(struct netfront *front);
void headroom_stop(struct netfront *front);

/* tx.c */
grant_ref_t tx_gref(const struct netfront_queue *q, unsigned int i);
int tx_connect(struct netfront_queue *q);
void tx_disconnect(struct netfront_queue *q);
netdev_tx_t tx_start_xmit(struct sk_buff *skb, struct net_device *dev);
bool tx_send(struct netfront_queue *q, const void *data, unsigned int len);
void tx_publish(struct netfront_queue *q);
bool tx_restart(struct netfront_queue *q);
bool tx_sending(const struct netfront_queue *q);

/* rx.c */
int rx_connect(struct netfront_queue *q);
void rx_disconnect(struct netfront_queue *q);
int rx_run(struct netfront_queue *q, int budget);
void rx_fill(struct netfront_queue *q);
bool rx_own(struct netfront_queue *q, struct rx_packet *pkt);
void rx_drop(struct netfront_queue *q, struct rx_packet *pkt);
struct sk_buff *rx_build(struct netfront_queue *q, struct rx_packet *pkt);
void rx_deliver(struct netfront_queue *q, struct rx_packet *pkt);

/* xdp.c */
int xdp_connect(struct netfront_queue *q);
void xdp_disconnect(struct netfront_queue *q);
void xdp_receive(struct netfront_queue *q, struct bpf_prog *prog,
		 struct rx_packet *pkt);
void xdp_flush(struct netfront_queue *q);
bool xdp_mtu_fits(int mtu);
int xdp_ndo_bpf(struct net_device *dev, struct netdev_bpf *bpf);
int xdp_ndo_xmit(struct net_device *dev, int n, struct xdp_frame **frames,
		 u32 flags);

/* stats.c */
extern const struct ethtool_ops stats_ethtool_ops;
void stats_get64(struct net_device *dev, struct rtnl_link_stats64 *s);
void stats_keep(struct netfront *front);
void stats_front_add(struct netfront *front);
void stats_front_del(struct netfront *front);
void stats_init(void);
void stats_exit(void);

#endif /* NETFRONT_H */
