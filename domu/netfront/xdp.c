// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xdp.c - runs a program on each packet received; sends what programs redirect
 *
 * The program reads and writes a packet where the back end has put it, with the
 * grant ended or, where pages stay mapped, in a page that a trusted back end could
 * change meanwhile.  Of what the kernel keeps beside a packet's bytes (struct
 * xdp_frame before, struct skb_shared_info behind) nothing may be in a page that the
 * back end can read or write, now or when it is posted again.  So a packet that is
 * redirected leaves in a page of a pool of its own.  One that is sent back is copied
 * like all that we send.
 *
 * Programs expect packets as they are on a wire.  A back end of ours that leaves room
 * for them sends none that is to be segmented, that lacks its checksum or that takes
 * more than a page.  Others do, and so may ours with what was on its way when the
 * program came.  Such a packet is segmented or completed here.
 */
#include <linux/bpf.h>
#include <linux/bpf_trace.h>
#include <linux/etherdevice.h>
#include <linux/filter.h>
#include <linux/if_vlan.h>
#include <linux/rtnetlink.h>
#include <linux/version.h>
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 6, 0)
#include <net/gso.h>
#include <net/page_pool/helpers.h>
#else
#include <net/page_pool.h>
#endif

#include "netfront.h"

/* What fits into a page with the room before and behind it. */
#define XDP_FRAME_MAX                             \
	(QUEUE_PAGE - XDP_PACKET_HEADROOM -       \
	 SKB_DATA_ALIGN(sizeof(struct skb_shared_info)))

#define XDP_MTU_MAX (XDP_FRAME_MAX - VLAN_ETH_HLEN)

/* A packet cut into more than this is none of any use. */
#define XDP_SEGMENTS_MAX 1024

/**
 * xdp_connect() - get what programs need of a queue
 * @q: queue
 */
int xdp_connect(struct netfront_queue *q)
{
	struct page_pool_params params = {
		.pool_size = QUEUE_SLOTS,
		.nid = NUMA_NO_NODE,
		.dev = &q->front->xbdev->dev,
	};
	struct page_pool *pool = page_pool_create(&params);
	int err;

	if (IS_ERR(pool))
		return PTR_ERR(pool);
	q->rx.frames = pool;
	err = xdp_rxq_info_reg(&q->rx.xdp, q->front->dev, q->id,
			       q->napi.napi_id);
	if (err)
		return err;
	return xdp_rxq_info_reg_mem_model(&q->rx.xdp, MEM_TYPE_PAGE_POOL, pool);
}

/**
 * xdp_disconnect() - undo xdp_connect(), whole or in part
 * @q: queue that is down
 */
void xdp_disconnect(struct netfront_queue *q)
{
	if (xdp_rxq_info_is_reg(&q->rx.xdp))
		xdp_rxq_info_unreg(&q->rx.xdp);
	/* lives on until the last frame is back */
	if (q->rx.frames)
		page_pool_destroy(q->rx.frames);
	q->rx.frames = NULL;
}

/* Running the program */

static bool xdp_send_back(struct netfront_queue *q, const struct xdp_buff *xdp)
{
	struct netdev_queue *txq = queue_txq(q);
	bool sent;

	__netif_tx_lock(txq, smp_processor_id());
	sent = tx_send(q, xdp->data, xdp->data_end - xdp->data);
	__netif_tx_unlock(txq);
	q->rx.xdp_sent |= sent;
	return sent;
}

/* The packet leaves in a page the back end never sees. */
static bool xdp_redirect(struct netfront_queue *q, struct bpf_prog *prog,
			 struct xdp_buff *xdp)
{
	struct page *page = page_pool_dev_alloc_pages(q->rx.frames);
	unsigned int headroom = xdp->data - xdp->data_hard_start;
	unsigned int len = xdp->data_end - xdp->data;

	if (!page) {
		queue_count(q, STAT_RX_NOMEM, 1);
		return false;
	}
	memcpy(page_address(page) + headroom, xdp->data, len);
	xdp_prepare_buff(xdp, page_address(page), headroom, len, false);
	q->rx.xdp_flush = true;
	if (!xdp_do_redirect(q->front->dev, xdp, prog))
		return true;
	page_pool_put_full_page(q->rx.frames, page, true);
	return false;
}

/* A packet of one part, which is ours and has room on both sides. */
static void xdp_run(struct netfront_queue *q, struct bpf_prog *prog,
		    struct rx_packet *pkt)
{
	struct net_device *dev = q->front->dev;
	struct rx_part *part = &pkt->part[0];
	enum queue_stat stat = STAT_XDP_ERRORS;
	struct xdp_buff xdp;
	u32 act;

