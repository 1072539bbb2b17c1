// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * vbd.c - the block device behind a virtual one
 */
#include <linux/blkdev.h>
#include <linux/version.h>

#include "blkback.h"

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 9, 0)
static int vbd_get(struct blkback_vbd *vbd)
{
	blk_mode_t mode = BLK_OPEN_READ | (vbd->readonly ? 0 : BLK_OPEN_WRITE);
	struct file *file = bdev_file_open_by_dev(vbd->devt, mode, NULL, NULL);

	if (IS_ERR(file))
		return PTR_ERR(file);
	vbd->file = file;
	vbd->bdev = file_bdev(file);
	return 0;
}

static void vbd_put(struct blkback_vbd *vbd)
{
	fput(vbd->file);
}
#else
static int vbd_get(struct blkback_vbd *vbd)
{
	struct block_device *bdev;

	vbd->mode = (__force unsigned int)(FMODE_READ |
					   (vbd->readonly ? 0 : FMODE_WRITE));
	bdev = blkdev_get_by_dev(vbd->devt, (__force fmode_t)vbd->mode, NULL);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	vbd->bdev = bdev;
	return 0;
}

static void vbd_put(struct blkback_vbd *vbd)
{
	blkdev_put(vbd->bdev, (__force fmode_t)vbd->mode);
}
#endif

/**
 * blkback_vbd_open() - open the device the toolstack has named
 * @be: the virtual device; vbd.readonly and the like are set
 * @major: device number
 * @minor: device number
 *
 * Return: 0 or a negative errno.
 */
int blkback_vbd_open(struct blkback *be, unsigned int major,
		     unsigned int minor)
{
	struct blkback_vbd *vbd = &be->vbd;
	int err;

	vbd->devt = MKDEV(major, minor);
	if (MAJOR(vbd->devt) != major || MINOR(vbd->devt) != minor)
		return -ENODEV;
	err = vbd_get(vbd);
	if (err)
		return err;
	if (bdev_logical_block_size(vbd->bdev) > XEN_PAGE_SIZE) {
		blkback_vbd_close(be);
		return -EINVAL;
	}
	if (bdev_read_only(vbd->bdev))
		vbd->readonly = true;
	return 0;
}

/**
 * blkback_vbd_close() - close the device
 * @be: the virtual device; nothing is in flight
 */
void blkback_vbd_close(struct blkback *be)
{
	if (!be->vbd.bdev)
		return;
	vbd_put(&be->vbd);
	be->vbd.bdev = NULL;
}

/**
 * blkback_vbd_limits() - set what requests are checked against
 * @be: the virtual device, not connected
 */
void blkback_vbd_limits(struct blkback *be)
{
	const struct blkback_vbd *vbd = &be->vbd;
	bool discard = vbd->discard_allowed && !vbd->readonly;

	be->limits = (struct parse_limits) {
		.sectors = bdev_nr_sectors(vbd->bdev),
		.block_sectors = bdev_logical_block_size(vbd->bdev) >>
				 SECTOR_SHIFT,
		.readonly = vbd->readonly,
		.discard = discard && bdev_max_discard_sectors(vbd->bdev),
		.secure = discard && bdev_max_secure_erase_sectors(vbd->bdev),
	};
}

static unsigned int vbd_info(const struct blkback_vbd *vbd)
{
	return (vbd->cdrom ? VDISK_CDROM : 0) |
	       (vbd->bdev->bd_disk->flags & GENHD_FL_REMOVABLE ?
			VDISK_REMOVABLE : 0) |
	       (vbd->readonly ? VDISK_READONLY : 0);
}

/**
 * blkback_vbd_advertise() - write what the front end needs to know
 * @be: the virtual device, its limits set
 * @xbt: transaction to write in
 *
 * Return: 0 or a negative errno.
 */
int blkback_vbd_advertise(struct blkback *be, struct xenbus_transaction xbt)
{
	const struct blkback_vbd *vbd = &be->vbd;
	const struct parse_limits *lim = &be->limits;
	struct block_device *bdev = vbd->bdev;
	const struct {
		const char *key;
		u64 value;
		bool absent;
	} keys[] = {
		{ "feature-flush-cache", !vbd->readonly },
		{ "feature-barrier", !vbd->readonly },
		{ "feature-persistent", 1 },
		{ "feature-discard", 1, !lim->discard },
		{ "discard-granularity", bdev_discard_granularity(bdev),
		  !lim->discard },
		{ "discard-alignment", bdev_discard_alignment(bdev),
		  !lim->discard },
		{ "discard-secure", lim->secure, !lim->discard },
		{ "sectors", lim->sectors },
		{ "info", vbd_info(vbd) },
		{ "sector-size", bdev_logical_block_size(bdev) },
		{ "physical-sector-size", bdev_physical_block_size(bdev) },
	};
	unsigned int i;
	int err;

	for (i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].absent)
			continue;
		err = xenbus_printf(xbt, be->dev->nodename, keys[i].key, "%llu",
				    keys[i].value);
		if (err)
			return err;
	}
	return 0;
}
