// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * rx.c - what we receive
 *
 * Granted pages are posted: such that stay mapped in the back end (stage.c), or,
 * when none of these is free, pages of a pool.  Of a packet, what is small is
 * copied and its page posted again.  Of a larger one the stack gets the pages; of
 * those of the pool the grant is ended before anyone reads them, so that the back
 * end cannot change what was checked, and the stack returns them to the pool.
 */
#include <linux/etherdevice.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif
#include <xen/page.h>

#include "netfront.h"
#include "offload.h"

/* A packet up to this long is copied. */
#define RX_COPY 256

/* Of a longer one the first bytes are, which hold the headers of nearly all. */
#define RX_HEADER 128

/* Extras in one packet: there are no more kinds than that. */
#define RX_EXTRAS 5

#define RX_RETRY (HZ / 10)

/* Buffers */

static void rx_timeout(struct timer_list *t)
{
	struct netfront_queue *q =
		container_of(t, struct netfront_queue, rx.refill_timer);

	napi_schedule(&q->napi);
}

/**
 * rx_connect() - get the grants and the page pool of a queue
 * @q: queue with its ring
 */
int rx_connect(struct netfront_queue *q)
{
	struct page_pool_params params = {
		.pool_size = QUEUE_SLOTS,
		.nid = NUMA_NO_NODE,
		.dev = &q->front->xbdev->dev,
	};
	grant_ref_t head;
	unsigned int i;
	int err;

	timer_setup(&q->rx.refill_timer, rx_timeout, 0);
	q->rx.pool = page_pool_create(&params);
	if (IS_ERR(q->rx.pool)) {
		err = PTR_ERR(q->rx.pool);
		q->rx.pool = NULL;
		return err;
	}
	err = xdp_connect(q);
	if (err)
		return err;
	err = gnttab_alloc_grant_references(QUEUE_SLOTS, &head);
	if (err)
		return err;
	for (i = 0; i < QUEUE_SLOTS; i++)
		q->rx.gref[i] = gnttab_claim_grant_reference(&head);
	q->rx.nr_grefs = QUEUE_SLOTS;
	return 0;
}

/* Give a page back whose grant may be in use by the back end even now. */
static void rx_release(struct netfront_queue *q, const struct rx_buffer *buf)
{
	if (buf->staged) {
		gnttab_end_foreign_access(buf->gref, buf->page);
		return;
	}
	/* if it is, the grant code takes a reference of its own to the page */
	gnttab_end_foreign_access(buf->gref, NULL);
	page_pool_put_full_page(q->rx.pool, buf->page, false);
}

/**
 * rx_disconnect() - undo rx_connect(), whole or in part
 * @q: queue that is down
 */
void rx_disconnect(struct netfront_queue *q)
{
	unsigned int i;

	if (!q->rx.pool)
		return;
	for (i = 0; i < QUEUE_SLOTS; i++)
		if (q->rx.posted[i].page)
			rx_release(q, &q->rx.posted[i]);
	while (q->rx.nr_spare)
		rx_release(q, &q->rx.spare[--q->rx.nr_spare]);
	stage_free(q);
	while (q->rx.nr_grefs)
		gnttab_free_grant_reference(q->rx.gref[--q->rx.nr_grefs]);
	xdp_disconnect(q);
	/* lives on until the stack has returned the last page */
	page_pool_destroy(q->rx.pool);
	q->rx.pool = NULL;
}

/* A granted page to post. */
static bool rx_buffer_get(struct netfront_queue *q, struct rx_buffer *buf)
{
	struct rx_side *rx = &q->rx;

	if (rx->nr_spare) {
		*buf = rx->spare[--rx->nr_spare];
		return true;
	}
	if (stage_get(q, buf))
		return true;
	if (!rx->nr_grefs) {
		/* a back end that holds grants has cost us some */
		grant_ref_t head;

		if (gnttab_alloc_grant_references(1, &head))
			return false;
		rx->gref[rx->nr_grefs++] = gnttab_claim_grant_reference(&head);
	}
	/* zeroed: the back end is to see nothing of its former owner */
	buf->page = page_pool_alloc_pages(rx->pool, GFP_ATOMIC | __GFP_NOWARN |
							    __GFP_ZERO);
	if (!buf->page)
		return false;
	buf->staged = false;
	buf->gref = rx->gref[--rx->nr_grefs];
	gnttab_grant_foreign_access_ref(buf->gref, q->front->xbdev->otherend_id,
					xen_page_to_gfn(buf->page), 0);
	return true;
}

