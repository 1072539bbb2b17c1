// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * xenbus.c - the front end's state machine
 *
 *	back end InitWait    -> make rings, tell where they are, Initialised
 *	back end Connected   -> read what it offers, show the disk, Connected
 *	   again             -> the size has changed
 *	back end Closing     -> let requests finish, take the rings down, Closed
 *	resume               -> take the rings down, keep what was unanswered,
 *				start over; send it again once Connected
 */
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <xen/grant_table.h>
#include <xen/platform_pci.h>
#include <xen/xen.h>

#include "blkfront.h"

#define XENBUS_PATH_LEN 96
/* How long a closing back end gets to answer what is outstanding. */
#define DRAIN_WAIT (10 * HZ)

static unsigned int max_queues;
module_param(max_queues, uint, 0644);
MODULE_PARM_DESC(max_queues, "Queues of a disk (0: one per CPU)");

static unsigned int max_ring_page_order = 2;
module_param(max_ring_page_order, uint, 0644);
MODULE_PARM_DESC(max_ring_page_order, "Size of a ring, in powers of two of a page (at most 4)");

static unsigned int max_indirect_segments = BLKFRONT_MAX_SEGMENTS;
module_param(max_indirect_segments, uint, 0644);
MODULE_PARM_DESC(max_indirect_segments, "Segments of an indirect request (at most 256; 0: no indirect requests)");

static bool feature_persistent = true;
module_param(feature_persistent, bool, 0644);
MODULE_PARM_DESC(feature_persistent, "Keep grants where the back end agrees");

static bool trusted = true;
module_param(trusted, bool, 0644);
MODULE_PARM_DESC(trusted, "Back ends may see what shares a page with the data");

static unsigned int max_direct_pages = 2048;
module_param(max_direct_pages, uint, 0644);
MODULE_PARM_DESC(max_direct_pages, "Pages of requests that a queue keeps granted to a trusted back end (0: copy)");

/* Quiescing nests in blk-mq, but not here. */
static void xenbus_quiesce(struct blkfront *bf)
{
	if (!bf->disk || bf->quiesced)
		return;
	blk_mq_quiesce_queue(bf->disk->queue);
	bf->quiesced = true;
}

static void xenbus_unquiesce(struct blkfront *bf)
{
	struct request_queue *rq;

	if (!bf->disk || !bf->quiesced)
		return;
	rq = bf->disk->queue;
	bf->quiesced = false;
	blk_mq_unquiesce_queue(rq);
	blk_mq_start_stopped_hw_queues(rq, true);
	blk_mq_kick_requeue_list(rq);
}

static void xenbus_stop_queues(struct blkfront *bf, struct bio_list *again)
{
	unsigned int i;

	xenbus_quiesce(bf);
	for (i = 0; i < bf->nr_queues; i++)
		blkfront_queue_stop(&bf->queues[i], again);
	bf->connected = false;
}

static int xenbus_start_queues(struct blkfront *bf)
{
	const char *otherend = bf->dev->otherend;
	unsigned int order, n, i;
	struct blkfront_queue *queues;
	int err;

	order = min3(READ_ONCE(max_ring_page_order), (unsigned int)BLKFRONT_MAX_RING_ORDER,
		     xenbus_read_unsigned(otherend, "max-ring-page-order", 0));
	n = min(READ_ONCE(max_queues) ?: num_online_cpus(),
		xenbus_read_unsigned(otherend, "multi-queue-max-queues", 1));
	n = clamp(n, 1u, (unsigned int)BLKFRONT_MAX_QUEUES);
	if (bf->disk)
		n = min(n, bf->tag_set.map[HCTX_TYPE_DEFAULT].nr_queues);

	queues = kvcalloc(n, sizeof(*queues), GFP_NOIO);
	if (!queues)
		return -ENOMEM;
	for (i = 0; i < n; i++) {
		queues[i].index = i;
		err = blkfront_queue_start(bf, &queues[i], 1u << order);
		if (err) {
			while (i--)
				blkfront_queue_stop(&queues[i], NULL);
			kvfree(queues);
			return err;
		}
	}
	/* A queue's interrupts go where its requests come from. */
	for (i = 0; n > 1 && i < n; i++)
		irq_set_affinity_and_hint(queues[i].chan.irq,
					  cpumask_of(i % nr_cpu_ids));
	kvfree(bf->queues);
	bf->queues = queues;
	bf->nr_queues = n;
	return 0;
}

static int xenbus_write_queue(struct xenbus_transaction xbt, const char *dir,
			      const struct blkfront_queue *q)
{
	char key[16] = "ring-ref";
	unsigned int i;
	int err;

	for (i = 0; i < q->nr_pages; i++) {
		if (q->nr_pages > 1)
			snprintf(key, sizeof(key), "ring-ref%u", i);
		err = xenbus_printf(xbt, dir, key, "%u", q->grefs[i]);
		if (err)
			return err;
	}
	return xenbus_printf(xbt, dir, "event-channel", "%u", q->port);
}

