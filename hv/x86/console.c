/* SPDX-License-Identifier: MIT */
/*
 * console.c - typed input: to the hypervisor's keys, or to dom0
 *
 * COM1's interrupt pin belongs to dom0's IO-APIC, so the line is polled by a
 * timer: slowly while nobody types, quickly after a byte came.  Bytes stay in
 * the UART while the ring is full, so that no typed line is lost.
 */
#include "domain.h"
#include "hypercall.h"
#include "serial.h"

#define INPUT_SIZE 4096 /* power of two */
#define KEY_PREFIX 0x14 /* Ctrl-T, then a key of keyhandler() */
#define POLL_SLOW_NS 20000000ULL
#define POLL_FAST_NS 1000000ULL
#define FAST_FOR_NS 2000000000ULL

static char input[INPUT_SIZE];
static u32 input_prod, input_cons;
static struct spinlock input_lock;
static struct timer input_timer;
static u64 input_last;
static bool key_prefix;

/* Move what the UART has into the ring; true if dom0 has something new. */
static bool input_drain(void)
{
	bool added = false;
	int c;

	spin_lock(&input_lock);
	while (input_prod - input_cons < INPUT_SIZE && (c = serial_read()) >= 0) {
		input_last = now_ns();
		if (key_prefix) {
			key_prefix = false;
			spin_unlock(&input_lock);
			keyhandler(c);
			spin_lock(&input_lock);
		} else if (c == KEY_PREFIX) {
			key_prefix = true;
		} else {
			input[input_prod++ % INPUT_SIZE] = c;
			added = true;
		}
	}
	spin_unlock(&input_lock);
	return added;
}

static void input_poll(struct timer *t)
{
	u64 now = now_ns();

	if (input_drain() && dom0)
		evtchn_send_global_virq(VIRQ_CONSOLE);
	console_ring_notify();
	timer_set(t, now + (now - input_last < FAST_FOR_NS ? POLL_FAST_NS :
							     POLL_SLOW_NS));
}

void console_input_init(void)
{
	timer_init(&input_timer, input_poll);
	input_last = now_ns() - FAST_FOR_NS;
	timer_set(&input_timer, now_ns() + POLL_SLOW_NS);
}

size_t console_input_read(char *buf, size_t size)
{
	size_t n = 0;

	input_drain();
	spin_lock(&input_lock);
	while (n < size && input_cons != input_prod)
		buf[n++] = input[input_cons++ % INPUT_SIZE];
	spin_unlock(&input_lock);
	return n;
}
