// SPDX-License-Identifier: MIT
/*
 * toolstack_fuzz.c - random domctl and sysctl calls
 *
 * The real decoders run with address and undefined-behaviour sanitizers on
 * structures that are mostly garbage behind a valid command; what they would do
 * to a domain is recorded by stand-ins.  Usage: toolstack_fuzz [seed [calls]].
 */
#define TAP_MAIN
#include "../lib/tap.h"
#include "toolstack_host.h"
#include "../../hv/x86/arch.h"
#include "../../hv/abi/save.h"
#include "../../hv/abi/sysctl.h"
#include "../../hv/abi/vcpu.h"

static struct vcpu vcpus[3][2];
static unsigned long effects; /* things done to domains or the machine */
static unsigned long good[2][128]; /* calls that were served, by command */
static unsigned long calls = 200000;
static u64 rng_state;
u32 sched_ratelimit_us = 500;

static u64 rnd(u64 below)
{
	rng_state ^= rng_state << 13;
	rng_state ^= rng_state >> 7;
	rng_state ^= rng_state << 17;
	return rng_state % below;
}

struct domain *domain_create(domid_t id,
			     const struct xen_domctl_createdomain *cfg,
			     int *err)
{
	effects++;
	*err = -ENOMEM;
	if (!cfg->max_vcpus || cfg->max_vcpus > MAX_VCPUS || id != DOMID_INVALID)
		return NULL;
	return rnd(2) ? host_domain[1] : NULL;
}

int domain_kill(struct domain *d)
{
	effects++;
	return d == current->domain ? -EINVAL : 0;
}

int domain_toolstack_pause(struct domain *d)
{
	effects += d->id + 1;
	return 0;
}

int domain_toolstack_unpause(struct domain *d)
{
	effects += d->id + 1;
	return 0;
}

int domain_resume(struct domain *d)
{
	effects += d->id + 1;
	return 0;
}

void domain_pause(struct domain *d)
{
	(void)d;
}

void domain_unpause(struct domain *d)
{
	(void)d;
}

void domain_set_wallclock(struct domain *d)
{
	effects += d->id + 1;
}

u32 domain_info_flags(struct domain *d)
{
	return d->id;
}

u64 domain_cpu_ns(struct domain *d)
{
	return d->id;
}

struct domain *domain_get_from_id(domid_t id)
{
	while (id < 3 && !host_domain[id])
		id++;
	return id < 3 ? domain_get_by_id(id) : NULL;
}

int vcpu_set_affinity(struct vcpu *v, const struct cpumask *hard,
		      const struct cpumask *soft)
{
	(void)v;
	effects++;
	return (hard && !(hard->bits[0] & 1)) || (!hard && !soft) ? -EINVAL : 0;
}

void vcpu_runstate(struct vcpu *v, struct vcpu_runstate_info *info)
{
	(void)v;
	memset(info, 0, sizeof(*info));
}

void vcpu_set_down(struct vcpu *v, bool down)
{
	v->down = down;
	effects++;
}

static void get_record(struct vcpu *v, void *body)
{
	(void)v;
	(void)body;
}

static void set_record(struct vcpu *v, const void *body, u32 length)
{
	(void)v;
	effects += ((const u8 *)body)[length - 1] + 1;
}

const struct vmm_record *vmm_record(unsigned int i)
{
	static const struct vmm_record r = { HVM_SAVE_CPU, 8, 1024, get_record,
					     NULL, set_record };

	(void)i;
	return &r;
}

void vmm_get_registers(struct vcpu *v, struct vcpu_guest_context *ctx)
{
	(void)v;
	(void)ctx;
}

void vmm_set_registers(struct vcpu *v, const struct vcpu_guest_context *ctx)
{
	effects += v->id + ctx->flags + 1;
}

void vcpu_forget(struct vcpu *v)
{
	effects += v->id + 1;
}

void vcpu_pause(struct vcpu *v)
{
	v->pause_count++;
}

void vcpu_unpause(struct vcpu *v)
{
	v->pause_count--;
}

void vlapic_post_nmi(struct vcpu *v)
{
	(void)v;
	effects++;
}

int sched_set_weight(struct domain *d, u32 weight, u32 cap)
{
	(void)d;
	(void)cap;
	effects++;
	return weight ? 0 : -EINVAL;
}

/* What the CPUID policies need; no guest executes the instruction. */
u32 tsc_to_ns_mul;
s8 tsc_to_ns_shift;
u64 xstate_mask = 7;

u32 vlapic_id(const struct vcpu *v)
{
	return v->id;
}

bool exit_skip(struct vcpu *v, u32 opcode, unsigned int len)
{
	(void)v;
	(void)opcode;
	(void)len;
	abort();
}

