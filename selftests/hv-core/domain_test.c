// SPDX-License-Identifier: MIT
/*
 * domain_test.c - life and death of domains: what a start takes, the end returns
 *
 * The real domains, vCPUs, frames, maps, timers and scheduler; event channels and
 * grants are an object each that must be freed.  No vCPU runs.
 */
#include "host.h"
#include "options.h"

#define FRAMES ((RAM_END - RAM_START) >> PAGE_SHIFT)

struct options opt;
u64 tsc_base;
u32 tsc_to_ns_mul;
s8 tsc_to_ns_shift;

static struct vcpu admin; /* dom0's, who acts */
static struct domain admin_domain = { .privileged = true };
static unsigned int dom_exc; /* VIRQ_DOM_EXC sent */
static unsigned int kill_steps; /* how often evtchn_reset() wants more */

u64 now_ns(void)
{
	static u64 now;

	return now += 1000;
}

u64 wallclock_ns(void)
{
	return 1700000000000000000;
}

void cpu_timer_program(u64 deadline)
{
	(void)deadline;
}

void cpu_irq_window(void)
{
}

void cpu_halt(void)
{
}

void machine_reset(void)
{
	panic("reset");
}

void machine_poweroff(void)
{
	panic("power-off");
}

void stats_dump_all(void)
{
}

void stats_dump_cpus(void)
{
}

