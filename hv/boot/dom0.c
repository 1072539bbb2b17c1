/* SPDX-License-Identifier: MIT */
/*
 * dom0.c - split memory, load dom0's kernel, make its map
 *
 * dom0 has all RAM below dom0_top except the hypervisor's hole, at its machine
 * addresses, and every address that is not RAM: the devices.  What lies above
 * dom0_top is the pool for guests, which dom0 sees as reserved.
 */
#include "boot.h"
#include "hypercall.h"
#include "options.h"
#include "vmm.h"
#include "../abi/domctl.h"
#include "../abi/start_info.h"
#include "../x86/apic.h"

#define MIN_DOM0_MEM (128UL << 20)
#define MIN_POOL (48UL << 20)

u64 dom0_top;

/* Everything dom0 finds besides its kernel and initrd, in one page. */
struct dom0_start_page {
	struct hvm_start_info info;
	struct hvm_modlist_entry initrd;
	struct hvm_memmap_table_entry memmap[MAX_E820];
	char cmdline[2048];
};

static bool overlaps(u64 a, u64 a_end, u64 b, u64 b_end)
{
	return a < b_end && b < a_end;
}

static void move_module(struct boot_module *m, u64 to)
{
	u64 size = m->end - m->start;

	memmove((void *)to, (const void *)m->start, size);
	m->start = to;
	m->end = to + size;
}

/*
 * The loader puts the modules right behind our image, where dom0's kernel has
 * to go: move them to the top of dom0's RAM below 4 GiB.
 */
static void move_modules(void)
{
	u64 limit = min(dom0_top, FOUR_GIB);
	u64 need = 0, to = 0;

	for (unsigned int i = 0; i < nr_boot_modules; i++)
		need += ALIGN_UP(boot_module[i].end - boot_module[i].start,
				 PAGE_SIZE);
	for (unsigned int i = 0; i < firmware_map.nr; i++) {
		const struct memmap_range *r = &firmware_map.range[i];
		u64 end = min(r->end, limit);

		if (r->type == MEM_RAM && r->start < end &&
		    end - r->start >= need + PAGE_SIZE + (u64)image_end)
			to = end;
	}
	if (!to)
		boot_stop("too little memory for the boot modules");
	for (unsigned int i = nr_boot_modules; i--;) {
		struct boot_module *m = &boot_module[i];
		u64 size = m->end - m->start;

		to -= ALIGN_UP(size, PAGE_SIZE);
		for (unsigned int j = 0; j < i; j++)
			if (overlaps(to, to + size, boot_module[j].start,
				     boot_module[j].end))
				boot_stop("too little memory to move the boot modules");
		move_module(m, to);
	}
}

/*
 * The tools shrink dom0 to make room for a guest unless the hypervisor's command
 * line gives its size.  Ours is fixed, and what dom0's balloon gives back stays
 * dom0's own: so say the size we chose there.
 */
static void tell_dom0_mem(u64 size)
{
	size_t n = strlen(opt.cmdline);

	snprintf(opt.cmdline + n, sizeof(opt.cmdline) - n, "%sdom0_mem=%luM",
		 n ? " " : "", size >> 20);
}

void dom0_plan(void)
{
	u64 total = memmap_ram_bytes(&firmware_map);
	u64 want = opt.dom0_mem;

	if (total < MIN_DOM0_MEM + MIN_POOL)
		boot_stop("too little memory: %lu MiB, at least %lu are needed",
			  total >> 20, (MIN_DOM0_MEM + MIN_POOL) >> 20);
	if (!want)
		want = total - total / 4;
	if (want < MIN_DOM0_MEM || want > total - MIN_POOL) {
		want = max(min(want, total - MIN_POOL), MIN_DOM0_MEM);
		pr_warn("dom0_mem is set to %lu MiB", want >> 20);
	}
	if (!opt.dom0_mem)
		tell_dom0_mem(want);
	dom0_top = memmap_split(&firmware_map, want);
	if (!nr_boot_modules)
		boot_stop("no dom0 kernel: give it as the first boot module");
	move_modules();
}

