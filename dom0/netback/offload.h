/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * offload.h - checksum and segmentation marks of a packet from the other side
 *
 * The same in a back end that takes a guest's packet and in a front end that
 * takes the back end's: the marks are the peer's word, the headers decide.
 */
#ifndef NETBACK_OFFLOAD_H
#define NETBACK_OFFLOAD_H

#include <linux/skbuff.h>
#include <linux/tcp.h>

#include "netif.h"

/*
 * A packet to be segmented must be TCP of the kind that was said, with headers
 * that are all there: whoever comes after us cuts along them.
 */
static inline bool offload_set_gso(struct sk_buff *skb, u8 gso_type)
{
	struct skb_shared_info *info = skb_shinfo(skb);
	int start, header;
	__be16 protocol;

	if (gso_type == NETIF_GSO_TCPV4) {
		info->gso_type = SKB_GSO_TCPV4 | SKB_GSO_DODGY;
		protocol = htons(ETH_P_IP);
	} else {
		info->gso_type = SKB_GSO_TCPV6 | SKB_GSO_DODGY;
		protocol = htons(ETH_P_IPV6);
	}
	if (skb->protocol != protocol ||
	    skb->csum_offset != offsetof(struct tcphdr, check))
		return false;

	start = skb_checksum_start_offset(skb);
	if (!pskb_may_pull(skb, start + sizeof(struct tcphdr)))
		return false;
	header = __tcp_hdrlen((struct tcphdr *)(skb->data + start));
	if (header < (int)sizeof(struct tcphdr) ||
	    start + header >= (int)skb->len)
		return false;
	info->gso_segs = DIV_ROUND_UP(skb->len - start - header, info->gso_size);
	return true;
}

/**
 * offload_set() - believe the peer's marks as far as the headers bear them out
 * @skb: packet after eth_type_trans(), with ip_summed and gso_size as the peer
 *	said
 * @gso_type: NETIF_GSO_*, or 0
 * @fixed: set if a packet was to be segmented but had no blank checksum, which
 *	some peers take for granted; it is blank now
 *
 * Return: false if the packet is to be dropped.
 */
static inline bool offload_set(struct sk_buff *skb, u8 gso_type, bool *fixed)
{
	*fixed = gso_type && skb->ip_summed != CHECKSUM_PARTIAL;
	if (*fixed)
		skb->ip_summed = CHECKSUM_PARTIAL;

	skb_reset_network_header(skb);
	if (skb->ip_summed == CHECKSUM_PARTIAL &&
	    skb_checksum_setup(skb, *fixed))
		return false;
	if (gso_type && !offload_set_gso(skb, gso_type))
		return false;
	skb_probe_transport_header(skb);
	return true;
}

#endif /* NETBACK_OFFLOAD_H */
