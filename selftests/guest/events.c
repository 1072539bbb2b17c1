// SPDX-License-Identifier: MIT
/*
 * events.c - event channels, polls and timers at the edges of their ranges
 */
#include "guest.h"

#define SECOND 1000000000ULL
static void *const nowhere = (void *)0x8000000000000000UL;

static void test_ports(void)
{
	static const u32 bad[] = { 0, 4096, 131072, 0x7fffffff, 0xffffffff };
	struct evtchn_bind_vcpu vcpu = { 0 };
	struct evtchn_status status;
	s64 port;

	for (unsigned int i = 0; i < ARRAY_SIZE(bad); i++) {
		ok_eq(evtchn_port(EVTCHNOP_send, bad[i]), -EINVAL,
		      "send to port %u", bad[i]);
		ok_eq(evtchn_port(EVTCHNOP_close, bad[i]), -EINVAL,
		      "close port %u", bad[i]);
		/* Xen minds only ports behind the end. */
		ok_either(evtchn_port(EVTCHNOP_unmask, bad[i]), -EINVAL,
			  bad[i] ? -EINVAL : 0, "unmask port %u", bad[i]);
		vcpu.port = bad[i];
		ok_eq(evtchn(EVTCHNOP_bind_vcpu, &vcpu), -EINVAL,
		      "move port %u to a vCPU", bad[i]);
	}

	port = evtchn_alloc(0);
	ok(port > 0, "a port for domain 0");
	ok_eq(evtchn_port(EVTCHNOP_send, port), 0, "a send before it is bound");
	vcpu.port = port;
	vcpu.vcpu = 1U << 31;
	ok_eq(evtchn(EVTCHNOP_bind_vcpu, &vcpu), -ENOENT, "to vCPU 2^31");
	ok_eq(evtchn_bind(DOMID_SELF, port), -EINVAL,
	      "bind to what is another domain's");
	status = (struct evtchn_status){ .dom = DOMID_SELF, .port = port };
	ok_eq(evtchn(EVTCHNOP_status, &status), 0, "its status");
	ok(status.status == EVTCHNSTAT_unbound && !status.u.unbound.dom,
	   "says unbound, for domain 0");
	ok_eq(evtchn_port(EVTCHNOP_close, port), 0, "close it");
	ok_eq(evtchn_port(EVTCHNOP_close, port), -EINVAL, "close it again");
	ok_eq(evtchn_port(EVTCHNOP_send, port), -EINVAL, "send to it");
}

/* What belongs to others: neither looked at nor changed. */
static void test_others(void)
{
	struct evtchn_alloc_unbound alloc = { .dom = 0, .remote_dom = own_domid };
	struct evtchn_status status = { .dom = 0, .port = 1 };
	struct evtchn_reset reset = { .dom = 0 };
	struct evtchn_bind_virq virq = { .virq = VIRQ_DOM_EXC };
	static const domid_t ids[] = { DOMID_IO, DOMID_XEN, DOMID_COW,
				       DOMID_INVALID, DOMID_IDLE, 32751, 0xffff };

	ok_eq(evtchn(EVTCHNOP_alloc_unbound, &alloc), -EPERM,
	      "a port of domain 0");
	ok_eq(evtchn(EVTCHNOP_status, &status), -EPERM,
	      "the status of a port of domain 0");
	ok_eq(evtchn(EVTCHNOP_reset, &reset), -EPERM, "reset domain 0");
	for (u32 port = 1; port < 64; port++)
		if (evtchn_bind(0, port) >= 0)
			note("bound to port %u of domain 0", port);
	ok_eq(evtchn_bind(0, 1), -EINVAL, "bind to a port of domain 0");
	for (unsigned int i = 0; i < ARRAY_SIZE(ids); i++)
		ok_either(evtchn_bind(ids[i], 1), -ESRCH, -EINVAL,
			  "bind to a port of domain 0x%x", ids[i]);
	/* Xen lets anybody bind a global VIRQ that it never sends him. */
	ok_either(evtchn(EVTCHNOP_bind_virq, &virq), 0, -EPERM,
		  "the toolstack's interrupt");
	if (virq.port)
		evtchn_port(EVTCHNOP_close, virq.port);
}

