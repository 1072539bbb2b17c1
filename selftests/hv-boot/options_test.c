// SPDX-License-Identifier: MIT
/* options_test.c - the hypervisor's command line, and maps of memory */
#define TAP_MAIN
#include <stdio.h>
#include <string.h>

#include "boot/boot.h"
#include "options.h"
#include "serial.h"
#include "../lib/tap.h"

#define MIB (1UL << 20)

enum log_level log_level;
static unsigned int warnings;
static bool console_on;

void printk_level(enum log_level level, const char *fmt, ...)
{
	(void)fmt;
	warnings += level == LOG_WARN;
}

void serial_init(void)
{
	console_on = true;
}

static void parse(const char *line)
{
	memset(&opt, 0, sizeof(opt));
	warnings = 0;
	console_on = false;
	log_level = LOG_INFO;
	snprintf(opt.cmdline, sizeof(opt.cmdline), "%s", line);
	cmdline_parse();
}

TEST(understands_its_options)
{
	parse("console=com1 com1=115200,8n1  dom0_mem=1024M dom0_max_vcpus=3 dom0_vcpus_pin park_boot_cpu halt_poll_us=50 loglvl=debug");
	CHECK(!warnings);
	CHECK(console_on);
	CHECK(opt.dom0_mem == 1024 * MIB);
	CHECK(opt.dom0_max_vcpus == 3);
	CHECK(opt.dom0_vcpus_pin);
	CHECK(opt.park_boot_cpu);
	CHECK(opt.halt_poll_us == 50);
	CHECK(log_level == LOG_DEBUG);
	parse("console=com1,vga loglvl=all");
	CHECK(!warnings && console_on && log_level == LOG_DEBUG);
	parse("");
	CHECK(!warnings && !console_on && !opt.dom0_mem && !opt.park_boot_cpu);
}

TEST(reads_sizes)
{
	static const struct {
		const char *text;
		u64 bytes;
	} good[] = {
		{ "dom0_mem=2G", 2048 * MIB },
		{ "dom0_mem=0x10M", 16 * MIB },
		{ "dom0_mem=4096", 4 * MIB },
		{ "dom0_mem=4096k", 4 * MIB },
		{ "dom0_mem=123b", 123 },
		{ "dom0_mem=min:1G,max:3G", 3072 * MIB },
		{ "dom0_mem=512M,max:768M", 768 * MIB },
		{ "dom0_mem=512M,min:256M", 512 * MIB },
	};
	static const char *const bad[] = {
		"dom0_mem=", "dom0_mem=M", "dom0_mem=1Q", "dom0_mem=1MM",
		"dom0_mem=-1",
	};

	for (unsigned int i = 0; i < ARRAY_SIZE(good); i++) {
		parse(good[i].text);
		if (opt.dom0_mem != good[i].bytes || warnings)
			printf("# %s: %lu\n", good[i].text, opt.dom0_mem);
		CHECK(opt.dom0_mem == good[i].bytes && !warnings);
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		parse(bad[i]);
		CHECK(warnings == 1);
	}
}

TEST(warns_once_for_each_unknown_word)
{
	char line[1000];

	parse("nosuch iommu=1 dom0_max_vcpus=x halt_poll_us=2000000");
	CHECK(warnings == 4);
	memset(line, 'a', sizeof(line) - 1);
	line[sizeof(line) - 1] = 0;
	parse(line);
	CHECK(warnings == 1);
	for (unsigned int i = 1; i < sizeof(line) - 1; i += 2)
		line[i] = ' ';
	parse(line);
	CHECK(warnings == 8); /* bounded */
}

static struct memmap pc(void)
{
	struct memmap m = { 0 };

	/* Not in order, and not page-aligned. */
	memmap_add(&m, 0x100000, 0xbffe0000, MEM_RAM);
	memmap_add(&m, 0, 0x9fc00, MEM_RAM);
	memmap_add(&m, 0xf0000, 0x100000, MEM_RESERVED);
	memmap_add(&m, FOUR_GIB, FOUR_GIB + 1024 * MIB, MEM_RAM);
	memmap_add(&m, 0xbffe0000, 0xc0000000, MEM_ACPI);
	return m;
}

TEST(keeps_maps_in_order)
{
	struct memmap m = pc();

	CHECK(m.nr == 5);
	for (unsigned int i = 1; i < m.nr; i++)
		CHECK(m.range[i - 1].end <= m.range[i].start);
	CHECK(m.range[0].end == 0x9f000);
	CHECK(!memmap_add(&m, 5, 5, MEM_RESERVED));
	CHECK(!memmap_add(&m, 0x200800, 0x200fff, MEM_RAM));
	CHECK(memmap_is_ram(&m, 0x9e000, 0x9f000));
	CHECK(!memmap_is_ram(&m, 0x9e000, 0x9f001));
	CHECK(!memmap_is_ram(&m, 0x9f000, 0xa0000));
	CHECK(!memmap_is_ram(&m, 0x90000, 0x200000));
}

TEST(splits_ram)
{
	struct memmap m = pc();
	u64 all = memmap_ram_bytes(&m);

	CHECK(memmap_retype(&m, 0x100000, 0x400000, MEM_RESERVED));
	CHECK(memmap_ram_bytes(&m) == all - 0x300000);
	CHECK(!memmap_is_ram(&m, 0x3ff000, 0x400000));
	CHECK(memmap_is_ram(&m, 0x400000, 0x401000));
	CHECK(memmap_retype(&m, 2048 * MIB, ~0ULL, MEM_RESERVED));
	CHECK(memmap_ram_bytes(&m) == 0x9f000 + 2044 * MIB);
	/* Other types stay what they are. */
	CHECK(m.range[m.nr - 2].type == MEM_ACPI);
}

TEST(finds_where_dom0_ends)
{
	struct memmap m = pc();

	CHECK(memmap_split(&m, 1024 * MIB) == 1024 * MIB);
	/* Over the hole below 4 GiB. */
	CHECK(memmap_split(&m, 3584 * MIB) == FOUR_GIB + 512 * MIB);
	CHECK(memmap_split(&m, 1UL << 40) == FOUR_GIB + 1024 * MIB);
}

TEST(does_not_overflow_a_map)
{
	struct memmap m = { 0 };

	for (unsigned int i = 0; i < MAX_E820; i++)
		CHECK(memmap_add(&m, i * 2 * MIB, (i * 2 + 1) * MIB, MEM_RAM));
	CHECK(!memmap_add(&m, 1000 * MIB, 1001 * MIB, MEM_RAM));
	CHECK(!memmap_retype(&m, MIB / 4, MIB / 2, MEM_RESERVED));
	CHECK(m.nr <= MAX_E820);
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(understands_its_options),
		TAP_TEST(reads_sizes),
		TAP_TEST(warns_once_for_each_unknown_word),
		TAP_TEST(keeps_maps_in_order),
		TAP_TEST(splits_ram),
		TAP_TEST(finds_where_dom0_ends),
		TAP_TEST(does_not_overflow_a_map),
	};

	return tap_run(tests, ARRAY_SIZE(tests));
}
