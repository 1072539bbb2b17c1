/* SPDX-License-Identifier: MIT */
/*
 * event_host.h - event channel operations of three domains
 *
 * The real tables and operations on a small machine.  Include once, in the
 * test's only C file of its own.
 */
#ifndef EVENT_HOST_H
#define EVENT_HOST_H

#define TAP_MAIN
#include "../lib/tap.h"
#include "area_host.h"
#include "../../evtchn/evtchn_fifo.h"
#include "../../hv/call/event.h"

#define NR 3
#define VCPUS 2
#define MAX_PORT 140 /* more than one bucket */
#define RAM_GFNS 8

static struct vcpu vcpus[NR][VCPUS];
static unsigned int kicks[NR][VCPUS], wakes[NR][VCPUS], vectors;
static u64 rng_state = 1234567891;

void vcpu_kick(struct vcpu *v)
{
	kicks[v->domain->id][v->id]++;
}

void vcpu_wake(struct vcpu *v)
{
	wakes[v->domain->id][v->id]++;
}

void vlapic_post(struct vcpu *v, u8 vector, bool level)
{
	(void)v;
	(void)vector;
	(void)level;
	vectors++;
}

static inline u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state % below;
}

static u32 max_port = MAX_PORT; /* of the next domain */
static u32 next[NR][VCPUS][16]; /* FIFO: where the guest is in its queues */

/* RAM of a domain: its frames stand in order. */
static inline void *ram(domid_t id, gfn_t gfn)
{
	enum p2m_type type;

	return mfn_to_virt(p2m_lookup(host_domain[id], gfn, &type, NULL));
}

static inline void make_domain(domid_t id)
{
	struct domain *d = host_create(id);

	d->max_pages = RAM_GFNS;
	for (gfn_t gfn = 0; gfn < RAM_GFNS; gfn++)
		if (p2m_set(d, gfn, page_to_mfn(page_alloc(d, 0)), 0, P2M_RAM))
			panic("no memory for a domain");

	d->shared_info = page_to_virt(d->shared_info_page);
	d->max_vcpus = VCPUS;
	memset(vcpus[id], 0, sizeof(vcpus[id]));
	memset(next[id], 0, sizeof(next[id]));
	for (unsigned int i = 0; i < VCPUS; i++) {
		vcpus[id][i].domain = d;
		vcpus[id][i].id = i;
		vcpus[id][i].vcpu_info = &d->shared_info->vcpu_info[i];
		d->vcpu[i] = &vcpus[id][i];
	}
	if (evtchn_init(d, max_port))
		panic("no memory for event channels");
}

static inline void kill_domain(domid_t id)
{
	struct domain *d = host_domain[id];

	d->state = DOMAIN_DYING;
	while (evtchn_reset(d) == -ERESTART)
		;
	CHECK(d->evtchn->used[0] == 1 && !d->evtchn->used[1]);
	CHECK(!d->evtchn->fifo);
	evtchn_free(d);
	for (gfn_t gfn = 0; gfn < RAM_GFNS; gfn++) {
		struct page *pg = mfn_to_page(virt_to_mfn(ram(id, gfn)));

		CHECK(pg->refs == 1); /* no word, no control block is left */
		page_get_any(pg);
		page_give_up(pg);
		page_put(pg);
	}
	page_put(d->shared_info_page);
	p2m_destroy(d);
	CHECK(d->refs == 1);
	kfree(d);
	host_domain[id] = NULL;
}

static inline void act_as(domid_t id)
{
	cpus[0].vcpu = &vcpus[id][0];
}

static inline long op(u64 cmd, void *arg, size_t size)
{
	struct hypercall hc = { .nr = HYPERCALL_event_channel_op,
				.arg = { cmd, arena_gva(0) } };
	long ret;

	memcpy(arena, arg, size);
	do
		ret = call_event_channel_op(&hc);
	while (ret == -ERESTART);
	memcpy(arg, arena, size);
	return ret;
}

static inline long alloc_unbound(domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound a = { dom, remote, 0 };
	long ret = op(EVTCHNOP_alloc_unbound, &a, sizeof(a));

	return ret ? ret : a.port;
}

