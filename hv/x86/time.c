/* SPDX-License-Identifier: MIT */
/* time.c - the TSC as clock, calibration, the wall clock */
#include "apic.h"
#include "asm.h"

#define PIT_HZ 1193182
#define PIT_CH2 0x42
#define PIT_MODE 0x43
#define PIT_GATE 0x61
/* A sample takes some 100 us of port accesses, on real machines and emulated. */
#define MAX_SAMPLES 10000
#define ROUNDS 5

u64 tsc_khz, tsc_base;
u32 tsc_to_ns_mul;
s8 tsc_to_ns_shift;
static u64 wallclock;

/* One reading of all three clocks, and how long it took. */
struct sample {
	u64 tsc, width;
	u32 apic;
	u16 pit;
};

static u16 pit_read(void)
{
	u8 lo;

	outb(PIT_MODE, 0x80); /* latch channel 2 */
	lo = inb(PIT_CH2);
	return lo | inb(PIT_CH2) << 8;
}

/*
 * Readings may be far apart in time on an emulator whose thread lost its CPU:
 * of many, take the one the TSC saw pass in the shortest time.
 */
static struct sample sample_clocks(void)
{
	struct sample best = { .width = ~0ULL };

	for (unsigned int i = 0; i < 40; i++) {
		u64 t0 = rdtsc();
		u16 pit = pit_read();
		u32 count = apic_read(APIC_TIMER_COUNT);
		u64 t1 = rdtsc();

		if (t1 - t0 < best.width)
			best = (struct sample){ t0 + (t1 - t0) / 2, t1 - t0,
						count, pit };
	}
	return best;
}

/* Measure over about 25 ms, well below the 55 ms after which the PIT wraps. */
static void measure(u64 *tsc, u32 *apic)
{
	struct sample a, b;
	u64 pit_ticks;
	u32 tries = 0;

	outb(PIT_GATE, (inb(PIT_GATE) & ~0x02) | 0x01);
	outb(PIT_MODE, 0xb4); /* channel 2, both bytes, rate generator */
	outb(PIT_CH2, 0xff);
	outb(PIT_CH2, 0xff);
	apic_write(APIC_LVT_TIMER, APIC_LVT_MASKED | VEC_TIMER);
	apic_write(APIC_TIMER_INIT, 0xffffffff);

	a = sample_clocks();
	do {
		if (tries++ == MAX_SAMPLES)
			panic("the interval timer (8254) does not count");
		b = sample_clocks();
		pit_ticks = (u16)(a.pit - b.pit);
	} while (pit_ticks < PIT_HZ / 40);

	*tsc = (b.tsc - a.tsc) * PIT_HZ / pit_ticks / 1000;
	*apic = (u64)(a.apic - b.apic) * PIT_HZ / pit_ticks / 1000;
	apic_write(APIC_TIMER_INIT, 0);
}

/*
 * An emulator that stands still makes the PIT wrap unseen, so that the others
 * seem to run too fast, never too slowly: the slowest of some rounds is right.
 */
static void calibrate(void)
{
	u64 tsc;
	u32 apic;

	measure(&tsc_khz, &apic_timer_khz);
	for (unsigned int i = 1; i < ROUNDS; i++) {
		measure(&tsc, &apic);
		if (tsc < tsc_khz) {
			tsc_khz = tsc;
			apic_timer_khz = apic;
		}
	}
	apic_write(APIC_LVT_TIMER, VEC_TIMER);
}

/* ns = ((tsc << shift) * mul) >> 32, with mul as large as it can be. */
static void set_scale(void)
{
	u64 mul = (1000000ULL << 40) / tsc_khz;

	tsc_to_ns_shift = -8;
	while (mul > 0xffffffff) {
		mul >>= 1;
		tsc_to_ns_shift++;
	}
	while (mul < 0x80000000) {
		mul <<= 1;
		tsc_to_ns_shift--;
	}
	tsc_to_ns_mul = mul;
}

u64 now_ns(void)
{
	u64 t = rdtsc() - tsc_base;

	if (tsc_to_ns_shift >= 0)
		t <<= tsc_to_ns_shift;
	else
		t >>= -tsc_to_ns_shift;
	return (unsigned __int128)t * tsc_to_ns_mul >> 32;
}

void udelay(u64 us)
{
	u64 end = rdtsc() + us * tsc_khz / 1000;

	while (rdtsc() < end)
		cpu_relax();
}

static u8 rtc_read(u8 reg)
{
	outb(0x70, reg);
	return inb(0x71);
}

static unsigned int rtc_value(u8 raw, bool binary)
{
	return binary ? raw : (raw >> 4) * 10 + (raw & 0xf);
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static u64 days_since_1970(unsigned int year, unsigned int month,
			   unsigned int day)
{
	/* Count years from March, so that a leap day is the last. */
	u64 y = month > 2 ? year : year - 1;
	u64 m = month > 2 ? month - 3 : month + 9;

	return y * 365 + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day -
	       719469;
}

static u64 rtc_seconds(void)
{
	u8 r[7], again[7];
	static const u8 regs[] = { 0, 2, 4, 7, 8, 9, 11 };
	unsigned int hour, spins = 0;
	bool binary;

	/* Two equal readings in a row were not torn by an update. */
	do {
		for (unsigned int i = 0; i < sizeof(regs); i++)
			r[i] = rtc_read(regs[i]);
		for (unsigned int i = 0; i < sizeof(regs); i++)
			again[i] = rtc_read(regs[i]);
	} while (memcmp(r, again, sizeof(r)) && ++spins < 1000);

	binary = r[6] & 0x04;
	hour = rtc_value(r[2] & 0x7f, binary);
	if (!(r[6] & 0x02)) /* 12-hour clock, bit 7 is PM */
		hour = hour % 12 + (r[2] & 0x80 ? 12 : 0);
	return days_since_1970(2000 + rtc_value(r[5], binary),
			       rtc_value(r[4], binary),
			       rtc_value(r[3], binary)) * 86400ULL +
	       hour * 3600ULL + rtc_value(r[1], binary) * 60 +
	       rtc_value(r[0], binary);
}

u64 wallclock_ns(void)
{
	return READ_ONCE(wallclock);
}

void wallclock_set(u64 ns_at_boot)
{
	WRITE_ONCE(wallclock, ns_at_boot);
}

void time_init(void)
{
	calibrate();
	set_scale();
	tsc_base = rdtsc();
	wallclock = rtc_seconds() * 1000000000ULL;
	pr_info("TSC %lu.%03lu MHz, APIC timer %u.%03u MHz", tsc_khz / 1000,
		tsc_khz % 1000, apic_timer_khz / 1000, apic_timer_khz % 1000);
}