static void test_virqs(void)
{
	struct evtchn_bind_virq virq = { .virq = NR_VIRQS };
	struct evtchn_bind_ipi ipi = { .vcpu = 4096 };

	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), -EINVAL, "VIRQ 24");
	virq.virq = 0xffffffff;
	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), -EINVAL, "VIRQ 2^32 - 1");
	virq = (struct evtchn_bind_virq){ .virq = VIRQ_TIMER, .vcpu = 1 << 30 };
	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), -ENOENT, "of vCPU 2^30");
	virq = (struct evtchn_bind_virq){ .virq = VIRQ_DEBUG };
	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), 0, "VIRQ_DEBUG");
	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), -EEXIST, "twice");
	ok_eq(evtchn_port(EVTCHNOP_send, virq.port), -EINVAL,
	      "a guest cannot send itself one");
	ok_eq(evtchn_port(EVTCHNOP_close, virq.port), 0, "close it");
	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), 0, "bind it again");
	evtchn_port(EVTCHNOP_close, virq.port);

	ok_eq(evtchn(EVTCHNOP_bind_ipi, &ipi), -ENOENT, "an IPI to vCPU 4096");
	ipi.vcpu = 0;
	ok_eq(evtchn(EVTCHNOP_bind_ipi, &ipi), 0, "an IPI to vCPU 0");
	event_clear(ipi.port);
	ok_eq(evtchn_port(EVTCHNOP_send, ipi.port), 0, "send it");
	ok(event_pending(ipi.port), "it is pending at once");
	ok_eq(evtchn_port(EVTCHNOP_close, ipi.port), 0, "close it");
	ok(!event_pending(ipi.port), "and then not pending any more");
}

/* Both ends here: what happens to one when the other goes. */
static void test_loopback(void)
{
	struct evtchn_status status;
	s64 a = evtchn_alloc(DOMID_SELF), b = evtchn_bind(DOMID_SELF, a);

	ok(a > 0 && b > 0, "a channel to ourselves");
	ok_eq(evtchn_bind(DOMID_SELF, a), -EINVAL, "bind to it again");
	ok_eq(evtchn_bind(DOMID_SELF, b), -EINVAL, "bind to the other end");
	event_clear(a);
	event_clear(b);
	event_mask(a, true);
	for (unsigned int i = 0; i < 1000; i++)
		evtchn_port(EVTCHNOP_send, b);
	ok(event_pending(a) && !event_pending(b), "sends reach the other end");
	WRITE_ONCE(vcpu0_info.evtchn_pending_sel, 0);
	WRITE_ONCE(vcpu0_info.evtchn_upcall_pending, 0);
	ok_eq(evtchn_port(EVTCHNOP_unmask, a), 0, "unmask");
	ok(READ_ONCE(vcpu0_info.evtchn_upcall_pending),
	   "tells of what was pending");
	ok_eq(evtchn_port(EVTCHNOP_close, b), 0, "close one end");
	status = (struct evtchn_status){ .dom = DOMID_SELF, .port = a };
	ok_eq(evtchn(EVTCHNOP_status, &status), 0, "status of the other");
	ok_eq(status.status, EVTCHNSTAT_unbound, "unbound again");
	ok_eq(evtchn_port(EVTCHNOP_send, a), 0, "a send goes nowhere");
	ok_eq(evtchn_port(EVTCHNOP_close, a), 0, "close that");
}

static void test_exhaustion(void)
{
	static u32 port[EVTCHN_2L_NR_CHANNELS];
	unsigned int n = 0, bad = 0;
	s64 ret;

	while ((ret = evtchn_alloc(DOMID_SELF)) > 0 && n < ARRAY_SIZE(port))
		port[n++] = ret;
	ok_eq(ret, -ENOSPC, "ports run out (after %u)", n);
	ok(n > 900, "not too early");
	while (n--)
		bad += evtchn_port(EVTCHNOP_close, port[n]) != 0;
	ok(!bad, "all of them can be closed");
	ret = evtchn_alloc(DOMID_SELF);
	ok(ret > 0, "then there are ports again");
	evtchn_port(EVTCHNOP_close, ret);
}

static s64 poll(const void *ports, u32 nr, u64 timeout)
{
	struct sched_poll op = {
		.ports = (u64)ports,
		.nr_ports = nr,
		.timeout = timeout,
	};

	return CALL2(sched_op, SCHEDOP_poll, &op);
}

static void test_poll(void)
{
	u32 port = evtchn_alloc(DOMID_SELF);
	u32 other = evtchn_bind(DOMID_SELF, port);
	u32 bad_port = 0xffffffff;
	s64 ret = 0;
	unsigned int n;
	u64 t;

	event_wait(port, 0);
	event_mask(port, true);
	event_clear(port);
	event_clear(other);
	WRITE_ONCE(vcpu0_info.evtchn_upcall_pending, 0);
	ok_eq(poll(&port, 1U << 31, 0), -EINVAL, "poll 2^31 ports");
	ok_eq(poll(&port, 0xffffffff, 0), -EINVAL, "poll 2^32 - 1 ports");
	ok_eq(poll(&port, 129, 0), -EINVAL, "poll 129 ports");
	ok_eq(poll(nowhere, 1, 0), -EFAULT, "poll ports nowhere");
	ok_eq(poll(NULL, 2, now() + SECOND), -EFAULT, "poll ports at NULL");
	ok_eq(poll(&bad_port, 1, now() + SECOND), -EINVAL, "poll a bad port");
	/* It may end early, for no reason, but not always. */
	t = now() + SECOND / 20;
	for (n = 0; n < 20 && now() < t; n++)
		ret |= poll(&port, 1, t);
	ok_eq(ret, 0, "poll until a time");
	ok(now() >= t && !event_pending(port), "which comes");
	ok_eq(poll(&port, 1, 1), 0, "poll until a time in the past");
	evtchn_port(EVTCHNOP_send, other);
	ok(event_pending(port), "a masked event");
	ok_eq(poll(&port, 1, 0), 0, "ends a poll that has no end");
	evtchn_port(EVTCHNOP_close, port);
	evtchn_port(EVTCHNOP_close, other);
}

