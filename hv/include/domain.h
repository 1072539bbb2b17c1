/* SPDX-License-Identifier: MIT */
/*
 * domain.h - domains and virtual CPUs
 *
 * Life: domain_create() leaves the domain paused once by the toolstack; it runs
 * after unpause.  domain_kill() makes it dying: vCPUs stop for good, event
 * channels and grant maps go, memory is released in steps.  It stays listed
 * (dying) until the last frame and reference is gone, then it is freed.
 *
 * Locks, outermost first: domain_list_lock, d->lock, d->grant.lock,
 * d->evtchn_lock, d->p2m_lock, page allocator, scheduler.  Two domains' locks
 * of one kind are never held together, except evtchn_lock, by spin_lock_two().
 */
#ifndef HV_DOMAIN_H
#define HV_DOMAIN_H

#include "../abi/domctl.h"
#include "../abi/xen.h"
#include "area.h"
#include "cpu.h"
#include "errno.h"
#include "p2m.h"
#include "timer.h"

#define MAX_VCPUS 64
#define NR_HYPERCALLS 64
#define NR_EXIT_COUNTERS 64
#define NR_HVM_PARAMS 39
#define MAX_E820 64

struct vcpu_arch;
struct evtchn_table;
struct grant_table;
struct cpu_policy;

enum runstate { /* the ABI's numbers */
	RUNSTATE_running,
	RUNSTATE_runnable,
	RUNSTATE_blocked,
	RUNSTATE_offline,
};

/**
 * struct vcpu - a virtual CPU
 * @pause_count: reasons not to run: toolstack, domain paused or dying, ...
 * @down: not yet started (no INIT/SIPI or context), or taken down
 * @started: it has a state to go on from
 * @blocked: waits for an event (HLT, SCHEDOP_block/poll)
 * @poll_ports: SCHEDOP_poll: any event wakes it though masked
 * @cpu: where it runs, or ran last
 * @running: it is some CPU's current, its state is live there
 * @vcpu_info: mapped; in shared_info until the guest registers another place
 * @vcpu_info_page: holds a reference if it is a guest page
 * @runstate_area: where the guest wants to see its run states
 * @runstate_lock: protects @runstate_area and what is written there
 * @runstate_entry: offset of state_entry_time there, which depends on the code
 *	that registered it
 * @upcall_vector: per-vCPU vector (HVMOP_set_evtchn_upcall_vector), 0 for none
 * @call32: the hypercall being served came from 32-bit code
 */
struct vcpu {
	struct domain *domain;
	unsigned int id;
	struct vcpu_arch *arch;

	/* sched.c, under the scheduler's lock */
	u32 pause_count;
	bool down;
	bool started;
	bool blocked;
	bool running;
	bool queued;
	bool migrated; /* extended state is not on v->cpu */
	struct list run_link;
	struct cpu *cpu;
	struct cpumask hard, soft;
	u64 vruntime;
	enum runstate runstate;
	u64 runstate_since;
	u64 runstate_ns[4];

	/*
	 * event.c: in SCHEDOP_poll, for this port or (0) any of several; cleared
	 * when the ports wake it, or when it blocks the next time.
	 */
	bool polling_ports;
	u32 poll_port;
	u32 virq_port[NR_VIRQS]; /* 0 if not bound */

	struct vcpu_info *vcpu_info;
	struct vcpu_info early_info; /* before registration, ids >= 32 */
	struct page *vcpu_info_page;
	struct guest_area runstate_area;
	u8 runstate_entry;
	struct spinlock runstate_lock;
	u32 time_version;
	u8 upcall_vector;
	bool call32;

	struct timer singleshot;
	struct timer poll_timeout;

	u64 exits[NR_EXIT_COUNTERS];
	u64 nr_exits;
};

enum domain_state {
	DOMAIN_NEW, /* being built, never unpaused */
	DOMAIN_ALIVE,
	DOMAIN_DYING, /* being torn down */
	DOMAIN_DEAD, /* torn down, waits for foreign references on its pages */
};

/**
 * struct domain - a domain
 * @refs: references; see domain_get_by_id()
 * @privileged: may use domctl, sysctl, act on others: dom0
 * @pause_count: by the toolstack
 * @shutdown: the guest asked to (@shutdown_code), or crashed
 * @tlb_gen: changes when a nested mapping was removed; see p2m.c
 */
