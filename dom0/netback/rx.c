// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * rx.c - what the guest receives
 *
 * The transmit function of vifD.N copies the packet into pages that the guest has
 * posted, in the caller's context: no thread is woken.  Pages that stay mapped it
 * fills itself, into others the hypervisor copies.  While the stack says that more
 * is coming, packets gather into one hypercall and one publication.
 *
 * When the guest has posted too few pages for the largest packet, the device queue
 * waits for more (rx_wait.c).
 */
#include <linux/etherdevice.h>
#include <linux/if_vlan.h>
#include <linux/sched/clock.h>
#include <linux/slab.h>
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <asm/xen/hypercall.h>

#include "netback.h"

#define RX_PAGE 4096

/*
 * Copies in a hypercall.  A packet with more (many tiny fragments) takes more
 * than one.
 */
#define RX_OPS 128

/* Packets, and ring slots, that gather before they are published. */
#define RX_PACKETS 64
#define RX_SLOTS 128

/*
 * So many slots are worth a hypercall of their own.  Fewer wait until the sender
 * sleeps; a large packet never does.
 */
#define RX_ENOUGH_SLOTS 16

/* Packets that follow each other in this time have a sender that goes on. */
#define RX_STREAM_NS (200 * NSEC_PER_USEC)

/* Whoever has sent in this time is expected to be back before a tick. */
#define RX_SENDING_NS (1 * NSEC_PER_MSEC)

/*
 * No packet needs more, but for a hash and for headroom: 64 KiB and its headers, and
 * one extra.
 */
#define RX_PACKET_SLOTS (DIV_ROUND_UP(65536 + VLAN_ETH_HLEN, RX_PAGE) + 1)

/**
 * struct rx_slot - a slot of the guest's that is being filled
 * @gref: its page
 * @data: where that stays mapped, or NULL
 * @used: where the bytes end that have a copy
 * @failed: one of these copies failed
 * @extra: the answer is an extra, the page is not used
 * @rsp: the answer; the status of one with a page is filled in at last
 */
struct rx_slot {
	grant_ref_t gref;
	u8 *data;
	u16 used;
	bool failed;
	bool extra;
	union netif_rx_slot rsp;
};

/**
 * struct rx_batch - packets that gather for one publication
 * @op: copies not yet made
 * @op_slot: the slot each copy fills
 * @slot: slots taken from the ring and not yet answered
 * @skb: packets that the copies read from
 * @nr_ops: copies in use
 * @nr_slots: slots in use
 * @nr_skbs: packets in use
 * @fill: slot being filled
 */
struct rx_batch {
	struct gnttab_copy op[RX_OPS];
	u16 op_slot[RX_OPS];
	struct rx_slot slot[RX_SLOTS];
	struct sk_buff *skb[RX_PACKETS];
	unsigned int nr_ops;
	unsigned int nr_slots;
	unsigned int nr_skbs;
	struct rx_slot *fill;
};

/**
 * rx_alloc() - get the memory of a queue's us-to-guest side
 * @q: queue
 */
int rx_alloc(struct netback_queue *q)
{
	q->rx.batch = kvzalloc(sizeof(*q->rx.batch), GFP_KERNEL);
	return q->rx.batch ? 0 : -ENOMEM;
}

/**
 * rx_free() - give it back
 * @q: queue that transmits nothing any more
 */
void rx_free(struct netback_queue *q)
{
	kvfree(q->rx.batch);
	q->rx.batch = NULL;
}

/**
 * rx_slots_max() - most slots any packet without a hash and without headroom can
 * take in the guest's ring
 * @dev: device with its features and MTU
 */
unsigned int rx_slots_max(const struct net_device *dev)
{
	unsigned int len = dev->mtu + VLAN_ETH_HLEN;

	if (dev->features & NETIF_F_GSO_MASK)
		return RX_PACKET_SLOTS;
	return min_t(unsigned int, DIV_ROUND_UP(len, RX_PAGE), RX_PACKET_SLOTS);
}

/* Copies into pages that are not mapped */

static void rx_copy(struct netback_queue *q)
{
	struct rx_batch *b = q->rx.batch;
	unsigned int i;
	int err;

	if (!b->nr_ops)
		return;
	err = HYPERVISOR_grant_table_op(GNTTABOP_copy, b->op, b->nr_ops);
	for (i = 0; i < b->nr_ops; i++) {
		if (!err && b->op[i].status == GNTST_okay)
			continue;
		b->slot[b->op_slot[i]].failed = true;
		queue_count(q, STAT_RX_COPY_FAILED, 1);
	}
	queue_count(q, STAT_RX_COPY_CALLS, 1);
	queue_count(q, STAT_RX_COPY_OPS, b->nr_ops);
	b->nr_ops = 0;
}

