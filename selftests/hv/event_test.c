// SPDX-License-Identifier: MIT
/* event_test.c - event channels, each operation by itself */
#include "event_host.h"

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

int main(void)
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
	};

	event_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
