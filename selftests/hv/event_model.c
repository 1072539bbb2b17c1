// SPDX-License-Identifier: MIT
/*
 * event_model.c - event channel operations of three domains
 *
 * The real tables and operations on a small machine.  First each operation by
 * itself, then random ones, valid and not, with domains dying and coming back:
 * after each, both ends of every channel must know each other, and every table
 * must agree with itself.  Usage: event_model [seed [calls]].
 */
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
static u64 rng_state;
static unsigned long calls = 100000;

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

static u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state % below;
}

static u32 max_port = MAX_PORT; /* of the next domain */
static u32 next[NR][VCPUS][16]; /* FIFO: where the guest is in its queues */

/* RAM of a domain: its frames stand in order. */
static void *ram(domid_t id, gfn_t gfn)
{
	enum p2m_type type;

	return mfn_to_virt(p2m_lookup(host_domain[id], gfn, &type, NULL));
}

static void make_domain(domid_t id)
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

static void kill_domain(domid_t id)
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

static void act_as(domid_t id)
{
	cpus[0].vcpu = &vcpus[id][0];
}

static long op(u64 cmd, void *arg, size_t size)
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

static long alloc_unbound(domid_t dom, domid_t remote)
{
	struct evtchn_alloc_unbound a = { dom, remote, 0 };
	long ret = op(EVTCHNOP_alloc_unbound, &a, sizeof(a));

	return ret ? ret : a.port;
}

static long bind_interdomain(domid_t remote, u32 port)
{
	struct evtchn_bind_interdomain b = { remote, port, 0 };
	long ret = op(EVTCHNOP_bind_interdomain, &b, sizeof(b));

	return ret ? ret : b.local_port;
}

static long bind_virq(u32 virq, u32 vcpu)
{
	struct evtchn_bind_virq b = { virq, vcpu, 0 };
	long ret = op(EVTCHNOP_bind_virq, &b, sizeof(b));

	return ret ? ret : b.port;
}

static long bind_ipi(u32 vcpu)
{
	struct evtchn_bind_ipi b = { vcpu, 0 };
	long ret = op(EVTCHNOP_bind_ipi, &b, sizeof(b));

	return ret ? ret : b.port;
}

static long port_op(u64 cmd, u32 port)
{
	struct evtchn_port_op p = { port };

	return op(cmd, &p, sizeof(p));
}

static long bind_vcpu(u32 port, u32 vcpu)
{
	struct evtchn_bind_vcpu b = { port, vcpu };

	return op(EVTCHNOP_bind_vcpu, &b, sizeof(b));
}

static long status(domid_t dom, u32 port, struct evtchn_status *s)
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

static long init_control(u32 vcpu, gfn_t gfn, u32 offset)
{
	struct evtchn_init_control c = { gfn, offset, vcpu, 0, { 0 } };
	long ret = op(EVTCHNOP_init_control, &c, sizeof(c));

	CHECK(ret || c.link_bits == 17);
	return ret;
}

static long expand_array(gfn_t gfn)
{
	return op(EVTCHNOP_expand_array, &gfn, sizeof(gfn));
}

static long set_priority(u32 port, u32 priority)
{
	struct evtchn_set_priority p = { port, priority };

	return op(EVTCHNOP_set_priority, &p, sizeof(p));
}

static struct evtchn_fifo_control *control(domid_t id, unsigned int vcpu)
{
	return (void *)((char *)ram(id, CONTROL_GFN + vcpu) + CONTROL_OFFSET);
}

static u32 *word(domid_t id, u32 port)
{
	return (u32 *)ram(id, WORDS_GFN + port / 1024) + port % 1024;
}

static bool pending(domid_t id, u32 port)
{
	if (host_domain[id]->evtchn->fifo)
		return *word(id, port) & EVTCHN_FIFO_PENDING;
	return test_bit(port, host_domain[id]->shared_info->evtchn_pending);
}

/* The next port of a queue, taken out of it and handled; 0 if it is empty. */
static u32 take(domid_t id, unsigned int vcpu, unsigned int priority)
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
static void drain(domid_t id)
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

