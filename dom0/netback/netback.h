/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * netback.h - what the files of tenon-netback share
 *
 * "tx" and "rx" are the guest's: tx carries what the guest sends, rx what it is
 * to receive, as in the names of the rings and of the xenstore keys.
 *
 *  vif.c       the network device vifD.N in this domain
 *  queue.c     rings, event channels and memory of one queue
 *  tx.c        guest to us: NAPI poll, grant copy into packets
 *  tx_look.c   when to look for it instead of being told
 *  tx_parse.c  what the slots of a packet say, and whether to believe it
 *  rx.c        us to guest: copy straight from start_xmit
 *  rx_wait.c   stops while the guest has posted too few pages
 *  hash.c      the hash of a packet that the guest asks for, and the queue it means
 *  ctrl.c      control ring: the guest has pages mapped, and asks for hashes
 *  stage.c     these pages
 *  mcast.c     multicast filter the guest asks for
 *  stats.c     ethtool counters, debugfs
 *  xenbus.c    xenstore state machine
 */
#ifndef NETBACK_H
#define NETBACK_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/netdevice.h>
#include <linux/skbuff.h>
#include <linux/spinlock.h>
#include <linux/timer.h>
#include <xen/grant_table.h>
#include <xen/xenbus.h>

#include "hash.h"
#include "netif.h"
#include "ring.h"
#include "stage.h"
#include "tenon_common.h"
#include "tx_parse.h"

RING_DEFINE(nettx, union netif_tx_slot, struct netif_tx_rsp);
RING_DEFINE(netrx, struct netif_rx_req, union netif_rx_slot);
RING_DEFINE(netctrl, struct netif_ctrl_req, struct netif_ctrl_rsp);

/*
 * Counters of a queue.  TX_BAD_* follow the order of enum tx_parse_error.
 */
enum queue_stat {
	STAT_TX_PACKETS,
	STAT_TX_BYTES,
	STAT_TX_SLOTS,
	STAT_TX_STAGED,
	STAT_TX_COPY_OPS,
	STAT_TX_COPY_CALLS,
	STAT_TX_GSO,
	STAT_TX_GSO_CSUM_FIXUP,
	STAT_TX_HASHED,
	STAT_TX_MCAST,
	STAT_TX_THROTTLED,
	STAT_TX_NOMEM,
	STAT_TX_COPY_FAILED,
	STAT_TX_BAD_HEADER,
	STAT_TX_BAD_SIZE,
	STAT_TX_BAD_RANGE,
	STAT_TX_BAD_EMPTY,
	STAT_TX_BAD_SLOTS,
	STAT_TX_BAD_EXTRA,
	STAT_TX_BAD_GSO,
	STAT_RX_PACKETS,
	STAT_RX_BYTES,
	STAT_RX_SLOTS,
	STAT_RX_STAGED,
	STAT_RX_COPY_OPS,
	STAT_RX_COPY_CALLS,
	STAT_RX_GSO,
	STAT_RX_HASHED,
	STAT_RX_STOPPED,
	STAT_RX_BUSY,
	STAT_RX_STALLED,
	STAT_RX_COPY_FAILED,
	STAT_RX_FILTERED,
	STAT_RX_DROPPED,
	QUEUE_STATS,
};

struct netback_vif;
struct ctrl;
struct tx_pass;
struct rx_batch;

/**
 * struct tx_side - what the guest sends; owned by the NAPI poll
 * @napi: the context of everything here
 * @ring: our side of the ring
 * @page: the mapped ring
 * @pass: arrays of one pass, see tx.c
 * @pool: pages for packet data
 * @chan: event channel
 * @poll: place with the CPU's poller
 * @polled: the poller looks at the ring, which is armed for a batch only
 * @taken: slots taken since the ring last ran dry
 * @looked_at: when one who sends to the guest last looked for it
 * @throttled: the rate limit holds the guest's next packet back
 * @worked: something was found since the last event was acknowledged
 * @credit_timer: continues after the rate limit's window
 * @name: of the event channel
 */
struct tx_side {
	struct napi_struct napi;
	struct nettx_back ring;
	void *page;
	struct tx_pass *pass;
	struct page_pool *pool;
	struct tenon_chan chan;
	struct tenon_poll poll;
	bool polled;
	unsigned int taken;
	u64 looked_at;
	bool throttled;
	bool worked;
	struct timer_list credit_timer;
	char name[IFNAMSIZ + 16];
};

