// SPDX-License-Identifier: MIT
/*
 * hvm_context.c - the HVM record stream: what is taken, what is refused
 *
 * The parser runs on buffers of exactly the stream's size, so that the address
 * sanitizer sees a read past the end.
 */
#define TAP_MAIN
#include "../lib/tap.h"
#include "toolstack_host.h"
#include "call/hvm_context.c"
#include "../../hv/x86/apic.h"
#include "../../hv/x86/arch.h"

static struct vcpu vcpu[2];
static struct domain domain = { .id = 1, .max_vcpus = 2,
				.vcpu = { &vcpu[0], &vcpu[1] } };
static struct domain caller;
struct page *frame_table;
u32 log_level;
static struct vcpu_arch arch[2];
static struct vmcb vmcb[2];
static u8 extended[2][PAGE_SIZE] __aligned(64);

void vcpu_set_down(struct vcpu *v, bool down)
{
	v->down = down;
}

long domain_set_layout(struct domain *, bool)
{
	return 0;
}

void domain_pause(struct domain *d)
{
	d->toolstack_paused = true;
}

void domain_unpause(struct domain *d)
{
	d->toolstack_paused = false;
}

void *page_alloc_order_virt(unsigned int order)
{
	return calloc(1, PAGE_SIZE << order);
}

void page_free_virt(void *p, unsigned int order)
{
	(void)order;
	free(p);
}

struct page *page_alloc_xen(struct domain *d)
{
	(void)d;
	return NULL;
}

void page_init(const struct mfn_range *ram, unsigned int nr, mfn_t pool_start)
{
	(void)ram;
	(void)nr;
	(void)pool_start;
}

void *kzalloc(size_t size)
{
	return calloc(1, size);
}

int p2m_init(struct domain *d)
{
	(void)d;
	return 0;
}

void timer_init(struct timer *t, void (*fn)(struct timer *t))
{
	t->fn = fn;
}

void timer_set(struct timer *t, u64 deadline)
{
	t->expires = deadline;
}

void timer_cancel(struct timer *t)
{
	t->expires = 0;
}

/* The rest is not for records. */
#define NEVER(name, ...)                                 \
	void name(__VA_ARGS__);                          \
	void name(__VA_ARGS__)                           \
	{                                                \
		abort();                                 \
	}

NEVER(svm_inject_error, struct vcpu *, u8, u32)
NEVER(irq_guest_eoi, struct cpu *, u8)
NEVER(vcpu_kick, struct vcpu *)

bool exit_skip(struct vcpu *v, u32 opcode, unsigned int len)
{
	(void)v;
	(void)opcode;
	(void)len;
	abort();
}

struct page *p2m_get_page(struct domain *d, gfn_t gfn, bool write,
			  enum p2m_type *type)
{
	(void)d;
	(void)gfn;
	(void)write;
	(void)type;
	return NULL;
}

void page_put(struct page *pg)
{
	(void)pg;
}

void vcpu_forget(struct vcpu *v)
{
	(void)v;
}

static void reset(void)
{
	static struct vcpu self = { .domain = &caller };

	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[0]);
	cpus[0].self = &cpus[0];
	cpus[0].vcpu = &self;
	xstate_mask = 7;
	for (unsigned int i = 0; i < 2; i++) {
		struct vcpu *v = &vcpu[i];

		memset(&arch[i], 0, sizeof(arch[i]));
		memset(&vmcb[i], 0, sizeof(vmcb[i]));
		v->id = i;
		v->domain = &domain;
		v->down = true;
		v->arch = &arch[i];
		arch[i].vcpu = v;
		arch[i].vmcb = &vmcb[i];
		arch[i].xsave = extended[i];
		xstate_reset(v);
		msr_init_vcpu(v);
		vmcb[i].g_pat = 0x0007040600070406;
	}
}

/* Nobody wrote anything. */
static bool untouched(void)
{
	return vcpu[0].down && vcpu[1].down && !arch[0].regs.rip &&
	       !arch[1].regs.rip;
}

/* A record that its taker takes. */
static void *add(struct stream *s, const struct vmm_record *r, u16 instance)
{
	void *body = stream_add(s, r->code, instance, r->most);

	if (r->code == HVM_SAVE_CPU)
		((struct hvm_hw_cpu *)body)->rip = 0x1000 + instance;
	else
		r->get(&vcpu[0], body);
	return body;
}

/* Bits name vCPUs: for all records, and for the one of memory types. */
static struct stream make(unsigned int full, unsigned int mtrr)
{
	struct stream s = { .data = calloc(1, ARENA_SIZE) };
	struct hvm_save_header *h;

