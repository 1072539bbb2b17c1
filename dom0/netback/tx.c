// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * tx.c - what the guest sends
 *
 * A pass takes packets from the ring, copies all their bytes into fresh memory,
 * answers their slots, and hands them to the stack.  What lies in pages that stay
 * mapped it copies itself, the rest the hypervisor does with one hypercall.  No
 * packet refers to a page of the guest: it may live on in any socket or device for
 * any time, and the guest cannot change it under anyone's eyes.
 */
#include <linux/etherdevice.h>
#include <linux/jiffies.h>
#include <linux/slab.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif
#include <xen/interface/grant_table.h>
#include <xen/page.h>
#include <asm/xen/hypercall.h>

#include "netback.h"
#include "offload.h"

/* Packets in a pass: NAPI's usual budget. */
#define TX_PASS_PACKETS 64

/* Ring slots in a pass: no ring of one page has more. */
#define TX_PASS_SLOTS 256

/*
 * Copies that one packet can take: each slot, cut where the header part, a page
 * of it, or a page behind it ends; a fragment of 4 KiB may lie across two.
 */
#define TX_PACKET_OPS (TX_PARSE_SLOTS + 2 + 2 * MAX_SKB_FRAGS)

#define TX_PASS_OPS (TX_PASS_SLOTS + TX_PACKET_OPS)

/*
 * A packet up to TX_LINEAR bytes is copied into one piece.  Of a larger one the
 * first TX_HEADER bytes are, which hold the headers of nearly everything; the
 * rest is packed densely into pages, from TX_HEADER on: so a front end that
 * sends whole pages has each copied by one operation.
 */
#define TX_LINEAR 256
#define TX_HEADER 128

/*
 * Pages kept for reuse: a socket's worth.  A page that comes back needs neither
 * the allocator nor to be cleared.
 */
#define TX_POOL_PAGES 1024

/* A rate limit lets through this much at once, or no large packet ever would. */
#define TX_CREDIT_BURST (128 * 1024)

/**
 * struct tx_copy - a packet on its way from the ring to the stack
 * @skb: the packet; NULL if there is only an answer to give
 * @status: of its data slots
 * @first_op: its copies
 * @nr_ops: how many
 * @gso_type: as the guest said
 * @nr_slots: data slots to answer
 * @nr_extras: extras to answer, after the first data slot
 * @first_id: index of the ids of its data slots
 */
struct tx_copy {
	struct sk_buff *skb;
	s16 status;
	u16 first_op;
	u16 nr_ops;
	u8 gso_type;
	u8 nr_slots;
	u8 nr_extras;
	u16 first_id;
};

/**
 * struct tx_pass - arrays of one pass
 * @op: copies, one hypercall
 * @pkt: packets
 * @id: what to answer the data slots with
 * @nr_ops: copies in use
 * @nr_pkts: packets in use
 * @nr_ids: ids in use
 * @parsed: packet being read
 */
struct tx_pass {
	struct gnttab_copy op[TX_PASS_OPS];
	struct tx_copy pkt[TX_PASS_PACKETS];
	u16 id[TX_PASS_SLOTS];
	unsigned int nr_ops;
	unsigned int nr_pkts;
	unsigned int nr_ids;
	struct tx_packet parsed;
};

/**
 * tx_alloc() - get the memory of a queue's guest-to-us side
 * @q: queue
 */
int tx_alloc(struct netback_queue *q)
{
	struct page_pool_params params = {
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
		.flags = PP_FLAG_PAGE_FRAG,
#endif
		.pool_size = TX_POOL_PAGES,
		.nid = NUMA_NO_NODE,
	};
	int err;

	q->tx.pass = kvzalloc(sizeof(*q->tx.pass), GFP_KERNEL);
	if (!q->tx.pass)
		return -ENOMEM;
	q->tx.pool = page_pool_create(&params);
	if (!IS_ERR(q->tx.pool))
		return 0;
	err = PTR_ERR(q->tx.pool);
	q->tx.pool = NULL;
	tx_free(q);
	return err;
}

/**
 * tx_free() - give it back
 * @q: queue whose poll is disabled
 */
void tx_free(struct netback_queue *q)
{
	kvfree(q->tx.pass);
	q->tx.pass = NULL;
	if (q->tx.pool)
		/* lives on until the stack has returned the last page */
		page_pool_destroy(q->tx.pool);
	q->tx.pool = NULL;
}

/* Rate limit */