static void rx_buffer_spare(struct netfront_queue *q,
			    const struct rx_buffer *buf)
{
	q->rx.spare[q->rx.nr_spare++] = *buf;
}

/*
 * End the back end's access to a page.  If it will not let go, the page is not
 * ours to read or to use again.
 */
static bool rx_buffer_revoke(struct netfront_queue *q,
			     const struct rx_buffer *buf)
{
	if (gnttab_end_foreign_access_ref(buf->gref)) {
		q->rx.gref[q->rx.nr_grefs++] = buf->gref;
		return true;
	}
	queue_count(q, STAT_RX_GRANT_HELD, 1);
	rx_release(q, buf);
	return false;
}

/**
 * rx_own() - end the back end's access to a packet's pages
 * @q: queue; from its poll
 * @pkt: packet
 *
 * Return: false if there is one that the back end holds: the packet is gone.
 */
bool rx_own(struct netfront_queue *q, struct rx_packet *pkt)
{
	unsigned int i;
	bool held = false;

	if (pkt->owned)
		return true;
	for (i = 0; i < pkt->nr_parts; i++) {
		struct rx_buffer *buf = &pkt->part[i].buf;

		if (buf->staged || rx_buffer_revoke(q, buf))
			continue;
		buf->page = NULL;
		held = true;
	}
	pkt->owned = true;
	if (held)
		rx_drop(q, pkt);
	return !held;
}

/**
 * rx_drop() - take a packet's pages back
 * @q: queue; from its poll
 * @pkt: packet; has none on return
 */
void rx_drop(struct netfront_queue *q, struct rx_packet *pkt)
{
	while (pkt->nr_parts) {
		struct rx_buffer *buf = &pkt->part[--pkt->nr_parts].buf;

		if (!pkt->owned || buf->staged)
			rx_buffer_spare(q, buf);
		else if (buf->page)
			page_pool_put_full_page(buf->page->pp, buf->page, true);
	}
}

/**
 * rx_fill() - post pages into all free slots
 * @q: queue; from its poll
 */
void rx_fill(struct netfront_queue *q)
{
	struct rx_side *rx = &q->rx;

	while (netrx_front_free(&rx->ring)) {
		u32 index = rx->next_post % QUEUE_SLOTS;
		struct netif_rx_req req = { .id = index };

		if (!rx_buffer_get(q, &rx->posted[index])) {
			rx->posted[index].page = NULL;
			queue_count(q, STAT_RX_NOMEM, 1);
			mod_timer(&rx->refill_timer, jiffies + RX_RETRY);
			break;
		}
		req.gref = rx->posted[index].gref;
		netrx_front_stage(&rx->ring, &req);
		rx->next_post++;
	}
	if (netrx_front_publish(&rx->ring))
		tenon_chan_notify(queue_rx_chan(q));
}

/* Answers */

/* The next answer and the page that was posted in its slot. */
static bool rx_take(struct netfront_queue *q, union netif_rx_slot *slot,
		    struct rx_buffer *buf, u32 *index)
{
	struct rx_side *rx = &q->rx;

	if (!netrx_front_reap(&rx->ring, slot))
		return false;
	*index = rx->next_take++ % QUEUE_SLOTS;
	*buf = rx->posted[*index];
	rx->posted[*index].page = NULL;
	return true;
}

static void rx_bad(struct netfront_queue *q, struct rx_packet *pkt,
		   enum queue_stat why)
{
	if (!pkt->bad)
		queue_count(q, why, 1);
	pkt->bad = true;
}

static bool rx_take_extras(struct netfront_queue *q, struct rx_packet *pkt)
{
	union netif_rx_slot slot;
	struct rx_buffer buf;
	unsigned int nr = 0;
	u32 index;

	do {
		if (nr++ == RX_EXTRAS || !rx_take(q, &slot, &buf, &index))
			return false;
		rx_buffer_spare(q, &buf);
		if (slot.extra.type == NETIF_EXTRA_XDP && !pkt->headroom) {
			pkt->headroom = slot.extra.xdp.headroom;
			continue;
		}
		if (slot.extra.type != NETIF_EXTRA_GSO || pkt->gso_type ||
		    !slot.extra.gso.size ||
		    (slot.extra.gso.type != NETIF_GSO_TCPV4 &&
		     slot.extra.gso.type != NETIF_GSO_TCPV6)) {
			rx_bad(q, pkt, STAT_RX_BAD_EXTRA);
			continue;
		}
		pkt->gso_type = slot.extra.gso.type;
		pkt->gso_size = slot.extra.gso.size;
	} while (slot.extra.flags & NETIF_EXTRA_MORE);
	return true;
}

