// SPDX-License-Identifier: MIT
/* elf_test.c - dom0 kernels, good, bad and random: nothing outside is read */
#define TAP_MAIN
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "boot/boot.h"
#include "../lib/tap.h"

#define EHDR 64
#define PHDR 56
#define NOTE_AT 0x200
#define DATA_AT 0x400
#define FILE_SIZE 0x600
#define LOAD_ADDR 0x1000000UL
#define ENTRY 0x1000040U

static void put(unsigned char *f, unsigned int at, u64 v, unsigned int size)
{
	memcpy(f + at, &v, size);
}

static void put_phdr(unsigned char *f, unsigned int i, u32 type, u64 offset,
		     u64 paddr, u64 filesz, u64 memsz)
{
	unsigned int at = EHDR + i * PHDR;

	put(f, at, type, 4);
	put(f, at + 8, offset, 8);
	put(f, at + 24, paddr, 8);
	put(f, at + 32, filesz, 8);
	put(f, at + 40, memsz, 8);
}

/* A note of another owner, one of another type, then the one that counts. */
static unsigned int put_notes(unsigned char *f)
{
	static const struct {
		const char *name;
		u32 namesz, descsz, type, value;
	} notes[] = {
		{ "GNU", 4, 8, 18, 1 },
		{ "Xen", 4, 5, 6, 2 },
		{ "Xen", 4, 8, 18, ENTRY },
	};
	unsigned int at = NOTE_AT;

	for (unsigned int i = 0; i < ARRAY_SIZE(notes); i++) {
		put(f, at, notes[i].namesz, 4);
		put(f, at + 4, notes[i].descsz, 4);
		put(f, at + 8, notes[i].type, 4);
		memcpy(f + at + 12, notes[i].name, 4);
		put(f, at + 16, notes[i].value, 4);
		at += 16 + ALIGN_UP(notes[i].descsz, 4);
	}
	return at - NOTE_AT;
}

/* On the heap, exactly as large as it is, so that ASan sees an overrun. */
static unsigned char *good_file(void)
{
	unsigned char *f = calloc(1, FILE_SIZE);

	if (!f)
		abort();
	memcpy(f, "\x7f" "ELF\x02\x01\x01", 7);
	put(f, 16, 2, 2);
	put(f, 18, 62, 2);
	put(f, 32, EHDR, 8);
	put(f, 54, PHDR, 2);
	put(f, 56, 2, 2);
	put_phdr(f, 0, 1, DATA_AT, LOAD_ADDR, 0x200, 0x1000);
	put_phdr(f, 1, 4, NOTE_AT, 0, put_notes(f), 0);
	return f;
}

static const char *parse_changed(unsigned int at, u64 v, unsigned int size)
{
	unsigned char *f = good_file();
	struct elf_image e;
	const char *err;

	put(f, at, v, size);
	err = elf_parse(f, FILE_SIZE, &e);
	free(f);
	return err;
}

TEST(takes_a_kernel)
{
	unsigned char *f = good_file();
	struct elf_image e;

	CHECK(!elf_parse(f, FILE_SIZE, &e));
	CHECK(e.phys_entry == ENTRY);
	CHECK(e.start == LOAD_ADDR && e.end == LOAD_ADDR + 0x1000);
	CHECK(e.nr_segments == 1);
	CHECK(e.segment[0].offset == DATA_AT && e.segment[0].filesz == 0x200);
	CHECK(e.segment[0].memsz == 0x1000);
	free(f);
}