void keyhandler(char key)
{
	effects += key != 0;
}

size_t console_ring_read(char *buf, size_t size, u32 *index, bool incremental,
			 bool clear)
{
	size_t n = rnd(4) ? min(size, (size_t)rnd(300)) : 0;

	(void)incremental;
	(void)clear;
	if (n)
		memset(buf, 'x', n);
	*index += n;
	return n;
}

static u64 random_word(void)
{
	switch (rnd(8)) {
	case 0:
		return 0;
	case 1:
		return ~0UL;
	case 2:
		return rnd(~0UL);
	case 3:
		return arena_gva(rnd(ARENA_SIZE + 16));
	case 4:
		return rnd(4) | rnd(4) << 32;
	case 5:
		return rnd(5000);
	}
	return rnd(70);
}

/* A structure of random words, now and then with pointers to garbage. */
static void fill(void *to, size_t size)
{
	u64 *word = to;

	for (size_t i = 0; i < size / 8; i++)
		word[i] = random_word();
	for (unsigned int i = 1024; i < 4096; i += 8)
		*(u64 *)(arena + i) = rnd(4) ? rnd(5) : random_word();
}

static long random_domctl(void)
{
	static const u32 high[] = { 1000, 1003, ~0U, 0x80000001 };
	struct hypercall hc = { .nr = 36, .arg = { arena_gva(0) } };
	struct xen_domctl op;
	long ret;

	fill(&op, sizeof(op));
	op.cmd = rnd(40) ? rnd(90) : high[rnd(4)];
	op.interface_version = rnd(64) ? XEN_DOMCTL_INTERFACE_VERSION : rnd(64);
	op.domain = rnd(8) ? rnd(4) : random_word();
	memcpy(arena, &op, sizeof(op));
	if (!rnd(64))
		hc.arg[0] = random_word();
	ret = call_domctl(&hc);
	if (!ret && op.cmd < ARRAY_SIZE(good[0]))
		good[0][op.cmd]++;
	return ret;
}

static long random_sysctl(void)
{
	struct hypercall hc = { .nr = 35, .arg = { arena_gva(0) } };
	struct xen_sysctl op;
	long ret;

	fill(&op, sizeof(op));
	op.cmd = rnd(40) ? rnd(32) : random_word();
	op.interface_version = rnd(64) ? XEN_SYSCTL_INTERFACE_VERSION : rnd(64);
	memcpy(arena, &op, sizeof(op));
	if (!rnd(64))
		hc.arg[0] = random_word();
	ret = call_sysctl(&hc);
	if (!ret && op.cmd < ARRAY_SIZE(good[1]))
		good[1][op.cmd]++;
	return ret;
}

static void create_domains(void)
{
	for (domid_t id = 0; id < 3; id++) {
		struct domain *d = host_create(id);

		list_init(&d->link);
		list_add_tail(&d->link, &domain_list);
		d->max_vcpus = 2;
		d->weight = 256;
		d->state = id == 2 ? DOMAIN_NEW : DOMAIN_ALIVE;
		d->policy = kzalloc(sizeof(*d->policy));
		*d->policy = *cpu_policy_host();
		for (unsigned int i = 0; i < 2; i++) {
			vcpus[id][i].domain = d;
			vcpus[id][i].id = i;
			d->vcpu[i] = &vcpus[id][i];
		}
	}
}

TEST(an_unprivileged_caller_gets_eperm_and_changes_nothing)
{
	unsigned long before = effects;

	cpus[0].vcpu = &vcpus[1][0];
	for (unsigned int i = 0; i < 2000; i++) {
		CHECK(random_domctl() == -EPERM);
		CHECK(random_sysctl() == -EPERM);
	}
	CHECK(effects == before);
}

TEST(garbage_gets_an_errno)
{
	u32 refs[3];

	for (unsigned int i = 0; i < 3; i++)
		refs[i] = host_domain[i]->refs;
	cpus[0].vcpu = &vcpus[0][0];
	for (unsigned long i = 0; i < calls; i++) {
		long ret = rnd(2) ? random_domctl() : random_sysctl();

		REQUIRE(ret <= 0 && ret > -200 && ret != -ERESTART);
	}
	for (unsigned int i = 0; i < 3; i++)
		CHECK(host_domain[i]->refs == refs[i]);
}