static void rx_add_part(struct netfront_queue *q, struct rx_packet *pkt,
			const struct netif_rx_rsp *rsp,
			const struct rx_buffer *buf, u32 index)
{
	struct rx_part *part = &pkt->part[pkt->nr_parts];

	if (rsp->status < 0)
		rx_bad(q, pkt, STAT_RX_ERRORS);
	else if (!rsp->status || rsp->id != index ||
		 rsp->offset + rsp->status > QUEUE_PAGE ||
		 pkt->nr_parts == NETIF_SLOTS_MIN)
		rx_bad(q, pkt, STAT_RX_BAD_SLOT);

	if (pkt->bad) {
		rx_buffer_spare(q, buf);
		return;
	}
	part->buf = *buf;
	part->offset = rsp->offset;
	part->len = rsp->status;
	pkt->len += part->len;
	pkt->nr_parts++;
}

/*
 * Our back end says where the bytes begin behind the headroom.  Linux', which may
 * leave it though we do not ask, does so in every page, says 0, and counts it among
 * the bytes.
 */
static void rx_skip_headroom(struct netfront_queue *q, struct rx_packet *pkt)
{
	unsigned int i;

	if (!pkt->nr_parts || pkt->part[0].offset)
		return;
	for (i = 0; i < pkt->nr_parts; i++) {
		struct rx_part *part = &pkt->part[i];

		if (part->len <= pkt->headroom) {
			rx_bad(q, pkt, STAT_RX_BAD_SLOT);
			return;
		}
		part->offset += pkt->headroom;
		part->len -= pkt->headroom;
		pkt->len -= pkt->headroom;
	}
}

/*
 * Collect one packet.  False if there is none, or if the chain does not end:
 * then the back end is given up.
 */
static bool rx_take_packet(struct netfront_queue *q, struct rx_packet *pkt)
{
	union netif_rx_slot slot;
	struct rx_buffer buf;
	u32 index;

	pkt->nr_parts = 0;
	pkt->len = 0;
	pkt->gso_type = 0;
	pkt->gso_size = 0;
	pkt->headroom = 0;
	pkt->bad = false;
	pkt->owned = false;

	if (!rx_take(q, &slot, &buf, &index))
		return false;
	pkt->flags = slot.rsp.flags;
	for (;;) {
		u16 flags = slot.rsp.flags;
		bool first = !pkt->nr_parts && !pkt->bad;

		rx_add_part(q, pkt, &slot.rsp, &buf, index);
		if (first && (flags & NETIF_RXF_EXTRA) &&
		    !rx_take_extras(q, pkt))
			goto unfinished;
		if (!(flags & NETIF_RXF_MORE))
			break;
		if (!rx_take(q, &slot, &buf, &index))
			goto unfinished;
	}
	if (pkt->headroom)
		rx_skip_headroom(q, pkt);
	if (pkt->len < ETH_HLEN ||
	    (pkt->gso_type && pkt->gso_size >= pkt->len))
		rx_bad(q, pkt, STAT_RX_BAD_SLOT);
	return true;

unfinished:
	front_break(q->front, "unfinished packet");
	rx_drop(q, pkt);
	return false;
}

/* Packets */

static void *rx_part_data(const struct rx_part *part)
{
	return page_address(part->buf.page) + part->offset;
}

/* Give the stack a part's page, less the first @skip bytes. */
static void rx_attach(struct netfront_queue *q, struct sk_buff *skb,
		      const struct rx_part *part, unsigned int skip)
{
	struct page *page = part->buf.page;

	if (part->buf.staged) {
		stage_put(q, &part->buf);
		queue_count(q, STAT_RX_STAGED, 1);
		if (skip == part->len)
			return;
		page_ref_inc(page);
		/* nobody is to keep what they find there, or to write into it */
		skb_shinfo(skb)->flags |= SKBFL_SHARED_FRAG;
	} else {
		skb_mark_for_recycle(skb);
		if (skip == part->len) {
			page_pool_put_full_page(page->pp, page, true);
			return;
		}
	}
	skb_add_rx_frag(skb, skb_shinfo(skb)->nr_frags, page,
			part->offset + skip, part->len - skip, PAGE_SIZE);
}

