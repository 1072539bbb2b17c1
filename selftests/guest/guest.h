/* SPDX-License-Identifier: MIT */
/*
 * guest.h - a bare PVH guest to test a hypervisor from inside
 *
 * One image; "test=NAME" on its command line picks a test (main.c lists them).
 * Results are TAP on the PV console.  There is one stack, one address space
 * (gva == gpa below 4 GiB, page 0 unmapped), interrupts are off unless a test
 * wants them, and SSE is not used.
 */
#ifndef GUEST_H
#define GUEST_H

#include "../../hv/abi/event_channel.h"
#include "../../hv/abi/grant_table.h"
#include "../../hv/abi/hvm.h"
#include "../../hv/abi/memory.h"
#include "../../hv/abi/sched.h"
#include "../../hv/abi/start_info.h"
#include "../../hv/abi/vcpu.h"
#include "../../hv/abi/version.h"
#include "../../hv/abi/xen.h"
#include "../../hv/include/errno.h"

#define barrier() __asm__ __volatile__("" ::: "memory")

/* tap.c: results and output */
void print(const char *fmt, ...) __printf(1, 2);
/* Lines that say more about the next result; only so many are printed. */
void note(const char *fmt, ...) __printf(1, 2);
bool ok(bool pass, const char *fmt, ...) __printf(2, 3);
bool ok_eq(s64 got, s64 want, const char *fmt, ...) __printf(3, 4);
/* Where both answers are right: Xen's and ours differ, or the order of checks. */
bool ok_either(s64 got, s64 a, s64 b, const char *fmt, ...) __printf(4, 5);
void skip(const char *fmt, ...) __printf(1, 2);
void tap_plan(void);

void *memset(void *p, int c, size_t n);
void *memcpy(void *to, const void *from, size_t n);
int memcmp(const void *a, const void *b, size_t n);
bool str_equal(const char *a, const char *b);
bool all_bytes(const void *p, u8 byte, size_t n);

/* A generator with a seed of its own: a failure can be repeated. */
u64 random64(void);
extern u64 random_state;

/* platform.c: what the hypervisor gave us */
void platform_init(void);
void console_write(const char *s, size_t len);
void power_off(u32 reason) __noreturn;
/* The value of "name=" on the command line, or fallback. */
u64 option(const char *name, u64 fallback);
extern char command_line[256];
/* Frames that become another, or that the hypervisor writes: nothing beside. */
union own_page {
	struct shared_info shared;
	struct vcpu_info vcpu;
	struct grant_entry grant[GRANT_PER_FRAME];
	u8 bytes[PAGE_SIZE];
};
extern union own_page shared_page, vcpu0_page, grant_page;
#define shared (shared_page.shared)
#define vcpu0_info (vcpu0_page.vcpu) /* registered at start */
#define grants (grant_page.grant)
extern domid_t own_domid;
extern u32 console_port, store_port;
extern bool on_tenon; /* else on Xen */
extern u32 cpuid_base;
extern u64 ram_end; /* first gfn behind RAM */

u64 now(void); /* ns of system time */
u64 rdtsc(void);
/* Move shared info (back) to where we look for it. */
s64 map_shared_info(void);

/* event.c: interrupts from events */
#define EVENT_VECTOR 0x30
void event_init(void);
/* The same by a vector of this vCPU's own, through its APIC, from now on. */
void event_init_own_vector(void);
extern bool event_needs_eoi;
bool event_pending(u32 port);
void event_clear(u32 port);
void event_mask(u32 port, bool mask);
/* Wait with interrupts on until the port was pending (it is then cleared). */
bool event_wait(u32 port, u64 ns);
extern volatile u64 nr_upcalls;
s64 evtchn(u32 op, void *arg);
s64 evtchn_alloc(domid_t remote);
s64 evtchn_bind(domid_t remote, u32 remote_port);
s64 evtchn_port(u32 op, u32 port);