TEST(channel_between_two_domains)
{
	struct evtchn_status s;
	long a, b;

	make_domain(1);
	make_domain(2);
	act_as(1);
	a = alloc_unbound(DOMID_SELF, 2);
	CHECK(a == 1);
	CHECK(!status(DOMID_SELF, a, &s));
	CHECK(s.status == EVTCHNSTAT_unbound && s.u.unbound.dom == 2);
	CHECK(port_op(EVTCHNOP_send, a) == 0); /* dropped */

	act_as(0);
	CHECK(bind_interdomain(1, a) == -EINVAL); /* not for dom0 */
	act_as(2);
	CHECK(bind_interdomain(1, a + 1) == -EINVAL);
	CHECK(bind_interdomain(7, a) == -ESRCH);
	b = bind_interdomain(1, a);
	CHECK(b == 1);
	/* What was sent before counts. */
	CHECK(pending(2, b) && kicks[2][0] == 1);
	drain(2);
	CHECK(bind_interdomain(1, a) == -EINVAL);

	CHECK(port_op(EVTCHNOP_send, b) == 0);
	CHECK(pending(1, a) && !pending(2, b) && kicks[1][0] == 1);
	CHECK(host_domain[1]->shared_info->vcpu_info[0].evtchn_upcall_pending);
	CHECK(port_op(EVTCHNOP_send, b) == 0);
	CHECK(kicks[1][0] == 1); /* merged */

	act_as(1);
	CHECK(!status(DOMID_SELF, a, &s));
	CHECK(s.status == EVTCHNSTAT_interdomain &&
	      s.u.interdomain.dom == 2 && s.u.interdomain.port == b);
	CHECK(bind_vcpu(a, 1) == 0);
	CHECK(bind_vcpu(a, 2) == -ENOENT);
	drain(1);
	act_as(2);
	port_op(EVTCHNOP_send, b);
	CHECK(kicks[1][1] == 1);

	/* Closing leaves the peer waiting for the same domain. */
	CHECK(port_op(EVTCHNOP_close, b) == 0);
	CHECK(port_op(EVTCHNOP_close, b) == -EINVAL);
	CHECK(port_op(EVTCHNOP_send, b) == -EINVAL);
	act_as(1);
	CHECK(!status(DOMID_SELF, a, &s));
	CHECK(s.status == EVTCHNSTAT_unbound && s.u.unbound.dom == 2);
	kill_domain(2);
	kill_domain(1);
}

TEST(loopback_in_dom0)
{
	long a, b;

	act_as(0);
	a = alloc_unbound(DOMID_SELF, DOMID_SELF);
	b = bind_interdomain(DOMID_SELF, a);
	CHECK(a > 0 && b > 0 && a != b);
	drain(0);
	port_op(EVTCHNOP_send, a);
	CHECK(pending(0, b) && !pending(0, a));
	CHECK(port_op(EVTCHNOP_close, a) == 0);
	CHECK(port_op(EVTCHNOP_close, b) == 0);
}

TEST(toolstack_acts_for_guests_and_guests_do_not)
{
	struct evtchn_status s;
	struct evtchn_reset r = { 1 };

	make_domain(1);
	make_domain(2);
	act_as(0);
	CHECK(alloc_unbound(1, 0) == 1);
	CHECK(alloc_unbound(1, DOMID_SELF) == 2);
	CHECK(!status(1, 2, &s) && s.u.unbound.dom == 0);
	CHECK(alloc_unbound(5, 0) == -ESRCH);
	CHECK(status(1, 0, &s) == -EINVAL);
	CHECK(status(1, MAX_PORT + 1, &s) == -EINVAL);
	CHECK(op(EVTCHNOP_reset, &r, sizeof(r)) == -EINVAL);
	host_domain[1]->toolstack_paused = true;
	CHECK(op(EVTCHNOP_reset, &r, sizeof(r)) == 0);
	CHECK(!status(1, 1, &s) && s.status == EVTCHNSTAT_closed);
	host_domain[1]->state = DOMAIN_DYING;
	CHECK(alloc_unbound(1, 0) == -EINVAL);
	host_domain[1]->state = DOMAIN_ALIVE;
	act_as(2);
	CHECK(alloc_unbound(1, 2) == -EPERM);
	CHECK(status(1, 1, &s) == -EPERM);
	CHECK(op(EVTCHNOP_reset, &r, sizeof(r)) == -EPERM);
	kill_domain(1);
	kill_domain(2);
}

