// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * poll.c - one poller per CPU
 *
 * While work is likely, looking at a ring costs far less than being woken by
 * an event.  So a ring that has just run dry is handed to its CPU's poller, a
 * thread of the class that runs only when nothing else wants the CPU.  It looks
 * at its rings in turn for a bounded time, with preemption off; serving is left
 * to the drivers' own contexts.
 *
 * When a task wants the CPU, most often the one whose work just came, the poller
 * yields and keeps its rings without events, since it will soon be back: the task
 * sends its next request and sleeps.  A guard, the next tick of this CPU, returns
 * the rings to events if it is not.  If work was waiting by then it came late;
 * for a second after that the poller returns every ring to events before it
 * yields, as it always does when the hypervisor takes the CPU away.
 *
 * Whether to poll at all is learnt per ring: the next work came within the
 * window (credit) or not (debit), while polling and while sleeping.
 */
#include <linux/bottom_half.h>
#include <linux/kernel_stat.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/percpu.h>
#include <linux/sched.h>
#include <linux/sched/clock.h>
#include <linux/sched/stat.h>
#include <linux/smpboot.h>
#include <linux/timer.h>
#include <uapi/linux/sched/types.h>

#include "tenon_common.h"

#define CREDIT_MAX 8
#define CREDIT_START 2
/* Time stolen from this CPU that says somebody else wants it ... */
#define STEAL_LIMIT_NS (1 * NSEC_PER_MSEC)
/* ... and how long polling pauses then. */
#define STEAL_PAUSE_NS (20 * NSEC_PER_MSEC)
/* How often in a row a ring's window may start anew because of a yield. */
#define HOLDS_MAX 8
/*
 * Items that come in less than this one after the other, or the first of a batch
 * this long after the last of the one before, are a stream.
 */
#define STREAM_NS (1 * NSEC_PER_MSEC)
/* How many items of a stream may gather, at first and at most. */
#define DISTANCE_MIN 32U
#define DISTANCE_MAX 128U
/* How long no ring is kept from events without a look, once work came late. */
#define LATE_PAUSE_NS (1 * NSEC_PER_SEC)

static unsigned int poll_us = 200;
module_param(poll_us, uint, 0644);
MODULE_PARM_DESC(poll_us,
		 "Microseconds to poll an idle ring before sleeping (0: never)");

/**
 * struct tenon_poller - the poller of one CPU
 * @lock: guards all below; taken from any context.  @steal and @pause_until are
 *	written on this CPU with preemption off, with or without it
 * @rings: what to look at
 * @current_ring: being looked at just now, hence not in @rings
 * @dropped: @current_ring was taken away meanwhile
 * @active: the thread runs (not parked for CPU hotplug)
 * @held: a task has the CPU while @rings may be without events; @guard is set
 * @guard: ends that
 * @hold_after: not before this time
 * @steal: stolen time when last checked
 * @pause_until: no polling before this time
 */
struct tenon_poller {
	spinlock_t lock;
	struct list_head rings;
	struct tenon_poll *current_ring;
	bool dropped;
	bool active;
	bool held;
	struct timer_list guard;
	u64 hold_after;
	u64 steal;
	u64 pause_until;
};

static DEFINE_PER_CPU(struct tenon_poller, pollers);
static DEFINE_PER_CPU(struct task_struct *, poller_tasks);

static u64 poll_window(void)
{
	/* A bound on what the administrator may ask for: 10 ms. */
	return min(READ_ONCE(poll_us), 10000u) * (u64)NSEC_PER_USEC;
}

static void poll_credit(struct tenon_poll *p, bool good)
{
	if (good && p->credit < CREDIT_MAX)
		p->credit++;
	else if (!good && p->credit)
		p->credit--;
}

/* Stolen time is what the scheduler's own accounting says: no hypercall. */
static bool poll_cpu_stolen(struct tenon_poller *pc, u64 now)
{
	u64 steal = __this_cpu_read(kernel_cpustat.cpustat[CPUTIME_STEAL]);
	bool stolen = steal - pc->steal > STEAL_LIMIT_NS;

	if (stolen) {
		pc->steal = steal;
		pc->pause_until = now + STEAL_PAUSE_NS;
	}
	return stolen;
}

/**
 * tenon_poll_init() - prepare a ring for polling
 * @p: the ring's place with a poller
 * @look: see struct tenon_poll
 * @sleep: see struct tenon_poll
 */
void tenon_poll_init(struct tenon_poll *p,
		     enum tenon_look (*look)(struct tenon_poll *p),
		     void (*sleep)(struct tenon_poll *p))
{
	memset(p, 0, sizeof(*p));
	p->look = look;
	p->sleep = sleep;
	p->credit = CREDIT_START;
	INIT_LIST_HEAD(&p->entry);
}
EXPORT_SYMBOL_GPL(tenon_poll_init);

