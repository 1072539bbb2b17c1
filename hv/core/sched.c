/* SPDX-License-Identifier: MIT */
/*
 * sched.c - which vCPU runs where
 *
 * Policy: proportional share.  A vCPU's vruntime grows while it runs, slower
 * the more weight its domain has; a CPU that asks gets the queued vCPU with the
 * least vruntime among those allowed on it.  A woken vCPU goes to an idle CPU
 * if one is allowed; else it preempts the running vCPU that has had most, if
 * that is ahead by more than sched_ratelimit_us.  vCPUs that share a CPU take turns
 * every SLICE.  A sleeper keeps at most SLEEPER_CREDIT of what it did not use,
 * so that it runs soon when woken, but cannot save up.
 *
 * Caps: a domain with a cap has a budget of CPU time in each CAP_PERIOD, for
 * all its vCPUs together.  When it is used up the domain is parked until the
 * next period, whose budget pays for what was overrun.  The domain's timer
 * expires when either is due, and not at all while no vCPU of it runs.
 *
 * Mechanism: one queue and one lock.  A CPU is told to ask again by
 * need_resched and cpu_kick().  A vCPU is in exactly one of these states:
 * running (some CPU's current), queued, or neither (blocked, down, paused,
 * parked).
 *
 * Sleeping without losing a wake-up (barrier pair S): the sleeper stores
 * blocked, then a full barrier, then looks for pending events; whoever makes an
 * event pending does so, then a full barrier, then looks at blocked.
 */
#include "hypercall.h"
#include "options.h"

#define MS 1000000ULL
#define SLICE (10 * MS)
#define SLEEPER_CREDIT SLICE
#define MAX_LEAD (100 * MS)
#define WEIGHT_UNIT 256
#define CAP_PERIOD (10 * MS)
#define CAP_DEBT 10ULL /* budgets: nobody is parked for more periods */

u32 sched_ratelimit_us = 500;

static struct spinlock sched_lock;
static struct cpumask to_kick; /* when the lock is let go */
static struct list run_queue = { &run_queue, &run_queue };
static u64 floor_vruntime; /* what the least served vCPU has had; monotonic */

static struct {
	struct timer slice;
	bool armed;
} per_cpu[NR_CPUS];

static bool cpumask_test(const struct cpumask *m, unsigned int cpu)
{
	return test_bit(cpu, m->bits);
}

static u64 granularity(void)
{
	return READ_ONCE(sched_ratelimit_us) * 1000ULL;
}

static bool vcpu_runnable(const struct vcpu *v)
{
	return !v->pause_count && !v->down && !v->blocked && !v->domain->parked;
}

static enum runstate vcpu_state(const struct vcpu *v)
{
	if (v->running)
		return RUNSTATE_running;
	if (v->pause_count || v->down)
		return RUNSTATE_offline;
	return v->blocked ? RUNSTATE_blocked : RUNSTATE_runnable;
}

/* Time in the present state; the clocks of two CPUs may differ by a little. */
static u64 runstate_age(const struct vcpu *v, u64 now)
{
	return now > v->runstate_since ? now - v->runstate_since : 0;
}

static void runstate_update(struct vcpu *v, u64 now)
{
	v->runstate_ns[v->runstate] += runstate_age(v, now);
	v->runstate_since = max(v->runstate_since, now);
	v->runstate = vcpu_state(v);
}

/* vruntime including the stretch that is under way. */
static u64 vcpu_vruntime(const struct vcpu *v, u64 now)
{
	u64 ran = v->running ? runstate_age(v, now) : 0;

	return v->vruntime + ran * WEIGHT_UNIT / v->domain->weight;
}

/* Charge the running vCPU for the time since it was last looked at. */
static void sched_charge(struct vcpu *v, u64 now)
{
	if (v->domain->cap)
		v->domain->cap_used += runstate_age(v, now);
	v->vruntime = vcpu_vruntime(v, now);
	runstate_update(v, now);
}