TEST(virtual_interrupts)
{
	struct evtchn_status s;
	long timer, dom_exc;

	act_as(0);
	timer = bind_virq(VIRQ_TIMER, 1);
	CHECK(timer > 0 && bind_virq(VIRQ_TIMER, 1) == -EEXIST);
	CHECK(bind_virq(VIRQ_TIMER, VCPUS) == -ENOENT);
	CHECK(bind_virq(VIRQ_DOM_EXC, 1) == -EINVAL);
	CHECK(bind_virq(NR_VIRQS, 0) == -EINVAL);
	dom_exc = bind_virq(VIRQ_DOM_EXC, 0);
	CHECK(dom_exc > 0);
	CHECK(!status(DOMID_SELF, dom_exc, &s));
	CHECK(s.status == EVTCHNSTAT_virq && s.u.virq == VIRQ_DOM_EXC);

	drain(0);
	evtchn_send_virq(&vcpus[0][0], VIRQ_TIMER);
	CHECK(!pending(0, timer));
	evtchn_send_virq(&vcpus[0][1], VIRQ_TIMER);
	CHECK(pending(0, timer));
	evtchn_send_global_virq(VIRQ_DOM_EXC);
	CHECK(pending(0, dom_exc));
	CHECK(port_op(EVTCHNOP_send, timer) == -EINVAL);
	/* A global one may move, a vCPU's own may not. */
	CHECK(bind_vcpu(dom_exc, 1) == 0);
	CHECK(bind_vcpu(timer, 0) == -EINVAL);

	drain(0);
	CHECK(port_op(EVTCHNOP_close, dom_exc) == 0);
	evtchn_send_global_virq(VIRQ_DOM_EXC);
	CHECK(!pending(0, dom_exc));
	CHECK(bind_virq(VIRQ_DOM_EXC, 0) == dom_exc);
	CHECK(port_op(EVTCHNOP_close, dom_exc) == 0);
	CHECK(port_op(EVTCHNOP_close, timer) == 0);
}

TEST(own_vcpus_by_ipi_and_vector)
{
	long ipi;

	act_as(0);
	ipi = bind_ipi(1);
	CHECK(ipi > 0 && bind_ipi(VCPUS) == -ENOENT);
	CHECK(bind_vcpu(ipi, 0) == -EINVAL);
	drain(0);
	kicks[0][1] = 0;
	CHECK(port_op(EVTCHNOP_send, ipi) == 0);
	CHECK(kicks[0][1] == 1 && !vectors);
	drain(0);
	vcpus[0][1].upcall_vector = 0xf3;
	CHECK(port_op(EVTCHNOP_send, ipi) == 0);
	CHECK(kicks[0][1] == 1 && vectors == 1);
	vcpus[0][1].upcall_vector = 0;
	CHECK(port_op(EVTCHNOP_close, ipi) == 0);
}

TEST(masked_ports_wake_pollers_only)
{
	struct shared_info *si = host_domain[0]->shared_info;
	struct evtchn_port_op garbage = { 0 };
	long ipi;

	act_as(0);
	ipi = bind_ipi(0);
	drain(0);
	set_bit(ipi, si->evtchn_mask);
	memset(kicks, 0, sizeof(kicks));
	memset(wakes, 0, sizeof(wakes));
	evtchn_poll_begin(&vcpus[0][1], ipi + 1);
	port_op(EVTCHNOP_send, ipi);
	CHECK(pending(0, ipi) && !kicks[0][0] && !wakes[0][1]);
	drain(0);
	evtchn_poll_begin(&vcpus[0][1], ipi);
	port_op(EVTCHNOP_send, ipi);
	CHECK(wakes[0][1] == 1 && !vcpus[0][1].polling_ports);
	CHECK(!host_domain[0]->evtchn->pollers);

	/* What came while masked is announced when unmasked, once. */
	CHECK(port_op(EVTCHNOP_unmask, ipi) == 0 && kicks[0][0] == 1);
	CHECK(port_op(EVTCHNOP_unmask, ipi) == 0 && kicks[0][0] == 1);
	CHECK(port_op(EVTCHNOP_unmask, MAX_PORT + 1) == -EINVAL);
	CHECK(port_op(EVTCHNOP_unmask, 0) == -EINVAL);
	CHECK(port_op(EVTCHNOP_close, ipi) == 0);
	CHECK(op(EVTCHNOP_bind_pirq, &garbage, sizeof(garbage)) == -ENOSYS);
}

TEST(ports_run_out_and_come_back)
{
	struct evtchn_reset r = { DOMID_SELF };
	u64 free_before;

	make_domain(1);
	free_before = page_free_count();
	act_as(1);
	for (u32 port = 1; port <= MAX_PORT; port++)
		CHECK(alloc_unbound(DOMID_SELF, 0) == port);
	CHECK(alloc_unbound(DOMID_SELF, 0) == -ENOSPC);
	CHECK(bind_ipi(0) == -ENOSPC);
	CHECK(port_op(EVTCHNOP_close, 77) == 0);
	CHECK(bind_ipi(0) == 77);
	host_preempts = 2;
	CHECK(op(EVTCHNOP_reset, &r, sizeof(r)) == 0);
	host_preempts = 0;
	CHECK(alloc_unbound(DOMID_SELF, 0) == 1);
	kill_domain(1);
	CHECK(page_free_count() > free_before);
}