/* Map [start, end) at its own address with pages as large as fit. */
static void map_identity(struct domain *d, u64 start, u64 end,
			 enum p2m_type type)
{
	unsigned int max_order = type == P2M_RAM ? 9 : 18;
	gfn_t gfn = start >> PAGE_SHIFT;
	gfn_t last = end >> PAGE_SHIFT;

	while (gfn < last) {
		unsigned int order = max_order;

		while (gfn & ((1ULL << order) - 1) || gfn + (1ULL << order) > last)
			order -= 9;
		if (p2m_set(d, gfn, gfn, order, type))
			boot_stop("no memory for dom0's map");
		gfn += 1ULL << order;
	}
}

/* Not the local APIC: dom0's is virtual, by MSR. */
static void map_devices(struct domain *d, u64 start, u64 end)
{
	u64 apic_end = APIC_BASE_ADDR + PAGE_SIZE;

	start = ALIGN_DOWN(start, PAGE_SIZE);
	end = ALIGN_UP(end, PAGE_SIZE);
	if (start < APIC_BASE_ADDR)
		map_identity(d, start, min(end, APIC_BASE_ADDR), P2M_MMIO);
	if (end > apic_end)
		map_identity(d, max(start, apic_end), end, P2M_MMIO);
}

static void map_all(struct domain *d, const struct memmap *m)
{
	u64 at = 0;

	for (unsigned int i = 0; i < m->nr; i++) {
		const struct memmap_range *r = &m->range[i];

		if (r->type != MEM_RAM)
			continue;
		page_give_dom0(d, r->start >> PAGE_SHIFT, r->end >> PAGE_SHIFT);
		map_identity(d, r->start, r->end, P2M_RAM);
	}
	/* Below 4 GiB all that the firmware does not call RAM is mapped. */
	for (unsigned int i = 0; i < firmware_map.nr; i++) {
		const struct memmap_range *r = &firmware_map.range[i];

		if (r->type != MEM_RAM) {
			if (r->start >= FOUR_GIB && r->type != MEM_RESERVED)
				map_devices(d, r->start, r->end);
			continue;
		}
		if (at < min(r->start, FOUR_GIB))
			map_devices(d, at, min(r->start, FOUR_GIB));
		at = max(at, r->end);
	}
	if (at < FOUR_GIB)
		map_devices(d, at, FOUR_GIB);
}

/* What dom0 is told: the firmware's map, our hole and the pool reserved. */
static void make_memmap(struct memmap *m)
{
	bool ok = true;

	*m = firmware_map;
	ok &= memmap_retype(m, (u64)image_start, image_kept_end, MEM_RESERVED);
	ok &= memmap_retype(m, dom0_top, ~0ULL, MEM_RESERVED);
	if (!ok)
		boot_stop("the firmware's memory map has too many ranges");
}

static void load_kernel(const struct memmap *m, struct elf_image *elf)
{
	const struct boot_module *mod = &boot_module[0];
	const char *file = (const char *)mod->start;
	const char *err = elf_parse(file, mod->end - mod->start, elf);

	if (err)
		boot_stop("the dom0 kernel cannot be used: %s", err);
	/* The start page comes behind, the modules must stay intact. */
	if (elf->end + 2 * PAGE_SIZE > mod->start ||
	    !memmap_is_ram(m, elf->end, elf->end + 2 * PAGE_SIZE))
		boot_stop("too little memory: dom0's kernel needs [%#lx, %#lx)",
			  elf->start, elf->end);
	for (unsigned int i = 0; i < elf->nr_segments; i++) {
		const struct elf_segment *s = &elf->segment[i];

		if (!memmap_is_ram(m, s->paddr, s->paddr + s->memsz))
			boot_stop("dom0's kernel wants %#lx, which is not its RAM",
				  s->paddr);
		memcpy((void *)s->paddr, file + s->offset, s->filesz);
		memset((void *)(s->paddr + s->filesz), 0,
		       s->memsz - s->filesz);
	}
}

