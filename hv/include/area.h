/* SPDX-License-Identifier: MIT */
/*
 * area.h - memory of a guest, found once and used several times
 *
 * Finding what a virtual address means takes long, and the next time it may
 * mean something else.  guest_area_get() finds it and takes a reference on its
 * frames; what is there stays, whatever the guest does to its maps, until
 * guest_area_put().  Frames of other domains are refused: they may be taken
 * back meanwhile.
 */
#ifndef HV_AREA_H
#define HV_AREA_H

#include "page.h"

/**
 * struct guest_area - at most a page of guest memory
 * @page: its frames, the second only if it crosses into another page; all NULL
 *	if there is no area
 * @offset: in the first
 */
struct guest_area {
	struct page *page[2];
	size_t offset;
};

void guest_area_read(const struct guest_area *a, void *to, size_t len);
void guest_area_write(const struct guest_area *a, size_t offset,
		      const void *from, size_t len);
void guest_area_put(struct guest_area *a);

#endif /* HV_AREA_H */
