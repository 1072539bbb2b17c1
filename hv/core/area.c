/* SPDX-License-Identifier: MIT */
/* area.c - see area.h; what finds an area is x86/walk.c */
#include "area.h"

static void area_copy(const struct guest_area *a, size_t offset, void *buf,
		      size_t len, bool write)
{
	offset += a->offset;
	while (len) {
		char *p = (char *)page_to_virt(a->page[offset / PAGE_SIZE]) +
			  offset % PAGE_SIZE;
		size_t n = min(len, PAGE_SIZE - offset % PAGE_SIZE);

		if (write) {
			memcpy(p, buf, n);
			page_mark_written(a->page[offset / PAGE_SIZE]);
		} else {
			memcpy(buf, p, n);
		}
		buf = (char *)buf + n;
		offset += n;
		len -= n;
	}
}

void guest_area_read(const struct guest_area *a, void *to, size_t len)
{
	area_copy(a, 0, to, len, false);
}

void guest_area_write(const struct guest_area *a, size_t offset,
		      const void *from, size_t len)
{
	area_copy(a, offset, (void *)from, len, true);
}

void guest_area_put(struct guest_area *a)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(a->page); i++)
		if (a->page[i])
			page_put(a->page[i]);
	a->page[0] = NULL;
	a->page[1] = NULL;
}