struct domain {
	domid_t id;
	u32 refs;
	struct list link;
	struct spinlock lock;
	u8 handle[16];
	bool privileged;
	enum domain_state state;
	bool shutdown;
	u8 shutdown_code;
	bool toolstack_paused;
	bool killing; /* one domain_kill() at a time */
	struct list reap_link;
	u32 create_flags;
	u32 ssidref;

	unsigned int max_vcpus;
	struct vcpu *vcpu[MAX_VCPUS];

	/* memory: under page_lock */
	struct spinlock page_lock;
	u64 tot_pages;
	u64 max_pages;
	u64 xen_pages; /* PAGE_XEN frames, not charged */
	gfn_t released; /* memory_release() has come so far */

	/* nested page table: under p2m_lock */
	struct spinlock p2m_lock;
	u64 *p2m_root;
	u64 p2m_tables;
	gfn_t p2m_max;
	u32 tlb_gen;

	struct page *shared_info_page;
	struct shared_info *shared_info;
	bool shared32; /* it is laid out for 32-bit code */

	struct evtchn_table *evtchn;
	struct grant_table *grant;
	u32 max_evtchn_port;
	u32 max_grant_frames;
	u32 max_maptrack_frames;

	u64 hvm_param[NR_HVM_PARAMS];
	bool runstate_update_flag; /* vm_assist: see XEN_RUNSTATE_UPDATE */
	u8 callback_vector; /* HVM_PARAM_CALLBACK_IRQ type 2; 0 for none */
	struct cpu_policy *policy;

	struct e820_entry {
		u64 addr, size;
		u32 type;
	} __packed e820[MAX_E820];
	unsigned int nr_e820;

	/* sched.c, under the scheduler's lock */
	u32 weight; /* 256 is normal */
	u32 cap; /* percent of a CPU, 0 for none */
	bool parked; /* until cap_refill: the budget is used up */
	u64 cap_used; /* ns of it */
	u64 cap_refill; /* when the next period starts */
	struct timer cap_timer;

	s64 time_offset_s;

	/* domctl shadow_op: which frames are written to */
	struct {
		bool on;
		gfn_t next; /* a round that was interrupted goes on here */
		u32 found; /* in it so far */
	} log;

	/* counters */
	u64 hypercalls[NR_HYPERCALLS];
	u64 events_sent;
	u64 upcalls;
	u64 grant_maps, grant_unmaps, grant_copies;
	u64 pool_faults; /* dom0 touched an unmapped pool gfn */

	/* console.c: console_io of a guest */
	struct spinlock con_lock;
	char con_line[128]; /* until a newline */
	unsigned int con_len;
	u64 con_credit; /* ns of line budget left at con_refilled */
	u64 con_refilled;
	u64 con_dropped; /* lines since the last one printed */
};

extern struct domain *dom0;
extern struct list domain_list; /* sorted by id */
extern struct spinlock domain_list_lock;

/*
 * domain.c
 *
 * domain_create() - make an empty domain and its vCPUs, all down
 * @id: wanted id, or DOMID_INVALID for the next free one
 * @cfg: checked by the caller but for max_vcpus; -1 frames are the default
 * Return: the domain (listed; the list holds a reference), or NULL and *err.
 */
struct domain *domain_create(domid_t id,
			     const struct xen_domctl_createdomain *cfg,
			     int *err);

/* A reference by id; DOMID_SELF is the caller's.  NULL if there is none. */
struct domain *domain_get_by_id(domid_t id);
/* The first domain with an id >= @id. */
struct domain *domain_get_from_id(domid_t id);
void domain_get(struct domain *d);
/* The owner of a frame that the caller holds a reference on; none is taken. */
struct domain *domain_of_frame(domid_t owner);
/* The last reference queues @d for domain_reap(); any context, any lock held. */
void domain_put(struct domain *d);
/* Free what domain_put() queued; called by the CPU loop, no lock held. */
void domain_reap(void);