/* The same for all of @d that run; returns how many those are. */
static unsigned int sched_charge_domain(struct domain *d, u64 now)
{
	unsigned int running = 0;

	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct vcpu *v = cpus[i].vcpu;

		if (v && v->domain == d) {
			sched_charge(v, now);
			running++;
		}
	}
	return running;
}

static void floor_update(u64 now)
{
	u64 least = ~0ULL;
	struct vcpu *v;

	list_for_each_entry(v, &run_queue, run_link)
		least = min(least, v->vruntime);
	for (unsigned int i = 0; i < nr_cpus; i++)
		if (cpus[i].vcpu)
			least = min(least, vcpu_vruntime(cpus[i].vcpu, now));
	if (least != ~0ULL)
		floor_vruntime = max(floor_vruntime, least);
}

/* Under the lock; the kick follows in sched_unlock(). */
static void cpu_resched(struct cpu *c)
{
	WRITE_ONCE(c->need_resched, true);
	if (c != this_cpu())
		to_kick.bits[c->id / 64] |= 1ULL << (c->id % 64);
}

/*
 * Sending an interrupt takes long, on an emulator above all: not while others
 * wait for the lock.
 */
static void sched_unlock(void)
{
	struct cpumask kick = to_kick;

	memset(&to_kick, 0, sizeof(to_kick));
	spin_unlock(&sched_lock);
	for (unsigned int i = 0; i < ARRAY_SIZE(kick.bits); i++)
		for (u64 w = kick.bits[i]; w; w &= w - 1)
			cpu_kick(&cpus[i * 64 + ffs64(w)]);
}

/* An idle CPU that may run @v and was not called already. */
static struct cpu *find_idle(const struct vcpu *v)
{
	struct cpu *found = NULL;

	if (v->cpu && !v->cpu->vcpu && !v->cpu->need_resched &&
	    cpumask_test(&v->hard, v->cpu->id))
		return v->cpu;
	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];

		if (!c->online || c->vcpu || c->need_resched ||
		    !cpumask_test(&v->hard, i))
			continue;
		if (cpumask_test(&v->soft, i))
			return c;
		found = c;
	}
	return found;
}

/*
 * Find a CPU for a vCPU that waits, and make it ask.  One with need_resched set
 * is about to look at the queue anyway.
 */
static void sched_place(struct vcpu *v, u64 now)
{
	struct cpu *c = find_idle(v);
	u64 most = 0;

	if (c) {
		cpu_resched(c);
		return;
	}
	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct vcpu *r = cpus[i].vcpu;
		u64 had;

		if (!r || cpus[i].need_resched || !cpumask_test(&v->hard, i))
			continue;
		had = vcpu_vruntime(r, now);
		if (!c || had > most) {
			c = &cpus[i];
			most = had;
		}
	}
	/* Without a slice timer it would not look at the queue in time. */
	if (c && (most > v->vruntime + granularity() || !per_cpu[c->id].armed))
		cpu_resched(c);
}

static void sched_enqueue(struct vcpu *v, u64 now)
{
	u64 least;

	floor_update(now);
	least = floor_vruntime - min(floor_vruntime, SLEEPER_CREDIT);
	v->vruntime = max(v->vruntime, least);
	v->vruntime = min(v->vruntime, floor_vruntime + MAX_LEAD);
	v->queued = true;
	list_add_tail(&v->run_link, &run_queue);
	runstate_update(v, now);
	sched_place(v, now);
}

static void sched_dequeue(struct vcpu *v)
{
	v->queued = false;
	list_del(&v->run_link);
}

/* Something about @v's right to run changed. */
static void sched_update(struct vcpu *v)
{
	u64 now = now_ns();

	if (v->running) {
		if (!vcpu_runnable(v))
			cpu_resched(v->cpu);
		return;
	}
	if (vcpu_runnable(v) && !v->queued) {
		sched_enqueue(v, now);
	} else if (!vcpu_runnable(v) && v->queued) {
		sched_dequeue(v);
		runstate_update(v, now);
	} else {
		runstate_update(v, now);
	}
}

