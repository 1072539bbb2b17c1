/* SPDX-License-Identifier: MIT */
/* lib.h - strings, printing, lists, bitmaps, locks */
#ifndef HV_LIB_H
#define HV_LIB_H

#include "types.h"

void *memcpy(void *to, const void *from, size_t n);
/* A few moves where the size is known and small; tests rename the function. */
#ifndef memcpy
#define memcpy(to, from, n) __builtin_memcpy(to, from, n)
#endif
void *memmove(void *to, const void *from, size_t n);
void *memset(void *p, int c, size_t n);
int memcmp(const void *a, const void *b, size_t n);
size_t strlen(const char *s);
int strcmp(const char *a, const char *b);
int strncmp(const char *a, const char *b, size_t n);
/* Copies at most @size - 1 characters and always ends with a zero byte. */
size_t strlcpy(char *to, const char *from, size_t size);
u64 strtou64(const char *s, const char **end);
int vsnprintf(char *buf, size_t size, const char *fmt, va_list ap);
int snprintf(char *buf, size_t size, const char *fmt, ...) __printf(3, 4);

/*
 * printk.c: a line goes to the serial console and to the console ring that
 * `xl dmesg` reads.  Levels below the configured loglvl= are dropped.
 */
enum log_level { LOG_ERR, LOG_WARN, LOG_INFO, LOG_DEBUG };
extern enum log_level log_level;
void printk_level(enum log_level level, const char *fmt, ...) __printf(2, 3);
#define pr_err(...) printk_level(LOG_ERR, __VA_ARGS__)
#define pr_warn(...) printk_level(LOG_WARN, __VA_ARGS__)
#define pr_info(...) printk_level(LOG_INFO, __VA_ARGS__)
/*
 * For anything a guest can provoke: at most a few lines a second in all, the
 * rest only counted.
 */
void printk_guest(const char *fmt, ...) __printf(1, 2);
/* Raw output of a domain's console_io, already bounded by the caller. */
void console_write(const char *s, size_t len);
/*
 * For sysctl readconsole: copy out from position *index on, into a buffer of
 * the hypervisor; returns bytes copied and moves *index.
 */
size_t console_ring_read(char *buf, size_t size, u32 *index, bool incremental,
			 bool clear);

/*
 * x86/console.c: typed input for dom0's console_io read: returns bytes copied.
 * VIRQ_CONSOLE tells dom0 that there is some.
 */
size_t console_input_read(char *buf, size_t size);

void panic(const char *fmt, ...) __printf(1, 2) __noreturn;
#define BUG_ON(c)                                                       \
	do {                                                            \
		if (unlikely(c))                                        \
			panic("BUG at %s:%d: %s", __FILE__, __LINE__, #c); \
	} while (0)

/* Doubly linked lists. */
struct list {
	struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
	l->next = l;
	l->prev = l;
}

static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void list_add_before(struct list *item, struct list *at)
{
	item->prev = at->prev;
	item->next = at;
	at->prev->next = item;
	at->prev = item;
}

static inline void list_add_tail(struct list *item, struct list *head)
{
	list_add_before(item, head);
}

/* Leaves @item a list of its own, so removing twice is harmless. */
static inline void list_del(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

#define list_entry(p, type, member) container_of(p, type, member)
#define list_for_each_entry(pos, head, member)                          \
	for (pos = list_entry((head)->next, __typeof__(*pos), member);  \
	     &pos->member != (head);                                    \
	     pos = list_entry(pos->member.next, __typeof__(*pos), member))

/* Bitmaps of 64-bit words. */
#define BITS_TO_WORDS(n) (((n) + 63) / 64)

static inline bool test_bit(unsigned int n, const u64 *map)
{
	return READ_ONCE(map[n / 64]) >> (n % 64) & 1;
}

/* The atomic ones order like a full barrier and return the old bit. */
static inline bool test_and_set_bit(unsigned int n, u64 *map)
{
	u64 bit = 1ULL << (n % 64);

	return __atomic_fetch_or(&map[n / 64], bit, __ATOMIC_SEQ_CST) & bit;
}

static inline bool test_and_clear_bit(unsigned int n, u64 *map)
{
	u64 bit = 1ULL << (n % 64);

	return __atomic_fetch_and(&map[n / 64], ~bit, __ATOMIC_SEQ_CST) & bit;
}

static inline void set_bit(unsigned int n, u64 *map)
{
	test_and_set_bit(n, map);
}

static inline void clear_bit(unsigned int n, u64 *map)
{
	test_and_clear_bit(n, map);
}

static inline unsigned int ffs64(u64 x) /* x != 0 */
{
	return __builtin_ctzll(x);
}

static inline unsigned int fls64(u64 x) /* x != 0 */
{
	return 63 - __builtin_clzll(x);
}

static inline void cpu_relax(void)
{
	__builtin_ia32_pause();
}

/*
 * Locks.  The hypervisor always runs with interrupts off, so there is one kind.
 * Whoever comes first gets it, not whoever waits longest: where our CPUs are
 * threads of an emulator, a lock handed to one that is not running at the moment
 * stops all the others, for as long as the host likes.
 */
struct spinlock {
	u32 held;
};

static inline void spin_lock(struct spinlock *l)
{
	while (__atomic_exchange_n(&l->held, 1, __ATOMIC_ACQUIRE))
		while (READ_ONCE(l->held))
			cpu_relax();
}

static inline void spin_unlock(struct spinlock *l)
{
	__atomic_store_n(&l->held, 0, __ATOMIC_RELEASE);
}

/* Two locks of a kind, which may be one, in an order that is always the same. */
static inline void spin_lock_two(struct spinlock *a, struct spinlock *b)
{
	if (b < a)
		spin_lock(b);
	spin_lock(a);
	if (b > a)
		spin_lock(b);
}

static inline void spin_unlock_two(struct spinlock *a, struct spinlock *b)
{
	spin_unlock(a);
	if (a != b)
		spin_unlock(b);
}

#endif /* HV_LIB_H */
