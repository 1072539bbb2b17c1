/* SPDX-License-Identifier: MIT */
/*
 * domain.c - life and death of domains
 *
 * References: the creator's (dropped when the domain has been torn down), one
 * for all its frames together, and short ones by domain_get_by_id().
 */
#include "hypercall.h"

#define NR_DOMIDS DOMID_FIRST_RESERVED
#define IDS_PER_PAGE (PAGE_SIZE / sizeof(struct domain *))

struct domain *dom0;
struct list domain_list = { &domain_list, &domain_list };
struct spinlock domain_list_lock;

/* By id, in pages that are made when an id of theirs is first used. */
static struct domain **domain_table[DIV_ROUND_UP(NR_DOMIDS, IDS_PER_PAGE)];
static domid_t last_domid;

static struct list reap_list = { &reap_list, &reap_list };
static struct spinlock reap_lock;

/* NULL if no id near it was ever used. */
static struct domain **domain_slot(domid_t id)
{
	struct domain **page = domain_table[id / IDS_PER_PAGE];

	return page ? &page[id % IDS_PER_PAGE] : NULL;
}

static struct domain **domain_slot_make(domid_t id)
{
	if (!domain_slot(id))
		domain_table[id / IDS_PER_PAGE] = page_alloc_virt();
	return domain_slot(id);
}

struct domain *domain_of_frame(domid_t owner)
{
	return *domain_slot(owner);
}

void domain_get(struct domain *d)
{
	__atomic_fetch_add(&d->refs, 1, __ATOMIC_RELAXED);
}

static bool domain_try_get(struct domain *d)
{
	u32 refs = READ_ONCE(d->refs);

	do {
		if (!refs)
			return false;
	} while (!__atomic_compare_exchange_n(&d->refs, &refs, refs + 1, false,
					      __ATOMIC_ACQUIRE,
					      __ATOMIC_RELAXED));
	return true;
}

void domain_put(struct domain *d)
{
	if (__atomic_fetch_sub(&d->refs, 1, __ATOMIC_SEQ_CST) != 1)
		return;
	spin_lock(&reap_lock);
	list_add_tail(&d->reap_link, &reap_list);
	spin_unlock(&reap_lock);
}

static struct domain *domain_get_locked(domid_t id)
{
	struct domain **slot = id < NR_DOMIDS ? domain_slot(id) : NULL;
	struct domain *d = slot ? *slot : NULL;

	/* One that is still being made is in the table, not in the list. */
	return d && !list_empty(&d->link) && domain_try_get(d) ? d : NULL;
}

struct domain *domain_get_by_id(domid_t id)
{
	struct domain *d;

	if (id == DOMID_SELF)
		id = current->domain->id;
	spin_lock(&domain_list_lock);
	d = domain_get_locked(id);
	spin_unlock(&domain_list_lock);
	return d;
}

struct domain *domain_get_from_id(domid_t id)
{
	struct domain *d, *found = NULL;

	spin_lock(&domain_list_lock);
	list_for_each_entry(d, &domain_list, link) {
		if (d->id >= id && domain_try_get(d)) {
			found = d;
			break;
		}
	}
	spin_unlock(&domain_list_lock);
	return found;
}

/* Reserve an id: from here on the domain can own frames. */
static int domain_reserve_id(struct domain *d, domid_t want)
{
	struct domain **slot;
	domid_t id = want;
	int err = 0;

	spin_lock(&domain_list_lock);
	if (want == DOMID_INVALID) {
		/* Ids are not reused soon: old handles must not fit. */
		for (u32 i = 1; i < NR_DOMIDS; i++) {
			id = 1 + (last_domid + i - 1) % (NR_DOMIDS - 1);
			slot = domain_slot(id);
			if (!slot || !*slot)
				break;
		}
	}
	slot = id < NR_DOMIDS ? domain_slot_make(id) : NULL;
	if (!slot || *slot) {
		err = want < NR_DOMIDS && slot ? -EEXIST : -ENOMEM;
		goto out;
	}
	if (want == DOMID_INVALID)
		last_domid = id;
	d->id = id;
	*slot = d;
out:
	spin_unlock(&domain_list_lock);
	return err;
}

static void domain_list_insert(struct domain *d)
{
	struct domain *at;

	spin_lock(&domain_list_lock);
	list_for_each_entry(at, &domain_list, link)
		if (at->id > d->id)
			break;
	list_add_before(&d->link, &at->link);
	spin_unlock(&domain_list_lock);
}

static void domain_free(struct domain *d)
{
	spin_lock(&domain_list_lock);
	list_del(&d->link);
	*domain_slot(d->id) = NULL;
	spin_unlock(&domain_list_lock);

	timer_destroy(&d->cap_timer);
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		if (d->vcpu[i])
			vcpu_destroy(d->vcpu[i]);
	if (d->evtchn)
		evtchn_free(d);
	if (d->grant)
		grant_free(d);
	/* Not before: whoever has a reference may be walking the map. */
	p2m_destroy(d);
	kfree(d->policy);
	kfree(d);
}

