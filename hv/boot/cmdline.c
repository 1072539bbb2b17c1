/* SPDX-License-Identifier: MIT */
/* cmdline.c - options of the hypervisor's command line */
#include "boot.h"
#include "options.h"
#include "serial.h"

struct options opt = {
	.halt_poll_us = 200,
};

/* A size with a suffix, up to a comma; plain numbers are KiB, as on Xen. */
static bool parse_size(const char *s, u64 *bytes)
{
	const char *end;
	u64 v = strtou64(s, &end);
	unsigned int shift = 10;

	if (end == s)
		return false;
	switch (*end | 0x20) {
	case 'b':
		shift = 0;
		break;
	case 'k':
		break;
	case 'm':
		shift = 20;
		break;
	case 'g':
		shift = 30;
		break;
	default:
		if (*end && *end != ',')
			return false;
		end--;
	}
	*bytes = v << shift;
	return !end[1] || end[1] == ',';
}

/* dom0_mem=SIZE, or Xen's form with min:, max: parts, of which max counts. */
static bool parse_dom0_mem(const char *s)
{
	for (const char *p = s; *p; p++)
		if (!strncmp(p, "max:", 4))
			s = p + 4;
	return parse_size(s, &opt.dom0_mem);
}

static bool parse_u64(const char *s, u64 *v)
{
	const char *end;

	*v = strtou64(s, &end);
	return end != s && !*end;
}

static bool parse_loglvl(const char *s)
{
	static const char *const names[] = {
		[LOG_ERR] = "error",
		[LOG_WARN] = "warning",
		[LOG_INFO] = "info",
		[LOG_DEBUG] = "debug",
	};

	if (!strcmp(s, "all")) {
		log_level = LOG_DEBUG;
		return true;
	}
	for (unsigned int i = 0; i < ARRAY_SIZE(names); i++) {
		if (!strncmp(s, names[i], strlen(names[i]))) {
			log_level = i;
			return true;
		}
	}
	return false;
}

/* The value of "name=value", or NULL. */
static const char *option_value(const char *word, const char *name)
{
	size_t len = strlen(name);

	return strncmp(word, name, len) || word[len] != '=' ? NULL :
							       word + len + 1;
}

static bool option_apply(const char *word)
{
	const char *v;
	u64 n;

	if ((v = option_value(word, "dom0_mem")))
		return parse_dom0_mem(v);
	if ((v = option_value(word, "dom0_max_vcpus"))) {
		if (!parse_u64(v, &n))
			return false;
		opt.dom0_max_vcpus = min(n, (u64)MAX_VCPUS);
		return true;
	}
	if (!strcmp(word, "dom0_vcpus_pin")) {
		opt.dom0_vcpus_pin = true;
		return true;
	}
	if (!strcmp(word, "park_boot_cpu")) {
		opt.park_boot_cpu = true;
		return true;
	}
	if ((v = option_value(word, "halt_poll_us"))) {
		/* Never more than a second: an idle CPU must halt some day. */
		if (!parse_u64(v, &n) || n > 1000000)
			return false;
		opt.halt_poll_us = n;
		return true;
	}
	if ((v = option_value(word, "loglvl")))
		return parse_loglvl(v);
	if ((v = option_value(word, "console"))) {
		if (!strncmp(v, "com1", 4))
			serial_init();
		return !strcmp(v, "com1") || !strncmp(v, "com1,", 5) ||
		       !strcmp(v, "none");
	}
	/* The line's speed is fixed; Xen's spelling of it is accepted. */
	return !strcmp(word, "com1") || option_value(word, "com1");
}

void cmdline_parse(void)
{
	char unknown[8][48];
	unsigned int nr_unknown = 0;
	const char *s = opt.cmdline;

	while (*s) {
		char word[256];
		size_t n = 0;

		for (; *s && *s != ' '; s++)
			if (n < sizeof(word) - 1)
				word[n++] = *s;
		word[n] = 0;
		while (*s == ' ')
			s++;
		if (n && !option_apply(word) && nr_unknown < 8)
			strlcpy(unknown[nr_unknown++], word, 48);
	}
	for (unsigned int i = 0; i < nr_unknown; i++)
		pr_warn("option ignored: %s", unknown[i]);
}
