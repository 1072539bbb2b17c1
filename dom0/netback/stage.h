/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * stage.h - the guest's pages that stay mapped, of one queue
 */
#ifndef STAGE_H
#define STAGE_H

#include <linux/rculist.h>
#include <linux/hash.h>
#include <xen/grant_table.h>

#include "netif.h"

/* Pages a queue keeps mapped at most. */
#define STAGE_MAX 2048

#define STAGE_HASH_BITS 10

struct stage;

/**
 * struct stage_page - one page that stays mapped
 * @node: in stage.hash
 * @gref: its grant
 * @readonly: as it was granted
 * @data: the page; NULL while it is being added
 */
struct stage_page {
	struct hlist_node node;
	grant_ref_t gref;
	bool readonly;
	void *data;
};

/**
 * struct stage_table - pages by grant
 * @hash: read with bottom halves off, changed by the control ring's work alone
 */
struct stage_table {
	struct hlist_head hash[1 << STAGE_HASH_BITS];
};

struct stage *stage_create(domid_t domid);
void stage_destroy(struct stage *stage);
const struct stage_table *stage_table(const struct stage *stage);
int stage_add(struct stage *stage, const struct netif_gref *list,
	      unsigned int n);
int stage_del(struct stage *stage, struct netif_gref *list, unsigned int n);

/**
 * stage_find() - where is a page of the guest's mapped?
 * @table: of the queue, or NULL
 * @gref: its grant
 * @write: it is to be written
 *
 * Bottom halves are off, and stay so while the page is used.
 *
 * Return: the page, NULL if it is not mapped, or not so.
 */
static inline void *stage_find(const struct stage_table *table,
			       grant_ref_t gref, bool write)
{
	const struct stage_page *page;

	if (!table)
		return NULL;
	hlist_for_each_entry_rcu(page, &table->hash[hash_32(gref, STAGE_HASH_BITS)],
				 node, rcu_read_lock_bh_held())
		if (page->gref == gref)
			return write && page->readonly ? NULL :
							 READ_ONCE(page->data);
	return NULL;
}

#endif /* STAGE_H */