/**
 * tenon_poll_event() - tell that an event brought new work
 * @p: ring
 *
 * Called by the driver's event handler, so that a ring which does not poll can
 * learn that it should.
 */
void tenon_poll_event(struct tenon_poll *p)
{
	u64 window = poll_window();

	if (window && p->idle_at) {
		poll_credit(p, local_clock() - p->idle_at < window);
		p->idle_at = 0;
	}
}
EXPORT_SYMBOL_GPL(tenon_poll_event);

/* May the thread that is on this CPU look at its ring, or does somebody wait? */
static bool poll_may_spin(struct tenon_poller *pc, u64 now)
{
	return pc->active && (s64)(now - pc->pause_until) >= 0 &&
		list_empty(&pc->rings) && single_task_running() &&
		!need_resched();
}

/**
 * tenon_poll_spin() - look at a ring from the thread that serves it
 * @p: ring that ran dry and is not polled
 * @pending: is there work; called with preemption off
 *
 * As long as nothing else is to be done on this CPU it saves the way to the
 * poller's thread and back.  Process context, no locks held.
 *
 * Return: what to do: serve the ring; arm it and hand it to tenon_poll_start();
 * or arm it and sleep.
 */
enum tenon_spin tenon_poll_spin(struct tenon_poll *p,
				bool (*pending)(struct tenon_poll *p))
{
	enum tenon_spin end = TENON_SPIN_OFFER;
	u64 start = local_clock(), now = start;
	struct tenon_poller *pc;

	if (!poll_window() || !p->credit)
		return TENON_SPIN_OFFER;
	pc = get_cpu_ptr(&pollers);
	while (poll_may_spin(pc, now)) {
		if (pending(p)) {
			p->hits++;
			p->spun++;
			poll_credit(p, true);
			end = TENON_SPIN_WORK;
			break;
		}
		if (now - start >= poll_window()) {
			p->misses++;
			p->idle_at = start;
			poll_credit(p, false);
			end = TENON_SPIN_SLEEP;
			break;
		}
		if (poll_cpu_stolen(pc, now))
			break;
		cpu_relax();
		now = local_clock();
	}
	put_cpu_ptr(&pollers);
	return end;
}
EXPORT_SYMBOL_GPL(tenon_poll_spin);

static bool poll_may_hold(const struct tenon_poller *pc, u64 now)
{
	return (s64)(now - pc->hold_after) >= 0;
}

/* Until the thread runs again, or the next tick but one at the latest. */
static void poll_hold(struct tenon_poller *pc)
	__must_hold(&pc->lock)
{
	pc->held = true;
	mod_timer(&pc->guard, jiffies + 1);
}

static bool poll_add(struct tenon_poll *p, bool hold)
{
	struct tenon_poller *pc;
	unsigned long flags;
	bool start;
	u64 now;

	if (!poll_window())
		return false;
	now = local_clock();
	p->idle_at = now;
	if (!p->credit)
		return false;

	pc = get_cpu_ptr(&pollers);
	spin_lock_irqsave(&pc->lock, flags);
	start = pc->active && (s64)(now - pc->pause_until) >= 0 &&
		!smp_load_acquire(&p->polled) &&
		(!hold || poll_may_hold(pc, now));
	if (start) {
		if (hold)
			poll_hold(pc);
		p->poller = pc;
		p->polled = true;
		p->last = 0;
		p->holds = 0;
		list_add_tail(&p->entry, &pc->rings);
	}
	spin_unlock_irqrestore(&pc->lock, flags);
	if (start)
		wake_up_process(__this_cpu_read(poller_tasks));
	put_cpu_ptr(&pollers);
	return start;
}

/**
 * tenon_poll_start() - offer a ring that ran dry to this CPU's poller
 * @p: ring; armed, for the poller may not get to run before the next event
 *
 * Any context, also for a ring that is polled already.  Nothing happens if
 * polling is off or does not pay for this ring.
 */
void tenon_poll_start(struct tenon_poll *p)
{
	poll_add(p, false);
}
EXPORT_SYMBOL_GPL(tenon_poll_start);

/**
 * tenon_poll_hold() - hand a ring that is not armed to this CPU's poller
 * @p: ring that is not polled
 *
 * For who is about to send a request to which the answer may be quicker than the
 * poller's thread: it saves the peer the event.  Any context.
 *
 * Return: true if the ring is looked at soon; false if it has to be armed.
 */
bool tenon_poll_hold(struct tenon_poll *p)
{
	return poll_add(p, true);
}
EXPORT_SYMBOL_GPL(tenon_poll_hold);

