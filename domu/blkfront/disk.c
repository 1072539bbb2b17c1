// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * disk.c - the disk as Linux sees it: its name, its numbers, its limits
 *
 * Names and numbers are those of the stock front end, so that root=/dev/xvda
 * and /etc/fstab mean the same disk.
 */
#include <linux/major.h>
#include <linux/module.h>
#include <linux/version.h>
#include <xen/page.h>

#include "blkfront.h"

static unsigned int poll_queues = 1;
module_param(poll_queues, uint, 0444);
MODULE_PARM_DESC(poll_queues,
		 "Queues for requests whose sender polls, at most one per ring (0: none)");

#define DISK_MAJOR 202
#define DISK_MINORS 16
#define DISK_MINORS_EXTENDED 256

/* virtual-device: either major << 8 | minor, or, with this bit, disk << 8. */
#define VDEVICE_EXTENDED BIT(28)
#define VDEVICE_MAJOR(v) ((v) >> 8 & 0xff)
#define VDEVICE_MINOR(v) ((v) & 0xff)

static const struct block_device_operations disk_ops = {
	.owner = THIS_MODULE,
};

/**
 * struct disk_number - where a disk goes
 * @index: which disk: 0 is xvda
 * @minor: its first minor
 * @minors: how many minors it has; 1 if it is a partition
 * @partition: its number if it is one, else 0
 */
struct disk_number {
	unsigned int index;
	unsigned int minor;
	unsigned int minors;
	unsigned int partition;
};

static int disk_decode(unsigned int v, struct disk_number *nr)
{
	unsigned int per_disk = DISK_MINORS;
	unsigned int minor;

	if (v >> 29)
		return -EINVAL;
	if (v & VDEVICE_EXTENDED) {
		minor = v & (VDEVICE_EXTENDED - 1);
		per_disk = DISK_MINORS_EXTENDED;
	} else {
		minor = VDEVICE_MINOR(v);
		switch (VDEVICE_MAJOR(v)) {
		case DISK_MAJOR:
		case SCSI_DISK0_MAJOR:
			break;
		case IDE0_MAJOR:
			minor = minor / 64 * DISK_MINORS + minor % 64;
			break;
		case IDE1_MAJOR:
			minor = (minor / 64 + 2) * DISK_MINORS + minor % 64;
			break;
		default:
			return -EINVAL;
		}
	}
	nr->minor = minor;
	nr->index = minor / per_disk;
	nr->partition = minor % per_disk;
	nr->minors = nr->partition ? 1 : per_disk;
	return minor + nr->minors > 1u << MINORBITS ? -EINVAL : 0;
}

/* xvda ... xvdz, xvdaa ..., as spreadsheets count columns */
static void disk_name(char *name, size_t size, const struct disk_number *nr)
{
	char letters[8] = "";
	char *p = letters + sizeof(letters) - 1;
	unsigned int i = nr->index + 1;

	for (; i; i = (i - 1) / 26)
		*--p = 'a' + (i - 1) % 26;
	if (nr->partition)
		snprintf(name, size, "xvd%s%u", p, nr->partition);
	else
		snprintf(name, size, "xvd%s", p);
}

/* An indirect request cannot be a barrier, which is how FUA is sent. */
static bool disk_fua(const struct blkfront_features *f)
{
	return f->barrier && f->max_segments <= BLKIF_MAX_SEGMENTS;
}

/* A segment has whole blocks, so a page boundary must not cut one. */
static unsigned int disk_dma_mask(const struct blkfront_features *f)
{
	return (f->staged ? SECTOR_SIZE : f->sector_size) - 1;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 11, 0)
static void disk_limits(const struct blkfront *bf, struct queue_limits *lim)
{
	const struct blkfront_features *f = &bf->features;

	lim->logical_block_size = f->sector_size;
	lim->physical_block_size = f->physical_size;
	lim->max_hw_sectors = f->max_segments * BLKIF_SECTORS_PER_PAGE;
	lim->max_segments = f->max_segments;
	lim->max_segment_size = XEN_PAGE_SIZE;
	lim->seg_boundary_mask = XEN_PAGE_SIZE - 1;
	lim->dma_alignment = disk_dma_mask(f);
	lim->max_hw_discard_sectors = f->discard ? UINT_MAX : 0;
	lim->discard_granularity = f->discard_granularity;
	lim->discard_alignment = f->discard_alignment;
	lim->max_secure_erase_sectors = f->secure ? UINT_MAX : 0;
	lim->features &= ~(BLK_FEAT_WRITE_CACHE | BLK_FEAT_FUA);
	if (f->flush || f->barrier)
		lim->features |= BLK_FEAT_WRITE_CACHE |
				 (disk_fua(f) ? BLK_FEAT_FUA : 0);
}

static struct gendisk *disk_alloc(struct blkfront *bf)
{
	struct queue_limits lim = {};

	disk_limits(bf, &lim);
	return blk_mq_alloc_disk(&bf->tag_set, &lim, bf);
}

