// SPDX-License-Identifier: MIT
/*
 * fifo.c - FIFO event channels, by the rules and against them
 *
 * From fifo_init() on the guest is told its events by its words and its control
 * block: event.c's functions see none.
 */
#include "guest.h"
#include "../../evtchn/evtchn_fifo.h"

static u32 *const words = (u32 *)scratch[0];
static u32 *const page_list[] = { (u32 *)scratch[0] };
static struct evtchn_fifo_control *const control = (void *)scratch[1];
static u32 next[EVTCHN_FIFO_PRIORITIES];

static s64 init_control(u32 vcpu, gfn_t gfn, u32 offset)
{
	struct evtchn_init_control op = {
		.control_gfn = gfn,
		.offset = offset,
		.vcpu = vcpu,
	};
	s64 ret = evtchn(EVTCHNOP_init_control, &op);

	return ret ? ret : op.link_bits;
}

static s64 expand_array(gfn_t gfn)
{
	struct evtchn_expand_array op = { .array_gfn = gfn };

	return evtchn(EVTCHNOP_expand_array, &op);
}

static s64 set_priority(u32 port, u32 priority)
{
	struct evtchn_set_priority op = { port, priority };

	return evtchn(EVTCHNOP_set_priority, &op);
}

static u32 bind_ipi(void)
{
	struct evtchn_bind_ipi op = { .vcpu = 0 };

	return evtchn(EVTCHNOP_bind_ipi, &op) ? 0 : op.port;
}

/* The next port that is pending and not masked, in order; 0 if there is none. */
static u32 take(void)
{
	static u32 ready;

	ready |= evtchn_fifo_take_upcall(control,
					 &vcpu0_info.evtchn_upcall_pending);
	while (ready) {
		unsigned int q = __builtin_ctz(ready);
		u32 port = next[q] ? next[q] : READ_ONCE(control->head[q]);
		bool told = evtchn_fifo_receive(
			evtchn_fifo_word(page_list, port), &next[q]);

		if (!next[q])
			ready &= ~(1U << q);
		if (!told)
			continue;
		__atomic_fetch_and(&words[port], ~EVTCHN_FIFO_PENDING,
				   __ATOMIC_SEQ_CST);
		return port;
	}
	return 0;
}

/* The console's events come when they like. */
static void mask_all_but(u32 a, u32 b)
{
	for (unsigned int i = 0; i < EVTCHN_FIFO_PAGE_WORDS; i++)
		WRITE_ONCE(words[i],
			   i == a || i == b ? 0 : EVTCHN_FIFO_MASKED);
}

static void test_refusals(u32 port)
{
	static const u32 offsets[] = { 4, 7, PAGE_SIZE - 64, PAGE_SIZE,
				       0xfffffff8 };
	static const gfn_t nowhere[] = { 0x7ffff, 1UL << 40, ~0UL };

	ok_eq(expand_array(gfn_of(scratch[0])), -EOPNOTSUPP,
	      "words before a control block");
	ok_either(set_priority(port, 0), -ENOSYS, -EOPNOTSUPP,
		  "priority in 2 levels");
	for (unsigned int i = 0; i < ARRAY_SIZE(offsets); i++)
		ok_eq(init_control(0, gfn_of(control), offsets[i]), -EINVAL,
		      "control block at offset 0x%x", offsets[i]);
	for (unsigned int i = 0; i < ARRAY_SIZE(nowhere); i++)
		ok(init_control(0, nowhere[i], 0) < 0,
		   "control block in frame 0x%lx", nowhere[i]);
	ok_eq(init_control(1000, gfn_of(control), 0), -ENOENT,
	      "control block of vCPU 1000");
	ok_eq(init_control(~0U, gfn_of(control), 0), -ENOENT,
	      "of vCPU 2^32 - 1");
	if (on_tenon)
		ok_eq(init_control(0, gfn_of(&shared_page), 0), -EINVAL,
		      "in shared info");
}