TEST(moved_vcpu_info_loses_nothing)
{
	static struct vcpu_info elsewhere;
	struct vcpu *v = &vcpus[0][0];
	struct vcpu_info *home = v->vcpu_info;

	memset(&elsewhere, 0, sizeof(elsewhere));
	v->vcpu_info = &elsewhere;
	evtchn_vcpu_info_moved(v);
	CHECK(elsewhere.evtchn_upcall_pending == 1);
	CHECK(elsewhere.evtchn_pending_sel == ~0ULL);
	v->vcpu_info = home;
}

TEST(fifo_is_refused_what_cannot_be)
{
	struct domain *d;

	make_domain(1);
	act_as(1);
	d = host_domain[1];
	CHECK(expand_array(WORDS_GFN) == -EOPNOTSUPP);
	CHECK(alloc_unbound(DOMID_SELF, 0) == 1);
	CHECK(set_priority(1, 0) == -ENOSYS);
	CHECK(init_control(VCPUS, CONTROL_GFN, 0) == -ENOENT);
	CHECK(init_control(0, CONTROL_GFN, 4) == -EINVAL);
	CHECK(init_control(0, CONTROL_GFN, PAGE_SIZE - 64) == -EINVAL);
	CHECK(init_control(0, CONTROL_GFN, 0xfffffff8) == -EINVAL);
	CHECK(init_control(0, RAM_GFNS, 0) == -EINVAL); /* nothing there */
	CHECK(!d->evtchn->fifo);
	CHECK(init_control(0, CONTROL_GFN, PAGE_SIZE - 72) == 0);
	CHECK(d->evtchn->fifo && d->evtchn->nr_ports == MAX_PORT + 1);
	CHECK(init_control(0, CONTROL_GFN, 0) == -EINVAL); /* once */
	CHECK(expand_array(RAM_GFNS) == -EINVAL);
	CHECK(expand_array(WORDS_GFN) == 0);
	CHECK(expand_array(WORDS_GFN) == -ENOSPC); /* enough for its ports */
	CHECK(set_priority(1, 16) == -EINVAL);
	CHECK(set_priority(MAX_PORT + 1, 0) == -EINVAL);
	CHECK(set_priority(0, 0) == -EINVAL);
	CHECK(set_priority(1, 15) == 0);
	d->state = DOMAIN_DYING;
	CHECK(init_control(1, CONTROL_GFN, 0) == -EINVAL);
	kill_domain(1);
}

TEST(fifo_starts_with_what_is_pending)
{
	long a, b;

	make_domain(1);
	act_as(1);
	a = bind_ipi(0);
	b = bind_ipi(1);
	port_op(EVTCHNOP_send, a);
	memset(kicks, 0, sizeof(kicks));
	/* In 2 levels, before there are words, before vCPU 1 has a place. */
	CHECK(init_control(0, CONTROL_GFN, CONTROL_OFFSET) == 0);
	CHECK(port_op(EVTCHNOP_send, b) == 0);
	CHECK(evtchn_is_pending(host_domain[1], a) == 1);
	CHECK(evtchn_is_pending(host_domain[1], b) == 1);
	host_domain[1]->shared_info->vcpu_info[0].evtchn_upcall_pending = 0;
	CHECK(expand_array(WORDS_GFN) == 0);
	CHECK(pending(1, a) && pending(1, b));
	CHECK(control(1, 0)->ready == 1 << 7 && kicks[1][0] == 1);
	CHECK(take(1, 0, 7) == a && !take(1, 0, 7));
	CHECK(!kicks[1][1]);
	CHECK(init_control(1, CONTROL_GFN + 1, CONTROL_OFFSET) == 0);
	CHECK(kicks[1][1] == 1 && take(1, 1, 7) == b && !take(1, 1, 7));
	kill_domain(1);
}