static void disk_apply_limits(struct blkfront *bf)
{
	struct queue_limits lim = queue_limits_start_update(bf->disk->queue);

	disk_limits(bf, &lim);
	queue_limits_commit_update(bf->disk->queue, &lim);
}
#else
static void disk_apply_limits(struct blkfront *bf)
{
	const struct blkfront_features *f = &bf->features;
	struct request_queue *rq = bf->disk->queue;

	blk_queue_logical_block_size(rq, f->sector_size);
	blk_queue_physical_block_size(rq, f->physical_size);
	blk_queue_max_hw_sectors(rq, f->max_segments * BLKIF_SECTORS_PER_PAGE);
	blk_queue_max_segments(rq, f->max_segments);
	blk_queue_max_segment_size(rq, XEN_PAGE_SIZE);
	blk_queue_segment_boundary(rq, XEN_PAGE_SIZE - 1);
	blk_queue_dma_alignment(rq, disk_dma_mask(f));
	blk_queue_max_discard_sectors(rq, f->discard ? UINT_MAX : 0);
	rq->limits.discard_granularity = f->discard_granularity;
	rq->limits.discard_alignment = f->discard_alignment;
	blk_queue_max_secure_erase_sectors(rq, f->secure ? UINT_MAX : 0);
	blk_queue_write_cache(rq, f->flush || f->barrier, disk_fua(f));
}

static struct gendisk *disk_alloc(struct blkfront *bf)
{
	return blk_mq_alloc_disk(&bf->tag_set, bf);
}
#endif

/**
 * blkfront_disk_update() - bring limits and size up to date
 * @bf: device, its disk added; no request is under way if limits change
 */
void blkfront_disk_update(struct blkfront *bf)
{
	disk_apply_limits(bf);
	set_capacity_and_notify(bf->disk, bf->features.sectors);
	set_disk_ro(bf->disk, bf->features.info & VDISK_READONLY);
}

/**
 * blkfront_disk_map() - say which CPU uses which hardware queue
 * @set: of a device; called once, while its disk is made
 *
 * There is a queue for each ring, then those that are polled, none for reads alone.
 */
void blkfront_disk_map(struct blk_mq_tag_set *set)
{
	struct blkfront *bf = set->driver_data;
	unsigned int polled = 0;
	unsigned int i;

	if (set->nr_maps > HCTX_TYPE_POLL) {
		polled = set->nr_hw_queues - bf->nr_queues;
		set->map[HCTX_TYPE_READ].nr_queues = 0;
		set->map[HCTX_TYPE_POLL].nr_queues = polled;
		set->map[HCTX_TYPE_POLL].queue_offset = bf->nr_queues;
	}
	set->map[HCTX_TYPE_DEFAULT].nr_queues = set->nr_hw_queues - polled;
	for (i = 0; i < set->nr_maps; i++)
		if (set->map[i].nr_queues)
			blk_mq_map_queues(&set->map[i]);
}

/**
 * blkfront_disk_make() - make the disk
 * @bf: device; connected, its queues enabled
 *
 * Return: 0 or a negative errno.
 */
int blkfront_disk_make(struct blkfront *bf)
{
	struct blk_mq_tag_set *set = &bf->tag_set;
	struct disk_number nr;
	struct gendisk *disk;
	unsigned int polled;
	int err;

	err = disk_decode(bf->vdevice, &nr);
	if (err)
		return err;
	set->ops = &blkfront_mq_ops;
	polled = min(poll_queues, bf->nr_queues);
	set->nr_hw_queues = bf->nr_queues + polled;
	set->nr_maps = polled ? HCTX_MAX_TYPES : 1;
	set->driver_data = bf;
	set->queue_depth = bf->queues[0].nr_slots;
	set->numa_node = NUMA_NO_NODE;
	/* To order requests is for who has the device, and costs a thread here. */
	set->flags = BLK_MQ_F_SHOULD_MERGE | BLK_MQ_F_NO_SCHED_BY_DEFAULT;
	set->cmd_size = sizeof(struct blkfront_cmd);
	err = blk_mq_alloc_tag_set(set);
	if (err)
		return err;
	disk = disk_alloc(bf);
	if (IS_ERR(disk)) {
		blk_mq_free_tag_set(set);
		return PTR_ERR(disk);
	}
	disk->major = DISK_MAJOR;
	disk->first_minor = nr.minor;
	disk->minors = nr.minors;
	disk->fops = &disk_ops;
	disk_name(disk->disk_name, sizeof(disk->disk_name), &nr);
	if (bf->features.info & (VDISK_CDROM | VDISK_REMOVABLE))
		disk->flags |= GENHD_FL_REMOVABLE;
	bf->disk = disk;
	blkfront_disk_update(bf);
	return 0;
}

/**
 * blkfront_disk_add() - show the disk to the world
 * @bf: device, its disk made
 *
 * Reads the partition table, and so may take as long as the back end likes.
 *
 * Return: 0 or a negative errno.
 */
int blkfront_disk_add(struct blkfront *bf)
{
	int err = device_add_disk(&bf->dev->dev, bf->disk, NULL);

	WRITE_ONCE(bf->added, !err);
	return err;
}

/**
 * blkfront_disk_remove() - take the disk away
 * @bf: device, dead, its queues stopped
 */
void blkfront_disk_remove(struct blkfront *bf)
{
	if (!bf->disk)
		return;
	if (bf->added)
		del_gendisk(bf->disk);
	put_disk(bf->disk);
	blk_mq_free_tag_set(&bf->tag_set);
	bf->disk = NULL;
}

/* Claims the major; fails if the stock front end is there. */
int blkfront_disk_setup(void)
{
	int err = register_blkdev(DISK_MAJOR, "xvd");

	if (err)
		pr_err("tenon-blkfront: block major %d is taken (%d); is xen-blkfront loaded? Unload it first\n",
		       DISK_MAJOR, err);
	return err;
}

void blkfront_disk_teardown(void)
{
	unregister_blkdev(DISK_MAJOR, "xvd");
}