static struct rx_slot *rx_take(struct netback_queue *q)
{
	struct rx_batch *b = q->rx.batch;
	struct rx_slot *slot = &b->slot[b->nr_slots];
	struct netif_rx_req req;

	if (!netrx_back_consume(&q->rx.ring, &req))
		return NULL;
	b->nr_slots++;
	memset(slot, 0, sizeof(*slot));
	slot->gref = req.gref;
	slot->data = queue_find(q, req.gref, true);
	slot->rsp.rsp.id = req.id;
	return slot;
}

/*
 * A page of another guest, mapped here through the kernel's grant code, has to
 * be named by its grant.  The flag that marks it is shared with other users of
 * struct page, all of which have a mapping or no private word.
 */
static struct xen_page_foreign *rx_foreign(struct page *page)
{
	if (PageCompound(page) || page->mapping || !PagePrivate(page))
		return NULL;
	return xen_page_foreign(page);
}

static void rx_add_copy(struct netback_queue *q, struct page *page,
			unsigned int from, unsigned int len)
{
	struct xen_page_foreign *foreign = rx_foreign(page);
	struct rx_batch *b = q->rx.batch;
	struct gnttab_copy *op;

	if (b->nr_ops == RX_OPS)
		rx_copy(q);
	op = &b->op[b->nr_ops];
	b->op_slot[b->nr_ops++] = b->fill - b->slot;

	op->flags = GNTCOPY_dest_gref;
	if (foreign) {
		op->flags |= GNTCOPY_source_gref;
		op->source.domid = foreign->domid;
		op->source.u.ref = foreign->gref;
	} else {
		op->source.domid = DOMID_SELF;
		op->source.u.gmfn = xen_page_to_gfn(page);
	}
	op->source.offset = from;
	op->dest.domid = q->vif->domid;
	op->dest.u.ref = b->fill->gref;
	op->dest.offset = b->fill->used;
	op->len = len;
	b->fill->used += len;
}

/* Continue the packet in @page, which may be a large one, at @offset. */
static bool rx_add_range(struct netback_queue *q, struct page *page,
			 unsigned int offset, unsigned int len)
{
	struct rx_batch *b = q->rx.batch;

	while (len) {
		unsigned int from = offset_in_page(offset);
		struct rx_slot *fill;
		unsigned int n;

		if (b->fill->used == RX_PAGE) {
			struct rx_slot *next = rx_take(q);

			if (!next)
				return false;
			b->fill->rsp.rsp.flags |= NETIF_RXF_MORE;
			b->fill = next;
		}
		fill = b->fill;
		n = min(len, (unsigned int)RX_PAGE - fill->used);
		if (fill->data) {
			memcpy(fill->data + fill->used,
			       page_address(page) + offset, n);
			fill->used += n;
		} else {
			n = min(n, (unsigned int)PAGE_SIZE - from);
			rx_add_copy(q, nth_page(page, offset >> PAGE_SHIFT),
				    from, n);
		}
		offset += n;
		len -= n;
	}
	return true;
}

static bool rx_add_skb_data(struct netback_queue *q, const struct sk_buff *skb)
{
	int i;

	if (!rx_add_range(q, virt_to_page(skb->data), offset_in_page(skb->data),
			  skb_headlen(skb)))
		return false;
	for (i = 0; i < skb_shinfo(skb)->nr_frags; i++) {
		const skb_frag_t *frag = &skb_shinfo(skb)->frags[i];

		if (!rx_add_range(q, skb_frag_page(frag), skb_frag_off(frag),
				  skb_frag_size(frag)))
			return false;
	}
	return true;
}

/* One more extra of a packet, of which *@last is the last slot so far. */
static struct netif_extra *rx_add_extra(struct netback_queue *q,
					struct rx_slot **last, u8 type)
{
	struct rx_slot *slot = rx_take(q);

	if (!slot)
		return NULL;
	slot->extra = true;
	memset(&slot->rsp, 0, sizeof(slot->rsp));
	slot->rsp.extra.type = type;
	if ((*last)->extra)
		(*last)->rsp.extra.flags |= NETIF_EXTRA_MORE;
	else
		(*last)->rsp.rsp.flags |= NETIF_RXF_EXTRA;
	*last = slot;
	return &slot->rsp.extra;
}