TEST(fifo_tells_each_vcpu_in_order)
{
	struct evtchn_reset r = { DOMID_SELF };
	long a, b, peer;

	make_domain(1);
	make_domain(2);
	act_as(1);
	CHECK(!init_control(0, CONTROL_GFN, CONTROL_OFFSET));
	CHECK(!init_control(1, CONTROL_GFN + 1, CONTROL_OFFSET));
	CHECK(!expand_array(WORDS_GFN));
	a = alloc_unbound(DOMID_SELF, 2);
	b = bind_ipi(0);
	act_as(2);
	peer = bind_interdomain(1, a);
	memset(kicks, 0, sizeof(kicks));
	act_as(1);
	/* One kick; the IPI of higher priority has a queue of its own. */
	CHECK(!set_priority(b, 0));
	CHECK(!port_op(EVTCHNOP_send, b));
	act_as(2);
	CHECK(!port_op(EVTCHNOP_send, peer));
	CHECK(!port_op(EVTCHNOP_send, peer));
	CHECK(kicks[1][0] == 1 && control(1, 0)->ready == (1 | 1 << 7));
	CHECK(take(1, 0, 0) == b && take(1, 0, 7) == a && !take(1, 0, 7));

	/* Masked: for unmask, or a poller; then on another vCPU. */
	*word(1, a) |= EVTCHN_FIFO_MASKED;
	memset(wakes, 0, sizeof(wakes));
	evtchn_poll_begin(&vcpus[1][1], a);
	CHECK(!port_op(EVTCHNOP_send, peer));
	CHECK(wakes[1][1] == 1 && !take(1, 0, 7) && pending(1, a));
	act_as(1);
	CHECK(!bind_vcpu(a, 1));
	CHECK(!port_op(EVTCHNOP_unmask, a));
	CHECK(kicks[1][1] == 1 && take(1, 1, 7) == a);

	/* A port that is closed while linked is nothing to anybody. */
	CHECK(!port_op(EVTCHNOP_send, b));
	CHECK(!port_op(EVTCHNOP_close, b));
	CHECK(!pending(1, b) && *word(1, b) & EVTCHN_FIFO_LINKED);
	CHECK(evtchn_is_pending(host_domain[1], b) == 0);

	/* Back to 2 levels: the frames are free, ports are as before. */
	CHECK(!op(EVTCHNOP_reset, &r, sizeof(r)));
	CHECK(!host_domain[1]->evtchn->fifo);
	CHECK(mfn_to_page(virt_to_mfn(word(1, 0)))->refs == 1);
	b = bind_ipi(0);
	drain(1);
	CHECK(!port_op(EVTCHNOP_send, b) && pending(1, b));
	kill_domain(2);
	kill_domain(1);
}

/* An ABI during whose work something else happens. */
static struct vcpu_info moved;
static void (*meanwhile)(struct evtchn *c);

static void bind_elsewhere(struct evtchn *c)
{
	c->vcpu = 1;
}

static void move_vcpu_info(struct evtchn *c)
{
	vcpus[1][c->vcpu].vcpu_info = &moved;
	evtchn_vcpu_info_moved(&vcpus[1][c->vcpu]);
	moved.evtchn_upcall_pending = 0; /* looked, and saw nothing */
}

static enum evtchn_sent late_send(struct vcpu *v, u32 port, struct evtchn *c,
				  struct vcpu_info *vi)
{
	meanwhile(c);
	return evtchn_fifo.send(v, port, c, vi);
}

static enum evtchn_sent late_unmask(struct vcpu *v, u32 port, struct evtchn *c,
				    struct vcpu_info *vi)
{
	meanwhile(c);
	return evtchn_fifo.unmask(v, port, c, vi);
}

TEST(fifo_tells_the_vcpu_whose_queue_it_is)
{
	static struct evtchn_abi late;
	struct evtchn_table *t;
	struct vcpu *v = vcpus[1];
	struct vcpu_info *home;
	long a, peer;

	make_domain(1);
	make_domain(2);
	home = v[0].vcpu_info;
	act_as(1);
	CHECK(!init_control(0, CONTROL_GFN, CONTROL_OFFSET));
	CHECK(!init_control(1, CONTROL_GFN + 1, CONTROL_OFFSET));
	CHECK(!expand_array(WORDS_GFN));
	a = alloc_unbound(DOMID_SELF, 2);
	act_as(2);
	peer = bind_interdomain(1, a);
	t = host_domain[1]->evtchn;
	late = evtchn_fifo;
	late.send = late_send;
	late.unmask = late_unmask;
	t->abi = &late;

	/* Bound to another vCPU while sent: the old one or the new, wholly. */
	meanwhile = bind_elsewhere;
	memset(kicks, 0, sizeof(kicks));
	CHECK(!port_op(EVTCHNOP_send, peer));
	for (unsigned int i = 0; i < VCPUS; i++) {
		CHECK(!!control(1, i)->ready ==
		      v[i].vcpu_info->evtchn_upcall_pending);
		CHECK(!!control(1, i)->ready == kicks[1][i]);
	}
	CHECK(kicks[1][0] + kicks[1][1] == 1);
	CHECK((take(1, 0, 7) == a) != (take(1, 1, 7) == a));

	/* Unmasked while vcpu_info moves, and while bound. */
	for (unsigned int bound = 0; bound < 2; bound++) {
		drain(1);
		control(1, 0)->ready = 0;
		control(1, 1)->ready = 0;
		evtchn_of(host_domain[1], a)->vcpu = 0;
		*word(1, a) = EVTCHN_FIFO_MASKED | EVTCHN_FIFO_PENDING;
		meanwhile = bound ? bind_elsewhere : move_vcpu_info;
		act_as(1);
		CHECK(!port_op(EVTCHNOP_unmask, a));
		for (unsigned int i = 0; i < VCPUS; i++)
			CHECK(!!control(1, i)->ready ==
			      v[i].vcpu_info->evtchn_upcall_pending);
		CHECK((take(1, 0, 7) == a) != (take(1, 1, 7) == a));
		v[0].vcpu_info = home;
	}
	t->abi = &evtchn_fifo;
	kill_domain(2);
	kill_domain(1);
}