/**
 * tenon_poll_take() - take a ring back from the poller
 * @p: ring
 *
 * On return the poller neither looks at the ring nor will.  Any context but
 * that of the poller's callbacks; waits for a running callback.
 *
 * Return: true if the ring was being polled, so that it may not be armed.
 */
bool tenon_poll_take(struct tenon_poll *p)
{
	struct tenon_poller *pc = READ_ONCE(p->poller);
	unsigned long flags;
	bool was = false;

	if (!pc)
		return false;
	spin_lock_irqsave(&pc->lock, flags);
	while (pc->current_ring == p) {
		pc->dropped = true;
		was = true;
		spin_unlock_irqrestore(&pc->lock, flags);
		cpu_relax();
		spin_lock_irqsave(&pc->lock, flags);
	}
	if (p->polled) {
		was = true;
		list_del_init(&p->entry);
		p->polled = false;
	}
	spin_unlock_irqrestore(&pc->lock, flags);
	return was;
}
EXPORT_SYMBOL_GPL(tenon_poll_take);

/**
 * tenon_poll_stream() - has work come in quick succession?
 * @p: ring whose driver calls tenon_poll_distance()
 *
 * Called when the ring has run dry, before tenon_poll_distance().
 */
bool tenon_poll_stream(const struct tenon_poll *p)
{
	return local_clock() - READ_ONCE(p->rested_at) < STREAM_NS;
}
EXPORT_SYMBOL_GPL(tenon_poll_stream);

/**
 * tenon_poll_distance() - how far ahead to arm a ring that is polled or held
 * @p: ring that has run dry
 * @done: items taken from it since the last call
 *
 * An event for a full batch bounds what gathers while a task has the CPU, and the
 * batch grows with the stream.  The ring's serving context.
 *
 * Return: items after which the peer is to send an event.
 */
unsigned int tenon_poll_distance(struct tenon_poll *p, unsigned int done)
{
	unsigned int next = p->distance;

	if (!tenon_poll_stream(p))
		next = DISTANCE_MIN;
	else if (done >= p->distance)
		next *= 2;
	else if (done < p->distance / 4)
		next /= 2;
	p->distance = clamp(next, DISTANCE_MIN, DISTANCE_MAX);
	WRITE_ONCE(p->rested_at, local_clock());
	return p->distance;
}
EXPORT_SYMBOL_GPL(tenon_poll_distance);

/* Look once more, and give the ring back.  True if something had waited. */
static bool poll_last_look(struct tenon_poll *p)
{
	enum tenon_look found = p->look(p);
	bool late = found == TENON_LOOK_WORK || found == TENON_LOOK_TAKEN;

	if (found == TENON_LOOK_WORK || found == TENON_LOOK_IDLE)
		p->sleep(p);
	p->late += late;
	return late;
}

enum poll_step {
	POLL_LOOK,
	POLL_GIVE,
	POLL_GUARD, /* give, and see whether that was late */
};

/*
 * Runs @p's callback outside the lock, as pc->current_ring.  True if it was late.
 */
static bool poll_ring(struct tenon_poller *pc, struct tenon_poll *p,
		      enum poll_step step)
	__must_hold(&pc->lock)
{
	bool late = false;
	enum tenon_look found = TENON_LOOK_TAKEN;
	u64 now;

	list_del_init(&p->entry);
	pc->current_ring = p;
	pc->dropped = false;
	spin_unlock_irq(&pc->lock);

	/* What a callback raises (block completions, NAPI) runs right after. */
	local_bh_disable();
	if (step == POLL_LOOK) {
		found = p->look(p);
		now = local_clock();
		if (found == TENON_LOOK_WORK || found == TENON_LOOK_TAKEN) {
			p->hits++;
			p->last = now;
			p->holds = 0;
			poll_credit(p, true);
		} else if (found == TENON_LOOK_IDLE && !p->last) {
			p->last = now;
		} else if (found == TENON_LOOK_IDLE &&
			   now - p->last >= poll_window()) {
			p->misses++;
			poll_credit(p, false);
			p->sleep(p);
			found = TENON_LOOK_TAKEN;
		}
	} else if (step == POLL_GUARD) {
		late = poll_last_look(p);
	} else {
		p->sleep(p);
	}
	local_bh_enable();

	spin_lock_irq(&pc->lock);
	pc->current_ring = NULL;
	if (found == TENON_LOOK_TAKEN || found == TENON_LOOK_LEAVE ||
	    pc->dropped)
		smp_store_release(&p->polled, false);
	else
		list_add_tail(&p->entry, &pc->rings);
	return late;
}

static void poll_give_all(struct tenon_poller *pc)
	__must_hold(&pc->lock)
{
	struct tenon_poll *p;

	while ((p = list_first_entry_or_null(&pc->rings, struct tenon_poll,
					     entry)))
		poll_ring(pc, p, POLL_GIVE);
}