	xdp_init_buff(&xdp, PAGE_SIZE, &q->rx.xdp);
	xdp_prepare_buff(&xdp, page_address(part->buf.page), part->offset,
			 part->len, false);
	act = bpf_prog_run_xdp(prog, &xdp);
	switch (act) {
	case XDP_PASS:
		part->offset = xdp.data - xdp.data_hard_start;
		part->len = xdp.data_end - xdp.data;
		pkt->len = part->len;
		queue_count(q, STAT_XDP_PASS, 1);
		rx_deliver(q, pkt);
		return;
	case XDP_DROP:
		stat = STAT_XDP_DROP;
		break;
	case XDP_TX:
		if (xdp_send_back(q, &xdp))
			stat = STAT_XDP_TX;
		break;
	case XDP_REDIRECT:
		if (xdp_redirect(q, prog, &xdp))
			stat = STAT_XDP_REDIRECT;
		break;
	case XDP_ABORTED:
		break;
	default:
		bpf_warn_invalid_xdp_action(dev, prog, act);
		break;
	}
	if (stat == STAT_XDP_ERRORS)
		trace_xdp_exception(dev, prog, act);
	queue_count(q, stat, 1);
	rx_drop(q, pkt);
}

/* A packet of the stack's, from its Ethernet header on. */
static void xdp_run_skb(struct netfront_queue *q, struct bpf_prog *prog,
			struct rx_packet *pkt, struct sk_buff *skb)
{
	bool valid = pkt->flags & (NETIF_RXF_CSUM_BLANK | NETIF_RXF_DATA_VALIDATED);
	struct page *page;

	if (skb->len > XDP_FRAME_MAX) {
		queue_count(q, STAT_XDP_ERRORS, 1);
		goto out;
	}
	page = page_pool_dev_alloc_pages(q->rx.frames);
	if (!page) {
		queue_count(q, STAT_RX_NOMEM, 1);
		goto out;
	}
	/* cannot fail: the range is within the packet */
	skb_copy_bits(skb, 0, page_address(page) + XDP_PACKET_HEADROOM, skb->len);
	*pkt = (struct rx_packet) {
		.part[0] = {
			.buf.page = page,
			.offset = XDP_PACKET_HEADROOM,
			.len = skb->len,
		},
		.nr_parts = 1,
		.len = skb->len,
		.flags = valid ? NETIF_RXF_DATA_VALIDATED : 0,
		.owned = true,
	};
	xdp_run(q, prog, pkt);
out:
	consume_skb(skb);
}

/* What is no packet of a wire's becomes one, or several. */
static void xdp_run_parts(struct netfront_queue *q, struct bpf_prog *prog,
			  struct rx_packet *pkt)
{
	struct sk_buff *skb, *next, *segs = NULL;

	if (pkt->gso_type ? pkt->gso_size < pkt->len / XDP_SEGMENTS_MAX :
			    pkt->len > XDP_FRAME_MAX) {
		queue_count(q, STAT_XDP_ERRORS, 1);
		rx_drop(q, pkt);
		return;
	}
	skb = rx_build(q, pkt);
	if (!skb)
		return;
	skb_push(skb, ETH_HLEN);
	if (skb_is_gso(skb))
		segs = skb_gso_segment(skb, 0);
	else if (skb->ip_summed != CHECKSUM_PARTIAL || !skb_checksum_help(skb))
		segs = skb_get(skb);
	if (IS_ERR_OR_NULL(segs))
		queue_count(q, STAT_XDP_ERRORS, 1);
	else
		skb_list_walk_safe(segs, segs, next) {
			skb_mark_not_on_list(segs);
			xdp_run_skb(q, prog, pkt, segs);
		}
	consume_skb(skb);
}

/**
 * xdp_receive() - run a program on a packet, and do what it says
 * @q: queue; from its poll
 * @prog: program
 * @pkt: packet, whose pages are used up
 */
void xdp_receive(struct netfront_queue *q, struct bpf_prog *prog,
		 struct rx_packet *pkt)
{
	struct rx_part *part = &pkt->part[0];
	u8 *page;