TEST(refuses_what_is_wrong)
{
	unsigned int ph = EHDR;

	CHECK(parse_changed(0, 0, 4)); /* magic */
	CHECK(parse_changed(4, 1, 1)); /* 32-bit */
	CHECK(parse_changed(18, 3, 2)); /* another machine */
	CHECK(parse_changed(32, FILE_SIZE - 1, 8)); /* headers outside */
	CHECK(parse_changed(32, ~0ULL, 8));
	CHECK(parse_changed(56, 0xffff, 2));
	CHECK(parse_changed(ph + 8, FILE_SIZE, 8)); /* segment outside */
	CHECK(parse_changed(ph + 8, ~0ULL - 0x100, 8));
	CHECK(parse_changed(ph + 40, 0x100, 8)); /* file part larger */
	CHECK(parse_changed(ph + 24, 0xfffff001, 8)); /* beyond 4 GiB */
	CHECK(parse_changed(ph + 24, ~0ULL - 0xff, 8)); /* wraps */
	CHECK(parse_changed(ph + 40, 0, 8)); /* nothing to load */
	CHECK(parse_changed(ph + PHDR + 32, ~0ULL, 8)); /* notes outside */
	CHECK(parse_changed(NOTE_AT, 0xfffffffc, 4)); /* a note too long */
	CHECK(parse_changed(NOTE_AT + 4, 0xffffffff, 4));
	CHECK(parse_changed(ph + PHDR, 6, 4)); /* no notes */
	/* The entry point outside the image. */
	CHECK(parse_changed(NOTE_AT + 24 + 24 + 16, 0x2000000, 4));
}

TEST(refuses_too_many_segments)
{
	unsigned char *f = good_file();
	struct elf_image e;

	for (unsigned int i = 0; i < 20; i++)
		put_phdr(f, i, 1, DATA_AT, LOAD_ADDR + i * 0x1000, 0x10, 0x10);
	put(f, 56, 20, 2);
	CHECK(elf_parse(f, FILE_SIZE, &e));
	free(f);
}

TEST(refuses_addresses_that_wrap)
{
	unsigned char *f = good_file();
	struct elf_image e;

	put_phdr(f, 2, 1, DATA_AT, ~0ULL - 0xfff, 0x10, 0x2000);
	put(f, 56, 3, 2);
	CHECK(elf_parse(f, FILE_SIZE, &e));
	free(f);
}

TEST(reads_nothing_behind_a_short_file)
{
	unsigned char *f = good_file();
	struct elf_image e;

	for (unsigned int n = 0; n < FILE_SIZE; n++) {
		unsigned char *s = malloc(n ? n : 1);

		if (!s)
			abort();
		memcpy(s, f, n);
		CHECK(elf_parse(s, n, &e));
		free(s);
	}
	free(f);
}

/* Whatever it accepts must be loadable without further checks. */
TEST(survives_random_changes)
{
	unsigned int seed = 1, accepted = 0;

	for (unsigned int round = 0; round < 200000; round++) {
		unsigned char *f = good_file();
		struct elf_image e;

		for (unsigned int n = rand_r(&seed) % 4 + 1; n; n--) {
			unsigned int at = rand_r(&seed) % DATA_AT;

			f[at] = rand_r(&seed) % 3 ? rand_r(&seed) : 0xff;
		}
		if (!elf_parse(f, FILE_SIZE, &e)) {
			accepted++;
			CHECK(e.nr_segments && e.nr_segments <= ELF_MAX_SEGMENTS);
			CHECK(e.phys_entry >= e.start && e.phys_entry < e.end);
			for (unsigned int i = 0; i < e.nr_segments; i++) {
				struct elf_segment *s = &e.segment[i];

				CHECK(s->offset + s->filesz <= FILE_SIZE);
				CHECK(s->filesz <= s->memsz);
				CHECK(s->paddr + s->memsz <= FOUR_GIB);
			}
		}
		free(f);
	}
	CHECK(accepted > 1000);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(takes_a_kernel),
		TAP_TEST(refuses_what_is_wrong),
		TAP_TEST(refuses_too_many_segments),
		TAP_TEST(refuses_addresses_that_wrap),
		TAP_TEST(reads_nothing_behind_a_short_file),
		TAP_TEST(survives_random_changes),
	};

	return tap_run(tests, ARRAY_SIZE(tests));
}
