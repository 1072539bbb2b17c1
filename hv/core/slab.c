/* SPDX-License-Identifier: MIT */
/*
 * slab.c - small objects of the hypervisor
 *
 * Objects of a power-of-two size are cut from frames of their own; a frame whose
 * last object is freed goes back to the page allocator, so that a domain's end
 * returns every frame its start took.  Larger ones are whole blocks of frames.
 * In the struct page of such a frame: order = log2 of the object size (or the
 * block's order), ident_maps = objects in use, spare = address of the first
 * free object, next/prev = list of frames of that size with free objects.
 */
#include "page.h"

#define SLAB_MIN 5 /* 32 bytes */
#define SLAB_MAX 11 /* 2 KiB */

static struct spinlock slab_lock;
static u32 partial[SLAB_MAX + 1] = { [0 ... SLAB_MAX] = PAGE_NIL };

static struct page *slab_grow(unsigned int class)
{
	void *frame = page_alloc_virt();
	struct page *pg;
	u64 *free = NULL;

	if (!frame)
		return NULL;
	for (size_t off = 0; off < PAGE_SIZE; off += 1UL << class) {
		u64 *obj = (u64 *)((char *)frame + off);

		*obj = (u64)free;
		free = obj;
	}
	pg = mfn_to_page(virt_to_mfn(frame));
	pg->flags = PAGE_SLAB;
	pg->order = class;
	pg->ident_maps = 0;
	pg->spare = (u64)free;
	page_link(&partial[class], pg);
	return pg;
}

void *kzalloc(size_t size)
{
	unsigned int class = SLAB_MIN;
	struct page *pg;
	u64 *obj;

	while (class <= SLAB_MAX && size > 1UL << class)
		class++;
	if (class > SLAB_MAX) {
		unsigned int order = 0;

		while (order < PAGE_MAX_ORDER && size > PAGE_SIZE << order)
			order++;
		if (size > PAGE_SIZE << order)
			return NULL;
		obj = page_alloc_order_virt(order);
		if (obj)
			mfn_to_page(virt_to_mfn(obj))->order = order;
		return obj;
	}

	spin_lock(&slab_lock);
	pg = partial[class] == PAGE_NIL ? slab_grow(class) :
					  mfn_to_page(partial[class]);
	if (!pg) {
		spin_unlock(&slab_lock);
		return NULL;
	}
	obj = (u64 *)pg->spare;
	pg->spare = *obj;
	pg->ident_maps++;
	if (!pg->spare)
		page_unlink(&partial[class], pg);
	spin_unlock(&slab_lock);
	memset(obj, 0, 1UL << class);
	return obj;
}

void kfree(void *p)
{
	struct page *pg;
	unsigned int class;

	if (!p)
		return;
	pg = mfn_to_page(virt_to_mfn(p));
	class = pg->order;
	if (!(pg->flags & PAGE_SLAB)) {
		pg->order = 0;
		page_free_virt(p, class);
		return;
	}
	spin_lock(&slab_lock);
	if (!pg->spare)
		page_link(&partial[class], pg);
	*(u64 *)p = pg->spare;
	pg->spare = (u64)p;
	if (--pg->ident_maps) {
		spin_unlock(&slab_lock);
		return;
	}
	page_unlink(&partial[class], pg);
	pg->flags = 0;
	pg->order = 0;
	pg->spare = 0;
	spin_unlock(&slab_lock);
	page_free_virt((void *)((u64)p & PAGE_MASK), 0);
}
