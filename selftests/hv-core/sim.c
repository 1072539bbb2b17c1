// SPDX-License-Identifier: MIT
/* sim.c - see sim.h */
#define _GNU_SOURCE
#include <asm/prctl.h>
#include <sys/syscall.h>
#include <ucontext.h>
#include <unistd.h>

#include "sim.h"

#define STACK_BYTES (256 * 1024)
#define MAX_GUESTS 32

u64 sim_now = SEC;
u64 sim_idle_waste;
u64 sim_skew[SIM_CPUS];
void (*sim_switch_hook)(struct vcpu *v);
void (*sim_keep_hook)(struct vcpu *v);
struct options opt;

/* A CPU waits until @until, or until it is kicked if it can be. */
static struct {
	ucontext_t context;
	u64 until;
	bool halted;
} coroutine[SIM_CPUS];

static ucontext_t main_context;
static int on_cpu = -1; /* whose coroutine runs, -1: the test itself */
static struct guest *guests[MAX_GUESTS];
static unsigned int nr_guests;
static struct cpu outside; /* what the test is: one that runs nobody */

static void set_gs(struct cpu *c)
{
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, c))
		abort();
}

static struct guest *guest_of(struct vcpu *v)
{
	return container_of(v, struct guest, v);
}

u64 now_ns(void)
{
	return sim_now + (on_cpu >= 0 ? sim_skew[on_cpu] : 0);
}

/* Leave the CPU's coroutine until @until, or a kick. */
static void cpu_pass(u64 until)
{
	int me = on_cpu;

	coroutine[me].until = until;
	swapcontext(&coroutine[me].context, &main_context);
}

static void resume(int cpu)
{
	on_cpu = cpu;
	set_gs(&cpus[cpu]);
	swapcontext(&main_context, &coroutine[cpu].context);
	on_cpu = -1;
	set_gs(&outside);
}

/* True for a CPU that nobody uses although it could run @v. */
static bool cpu_wasted_on(unsigned int cpu, const struct vcpu *v)
{
	return coroutine[cpu].halted && !cpus[cpu].need_resched &&
	       test_bit(cpu, v->hard.bits);
}

static void look_for_waste(u64 passed)
{
	static u64 since;
	bool any = false;

	for (unsigned int i = 0; i < nr_guests; i++)
		for (unsigned int c = 0; c < nr_cpus; c++)
			any |= guests[i]->v.queued &&
			       cpu_wasted_on(c, &guests[i]->v);
	since = any ? since + passed : 0;
	sim_idle_waste = max(sim_idle_waste, since);
}

void guest_event(struct guest *g)
{
	if (READ_ONCE(g->v.blocked)) {
		g->woken_at = sim_now;
		g->wakes++;
	}
	g->info.evtchn_upcall_pending = 1;
	vcpu_kick(&g->v);
}

/* To the next time at which anything happens, but not beyond @limit. */
static void step(u64 limit)
{
	u64 next = limit;

	for (unsigned int i = 0; i < nr_cpus; i++)
		next = min(next, coroutine[i].until);
	for (unsigned int i = 0; i < nr_guests; i++)
		next = min(next, guests[i]->wake_at);
	next = min(next, outside.timer_deadline);
	if (next > sim_now) {
		look_for_waste(next - sim_now);
		sim_now = next;
	}
	for (unsigned int i = 0; i < nr_guests; i++) {
		if (guests[i]->wake_at <= sim_now) {
			guests[i]->wake_at = ~0UL;
			guest_event(guests[i]);
		}
	}
	for (unsigned int i = 0; i < nr_cpus; i++)
		if (coroutine[i].until <= sim_now)
			resume(i);
	timer_run();
}

/* Count what @g has run since it was last looked at. */
static void account(struct guest *g, unsigned int cpu)
{
	u64 ns = sim_now - g->entered;

	g->entered = sim_now;
	g->ran += ns;
	g->ran_on[cpu] += ns;
	g->left -= min(g->left, ns);
}

void sim_run(u64 ns)
{
	u64 end = sim_now + ns;

	while (sim_now < end)
		step(end);
	for (unsigned int i = 0; i < nr_cpus; i++)
		if (cpus[i].guest_epoch & 1)
			account(guest_of(cpus[i].vcpu), i);
}

/* Somebody spins: the others go on. */
void host_relax(void)
{
	if (on_cpu >= 0)
		cpu_pass(sim_now + US);
	else
		step(sim_now + US);
}

void cpu_kick(struct cpu *c)
{
	if (c == this_cpu())
		return;
	if (READ_ONCE(c->polling)) {
		this_cpu()->kicks_saved++;
		return;
	}
	/* An interrupt takes a while. */
	if (coroutine[c->id].until > sim_now + US)
		coroutine[c->id].until = sim_now + US;
}

void cpu_timer_program(u64 deadline)
{
	(void)deadline; /* the waits below look at timer_deadline */
}

void cpu_irq_window(void)
{
}

void cpu_halt(void)
{
	int me = on_cpu;

	coroutine[me].halted = true;
	cpu_pass(max(sim_now, this_cpu()->timer_deadline - sim_skew[me]));
	coroutine[me].halted = false;
}

void domain_reap(void)
{
}