void vcpu_wake(struct vcpu *v)
{
	spin_lock(&sched_lock);
	if (v->blocked) {
		v->blocked = false;
		sched_update(v);
	}
	sched_unlock();
}

void vcpu_kick(struct vcpu *v)
{
	struct cpu *c;

	smp_mb(); /* barrier S; also with the entry sequence of vmm_run() */
	if (READ_ONCE(v->blocked)) {
		vcpu_wake(v);
		return;
	}
	c = READ_ONCE(v->cpu);
	if (READ_ONCE(v->running) && c != this_cpu() &&
	    (READ_ONCE(c->guest_epoch) & 1))
		cpu_kick(c);
}

void vcpu_block(void)
{
	struct vcpu *v = current;

	/* If an earlier poll was ended by something else than its ports. */
	WRITE_ONCE(v->polling_ports, false);
	WRITE_ONCE(v->blocked, true);
	smp_mb(); /* barrier S */
	if (vcpu_events_pending(v) || vmm_interrupt_pending(v))
		vcpu_wake(v);
	else
		WRITE_ONCE(this_cpu()->need_resched, true);
}

void vcpu_yield(void)
{
	struct cpu *c = this_cpu();
	struct vcpu *v = c->vcpu;
	struct vcpu *q;

	spin_lock(&sched_lock);
	/* Behind everyone who waits for this CPU, far enough to let go of it. */
	list_for_each_entry(q, &run_queue, run_link)
		if (cpumask_test(&q->hard, c->id))
			v->vruntime = max(v->vruntime,
					  q->vruntime + granularity() + 1);
	WRITE_ONCE(c->need_resched, true);
	sched_unlock();
}

void vcpu_pause_nosync(struct vcpu *v)
{
	spin_lock(&sched_lock);
	v->pause_count++;
	sched_update(v);
	sched_unlock();
}

void vcpu_pause(struct vcpu *v)
{
	vcpu_pause_nosync(v);
	/* Its CPU was kicked; it leaves the guest and lets go of @v. */
	while (v != current && load_acquire(&v->running))
		cpu_relax();
}

void vcpu_unpause(struct vcpu *v)
{
	spin_lock(&sched_lock);
	if (v->pause_count) {
		v->pause_count--;
		sched_update(v);
	}
	sched_unlock();
}

void vcpu_set_down(struct vcpu *v, bool down)
{
	spin_lock(&sched_lock);
	v->down = down;
	if (!down) {
		v->blocked = false;
		v->started = true;
	}
	sched_update(v);
	sched_unlock();
}

void vcpu_forget(struct vcpu *v)
{
	/* A CPU may still name it as the one whose registers it has. */
	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct vcpu *loaded = v;

		__atomic_compare_exchange_n(&cpus[i].loaded, &loaded, NULL,
					    false, __ATOMIC_RELAXED,
					    __ATOMIC_RELAXED);
	}
}

int vcpu_set_affinity(struct vcpu *v, const struct cpumask *hard,
		      const struct cpumask *soft)
{
	bool any = !hard;

	for (unsigned int i = 0; hard && i < nr_cpus; i++)
		any |= cpumask_test(hard, i);
	if (!any)
		return -EINVAL;
	spin_lock(&sched_lock);
	if (hard)
		v->hard = *hard;
	if (soft)
		v->soft = *soft;
	if (v->running && !cpumask_test(&v->hard, v->cpu->id))
		cpu_resched(v->cpu);
	else if (v->queued)
		sched_place(v, now_ns());
	sched_unlock();
	return 0;
}

void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
	spin_lock(&sched_lock);
	info->state = v->runstate;
	info->pad = 0;
	info->state_entry_time = v->runstate_since;
	memcpy(info->time, v->runstate_ns, sizeof(info->time));
	info->time[v->runstate] += runstate_age(v, now_ns());
	sched_unlock();
}

