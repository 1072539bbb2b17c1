// SPDX-License-Identifier: MIT
/* lib_test.c - the hypervisor's string functions against the C library's */
#define TAP_MAIN
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/tap.h"

void *hv_memcpy(void *to, const void *from, size_t n);
void *hv_memmove(void *to, const void *from, size_t n);
void *hv_memset(void *p, int c, size_t n);
int hv_memcmp(const void *a, const void *b, size_t n);
size_t hv_strlen(const char *s);
int hv_strncmp(const char *a, const char *b, size_t n);
size_t hv_strlcpy(char *to, const char *from, size_t size);
uint64_t strtou64(const char *s, const char **end);
int hv_snprintf(char *buf, size_t size, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define SAME(...)                                                         \
	do {                                                              \
		char a_[200], b_[200];                                    \
		int m_ = hv_snprintf(a_, sizeof(a_), __VA_ARGS__);        \
		int n_ = snprintf(b_, sizeof(b_), __VA_ARGS__);           \
									  \
		if (m_ != n_ || strcmp(a_, b_))                           \
			printf("# \"%s\" (%d), not \"%s\" (%d)\n", a_, m_, \
			       b_, n_);                                   \
		CHECK(m_ == n_ && !strcmp(a_, b_));                       \
	} while (0)

TEST(formats_like_libc)
{
	static const long values[] = { 0, 1, -1, 9, 10, 255, 4095, 123456789,
				       INT32_MIN, INT32_MAX, INT64_MAX,
				       INT64_MIN };

	for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++) {
		long v = values[i];

		SAME("%d %u %x", (int)v, (unsigned int)v, (unsigned int)v);
		SAME("%ld %lu %lx %llx", v, (unsigned long)v,
		     (unsigned long)v, (unsigned long long)v);
		SAME("[%5d] [%05d]", (int)v, (int)v);
		SAME("[%16lx] [%016lx]", (unsigned long)v, (unsigned long)v);
	}
	SAME("%#x %#lx [%#10x] [%#010x]", 0x12u, 0x123456789abul, 255u, 255u);
	SAME("%s|%c|%%", "abc", 'r');
}

TEST(bounds_its_output)
{
	const char *volatile none = NULL; /* the compiler need not know */
	char buf[8];

	memset(buf, 'z', sizeof(buf));
	CHECK(hv_snprintf(buf, 4, "%d", 1234567) == 7);
	CHECK(!memcmp(buf, "123\0zzzz", 8));
	CHECK(hv_snprintf(buf, 0, "abc") == 3);
	CHECK(buf[0] == '1');
	CHECK(hv_snprintf(buf, 1, "abc") == 3);
	CHECK(!buf[0]);
	CHECK(hv_snprintf(buf, sizeof(buf), "%s", none) == 6);
	CHECK(!strcmp(buf, "(null)"));
}

TEST(moves_memory)
{
	unsigned int seed = 7;

	for (int round = 0; round < 20000; round++) {
		unsigned char a[96], b[96];
		size_t n = rand_r(&seed) % 48;
		size_t from = rand_r(&seed) % 48, to = rand_r(&seed) % 48;

		for (size_t i = 0; i < sizeof(a); i++)
			a[i] = b[i] = rand_r(&seed);
		CHECK(hv_memmove(a + to, a + from, n) == a + to);
		memmove(b + to, b + from, n);
		CHECK(!memcmp(a, b, sizeof(a)));
		hv_memset(a + to, round, n);
		memset(b + to, round, n);
		CHECK(!memcmp(a, b, sizeof(a)));
		hv_memcpy(a, b + from, n);
		memcpy(b, b + from, from >= n ? n : 0);
		CHECK(from < n || !memcmp(a, b, n));
		CHECK((hv_memcmp(a + from, a + to, n) < 0) ==
		      (memcmp(a + from, a + to, n) < 0));
	}
}

TEST(handles_strings)
{
	char buf[4];
	const char *end;

	CHECK(hv_strlen("") == 0 && hv_strlen("abc") == 3);
	CHECK(hv_strncmp("abcd", "abcx", 3) == 0);
	CHECK(hv_strncmp("ab", "abc", 3) < 0);
	CHECK(hv_strlcpy(buf, "abcdef", sizeof(buf)) == 6);
	CHECK(!strcmp(buf, "abc"));
	CHECK(strtou64("0x1fG", &end) == 31 && *end == 'G');
	CHECK(strtou64("42", &end) == 42 && !*end);
	CHECK(strtou64("0xg", &end) == 0 && *end == 'x');
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(formats_like_libc),
		TAP_TEST(bounds_its_output),
		TAP_TEST(moves_memory),
		TAP_TEST(handles_strings),
	};

	return tap_run(tests, sizeof(tests) / sizeof(tests[0]));
}
