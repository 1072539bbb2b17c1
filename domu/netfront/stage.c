// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * stage.c - pages we receive into that stay mapped in the back end
 *
 * They stay ours: of one that goes to the stack with a packet we keep a
 * reference, and find it free again when that is the only one.  The stack gives
 * pages back in about the order it got them, so that they stand in a queue; one
 * that is not free yet goes to its end.
 *
 * The back end can write to such a page at any time, also when the stack has it:
 * this is for a back end that is trusted.  Packets carry the mark for memory that
 * may change, and their headers are copies.
 */
#include <linux/mm.h>
#include <linux/slab.h>
#include <xen/page.h>

#include "netfront.h"

/* Pages of all queues together, and of one at least. */
#define STAGE_PAGES 1024
#define STAGE_PAGES_MIN (2 * QUEUE_SLOTS)

/* How many pages that are not free are passed in search of one. */
#define STAGE_LOOKS 8

/**
 * stage_make() - make pages and grant them
 * @q: queue without
 * @room: that many at most
 *
 * Return: how many there are, or a negative errno; stage_use() puts them to use.
 */
int stage_make(struct netfront_queue *q, unsigned int room)
{
	unsigned int want = max_t(unsigned int, STAGE_PAGES_MIN,
				  STAGE_PAGES / q->front->nr_queues);
	domid_t backend = q->front->xbdev->otherend_id;
	struct rx_stage *st = &q->rx.stage;
	unsigned int i;

	st->buf = kvcalloc(STAGE_PAGES, sizeof(*st->buf), GFP_KERNEL);
	if (!st->buf)
		return -ENOMEM;
	want = min(want, room);
	for (i = 0; i < want; i++) {
		struct rx_buffer *buf = &st->buf[i];
		int gref;

		buf->page = alloc_page(GFP_KERNEL | __GFP_ZERO | __GFP_NOWARN |
				       __GFP_NORETRY);
		if (!buf->page)
			break;
		gref = gnttab_grant_foreign_access(backend,
						   xen_page_to_gfn(buf->page), 0);
		if (gref < 0) {
			__free_page(buf->page);
			buf->page = NULL;
			break;
		}
		buf->gref = gref;
		buf->staged = true;
	}
	st->tail = i;
	return i ?: -ENOMEM;
}

/**
 * stage_gref() - the grant of a page that was made
 * @q: queue
 * @i: which
 */
grant_ref_t stage_gref(const struct netfront_queue *q, unsigned int i)
{
	return q->rx.stage.buf[i].gref;
}

/**
 * stage_use() - the back end has mapped the pages: receive into them
 * @q: queue; its poll may be running
 */
void stage_use(struct netfront_queue *q)
{
	/* pairs with the acquire in stage_get() */
	smp_store_release(&q->rx.stage.ready, true);
}

/**
 * stage_get() - a page to post
 * @q: queue; from its poll
 * @buf: set to it
 *
 * Return: false if none is free.
 */
bool stage_get(struct netfront_queue *q, struct rx_buffer *buf)
{
	struct rx_stage *st = &q->rx.stage;
	unsigned int looks;

	/* pairs with the release in stage_use() */
	if (!smp_load_acquire(&st->ready))
		return false;
	for (looks = 0; looks < STAGE_LOOKS && st->head != st->tail; looks++) {
		*buf = st->buf[st->head++ % STAGE_PAGES];
		/*
		 * The last to give it back has read it before; what we do with it
		 * depends on that.
		 */
		if (page_ref_count(buf->page) == 1)
			return true;
		stage_put(q, buf);
	}
	queue_count(q, STAT_RX_STAGE_BUSY, 1);
	return false;
}

/**
 * stage_put() - a page is the stack's now, or free again
 * @q: queue; from its poll
 * @buf: that came from stage_get()
 */
void stage_put(struct netfront_queue *q, const struct rx_buffer *buf)
{
	struct rx_stage *st = &q->rx.stage;

	st->buf[st->tail % STAGE_PAGES] = *buf;
	st->tail++;
}

/**
 * stage_free() - give the pages up that are not posted
 * @q: queue that is down, or that does not use them yet
 *
 * Those that the stack has are freed when it is done with them.
 */
void stage_free(struct netfront_queue *q)
{
	struct rx_stage *st = &q->rx.stage;
	u32 i;

	for (i = st->head; i != st->tail; i++)
		gnttab_end_foreign_access(st->buf[i % STAGE_PAGES].gref,
					  st->buf[i % STAGE_PAGES].page);
	kvfree(st->buf);
	memset(st, 0, sizeof(*st));
}
