/* SPDX-License-Identifier: MIT */
/*
 * timer.c - one-shot timers
 *
 * Each CPU has a list sorted by expiry; the hardware is programmed for its head.
 * Lock order: the timer's, then the CPU's.
 */
#include "timer.h"

/* The timer whose function each CPU is in, for timer_destroy(). */
static struct timer *firing[NR_CPUS];

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	list_init(&t->link);
	t->fn = fn;
	t->expires = 0;
	t->cpu = NULL;
	t->lock = (struct spinlock){ 0 };
}

static u64 timer_first(struct cpu *c)
{
	if (list_empty(&c->timers))
		return ~0ULL;
	return list_entry(c->timers.next, struct timer, link)->expires;
}

static void timer_program(struct cpu *c)
{
	u64 first = timer_first(c);

	if (first == c->timer_deadline)
		return;
	c->timer_deadline = first;
	cpu_timer_program(first);
}

static void timer_remove(struct timer *t)
{
	struct cpu *c = t->cpu;

	if (!c)
		return;
	spin_lock(&c->timer_lock);
	/* timer_run() on that CPU may just have taken it. */
	if (t->cpu == c) {
		list_del(&t->link);
		WRITE_ONCE(t->cpu, NULL);
	}
	spin_unlock(&c->timer_lock);
}

void timer_set(struct timer *t, u64 expires)
{
	struct cpu *c = this_cpu();
	struct timer *at;

	spin_lock(&t->lock);
	timer_remove(t);
	t->expires = expires;
	spin_lock(&c->timer_lock);
	list_for_each_entry(at, &c->timers, link)
		if (at->expires > expires)
			break;
	list_add_before(&t->link, &at->link);
	WRITE_ONCE(t->cpu, c);
	timer_program(c);
	spin_unlock(&c->timer_lock);
	spin_unlock(&t->lock);
}

void timer_cancel(struct timer *t)
{
	spin_lock(&t->lock);
	timer_remove(t);
	spin_unlock(&t->lock);
}

void timer_destroy(struct timer *t)
{
	struct cpu *self = this_cpu();

	timer_cancel(t);
	for (unsigned int i = 0; i < nr_cpus; i++)
		while (i != self->id && load_acquire(&firing[i]) == t)
			cpu_relax();
	/* A periodic one that was firing has armed itself again. */
	timer_cancel(t);
}

void timer_run(void)
{
	struct cpu *c = this_cpu();
	u64 now = now_ns();

	if (READ_ONCE(c->timer_deadline) > now)
		return;
	spin_lock(&c->timer_lock);
	/* Not what expires meanwhile: fast periodic ones would never end. */
	while (timer_first(c) <= now) {
		struct timer *t = list_entry(c->timers.next, struct timer,
					     link);

		list_del(&t->link);
		WRITE_ONCE(t->cpu, NULL);
		WRITE_ONCE(firing[c->id], t);
		spin_unlock(&c->timer_lock);
		t->fn(t);
		/* Pairs with timer_destroy(): @t is not touched any more. */
		store_release(&firing[c->id], NULL);
		spin_lock(&c->timer_lock);
	}
	/* The interrupt may have come early, or is spent: program anew. */
	c->timer_deadline = 0;
	timer_program(c);
	spin_unlock(&c->timer_lock);
}
