/* SPDX-License-Identifier: MIT */
/*
 * vsnprintf.c - formatted output
 *
 * Flags 0, - and #, width (also *), precision for %s, length h, l, ll and z,
 * conversions c d i u x X p s %.
 */
#include "lib.h"

struct out {
	char *buf;
	size_t size;
	size_t len; /* what it would be without a limit */
};

struct spec {
	bool left, zero, negative, prefix;
	int width, precision;
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

static void out_string(struct out *o, const char *s, const struct spec *sp)
{
	int len = 0;

	if (!s)
		s = "(null)";
	while (s[len] && (sp->precision < 0 || len < sp->precision))
		len++;
	if (!sp->left)
		out_pad(o, sp->width - len, ' ');
	for (int i = 0; i < len; i++)
		out_char(o, s[i]);
	if (sp->left)
		out_pad(o, sp->width - len, ' ');
}

static void out_number(struct out *o, u64 v, unsigned int base, bool upper,
		       const struct spec *sp)
{
	const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
	char tmp[24];
	int n = 0;
	int len;

	do {
		tmp[n++] = digits[v % base];
		v /= base;
	} while (v);
	len = n + sp->negative + (sp->prefix && base == 16 ? 2 : 0);
	if (!sp->left && !sp->zero)
		out_pad(o, sp->width - len, ' ');
	if (sp->negative)
		out_char(o, '-');
	if (sp->prefix && base == 16) {
		out_char(o, '0');
		out_char(o, 'x');
	}
	if (!sp->left && sp->zero)
		out_pad(o, sp->width - len, '0');
	while (n)
		out_char(o, tmp[--n]);
	if (sp->left)
		out_pad(o, sp->width - len, ' ');
}

int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap)
{
	struct out o = { buf, size, 0 };

	for (; *fmt; fmt++) {
		struct spec sp = { .precision = -1 };
		bool wide = false;
		u64 v;

		if (*fmt != '%') {
			out_char(&o, *fmt);
			continue;
		}
		for (fmt++; *fmt == '0' || *fmt == '-' || *fmt == '#'; fmt++) {
			sp.zero |= *fmt == '0';
			sp.left |= *fmt == '-';
			sp.prefix |= *fmt == '#';
		}
		if (*fmt == '*') {
			sp.width = va_arg(ap, int);
			fmt++;
		}
		for (; *fmt >= '0' && *fmt <= '9'; fmt++)
			sp.width = sp.width * 10 + *fmt - '0';
		if (*fmt == '.') {
			sp.precision = 0;
			if (*++fmt == '*') {
				sp.precision = va_arg(ap, int);
				fmt++;
			}
			for (; *fmt >= '0' && *fmt <= '9'; fmt++)
				sp.precision = sp.precision * 10 + *fmt - '0';
		}
		for (; *fmt == 'l' || *fmt == 'z' || *fmt == 'h'; fmt++)
			wide |= *fmt != 'h';
		switch (*fmt) {
		case 'c':
			out_char(&o, va_arg(ap, int));
			break;
		case 's':
			out_string(&o, va_arg(ap, const char *), &sp);
			break;
		case 'd':
		case 'i': {
			s64 s = wide ? va_arg(ap, s64) : va_arg(ap, int);

			sp.negative = s < 0;
			out_number(&o, s < 0 ? -(u64)s : (u64)s, 10, false,
				   &sp);
			break;
		}
		case 'p':
			sp.zero = true;
			sp.width = 16;
			out_number(&o, va_arg(ap, u64), 16, false, &sp);
			break;
		case 'u':
		case 'x':
		case 'X':
			v = wide ? va_arg(ap, u64) : va_arg(ap, unsigned int);
			out_number(&o, v, *fmt == 'u' ? 10 : 16, *fmt == 'X',
				   &sp);
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