	h = stream_add(&s, HVM_SAVE_HEADER, 0, sizeof(*h));
	h->magic = HVM_FILE_MAGIC;
	h->version = HVM_FILE_VERSION;
	for (unsigned int i = 0; i < VMM_RECORDS; i++) {
		const struct vmm_record *r = vmm_record(i);

		for (unsigned int j = 0; j < 4; j++)
			if (full >> j & 1 ||
			    (r->code == HVM_SAVE_MTRR && mtrr >> j & 1))
				add(&s, r, j);
	}
	stream_add(&s, HVM_SAVE_END, 0, 0);
	s.size = s.pos;
	s.pos = 0;
	return s;
}

static long set(const struct stream *s, u32 size)
{
	struct xen_domctl op = { .u.hvmcontext = { size, arena_gva(0) } };

	memcpy(arena, s->data, min(size, (u32)ARENA_SIZE));
	return domctl_set_hvm_context(&domain, &op);
}

/* Is it valid, read from a buffer that ends where it does? */
static bool valid(const struct stream *s, u32 size)
{
	struct stream exact = { malloc(size), size, 0 };
	bool ok;

	memcpy(exact.data, s->data, size);
	ok = stream_valid(exact, &domain);
	free(exact.data);
	return ok;
}

TEST(cpu_record_brings_its_vcpu_up)
{
	struct stream s = make(1, 0);

	reset();
	CHECK(set(&s, s.size) == 0);
	CHECK(arch[0].regs.rip == 0x1000 && !vcpu[0].down);
	CHECK(!arch[1].regs.rip && vcpu[1].down);
	free(s.data);
}

TEST(mtrr_alone_starts_nothing)
{
	struct stream s = make(0, 3);

	reset();
	CHECK(set(&s, s.size) == 0);
	CHECK(untouched());
	free(s.data);
}

/* What a processor would not load, in a stream that is right otherwise. */
TEST(refused_state_of_one_vcpu_leaves_both_alone)
{
	struct hvm_hw_cpu *cpu;
	struct hvm_hw_lapic *lapic;
	struct hvm_hw_mtrr *mtrr;
	struct hvm_hw_cpu_xsave *xsave;

	for (unsigned int what = 0; what < 16; what++) {
		struct stream s = make(3, 0);
		struct record r;

		reset();
		while (stream_next(&s, &r)) {
			cpu = (void *)r.body;
			lapic = (void *)r.body;
			mtrr = (void *)r.body;
			xsave = (void *)r.body;
			if (!r.instance)
				continue;
			switch (r.code << 8 | what) {
			case HVM_SAVE_CPU << 8 | 0:
				cpu->cr0 = 1UL << 32;
				break;
			case HVM_SAVE_CPU << 8 | 1:
				cpu->cr0 = 1UL << 31; /* paging, not protected */
				break;
			case HVM_SAVE_CPU << 8 | 2:
				cpu->cr4 = 1 << 13;
				break;
			case HVM_SAVE_CPU << 8 | 3:
				cpu->msr_efer = 1 << 12; /* SVM */
				break;
			case HVM_SAVE_CPU << 8 | 4:
				cpu->dr7 = 1UL << 40;
				break;
			case HVM_SAVE_CPU << 8 | 5:
				cpu->msr_efer = 1 << 8; /* without PAE */
				cpu->cr0 = 1UL << 31 | 1;
				break;
			case HVM_SAVE_LAPIC << 8 | 6:
				lapic->apic_base_msr = 0xfee00800;
				break;
			case HVM_SAVE_LAPIC << 8 | 7:
				lapic->disabled = 1;
				break;
			case HVM_SAVE_MTRR << 8 | 8:
				mtrr->msr_pat_cr = 2;
				break;
			case HVM_SAVE_MTRR << 8 | 9:
				mtrr->msr_mtrr_def_type = 1 << 13;
				break;
			case HVM_SAVE_CPU_XSAVE << 8 | 10:
				xsave->xcr0 = 0;
				break;
			case HVM_SAVE_CPU_XSAVE << 8 | 11:
				xsave->xcr0 = 5; /* AVX without SSE */
				break;
			case HVM_SAVE_CPU_XSAVE << 8 | 12:
				xsave->xcr0 = 1 | 1UL << 62;
				break;
			case HVM_SAVE_CPU_XSAVE << 8 | 13:
				xsave->xstate_bv = 1 << 9;
				break;
			case HVM_SAVE_CPU_XSAVE << 8 | 14:
				xsave->xcomp_bv = 1UL << 63;
				break;
			case HVM_SAVE_CPU_XSAVE << 8 | 15:
				xsave->reserved[5] = 1;
				break;
			}
		}
		CHECK(set(&s, s.size) == -EINVAL);
		CHECK(untouched());
		free(s.data);
	}
}