static bool tx_credit_take(struct netback_queue *q, unsigned int bytes)
{
	struct vif_credit *credit = &q->vif->credit;
	bool ok;

	if (!READ_ONCE(credit->bytes))
		return true;

	spin_lock_bh(&credit->lock);
	if (time_after_eq(jiffies, credit->refill)) {
		unsigned long most = max_t(unsigned long, credit->bytes,
					   TX_CREDIT_BURST);

		credit->left = min(credit->left + credit->bytes, most);
		credit->refill = jiffies + usecs_to_jiffies(credit->usecs);
	}
	ok = bytes <= credit->left;
	if (ok)
		credit->left -= bytes;
	spin_unlock_bh(&credit->lock);
	return ok;
}

/**
 * tx_credit_timeout() - a new window of the rate limit has begun
 * @t: timer of the queue
 */
void tx_credit_timeout(struct timer_list *t)
{
	struct netback_queue *q =
		container_of(t, struct netback_queue, tx.credit_timer);

	napi_schedule(&q->tx.napi);
}

/* From the ring to copies */

enum tx_next {
	TX_NEXT_PACKET,
	TX_NEXT_NONE,
	TX_NEXT_THROTTLED,
	TX_NEXT_BROKEN,
};

static enum tx_next tx_next(struct netback_queue *q, struct tx_packet *pkt)
{
	enum tx_parse_state state;
	union netif_tx_slot slot;

	if (!nettx_back_consume(&q->tx.ring, &slot)) {
		if (!nettx_back_broken(&q->tx.ring))
			return TX_NEXT_NONE;
		vif_break(q->vif, "impossible producer index");
		return TX_NEXT_BROKEN;
	}
	tx_parse_begin(pkt);
	do {
		state = tx_parse_feed(pkt, &slot);
	} while (state == TX_PARSE_MORE &&
		 nettx_back_consume(&q->tx.ring, &slot));

	switch (state) {
	case TX_PARSE_DONE:
		break;
	case TX_PARSE_MORE:
		/* a front end publishes whole packets */
		vif_break(q->vif, "unfinished packet");
		return TX_NEXT_BROKEN;
	case TX_PARSE_FATAL:
		vif_break(q->vif, "endless packet");
		return TX_NEXT_BROKEN;
	}
	if (!tx_credit_take(q, pkt->size)) {
		nettx_back_rewind(&q->tx.ring, pkt->nr_slots + pkt->nr_extras);
		return TX_NEXT_THROTTLED;
	}
	q->tx.taken += pkt->nr_slots + pkt->nr_extras;
	return TX_NEXT_PACKET;
}

static void tx_add_copy(struct netback_queue *q, grant_ref_t gref,
			unsigned int from, struct page *page, unsigned int to,
			unsigned int len)
{
	struct gnttab_copy *op = &q->tx.pass->op[q->tx.pass->nr_ops++];

	op->flags = GNTCOPY_source_gref;
	op->source.domid = q->vif->domid;
	op->source.u.ref = gref;
	op->source.offset = from;
	op->dest.domid = DOMID_SELF;
	op->dest.u.gmfn = xen_page_to_gfn(page);
	op->dest.offset = to;
	op->len = len;
}

/* Room for the next bytes behind the header part. */
static bool tx_add_frag(struct netback_queue *q, struct sk_buff *skb,
			unsigned int left)
{
	unsigned int nr = skb_shinfo(skb)->nr_frags;
	unsigned int lead = nr ? 0 : TX_HEADER;
	unsigned int size = min_t(unsigned int, lead + left, PAGE_SIZE);
	unsigned int offset;
	struct page *page;

	page = page_pool_alloc_frag(q->tx.pool, &offset, size,
				    GFP_ATOMIC | __GFP_NOWARN);
	if (!page)
		return false;
	skb_mark_for_recycle(skb);
	skb_add_rx_frag(skb, nr, page, offset + lead, size - lead, size);
	return true;
}

/*
 * Give every byte of the packet a place and prepare the copies there.
 */
static struct sk_buff *tx_prepare(struct netback_queue *q,
				  const struct tx_packet *pkt)
{
	unsigned int header = pkt->size <= TX_LINEAR ? pkt->size : TX_HEADER;
	const struct tx_parse_slot *slot = pkt->slot;
	const u8 *data = queue_find(q, slot->gref, false);
	unsigned int staged = data ? 1 : 0;
	unsigned int from = 0; /* bytes of *slot that have a copy */
	unsigned int done = 0;
	struct sk_buff *skb;

	skb = napi_alloc_skb(&q->tx.napi, header);
	if (!skb)
		return NULL;
	__skb_put(skb, header);

	while (done < pkt->size) {
		unsigned int left, to;
		struct page *page;

		if (done < header) {
			page = virt_to_page(skb->data + done);
			to = offset_in_page(skb->data + done);
			left = header - done;
		} else {
			const skb_frag_t *frag;

			if (done == skb->len &&
			    !tx_add_frag(q, skb, pkt->size - done)) {
				kfree_skb(skb);
				return NULL;
			}
			frag = &skb_shinfo(skb)->frags[skb_shinfo(skb)->nr_frags - 1];
			left = skb->len - done;
			to = skb_frag_off(frag) + skb_frag_size(frag) - left;
			page = skb_frag_page(frag);
		}
		left = min3(left, (unsigned int)PAGE_SIZE - to,
			    slot->size - from);
		if (data)
			memcpy(page_address(page) + to,
			       data + slot->offset + from, left);
		else
			tx_add_copy(q, slot->gref, slot->offset + from, page, to,
				    left);
		done += left;
		from += left;
		if (from == slot->size && done < pkt->size) {
			slot++;
			from = 0;
			data = queue_find(q, slot->gref, false);
			staged += data ? 1 : 0;
		}
	}
	queue_count(q, STAT_TX_STAGED, staged);
	return skb;
}

