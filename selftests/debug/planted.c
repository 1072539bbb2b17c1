// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Makes, on being loaded, one mistake of each kind that the debug kernel is there
 * to find.  The test is that its log, and the scan for leaks, show them all.
 */
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/vmalloc.h>

/* Of a size of its own: "unreferenced object ... (size 8192)". */
#define LEAK_SIZE 8192
#define LEAKS 8

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(held);

/* Several: a stale register or stack slot may still point to the last. */
static noinline void leak(void)
{
	int i;

	for (i = 0; i < LEAKS; i++) {
		void *lost = kzalloc(LEAK_SIZE, GFP_KERNEL);

		OPTIMIZER_HIDE_VAR(lost);
	}
}

/* One order, then the other.  Nobody else is there to meet: only lockdep sees. */
static noinline void invert(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);

	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static noinline void sleep_under_spinlock(void)
{
	spin_lock(&held);
	might_sleep();
	spin_unlock(&held);
}

static noinline void use_after_free(void)
{
	char *freed = kzalloc(64, GFP_KERNEL);
	char *hidden = freed;

	if (!freed)
		return;
	OPTIMIZER_HIDE_VAR(hidden);
	kfree(freed);
	READ_ONCE(hidden[8]);
}

static noinline void pass_the_end(void)
{
	char *pages = vzalloc(2 * PAGE_SIZE - 64);

	if (!pages)
		return;
	OPTIMIZER_HIDE_VAR(pages);
	READ_ONCE(pages[2 * PAGE_SIZE - 32]);
	vfree(pages);
}

static int __init planted_init(void)
{
	leak();
	/* Lockdep looks no further after its first find, or KASAN's. */
	invert();
	sleep_under_spinlock();
	use_after_free();
	pass_the_end();
	return 0;
}

static void __exit planted_exit(void)
{
}

module_init(planted_init);
module_exit(planted_exit);
MODULE_DESCRIPTION("Mistakes that the debug kernel must find");
MODULE_LICENSE("Dual MIT/GPL");