/* Would we keep grants of pages that are not the pool's, and revoke them? */
static bool xenbus_may_grant(const struct blkfront *bf)
{
	return bf->trusted && feature_persistent && READ_ONCE(max_direct_pages);
}

static int xenbus_write_all(struct blkfront *bf, struct xenbus_transaction xbt)
{
	const char *dir = bf->dev->nodename;
	unsigned int pages = bf->queues[0].nr_pages;
	char path[XENBUS_PATH_LEN];
	unsigned int i;
	int err;

	if (pages > 1) {
		err = xenbus_printf(xbt, dir, "ring-page-order", "%u",
				    ilog2(pages));
		if (err)
			return err;
	}
	if (bf->nr_queues == 1) {
		err = xenbus_write_queue(xbt, dir, &bf->queues[0]);
		if (err)
			return err;
	} else {
		err = xenbus_printf(xbt, dir, "multi-queue-num-queues", "%u",
				    bf->nr_queues);
		if (err)
			return err;
		for (i = 0; i < bf->nr_queues; i++) {
			snprintf(path, sizeof(path), "%s/queue-%u", dir, i);
			err = xenbus_write_queue(xbt, path, &bf->queues[i]);
			if (err)
				return err;
		}
	}
	err = xenbus_printf(xbt, dir, "protocol", "%s", "x86_64-abi");
	if (err)
		return err;
	err = xenbus_printf(xbt, dir, "feature-persistent", "%u",
			    feature_persistent);
	if (err)
		return err;
	return xenbus_printf(xbt, dir, "feature-tenon-revoke", "%u",
			     xenbus_may_grant(bf));
}

/* Makes the rings and tells the back end where they are. */
static void xenbus_initialise(struct blkfront *bf)
{
	struct xenbus_device *dev = bf->dev;
	struct xenbus_transaction xbt;
	int err;

	err = xenbus_start_queues(bf);
	if (err) {
		xenbus_dev_fatal(dev, err, "making rings");
		return;
	}
	do {
		err = xenbus_transaction_start(&xbt);
		if (err)
			break;
		err = xenbus_write_all(bf, xbt);
		if (err) {
			xenbus_transaction_end(xbt, 1);
			break;
		}
		err = xenbus_transaction_end(xbt, 0);
	} while (err == -EAGAIN);
	if (err) {
		xenbus_stop_queues(bf, NULL);
		xenbus_dev_fatal(dev, err, "announcing rings");
		return;
	}
	xenbus_switch_state(dev, XenbusStateInitialised);
}

static bool sane_block_size(unsigned int size)
{
	return is_power_of_2(size) && size >= SECTOR_SIZE &&
	       size <= XEN_PAGE_SIZE;
}

/* Reads what the back end offers; nothing of it is taken on trust. */
static int xenbus_gather_features(struct blkfront *bf)
{
	const char *dir = bf->dev->otherend;
	struct blkfront_features f = {};
	unsigned int max;
	int err;

	err = xenbus_gather(XBT_NIL, dir, "sectors", "%llu", &f.sectors,
			    "info", "%u", &f.info, "sector-size", "%u",
			    &f.sector_size, NULL);
	if (err)
		return err;
	if (!sane_block_size(f.sector_size) ||
	    f.sectors > (u64)LLONG_MAX >> SECTOR_SHIFT)
		return -EINVAL;
	f.physical_size = xenbus_read_unsigned(dir, "physical-sector-size",
					       f.sector_size);
	if (!is_power_of_2(f.physical_size) ||
	    f.physical_size < f.sector_size || f.physical_size > SZ_1M)
		f.physical_size = f.sector_size;
	f.flush = xenbus_read_unsigned(dir, "feature-flush-cache", 0);
	f.barrier = xenbus_read_unsigned(dir, "feature-barrier", 0);
	f.discard = xenbus_read_unsigned(dir, "feature-discard", 0);
	if (f.discard) {
		f.discard_granularity = xenbus_read_unsigned(dir,
				"discard-granularity", f.physical_size);
		if (!is_power_of_2(f.discard_granularity) ||
		    f.discard_granularity < f.sector_size)
			f.discard_granularity = f.physical_size;
		f.discard_alignment = xenbus_read_unsigned(dir,
				"discard-alignment", 0);
		f.discard_alignment &= f.discard_granularity - 1;
		f.secure = xenbus_read_unsigned(dir, "discard-secure", 0);
	}
	f.persistent = feature_persistent &&
		       xenbus_read_unsigned(dir, "feature-persistent", 0);
	f.staged = f.persistent || !bf->trusted;
	if (f.persistent && xenbus_may_grant(bf)) {
		/* It keeps pages of the pool, each perhaps twice, as well. */
		max = xenbus_read_unsigned(dir, "feature-tenon-revoke", 0);
		max -= min(max, 2u * BLKFRONT_POOL_PAGES);
		f.direct_pages = min(max, READ_ONCE(max_direct_pages));
	}
	max = min3(xenbus_read_unsigned(dir, "feature-max-indirect-segments",
					0),
		   READ_ONCE(max_indirect_segments),
		   (unsigned int)BLKFRONT_MAX_SEGMENTS);
	f.max_segments = max_t(unsigned int, max, BLKIF_MAX_SEGMENTS);
	bf->features = f;
	return 0;
}

