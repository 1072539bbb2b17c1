/* SPDX-License-Identifier: MIT */
/*
 * vsnprintf.c - formatted output
 *
 * Only what the hypervisor prints: flags 0 and #, width of numbers, lengths l and
 * ll, conversions c d u x s %.
 */
#include "lib.h"

struct out {
	char *buf;
	size_t size;
	size_t len; /* what it would be without a limit */
};

struct spec {
	bool zero, negative, prefix;
	int width;
};

static void out_char(struct out *o, char c)
{
	if (o->len + 1 < o->size)
		o->buf[o->len] = c;
	o->len++;
}

static void out_pad(struct out *o, int n, char c)
{
	while (n-- > 0)
		out_char(o, c);
}

static void out_string(struct out *o, const char *s)
{
	while (*s)
		out_char(o, *s++);
}

static void out_number(struct out *o, u64 v, unsigned int base,
		       const struct spec *sp)
{
	char tmp[24];
	int n = 0;
	int len;

	do {
		tmp[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	len = n + sp->negative + (sp->prefix && base == 16 ? 2 : 0);
	if (!sp->zero)
		out_pad(o, sp->width - len, ' ');
	if (sp->negative)
		out_char(o, '-');
	if (sp->prefix && base == 16)
		out_string(o, "0x");
	if (sp->zero)
		out_pad(o, sp->width - len, '0');
	while (n)
		out_char(o, tmp[--n]);
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		struct spec sp = { 0 };
		bool wide = false;
		const char *str;
		u64 v;

		if (*fmt != '%') {
			out_char(&o, *fmt);
			continue;
		}
		for (fmt++; *fmt == '0' || *fmt == '#'; fmt++) {
			sp.zero |= *fmt == '0';
			sp.prefix |= *fmt == '#';
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			sp.width = sp.width * 10 + *fmt - '0';
		for (; *fmt == 'l'; fmt++)
			wide = true;
		switch (*fmt) {
		case 'c':
			out_char(&o, va_arg(ap, int));
			break;
		case 's':
			str = va_arg(ap, const char *);
			out_string(&o, str ? str : "(null)");
			break;
		case 'd': {
			s64 s = wide ? va_arg(ap, s64) : va_arg(ap, int);

			sp.negative = s < 0;
			out_number(&o, s < 0 ? -(u64)s : (u64)s, 10, &sp);
			break;
		}
		case 'u':
		case 'x':
			v = wide ? va_arg(ap, u64) : va_arg(ap, unsigned int);
			out_number(&o, v, *fmt == 'u' ? 10 : 16, &sp);
			break;
		case '%':
			out_char(&o, '%');
			break;
		default:
			/* Unknown: show it, so that it is noticed. */
			out_char(&o, '%');
			if (*fmt)
				out_char(&o, *fmt);
			break;
		}
		if (!*fmt)
			break;
	}
	if (size)
		buf[min(o.len, size - 1)] = 0;
	return o.len;
}

int snprintf(char *buf, size_t size, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, size, fmt, ap);
	va_end(ap);
	return n;
}
