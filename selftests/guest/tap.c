// SPDX-License-Identifier: MIT
/* tap.c - results as TAP, printing, and the few string functions */
#include "guest.h"

#define NOTES_MAX 400

static unsigned int nr_tests, nr_failed, nr_notes;
u64 random_state = 88172645463325252ULL;

void *memset(void *p, int c, size_t n)
{
	void *to = p;

	__asm__ __volatile__("rep stosb" : "+D"(to), "+c"(n) : "a"(c) : "memory");
	return p;
}

void *memcpy(void *to, const void *from, size_t n)
{
	void *p = to;

	__asm__ __volatile__("rep movsb" : "+D"(p), "+S"(from), "+c"(n) : : "memory");
	return to;
}

int memcmp(const void *a, const void *b, size_t n)
{
	const u8 *x = a, *y = b;

	for (; n; n--, x++, y++)
		if (*x != *y)
			return *x - *y;
	return 0;
}

bool str_equal(const char *a, const char *b)
{
	for (; *a && *a == *b; a++, b++)
		;
	return *a == *b;
}

bool all_bytes(const void *p, u8 byte, size_t n)
{
	const u8 *b = p;

	while (n--)
		if (*b++ != byte)
			return false;
	return true;
}

/* xorshift64* */
u64 random64(void)
{
	u64 x = random_state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	random_state = x;
	return x * 2685821657736338717ULL;
}

struct line {
	char text[240];
	unsigned int len;
};

static void put(struct line *l, char c)
{
	if (l->len < sizeof(l->text) - 1)
		l->text[l->len++] = c;
}

static void put_number(struct line *l, u64 v, unsigned int base, int width)
{
	char digits[24];
	int n = 0;

	do {
		digits[n++] = "0123456789abcdef"[v % base];
		v /= base;
	} while (v);
	for (int i = n; i < width; i++)
		put(l, '0');
	while (n--)
		put(l, digits[n]);
}

/* %s %c %d %u %x with l, and a width for numbers padded by zeros */
static void format(struct line *l, const char *fmt, va_list ap)
{
	for (; *fmt; fmt++) {
		int width = 0;
		bool is_long = false;

		if (*fmt != '%') {
			put(l, *fmt);
			continue;
		}
		fmt++;
		while (*fmt >= '0' && *fmt <= '9')
			width = width * 10 + *fmt++ - '0';
		for (; *fmt == 'l'; fmt++)
			is_long = true;
		switch (*fmt) {
		case 's':
			for (const char *s = va_arg(ap, const char *); *s; s++)
				put(l, *s);
			break;
		case 'c':
			put(l, va_arg(ap, int));
			break;
		case 'd': {
			s64 v = is_long ? va_arg(ap, s64) : va_arg(ap, s32);

			if (v < 0)
				put(l, '-');
			put_number(l, v < 0 ? -(u64)v : (u64)v, 10, width);
			break;
		}
		case 'u':
		case 'x': {
			u64 v = is_long ? va_arg(ap, u64) : va_arg(ap, u32);

			put_number(l, v, *fmt == 'u' ? 10 : 16, width);
			break;
		}
		default:
			put(l, *fmt);
		}
	}
}

static void emit(struct line *l)
{
	put(l, '\n');
	l->text[sizeof(l->text) - 2] = '\n';
	console_write(l->text, l->len);
}

static void line_of(struct line *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	format(l, fmt, ap);
	va_end(ap);
}

void print(const char *fmt, ...)
{
	struct line l = { .len = 0 };
	va_list ap;

	va_start(ap, fmt);
	format(&l, fmt, ap);
	va_end(ap);
	emit(&l);
}

void note(const char *fmt, ...)
{
	struct line l = { .len = 0 };
	va_list ap;

	if (nr_notes++ >= NOTES_MAX)
		return;
	line_of(&l, "# ");
	va_start(ap, fmt);
	format(&l, fmt, ap);
	va_end(ap);
	emit(&l);
}

static bool result(bool pass, const char *fmt, va_list ap, struct line *why)
{
	struct line l = { .len = 0 };

	nr_tests++;
	if (!pass)
		nr_failed++;
	line_of(&l, "%sok %u - ", pass ? "" : "not ", nr_tests);
	format(&l, fmt, ap);
	emit(&l);
	if (!pass && why)
		emit(why);
	return pass;
}

bool ok(bool pass, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	result(pass, fmt, ap, NULL);
	va_end(ap);
	return pass;
}

bool ok_eq(s64 got, s64 want, const char *fmt, ...)
{
	struct line why = { .len = 0 };
	va_list ap;

	line_of(&why, "# got %ld (0x%lx), want %ld", got, got, want);
	va_start(ap, fmt);
	result(got == want, fmt, ap, &why);
	va_end(ap);
	return got == want;
}

bool ok_either(s64 got, s64 a, s64 b, const char *fmt, ...)
{
	struct line why = { .len = 0 };
	bool pass = got == a || got == b;
	va_list ap;

	line_of(&why, "# got %ld (0x%lx), want %ld or %ld", got, got, a, b);
	va_start(ap, fmt);
	result(pass, fmt, ap, &why);
	va_end(ap);
	return pass;
}

void skip(const char *fmt, ...)
{
	struct line l = { .len = 0 };
	va_list ap;

	line_of(&l, "ok %u - # SKIP ", ++nr_tests);
	va_start(ap, fmt);
	format(&l, fmt, ap);
	va_end(ap);
	emit(&l);
}

void tap_plan(void)
{
	print("1..%u", nr_tests);
	print("# done: %u failed", nr_failed);
}
