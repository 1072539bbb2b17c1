/* SPDX-License-Identifier: MIT */
/*
 * acpi.c - the few ACPI tables the hypervisor needs
 *
 * The MADT lists the CPUs; before dom0 starts it is rewritten in place, since
 * dom0 must find exactly its own vCPUs there, and no 8259s: dom0 would test
 * them with a timer whose ticks it may get too late.  FADT and DSDT say how to
 * power off.
 */
#include "boot.h"
#include "../x86/apic.h"
#include "../x86/machine.h"

struct sdt {
	char signature[4];
	u32 length;
	u8 revision, checksum;
	char oem[22];
	u32 creator;
} __packed;

struct rsdp {
	char signature[8];
	u8 checksum;
	char oem[6];
	u8 revision;
	u32 rsdt;
	u32 length; /* from here on only with revision 2 */
	u64 xsdt;
} __packed;

struct madt {
	struct sdt h;
	u32 lapic_addr;
	u32 flags;
} __packed;
_Static_assert(sizeof(struct sdt) == 36, "ACPI table header");
#define MADT_PCAT_COMPAT BIT(0)

struct madt_entry {
	u8 type, length;
} __packed;
#define MADT_LAPIC 0
#define MADT_X2APIC 9
#define MADT_CPU_ENABLED BIT(0)

struct madt_lapic {
	struct madt_entry h;
	u8 uid, id;
	u32 flags;
} __packed;

struct madt_x2apic {
	struct madt_entry h;
	u16 reserved;
	u32 id, flags, uid;
} __packed;

struct fadt {
	struct sdt h;
	u32 facs, dsdt;
	u8 skip1[20];
	u32 pm1a_cnt, pm1b_cnt;
	u8 skip2[68];
	u64 x_dsdt;
} __packed;

struct cpu cpus[NR_CPUS];
unsigned int nr_cpus;
u64 acpi_rsdp;
static struct madt *madt;

static bool sum_is_zero(const void *p, u64 len)
{
	const u8 *b = p;
	u8 sum = 0;

	while (len--)
		sum += *b++;
	return !sum;
}

static bool is_rsdp(const struct rsdp *r)
{
	return !memcmp(r->signature, "RSD PTR ", 8) && sum_is_zero(r, 20);
}

static const struct rsdp *find_rsdp(void)
{
	if (boot_rsdp && is_rsdp((const struct rsdp *)boot_rsdp))
		return (const struct rsdp *)boot_rsdp;
	for (u64 a = 0xe0000; a < 0x100000; a += 16)
		if (is_rsdp((const struct rsdp *)a))
			return (const struct rsdp *)a;
	return NULL;
}

/* A table with a good checksum, else NULL. */
static struct sdt *sdt_at(u64 addr)
{
	struct sdt *t = (struct sdt *)addr;

	if (!addr || t->length < sizeof(*t) || t->length > 16 << 20 ||
	    !sum_is_zero(t, t->length))
		return NULL;
	return t;
}

static struct sdt *find_table(const struct rsdp *rsdp, const char *signature)
{
	bool wide = rsdp->revision >= 2 && rsdp->xsdt;
	const struct sdt *root = sdt_at(wide ? rsdp->xsdt : rsdp->rsdt);
	unsigned int size = wide ? 8 : 4;

	if (!root)
		return NULL;
	for (u32 off = sizeof(*root); off + size <= root->length; off += size) {
		struct sdt *t;
		u64 addr = 0;

		memcpy(&addr, (const u8 *)root + off, size);
		t = (struct sdt *)addr;
		if (addr && !memcmp(t->signature, signature, 4))
			return sdt_at(addr);
	}
	return NULL;
}

static void add_cpu(u32 apic_id)
{
	struct cpu *c;

	/* The boot CPU has the first place already. */
	if (apic_id == cpus[0].apic_id || nr_cpus == NR_CPUS)
		return;
	c = &cpus[nr_cpus];
	c->id = nr_cpus++;
	c->apic_id = apic_id;
}

/* The entry at *off, which moves behind it; NULL at the end. */
static struct madt_entry *madt_next(u32 *off)
{
	struct madt_entry *e = (struct madt_entry *)((u8 *)madt + *off);

	if (*off + sizeof(*e) > madt->h.length || e->length < sizeof(*e) ||
	    *off + e->length > madt->h.length)
		return NULL;
	*off += e->length;
	return e;
}

