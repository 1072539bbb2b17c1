// SPDX-License-Identifier: MIT
/* event_fifo_test.c - the FIFO ABI: its setup, queues, and changes meanwhile */
#include "event_host.h"

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

	/* And to FIFO, where no port is of a queue that was. */
	CHECK(b == a);
	drain(1);
	memset(next[1], 0, sizeof(next[1]));
	CHECK(!init_control(0, CONTROL_GFN, CONTROL_OFFSET));
	CHECK(!expand_array(WORDS_GFN));
	CHECK(!port_op(EVTCHNOP_send, b) && take(1, 0, 7) == b);
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

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(fifo_is_refused_what_cannot_be),
		TAP_TEST(fifo_starts_with_what_is_pending),
		TAP_TEST(fifo_tells_each_vcpu_in_order),
		TAP_TEST(fifo_tells_the_vcpu_whose_queue_it_is),
		TAP_TEST(fifo_has_room_for_many_ports),
	};

	event_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
