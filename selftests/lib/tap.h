/* SPDX-License-Identifier: MIT */
/*
 * tap.h - what a C test needs to report in TAP
 *
 *	TEST(wraps_around)
 *	{
 *		CHECK(ring_size(4096) == 32);
 *	}
 *
 *	int main(void)
 *	{
 *		static const struct tap_test tests[] = {
 *			TAP_TEST(wraps_around),
 *		};
 *
 *		return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
 *	}
 *
 * Each test is one line of TAP.  A failed CHECK() says where and goes on, a
 * failed REQUIRE() leaves the function.  A test that cannot run here calls
 * tap_skip() with the reason.  The status is 0 if nothing failed.
 */
#ifndef SELFTESTS_TAP_H
#define SELFTESTS_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

struct tap_test {
	const char *name;
	void (*fn)(void);
};

#define TEST(name) static void name(void)
#define TAP_TEST(name) { #name, name }

extern bool tap_failed; /* the running test */
extern char tap_skipped[160]; /* why it was skipped, or empty */

/* In exactly one file of a program, before the include. */
#ifdef TAP_MAIN
bool tap_failed;
char tap_skipped[160];
#endif

#define CHECK(c)                                                            \
	do {                                                                \
		if (!(c)) {                                                 \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #c);    \
			tap_failed = true;                                  \
		}                                                           \
	} while (0)

#define REQUIRE(c)                                                          \
	do {                                                                \
		if (!(c)) {                                                 \
			printf("# %s:%d: %s\n", __FILE__, __LINE__, #c);    \
			tap_failed = true;                                  \
			return;                                             \
		}                                                           \
	} while (0)

__attribute__((format(printf, 1, 2), unused))
static void tap_skip(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(tap_skipped, sizeof(tap_skipped), fmt, ap);
	va_end(ap);
}

__attribute__((unused))
static int tap_run(const struct tap_test *tests, size_t nr)
{
	int failures = 0;

	/* A crash must not take earlier lines with it. */
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("1..%zu\n", nr);
	for (size_t i = 0; i < nr; i++) {
		tap_failed = false;
		tap_skipped[0] = 0;
		tests[i].fn();
		printf("%sok %zu - %s", tap_failed ? "not " : "", i + 1,
		       tests[i].name);
		if (!tap_failed && tap_skipped[0])
			printf(" # SKIP %s", tap_skipped);
		printf("\n");
		failures += tap_failed;
	}
	return failures != 0;
}

#endif /* SELFTESTS_TAP_H */
