/* SPDX-License-Identifier: MIT */
/* stats.c - counters and state on the console: debug keys, report at power-off */
#include "hypercall.h"

static void stats_dump_vcpu(struct vcpu *v)
{
	static const char *const state[] = { "running", "runnable", "blocked",
					     "offline" };
	struct vcpu_runstate_info info;

	vcpu_runstate(v, &info);
	pr_info("d%uv%u: %s on cpu %u, exits %lu, ms run %lu wait %lu idle %lu",
		v->domain->id, v->id, state[info.state],
		v->cpu ? v->cpu->id : 0, v->nr_exits,
		info.time[RUNSTATE_running] / 1000000,
		info.time[RUNSTATE_runnable] / 1000000,
		info.time[RUNSTATE_blocked] / 1000000);
}

static void stats_dump_domain(struct domain *d)
{
	pr_info("d%u: %lu frames of %lu, %lu of ours, %lu map tables, state %u",
		d->id, d->tot_pages, d->max_pages, d->xen_pages, d->p2m_tables,
		d->state);
	pr_info("d%u: events sent %lu, upcalls %lu, grant maps %lu unmaps %lu copies %lu, pool faults %lu",
		d->id, d->events_sent, d->upcalls, d->grant_maps,
		d->grant_unmaps, d->grant_copies, d->pool_faults);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		stats_dump_vcpu(d->vcpu[i]);
	for (unsigned int i = 0; i < NR_EXIT_COUNTERS; i++) {
		u64 n = 0;

		for (unsigned int j = 0; j < d->max_vcpus; j++)
			n += d->vcpu[j]->exits[i];
		if (n)
			pr_info("d%u: exit %s %lu", d->id,
				vmm_exit_name(i) ?: "?", n);
	}
	for (unsigned int i = 0; i < NR_HYPERCALLS; i++)
		if (d->hypercalls[i])
			pr_info("d%u: hypercall %s %lu", d->id,
				hypercall_name(i) ?: "?", d->hypercalls[i]);
}

void stats_dump_cpus(void)
{
	for (unsigned int i = 0; i < nr_cpus; i++) {
		struct cpu *c = &cpus[i];
		struct vcpu *v = READ_ONCE(c->vcpu);

		pr_info("cpu %u: %s d%uv%u, idle %lu ms, halts %lu, polls hit %lu, kicks sent %lu saved %lu, interrupts %lu",
			i, v ? "runs" : "idle", v ? v->domain->id : 0,
			v ? v->id : 0, c->idle_ns / 1000000, c->halts,
			c->polls_hit, c->kicks_sent, c->kicks_saved,
			c->interrupts);
	}
}

static void for_each_domain(void (*fn)(struct domain *d))
{
	struct domain *d;
	domid_t id = 0;

	while ((d = domain_get_from_id(id))) {
		fn(d);
		id = d->id + 1;
		domain_put(d);
	}
}

void stats_dump_all(void)
{
	pr_info("memory: %lu frames, %lu free in the pool", page_total_count(),
		page_free_count());
	stats_dump_cpus();
	for_each_domain(stats_dump_domain);
}

static void key_reboot(void)
{
	pr_info("reboot by console key");
	machine_reset();
}

static void key_evtchn(void)
{
	for_each_domain(evtchn_dump);
}

static void key_grant(void)
{
	for_each_domain(grant_dump);
}

static void key_help(void);

static const struct {
	char key;
	const char *what;
	void (*fn)(void);
} keys[] = {
	{ 'h', "this help", key_help },
	{ 'c', "CPUs: idle time, halts, kicks", stats_dump_cpus },
	{ 'q', "domains: exits, hypercalls, memory", stats_dump_all },
	{ 'e', "event channels", key_evtchn },
	{ 'g', "grant tables", key_grant },
	{ 'R', "reboot the machine", key_reboot },
};

static void key_help(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++)
		pr_info("key %c: %s", keys[i].key, keys[i].what);
}

void keyhandler(char key)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(keys); i++) {
		if (keys[i].key == key) {
			keys[i].fn();
			return;
		}
	}
	pr_info("key %c: unknown, h for help", key);
}