/* The APIC ID of an entry for an enabled CPU. */
static bool entry_cpu(const struct madt_entry *e, u32 *id)
{
	if (e->type == MADT_LAPIC && e->length >= sizeof(struct madt_lapic)) {
		const struct madt_lapic *l = (const struct madt_lapic *)e;

		*id = l->id;
		return l->flags & MADT_CPU_ENABLED;
	}
	if (e->type == MADT_X2APIC && e->length >= sizeof(struct madt_x2apic)) {
		const struct madt_x2apic *x = (const struct madt_x2apic *)e;

		*id = x->id;
		return x->flags & MADT_CPU_ENABLED;
	}
	return false;
}

/*
 * Keep an entry that is no CPU's, or that of one of dom0's vCPUs.  Linux takes
 * the processor UID for the vCPU's number.
 */
static bool entry_for_dom0(struct madt_entry *e, unsigned int vcpus)
{
	u32 id;

	if (e->type != MADT_LAPIC && e->type != MADT_X2APIC)
		return true;
	if (!entry_cpu(e, &id))
		return false;
	for (unsigned int i = 0; i < vcpus; i++) {
		if (cpus[i].apic_id != id)
			continue;
		if (e->type == MADT_LAPIC)
			((struct madt_lapic *)e)->uid = i;
		else
			((struct madt_x2apic *)e)->uid = i;
		return true;
	}
	return false;
}

void acpi_madt_for_dom0(unsigned int vcpus)
{
	u32 off = sizeof(*madt), to = off;
	struct madt_entry *e;
	u8 sum = 0;

	while ((e = madt_next(&off))) {
		u8 len = e->length;

		if (!entry_for_dom0(e, vcpus))
			continue;
		memmove((u8 *)madt + to, e, len);
		to += len;
	}
	madt->h.length = to;
	madt->flags &= ~MADT_PCAT_COMPAT;
	madt->h.checksum = 0;
	for (u32 i = 0; i < to; i++)
		sum += ((u8 *)madt)[i];
	madt->h.checksum = -sum;
}

static bool aml_byte(const u8 **p, const u8 *end, u8 *v)
{
	if (*p >= end)
		return false;
	/* ZeroOp, OneOp, or BytePrefix and the byte. */
	if (**p == 0x0a) {
		if (*p + 1 >= end)
			return false;
		*v = (*p)[1];
		*p += 2;
		return true;
	}
	*v = **p;
	(*p)++;
	return *v <= 1;
}

/*
 * \_S5 is a name for a package of constants: NameOp "_S5_" PackageOp length
 * count elements.  No interpreter is needed for that.
 */
static void find_s5(const struct sdt *dsdt)
{
	const u8 *end = (const u8 *)dsdt + dsdt->length;
	u8 type[2];

	for (const u8 *p = (const u8 *)(dsdt + 1); p + 8 < end; p++) {
		const u8 *q = p + 4;

		if (memcmp(p, "_S5_", 4) || *q++ != 0x12)
			continue;
		q += (*q >> 6) + 1; /* package length, 1..4 bytes */
		q++; /* number of elements */
		if (aml_byte(&q, end, &type[0]) && aml_byte(&q, end, &type[1])) {
			memcpy(machine_power.slp_typ, type, 2);
			machine_power.have_s5 = true;
			return;
		}
	}
}

static void power_init(const struct rsdp *rsdp)
{
	const struct fadt *fadt = (struct fadt *)find_table(rsdp, "FACP");
	const struct sdt *dsdt = NULL;

	if (!fadt || fadt->h.length < offsetof(struct fadt, skip2))
		return;
	machine_power.pm1a_cnt = fadt->pm1a_cnt;
	machine_power.pm1b_cnt = fadt->pm1b_cnt;
	if (fadt->h.length >= sizeof(*fadt))
		dsdt = sdt_at(fadt->x_dsdt);
	if (!dsdt)
		dsdt = sdt_at(fadt->dsdt);
	if (dsdt)
		find_s5(dsdt);
}

void acpi_init(void)
{
	const struct rsdp *rsdp = find_rsdp();
	u32 off = sizeof(*madt);
	struct madt_entry *e;
	u32 id;

	if (!rsdp)
		boot_stop("no ACPI tables");
	acpi_rsdp = (u64)rsdp;
	power_init(rsdp);
	madt = (struct madt *)find_table(rsdp, "APIC");
	if (!madt || madt->h.length < sizeof(*madt))
		boot_stop("no ACPI MADT");
	while ((e = madt_next(&off)))
		if (entry_cpu(e, &id))
			add_cpu(id);
}