TEST(what_is_saved_loads_and_is_saved_the_same)
{
	struct xen_domctl op = { .u.hvmcontext = { ARENA_SIZE, arena_gva(0) } };
	u32 *apic = (u32 *)arena;
	struct stream first;
	struct record r;
	u64 seed = 1;

	reset();
	for (unsigned int i = 0; i < 2; i++) {
		struct vlapic *l = &arch[i].apic;

		vcpu[i].down = false;
		for (u64 *p = &arch[i].regs.rax; p <= &arch[i].regs.rip; p++)
			*p = seed += 0x9e3779b97f4a7c15;
		arch[i].regs.rflags = 2;
		arch[i].dr[3] = 33;
		arch[i].xcr0 = 7;
		vmcb[i].cr0 = 0x80000011;
		vmcb[i].cr4 = 0x20;
		vmcb[i].cs.base = 17;
		vmcb[i].gdtr.limit = 127;
		vmcb[i].kernel_gs_base = seed;
		vmcb[i].event_inj = 0x80000b0e | 2UL << 32;
		arch[i].mtrr.msr_mtrr_var[15] = seed;
		extended[i][600] = 0x5a;
		*(u64 *)(extended[i] + 512) = 7;
		l->reg[APIC_TPR] = 0x20;
		l->reg[APIC_SVR] = 0x1ff;
		l->reg[APIC_ICR] = 0x4f3;
		l->reg[APIC_ICR_HIGH] = 3;
		l->irr[3] = 0x8001;
		l->isr[0] = 1UL << 40;
		l->reg[APIC_LVT_TIMER] = 0x20040;
		l->reg[APIC_TIMER_INIT] = 1000;
		l->reg[APIC_TIMER_DIVIDE] = 3;
		l->timer_start = now_ns() - 4000;
	}
	CHECK(domctl_get_hvm_context(&domain, &op) == 0);
	first.size = op.u.hvmcontext.size;
	first.data = malloc(first.size);
	memcpy(first.data, arena, first.size);
	reset();
	CHECK(domctl_set_hvm_context(&domain, &op) == 0);
	CHECK(arch[1].apic.irr[3] == 0x8001 && arch[1].apic.reg[APIC_ICR_HIGH] == 3);
	CHECK(extended[1][600] == 0x5a && arch[1].xcr0 == 7);
	CHECK(vmcb[1].event_inj == (0x80000b0e | 2UL << 32));
	/* A quarter of its 16 us has gone. */
	CHECK(arch[1].apic.timer.expires == now_ns() + 100000);
	CHECK(!vcpu[0].down && !vcpu[1].down);
	memset(arena, 0, ARENA_SIZE);
	op.u.hvmcontext.size = ARENA_SIZE;
	CHECK(domctl_get_hvm_context(&domain, &op) == 0);
	CHECK(op.u.hvmcontext.size == first.size);
	/* All but the time stamp counter. */
	first.pos = 0;
	while (stream_next(&first, &r)) {
		u8 *again = arena + ((u8 *)r.body - first.data);

		if (r.code == HVM_SAVE_CPU)
			((struct hvm_hw_cpu *)again)->tsc =
				((struct hvm_hw_cpu *)r.body)->tsc;
		CHECK(!memcmp(again, r.body, r.length));
		if (r.code == HVM_SAVE_LAPIC_REGS)
			apic = (u32 *)again;
	}
	CHECK(apic[4 * APIC_TIMER_COUNT] == 750);
	free(first.data);
}

TEST(every_truncation_is_refused_without_effect)
{
	struct stream s = make(3, 3);

	reset();
	for (u32 size = 0; size < s.size; size++) {
		CHECK(!valid(&s, size));
		CHECK(set(&s, size) == -EINVAL);
	}
	CHECK(valid(&s, s.size));
	CHECK(untouched());
	free(s.data);
}

TEST(wrong_records_are_refused_without_effect)
{
	struct stream s = make(4, 0);
	struct hvm_save_descriptor *d;

	reset();
	CHECK(set(&s, s.size) == -EINVAL); /* vCPU 2 of 2 */
	free(s.data);
	for (unsigned int what = 0; what < 7; what++) {
		struct hvm_save_header *h;

		s = make(3, 3);
		h = (void *)(s.data + sizeof(*d));
		d = (void *)(s.data + sizeof(*d) + sizeof(*h));
		if (what == 0)
			h->magic++;
		else if (what == 1)
			h->version++;
		else if (what == 2)
			d->length--;
		else if (what == 3)
			d->length = ~0U;
		else if (what == 4)
			d->typecode = HVM_SAVE_CODE_MAX + 1;
		else if (what == 5)
			d->typecode = HVM_SAVE_HEADER;
		else
			d->instance = 0xffff;
		CHECK(!valid(&s, s.size));
		CHECK(set(&s, s.size) == -EINVAL);
		free(s.data);
	}
	CHECK(untouched());
}

