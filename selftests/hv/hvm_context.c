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
#include "../../hv/call/hvm_context.c"

static struct vcpu vcpu[2];
static struct domain domain = { .id = 1, .max_vcpus = 2,
				.vcpu = { &vcpu[0], &vcpu[1] } };
static struct domain caller;
static unsigned int loaded[2]; /* times a vCPU got a context */
static int load_error;

void vmm_get_context(struct vcpu *v, struct hvm_hw_cpu *ctx)
{
	ctx->rip = 0x1000 + v->id;
}

int vmm_set_context(struct vcpu *v, const struct hvm_hw_cpu *ctx)
{
	loaded[v->id]++;
	return ctx->rip == 0xbad ? -EINVAL : load_error;
}

void vcpu_set_down(struct vcpu *v, bool down)
{
	v->down = down;
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

void page_init(const struct mfn_range *free, unsigned int nr, u64 top)
{
	(void)free;
	(void)nr;
	(void)top;
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

static void reset(void)
{
	static struct vcpu self = { .domain = &caller };

	syscall(SYS_arch_prctl, ARCH_SET_GS, &cpus[0]);
	cpus[0].self = &cpus[0];
	cpus[0].vcpu = &self;
	for (unsigned int i = 0; i < 2; i++) {
		vcpu[i].id = i;
		vcpu[i].down = true;
		loaded[i] = 0;
	}
	load_error = 0;
}

/* A stream as libxc makes it: header, records, end. */
static struct stream make(unsigned int cpus_mask, unsigned int mtrr_mask)
{
	struct stream s = { .data = calloc(1, 16384) };
	struct hvm_save_header *h;

	h = stream_add(&s, HVM_SAVE_HEADER, 0, sizeof(*h));
	h->magic = HVM_FILE_MAGIC;
	h->version = HVM_FILE_VERSION;
	for (unsigned int i = 0; i < 4; i++) {
		if (cpus_mask >> i & 1)
			stream_add(&s, HVM_SAVE_CPU, i,
				   sizeof(struct hvm_hw_cpu));
		if (mtrr_mask >> i & 1)
			stream_add(&s, HVM_SAVE_MTRR, i,
				   sizeof(struct hvm_hw_mtrr));
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
	CHECK(loaded[0] == 1 && !vcpu[0].down);
	CHECK(loaded[1] == 0 && vcpu[1].down);
	free(s.data);
}

TEST(mtrr_alone_starts_nothing)
{
	struct stream s = make(0, 3);

	reset();
	CHECK(set(&s, s.size) == 0);
	CHECK(vcpu[0].down && vcpu[1].down && !loaded[0] && !loaded[1]);
	free(s.data);
}

TEST(refused_processor_state_is_reported)
{
	struct stream s = make(1, 0);

	reset();
	load_error = -EINVAL;
	CHECK(set(&s, s.size) == -EINVAL);
	CHECK(vcpu[0].down);
	free(s.data);
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
	CHECK(!loaded[0] && !loaded[1]);
	free(s.data);
}

TEST(wrong_records_are_refused_without_effect)
{
	struct stream s = make(4, 0);
	struct hvm_save_descriptor *d;

	reset();
	CHECK(set(&s, s.size) == -EINVAL); /* vCPU 2 of 2 */
	free(s.data);
	for (unsigned int what = 0; what < 6; what++) {
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
		else
			d->instance = 0xffff;
		CHECK(!valid(&s, s.size));
		CHECK(set(&s, s.size) == -EINVAL);
		free(s.data);
	}
	CHECK(!loaded[0] && !loaded[1]);
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
	CHECK(loaded[0] == 1 && !loaded[1]);
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
	arg->type = HVM_SAVE_CPU;
	arg->instance = 1;
	CHECK(domctl_get_hvm_context_partial(&domain, &op) == 0);
	CHECK(arg->bufsz == sizeof(struct hvm_hw_cpu));
	arg->buffer = arena_gva(0);
	CHECK(domctl_get_hvm_context_partial(&domain, &op) == 0);
	CHECK(((struct hvm_hw_cpu *)arena)->rip == 0x1001);
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
		TAP_TEST(refused_processor_state_is_reported),
		TAP_TEST(every_truncation_is_refused_without_effect),
		TAP_TEST(wrong_records_are_refused_without_effect),
		TAP_TEST(size_query_then_context_loads_back),
		TAP_TEST(one_record_by_type_and_instance),
		TAP_TEST(own_context_is_refused),
		TAP_TEST(random_damage_never_reads_past_the_end),
	};

	arena = calloc(1, ARENA_SIZE);
	return tap_run(tests, ARRAY_SIZE(tests));
}