TEST(fifo_has_room_for_many_ports)
{
	struct evtchn_reset r = { DOMID_SELF };

	max_port = ~0U;
	make_domain(1);
	max_port = MAX_PORT;
	act_as(1);
	CHECK(host_domain[1]->evtchn->nr_ports == 4096);
	for (u32 port = 1; port < 4096; port++)
		CHECK(bind_ipi(0) == port);
	CHECK(bind_ipi(0) == -ENOSPC);
	CHECK(!init_control(0, CONTROL_GFN, CONTROL_OFFSET));
	for (gfn_t gfn = WORDS_GFN; gfn < CONTROL_GFN; gfn++)
		CHECK(!expand_array(gfn));
	CHECK(bind_ipi(0) == 4096);
	CHECK(!port_op(EVTCHNOP_send, 4096) && !port_op(EVTCHNOP_send, 1023));
	CHECK(take(1, 0, 7) == 4096 && take(1, 0, 7) == 1023);
	CHECK(port_op(EVTCHNOP_send, 131071) == -EINVAL);
	CHECK(port_op(EVTCHNOP_send, 131072) == -EINVAL);
	CHECK(!op(EVTCHNOP_reset, &r, sizeof(r)));
	kill_domain(1);
}

static struct shared_info32 *shared32(domid_t id)
{
	return (struct shared_info32 *)host_domain[id]->shared_info;
}

/* A guest of 32 bits looks, and finds nothing. */
static void look32(domid_t id)
{
	for (unsigned int i = 0; i < VCPUS; i++) {
		shared32(id)->vcpu_info[i].evtchn_upcall_pending = 0;
		shared32(id)->vcpu_info[i].evtchn_pending_sel = 0;
	}
}

TEST(a_shared_page_of_32_bits)
{
	struct evtchn_reset r = { DOMID_SELF };
	struct vcpu_info32 *vi;
	struct domain *d;
	long a, b;

	max_port = ~0U;
	make_domain(1);
	max_port = MAX_PORT;
	d = host_domain[1];
	vi = shared32(1)->vcpu_info;
	act_as(1);
	a = bind_ipi(1);
	memset(kicks, 0, sizeof(kicks));
	CHECK(!evtchn_set_layout(d, true));
	/* All may have been missed while the layouts differed. */
	for (unsigned int i = 0; i < VCPUS; i++) {
		CHECK(vi[i].evtchn_upcall_pending == 1);
		CHECK(vi[i].evtchn_pending_sel == ~0U);
		CHECK(kicks[1][i] == 1);
	}
	look32(1);
	CHECK(!evtchn_set_layout(d, true)); /* as it is */
	CHECK(!vi[0].evtchn_upcall_pending);

	for (u32 port = 2; port < 1024; port++)
		CHECK(bind_ipi(1) == port);
	CHECK(bind_ipi(0) == -ENOSPC);
	b = 700;
	shared32(1)->evtchn_mask[b / 32] = 1U << b % 32;
	memset(kicks, 0, sizeof(kicks));
	CHECK(!port_op(EVTCHNOP_send, b));
	CHECK(shared32(1)->evtchn_pending[b / 32] == 1U << b % 32);
	CHECK(!vi[1].evtchn_upcall_pending && !kicks[1][1]);
	CHECK(!port_op(EVTCHNOP_unmask, b));
	CHECK(!shared32(1)->evtchn_mask[b / 32] && kicks[1][1] == 1);
	CHECK(vi[1].evtchn_pending_sel == 1U << b / 32);
	CHECK(!port_op(EVTCHNOP_send, a));
	CHECK(vi[1].evtchn_pending_sel == (1U << b / 32 | 1));
	CHECK(!vi[0].evtchn_upcall_pending && !vi[0].evtchn_pending_sel);
	CHECK(evtchn_is_pending(d, a) == 1 && evtchn_is_pending(d, 9) == 0);

	/* From FIFO it is back to the same; and to 64 bits. */
	CHECK(!init_control(0, CONTROL_GFN, CONTROL_OFFSET));
	CHECK(!op(EVTCHNOP_reset, &r, sizeof(r)));
	CHECK(d->evtchn->nr_ports == 1024);
	CHECK(!evtchn_set_layout(d, false));
	for (u32 port = 1; port <= 1024; port++)
		CHECK(bind_ipi(0) == port);
	/* For the last there is no place. */
	CHECK(evtchn_set_layout(d, true) == -EBUSY);
	CHECK(!d->shared32 && d->evtchn->nr_ports == 4096);
	CHECK(!port_op(EVTCHNOP_close, 1024));
	CHECK(!evtchn_set_layout(d, true));
	kill_domain(1);
}

