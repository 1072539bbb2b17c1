// SPDX-License-Identifier: MIT
/* event_layout_test.c - the shared page of a guest of 32 bits, and changes to it */
#include "event_host.h"

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

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(a_shared_page_of_32_bits),
		TAP_TEST(an_event_sent_while_the_layout_changes),
	};

	event_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