static bool rx_add_gso(struct netback_queue *q, const struct sk_buff *skb,
		       struct rx_slot **last)
{
	struct netif_extra *extra = rx_add_extra(q, last, NETIF_EXTRA_GSO);
	bool v6 = skb_shinfo(skb)->gso_type & SKB_GSO_TCPV6;

	if (!extra)
		return false;
	extra->gso.type = v6 ? NETIF_GSO_TCPV6 : NETIF_GSO_TCPV4;
	extra->gso.size = skb_shinfo(skb)->gso_size;
	queue_count(q, STAT_RX_GSO, 1);
	return true;
}

static bool rx_add_hash(struct netback_queue *q, const struct hash_value *hash,
			struct rx_slot **last)
{
	struct netif_extra *extra = rx_add_extra(q, last, NETIF_EXTRA_HASH);
	__le32 value = cpu_to_le32(hash->value);

	if (!extra)
		return false;
	extra->hash.type = hash->type;
	extra->hash.algorithm = NETIF_HASH_TOEPLITZ;
	memcpy(extra->hash.value, &value, sizeof(value));
	queue_count(q, STAT_RX_HASHED, 1);
	return true;
}

static bool rx_add_headroom(struct netback_queue *q, unsigned int headroom,
			    struct rx_slot **last)
{
	struct netif_extra *extra = rx_add_extra(q, last, NETIF_EXTRA_XDP);

	if (!extra)
		return false;
	extra->xdp.headroom = headroom;
	return true;
}

static bool rx_add_packet(struct netback_queue *q, const struct sk_buff *skb,
			  const struct hash_value *hash, unsigned int headroom)
{
	struct rx_slot *head = rx_take(q);
	struct rx_slot *last = head;
	const struct sk_buff *part;

	if (!head)
		return false;
	if (skb->ip_summed == CHECKSUM_PARTIAL)
		head->rsp.rsp.flags = NETIF_RXF_CSUM_BLANK |
				      NETIF_RXF_DATA_VALIDATED;
	else if (skb->ip_summed == CHECKSUM_UNNECESSARY)
		head->rsp.rsp.flags = NETIF_RXF_DATA_VALIDATED;
	if (skb_is_gso(skb) && !rx_add_gso(q, skb, &last))
		return false;
	if (hash && !rx_add_hash(q, hash, &last))
		return false;
	if (headroom && !rx_add_headroom(q, headroom, &last))
		return false;

	head->rsp.rsp.offset = headroom;
	head->used = headroom;
	q->rx.batch->fill = head;
	if (!rx_add_skb_data(q, skb))
		return false;
	skb_walk_frags(skb, part)
		if (!rx_add_skb_data(q, part))
			return false;
	return true;
}

/* Make the copies, answer, publish, and let the packets go. */
static void rx_flush(struct netback_queue *q)
{
	struct rx_batch *b = q->rx.batch;
	unsigned int i, staged = 0;

	if (!b->nr_slots)
		return;
	rx_copy(q);
	for (i = 0; i < b->nr_slots; i++) {
		struct rx_slot *slot = &b->slot[i];

		if (!slot->extra)
			slot->rsp.rsp.status = slot->failed ?
				NETIF_RSP_ERROR :
				slot->used - slot->rsp.rsp.offset;
		staged += slot->data && !slot->extra;
		netrx_back_respond(&q->rx.ring, &slot->rsp);
	}
	queue_count(q, STAT_RX_SLOTS, b->nr_slots);
	queue_count(q, STAT_RX_STAGED, staged);
	b->nr_slots = 0;
	if (netrx_back_publish(&q->rx.ring))
		tenon_chan_notify(queue_rx_chan(q));
	for (i = 0; i < b->nr_skbs; i++)
		dev_consume_skb_any(b->skb[i]);
	b->nr_skbs = 0;
}

/**
 * rx_sending() - is somebody at it who will send more?
 * @q: queue
 */
bool rx_sending(const struct netback_queue *q)
{
	return local_clock() - READ_ONCE(q->rx.sent_at) < RX_SENDING_NS;
}

/*
 * A packet that is not copied yet costs a hypercall, unless others share it.  So
 * what is sent in quick succession waits for this CPU's poller, which runs as soon
 * as the sender sleeps; until then the sender adds to it.  It also sees what the
 * guest sends meanwhile, which saves the guest an event.
 */