TEST(a_wrong_version_is_eacces)
{
	struct xen_domctl d = { .cmd = XEN_DOMCTL_getdomaininfo,
				.interface_version = 0x14 };
	struct xen_sysctl s = { .cmd = XEN_SYSCTL_physinfo,
				.interface_version = 0x16 };
	struct hypercall hc = { .arg = { arena_gva(0) } };

	memcpy(arena, &d, sizeof(d));
	CHECK(call_domctl(&hc) == -EACCES);
	memcpy(arena, &s, sizeof(s));
	CHECK(call_sysctl(&hc) == -EACCES);
}

static const struct xen_cpuid_leaf *told_leaf(u32 nr, u32 leaf, u32 subleaf)
{
	const struct xen_cpuid_leaf *l = (const void *)(arena + 1024);

	for (u32 i = 0; i < nr; i++)
		if (l[i].leaf == leaf && l[i].subleaf == subleaf)
			return &l[i];
	return NULL;
}

TEST(a_policy_survives_what_the_tools_do_to_it)
{
	struct hypercall hc = { .arg = { arena_gva(0) } };
	struct xen_sysctl s = {
		.cmd = XEN_SYSCTL_get_cpu_policy,
		.interface_version = XEN_SYSCTL_INTERFACE_VERSION,
		.u.cpu_policy = { .index = XEN_SYSCTL_cpu_policy_hvm_default },
	};
	struct xen_sysctl *back = (struct xen_sysctl *)arena;
	const struct xen_cpuid_leaf *first;
	u32 most, nr;

	memcpy(arena, &s, sizeof(s));
	CHECK(call_sysctl(&hc) == 0);
	most = back->u.cpu_policy.nr_leaves;
	CHECK(most == CPU_POLICY_MAX_LEAVES);
	back->u.cpu_policy.leaves = arena_gva(1024);
	back->u.cpu_policy.nr_msrs = 0;
	CHECK(call_sysctl(&hc) == 0);
	nr = back->u.cpu_policy.nr_leaves;
	/* All basic leaves with subleaves, two of the hypervisor's, extended. */
	first = told_leaf(nr, 0, ~0U);
	REQUIRE(first && first->a <= 0xd);
	for (u32 leaf = 0; leaf <= first->a; leaf++) {
		bool subs = leaf == 4 || leaf == 7 || leaf == 0xb || leaf == 0xd;

		CHECK(told_leaf(nr, leaf, subs ? 0 : ~0U));
		CHECK(leaf < 0xb || !subs || told_leaf(nr, leaf, 1));
	}
	CHECK(told_leaf(nr, 0x40000000, ~0U) && told_leaf(nr, 0x40000100, ~0U));
	first = told_leaf(nr, 0x80000000, ~0U);
	REQUIRE(first && first->a >= 0x80000008);
	for (u32 leaf = 0x80000000; leaf <= first->a; leaf++)
		CHECK(told_leaf(nr, leaf, ~0U));
	CHECK(told_leaf(nr, 0x80000008, ~0U)->a >> 8 == 48);
	for (u32 i = 0; i < nr; i++) {
		struct xen_cpuid_leaf *l =
			&((struct xen_cpuid_leaf *)(arena + 1024))[i];

		/* Sorted, hence none twice: the tools search by halves. */
		CHECK(!i || l[-1].leaf < l->leaf ||
		      (l[-1].leaf == l->leaf && l[-1].subleaf < l->subleaf));
	}
	back->u.cpu_policy.nr_leaves = nr - 1;
	CHECK(call_sysctl(&hc) == -ENOBUFS);
}

TEST(calls_of_many_kinds_were_served)
{
	unsigned int kinds[2] = { 0, 0 };

	for (unsigned int i = 0; i < ARRAY_SIZE(good[0]); i++) {
		kinds[0] += good[0][i] != 0;
		kinds[1] += good[1][i] != 0;
	}
	printf("# %u kinds of domctl, %u of sysctl\n", kinds[0], kinds[1]);
	CHECK(kinds[0] > 20);
	CHECK(kinds[1] > 10);
}

int main(int argc, char **argv)
{
	static const struct tap_test tests[] = {
		TAP_TEST(an_unprivileged_caller_gets_eperm_and_changes_nothing),
		TAP_TEST(garbage_gets_an_errno),
		TAP_TEST(a_wrong_version_is_eacces),
		TAP_TEST(a_policy_survives_what_the_tools_do_to_it),
		TAP_TEST(calls_of_many_kinds_were_served),
	};

	rng_state = argc > 1 ? strtoull(argv[1], NULL, 0) | 1 : 1234567891;
	if (argc > 2)
		calls = strtoul(argv[2], NULL, 0);
	printf("# seed %lu, %lu calls\n", rng_state, calls);
	host_boot((RAM_START >> PAGE_SHIFT) + 512);
	create_domains();
	return tap_run(tests, ARRAY_SIZE(tests));
}