/* Behind the kernel: it may have mapped no more than 1 GiB when it reads it. */
static u64 make_start_page(struct domain *d, const struct memmap *m,
			   const struct elf_image *elf)
{
	struct dom0_start_page *p = (void *)ALIGN_UP(elf->end, PAGE_SIZE);

	memset(p, 0, sizeof(*p));
	p->info.magic = HVM_START_MAGIC;
	p->info.version = HVM_START_VERSION;
	p->info.flags = SIF_PRIVILEGED | SIF_INITDOMAIN;
	p->info.rsdp_paddr = acpi_rsdp;
	p->info.cmdline_paddr = (u64)p->cmdline;
	strlcpy(p->cmdline, boot_module[0].cmdline, sizeof(p->cmdline));
	if (nr_boot_modules > 1) {
		p->info.nr_modules = 1;
		p->info.modlist_paddr = (u64)&p->initrd;
		p->initrd.paddr = boot_module[1].start;
		p->initrd.size = boot_module[1].end - boot_module[1].start;
	}
	p->info.memmap_paddr = (u64)p->memmap;
	p->info.memmap_entries = m->nr;
	d->nr_e820 = m->nr;
	for (unsigned int i = 0; i < m->nr; i++) {
		const struct memmap_range *r = &m->range[i];

		p->memmap[i].addr = r->start;
		p->memmap[i].size = r->end - r->start;
		p->memmap[i].type = r->type;
		d->e820[i].addr = r->start;
		d->e820[i].size = r->end - r->start;
		d->e820[i].type = r->type;
	}
	return (u64)p;
}

static unsigned int dom0_vcpus(void)
{
	unsigned int n = opt.dom0_max_vcpus ? opt.dom0_max_vcpus : nr_cpus;

	if (n > nr_cpus)
		pr_warn("dom0_max_vcpus=%u is more than there are CPUs: %u", n,
			nr_cpus);
	return min(n, min(nr_cpus, (unsigned int)MAX_VCPUS));
}

/* Each vCPU to the CPU whose APIC ID it has. */
static void pin_vcpus(struct domain *d)
{
	for (unsigned int i = 0; i < d->max_vcpus; i++) {
		struct cpumask cpu = {};

		cpu.bits[i / 64] = 1ULL << (i % 64);
		vcpu_set_affinity(d->vcpu[i], &cpu, NULL);
	}
}

void dom0_build(void)
{
	struct xen_domctl_createdomain cfg = {
		.flags = XEN_DOMCTL_CDF_hvm | XEN_DOMCTL_CDF_hap,
		.max_vcpus = dom0_vcpus(),
		.max_evtchn_port = ~0U,
		.max_grant_frames = -1,
		.max_maptrack_frames = -1,
	};
	struct elf_image elf;
	struct memmap m;
	struct domain *d;
	int err;

	_Static_assert(sizeof(struct dom0_start_page) <= PAGE_SIZE,
		       "dom0's start page is one page");
	make_memmap(&m);
	load_kernel(&m, &elf);
	if (nr_boot_modules > 2)
		pr_warn("boot modules after dom0's initrd are ignored");

	d = domain_create(0, &cfg, &err);
	if (!d)
		boot_stop("cannot create dom0: error %d", err);
	d->privileged = true;
	dom0 = d;
	map_all(d, &m);
	acpi_madt_for_dom0(cfg.max_vcpus);
	vmm_set_pvh_entry(d->vcpu[0], elf.phys_entry,
			  make_start_page(d, &m, &elf));
	pr_info("dom0: %u vCPU%s, %lu MiB, kernel at [%#lx, %#lx), pool %lu MiB free",
		cfg.max_vcpus, cfg.max_vcpus == 1 ? "" : "s",
		d->tot_pages >> 8, elf.start, elf.end, page_free_count() >> 8);
	if (opt.dom0_vcpus_pin)
		pin_vcpus(d);
	vcpu_set_down(d->vcpu[0], false);
	domain_toolstack_unpause(d);
}