static s64 single_shot(u64 when, u32 flags)
{
	struct vcpu_set_singleshot_timer op = {
		.timeout_abs_ns = when,
		.flags = flags,
	};

	return CALL3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &op);
}

static void test_timers(void)
{
	struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
	u32 p;

	ok_eq(evtchn(EVTCHNOP_bind_virq, &virq), 0, "the timer's interrupt");
	p = virq.port;
	event_wait(p, 0);
	event_mask(p, false);
	ok_eq(CALL3(vcpu_op, VCPUOP_set_singleshot_timer, 0, 0), -EFAULT,
	      "a timer from NULL");
	/* Xen ignores the flag since 2023: old kernels stumble over the answer. */
	ok_either(single_shot(1, VCPU_SSHOTTMR_future), -ETIME, 0,
		  "a timer in the past that must not be");
	ok_eq(single_shot(1, 0), 0, "a timer in the past");
	ok(event_wait(p, 10 * SECOND), "fires at once");
	/* For Xen, whose times are signed, these are past; never or at once. */
	ok_eq(single_shot(1UL << 63, 0), 0, "a timer at 2^63");
	event_wait(p, SECOND / 10);
	ok_eq(single_shot(~0UL, 0), 0, "a timer at 2^64 - 1");
	event_wait(p, SECOND / 10);
	ok_eq(single_shot(now() + SECOND / 20, 0), 0, "a timer soon");
	ok(event_wait(p, 10 * SECOND), "fires");
	ok_eq(single_shot(now() + SECOND / 20, 0), 0, "a timer soon");
	ok_eq(CALL3(vcpu_op, VCPUOP_stop_singleshot_timer, 0, 0), 0, "stopped");
	ok(!event_wait(p, SECOND / 4), "does not fire");
	ok_eq(hypercall(HYPERCALL_set_timer_op, 1, 0, 0, 0, 0), 0,
	      "the old call, in the past");
	ok(event_wait(p, 10 * SECOND), "fires at once");
	ok_eq(hypercall(HYPERCALL_set_timer_op, now() + SECOND / 20, 0, 0, 0, 0),
	      0, "the old call");
	ok(event_wait(p, 10 * SECOND), "fires");
	for (unsigned int i = 0; i < 2000; i++)
		single_shot(random64(), random64() & 1);
	single_shot(0, 0);
	ok(event_wait(p, 10 * SECOND), "after 2000 random timers one works");
	evtchn_port(EVTCHNOP_close, p);
}

static void test_vcpu_areas(void)
{
	struct vcpu_register_vcpu_info info = { .gfn = gfn_of(scratch[0]) };
	struct vcpu_register_area area = { .gva = (u64)nowhere };
	struct vcpu_runstate_info *run = (void *)scratch[1];

	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 0, &info), -EINVAL,
	      "register vcpu_info twice");
	ok_eq(CALL3(vcpu_op, VCPUOP_register_vcpu_info, 1000, &info), -ENOENT,
	      "of vCPU 1000");
	ok_eq(CALL3(vcpu_op, VCPUOP_is_up, ~0UL, 0), -ENOENT, "of vCPU 2^64 - 1");
	/* Xen takes the address and fails silently when it writes. */
	ok_either(CALL3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &area),
		  -EFAULT, 0, "run state nowhere");
	area.gva = (u64)run;
	ok_eq(CALL3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &area), 0,
	      "run state");
	ok(run->time[0] > 0, "says that we ran");
	area.gva = 0;
	CALL3(vcpu_op, VCPUOP_register_runstate_memory_area, 0, &area);
	memset(run, 0, sizeof(*run));
	ok_eq(CALL3(vcpu_op, VCPUOP_get_runstate_info, 0, run), 0,
	      "ask for run state");
	ok(run->state == 0 && run->time[0] > 0, "we run");
	ok_eq(CALL3(vcpu_op, VCPUOP_get_runstate_info, 0, nowhere), -EFAULT,
	      "ask for it to nowhere");
}

void test_events(void)
{
	test_ports();
	test_others();
	test_virqs();
	test_loopback();
	test_exhaustion();
	test_poll();
	test_timers();
	test_vcpu_areas();
}
