// SPDX-License-Identifier: MIT
/* main.c - pick the test */
#include "guest.h"

static void test_own_vector(void);

static const struct {
	const char *name;
	void (*run)(void);
} tests[] = {
	{ "smoke", test_smoke },
	{ "own-vector", test_own_vector },
	{ "garbage", test_garbage },
	{ "narrow", test_narrow },
	{ "events", test_events },
	{ "fifo", test_fifo },
	{ "grants", test_grants },
	{ "memory", test_memory },
	{ "cpu", test_cpu },
	{ "smp", test_smp },
	{ "triple-fault", test_triple_fault },
	{ "halt", test_halt },
	{ "unbacked-read", test_unbacked_read },
	{ "unbacked-write", test_unbacked_write },
	{ "unbacked-jump", test_unbacked_jump },
	{ "unbacked-tables", test_unbacked_tables },
	{ "own-code", test_own_code },
	{ "cr4", test_cr4 },
	{ "fault-loop", test_fault_loop },
	{ "spin", test_spin },
};

int main(void);

static u32 find_virq(u32 virq)
{
	for (u32 port = 1; port < EVTCHN_2L_NR_CHANNELS; port++) {
		struct evtchn_status s = { .dom = DOMID_SELF, .port = port };

		if (!evtchn(EVTCHNOP_status, &s) &&
		    s.status == EVTCHNSTAT_virq && s.u.virq == virq)
			return port;
	}
	return 0;
}

/*
 * What every test stands on: a channel to ourselves carries an event, a timer
 * fires, interrupts arrive.  Also run after garbage, to see what is left.
 */
void test_smoke(void)
{
	struct vcpu_set_singleshot_timer timer = {
		.timeout_abs_ns = now() + 10000000,
	};
	struct evtchn_bind_virq virq = { .virq = VIRQ_TIMER };
	s64 a = evtchn_alloc(DOMID_SELF), b;
	u64 began = nr_upcalls, t0 = now();

	ok(a > 0, "allocate a port");
	b = evtchn_bind(DOMID_SELF, a);
	ok(b > 0 && b != a, "bind it to ourselves");
	event_wait(a, 0);
	event_mask(a, false);
	ok_eq(evtchn_port(EVTCHNOP_send, b), 0, "send");
	ok(event_wait(a, 5000000000ULL), "the event is pending");
	ok(nr_upcalls > began, "and came as an interrupt");
	ok_eq(evtchn_port(EVTCHNOP_close, a), 0, "close one end");
	ok_eq(evtchn_port(EVTCHNOP_close, b), 0, "close the other");

	if (evtchn(EVTCHNOP_bind_virq, &virq) == -EEXIST)
		virq.port = find_virq(VIRQ_TIMER); /* garbage did it */
	ok(virq.port > 0, "bind the timer's interrupt");
	event_wait(virq.port, 0);
	ok_eq(CALL3(vcpu_op, VCPUOP_set_singleshot_timer, 0, &timer), 0,
	      "set a timer");
	event_mask(virq.port, false);
	ok(event_wait(virq.port, 10000000000ULL), "it fires");
	ok(now() >= timer.timeout_abs_ns, "not early");
	ok(now() > t0, "time goes on");
	ok_eq(evtchn_port(EVTCHNOP_close, virq.port), 0, "close its port");
}

static void test_own_vector(void)
{
	event_init_own_vector();
	test_smoke();
	test_smoke();
}

int main(void)
{
	platform_init();
	trap_init();
	event_init();
	for (const char *s = command_line; *s; s++) {
		if (s != command_line && s[-1] != ' ')
			continue;
		for (unsigned int i = 0; i < ARRAY_SIZE(tests); i++) {
			const char *n = tests[i].name, *p = s;

			for (const char *k = "test="; *k && *k == *p; k++)
				p++;
			if (p != s + 5)
				break;
			while (*n && *n == *p)
				n++, p++;
			if (*n || (*p && *p != ' '))
				continue;
			print("TAP version 13");
			note("%s: domain %u on %s, RAM to gfn 0x%lx",
			     tests[i].name, own_domid, on_tenon ? "Tenon" : "Xen",
			     ram_end);
			tests[i].run();
			tap_plan();
			power_off(SHUTDOWN_poweroff);
		}
	}
	print("Bail out! no such test: %s", command_line);
	power_off(SHUTDOWN_crash);
}