/* The guest's word; it spreads packets over CPUs and decides nothing else. */
static void tx_set_hash(struct netback_queue *q, struct sk_buff *skb,
			const struct tx_packet *pkt)
{
	bool ports = pkt->hash_type == NETIF_HASH_IPV4_TCP ||
		     pkt->hash_type == NETIF_HASH_IPV6_TCP;

	skb_set_hash(skb, pkt->hash, ports ? PKT_HASH_TYPE_L4 :
					     PKT_HASH_TYPE_L3);
	queue_count(q, STAT_TX_HASHED, 1);
}

static void tx_add_packet(struct netback_queue *q, const struct tx_packet *pkt)
{
	struct tx_pass *pass = q->tx.pass;
	struct tx_copy *copy = &pass->pkt[pass->nr_pkts++];
	unsigned int i;

	copy->skb = NULL;
	copy->status = NETIF_RSP_OKAY;
	copy->first_op = pass->nr_ops;
	copy->nr_slots = pkt->nr_slots;
	copy->nr_extras = pkt->nr_extras;
	copy->gso_type = pkt->gso_type;
	copy->first_id = pass->nr_ids;
	for (i = 0; i < pkt->nr_slots; i++)
		pass->id[pass->nr_ids++] = pkt->slot[i].id;

	if (pkt->error) {
		queue_count(q, STAT_TX_BAD_SIZE + pkt->error - TX_PARSE_SIZE, 1);
		copy->status = NETIF_RSP_ERROR;
	} else if (pkt->mcast_op) {
		queue_count(q, STAT_TX_MCAST, 1);
		if (!mcast_change(&q->vif->mcast, pkt))
			copy->status = NETIF_RSP_ERROR;
	} else {
		copy->skb = tx_prepare(q, pkt);
		if (!copy->skb) {
			queue_count(q, STAT_TX_NOMEM, 1);
			copy->status = NETIF_RSP_DROPPED;
			pass->nr_ops = copy->first_op;
		}
	}
	copy->nr_ops = pass->nr_ops - copy->first_op;
	if (!copy->skb)
		return;

	if (pkt->flags & NETIF_TXF_CSUM_BLANK)
		copy->skb->ip_summed = CHECKSUM_PARTIAL;
	else if (pkt->flags & NETIF_TXF_DATA_VALIDATED)
		copy->skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_shinfo(copy->skb)->gso_size = pkt->gso_size;
	if (pkt->hashed)
		tx_set_hash(q, copy->skb, pkt);
}

/* From copies to the stack */

static bool tx_copied(const struct tx_pass *pass, const struct tx_copy *copy)
{
	unsigned int i;

	for (i = copy->first_op; i < copy->first_op + copy->nr_ops; i++)
		if (pass->op[i].status != GNTST_okay)
			return false;
	return true;
}

static void tx_answer(struct netback_queue *q, const struct tx_copy *copy)
{
	struct netif_tx_rsp rsp;
	unsigned int i;

	for (i = 0; i < copy->nr_slots; i++) {
		rsp.id = q->tx.pass->id[copy->first_id + i];
		rsp.status = copy->status;
		nettx_back_respond(&q->tx.ring, &rsp);
		if (i || !copy->nr_extras)
			continue;
		rsp.id = 0;
		rsp.status = NETIF_RSP_NULL;
		for (unsigned int k = 0; k < copy->nr_extras; k++)
			nettx_back_respond(&q->tx.ring, &rsp);
	}
}

static void tx_deliver(struct netback_queue *q, const struct tx_copy *copy)
{
	struct sk_buff *skb = copy->skb;
	unsigned int len = skb->len;
	bool fixed;

	skb->protocol = eth_type_trans(skb, q->vif->dev);
	if (!offload_set(skb, copy->gso_type, &fixed)) {
		queue_count(q, STAT_TX_BAD_HEADER, 1);
		kfree_skb(skb);
		return;
	}
	if (fixed)
		queue_count(q, STAT_TX_GSO_CSUM_FIXUP, 1);
	if (copy->gso_type)
		queue_count(q, STAT_TX_GSO, 1);
	skb_record_rx_queue(skb, q->id);
	queue_count(q, STAT_TX_PACKETS, 1);
	queue_count(q, STAT_TX_BYTES, len);
	napi_gro_receive(&q->tx.napi, skb);
}