void domain_pause(struct domain *d); /* returns when no vCPU of it runs */
void domain_unpause(struct domain *d);
/* As above for the toolstack: idempotent, -EINVAL if not in that state. */
int domain_toolstack_pause(struct domain *d);
int domain_toolstack_unpause(struct domain *d);

/* The guest asked to stop (SHUTDOWN_* code); all its vCPUs stop, toolstack is
 * told by VIRQ_DOM_EXC.  For dom0: the machine goes down or reboots.
 */
void domain_shutdown(struct domain *d, u8 code);
/* The guest did what it must not; prints why and stops it. */
void domain_crash(struct domain *d, const char *fmt, ...) __printf(2, 3);
/* A suspend was cancelled (domctl resumedomain); -EINVAL for the caller's own. */
int domain_resume(struct domain *d);

/* Tear down; -ERESTART if it wants to be called again. */
int domain_kill(struct domain *d);

/* Write the wall clock into its shared info, after it was set or offset. */
void domain_set_wallclock(struct domain *d);

/*
 * Lay the shared page of the caller's domain out for 32-bit code, or for 64-bit
 * code.  -EBUSY if ports are open that it would have no room for.
 */
long domain_set_layout(struct domain *d, bool shared32);

/* getdomaininfo flags word (XEN_DOMINF_*) and total CPU time in ns. */
u32 domain_info_flags(struct domain *d);
u64 domain_cpu_ns(struct domain *d);

/* vcpu.c */
struct vcpu *vcpu_create(struct domain *d, unsigned int id);
void vcpu_destroy(struct vcpu *v);
/* Place vcpu_info at a guest frame and offset (register_vcpu_info). */
int vcpu_place_info(struct vcpu *v, gfn_t gfn, unsigned int offset);
/* Give up the places for vcpu_info and the run states: the domain is dying. */
void vcpu_release_places(struct vcpu *v);
/* Refresh vcpu_info.time; called before entry when it has moved or rescaled. */
void vcpu_update_time(struct vcpu *v);
/* Tell run states at @area from now on, which is @v's then; none if empty. */
void vcpu_place_runstate(struct vcpu *v, const struct guest_area *area,
			 u8 entry);
/* Write them there. */
void vcpu_update_runstate_area(struct vcpu *v);
int vcpu_set_singleshot(struct vcpu *v, u64 deadline_ns, bool future_only);

/*
 * sched.c - see there for the policy
 *
 * vcpu_wake(): @v has, or may have, something to do: unblock it.  Cheap if it
 * runs or is queued.  Any context.
 * vcpu_kick(): @v must re-check pending events before it goes on in the guest:
 * wakes it, or makes it exit if it is in guest mode on another CPU.
 */
void vcpu_wake(struct vcpu *v);
void vcpu_kick(struct vcpu *v);
/* The current vCPU waits for an event, unless one is pending already. */
void vcpu_block(void);
void vcpu_yield(void);
void vcpu_pause(struct vcpu *v); /* returns when @v does not run; may nest */
void vcpu_pause_nosync(struct vcpu *v);
void vcpu_unpause(struct vcpu *v);
void vcpu_set_down(struct vcpu *v, bool down);
/* Make all CPUs forget a vCPU that will never run again. */
void vcpu_forget(struct vcpu *v);
int vcpu_set_affinity(struct vcpu *v, const struct cpumask *hard,
		      const struct cpumask *soft);
void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *info);
void sched_domain_init(struct domain *d);
/* -EINVAL for a weight of 0, or a cap of more CPUs than @d has vCPUs. */
int sched_set_weight(struct domain *d, u32 weight, u32 cap);
/* How far a vCPU may get ahead of one that waits before it has to yield. */
extern u32 sched_ratelimit_us;
/* Should a long hypercall stop and be continued?  (time slice over, event) */
bool hypercall_preempt(void);
/* The loop of every CPU; never returns. */
void sched_loop(void) __noreturn;
void sched_init(void);

static inline struct vcpu *domain_vcpu(struct domain *d, u64 id)
{
	return id < d->max_vcpus ? d->vcpu[id] : NULL;
}

static inline bool vcpu_events_pending(const struct vcpu *v)
{
	return READ_ONCE(v->vcpu_info->evtchn_upcall_pending);
}

#endif /* HV_DOMAIN_H */