void printk_level(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void printk_guest(const char *fmt, ...)
{
	(void)fmt;
}

const struct cpu_policy *cpu_policy_host(void)
{
	static struct cpu_policy p;

	return &p;
}

const struct cpu_policy *cpu_policy_guest_default(void)
{
	return cpu_policy_host();
}

int vmm_vcpu_create(struct vcpu *v)
{
	v->arch = kzalloc(3000);
	return v->arch ? 0 : -ENOMEM;
}

void vmm_vcpu_destroy(struct vcpu *v)
{
	kfree(v->arch);
}

void vmm_switch_in(struct vcpu *v)
{
	(void)v;
}

void vmm_switch_out(struct vcpu *v)
{
	(void)v;
}

void vmm_run(struct vcpu *v)
{
	(void)v;
}

bool vmm_interrupt_pending(struct vcpu *v)
{
	(void)v;
	return false;
}

int evtchn_init(struct domain *d, u32 max_port)
{
	(void)max_port;
	d->evtchn = kzalloc(500);
	return d->evtchn ? 0 : -ENOMEM;
}

int evtchn_reset(struct domain *d)
{
	(void)d;
	if (kill_steps) {
		kill_steps--;
		return -ERESTART;
	}
	return 0;
}

void evtchn_free(struct domain *d)
{
	kfree(d->evtchn);
}

void evtchn_send_virq(struct vcpu *v, u32 virq)
{
	(void)v;
	(void)virq;
}

void evtchn_send_global_virq(u32 virq)
{
	dom_exc += virq == VIRQ_DOM_EXC;
}

void evtchn_vcpu_info_moved(struct vcpu *v)
{
	(void)v;
}

long evtchn_set_layout(struct domain *d, bool shared32)
{
	d->shared32 = shared32;
	return 0;
}

static struct page *grant_page[16];

int grant_init(struct domain *d)
{
	d->grant = kzalloc(100);
	if (!d->grant)
		return -ENOMEM;
	grant_page[d->id % 16] = page_alloc_xen(d);
	if (grant_page[d->id % 16])
		return 0;
	kfree(d->grant);
	d->grant = NULL;
	return -ENOMEM;
}

int grant_release_maps(struct domain *d)
{
	(void)d;
	return 0;
}

void grant_release_frames(struct domain *d)
{
	page_put(grant_page[d->id % 16]);
}

void grant_free(struct domain *d)
{
	kfree(d->grant);
}

int memory_release(struct domain *d)
{
	for (mfn_t m = pool_range[0].start; m < pool_range[0].end; m++) {
		struct page *pg = mfn_to_page(m);

		if (!page_get(pg, d))
			continue;
		page_give_up(pg);
		page_put(pg);
	}
	return 0;
}

static u64 at_start;

static struct domain *make(unsigned int vcpus)
{
	struct xen_domctl_createdomain cfg = { .max_vcpus = vcpus };
	int err = 1;
	struct domain *d = domain_create(DOMID_INVALID, &cfg, &err);

	CHECK((d != NULL) == (err == 0));
	if (d)
		d->max_pages = 2000;
	return d;
}

/* RAM at gfn 0..., in single frames and one superpage. */
static void furnish(struct domain *d)
{
	struct page *big = page_alloc(d, 9);

	REQUIRE(big);
	CHECK(!p2m_set(d, 512, page_to_mfn(big), 9, P2M_RAM));
	for (gfn_t g = 0; g < 50; g++) {
		struct page *pg = page_alloc(d, 0);

		REQUIRE(pg);
		CHECK(!p2m_set(d, g, page_to_mfn(pg), 0, P2M_RAM));
	}
}

static void no_leak(void)
{
	domain_reap();
	if (page_free_count() != at_start)
		printf("# %lu frames are missing\n",
		       at_start - page_free_count());
	CHECK(page_free_count() == at_start);
}

TEST(fifty_lives_leave_nothing_behind)
{
	for (unsigned int i = 0; i < 50; i++) {
		struct domain *d = make(1 + i % 8);

		REQUIRE(d);
		furnish(d);
		CHECK(!domain_toolstack_unpause(d));
		if (i % 3)
			domain_shutdown(d, SHUTDOWN_poweroff);
		CHECK(!domain_kill(d));
		no_leak();
	}
}

TEST(failing_at_any_point_takes_nothing)
{
	static void *hog[FRAMES];
	u64 n = 0, left;

	while ((hog[n] = page_alloc_virt()))
		n++;
	for (left = 0; left < 100; left++) {
		struct domain *d = make(3);

		if (d) {
			CHECK(!domain_kill(d));
			domain_reap();
			break;
		}
		domain_reap();
		CHECK(page_free_count() == left);
		page_free_virt(hog[--n], 0);
	}
	CHECK(left > 5 && left < 100);
	while (n)
		page_free_virt(hog[--n], 0);
	no_leak();
}

TEST(silly_configurations_are_refused)
{
	struct xen_domctl_createdomain cfg = { .max_vcpus = 0 };
	struct domain *d;
	int err;

	CHECK(!domain_create(5, &cfg, &err) && err == -EINVAL);
	cfg.max_vcpus = MAX_VCPUS + 1;
	CHECK(!domain_create(5, &cfg, &err) && err == -EINVAL);
	cfg.max_vcpus = 1;
	d = domain_create(7000, &cfg, &err);
	REQUIRE(d);
	CHECK(!domain_create(7000, &cfg, &err) && err == -EEXIST);
	CHECK(!domain_create(DOMID_SELF, &cfg, &err) && err);
	CHECK(!domain_kill(d));
	no_leak();
}

TEST(ids_are_not_used_again_soon)
{
	domid_t last = 0;

	for (int i = 0; i < 5; i++) {
		struct domain *d = make(1);

		REQUIRE(d);
		CHECK(d->id > last);
		last = d->id;
		CHECK(!domain_kill(d));
		domain_reap();
	}
	no_leak();
}

TEST(they_are_found_in_order_of_their_ids)
{
	static const domid_t ids[] = { 900, 300, 600 };
	struct xen_domctl_createdomain cfg = { .max_vcpus = 1 };
	struct domain *d[3], *found;
	domid_t next = 100;
	int err;

	for (int i = 0; i < 3; i++)
		REQUIRE((d[i] = domain_create(ids[i], &cfg, &err)));
	for (int i = 0; i < 3; i++) {
		found = domain_get_from_id(next);
		REQUIRE(found);
		CHECK(found->id == 300 * (i + 1));
		next = found->id + 1;
		domain_put(found);
	}
	CHECK(!domain_get_from_id(next));
	CHECK(!domain_get_by_id(301) && !domain_get_by_id(DOMID_INVALID));
	found = domain_get_by_id(600);
	CHECK(found == d[2]);
	domain_put(found);
	for (int i = 0; i < 3; i++)
		CHECK(!domain_kill(d[i]));
	no_leak();
}

TEST(a_reference_keeps_the_dead)
{
	struct domain *d = make(2), *found;
	domid_t id;

	REQUIRE(d);
	id = d->id;
	furnish(d);
	found = domain_get_by_id(id);
	CHECK(found == d);
	CHECK(!domain_kill(d));
	domain_reap();
	CHECK(d->state == DOMAIN_DEAD);
	CHECK(domain_info_flags(d) & XEN_DOMINF_dying);
	/* Whoever holds one may still ask it anything. */
	domain_set_wallclock(d);
	{
		enum p2m_type t;

		CHECK(!p2m_get_page(d, 3, false, &t));
		CHECK(!p2m_get_page(d, 600, false, &t));
	}
	CHECK(!domain_kill(d)); /* once more is nothing */
	domain_put(found);
	domain_reap();
	CHECK(!domain_get_by_id(id));
	no_leak();
}

TEST(a_mapped_frame_keeps_its_dead_owner)
{
	struct domain *d = make(1), *e = make(1);
	enum p2m_type t;
	struct page *pg;
	domid_t id;

	REQUIRE(d && e);
	id = d->id;
	furnish(d);
	pg = p2m_get_page(d, 7, true, &t);
	REQUIRE(pg);
	CHECK(!p2m_set(e, 99, page_to_mfn(pg), 0, P2M_FOREIGN));
	*(u64 *)page_to_virt(pg) = 42;
	CHECK(!domain_kill(d));
	domain_reap();
	CHECK(d->tot_pages == 1);
	CHECK(*(u64 *)page_to_virt(pg) == 42 && pg->owner == id);
	CHECK(!p2m_set(e, 99, INVALID_MFN, 0, P2M_NONE));
	domain_reap();
	{
		struct domain *gone = domain_get_by_id(id);

		CHECK(!gone);
	}
	CHECK(!domain_kill(e));
	no_leak();

	/* And when the one who maps it dies with the map. */
	d = make(1);
	e = make(1);
	REQUIRE(d && e);
	furnish(d);
	pg = p2m_get_page(d, 7, true, &t);
	REQUIRE(pg);
	CHECK(!p2m_set(e, 99, page_to_mfn(pg), 0, P2M_FOREIGN));
	CHECK(!domain_kill(d));
	CHECK(!domain_kill(e));
	no_leak();
}

TEST(killing_in_steps)
{
	struct domain *d = make(2);
	unsigned int before = dom_exc;

	REQUIRE(d);
	furnish(d);
	kill_steps = 3;
	for (int i = 0; i < 3; i++) {
		CHECK(domain_kill(d) == -ERESTART);
		CHECK(d->state == DOMAIN_DYING);
		CHECK(!page_alloc(d, 0)); /* nothing more for it */
	}
	CHECK(!domain_kill(d));
	no_leak();
	CHECK(dom_exc > before);
	CHECK(domain_kill(&admin_domain) == -EINVAL); /* oneself */
}

TEST(pausing_by_the_toolstack)
{
	struct domain *d = make(2);

	REQUIRE(d);
	CHECK(d->vcpu[0]->pause_count == 1 && d->vcpu[0]->down);
	CHECK(!domain_toolstack_pause(d)); /* it is already */
	CHECK(d->vcpu[0]->pause_count == 1);
	CHECK(!domain_toolstack_unpause(d));
	CHECK(d->vcpu[0]->pause_count == 0 && d->state == DOMAIN_ALIVE);
	CHECK(domain_toolstack_unpause(d) == -EINVAL);
	CHECK(!domain_toolstack_pause(d));
	CHECK(d->vcpu[1]->pause_count == 1);
	domain_shutdown(d, SHUTDOWN_reboot);
	domain_shutdown(d, SHUTDOWN_crash); /* the first counts */
	CHECK(d->shutdown_code == SHUTDOWN_reboot);
	CHECK(d->vcpu[1]->pause_count == 2);
	domain_resume(d);
	domain_resume(d);
	CHECK(!d->shutdown && d->vcpu[1]->pause_count == 1);
	CHECK(!domain_kill(d));
	no_leak();
}

/* As it runs, so that the timer for the end of its budget is armed. */
TEST(the_timer_of_a_cap_ends_with_the_domain)
{
	struct domain *d = make(2);

	REQUIRE(d);
	cpus[0].vcpu = d->vcpu[1];
	CHECK(!sched_set_weight(d, 256, 150));
	cpus[0].vcpu = &admin;
	CHECK(!list_empty(&cpus[0].timers));
	CHECK(!domain_kill(d));
	no_leak();
	CHECK(list_empty(&cpus[0].timers));
}

TEST(vcpu_info_is_placed_once)
{
	struct domain *d = make(2);
	struct vcpu *v;
	struct page *pg;

	REQUIRE(d);
	furnish(d);
	v = d->vcpu[1];
	CHECK(vcpu_place_info(v, 3, 4) == -EINVAL);
	CHECK(vcpu_place_info(v, 3, PAGE_SIZE - 8) == -EINVAL);
	CHECK(vcpu_place_info(v, 200, 0) == -EINVAL); /* nothing there */
	v->running = true;
	CHECK(vcpu_place_info(v, 3, 64) == -ERESTART);
	v->running = false;
	v->vcpu_info->evtchn_pending_sel = 0x1234;
	CHECK(!vcpu_place_info(v, 3, 64));
	CHECK(v->pause_count == 1);
	pg = v->vcpu_info_page;
	CHECK(pg && pg->refs == 2);
	CHECK((char *)v->vcpu_info == (char *)page_to_virt(pg) + 64);
	CHECK(v->vcpu_info->evtchn_pending_sel == 0x1234); /* came along */
	CHECK(vcpu_place_info(v, 4, 64) == -EINVAL);
	CHECK(!domain_kill(d));
	no_leak();
}

/* What stands in the last 20 bytes of one page and then in another. */
static struct vcpu_runstate_info told(const struct guest_area *a)
{
	struct vcpu_runstate_info info;

	memcpy(&info, (char *)page_to_virt(a->page[0]) + PAGE_SIZE - 20, 20);
	memcpy((char *)&info + 20, page_to_virt(a->page[1]),
	       sizeof(info) - 20);
	return info;
}

TEST(run_states_are_told_where_the_guest_wants)
{
	struct domain *d = make(1);
	struct guest_area area = { .offset = PAGE_SIZE - 20 }, none = { 0 };
	struct vcpu_runstate_info seen, now;
	struct vcpu *v;

	REQUIRE(d);
	furnish(d);
	v = d->vcpu[0];
	/* Across two pages, which are not neighbours. */
	for (unsigned int i = 0; i < 2; i++) {
		enum p2m_type t;

		area.page[i] = p2m_get_page(d, 7 - 3 * i, true, &t);
		REQUIRE(area.page[i]);
	}
	v->runstate_ns[RUNSTATE_offline] = 12345;
	vcpu_place_runstate(v, &area, VCPU_RUNSTATE_ENTRY);
	seen = told(&area);
	vcpu_runstate(v, &now);
	CHECK(seen.state == RUNSTATE_offline && now.state == seen.state);
	CHECK(seen.state_entry_time == now.state_entry_time);
	CHECK(seen.time[RUNSTATE_offline] >= 12345);
	CHECK(seen.time[RUNSTATE_offline] <= now.time[RUNSTATE_offline]);
	CHECK(!((char *)page_to_virt(area.page[1]))[28]); /* and no more */

	d->runstate_update_flag = true;
	vcpu_update_runstate_area(v);
	seen = told(&area);
	CHECK(seen.state_entry_time == now.state_entry_time); /* no mark left */

	/* Another place, none, and one when the domain dies. */
	CHECK(area.page[0]->refs == 2);
	vcpu_place_runstate(v, &none, VCPU_RUNSTATE_ENTRY);
	CHECK(area.page[0]->refs == 1 && area.page[1]->refs == 1);
	CHECK(page_get(area.page[0], d) && page_get(area.page[1], d));
	vcpu_place_runstate(v, &area, VCPU_RUNSTATE_ENTRY);
	CHECK(!domain_kill(d));
	no_leak();
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(fifty_lives_leave_nothing_behind),
		TAP_TEST(failing_at_any_point_takes_nothing),
		TAP_TEST(silly_configurations_are_refused),
		TAP_TEST(ids_are_not_used_again_soon),
		TAP_TEST(they_are_found_in_order_of_their_ids),
		TAP_TEST(a_reference_keeps_the_dead),
		TAP_TEST(a_mapped_frame_keeps_its_dead_owner),
		TAP_TEST(killing_in_steps),
		TAP_TEST(pausing_by_the_toolstack),
		TAP_TEST(the_timer_of_a_cap_ends_with_the_domain),
		TAP_TEST(vcpu_info_is_placed_once),
		TAP_TEST(run_states_are_told_where_the_guest_wants),
	};
	struct xen_domctl_createdomain cfg = { .max_vcpus = 1 };
	int err;

	host_init();
	list_init(&cpus[0].timers);
	sched_init();
	admin.domain = &admin_domain;
	cpus[0].vcpu = &admin;
	/* The tables of domains stay for good: one for each page full of ids. */
	for (domid_t id = 1; id < DOMID_FIRST_RESERVED; id += 500) {
		struct domain *d = domain_create(id, &cfg, &err);

		if (!d || domain_kill(d))
			abort();
		domain_reap();
	}
	at_start = page_free_count();
	return tap_run(tests, ARRAY_SIZE(tests));
}