static inline s64 hypercall(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
	register u64 r10 __asm__("r10") = d;
	register u64 r8 __asm__("r8") = e;

	__asm__ __volatile__("vmmcall"
			     : "+a"(nr), "+D"(a), "+S"(b), "+d"(c), "+r"(r10),
			       "+r"(r8)
			     :
			     : "rcx", "r9", "r11", "memory", "cc");
	return nr;
}

#define CALL2(nr, a, b) hypercall(HYPERCALL_##nr, (u64)(a), (u64)(b), 0, 0, 0)
#define CALL3(nr, a, b, c) \
	hypercall(HYPERCALL_##nr, (u64)(a), (u64)(b), (u64)(c), 0, 0)

/*
 * trap.c: exceptions
 *
 * PROBE() runs one instruction that may fault; the trap is recorded and
 * execution goes on behind it.
 */
#define TRAP_NONE (-1)
#define TRAP_DE 0
#define TRAP_DB 1
#define TRAP_NMI 2
#define TRAP_UD 6
#define TRAP_DF 8
#define TRAP_GP 13
#define TRAP_PF 14

struct trap_info {
	int vector;
	u64 error;
	u64 address; /* cr2 of a page fault */
};
extern volatile struct trap_info last_trap;
extern volatile u64 nr_nmis;

#define PROBE(insn, ...)                                        \
	({                                                      \
		last_trap.vector = TRAP_NONE;                   \
		__asm__ __volatile__("1: " insn "\n2:\n"        \
				     ".pushsection .ex_table, \"a\"\n" \
				     ".quad 1b, 2b\n"           \
				     ".popsection\n" __VA_ARGS__); \
		last_trap.vector;                               \
	})

void trap_init(void);
u64 user_call(u64 code, u64 stack, u64 rax);
extern char user_page[], user_hypercall[];

/*
 * window.c: a place for pages mapped one by one
 *
 * Page i of the window is at window_at(i).  Nothing is mapped there at first.
 */
#define PTE_P 1UL
#define PTE_RW 2UL
#define PTE_US 4UL
#define PTE_PS 0x80UL
#define WINDOW_PAGES 512
void *window_at(unsigned int page);
void window_map(unsigned int page, u64 gpa, u64 flags);
void window_unmap(unsigned int page);
/*
 * A hypercall by 32-bit code, which finds the window at 0 and can write there
 * only: the low halves of window_at() are its pointers.
 */
s64 call32(u64 nr, u64 a, u64 b, u64 c, u64 d, u64 e);
/* Numbers below 2 MiB are no pointers any more. */
void low_memory_unmap(void);

/* Pages for tests: zeroed at start, page aligned. */
#define SCRATCH_PAGES 8
extern u8 scratch[SCRATCH_PAGES][PAGE_SIZE];
static inline gfn_t gfn_of(const void *p)
{
	return (u64)p >> PAGE_SHIFT;
}

static inline void outb(u16 port, u8 v)
{
	__asm__ __volatile__("outb %0, %1" : : "a"(v), "Nd"(port));
}

static inline void cpuid(u32 leaf, u32 subleaf, u32 r[4])
{
	__asm__ __volatile__("cpuid"
			     : "=a"(r[0]), "=b"(r[1]), "=c"(r[2]), "=d"(r[3])
			     : "a"(leaf), "c"(subleaf));
}

/* Tests: main.c calls one. */
void test_smoke(void);
void test_garbage(void);
void test_narrow(void);
void test_cpu(void);
void test_memory(void);
void test_events(void);
void test_fifo(void);
void test_grants(void);
void test_smp(void);
/* These end the guest. */
void test_triple_fault(void);
void test_halt(void);
void test_unbacked_read(void);
void test_unbacked_write(void);
void test_unbacked_jump(void);
void test_unbacked_tables(void);
void test_own_code(void);
void test_cr4(void);
void test_fault_loop(void);
void test_spin(void);

void ap_main(void);

#endif /* GUEST_H */