static void rx_flush_soon(struct netback_queue *q)
{
	bool few = q->rx.batch->nr_ops &&
		   q->rx.batch->nr_slots < RX_ENOUGH_SLOTS;
	u64 now = local_clock();
	bool stream = now - q->rx.sent_at < RX_STREAM_NS;

	WRITE_ONCE(q->rx.sent_at, now);
	tx_look_sending(q, now);
	if (few && stream && !q->rx.waiting)
		q->rx.waiting = tenon_poll_hold(&q->rx.poll);
	if (few && q->rx.waiting)
		return;
	if (q->rx.waiting)
		tenon_poll_served(&q->rx.poll);
	rx_flush(q);
}

/**
 * rx_look() - send what waits
 * @p: of the queue
 */
enum tenon_look rx_look(struct tenon_poll *p)
{
	struct netback_queue *q = container_of(p, struct netback_queue, rx.poll);
	struct netdev_queue *txq = queue_txq(q);
	bool any;

	__netif_tx_lock(txq, smp_processor_id());
	any = q->rx.batch->nr_slots;
	q->rx.waiting = false;
	rx_flush(q);
	__netif_tx_unlock(txq);
	return any ? TENON_LOOK_TAKEN : TENON_LOOK_LEAVE;
}

/**
 * rx_sleep() - the poller stops: nothing may wait for it
 * @p: of the queue
 */
void rx_sleep(struct tenon_poll *p)
{
	rx_look(p);
}

/**
 * rx_drain() - send what waits, for nobody sends any more
 * @q: queue whose device queue is stopped
 */
void rx_drain(struct netback_queue *q)
{
	tenon_poll_take(&q->rx.poll);
	q->rx.waiting = false;
	rx_flush(q);
}

static bool rx_room(struct netback_queue *q, unsigned int slots)
{
	struct rx_batch *b = q->rx.batch;

	if (b->nr_slots + slots > RX_SLOTS || b->nr_skbs == RX_PACKETS)
		rx_flush(q);
	return netrx_back_pending(&q->rx.ring) >= slots;
}

/**
 * rx_start_xmit() - send a packet to the guest
 * @skb: the packet
 * @dev: vifD.N
 *
 * Called with the queue's transmit lock, which protects all of struct rx_side.
 */
netdev_tx_t rx_start_xmit(struct sk_buff *skb, struct net_device *dev)
{
	struct netback_vif *vif = netdev_priv(dev);
	struct netback_queue *q = &vif->queue[skb_get_queue_mapping(skb)];
	const struct vif_hash *conf = rcu_dereference_bh(vif->hash);
	unsigned int headroom = READ_ONCE(vif->headroom);
	unsigned int need = rx_wait_need(vif, conf, headroom);
	unsigned int len = skb->len;
	unsigned int slots = DIV_ROUND_UP(headroom + len, RX_PAGE) +
			     skb_is_gso(skb) + !!headroom;
	struct hash_value hash;
	bool hashed;

	if (!READ_ONCE(vif->connected)) {
		dev_kfree_skb_any(skb);
		return NETDEV_TX_OK;
	}
	hashed = vif_hash(skb, conf, &hash);
	slots += hashed;
	if (READ_ONCE(vif->broken) || slots > need) {
		queue_count(q, STAT_RX_DROPPED, 1);
		goto drop;
	}
	if (!mcast_wanted(&vif->mcast, eth_hdr(skb)->h_dest)) {
		queue_count(q, STAT_RX_FILTERED, 1);
		goto drop;
	}
	if (!rx_room(q, slots) && rx_wait(q, need)) {
		queue_count(q, STAT_RX_BUSY, 1);
		rx_flush(q);
		return NETDEV_TX_BUSY;
	}
	q->rx.batch->skb[q->rx.batch->nr_skbs++] = skb;
	if (rx_add_packet(q, skb, hashed ? &hash : NULL, headroom)) {
		queue_count(q, STAT_RX_PACKETS, 1);
		queue_count(q, STAT_RX_BYTES, len);
	} else {
		vif_break(vif, "receive ring shrank");
	}
	if (netrx_back_pending(&q->rx.ring) < need && rx_wait(q, need))
		rx_flush(q);
	else if (!netdev_xmit_more())
		rx_flush_soon(q);
	return NETDEV_TX_OK;

drop:
	dev_kfree_skb_any(skb);
	if (!netdev_xmit_more())
		rx_flush_soon(q);
	return NETDEV_TX_OK;
}