/**
 * struct rx_side - what the guest receives; owned by the device's transmit lock
 * @ring: our side of the ring
 * @page: the mapped ring
 * @batch: packets copied but not yet published, see rx.c
 * @poll: place with the CPU's poller, of a batch that waits for it
 * @waiting: it does
 * @sent_at: when the last packet came, by the CPU's clock
 * @napi: takes the event that says the guest has posted pages
 * @chan: event channel; unbound if the guest has only one, that of tx_side
 * @stopped_at: jiffies of the moment the device queue was stopped
 * @stall_timer: notices a guest that posts no pages
 * @stalled: it did not, for too long
 * @name: of the event channel
 */
struct rx_side {
	struct netrx_back ring;
	void *page;
	struct rx_batch *batch;
	struct tenon_poll poll;
	bool waiting;
	u64 sent_at;
	struct napi_struct napi;
	struct tenon_chan chan;
	unsigned long stopped_at;
	struct timer_list stall_timer;
	bool stalled;
	char name[IFNAMSIZ + 16];
};

/**
 * struct netback_queue - a pair of rings
 * @vif: the interface
 * @id: which of its queues
 * @tx: what the guest sends
 * @rx: what it receives
 * @stage: the guest's pages that stay mapped; the control ring's
 * @staged: where tx and rx find them; NULL if there are none
 * @stat: counters
 */
struct netback_queue {
	struct netback_vif *vif;
	unsigned int id;
	struct tx_side tx;
	struct rx_side rx;
	struct stage *stage;
	const struct stage_table *staged;
	u64 stat[QUEUE_STATS];
};

/**
 * struct vif_credit - bytes the guest may send per window, over all queues
 * @lock: protects the rest
 * @bytes: added per window; 0 for no limit
 * @usecs: length of a window
 * @left: may be sent now
 * @refill: jiffies of the next window
 */
struct vif_credit {
	spinlock_t lock;
	unsigned long bytes;
	unsigned long usecs;
	unsigned long left;
	unsigned long refill;
};

/**
 * struct vif_mcast - which multicast the guest wants
 * @lock: serialises changes; readers use RCU
 * @list: addresses
 * @nr: how many
 * @on: the filter is applied
 */
struct vif_mcast {
	spinlock_t lock;
	struct list_head list;
	unsigned int nr;
	bool on;
};

/**
 * struct vif_hash - the hash of packets that the guest wants; never changes
 * @rcu: frees it when another one has taken its place
 * @config: what it wants
 */
struct vif_hash {
	struct rcu_head rcu;
	struct hash_config config;
};

/**
 * struct netback_vif - one interface of one guest
 * @dev: vifD.N
 * @xbdev: its xenstore device
 * @domid: the guest
 * @queue: as many as @max_queues; the first @nr_queues are connected
 * @nr_queues: queues in use, 0 while not connected
 * @max_queues: queues offered
 * @connected: rings are mapped; changes under RTNL
 * @broken: the guest broke the protocol beyond repair; nothing is served until
 *	it connects anew
 * @slots_max: most slots any packet takes in the guest's receive ring, if it has no
 *	hash
 * @features: what the guest can receive, as device features
 * @headroom: bytes to leave before each packet, where the guest runs XDP programs;
 *	changes under RTNL
 * @nr_stalled: queues whose guest side posts no pages
 * @ctrl: control ring, or NULL
 * @hash: NULL if the guest wants none; changed by the control ring's work alone
 * @credit: rate limit
 * @mcast: multicast filter
 * @debugfs: directory
 * @hotplug_script: of the toolstack, for the uevent
 * @hotplug_watch: waits for the toolstack's script
 * @mcast_watch: waits for the guest to switch the multicast filter
 */
struct netback_vif {
	struct net_device *dev;
	struct xenbus_device *xbdev;
	domid_t domid;
	struct netback_queue *queue;
	unsigned int nr_queues;
	unsigned int max_queues;
	bool connected;
	bool broken;
	unsigned int slots_max;
	netdev_features_t features;
	unsigned int headroom;
	atomic_t nr_stalled;
	struct ctrl *ctrl;
	struct vif_hash __rcu *hash;
	struct vif_credit credit;
	struct vif_mcast mcast;
	struct dentry *debugfs;
	const char *hotplug_script;
	struct xenbus_watch hotplug_watch;
	struct xenbus_watch mcast_watch;
};

/**
 * struct queue_ports - where the guest says one of its queues is
 * @tx_ref: grant of the transmit ring
 * @rx_ref: grant of the receive ring
 * @tx_port: event channel of the transmit ring
 * @rx_port: event channel of the receive ring; the same if there is only one
 */
