// SPDX-License-Identifier: MIT
/*
 * event_model.c - random event channel operations of three domains
 *
 * Valid and not, with domains dying and coming back: after each, both ends of
 * every channel must know each other, and every table must agree with itself.
 * Usage: event_model [seed [calls]].
 */
#include "event_host.h"

static unsigned long calls = 100000;

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
		TAP_TEST(ends_agree_after_every_operation),
	};

	if (argc > 1)
		rng_state = strtoull(argv[1], NULL, 0) | 1;
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	printf("# seed %lu, %lu calls\n", rng_state, calls);
	event_host_boot();
	return tap_run(tests, ARRAY_SIZE(tests));
}
