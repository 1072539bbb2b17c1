// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * grants.c - the pages of a request
 *
 * Staged: data is copied through pages that stay granted.  They never held
 * anything but data of this disk, so the back end learns nothing else, and what
 * it does to them after its answer is of no consequence.  The data is packed:
 * a request takes as many pages as its size says, however it is scattered.
 *
 * Direct: the request's own pages are granted and stay so, see direct.c.
 *
 * For once: the request's own pages are granted, and revoked when it ends.  If
 * the back end has not let go of one by then, the kernel keeps that page from
 * reuse until it has.
 */
#include <linux/highmem.h>
#include <xen/grant_table.h>
#include <xen/page.h>

#include "blkfront.h"

static unsigned int grants_pages(const struct request *rq)
{
	return DIV_ROUND_UP(blk_rq_bytes(rq), XEN_PAGE_SIZE);
}

static blk_status_t grants_get_staged(struct blkfront_queue *q,
				      struct blkfront_cmd *cmd, unsigned int n)
{
	bool indirect = n > BLKIF_MAX_SEGMENTS;

	if (!grantpool_reserve(&q->pool, n + indirect))
		return BLK_STS_RESOURCE;
	for (cmd->nr = 0; cmd->nr < n; cmd->nr++)
		cmd->pages[cmd->nr] = grantpool_get(&q->pool);
	if (indirect)
		cmd->segments = grantpool_get(&q->pool);
	q->stats.copied += blk_rq_bytes(blk_mq_rq_from_pdu(cmd));
	return BLK_STS_OK;
}

static blk_status_t grants_get_once(struct blkfront_queue *q,
				    struct request *rq,
				    struct blkfront_cmd *cmd)
{
	domid_t domid = q->bf->dev->otherend_id;
	int readonly = rq_data_dir(rq) == WRITE;
	struct scatterlist *sg;
	unsigned int i, n;
	grant_ref_t head;

	n = blk_rq_map_sg(rq->q, rq, q->sg);
	if (n > BLKIF_MAX_SEGMENTS && !grantpool_reserve(&q->pool, 1))
		return BLK_STS_RESOURCE;
	if (gnttab_alloc_grant_references(n, &head))
		return BLK_STS_RESOURCE;
	if (n > BLKIF_MAX_SEGMENTS)
		cmd->segments = grantpool_get(&q->pool);
	for_each_sg(q->sg, sg, n, i) {
		grant_ref_t gref = gnttab_claim_grant_reference(&head);

		gnttab_grant_foreign_access_ref(gref, domid,
						xen_page_to_gfn(sg_page(sg)),
						readonly);
		cmd->grefs[i] = gref;
		q->seg[i] = (struct blkif_segment) {
			.gref = gref,
			.first_sect = sg->offset >> SECTOR_SHIFT,
			.last_sect = ((sg->offset + sg->length) >>
				      SECTOR_SHIFT) - 1,
		};
	}
	cmd->nr = n;
	return BLK_STS_OK;
}

/**
 * blkfront_grants_get() - get what a request's data needs
 * @q: queue, locked
 * @rq: read or write
 *
 * Return: BLK_STS_OK, or BLK_STS_RESOURCE with nothing held.
 */
blk_status_t blkfront_grants_get(struct blkfront_queue *q, struct request *rq)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);

	/*
	 * Segments of pages that are not staged are described in @q's scratch:
	 * stay locked until the request is.
	 */
	if (q->direct && blkfront_direct_get(q, rq)) {
		cmd->how = BLKFRONT_DIRECT;
		return BLK_STS_OK;
	}
	if (q->bf->features.staged) {
		cmd->how = BLKFRONT_STAGED;
		return grants_get_staged(q, cmd, grants_pages(rq));
	}
	cmd->how = BLKFRONT_ONCE;
	return grants_get_once(q, rq, cmd);
}

static void grants_copy(struct request *rq, bool out)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct req_iterator iter;
	struct bio_vec bv;
	size_t pos = 0;

	rq_for_each_segment(bv, rq, iter) {
		char *data = bvec_kmap_local(&bv);
		size_t done = 0;

		while (done < bv.bv_len) {
			struct page *page = cmd->pages[pos / XEN_PAGE_SIZE]->page;
			size_t offset = pos % XEN_PAGE_SIZE;
			size_t n = min_t(size_t, XEN_PAGE_SIZE - offset,
					 bv.bv_len - done);

			if (out)
				memcpy(page_address(page) + offset,
				       data + done, n);
			else
				memcpy(data + done,
				       page_address(page) + offset, n);
			done += n;
			pos += n;
		}
		kunmap_local(data);
	}
}

/**
 * blkfront_grants_fill() - copy a write's data to where the back end sees it
 * @rq: request that has got its pages
 */
void blkfront_grants_fill(struct request *rq)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);

	if (cmd->how == BLKFRONT_STAGED && rq_data_dir(rq) == WRITE)
		grants_copy(rq, true);
}

/**
 * blkfront_grants_drain() - copy a read's data from where the back end left it
 * @rq: request that was answered
 */
void blkfront_grants_drain(struct request *rq)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);

	if (cmd->nr && cmd->how == BLKFRONT_STAGED &&
	    rq_data_dir(rq) == READ)
		grants_copy(rq, false);
}

/**
 * blkfront_grants_describe() - describe a request's data in segments
 * @q: queue, locked
 * @rq: request that has got its pages
 *
 * The segments are in q->seg, and in the page of segments if there is one.
 *
 * Return: their number.
 */
unsigned int blkfront_grants_describe(struct blkfront_queue *q,
				      struct request *rq)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	unsigned int left = blk_rq_bytes(rq);
	unsigned int i;

	for (i = 0; cmd->how == BLKFRONT_STAGED && i < cmd->nr; i++) {
		unsigned int n = min_t(unsigned int, left, XEN_PAGE_SIZE);

		q->seg[i] = (struct blkif_segment) {
			.gref = cmd->pages[i]->gref,
			.last_sect = (n >> SECTOR_SHIFT) - 1,
		};
		left -= n;
	}
	if (cmd->segments)
		memcpy(page_address(cmd->segments->page), q->seg,
		       cmd->nr * sizeof(q->seg[0]));
	return cmd->nr;
}

/**
 * blkfront_grants_put() - let go of a request's pages
 * @q: queue, locked
 * @rq: request that was answered, or never will be
 */
void blkfront_grants_put(struct blkfront_queue *q, struct request *rq)
{
	struct blkfront_cmd *cmd = blk_mq_rq_to_pdu(rq);
	unsigned int i;

	if (cmd->nr && cmd->how == BLKFRONT_DIRECT)
		blkfront_direct_put(q, cmd);
	for (i = 0; i < cmd->nr; i++) {
		if (cmd->how == BLKFRONT_STAGED) {
			grantpool_put(&q->pool, cmd->pages[i]);
		} else if (!gnttab_try_end_foreign_access(cmd->grefs[i])) {
			q->stats.stuck_grants++;
			gnttab_end_foreign_access(cmd->grefs[i], NULL);
			cmd->status = BLK_STS_IOERR;
		}
	}
	cmd->nr = 0;
	if (cmd->segments)
		grantpool_put(&q->pool, cmd->segments);
	cmd->segments = NULL;
}