void domain_reap(void)
{
	while (!list_empty(&reap_list)) {
		struct domain *d = NULL;

		spin_lock(&reap_lock);
		if (!list_empty(&reap_list)) {
			d = list_entry(reap_list.next, struct domain,
				       reap_link);
			list_del(&d->reap_link);
		}
		spin_unlock(&reap_lock);
		if (!d)
			return;
		domain_free(d);
		evtchn_send_global_virq(VIRQ_DOM_EXC);
	}
}

/* What holds frames or others' references; the structure itself stays. */
static void domain_release(struct domain *d)
{
	struct page *pg;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (!v)
			continue;
		timer_cancel(&v->singleshot);
		timer_cancel(&v->poll_timeout);
		vcpu_release_places(v);
	}
	if (d->grant)
		grant_release_frames(d);
	spin_lock(&d->lock);
	pg = d->shared_info_page;
	d->shared_info_page = NULL;
	d->shared_info = NULL;
	spin_unlock(&d->lock);
	if (pg)
		page_put(pg);
}

struct domain *domain_create(domid_t id,
			     const struct xen_domctl_createdomain *cfg,
			     int *err)
{
	struct domain *d;

	*err = -EINVAL;
	if (!cfg->max_vcpus || cfg->max_vcpus > MAX_VCPUS)
		return NULL;
	*err = -ENOMEM;
	d = kzalloc(sizeof(*d));
	if (!d)
		return NULL;
	d->refs = 1;
	list_init(&d->link);
	list_init(&d->reap_link);
	d->max_vcpus = cfg->max_vcpus;
	d->create_flags = cfg->flags;
	d->ssidref = cfg->ssidref;
	d->max_evtchn_port = cfg->max_evtchn_port;
	d->max_grant_frames = cfg->max_grant_frames;
	d->max_maptrack_frames = cfg->max_maptrack_frames;
	sched_domain_init(d);
	d->toolstack_paused = true;
	memcpy(d->handle, cfg->handle, sizeof(d->handle));

	*err = domain_reserve_id(d, id);
	if (*err) {
		kfree(d);
		return NULL;
	}

	*err = -ENOMEM;
	d->policy = kzalloc(sizeof(*d->policy));
	if (!d->policy || p2m_init(d))
		goto fail;
	*d->policy = *(d->id ? cpu_policy_guest_default() : cpu_policy_host());
	d->shared_info_page = page_alloc_xen(d);
	if (!d->shared_info_page)
		goto fail;
	d->shared_info = page_to_virt(d->shared_info_page);
	*err = evtchn_init(d, cfg->max_evtchn_port);
	if (*err)
		goto fail;
	*err = grant_init(d);
	if (*err)
		goto fail;
	*err = -ENOMEM;
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		d->vcpu[i] = vcpu_create(d, i);
		if (!d->vcpu[i])
			goto fail;
	}
	domain_set_wallclock(d);
	domain_list_insert(d);
	*err = 0;
	return d;

fail:
	d->state = DOMAIN_DEAD;
	domain_release(d);
	domain_put(d);
	return NULL;
}

void domain_pause(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		vcpu_pause(d->vcpu[i]);
}

static void domain_pause_nosync(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		vcpu_pause_nosync(d->vcpu[i]);
}

void domain_unpause(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++)
		vcpu_unpause(d->vcpu[i]);
}

int domain_toolstack_pause(struct domain *d)
{
	bool already;

	if (d == current->domain)
		return -EINVAL;
	spin_lock(&d->lock);
	already = d->toolstack_paused;
	d->toolstack_paused = true;
	spin_unlock(&d->lock);
	if (!already)
		domain_pause(d);
	return 0;
}

int domain_toolstack_unpause(struct domain *d)
{
	bool was;

	spin_lock(&d->lock);
	was = d->toolstack_paused && d->state < DOMAIN_DYING;
	if (was) {
		d->toolstack_paused = false;
		d->state = DOMAIN_ALIVE;
	}
	spin_unlock(&d->lock);
	if (!was)
		return -EINVAL;
	domain_unpause(d);
	return 0;
}

static void dom0_shutdown(u8 code) __noreturn;
static void dom0_shutdown(u8 code)
{
	pr_info("dom0 shut down with code %u", code);
	if (code == SHUTDOWN_crash)
		stats_dump_cpus();
	stats_dump_all();
	if (code == SHUTDOWN_reboot)
		machine_reset();
	machine_poweroff();
}

void domain_shutdown(struct domain *d, u8 code)
{
	bool first;

	if (d->privileged)
		dom0_shutdown(code);
	spin_lock(&d->lock);
	first = !d->shutdown && d->state < DOMAIN_DYING;
	if (first) {
		d->shutdown = true;
		d->shutdown_code = code;
	}
	spin_unlock(&d->lock);
	if (!first)
		return;
	domain_pause_nosync(d);
	evtchn_send_global_virq(VIRQ_DOM_EXC);
}

