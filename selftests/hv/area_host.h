/* SPDX-License-Identifier: MIT */
/* area_host.h - arguments that are held during a call: areas of the arena */
#ifndef AREA_HOST_H
#define AREA_HOST_H

#include "toolstack_host.h"

int guest_area_get(struct guest_area *a, u64 gva, size_t len)
{
	bool crosses = gva % PAGE_SIZE + len > PAGE_SIZE;

	if (!arena_has(gva, len))
		return -EFAULT;
	a->offset = gva % PAGE_SIZE;
	a->page[0] = mfn_to_page(gva >> PAGE_SHIFT);
	a->page[1] = crosses ? a->page[0] + 1 : NULL;
	page_get_any(a->page[0]);
	if (crosses)
		page_get_any(a->page[1]);
	return 0;
}

/* False if a call has returned with an area still held. */
static inline bool arena_is_free(void)
{
	for (u64 at = arena_gva(0); at < arena_gva(ARENA_SIZE); at += PAGE_SIZE)
		if (mfn_to_page(at >> PAGE_SHIFT)->refs != 1)
			return false;
	return true;
}

#endif /* AREA_HOST_H */
