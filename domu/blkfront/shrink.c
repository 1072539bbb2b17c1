// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * shrink.c - gives granted pages back when memory is short
 *
 * A page is free only when the back end has answered, so what we report as freed
 * is what has been asked for.  The lock is not waited for: whoever holds it may
 * be waiting for memory.
 */
#include <linux/version.h>

#include "blkfront.h"

static unsigned long shrink_pages(struct blkfront *bf, unsigned long revoke)
{
	struct blkfront_direct_stats st;
	unsigned long n, sum = 0;
	unsigned int i;

	if (!mutex_trylock(&bf->lock))
		return 0;
	for (i = 0; i < bf->nr_queues; i++) {
		if (!blkfront_direct_show(&bf->queues[i], &st))
			continue;
		n = min_t(unsigned long, st.pages, revoke - sum);
		if (!revoke)
			n = st.pages;
		else if (n)
			blkfront_direct_shrink(&bf->queues[i], n);
		sum += n;
	}
	mutex_unlock(&bf->lock);
	return sum;
}

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
static struct blkfront *shrink_device(struct shrinker *s)
{
	return s->private_data;
}
#else
/**
 * struct shrink_device - a shrinker and its device
 * @shrinker: registered
 * @bf: the device
 */
struct shrink_device {
	struct shrinker shrinker;
	struct blkfront *bf;
};

static struct blkfront *shrink_device(struct shrinker *s)
{
	return container_of(s, struct shrink_device, shrinker)->bf;
}
#endif

static unsigned long shrink_count(struct shrinker *s,
				  struct shrink_control *sc)
{
	return shrink_pages(shrink_device(s), 0);
}

static unsigned long shrink_scan(struct shrinker *s, struct shrink_control *sc)
{
	return shrink_pages(shrink_device(s), sc->nr_to_scan) ?: SHRINK_STOP;
}

/**
 * blkfront_shrink_add() - begin to offer a device's granted pages
 * @bf: device, about to get its queues
 *
 * Return: 0 or -ENOMEM.
 */
int blkfront_shrink_add(struct blkfront *bf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	struct shrinker *s = shrinker_alloc(0, "tenon-blkfront");

	if (!s)
		return -ENOMEM;
	s->private_data = bf;
	s->count_objects = shrink_count;
	s->scan_objects = shrink_scan;
	s->seeks = DEFAULT_SEEKS;
	bf->shrinker = s;
	shrinker_register(s);
#else
	struct shrink_device *s = kzalloc(sizeof(*s), GFP_KERNEL);

	if (!s)
		return -ENOMEM;
	s->bf = bf;
	s->shrinker.count_objects = shrink_count;
	s->shrinker.scan_objects = shrink_scan;
	s->shrinker.seeks = DEFAULT_SEEKS;
	bf->shrinker = &s->shrinker;
	if (register_shrinker(bf->shrinker, "tenon-blkfront")) {
		kfree(s);
		return -ENOMEM;
	}
#endif
	return 0;
}

/**
 * blkfront_shrink_remove() - no longer
 * @bf: device, its queues stopped
 */
void blkfront_shrink_remove(struct blkfront *bf)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	shrinker_free(bf->shrinker);
#else
	unregister_shrinker(bf->shrinker);
	kfree(container_of(bf->shrinker, struct shrink_device, shrinker));
#endif
}
