/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Time from the TSC if the Host vouches for it, else from the wall clock it writes at each interrupt; waiting. */
#include "irq.h"

#define CLOCK_MAX (4000u * MS)	/* a clock event is 32 bits of nanoseconds */

static u64 boot_tsc, boot_wall;

void clock_init(void)
{
	boot_tsc = rdtsc();
	boot_wall = wall_ns();
}

u32 tsc_khz(void)
{
	return lguest_data.tsc_khz;
}

u64 wall_ns(void)
{
	u32 sec, nsec;

	/* The Host writes both between two of our instructions. */
	do {
		sec = lguest_data.time_sec;
		nsec = lguest_data.time_nsec;
	} while (sec != lguest_data.time_sec);
	return (u64)sec * 1000000000u + nsec;
}

u64 now_ns(void)
{
	u32 khz = tsc_khz();
	u64 ticks;

	if (!khz)
		return wall_ns() - boot_wall;
	ticks = rdtsc() - boot_tsc;
	/* In two steps: ticks * 1000000 would overflow after some hours. */
	return ticks / khz * 1000000u + ticks % khz * 1000000u / khz;
}

bool wait_for(bool (*done)(void *), void *arg, u32 timeout_ms)
{
	bool armed = false, result;
	u64 end;

	irq_off();
	if (timeout_ms && !tsc_khz() && !done(arg)) {
		/* The wall clock may be as old as the last interrupt: get one. */
		clock_event(1000);
		halt();
		irq_off();
	}
	end = now_ns() + (u64)timeout_ms * MS;
	for (;;) {
		result = done(arg);
		if (result)
			break;
		if (timeout_ms) {
			u64 now = now_ns();

			if (now >= end)
				break;
			clock_event(end - now < CLOCK_MAX ? (u32)(end - now) : CLOCK_MAX);
			armed = true;
		}
		halt();
		irq_off();
	}
	if (armed)
		clock_event(0);
	irq_on();
	return result;
}

static bool never(void *arg)
{
	(void)arg;
	return false;
}

void sleep_ms(u32 ms)
{
	if (ms)
		wait_for(never, NULL, ms);
}

void spin_us(u32 us)
{
	/* A guess without a known frequency; it is only used to give the Host time. */
	u32 khz = tsc_khz() ? tsc_khz() : 1000000;
	u64 end = rdtsc() + (u64)us * khz / 1000;

	while (rdtsc() < end)
		__asm__ volatile("pause");
}
