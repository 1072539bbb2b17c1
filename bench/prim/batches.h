/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* batches.h - measures something again and again, for one module */
#ifndef BENCH_PRIM_BATCHES_H
#define BENCH_PRIM_BATCHES_H

#include <linux/ktime.h>
#include <linux/math64.h>
#include <linux/printk.h>

#define BATCHES 15

static u64 batches_spent;

/*
 * Let fn() do a thing n times, batch after batch, and print how long one took:
 * the time of the batch, or what fn() put in batches_spent.
 */
static void batches_run(const char *name, unsigned int n,
			 int (*fn)(unsigned int n))
{
	char line[BATCHES * 12 + 1];
	unsigned int i, len = 0;

	for (i = 0; i < BATCHES; i++) {
		u64 start = ktime_get_ns();
		int err;

		batches_spent = 0;
		err = fn(n);
		if (err) {
			pr_info("%s failed: %d\n", name, err);
			return;
		}
		if (!batches_spent)
			batches_spent = ktime_get_ns() - start;
		len += scnprintf(line + len, sizeof(line) - len, " %llu",
				 div_u64(batches_spent, n));
	}
	pr_info("%s:%s\n", name, line);
}

#endif /* BENCH_PRIM_BATCHES_H */
