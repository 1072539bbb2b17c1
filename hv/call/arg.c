/* SPDX-License-Identifier: MIT */
/* arg.c - see arg.h */
#include "arg.h"

#define STRUCT_MAX 64

/*
 * Copy each member between the layouts; with neither, only measure.
 * Return: the size of the 32-bit layout.
 */
static size_t convert(u8 *wide, u8 *narrow, const char *members, bool widen)
{
	size_t w = 0, n = 0;

	for (; *members; members++) {
		size_t ws = *members == 'h' ? 2 : *members == 'w' ? 4 : 8;
		size_t ns = *members == 'l' ? 4 : ws;

		w = ALIGN_UP(w, ws);
		n = ALIGN_UP(n, min(ns, (size_t)4));
		if (*members == '.')
			continue;
		if (wide && widen) {
			memset(wide + w, 0, ws);
			memcpy(wide + w, narrow + n, ns);
		} else if (wide) {
			memcpy(narrow + n, wide + w, ns);
		}
		w += ws;
		n += ns;
	}
	return ALIGN_UP(n, 4);
}

size_t arg_size(size_t size, const char *members)
{
	return members && current->call32 ?
		       convert(NULL, NULL, members, false) : size;
}

/* From the last on: each grows to where those behind it were. */
void arg_widen(void *args, size_t size, const char *members, unsigned int nr)
{
	size_t narrow_size = arg_size(size, members);
	u8 narrow[STRUCT_MAX];

	if (!members || !current->call32)
		return;
	BUG_ON(narrow_size > sizeof(narrow));
	while (nr--) {
		memcpy(narrow, (u8 *)args + nr * narrow_size, narrow_size);
		convert((u8 *)args + nr * size, narrow, members, true);
	}
}

void arg_narrow(void *args, size_t size, const char *members, unsigned int nr)
{
	size_t narrow_size = arg_size(size, members);
	u8 narrow[STRUCT_MAX] = { 0 };

	if (!members || !current->call32)
		return;
	BUG_ON(narrow_size > sizeof(narrow));
	for (unsigned int i = 0; i < nr; i++) {
		convert((u8 *)args + i * size, narrow, members, false);
		memcpy((u8 *)args + i * narrow_size, narrow, narrow_size);
	}
}

int arg_read(void *to, u64 gva, size_t size, const char *members,
	     unsigned int nr)
{
	int err = guest_read(to, gva, nr * arg_size(size, members));

	if (!err)
		arg_widen(to, size, members, nr);
	return err;
}

int arg_write(u64 gva, void *arg, size_t size, const char *members)
{
	arg_narrow(arg, size, members, 1);
	return guest_write(gva, arg, arg_size(size, members));
}