static void test_begin(u32 port, u32 other)
{
	unsigned int pages = 1;
	s64 ret;

	/* What is pending when FIFO begins must not get lost. */
	event_clear(port);
	evtchn_port(EVTCHNOP_send, port);
	ok_eq(init_control(0, gfn_of(control), 0), EVTCHN_FIFO_LINK_BITS,
	      "control block");
	ok_eq(init_control(0, gfn_of(control), 0), -EINVAL, "another one");
	ok_eq(expand_array(~0UL), -EINVAL, "words nowhere");
	WRITE_ONCE(vcpu0_info.evtchn_upcall_pending, 0);
	mask_all_but(port, other);
	ok_eq(expand_array(gfn_of(words)), 0, "words");
	ok_eq(take(), port, "what was pending is told");
	ok(!take(), "and nothing else");
	do
		ret = expand_array(gfn_of(scratch[2]));
	while (!ret && ++pages <= EVTCHN_FIFO_PAGES);
	ok_eq(ret, -ENOSPC, "%u pages of words, and no more", pages);
	ok_eq(set_priority(port, EVTCHN_FIFO_PRIORITIES), -EINVAL,
	      "priority 16");
	ok_eq(set_priority(~0U, 0), -EINVAL, "of port 2^32 - 1");
}

static void test_order(u32 a, u32 b)
{
	u64 began;

	ok_eq(evtchn_port(EVTCHNOP_send, a), 0, "send");
	ok_eq(evtchn_port(EVTCHNOP_send, b), 0, "send another");
	evtchn_port(EVTCHNOP_send, a);
	ok_eq(take(), a, "the first comes first");
	ok_eq(take(), b, "then the second");
	ok(!take(), "each once");
	ok_eq(set_priority(b, 0), 0, "a higher priority");
	evtchn_port(EVTCHNOP_send, a);
	evtchn_port(EVTCHNOP_send, b);
	ok(take() == b && take() == a, "goes first");

	words[a] = EVTCHN_FIFO_MASKED;
	evtchn_port(EVTCHNOP_send, a);
	ok(!take(), "a masked port is not told");
	ok_eq(evtchn_port(EVTCHNOP_unmask, a), 0, "unmask");
	ok_eq(take(), a, "then it is");

	began = nr_upcalls;
	evtchn_port(EVTCHNOP_send, a);
	__asm__ __volatile__("sti; nop; nop; cli" : : : "memory");
	ok(nr_upcalls > began, "events come as interrupts");
	ok_eq(take(), a, "and are found");
	evtchn_port(EVTCHNOP_send, a);
	ok_eq(evtchn_port(EVTCHNOP_close, a), 0, "close while it is linked");
	ok(!take(), "it is not pending any more");
	ok_eq(evtchn_port(EVTCHNOP_send, a), -EINVAL, "nor a port");
}

/* Nothing that stands in our memory makes the hypervisor stumble. */
static void test_scribble(u32 port)
{
	u32 ports[16];
	bool gone = false;

	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
		ports[i] = bind_ipi();
	for (unsigned int i = 0; i < 20000; i++) {
		u32 p = ports[random64() % ARRAY_SIZE(ports)];
		u64 r = random64();

		switch (r % 8) {
		case 0:
			WRITE_ONCE(words[r >> 8 & 1023], r >> 32);
			break;
		case 1:
			WRITE_ONCE(control->head[r >> 8 & 15], r >> 32);
			break;
		case 2:
			WRITE_ONCE(control->ready, r >> 32);
			break;
		case 3:
			set_priority(p, r >> 8 & 15);
			break;
		case 4:
			evtchn_port(EVTCHNOP_unmask, p);
			break;
		case 5:
			words[p] &= EVTCHN_FIFO_LINK; /* as if received */
			break;
		default:
			gone |= evtchn_port(EVTCHNOP_send, p) != 0;
		}
	}
	ok(!gone, "20000 steps with words and heads at random");

	/* By the rules again: clean words, empty queues. */
	for (unsigned int i = 0; i < ARRAY_SIZE(ports); i++)
		evtchn_port(EVTCHNOP_close, ports[i]);
	mask_all_but(port, port);
	memset(control, 0, sizeof(*control));
	memset(next, 0, sizeof(next));
	WRITE_ONCE(vcpu0_info.evtchn_upcall_pending, 0);
	evtchn_port(EVTCHNOP_send, port);
	ok_eq(take(), port, "clean words work again");
}

void test_fifo(void)
{
	u32 a = bind_ipi(), b = bind_ipi();

	random_state = option("seed", 1) * 88172645463325252ULL;
	ok(a && b, "two ports");
	test_refusals(a);
	test_begin(a, b);
	test_order(a, b);
	test_scribble(b);
}
