/* SPDX-License-Identifier: MIT */
/*
 * toolstack_host.h - hypervisor code on the host: a machine of a few MiB
 *
 * The hypervisor maps memory at its machine address, so the machine is a mapping
 * at a low address of this process.  Guest pointers are addresses in one arena;
 * anything else faults.  Include once, in the test's only C file of its own.
 */
#ifndef TOOLSTACK_HOST_H
#define TOOLSTACK_HOST_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <asm/prctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../../hv/call/toolstack.h"
#include "../../hv/call/memory.h"

#define RAM_START 0x10000000UL
#define RAM_END 0x14000000UL
#define ARENA_ORDER 4
#define ARENA_SIZE (PAGE_SIZE << ARENA_ORDER)

struct cpu cpus[NR_CPUS];
unsigned int nr_cpus = 1;
struct domain *dom0;
struct list domain_list = { &domain_list, &domain_list };
struct spinlock domain_list_lock;
u64 tsc_khz = 1000000;

static struct domain *host_domain[8];
static u8 *arena; /* frames of the hypervisor */
static unsigned int host_preempts; /* every nth question is answered yes */

static inline u64 arena_gva(unsigned int offset)
{
	return (u64)(arena + offset);
}

static bool arena_has(u64 gva, size_t len)
{
	u64 start = arena_gva(0);

	return len <= ARENA_SIZE && gva >= start &&
	       gva - start <= ARENA_SIZE - len;
}

int guest_read(void *to, u64 gva, size_t len)
{
	if (!len)
		return 0;
	if (!arena_has(gva, len))
		return -EFAULT;
	memcpy(to, (void *)gva, len);
	return 0;
}

int guest_write(u64 gva, const void *from, size_t len)
{
	if (!len)
		return 0;
	if (!arena_has(gva, len))
		return -EFAULT;
	memcpy((void *)gva, from, len);
	return 0;
}

void panic(const char *fmt, ...)
{
	va_list ap;

	printf("Bail out! panic: ");
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	exit(1);
}

void printk_guest(const char *fmt, ...)
{
	(void)fmt;
}

void printk_level(enum log_level level, const char *fmt, ...)
{
	(void)level;
	(void)fmt;
}

void cpu_kick(struct cpu *c)
{
	(void)c;
}

u64 now_ns(void)
{
	return 0;
}

bool hypercall_preempt(void)
{
	static unsigned int asked;

	return host_preempts && ++asked % host_preempts == 0;
}

struct domain *domain_of_frame(domid_t owner)
{
	return host_domain[owner];
}

void domain_get(struct domain *d)
{
	d->refs++;
}

void domain_put(struct domain *d)
{
	d->refs--;
}

struct domain *domain_get_by_id(domid_t id)
{
	struct domain *d = id < ARRAY_SIZE(host_domain) ? host_domain[id] : NULL;

	if (d)
		domain_get(d);
	return d;
}

struct domain *domain_for_call(domid_t id, long *err)
{
	struct domain *self = current->domain, *d;

	if (id == DOMID_SELF || id == self->id) {
		domain_get(self);
		return self;
	}
	d = self->privileged ? domain_get_by_id(id) : NULL;
	if (!d)
		*err = self->privileged ? -ESRCH : -EPERM;
	return d;
}

/* Make the machine: the first MiB are dom0's, the rest is the pool. */
static inline void host_boot(mfn_t dom0_end)
{
	struct mfn_range range = { RAM_START >> PAGE_SHIFT,
				   RAM_END >> PAGE_SHIFT };
	void *ram = mmap((void *)RAM_START, RAM_END - RAM_START,
			 PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1,
			 0);

	if (ram != (void *)RAM_START ||
	    syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[0])) {
		printf("Bail out! no place for the machine\n");
		exit(1);
	}
	cpus[0].self = &cpus[0];
	page_init(&range, 1, dom0_end);
	arena = page_alloc_order_virt(ARENA_ORDER);
}

static inline struct domain *host_create(domid_t id)
{
	struct domain *d = kzalloc(sizeof(*d));

	d->id = id;
	d->refs = 1;
	d->state = DOMAIN_ALIVE;
	d->privileged = !id;
	d->max_grant_frames = 4;
	host_domain[id] = d;
	if (p2m_init(d))
		panic("no memory for a map");
	d->shared_info_page = page_alloc_xen(d);
	return d;
}

#endif /* TOOLSTACK_HOST_H */