	if (pkt->nr_parts > 1 || pkt->gso_type || part->len > XDP_FRAME_MAX ||
	    (pkt->flags & NETIF_RXF_CSUM_BLANK)) {
		xdp_run_parts(q, prog, pkt);
		return;
	}
	if (!rx_own(q, pkt))
		return;
	if (part->offset < XDP_PACKET_HEADROOM ||
	    part->offset + part->len > XDP_PACKET_HEADROOM + XDP_FRAME_MAX) {
		/* from a back end that leaves no room, or does not yet */
		page = page_address(part->buf.page);
		memmove(page + XDP_PACKET_HEADROOM, page + part->offset,
			part->len);
		part->offset = XDP_PACKET_HEADROOM;
	}
	xdp_run(q, prog, pkt);
}

/**
 * xdp_flush() - let go what a program has sent in a pass
 * @q: queue; from its poll
 */
void xdp_flush(struct netfront_queue *q)
{
	struct netdev_queue *txq = queue_txq(q);

	if (q->rx.xdp_flush)
		xdp_do_flush();
	q->rx.xdp_flush = false;
	if (!q->rx.xdp_sent)
		return;
	q->rx.xdp_sent = false;
	__netif_tx_lock(txq, smp_processor_id());
	tx_publish(q);
	__netif_tx_unlock(txq);
}

/* Loading a program */

/**
 * xdp_mtu_fits() - can programs run with that?
 * @mtu: of the interface
 */
bool xdp_mtu_fits(int mtu)
{
	return mtu <= XDP_MTU_MAX;
}

static int xdp_check(const struct netfront *front,
		     struct netlink_ext_ack *extack)
{
	if (READ_ONCE(front->broken)) {
		NL_SET_ERR_MSG_MOD(extack, "the back end broke the protocol");
		return -ENODEV;
	}
	if (!xdp_mtu_fits(front->dev->mtu)) {
		NL_SET_ERR_MSG_MOD(extack,
				   "the MTU is too large, a packet has to fit into a page");
		return -EINVAL;
	}
	return 0;
}

/* A program may take another's place under traffic; one that goes, goes. */
static int xdp_set(struct netfront *front, struct bpf_prog *prog,
		   struct netlink_ext_ack *extack)
{
	struct bpf_prog *old = rtnl_dereference(front->xdp_prog);
	int err;

	if (prog && !old) {
		err = xdp_check(front, extack);
		if (err)
			return err;
	}
	rcu_assign_pointer(front->xdp_prog, prog);
	if (old)
		bpf_prog_put(old);
	/* one that is yet to connect reads it then */
	if (!old != !prog && front->connected)
		headroom_ask(front);
	return 0;
}

/**
 * xdp_ndo_bpf() - load, replace or remove a program
 * @dev: device; RTNL is held
 * @bpf: what to do
 */
int xdp_ndo_bpf(struct net_device *dev, struct netdev_bpf *bpf)
{
	if (bpf->command != XDP_SETUP_PROG)
		return -EINVAL;
	return xdp_set(netdev_priv(dev), bpf->prog, bpf->extack);
}

/**
 * xdp_ndo_xmit() - send what programs of other interfaces redirect here
 * @dev: device
 * @n: how many frames
 * @frames: to be sent
 * @flags: XDP_XMIT_*
 *
 * Return: how many were taken, or a negative errno; the others stay the caller's.
 */
int xdp_ndo_xmit(struct net_device *dev, int n, struct xdp_frame **frames,
		 u32 flags)
{
	struct netfront *front = netdev_priv(dev);
	unsigned int cpu = smp_processor_id();
	unsigned int nr = READ_ONCE(dev->real_num_tx_queues);
	struct netdev_queue *txq = netdev_get_tx_queue(dev, cpu % nr);
	struct netfront_queue *q;
	int i = 0;

	if (flags & ~XDP_XMIT_FLAGS_MASK)
		return -EINVAL;
	if (!netif_running(dev) || !netif_carrier_ok(dev))
		return -ENETDOWN;
	__netif_tx_lock(txq, cpu);
	/* before its rings go, a device stops its queues with this lock held */
	if (!READ_ONCE(front->connected) || netif_tx_queue_stopped(txq))
		goto out;
	q = &front->queue[cpu % nr];
	while (i < n && !xdp_frame_has_frags(frames[i]) &&
	       tx_send(q, frames[i]->data, frames[i]->len))
		xdp_return_frame(frames[i++]);
	queue_count(q, STAT_XDP_XMIT, i);
	if (flags & XDP_XMIT_FLUSH)
		tx_publish(q);
out:
	__netif_tx_unlock(txq);
	return i;
}