/*
 * The cap was set, one more vCPU of @d runs, or @d's timer expired: see whether
 * @d may run, and when that ends if all who run go on.
 */
static void cap_update(struct domain *d, u64 now)
{
	u64 budget = d->cap * CAP_PERIOD / 100;
	unsigned int running = sched_charge_domain(d, now);
	u64 next;
	bool parked;

	if (now >= d->cap_refill) {
		u64 periods = (now - d->cap_refill) / CAP_PERIOD + 1;

		d->cap_refill += periods * CAP_PERIOD;
		d->cap_used = min(d->cap_used, CAP_DEBT * budget);
		d->cap_used -= min(d->cap_used, min(periods, CAP_DEBT) * budget);
	}
	parked = d->cap && d->cap_used >= budget;
	if (d->parked != parked) {
		d->parked = parked;
		for (unsigned int i = 0; i < d->max_vcpus; i++)
			sched_update(d->vcpu[i]);
	}
	next = d->cap_refill;
	/* Rounded up: past the present in any case. */
	if (!parked && running)
		next = min(next, now + (budget - d->cap_used + running - 1) /
					       running);
	if (d->cap && (parked || running))
		timer_set(&d->cap_timer, next);
	else
		timer_cancel(&d->cap_timer);
}

static void cap_timer_expired(struct timer *t)
{
	spin_lock(&sched_lock);
	cap_update(container_of(t, struct domain, cap_timer), now_ns());
	sched_unlock();
}

void sched_domain_init(struct domain *d)
{
	d->weight = WEIGHT_UNIT;
	timer_init(&d->cap_timer, cap_timer_expired);
}

int sched_set_weight(struct domain *d, u32 weight, u32 cap)
{
	u64 now;

	if (!weight || weight > 65535 || cap > 100 * d->max_vcpus)
		return -EINVAL;
	spin_lock(&sched_lock);
	now = now_ns();
	/* Until now the old ones were in force. */
	sched_charge_domain(d, now);
	d->weight = weight;
	if (d->cap != cap) {
		d->cap = cap;
		d->cap_used = 0;
		d->cap_refill = now + CAP_PERIOD;
		cap_update(d, now);
	}
	sched_unlock();
	return 0;
}

bool hypercall_preempt(void)
{
	struct cpu *c = this_cpu();

	return READ_ONCE(c->need_resched) ||
	       READ_ONCE(c->timer_deadline) <= now_ns();
}

static void slice_over(struct timer *)
{
	WRITE_ONCE(this_cpu()->need_resched, true);
}

/* The queued vCPU this CPU should run; *more if others wait for it too. */
static struct vcpu *sched_best(const struct cpu *c, bool *more)
{
	struct vcpu *v, *best = NULL;

	*more = false;
	list_for_each_entry(v, &run_queue, run_link) {
		if (!cpumask_test(&v->hard, c->id))
			continue;
		*more = best != NULL;
		if (!best || v->vruntime < best->vruntime)
			best = v;
	}
	return best;
}

static void slice_arm(struct cpu *c, bool wanted, u64 now)
{
	if (wanted)
		timer_set(&per_cpu[c->id].slice, now + SLICE);
	else if (per_cpu[c->id].armed)
		timer_cancel(&per_cpu[c->id].slice);
	per_cpu[c->id].armed = wanted;
}

/* True if @v, running here, may stay. */
static bool sched_keep(struct cpu *c, struct vcpu *v)
{
	struct vcpu *best;
	bool more;
	bool keep;
	u64 now;

	spin_lock(&sched_lock);
	now = now_ns();
	/* What asked for this is judged below; what comes later asks again. */
	WRITE_ONCE(c->need_resched, false);
	sched_charge(v, now);
	best = sched_best(c, &more);
	keep = vcpu_runnable(v) && cpumask_test(&v->hard, c->id) &&
	       (!best || v->vruntime <= best->vruntime + granularity());
	if (keep)
		slice_arm(c, best != NULL, now);
	sched_unlock();
	return keep;
}