/* The layout is changed, and the guest looks, before the old place is told. */
static enum evtchn_sent send_to_old(struct vcpu *v, u32 port, struct evtchn *c,
				    struct vcpu_info *vi)
{
	enum evtchn_sent sent;

	CHECK(!evtchn_set_layout(v->domain, true));
	look32(v->domain->id);
	memset(kicks, 0, sizeof(kicks));
	v->domain->shared32 = false;
	sent = evtchn_2l.send(v, port, c, vi);
	v->domain->shared32 = true;
	return sent;
}

TEST(an_event_sent_while_the_layout_changes)
{
	static struct evtchn_abi late;

	for (unsigned int masked = 0; masked < 2; masked++) {
		long a;

		make_domain(1);
		act_as(1);
		a = bind_ipi(0);
		if (masked) /* where it was; not where it is */
			host_domain[1]->shared_info->evtchn_mask[a / 64] =
				1ULL << a % 64;
		late = evtchn_2l;
		late.send = send_to_old;
		host_domain[1]->evtchn->abi = &late;
		CHECK(!port_op(EVTCHNOP_send, a));
		CHECK(shared32(1)->vcpu_info[0].evtchn_upcall_pending == 1);
		CHECK(shared32(1)->vcpu_info[0].evtchn_pending_sel & 1);
		CHECK(kicks[1][0] == 1);
		kill_domain(1);
	}
}

static bool channel_is_sound(struct domain *d, u32 port)
{
	struct evtchn *c = evtchn_of(d, port), *peer;
	bool used = test_bit(port, d->evtchn->used);

	if (!c)
		return !used;
	if (READ_ONCE(c->lock.held))
		return false;
	switch (c->state) {
	case CHAN_FREE:
		return !used && !c->peer.domain;
	case CHAN_INTERDOMAIN:
		if (!used || host_domain[c->peer.domain->id] != c->peer.domain)
			return false;
		peer = evtchn_of(c->peer.domain, c->peer.port);
		return peer->state == CHAN_INTERDOMAIN &&
		       peer->peer.domain == d && peer->peer.port == port;
	case CHAN_VIRQ:
		return used && d->vcpu[virq_is_global(c->virq) ? 0 : c->vcpu]
					       ->virq_port[c->virq] == port;
	}
	return used;
}

static bool consistent(void)
{
	if (!arena_is_free())
		return false;
	for (unsigned int id = 0; id < NR; id++) {
		struct domain *d = host_domain[id];

		if (!d)
			continue;
		/* The creator's reference, and that of its frames. */
		if (READ_ONCE(d->evtchn->lock.held) ||
		    d->refs != 2)
			return false;
		for (u32 port = 1; port <= MAX_PORT; port++) {
			if (channel_is_sound(d, port))
				continue;
			printf("# d%u port %u\n", id, port);
			return false;
		}
		for (unsigned int i = 0; i < VCPUS; i++)
			for (u32 virq = 0; virq < NR_VIRQS; virq++)
				if (d->vcpu[i]->virq_port[virq] &&
				    evtchn_of(d, d->vcpu[i]->virq_port[virq])
						    ->state != CHAN_VIRQ)
					return false;
	}
	return true;
}

