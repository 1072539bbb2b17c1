/* SPDX-License-Identifier: MIT */
/*
 * printk.c - the hypervisor's log
 *
 * Every byte goes into the console ring and, if there is one, to the serial
 * line; a domain's console_io output only to the line.  Positions in the ring are
 * free-running, so that a reader that fell behind continues at the oldest byte
 * that is still there.
 */
#include "domain.h"
#include "hypercall.h"
#include "serial.h"
#include "vmm.h"

#define CONRING_SIZE (64 * 1024) /* power of two */

static char conring[CONRING_SIZE];
static u32 conring_prod, conring_cons; /* cons: first not cleared */
static struct spinlock console_lock;
static u32 conring_notified;
static bool line_start = true;

enum log_level log_level = LOG_INFO;

/* At most this many guest-provoked lines in a window. */
#define GUEST_LINES 10
#define GUEST_WINDOW_NS 1000000000ULL
static u64 guest_window_start;
static unsigned int guest_lines, guest_dropped;

static void serial_put_locked(const char *s, size_t len)
{
	serial_write(s, len);
	if (len)
		line_start = s[len - 1] == '\n';
}

static void console_put(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		conring[conring_prod++ % CONRING_SIZE] = s[i];
	if (conring_prod - conring_cons > CONRING_SIZE)
		conring_cons = conring_prod - CONRING_SIZE;
	serial_put_locked(s, len);
}

void console_write(const char *s, size_t len)
{
	spin_lock(&console_lock);
	serial_put_locked(s, len);
	spin_unlock(&console_lock);
}

static void printk_line(const char *fmt, va_list ap)
{
	static const char prefix[] = "(Tenon) ";
	char buf[256];
	int n = vsnprintf(buf, sizeof(buf) - 1, fmt, ap);

	n = min(n, (int)sizeof(buf) - 2);
	if (!n || buf[n - 1] != '\n')
		buf[n++] = '\n';
	spin_lock(&console_lock);
	/* A domain's unfinished line must not swallow ours. */
	if (!line_start)
		serial_put_locked("\n", 1);
	console_put(prefix, sizeof(prefix) - 1);
	console_put(buf, n);
	spin_unlock(&console_lock);
}

void printk_level(enum log_level level, const char *fmt, ...)
{
	va_list ap;

	if (level > log_level)
		return;
	va_start(ap, fmt);
	printk_line(fmt, ap);
	va_end(ap);
}

void printk_guest(const char *fmt, ...)
{
	static struct spinlock lock;
	unsigned int dropped = 0;
	u64 now = now_ns();
	va_list ap;
	bool show;

	spin_lock(&lock);
	if (now - guest_window_start > GUEST_WINDOW_NS) {
		guest_window_start = now;
		guest_lines = 0;
		dropped = guest_dropped;
		guest_dropped = 0;
	}
	show = guest_lines < GUEST_LINES;
	if (show)
		guest_lines++;
	else
		guest_dropped++;
	spin_unlock(&lock);

	if (dropped)
		pr_info("%u guest-provoked lines dropped", dropped);
	if (!show)
		return;
	va_start(ap, fmt);
	printk_line(fmt, ap);
	va_end(ap);
}

size_t console_ring_read(char *buf, size_t size, u32 *index, bool incremental,
			 bool clear)
{
	size_t n = 0;
	u32 pos;

	spin_lock(&console_lock);
	pos = conring_cons;
	if (incremental && (s32)(*index - pos) >= 0)
		pos = *index;
	if ((s32)(pos - conring_prod) > 0)
		pos = conring_prod;
	while (n < size && pos != conring_prod)
		buf[n++] = conring[pos++ % CONRING_SIZE];
	if (clear)
		conring_cons = conring_prod;
	*index = pos;
	spin_unlock(&console_lock);
	return n;
}

/* Called from a timer: printk() runs in contexts that must not send events. */
void console_ring_notify(void)
{
	u32 prod = READ_ONCE(conring_prod);

	if (prod == conring_notified || !dom0)
		return;
	conring_notified = prod;
	evtchn_send_global_virq(VIRQ_CON_RING);
}

void panic(const char *fmt, ...)
{
	static bool panicked;
	char buf[256];
	va_list ap;

	/* Whoever holds the lock may be the one that failed. */
	console_lock = (struct spinlock){ 0 };
	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	pr_err("panic: %s", buf);
	if (!__atomic_exchange_n(&panicked, true, __ATOMIC_SEQ_CST)) {
		cpu_stop_others();
		cpu_backtrace();
	}
	machine_poweroff();
}