void vcpu_update_runstate_area(struct vcpu *v)
{
	if (sim_keep_hook)
		sim_keep_hook(v);
}

void vmm_switch_in(struct vcpu *v)
{
	if (v->running != true || this_cpu()->vcpu != v)
		panic("switching to a vCPU that is not running here");
	if (!test_bit(this_cpu()->id, v->hard.bits))
		panic("running where it must not");
	if (sim_switch_hook)
		sim_switch_hook(v);
}

void vmm_switch_out(struct vcpu *v)
{
	(void)v;
}

bool vmm_interrupt_pending(struct vcpu *v)
{
	(void)v;
	return false;
}

/* The stretch is over: what does the guest do now? */
static void guest_acts(struct guest *g)
{
	g->left = g->run_ns;
	if (g->yields) {
		vcpu_yield();
	} else if (g->sleep_ns) {
		g->wake_at = sim_now + g->sleep_ns;
		vcpu_block();
	}
}

void vmm_run(struct vcpu *v)
{
	struct guest *g = guest_of(v);
	struct cpu *c = this_cpu();

	WRITE_ONCE(c->guest_epoch, c->guest_epoch + 1);
	smp_mb();
	if (READ_ONCE(c->need_resched)) {
		WRITE_ONCE(c->guest_epoch, c->guest_epoch + 1);
		return;
	}
	if (g->woken_at) {
		g->latest = max(g->latest, sim_now - g->woken_at);
		g->woken_at = 0;
	}
	g->info.evtchn_upcall_pending = 0; /* the guest takes its events */
	g->entered = sim_now;
	cpu_pass(min(sim_now + g->left,
		     max(sim_now, c->timer_deadline - sim_skew[c->id])));
	WRITE_ONCE(c->guest_epoch, c->guest_epoch + 1);
	account(g, c->id);
	if (!g->left)
		guest_acts(g);
}

u64 sim_kicks_saved(void)
{
	return outside.kicks_saved;
}

static struct guest *guest_make(struct domain *d, u64 run_ns, u64 sleep_ns)
{
	struct guest *g = calloc(1, sizeof(*g));

	if (!g || nr_guests == MAX_GUESTS)
		abort();
	g->v.domain = d;
	g->v.id = d->max_vcpus;
	d->vcpu[d->max_vcpus++] = &g->v;
	g->v.vcpu_info = &g->info;
	g->v.pause_count = 1;
	g->v.runstate = RUNSTATE_offline;
	g->v.runstate_since = now_ns();
	g->v.cpu = &cpus[nr_guests % nr_cpus];
	g->v.migrated = true;
	memset(&g->v.hard, 0xff, sizeof(g->v.hard));
	memset(&g->v.soft, 0xff, sizeof(g->v.soft));
	list_init(&g->v.run_link);
	g->run_ns = run_ns;
	g->sleep_ns = sleep_ns;
	g->left = run_ns;
	g->wake_at = ~0UL;
	guests[nr_guests++] = g;
	return g;
}

struct guest *guest_new(u32 weight, u64 run_ns, u64 sleep_ns)
{
	struct domain *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	sched_domain_init(d);
	d->weight = weight;
	return guest_make(d, run_ns, sleep_ns);
}

struct guest *guest_add(struct guest *first, u64 run_ns, u64 sleep_ns)
{
	return guest_make(first->v.domain, run_ns, sleep_ns);
}

void guest_start(struct guest *g)
{
	vcpu_unpause(&g->v);
}

void guest_pin(struct guest *g, u64 mask)
{
	struct cpumask m = { .bits = { mask } };

	CHECK(!vcpu_set_affinity(&g->v, &m, NULL));
}

void sim_end(void)
{
	for (unsigned int i = 0; i < nr_guests; i++) {
		vcpu_pause(&guests[i]->v);
		CHECK(!guests[i]->v.queued && !guests[i]->v.running);
	}
	sim_run(MS);
	for (unsigned int i = 0; i < nr_guests; i++) {
		struct domain *d = guests[i]->v.domain;

		vcpu_forget(&guests[i]->v);
		if (!--d->max_vcpus) {
			timer_destroy(&d->cap_timer);
			free(d);
		}
		free(guests[i]);
	}
	nr_guests = 0;
	sim_switch_hook = NULL;
	sim_keep_hook = NULL;
	sim_idle_waste = 0;
	memset(sim_skew, 0, sizeof(sim_skew));
}

void sim_init(void)
{
	nr_cpus = SIM_CPUS;
	outside.self = &outside;
	outside.id = NR_CPUS - 1;
	outside.timer_deadline = ~0UL;
	list_init(&outside.timers);
	set_gs(&outside);
	for (unsigned int i = 0; i < SIM_CPUS; i++) {
		struct cpu *c = &cpus[i];
		ucontext_t *u = &coroutine[i].context;

		c->self = c;
		c->id = i;
		c->online = true;
		list_init(&c->timers);
		if (getcontext(u))
			abort();
		u->uc_stack.ss_sp = malloc(STACK_BYTES);
		u->uc_stack.ss_size = STACK_BYTES;
		makecontext(u, (void (*)(void))sched_loop, 0);
	}
	sched_init();
}