void domain_crash(struct domain *d, const char *fmt, ...)
{
	char why[160];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	/* Once or so in a domain's life: no other's noise shall drown it. */
	if (!READ_ONCE(d->shutdown))
		pr_warn("d%u crashed: %s", d->id, why);
	domain_shutdown(d, SHUTDOWN_crash);
}

int domain_resume(struct domain *d)
{
	bool was;

	if (d == current->domain)
		return -EINVAL;
	spin_lock(&d->lock);
	was = d->shutdown && d->state < DOMAIN_DYING;
	d->shutdown = false;
	d->shutdown_code = 0;
	spin_unlock(&d->lock);
	if (was)
		domain_unpause(d);
	return 0;
}

static int domain_kill_steps(struct domain *d)
{
	int err;

	err = evtchn_reset(d);
	if (!err)
		err = grant_release_maps(d);
	if (!err)
		err = memory_release(d);
	if (err)
		return err;
	domain_release(d);
	return 0;
}

int domain_kill(struct domain *d)
{
	bool first;
	int err;

	if (d == current->domain || d->privileged)
		return -EINVAL;
	spin_lock(&d->lock);
	if (d->killing) {
		spin_unlock(&d->lock);
		return -ERESTART;
	}
	if (d->state == DOMAIN_DEAD) {
		spin_unlock(&d->lock);
		return 0;
	}
	first = d->state != DOMAIN_DYING;
	d->killing = true;
	/*
	 * page_assign() looks at the state under page_lock: after this nothing
	 * more is given to the domain.
	 */
	spin_lock(&d->page_lock);
	d->state = DOMAIN_DYING;
	spin_unlock(&d->page_lock);
	spin_unlock(&d->lock);

	if (first)
		domain_pause(d);
	err = domain_kill_steps(d);

	spin_lock(&d->lock);
	if (!err)
		d->state = DOMAIN_DEAD;
	d->killing = false;
	spin_unlock(&d->lock);
	if (err)
		return err;
	evtchn_send_global_virq(VIRQ_DOM_EXC);
	domain_put(d);
	return 0;
}

u32 domain_info_flags(struct domain *d)
{
	u32 flags = XEN_DOMINF_hvm_guest | XEN_DOMINF_hap;
	bool blocked = true;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu *v = d->vcpu[i];

		if (READ_ONCE(v->down))
			continue;
		if (!READ_ONCE(v->blocked))
			blocked = false;
		if (READ_ONCE(v->running))
			flags |= XEN_DOMINF_running;
	}
	if (blocked)
		flags |= XEN_DOMINF_blocked;
	if (d->state >= DOMAIN_DYING)
		flags |= XEN_DOMINF_dying;
	if (d->toolstack_paused)
		flags |= XEN_DOMINF_paused;
	if (d->shutdown)
		flags |= XEN_DOMINF_shutdown |
			 (u32)d->shutdown_code << XEN_DOMINF_shutdownshift;
	return flags;
}

u64 domain_cpu_ns(struct domain *d)
{
	u64 ns = 0;

	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct vcpu_runstate_info info;

		vcpu_runstate(d->vcpu[i], &info);
		ns += info.time[RUNSTATE_running];
	}
	return ns;
}

void domain_set_wallclock(struct domain *d)
{
	u64 ns = wallclock_ns() + d->time_offset_s * 1000000000LL;
	struct shared_info32 *s32;
	struct shared_info *s;
	u32 version, *wc, *hi;

	spin_lock(&d->lock);
	s = d->shared_info;
	if (!s)
		goto out; /* torn down */
	s32 = (struct shared_info32 *)s;
	wc = d->shared32 ? &s32->wc_version : &s->wc_version;
	hi = d->shared32 ? &s32->wc_sec_hi : &s->wc_sec_hi;
	version = READ_ONCE(wc[0]) | 1;
	/*
	 * Odd while in flux; the guest re-reads when it changed.  The release
	 * stores pair with the read barriers of the guest's clock code.
	 */
	WRITE_ONCE(wc[0], version);
	smp_mb(); /* with the guest's second read barrier */
	WRITE_ONCE(wc[1], (u32)(ns / 1000000000));
	WRITE_ONCE(wc[2], (u32)(ns % 1000000000));
	WRITE_ONCE(*hi, (u32)(ns / 1000000000 >> 32));
	store_release(&wc[0], version + 1);
out:
	spin_unlock(&d->lock);
}

long domain_set_layout(struct domain *d, bool shared32)
{
	long err = evtchn_set_layout(d, shared32);

	if (!err)
		domain_set_wallclock(d); /* it stands elsewhere now */
	return err;
}