TEST(size_query_then_context_loads_back)
{
	struct xen_domctl op = { 0 };

	reset();
	vcpu[0].down = false;
	CHECK(domctl_get_hvm_context(&domain, &op) == 0);
	CHECK(op.u.hvmcontext.size == stream_size(&domain));
	op.u.hvmcontext.buffer = arena_gva(0);
	CHECK(domctl_get_hvm_context(&domain, &op) == 0);
	CHECK(op.u.hvmcontext.size <= stream_size(&domain));
	CHECK(domctl_set_hvm_context(&domain, &op) == 0);
	CHECK(!vcpu[0].down && vcpu[1].down);
	op.u.hvmcontext.size = 16;
	CHECK(domctl_get_hvm_context(&domain, &op) == -ENOSPC);
	op.u.hvmcontext.size = 65536;
	op.u.hvmcontext.buffer = 4096;
	CHECK(domctl_get_hvm_context(&domain, &op) == -EFAULT);
	CHECK(domctl_set_hvm_context(&domain, &op) == -EFAULT);
	op.u.hvmcontext.size = ~0U;
	CHECK(domctl_set_hvm_context(&domain, &op) == -EINVAL);
}

TEST(one_record_by_type_and_instance)
{
	struct xen_domctl op = { 0 };
	struct xen_domctl_hvmcontext_partial *arg = &op.u.hvmcontext_partial;

	reset();
	vcpu[1].down = false;
	arch[1].regs.rip = 0x77;
	arg->type = HVM_SAVE_CPU;
	arg->instance = 1;
	CHECK(domctl_get_hvm_context_partial(&domain, &op) == 0);
	CHECK(arg->bufsz == sizeof(struct hvm_hw_cpu));
	arg->buffer = arena_gva(0);
	CHECK(domctl_get_hvm_context_partial(&domain, &op) == 0);
	CHECK(((struct hvm_hw_cpu *)arena)->rip == 0x77);
	arg->bufsz = 8;
	CHECK(domctl_get_hvm_context_partial(&domain, &op) == -ENOSPC);
	arg->instance = 0;
	CHECK(domctl_get_hvm_context_partial(&domain, &op) == -ENOENT);
}

TEST(own_context_is_refused)
{
	struct xen_domctl op = { .u.hvmcontext = { 4096, arena_gva(0) } };

	reset();
	cpus[0].vcpu->domain = &domain;
	CHECK(domctl_get_hvm_context(&domain, &op) == -EINVAL);
	CHECK(domctl_set_hvm_context(&domain, &op) == -EINVAL);
	cpus[0].vcpu->domain = &caller;
}

TEST(random_damage_never_reads_past_the_end)
{
	u64 seed = 88172645463325252;

	reset();
	for (unsigned int i = 0; i < 20000; i++) {
		struct stream s = make(3, 1);
		unsigned int hits = 1 + i % 3;

		while (hits--) {
			seed ^= seed << 13;
			seed ^= seed >> 7;
			seed ^= seed << 17;
			/* Mostly in the first records' descriptors. */
			s.data[seed % (seed >> 60 ? 64 : s.size)] = seed >> 32;
		}
		valid(&s, s.size - (seed >> 40) % s.size);
		free(s.data);
	}
}

int main(void)
{
	static const struct tap_test tests[] = {
		TAP_TEST(cpu_record_brings_its_vcpu_up),
		TAP_TEST(mtrr_alone_starts_nothing),
		TAP_TEST(refused_state_of_one_vcpu_leaves_both_alone),
		TAP_TEST(what_is_saved_loads_and_is_saved_the_same),
		TAP_TEST(every_truncation_is_refused_without_effect),
		TAP_TEST(wrong_records_are_refused_without_effect),
		TAP_TEST(size_query_then_context_loads_back),
		TAP_TEST(one_record_by_type_and_instance),
		TAP_TEST(own_context_is_refused),
		TAP_TEST(random_damage_never_reads_past_the_end),
	};

	arena = calloc(1, ARENA_SIZE);
	reset();
	return tap_run(tests, ARRAY_SIZE(tests));
}