static inline long bind_interdomain(domid_t remote, u32 port)
{
	struct evtchn_bind_interdomain b = { remote, port, 0 };
	long ret = op(EVTCHNOP_bind_interdomain, &b, sizeof(b));

	return ret ? ret : b.local_port;
}

static inline long bind_virq(u32 virq, u32 vcpu)
{
	struct evtchn_bind_virq b = { virq, vcpu, 0 };
	long ret = op(EVTCHNOP_bind_virq, &b, sizeof(b));

	return ret ? ret : b.port;
}

static inline long bind_ipi(u32 vcpu)
{
	struct evtchn_bind_ipi b = { vcpu, 0 };
	long ret = op(EVTCHNOP_bind_ipi, &b, sizeof(b));

	return ret ? ret : b.port;
}

static inline long port_op(u64 cmd, u32 port)
{
	struct evtchn_port_op p = { port };

	return op(cmd, &p, sizeof(p));
}

static inline long bind_vcpu(u32 port, u32 vcpu)
{
	struct evtchn_bind_vcpu b = { port, vcpu };

	return op(EVTCHNOP_bind_vcpu, &b, sizeof(b));
}

static inline long status(domid_t dom, u32 port, struct evtchn_status *s)
{
	memset(s, 0xff, sizeof(*s));
	s->dom = dom;
	s->port = port;
	return op(EVTCHNOP_status, s, sizeof(*s));
}

/* FIFO: words in frames 1 to 5, the control block of vCPU n in 6 + n. */
#define WORDS_GFN 1
#define CONTROL_GFN 6
#define CONTROL_OFFSET 256

static inline long init_control(u32 vcpu, gfn_t gfn, u32 offset)
{
	struct evtchn_init_control c = { gfn, offset, vcpu, 0, { 0 } };
	long ret = op(EVTCHNOP_init_control, &c, sizeof(c));

	CHECK(ret || c.link_bits == 17);
	return ret;
}

static inline long expand_array(gfn_t gfn)
{
	return op(EVTCHNOP_expand_array, &gfn, sizeof(gfn));
}

static inline long set_priority(u32 port, u32 priority)
{
	struct evtchn_set_priority p = { port, priority };

	return op(EVTCHNOP_set_priority, &p, sizeof(p));
}

static inline struct evtchn_fifo_control *control(domid_t id, unsigned int vcpu)
{
	return (void *)((char *)ram(id, CONTROL_GFN + vcpu) + CONTROL_OFFSET);
}

static inline u32 *word(domid_t id, u32 port)
{
	return (u32 *)ram(id, WORDS_GFN + port / 1024) + port % 1024;
}

static inline bool pending(domid_t id, u32 port)
{
	if (host_domain[id]->evtchn->fifo)
		return *word(id, port) & EVTCHN_FIFO_PENDING;
	return test_bit(port, host_domain[id]->shared_info->evtchn_pending);
}

/* The next port of a queue, taken out of it and handled; 0 if it is empty. */
static inline u32 take(domid_t id, unsigned int vcpu, unsigned int priority)
{
	u32 *head = &next[id][vcpu][priority];
	u32 port = *head ? *head : control(id, vcpu)->head[priority];

	if (!port || !(*word(id, port) & EVTCHN_FIFO_LINKED))
		return 0;
	evtchn_fifo_receive(word(id, port), head);
	*word(id, port) &= ~EVTCHN_FIFO_PENDING;
	return port;
}

/* The guest serves its events. */
static inline void drain(domid_t id)
{
	struct shared_info *si = host_domain[id]->shared_info;

	if (host_domain[id]->evtchn->fifo)
		for (u32 port = 0; port < 1024; port++)
			*word(id, port) &= EVTCHN_FIFO_MASKED;

	memset(si->evtchn_pending, 0, sizeof(si->evtchn_pending));
	for (unsigned int i = 0; i < VCPUS; i++) {
		si->vcpu_info[i].evtchn_upcall_pending = 0;
		si->vcpu_info[i].evtchn_pending_sel = 0;
	}
}

static inline void event_host_boot(void)
{
	host_boot((RAM_START >> PAGE_SHIFT) + 512);
	make_domain(0);
	dom0 = host_domain[0];
}

#endif /* EVENT_HOST_H */