/*
 * The thread has not run for a tick: it may not for long.  A ring that its
 * driver has served meanwhile can go on like that.
 */
static void poll_guard(struct timer_list *t)
{
	struct tenon_poller *pc = container_of(t, struct tenon_poller, guard);
	struct tenon_poll *p;
	LIST_HEAD(todo);

	spin_lock_irq(&pc->lock);
	/*
	 * With a ring in its hands the thread runs, and has just let bottom halves
	 * in: who waits for that ring must not see it change hands.
	 */
	if (!pc->held || pc->current_ring)
		goto out;
	pc->held = false;
	list_splice_init(&pc->rings, &todo);
	while ((p = list_first_entry_or_null(&todo, struct tenon_poll,
					     entry))) {
		if (READ_ONCE(p->served)) {
			WRITE_ONCE(p->served, false);
			list_move_tail(&p->entry, &pc->rings);
			poll_hold(pc);
		} else if (poll_ring(pc, p, POLL_GUARD)) {
			pc->hold_after = local_clock() + LATE_PAUSE_NS;
		}
	}
out:
	spin_unlock_irq(&pc->lock);
}

/* Back after a yield: nobody has looked meanwhile, so no window has run. */
static void poll_resume(struct tenon_poller *pc)
	__must_hold(&pc->lock)
{
	struct tenon_poll *p;

	pc->held = false;
	list_for_each_entry(p, &pc->rings, entry)
		if (p->last && p->holds++ < HOLDS_MAX)
			p->last = 0;
}

static void poller_run(unsigned int cpu)
{
	struct tenon_poller *pc = this_cpu_ptr(&pollers);
	struct tenon_poll *p;

	preempt_disable();
	spin_lock_irq(&pc->lock);
	if (pc->held)
		poll_resume(pc);
	while ((p = list_first_entry_or_null(&pc->rings, struct tenon_poll,
					     entry))) {
		u64 now = local_clock();

		pc->held = false; /* whoever handed a ring over meanwhile set it */
		if (poll_cpu_stolen(pc, now)) {
			poll_give_all(pc);
			break;
		}
		if (need_resched()) {
			if (poll_may_hold(pc, now))
				poll_hold(pc);
			else
				poll_give_all(pc);
			break;
		}
		poll_ring(pc, p, POLL_LOOK);
		spin_unlock_irq(&pc->lock);
		cpu_relax();
		spin_lock_irq(&pc->lock);
	}
	spin_unlock_irq(&pc->lock);
	preempt_enable();
	cond_resched();
}

static int poller_should_run(unsigned int cpu)
{
	return !list_empty(&this_cpu_ptr(&pollers)->rings);
}

static void poller_activate(unsigned int cpu)
{
	struct tenon_poller *pc = per_cpu_ptr(&pollers, cpu);

	spin_lock_irq(&pc->lock);
	pc->active = true;
	spin_unlock_irq(&pc->lock);
}

static void poller_setup(unsigned int cpu)
{
	const struct sched_attr attr = { .sched_policy = SCHED_IDLE };

	sched_setattr_nocheck(current, &attr);
	poller_activate(cpu);
}

static void poller_park(unsigned int cpu)
{
	struct tenon_poller *pc = per_cpu_ptr(&pollers, cpu);

	preempt_disable();
	spin_lock_irq(&pc->lock);
	pc->active = false;
	pc->held = false;
	poll_give_all(pc);
	spin_unlock_irq(&pc->lock);
	preempt_enable();
}

static void poller_cleanup(unsigned int cpu, bool online)
{
	poller_park(cpu);
}

static struct smp_hotplug_thread poller_threads = {
	.store = &poller_tasks,
	.thread_should_run = poller_should_run,
	.thread_fn = poller_run,
	.setup = poller_setup,
	.cleanup = poller_cleanup,
	.park = poller_park,
	.unpark = poller_activate,
	.thread_comm = "tenon_poll/%u",
};

/* Start the pollers; from module init. */
int tenon_poll_setup(void)
{
	unsigned int cpu;

	for_each_possible_cpu(cpu) {
		struct tenon_poller *pc = per_cpu_ptr(&pollers, cpu);

		spin_lock_init(&pc->lock);
		INIT_LIST_HEAD(&pc->rings);
		timer_setup(&pc->guard, poll_guard, TIMER_PINNED);
	}
	return smpboot_register_percpu_thread(&poller_threads);
}

/* Stop the pollers; no ring is registered any more. */
void tenon_poll_teardown(void)
{
	unsigned int cpu;

	smpboot_unregister_percpu_thread(&poller_threads);
	for_each_possible_cpu(cpu)
		timer_shutdown_sync(&per_cpu_ptr(&pollers, cpu)->guard);
}
