// SPDX-License-Identifier: MIT
/* host.c - see host.h */
#define _GNU_SOURCE
#define TAP_MAIN
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"

struct cpu cpus[NR_CPUS];
unsigned int nr_cpus = 1;
u64 host_kicked;

/* Weak: what a test links the real thing of. */
#define WEAK __attribute__((weak))
WEAK struct domain *dom0;

static struct domain *domain_table[16];

WEAK void host_relax(void)
{
	sched_yield();
}

void panic(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! panic: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	abort();
}

WEAK struct domain *domain_of_frame(domid_t owner)
{
	return owner < ARRAY_SIZE(domain_table) ? domain_table[owner] : NULL;
}

WEAK void domain_get(struct domain *d)
{
	__atomic_fetch_add(&d->refs, 1, __ATOMIC_SEQ_CST);
}

WEAK void domain_put(struct domain *d)
{
	if (!__atomic_fetch_sub(&d->refs, 1, __ATOMIC_SEQ_CST))
		panic("reference of d%u dropped once too often", d->id);
}

WEAK void cpu_kick(struct cpu *c)
{
	__atomic_fetch_or(&host_kicked, BIT(c->id), __ATOMIC_SEQ_CST);
	if (READ_ONCE(c->guest_epoch) & 1)
		__atomic_fetch_add(&c->guest_epoch, 1, __ATOMIC_SEQ_CST);
}

struct domain *host_domain(domid_t id, u64 max_pages)
{
	struct domain *d = calloc(1, sizeof(*d));

	if (!d)
		abort();
	d->id = id;
	d->refs = 1;
	d->max_pages = max_pages;
	d->privileged = id == 0;
	d->state = DOMAIN_ALIVE;
	domain_table[id] = d;
	return d;
}

void host_domain_end(struct domain *d)
{
	CHECK(d->refs == 1);
	CHECK(d->tot_pages == 0 && d->xen_pages == 0);
	domain_table[d->id] = NULL;
	free(d);
}

void host_be_cpu(unsigned int id)
{
	struct cpu *c = &cpus[id];

	c->self = c;
	c->id = id;
	c->online = true;
	if (syscall(SYS_arch_prctl, ARCH_SET_GS, c))
		abort();
}

void host_init(void)
{
	size_t size = RAM_END + RAM_TAIL - RAM_START;
	struct mfn_range range = { RAM_START >> PAGE_SHIFT,
				   (RAM_START + size) >> PAGE_SHIFT };
	void *ram = mmap((void *)RAM_START, size,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);

	if (ram != (void *)RAM_START)
		abort();
	/* Memory is not zero at boot. */
	memset(ram, 0xb7, size);
	host_be_cpu(0);
	page_init(&range, 1, DOM0_END >> PAGE_SHIFT);
}
