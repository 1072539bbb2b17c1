/* SPDX-License-Identifier: MIT */
/* memmap.c - the map of machine memory */
#include "boot.h"

struct memmap firmware_map;

bool memmap_add(struct memmap *m, u64 start, u64 end, u32 type)
{
	unsigned int i;

	if (type == MEM_RAM) {
		start = ALIGN_UP(start, PAGE_SIZE);
		end = ALIGN_DOWN(end, PAGE_SIZE);
	}
	if (start >= end || m->nr == MAX_E820)
		return false;
	for (i = m->nr; i && m->range[i - 1].start > start; i--)
		m->range[i] = m->range[i - 1];
	m->range[i] = (struct memmap_range){ start, end, type };
	m->nr++;
	return true;
}

bool memmap_retype(struct memmap *m, u64 start, u64 end, u32 type)
{
	struct memmap old = *m;
	bool ok = true;

	m->nr = 0;
	for (unsigned int i = 0; i < old.nr; i++) {
		struct memmap_range *r = &old.range[i];
		u64 s = max(r->start, start), e = min(r->end, end);

		if (r->type != MEM_RAM || s >= e) {
			ok &= memmap_add(m, r->start, r->end, r->type);
			continue;
		}
		if (r->start < s)
			ok &= memmap_add(m, r->start, s, r->type);
		ok &= memmap_add(m, s, e, type);
		if (e < r->end)
			ok &= memmap_add(m, e, r->end, r->type);
	}
	return ok;
}

u64 memmap_ram_bytes(const struct memmap *m)
{
	u64 bytes = 0;

	for (unsigned int i = 0; i < m->nr; i++)
		if (m->range[i].type == MEM_RAM)
			bytes += m->range[i].end - m->range[i].start;
	return bytes;
}

u64 memmap_split(const struct memmap *m, u64 bytes)
{
	u64 end = 0;

	for (unsigned int i = 0; i < m->nr; i++) {
		const struct memmap_range *r = &m->range[i];

		if (r->type != MEM_RAM)
			continue;
		if (bytes <= r->end - r->start)
			return ALIGN_DOWN(r->start + bytes, 2UL << 20);
		bytes -= r->end - r->start;
		end = r->end;
	}
	return ALIGN_DOWN(end, 2UL << 20);
}

bool memmap_is_ram(const struct memmap *m, u64 start, u64 end)
{
	for (unsigned int i = 0; i < m->nr; i++)
		if (m->range[i].type == MEM_RAM && start >= m->range[i].start &&
		    end <= m->range[i].end)
			return true;
	return false;
}