static void sched_release(struct cpu *c, struct vcpu *v)
{
	u64 now;

	spin_lock(&sched_lock);
	now = now_ns();
	sched_charge(v, now);
	c->vcpu = NULL;
	/* Pairs with vcpu_pause(): all of @v's state is in memory. */
	store_release(&v->running, false);
	runstate_update(v, now);
	if (vcpu_runnable(v))
		sched_enqueue(v, now);
	sched_unlock();
}

/*
 * Some are left waiting for a CPU that was taken.  Another one may be idle, or
 * run somebody without a slice timer who would keep it all for himself.
 */
static void sched_spread(u64 now)
{
	struct vcpu *v;

	list_for_each_entry(v, &run_queue, run_link)
		sched_place(v, now);
}

static struct vcpu *sched_pick(struct cpu *c)
{
	struct vcpu *v;
	bool more;
	u64 now;

	spin_lock(&sched_lock);
	now = now_ns();
	WRITE_ONCE(c->need_resched, false);
	v = sched_best(c, &more);
	if (v) {
		sched_dequeue(v);
		v->running = true;
		if (v->cpu != c) {
			v->cpu = c;
			v->migrated = true;
		}
		c->vcpu = v;
		runstate_update(v, now);
	}
	slice_arm(c, more, now);
	if (more)
		sched_spread(now);
	if (v && v->domain->cap)
		cap_update(v->domain, now);
	sched_unlock();
	return v;
}

/*
 * Nothing to run.  Poll for a while, since a halt costs the waker an interrupt
 * and us a late wake-up; how long adapts: it doubles when work came soon after
 * a halt, and halves when polling was in vain.  Barrier pair P: we clear
 * polling, then a full barrier, then look at need_resched; cpu_kick()'s caller
 * stores need_resched, then a full barrier, then looks at polling.
 */
static void sched_idle(struct cpu *c)
{
	u64 limit = opt.halt_poll_us * 1000;
	u64 start = now_ns();
	u64 now = start;
	u64 idle;

	WRITE_ONCE(c->polling, true);
	smp_mb(); /* barrier P */
	while (!READ_ONCE(c->need_resched) && now - start < c->halt_poll_ns) {
		cpu_irq_window();
		timer_run();
		cpu_relax();
		now = now_ns();
	}
	WRITE_ONCE(c->polling, false);
	smp_mb(); /* barrier P */
	if (READ_ONCE(c->need_resched)) {
		c->polls_hit++;
		c->idle_ns += now_ns() - start;
		return;
	}
	while (!READ_ONCE(c->need_resched)) {
		c->halts++;
		cpu_halt();
		timer_run();
		domain_reap();
	}
	idle = now_ns() - start;
	c->idle_ns += idle;
	if (idle > 2 * limit)
		c->halt_poll_ns /= 2;
	else
		c->halt_poll_ns = min(limit,
				      max(2 * c->halt_poll_ns, limit / 16));
}

void sched_loop(void)
{
	struct cpu *c = this_cpu();

	for (;;) {
		struct vcpu *v = sched_pick(c);

		if (!v) {
			sched_idle(c);
			continue;
		}
		if (c->loaded != v || v->migrated) {
			vmm_switch_in(v);
			c->loaded = v;
			v->migrated = false;
		}
		do {
			vcpu_update_runstate_area(v);
			while (!READ_ONCE(c->need_resched)) {
				vmm_run(v);
				timer_run();
				domain_reap();
			}
		} while (sched_keep(c, v));
		vmm_switch_out(v);
		sched_release(c, v);
	}
}

void sched_init(void)
{
	for (unsigned int i = 0; i < nr_cpus; i++) {
		timer_init(&per_cpu[i].slice, slice_over);
		cpus[i].halt_poll_ns = opt.halt_poll_us * 1000 / 16;
	}
}