struct queue_ports {
	grant_ref_t tx_ref;
	grant_ref_t rx_ref;
	evtchn_port_t tx_port;
	evtchn_port_t rx_port;
};

static inline void queue_count(struct netback_queue *q, enum queue_stat stat,
			       u64 n)
{
	/* one writer per counter; readers take what they see */
	WRITE_ONCE(q->stat[stat], q->stat[stat] + n);
}

static inline struct tenon_chan *queue_rx_chan(struct netback_queue *q)
{
	return q->rx.chan.irq ? &q->rx.chan : &q->tx.chan;
}

/* A page of the guest's that stays mapped; bottom halves are off. */
static inline void *queue_find(const struct netback_queue *q, grant_ref_t gref,
			       bool write)
{
	return stage_find(READ_ONCE(q->staged), gref, write);
}

static inline struct netdev_queue *queue_txq(struct netback_queue *q)
{
	return netdev_get_tx_queue(q->vif->dev, q->id);
}

/**
 * rx_wait_need() - slots of the largest packet
 * @vif: interface
 * @conf: NULL if no packet has a hash
 * @headroom: left before each packet, which is announced in a slot, and may push the
 *	packet's end into another page
 */
static inline unsigned int rx_wait_need(const struct netback_vif *vif,
					const struct vif_hash *conf,
					unsigned int headroom)
{
	return READ_ONCE(vif->slots_max) + !!conf + (headroom ? 2 : 0);
}

/* vif.c */
struct netback_vif *vif_create(struct xenbus_device *xbdev, unsigned int handle);
void vif_destroy(struct netback_vif *vif);
int vif_connect(struct netback_vif *vif, const struct queue_ports *ports,
		unsigned int nr);
void vif_disconnect(struct netback_vif *vif);
void vif_break(struct netback_vif *vif, const char *why);
void vif_stalled(struct netback_vif *vif, struct netback_queue *q);
void vif_flowing(struct netback_vif *vif, struct netback_queue *q);
void vif_set_headroom(struct netback_vif *vif, unsigned int headroom);
void vif_set_rate(struct netback_vif *vif, unsigned long bytes,
		  unsigned long usecs);
bool vif_hash(const struct sk_buff *skb, const struct vif_hash *conf,
	      struct hash_value *hash);

/* queue.c */
int queue_connect(struct netback_queue *q, const struct queue_ports *ports);
void queue_disconnect(struct netback_queue *q);
void queue_up(struct netback_queue *q);
void queue_down(struct netback_queue *q);

/* tx.c */
int tx_alloc(struct netback_queue *q);
void tx_free(struct netback_queue *q);
int tx_poll(struct napi_struct *napi, int budget);
void tx_credit_timeout(struct timer_list *t);

/* tx_look.c */
enum tenon_look tx_look(struct tenon_poll *p);
bool tx_look_rest(struct netback_queue *q);
void tx_look_sleep(struct tenon_poll *p);
void tx_look_sending(struct netback_queue *q, u64 now);

/* rx.c */
bool rx_sending(const struct netback_queue *q);
int rx_alloc(struct netback_queue *q);
void rx_free(struct netback_queue *q);
netdev_tx_t rx_start_xmit(struct sk_buff *skb, struct net_device *dev);
unsigned int rx_slots_max(const struct net_device *dev);
enum tenon_look rx_look(struct tenon_poll *p);
void rx_sleep(struct tenon_poll *p);
void rx_drain(struct netback_queue *q);

/* rx_wait.c */
extern unsigned int rx_wait_ms;
bool rx_wait(struct netback_queue *q, unsigned int need);
bool rx_wait_over(struct netback_queue *q);
int rx_wait_poll(struct napi_struct *napi, int budget);
void rx_wait_timeout(struct timer_list *t);

/* ctrl.c */
int ctrl_connect(struct netback_vif *vif, grant_ref_t ref, evtchn_port_t port);
void ctrl_disconnect(struct netback_vif *vif);

/* mcast.c */
void mcast_init(struct vif_mcast *mcast);
bool mcast_change(struct vif_mcast *mcast, const struct tx_packet *pkt);
bool mcast_wanted(struct vif_mcast *mcast, const u8 *addr);
void mcast_flush(struct vif_mcast *mcast);

/* stats.c */
extern const struct ethtool_ops stats_ethtool_ops;
void stats_get64(struct net_device *dev, struct rtnl_link_stats64 *s);
void stats_vif_add(struct netback_vif *vif);
void stats_vif_del(struct netback_vif *vif);
void stats_init(void);
void stats_exit(void);

/* xenbus.c */
extern unsigned int netback_max_queues;

#endif /* NETBACK_H */