static u32 some_port(void)
{
	return rnd(20) ? rnd(MAX_PORT / 4) : rnd(2) ? rnd(200) : rnd(1UL << 32);
}

static domid_t some_domid(void)
{
	static const domid_t odd[] = { DOMID_SELF, DOMID_IO, DOMID_XEN,
				       DOMID_INVALID, 7, 0xffff };

	return rnd(8) ? rnd(NR) : odd[rnd(ARRAY_SIZE(odd))];
}

static void random_op(void)
{
	unsigned int who = rnd(NR);
	struct evtchn_status s;
	struct evtchn_reset r;
	u64 garbage[4];

	if (!host_domain[who])
		return;
	act_as(who);
	switch (rnd(14)) {
	case 0: case 1:
		alloc_unbound(rnd(3) ? DOMID_SELF : some_domid(), some_domid());
		break;
	case 2: case 3:
		bind_interdomain(some_domid(), some_port());
		break;
	case 4:
		bind_virq(rnd(NR_VIRQS + 1), rnd(VCPUS + 1));
		break;
	case 5:
		bind_ipi(rnd(VCPUS + 1));
		break;
	case 6:
		port_op(EVTCHNOP_close, some_port());
		break;
	case 7:
		port_op(EVTCHNOP_send, some_port());
		break;
	case 8:
		port_op(EVTCHNOP_unmask, some_port());
		break;
	case 9:
		bind_vcpu(some_port(), rnd(VCPUS + 1));
		break;
	case 10:
		status(some_domid(), some_port(), &s);
		break;
	case 11:
		set_priority(some_port(), rnd(17));
		break;
	case 12:
		/* What the guest does to its words is its own business. */
		if (host_domain[who]->evtchn->fifo)
			*word(who, rnd(MAX_PORT)) = rnd(1UL << 32);
		else if (!rnd(40))
			init_control(rnd(VCPUS + 1), CONTROL_GFN + rnd(3),
				     rnd(8) ? CONTROL_OFFSET : rnd(8192));
		if (!rnd(40))
			init_control(1, CONTROL_GFN + 1, CONTROL_OFFSET);
		if (!rnd(20))
			expand_array(rnd(4) ? WORDS_GFN : rnd(20));
		break;
	default:
		if (!rnd(50)) {
			evtchn_set_layout(host_domain[who], rnd(2));
		} else if (!rnd(50)) {
			r.dom = some_domid();
			op(EVTCHNOP_reset, &r, sizeof(r));
		} else if (rnd(2)) {
			evtchn_send_global_virq(rnd(NR_VIRQS));
		} else {
			for (unsigned int i = 0; i < 4; i++)
				garbage[i] = rnd(~0UL);
			op(rnd(20), garbage, sizeof(garbage));
		}
	}
	if (!rnd(8))
		drain(who);
}

TEST(ends_agree_after_every_operation)
{
	for (unsigned long i = 0; i < calls && !tap_failed; i++) {
		domid_t id = 1 + rnd(NR - 1);

		host_preempts = i / 1000 % 4;
		if (!host_domain[id] && !rnd(20))
			make_domain(id);
		random_op();
		if (host_domain[id] && !rnd(500))
			kill_domain(id);
		if (i % 8 == 0)
			CHECK(consistent());
	}
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(channel_between_two_domains),
		TAP_TEST(loopback_in_dom0),
		TAP_TEST(toolstack_acts_for_guests_and_guests_do_not),
		TAP_TEST(virtual_interrupts),
		TAP_TEST(own_vcpus_by_ipi_and_vector),
		TAP_TEST(masked_ports_wake_pollers_only),
		TAP_TEST(ports_run_out_and_come_back),
		TAP_TEST(moved_vcpu_info_loses_nothing),
		TAP_TEST(fifo_is_refused_what_cannot_be),
		TAP_TEST(fifo_starts_with_what_is_pending),
		TAP_TEST(fifo_tells_each_vcpu_in_order),
		TAP_TEST(fifo_tells_the_vcpu_whose_queue_it_is),
		TAP_TEST(fifo_has_room_for_many_ports),
		TAP_TEST(a_shared_page_of_32_bits),
		TAP_TEST(an_event_sent_while_the_layout_changes),
		TAP_TEST(ends_agree_after_every_operation),
	};

	rng_state = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 1234567891;
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	printf("# seed %lu, %lu calls\n", rng_state, calls);
	host_boot((RAM_START >> PAGE_SHIFT) + 512);
	make_domain(0);
	dom0 = host_domain[0];
	return tap_run(tests, ARRAY_SIZE(tests));
}