static struct sk_buff *rx_assemble(struct netfront_queue *q,
				   struct rx_packet *pkt)
{
	bool copy = pkt->len <= RX_COPY && pkt->nr_parts == 1;
	unsigned int header, i;
	struct sk_buff *skb;

	if (copy)
		header = pkt->len;
	else if (pkt->nr_parts > MAX_SKB_FRAGS)
		header = pkt->part[0].len;
	else
		header = min_t(unsigned int, pkt->part[0].len, RX_HEADER);

	skb = napi_alloc_skb(&q->napi, header);
	if (!skb) {
		queue_count(q, STAT_RX_NOMEM, 1);
		rx_drop(q, pkt);
		return NULL;
	}
	if (copy) {
		queue_count(q, STAT_RX_COPIED, 1);
		skb_put_data(skb, rx_part_data(&pkt->part[0]), header);
		rx_drop(q, pkt);
		return skb;
	}
	if (!rx_own(q, pkt)) {
		kfree_skb(skb);
		return NULL;
	}
	skb_put_data(skb, rx_part_data(&pkt->part[0]), header);
	for (i = 0; i < pkt->nr_parts; i++)
		rx_attach(q, skb, &pkt->part[i], i ? 0 : header);
	return skb;
}

/**
 * rx_build() - make what the back end describes a packet of the stack's
 * @q: queue; from its poll
 * @pkt: packet, whose pages are used up
 *
 * A packet of one small part is copied whole, any other has its header copied
 * after the grants have ended.  One with as many parts as there can be has all
 * of its first part copied, since there are fewer places for fragments.
 *
 * Return: the packet behind its Ethernet header, or NULL.
 */
struct sk_buff *rx_build(struct netfront_queue *q, struct rx_packet *pkt)
{
	struct sk_buff *skb = rx_assemble(q, pkt);
	bool fixed;

	if (!skb)
		return NULL;
	if (pkt->flags & NETIF_RXF_CSUM_BLANK)
		skb->ip_summed = CHECKSUM_PARTIAL;
	else if (pkt->flags & NETIF_RXF_DATA_VALIDATED)
		skb->ip_summed = CHECKSUM_UNNECESSARY;
	skb_shinfo(skb)->gso_size = pkt->gso_size;
	skb->protocol = eth_type_trans(skb, q->front->dev);
	if (!offload_set(skb, pkt->gso_type, &fixed)) {
		queue_count(q, STAT_RX_BAD_HEADER, 1);
		kfree_skb(skb);
		return NULL;
	}
	return skb;
}

/**
 * rx_deliver() - give a packet to the stack
 * @q: queue; from its poll
 * @pkt: packet, whose pages are used up
 */
void rx_deliver(struct netfront_queue *q, struct rx_packet *pkt)
{
	struct sk_buff *skb = rx_build(q, pkt);

	if (!skb)
		return;
	skb_record_rx_queue(skb, q->id);
	if (pkt->gso_type)
		queue_count(q, STAT_RX_GSO, 1);
	queue_count(q, STAT_RX_PACKETS, 1);
	queue_count(q, STAT_RX_BYTES, pkt->len);
	napi_gro_receive(&q->napi, skb);
}

/**
 * rx_run() - receive
 * @q: queue; from its poll
 * @budget: packets to take at most
 *
 * Return: packets taken.
 */
int rx_run(struct netfront_queue *q, int budget)
{
	struct bpf_prog *prog;
	struct rx_packet pkt;
	int work = 0;

	rcu_read_lock(); /* keeps the program */
	prog = rcu_dereference(q->front->xdp_prog);
	while (work < budget && !READ_ONCE(q->front->broken) &&
	       rx_take_packet(q, &pkt)) {
		work++;
		if (unlikely(pkt.bad))
			rx_drop(q, &pkt);
		else if (unlikely(prog))
			xdp_receive(q, prog, &pkt);
		else
			rx_deliver(q, &pkt);
	}
	if (unlikely(prog))
		xdp_flush(q);
	rcu_read_unlock();
	if (netrx_front_broken(&q->rx.ring))
		front_break(q->front, "impossible receive producer index");
	return work;
}
