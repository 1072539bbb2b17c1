/* SPDX-License-Identifier: MIT */
/* vcpu.c - virtual CPUs: making, shared areas, timers */
#include "hypercall.h"
#include "options.h"

static void vcpu_singleshot_fired(struct timer *t)
{
	evtchn_send_virq(container_of(t, struct vcpu, singleshot), VIRQ_TIMER);
}

static void vcpu_poll_timed_out(struct timer *t)
{
	vcpu_wake(container_of(t, struct vcpu, poll_timeout));
}

/* Where vcpu_info is until the guest registers another place. */
static struct vcpu_info *vcpu_first_info(struct vcpu *v)
{
	if (v->id < XEN_LEGACY_MAX_VCPUS && v->domain->shared_info)
		return &v->domain->shared_info->vcpu_info[v->id];
	return &v->early_info;
}

struct vcpu *vcpu_create(struct domain *d, unsigned int id)
{
	struct vcpu *v = kzalloc(sizeof(*v));

	if (!v)
		return NULL;
	v->domain = d;
	v->id = id;
	v->down = true;
	v->pause_count = 1; /* the toolstack's, see domain_create() */
	v->runstate = RUNSTATE_offline;
	v->runstate_since = now_ns();
	list_init(&v->run_link);
	timer_init(&v->singleshot, vcpu_singleshot_fired);
	timer_init(&v->poll_timeout, vcpu_poll_timed_out);
	memset(&v->hard, 0xff, sizeof(v->hard));
	memset(&v->soft, 0xff, sizeof(v->soft));
	v->cpu = &cpus[id % nr_cpus];
	v->migrated = true;
	v->vcpu_info = vcpu_first_info(v);
	if (vmm_vcpu_create(v)) {
		kfree(v);
		return NULL;
	}
	vcpu_update_time(v);
	return v;
}

void vcpu_destroy(struct vcpu *v)
{
	timer_destroy(&v->singleshot);
	timer_destroy(&v->poll_timeout);
	vcpu_forget(v);
	vmm_vcpu_destroy(v);
	kfree(v);
}

int vcpu_place_info(struct vcpu *v, gfn_t gfn, unsigned int offset)
{
	struct domain *d = v->domain;
	struct vcpu_info *info;
	struct page *pg;
	int err = 0;

	if (offset % (current->call32 ? 4 : 8) || offset > PAGE_SIZE - sizeof(*info))
		return -EINVAL;
	pg = p2m_get_ram(d, gfn);
	if (!pg)
		return -EINVAL;
	info = (struct vcpu_info *)((char *)page_to_virt(pg) + offset);

	/*
	 * Only @v itself, or nobody while it is down, uses the old place.  No
	 * waiting for it to stop, two vCPUs could wait for each other: the
	 * caller asks again.
	 */
	if (v != current)
		vcpu_pause_nosync(v);
	spin_lock(&d->lock);
	if (v->vcpu_info_page || d->state >= DOMAIN_DYING)
		err = -EINVAL;
	else if (v != current && load_acquire(&v->running))
		err = -ERESTART;
	if (err)
		goto out;
	*info = *v->vcpu_info;
	v->vcpu_info_page = pg;
	/* Senders must not see the new place before its contents. */
	store_release(&v->vcpu_info, info);
	vcpu_update_time(v);
	evtchn_vcpu_info_moved(v);
out:
	spin_unlock(&d->lock);
	if (err)
		page_put(pg);
	if (v != current)
		vcpu_unpause(v);
	return err;
}

void vcpu_release_places(struct vcpu *v)
{
	static const struct guest_area nowhere;
	struct page *pg = v->vcpu_info_page;

	/* The domain is dying: shared_info goes too. */
	store_release(&v->vcpu_info, &v->early_info);
	v->vcpu_info_page = NULL;
	if (pg)
		page_put(pg);
	vcpu_place_runstate(v, &nowhere, 0);
}

void vcpu_update_time(struct vcpu *v)
{
	struct vcpu_time_info *t = &v->vcpu_info->time;

	v->time_version = (v->time_version | 1) + 2;
	/* Odd while in flux; pairs with the guest's pvclock read loop. */
	WRITE_ONCE(t->version, v->time_version);
	smp_mb(); /* with the guest's second read barrier */
	t->tsc_timestamp = tsc_base;
	t->system_time = 0;
	t->tsc_to_system_mul = tsc_to_ns_mul;
	t->tsc_shift = tsc_to_ns_shift;
	/* One time base for all CPUs, so guests need no cross-CPU clamp. */
	t->flags = XEN_PVCLOCK_TSC_STABLE;
	store_release(&t->version, ++v->time_version);
}

void vcpu_place_runstate(struct vcpu *v, const struct guest_area *area,
			 u8 entry)
{
	struct guest_area old;

	spin_lock(&v->runstate_lock);
	old = v->runstate_area;
	v->runstate_area = *area;
	v->runstate_entry = entry;
	spin_unlock(&v->runstate_lock);
	guest_area_put(&old);
	vcpu_update_runstate_area(v);
}

/* state_entry_time, with the mark that it is being changed or without. */
static void runstate_mark(const struct vcpu *v, u64 entry)
{
	guest_area_write(&v->runstate_area, v->runstate_entry, &entry,
			 sizeof(entry));
}

void vcpu_update_runstate_area(struct vcpu *v)
{
	const struct guest_area *a = &v->runstate_area;
	bool marked = v->domain->runstate_update_flag;
	struct vcpu_runstate_info info;
	u64 entry;

	if (!READ_ONCE(a->page[0]))
		return;
	vcpu_runstate(v, &info);
	entry = info.state_entry_time;
	spin_lock(&v->runstate_lock);
	if (a->page[0]) {
		if (marked) {
			info.state_entry_time = entry | XEN_RUNSTATE_UPDATE;
			runstate_mark(v, info.state_entry_time);
			smp_mb(); /* pairs with the guest's re-read of it */
		}
		guest_area_write(a, 0, &info.state, sizeof(info.state));
		guest_area_write(a, v->runstate_entry, &info.state_entry_time,
				 sizeof(info) - VCPU_RUNSTATE_ENTRY);
		if (marked) {
			smp_mb(); /* the mark is cleared last */
			runstate_mark(v, entry);
		}
	}
	spin_unlock(&v->runstate_lock);
}

int vcpu_set_singleshot(struct vcpu *v, u64 deadline_ns, bool future_only)
{
	if (future_only && deadline_ns < now_ns())
		return -ETIME;
	timer_set(&v->singleshot, deadline_ns);
	return 0;
}
