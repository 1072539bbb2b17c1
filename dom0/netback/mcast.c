// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * mcast.c - multicast filter the guest asks for
 */
#include <linux/etherdevice.h>
#include <linux/rculist.h>
#include <linux/slab.h>

#include "netback.h"

/* A guest that wants more groups than this can receive them all. */
#define MCAST_MAX 64

struct mcast_addr {
	struct list_head list;
	struct rcu_head rcu;
	u8 addr[ETH_ALEN];
};

/**
 * mcast_init() - an empty filter, switched off
 * @mcast: filter
 */
void mcast_init(struct vif_mcast *mcast)
{
	spin_lock_init(&mcast->lock);
	INIT_LIST_HEAD(&mcast->list);
}

static struct mcast_addr *mcast_find(struct vif_mcast *mcast, const u8 *addr)
{
	struct mcast_addr *m;

	list_for_each_entry_rcu(m, &mcast->list, list,
				lockdep_is_held(&mcast->lock))
		if (ether_addr_equal(m->addr, addr))
			return m;
	return NULL;
}

static bool mcast_add(struct vif_mcast *mcast, const u8 *addr)
{
	struct mcast_addr *m;

	if (mcast_find(mcast, addr))
		return true;
	if (mcast->nr == MCAST_MAX)
		return false;
	m = kmalloc(sizeof(*m), GFP_ATOMIC);
	if (!m)
		return false;
	ether_addr_copy(m->addr, addr);
	mcast->nr++;
	list_add_tail_rcu(&m->list, &mcast->list);
	return true;
}

static bool mcast_del(struct vif_mcast *mcast, const u8 *addr)
{
	struct mcast_addr *m = mcast_find(mcast, addr);

	if (!m)
		return false;
	mcast->nr--;
	list_del_rcu(&m->list);
	kfree_rcu(m, rcu);
	return true;
}

/**
 * mcast_change() - do what a packet with a multicast extra asks for
 * @mcast: filter
 * @pkt: packet with mcast_op set
 *
 * Return: false if the list is full, or the address to delete is not there.
 */
bool mcast_change(struct vif_mcast *mcast, const struct tx_packet *pkt)
{
	bool done;

	spin_lock_bh(&mcast->lock);
	if (pkt->mcast_op == NETIF_EXTRA_MCAST_ADD)
		done = mcast_add(mcast, pkt->mcast_addr);
	else
		done = mcast_del(mcast, pkt->mcast_addr);
	spin_unlock_bh(&mcast->lock);
	return done;
}

/**
 * mcast_wanted() - may a packet pass to the guest?
 * @mcast: filter
 * @addr: destination
 */
bool mcast_wanted(struct vif_mcast *mcast, const u8 *addr)
{
	bool found;

	if (!READ_ONCE(mcast->on) || !is_multicast_ether_addr(addr) ||
	    is_broadcast_ether_addr(addr))
		return true;
	rcu_read_lock();
	found = mcast_find(mcast, addr);
	rcu_read_unlock();
	return found;
}

/**
 * mcast_flush() - forget all addresses
 * @mcast: filter
 */
void mcast_flush(struct vif_mcast *mcast)
{
	struct mcast_addr *m, *next;

	spin_lock_bh(&mcast->lock);
	list_for_each_entry_safe(m, next, &mcast->list, list) {
		list_del_rcu(&m->list);
		kfree_rcu(m, rcu);
	}
	mcast->nr = 0;
	spin_unlock_bh(&mcast->lock);
}