/* Sends again what was unanswered when the old back end went. */
static void xenbus_recover(struct blkfront *bf)
{
	struct bio *bio;

	blkfront_disk_update(bf);
	xenbus_unquiesce(bf);
	while ((bio = bio_list_pop(&bf->recovered)))
		submit_bio(bio);
}

static void xenbus_connect(struct blkfront *bf)
{
	struct xenbus_device *dev = bf->dev;
	unsigned int i;
	u64 sectors;
	int err;

	if (bf->connected) {
		if (xenbus_scanf(XBT_NIL, dev->otherend, "sectors", "%llu",
				 &sectors) != 1 ||
		    sectors > (u64)LLONG_MAX >> SECTOR_SHIFT)
			return;
		bf->features.sectors = sectors;
		if (set_capacity_and_notify(bf->disk, sectors))
			dev_info(&dev->dev, "%s: now %llu sectors\n",
				 bf->disk->disk_name, sectors);
		return;
	}
	err = xenbus_gather_features(bf);
	if (err) {
		xenbus_dev_fatal(dev, err, "reading what %s offers",
				 dev->otherend);
		return;
	}
	for (i = 0; i < bf->nr_queues; i++)
		blkfront_queue_enable(&bf->queues[i]);
	bf->connected = true;
	xenbus_switch_state(dev, XenbusStateConnected);
	if (bf->disk) {
		xenbus_recover(bf);
		return;
	}
	err = blkfront_disk_make(bf);
	if (err) {
		xenbus_dev_fatal(dev, err, "making the disk");
		return;
	}
	queue_work(system_long_wq, &bf->add_work);
}

/*
 * Shows the disk.  Not done where xenstore's events are handled: its partitions
 * are read, and a back end that does not answer would stop those events, its own
 * end among them.
 */
static void xenbus_add_disk(struct work_struct *work)
{
	struct blkfront *bf = container_of(work, struct blkfront, add_work);
	struct xenbus_device *dev = bf->dev;
	int err = blkfront_disk_add(bf);

	if (!err) {
		dev_info(&dev->dev,
			 "%s: %u queues of %u requests, %u segments, grants %s\n",
			 bf->disk->disk_name, bf->nr_queues,
			 bf->tag_set.queue_depth, bf->features.max_segments,
			 bf->features.direct_pages ? "direct" :
			 bf->features.staged ? "staged" : "for once");
		return;
	}
	mutex_lock(&bf->lock);
	if (!bf->dead)
		xenbus_dev_fatal(dev, err, "adding the disk");
	mutex_unlock(&bf->lock);
}

/* Is there anything that the back end should answer before we part?  May sleep. */
static bool xenbus_outstanding(struct blkfront *bf)
{
	bool left = false;
	unsigned int i;

	for (i = 0; i < bf->nr_queues; i++)
		left |= blkfront_queue_drain(&bf->queues[i]);
	for (i = 0; !left && i < bf->nr_queues; i++)
		left |= !blkfront_direct_drain(&bf->queues[i]);
	return left;
}

/*
 * Takes everything down but the disk itself.  What the back end does not answer
 * in time fails; its pages are kept from reuse while the back end has them.
 */
static void xenbus_close(struct blkfront *bf)
{
	unsigned long end = jiffies + DRAIN_WAIT;
	struct bio *bio;

	if (bf->dead)
		return;
	WRITE_ONCE(bf->dead, true);
	while (bf->connected && xenbus_outstanding(bf) &&
	       time_before(jiffies, end))
		msleep(20);
	xenbus_stop_queues(bf, NULL);
	while ((bio = bio_list_pop(&bf->recovered)))
		bio_io_error(bio);
	/* Whatever still comes fails at once. */
	xenbus_unquiesce(bf);
	/* Not before: it may wait for writes that are under way. */
	if (bf->disk)
		blk_mark_disk_dead(bf->disk);
}

static void blkfront_backend_changed(struct xenbus_device *dev,
				     enum xenbus_state state)
{
	struct blkfront *bf = dev_get_drvdata(&dev->dev);