static void tx_copy(struct netback_queue *q)
{
	struct tx_pass *pass = q->tx.pass;
	unsigned int i;

	if (!pass->nr_ops)
		return;
	/*
	 * Not gnttab_batch_copy(), which sleeps when the hypervisor has paged out
	 * a frame: that packet is lost instead.
	 */
	if (HYPERVISOR_grant_table_op(GNTTABOP_copy, pass->op, pass->nr_ops))
		for (i = 0; i < pass->nr_ops; i++)
			pass->op[i].status = GNTST_general_error;
	queue_count(q, STAT_TX_COPY_CALLS, 1);
	queue_count(q, STAT_TX_COPY_OPS, pass->nr_ops);
}

static void tx_finish(struct netback_queue *q)
{
	struct tx_pass *pass = q->tx.pass;
	unsigned int i;

	for (i = 0; i < pass->nr_pkts; i++) {
		struct tx_copy *copy = &pass->pkt[i];

		if (copy->skb && !tx_copied(pass, copy)) {
			queue_count(q, STAT_TX_COPY_FAILED, 1);
			copy->status = NETIF_RSP_ERROR;
			kfree_skb(copy->skb);
			copy->skb = NULL;
		}
		tx_answer(q, copy);
		queue_count(q, STAT_TX_SLOTS, copy->nr_slots + copy->nr_extras);
	}
	if (nettx_back_publish(&q->tx.ring))
		tenon_chan_notify(&q->tx.chan);
	for (i = 0; i < pass->nr_pkts; i++)
		if (pass->pkt[i].skb)
			tx_deliver(q, &pass->pkt[i]);
}

/*
 * One pass over at most @budget packets.  Sets *@why to what ended it.
 */
static unsigned int tx_run(struct netback_queue *q, unsigned int budget,
			   enum tx_next *why)
{
	struct tx_pass *pass = q->tx.pass;

	pass->nr_ops = 0;
	pass->nr_pkts = 0;
	pass->nr_ids = 0;
	*why = TX_NEXT_PACKET;

	budget = min_t(unsigned int, budget, TX_PASS_PACKETS);
	while (pass->nr_pkts < budget &&
	       pass->nr_ops + TX_PACKET_OPS <= TX_PASS_OPS &&
	       pass->nr_ids + TX_PARSE_SLOTS_FATAL <= TX_PASS_SLOTS) {
		*why = tx_next(q, &pass->parsed);
		if (*why != TX_NEXT_PACKET)
			break;
		tx_add_packet(q, &pass->parsed);
	}
	tx_copy(q);
	tx_finish(q);
	return pass->nr_pkts;
}

/**
 * tx_poll() - NAPI poll: serve what the guest sends
 * @napi: of the queue
 * @budget: packets to take at most
 *
 * Return: packets taken.
 */
int tx_poll(struct napi_struct *napi, int budget)
{
	struct netback_queue *q =
		container_of(napi, struct netback_queue, tx.napi);
	enum tx_next why = TX_NEXT_NONE;
	int work = 0;

	if (!budget)
		return 0;
	/* with a single event channel its event may mean the other ring */
	if (!q->rx.chan.irq && rx_wait_over(q))
		q->tx.worked = true;

	while (work < budget && !READ_ONCE(q->vif->broken)) {
		work += tx_run(q, budget - work, &why);
		if (why == TX_NEXT_THROTTLED || why == TX_NEXT_BROKEN)
			break;
		/*
		 * Armed while still polling: an event from here on finds the
		 * poll running and makes it run again.
		 */
		if (why == TX_NEXT_NONE && tx_look_rest(q))
			break;
	}
	if (work)
		q->tx.worked = true;
	if (work >= budget)
		return budget;
	WRITE_ONCE(q->tx.throttled, why == TX_NEXT_THROTTLED);
	if (!napi_complete_done(napi, work))
		return work;

	if (why == TX_NEXT_THROTTLED) {
		queue_count(q, STAT_TX_THROTTLED, 1);
		mod_timer(&q->tx.credit_timer, q->vif->credit.refill);
	} else if (!READ_ONCE(q->vif->broken)) {
		/* a broken guest gets none: we want to hear nothing more of it */
		bool useful = q->tx.worked;

		q->tx.worked = false;
		tenon_chan_eoi(&q->tx.chan, useful);
		tenon_poll_start(&q->tx.poll);
	}
	return work;
}
