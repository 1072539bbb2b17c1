// SPDX-License-Identifier: MIT
/* platform.c - start: command line, shared info, console, time; and the end */
#include "guest.h"

/* The console page: two byte rings, indexes run free. */
struct console_ring {
	char in[1024];
	char out[2048];
	u32 in_cons, in_prod;
	u32 out_cons, out_prod;
};

#define CONSOLE_PATIENCE_NS (60 * 1000000000ULL)

char command_line[256];
union own_page shared_page __aligned(PAGE_SIZE);
union own_page vcpu0_page __aligned(PAGE_SIZE);
union own_page grant_page __aligned(PAGE_SIZE);
u8 scratch[SCRATCH_PAGES][PAGE_SIZE] __aligned(PAGE_SIZE);
domid_t own_domid;
u32 console_port, store_port, cpuid_base;
bool on_tenon;
u64 ram_end;
extern u32 start_info_paddr;
static volatile struct console_ring *console;
static bool console_dead;

u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ __volatile__("lfence; rdtsc" : "=a"(lo), "=d"(hi) : : "memory");
	return (u64)hi << 32 | lo;
}

u64 now(void)
{
	const volatile struct vcpu_time_info *t = &vcpu0_info.time;
	u32 version;
	u64 ns;

	do {
		version = t->version;
		barrier();
		ns = rdtsc() - t->tsc_timestamp;
		ns = t->tsc_shift < 0 ? ns >> -t->tsc_shift : ns << t->tsc_shift;
		ns = ((unsigned __int128)ns * t->tsc_to_system_mul) >> 32;
		ns += t->system_time;
		barrier();
	} while (version != t->version || version & 1);
	return ns;
}

static void console_byte(char c)
{
	u64 began = now();

	while (!console_dead && console->out_prod - console->out_cons >=
	       sizeof(console->out)) {
		evtchn_port(EVTCHNOP_send, console_port);
		CALL2(sched_op, SCHEDOP_yield, 0);
		console_dead = now() - began > CONSOLE_PATIENCE_NS;
	}
	console->out[console->out_prod % sizeof(console->out)] = c;
	/* The reader may look at the byte as soon as it sees the index. */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	console->out_prod++;
}

void console_write(const char *s, size_t len)
{
	if (!console)
		return;
	for (size_t i = 0; i < len; i++) {
		if (s[i] == '\n')
			console_byte('\r');
		console_byte(s[i]);
	}
	evtchn_port(EVTCHNOP_send, console_port);
}

void power_off(u32 reason)
{
	struct sched_shutdown op = { .reason = reason };
	u64 began = now();

	/* What was printed shall be read before the page goes. */
	while (console && console->out_prod != console->out_cons &&
	       now() - began < CONSOLE_PATIENCE_NS)
		CALL2(sched_op, SCHEDOP_yield, 0);
	CALL2(sched_op, SCHEDOP_shutdown, &op);
	for (;;)
		__asm__ __volatile__("cli; hlt");
}

u64 option(const char *name, u64 fallback)
{
	for (const char *s = command_line; *s; s++) {
		const char *n = name, *p = s;
		u64 v = 0;

		if (s != command_line && s[-1] != ' ')
			continue;
		while (*n && *n == *p)
			n++, p++;
		if (*n || *p++ != '=')
			continue;
		for (; *p >= '0' && *p <= '9'; p++)
			v = v * 10 + *p - '0';
		return v;
	}
	return fallback;
}

static u64 get_param(u32 index)
{
	struct hvm_param p = { .domid = DOMID_SELF, .index = index };

	return CALL2(hvm_op, HVMOP_get_param, &p) ? 0 : p.value;
}

s64 map_shared_info(void)
{
	struct xen_add_to_physmap a = {
		.domid = DOMID_SELF,
		.space = XENMAPSPACE_shared_info,
		.gpfn = gfn_of(&shared),
	};

	return CALL2(memory_op, XENMEM_add_to_physmap, &a);
}

static void find_hypervisor(void)
{
	u32 r[4];

	for (u32 base = 0x40000000; base < 0x40010000; base += 0x100) {
		cpuid(base, 0, r);
		if (!memcmp(&r[1], "XenVMMXenVMM", 12))
			cpuid_base = base;
		if (!memcmp(&r[1], "TenonTenonTe", 12))
			on_tenon = true;
	}
	cpuid(cpuid_base + 4, 0, r);
	if (r[0] & 1 << 4)
		own_domid = r[2];
}

static void read_start_info(void)
{
	const struct hvm_start_info *si = (void *)(u64)start_info_paddr;
	const struct hvm_memmap_table_entry *map = (void *)si->memmap_paddr;
	const char *from = (void *)si->cmdline_paddr;

	for (unsigned int i = 0; from && from[i] && i < sizeof(command_line) - 1;
	     i++)
		command_line[i] = from[i];
	for (u32 i = 0; i < si->memmap_entries; i++)
		if (map[i].type == HVM_MEMMAP_RAM && map[i].addr < 1UL << 31)
			ram_end = max(ram_end, (map[i].addr + map[i].size) >>
						       PAGE_SHIFT);
}

void platform_init(void)
{
	struct vcpu_register_vcpu_info info = {
		.gfn = gfn_of(&vcpu0_info),
	};

	read_start_info();
	find_hypervisor();
	map_shared_info();
	hypercall(HYPERCALL_vcpu_op, VCPUOP_register_vcpu_info, 0, (u64)&info,
		  0, 0);
	console_port = get_param(HVM_PARAM_CONSOLE_EVTCHN);
	store_port = get_param(HVM_PARAM_STORE_EVTCHN);
	console = (void *)(get_param(HVM_PARAM_CONSOLE_PFN) << PAGE_SHIFT);
}