	mutex_lock(&bf->lock);
	switch (state) {
	case XenbusStateInitWait:
		if (dev->state == XenbusStateInitialising && !bf->dead)
			xenbus_initialise(bf);
		break;
	case XenbusStateConnected:
		/* Only of rings that we have announced. */
		if ((dev->state == XenbusStateInitialised ||
		     dev->state == XenbusStateConnected) && !bf->dead)
			xenbus_connect(bf);
		break;
	case XenbusStateClosed:
		/* We have closed, too, or are about to start over. */
		if (dev->state == XenbusStateClosed ||
		    dev->state == XenbusStateInitialising)
			break;
		fallthrough;
	case XenbusStateClosing:
		xenbus_close(bf);
		xenbus_frontend_closed(dev);
		break;
	default:
		break;
	}
	mutex_unlock(&bf->lock);
}

static int blkfront_resume(struct xenbus_device *dev)
{
	struct blkfront *bf = dev_get_drvdata(&dev->dev);

	mutex_lock(&bf->lock);
	if (!bf->dead)
		xenbus_stop_queues(bf, &bf->recovered);
	mutex_unlock(&bf->lock);
	return 0;
}

static int blkfront_is_ready(struct xenbus_device *dev)
{
	struct blkfront *bf = dev_get_drvdata(&dev->dev);

	return bf && READ_ONCE(bf->added);
}

static void blkfront_remove(struct xenbus_device *dev)
{
	struct blkfront *bf = dev_get_drvdata(&dev->dev);

	mutex_lock(&bf->lock);
	xenbus_close(bf);
	mutex_unlock(&bf->lock);
	blkfront_shrink_remove(bf);
	blkfront_stats_remove(bf);
	/* What it waits for has failed by now, or fails at once. */
	cancel_work_sync(&bf->add_work);
	blkfront_disk_remove(bf);
	dev_set_drvdata(&dev->dev, NULL);
	kvfree(bf->queues);
	kfree(bf);
}

static int blkfront_probe(struct xenbus_device *dev,
			  const struct xenbus_device_id *id)
{
	struct blkfront *bf;
	unsigned int vdevice;

	if (xenbus_scanf(XBT_NIL, dev->nodename, "virtual-device", "%u",
			 &vdevice) != 1 &&
	    xenbus_scanf(XBT_NIL, dev->nodename, "virtual-device-ext", "%u",
			 &vdevice) != 1) {
		xenbus_dev_fatal(dev, -EINVAL, "reading virtual-device");
		return -EINVAL;
	}
	bf = kzalloc(sizeof(*bf), GFP_KERNEL);
	if (!bf)
		return -ENOMEM;
	bf->dev = dev;
	bf->vdevice = vdevice;
	bf->trusted = trusted &&
		      xenbus_read_unsigned(dev->nodename, "trusted", 1);
	mutex_init(&bf->lock);
	bio_list_init(&bf->recovered);
	INIT_WORK(&bf->add_work, xenbus_add_disk);
	if (blkfront_shrink_add(bf)) {
		kfree(bf);
		return -ENOMEM;
	}
	dev_set_drvdata(&dev->dev, bf);
	blkfront_stats_add(bf);
	/* A driver before us has closed the device: start over. */
	if (dev->state == XenbusStateClosed)
		xenbus_switch_state(dev, XenbusStateInitialising);
	return 0;
}

static const struct xenbus_device_id blkfront_ids[] = {
	{ "vbd" },
	{ "" }
};

/* The stock driver's name is "vbd"; ours must not be the same. */
static struct xenbus_driver blkfront_driver = {
	.name = "tenon-blkfront",
	.ids = blkfront_ids,
	.probe = blkfront_probe,
	.remove = blkfront_remove,
	.resume = blkfront_resume,
	.otherend_changed = blkfront_backend_changed,
	.is_ready = blkfront_is_ready,
};

static int __init blkfront_init(void)
{
	int err;

	if (!xen_domain() || !xen_has_pv_disk_devices())
		return -ENODEV;
	err = blkfront_direct_setup();
	if (err)
		return err;
	err = blkfront_disk_setup();
	if (err)
		goto no_disk;
	blkfront_stats_setup();
	err = xenbus_register_frontend(&blkfront_driver);
	if (!err)
		return 0;
	blkfront_stats_teardown();
	blkfront_disk_teardown();
no_disk:
	blkfront_direct_teardown();
	return err;
}
module_init(blkfront_init);

static void __exit blkfront_exit(void)
{
	xenbus_unregister_driver(&blkfront_driver);
	blkfront_stats_teardown();
	blkfront_disk_teardown();
	blkfront_direct_teardown();
}
module_exit(blkfront_exit);

MODULE_DESCRIPTION("Tenon: block front end");
MODULE_LICENSE("Dual MIT/GPL");
MODULE_ALIAS("xen:vbd");
MODULE_ALIAS("xenblk");
MODULE_ALIAS_BLOCKDEV_MAJOR(202);
