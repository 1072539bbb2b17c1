/* SPDX-License-Identifier: MIT */
/*
 * console.c - hypercall 18: the emergency console
 *
 * dom0 writes and reads the serial console raw.  What a guest writes is taken
 * by lines, made printable, prefixed with its id, and limited: it has a budget
 * that grows with time, a line costs a fixed part of it.
 */
#include "hypercall.h"

#define LINE_COST (20 * 1000000ULL) /* 50 lines a second for ever */
#define CREDIT_MAX (500 * LINE_COST) /* a kernel's boot messages at once */

static bool pay_line(struct domain *d)
{
	u64 now = now_ns();

	d->con_credit = d->con_refilled ?
				min(d->con_credit + (now - d->con_refilled),
				    CREDIT_MAX) :
				CREDIT_MAX;
	d->con_refilled = now;
	if (d->con_credit < LINE_COST) {
		d->con_dropped++;
		return false;
	}
	d->con_credit -= LINE_COST;
	return true;
}

static void end_line(struct domain *d)
{
	if (pay_line(d)) {
		if (d->con_dropped)
			pr_info("(d%u) [%llu lines dropped]", d->id,
				(unsigned long long)d->con_dropped);
		d->con_dropped = 0;
		d->con_line[d->con_len] = 0;
		pr_info("(d%u) %s", d->id, d->con_line);
	}
	d->con_len = 0;
}

static void guest_output(struct domain *d, const char *s, size_t len)
{
	spin_lock(&d->con_lock);
	for (size_t i = 0; i < len; i++) {
		char c = s[i];

		if (c == '\n') {
			end_line(d);
			continue;
		}
		if (c == '\r')
			continue;
		if (d->con_len == sizeof(d->con_line) - 1)
			end_line(d);
		d->con_line[d->con_len++] =
			(c >= ' ' && c < 127) || c == '\t' ? c : '.';
	}
	spin_unlock(&d->con_lock);
}

/* arg[1] = bytes left, arg[2] = where; both move on. */
static long op_write(struct hypercall *hc)
{
	struct domain *d = current->domain;
	char buf[128];

	while (hc->arg[1]) {
		size_t part = min((u64)sizeof(buf), hc->arg[1]);

		if (guest_read(buf, hc->arg[2], part))
			return -EFAULT;
		if (d->privileged)
			console_write(buf, part);
		else
			guest_output(d, buf, part);
		hc->arg[1] -= part;
		hc->arg[2] += part;
		if (hc->arg[1] && hypercall_preempt())
			return -ERESTART;
	}
	return 0;
}

static long op_read(struct hypercall *hc)
{
	char buf[128];
	size_t len;

	if (!current->domain->privileged)
		return -EPERM;
	len = console_input_read(buf, min((u64)sizeof(buf), (u64)(u32)hc->arg[1]));
	if (len && guest_write(hc->arg[2], buf, len))
		return -EFAULT;
	return len;
}

long call_console_io(struct hypercall *hc)
{
	switch (hc->arg[0]) {
	case CONSOLEIO_write:
		/* Xen's count is an unsigned 32-bit number. */
		hc->arg[1] = (u32)hc->arg[1];
		return op_write(hc);
	case CONSOLEIO_read:
		return op_read(hc);
	}
	return -ENOSYS;
}
