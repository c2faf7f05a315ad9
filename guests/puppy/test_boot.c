/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the launcher and the Host gave us: memory, boot parameters, time, hypercalls. */
#include "boot.h"
#include "selftest.h"

extern u32 entry_esp, entry_esi, entry_eflags;
void hcall_registers(u32 regs[8]);

static const char *entry_state(void)
{
	CHECK(entry_esp == 0, "ESP was %x", entry_esp);
	CHECK(entry_esi == 0, "ESI was %x", entry_esi);
	CHECK((entry_eflags & ~0xd5u) == 0x202, "EFLAGS were %x", entry_eflags);
	return NULL;
}

static const char *memory_map(void)
{
	CHECK(boot.e820_entries == 1, "%u entries", boot.e820_entries);
	CHECK(boot.e820_start == 0, "starts at %llx", boot.e820_start);
	CHECK(boot.e820_type == 1, "type %u", boot.e820_type);
	CHECK(boot.e820_size % PAGE_SIZE == 0, "size %llx", boot.e820_size);
	CHECK(boot.version >= 0x207, "boot protocol %x", boot.version);
	CHECK(boot.subarch == 1, "hardware_subarch %u", boot.subarch);
	CHECK(boot.loadflags & 0x40, "KEEP_SEGMENTS clear");
	return NULL;
}

/* Every 64 KiB of free memory is its own memory. */
static const char *memory_size(void)
{
	u32 start = align_up(heap_mark(), 65536), end = start + heap_left() * PAGE_SIZE - 65536, bad = 0;

	for (u32 at = start; at < end; at += 65536)
		*(volatile u32 *)at = at ^ 0x5a5a5a5a;
	for (u32 at = start; at < end; at += 65536)
		bad += *(volatile u32 *)at != (at ^ 0x5a5a5a5a);
	CHECK(!bad, "%u of %u places do not hold what was stored", bad, (end - start) / 65536);
	*(volatile u32 *)(boot.memory - 4) = 0x12345678;
	CHECK(*(volatile u32 *)(boot.memory - 4) == 0x12345678, "the last word does not hold what was stored");
	return NULL;
}

static const char *command_line(void)
{
	CHECK(boot.cmdline_at, "no pointer");
	CHECK(boot.cmdline_at < boot.memory, "at %x, past memory", boot.cmdline_at);
	CHECK(boot.cmdline_ended, "no end in %u bytes", sizeof(boot.cmdline));
	return NULL;
}

static const char *host_values(void)
{
	CHECK(lguest_data.reserve_mem && lguest_data.reserve_mem <= 64u << 20, "reserve_mem %x", lguest_data.reserve_mem);
	CHECK(lguest_data.tsc_khz == 0 || lguest_data.tsc_khz > 1000, "tsc_khz %u", lguest_data.tsc_khz);
	CHECK(lguest_data.time_nsec < 1000000000, "nanoseconds %u", lguest_data.time_nsec);
	return NULL;
}

static const char *tsc_monotonic(void)
{
	u64 last = rdtsc(), first = last;

	for (u32 i = 0; i < 100000; i++) {
		u64 now = rdtsc();

		CHECK(now >= last, "%llx after %llx", now, last);
		last = now;
	}
	CHECK(last > first, "stands still");
	return NULL;
}

/*
 * The wall clock the Host writes at interrupts runs as fast as the TSC does. The Host may be kept from running between writing the one
 * and the interrupt's reading of the other, so some measurements are allowed to be off; with a wrong clock all of them are.
 */
static const char *wall_clock(void)
{
	u64 wall, tsc, wall_delta, tsc_delta, difference;
	int attempt;

	sleep_ms(2);
	CHECK(wall_ns() > 1000000000ull * 1000000000ull, "%llu s since 1970", wall_ns() / 1000000000);
	if (!tsc_khz())
		return NULL;
	for (attempt = 0; attempt < 5; attempt++) {
		wall = wall_ns();
		tsc = irq_tsc[IRQ_CLOCK];
		sleep_ms(100);
		wall_delta = wall_ns() - wall;
		tsc_delta = (irq_tsc[IRQ_CLOCK] - tsc) * 1000 / tsc_khz() * 1000;
		difference = wall_delta > tsc_delta ? wall_delta - tsc_delta : tsc_delta - wall_delta;
		if (difference < 25 * MS)
			return NULL;
	}
	CHECK(0, "wall clock %llu us, TSC %llu us", wall_delta / 1000, tsc_delta / 1000);
	return NULL;
}

static const char *hypercall_registers(void)
{
	static const u32 calls[][5] = {
		{ HCALL_FLUSH_ASYNC, 0x11111111, 0x22222222, 0x33333333, 0x44444444 },
		{ HCALL_FLUSH_TLB, 0, 0x22222222, 0x33333333, 0x44444444 },
		{ HCALL_TS, 0, 0x22222222, 0x33333333, 0x44444444 },
		{ HCALL_SET_CLOCKEVENT, 0, 0x22222222, 0x33333333, 0x44444444 },
		{ HCALL_SEND_INTERRUPTS, 0x11111111, 0x22222222, 0x33333333, 0x44444444 },
		{ HCALL_LOAD_GDT_ENTRY, 25, 0xffff, 0x00cf9200, 0x44444444 },
		{ HCALL_LOAD_IDT_ENTRY, 0xf0, 0, 0, 0x44444444 },
	};

	for (u32 i = 0; i < ARRAY_SIZE(calls); i++) {
		/* Carry, parity, zero and sign set; then DF and overflow. */
		u32 flags = i & 1 ? 0xe02 : 0x2d7;
		u32 before[8] = { calls[i][0], calls[i][1], calls[i][2], calls[i][3], calls[i][4], 0x66666666, 0x77777777, flags };
		u32 after[8];

		memcpy(after, before, sizeof(after));
		irq_off();
		hcall_registers(after);
		irq_on();
		CHECK(!memcmp(before, after, 28), "call %u changed a register", calls[i][0]);
		CHECK((after[7] & 0xcd5) == (flags & 0xcd5), "call %u changed EFLAGS from %x to %x", calls[i][0], flags, after[7]);
	}
	return NULL;
}

static u32 segment_limit(u32 selector)
{
	u32 limit = ~0u;

	__asm__ volatile("lsll %1, %0" : "+r"(limit) : "r"(selector) : "cc");
	return limit;
}

/* A descriptor whose limit tells which call came last. */
static void queue_limit(u32 limit)
{
	hcall_async(HCALL_LOAD_GDT_ENTRY, 24, limit, 0x00409200, 0);
}

static const char *async_ring(void)
{
	for (u32 i = 0; i < 5; i++)
		queue_limit(0x100 + i);
	hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	CHECK(segment_limit(24 << 3 | 1) == 0x104, "limit %x after five calls", segment_limit(24 << 3 | 1));
	for (u32 i = 0; i < HCALL_RING; i++)
		CHECK(lguest_data.hcall_status[i] == HCALL_DONE, "slot %u not done", i);
	return NULL;
}

static const char *async_before_direct(void)
{
	queue_limit(0x200);
	load_gdt_entry(24, 0x201, 0x00409200);
	CHECK(segment_limit(24 << 3 | 1) == 0x201, "limit %x: the direct call came first", segment_limit(24 << 3 | 1));
	return NULL;
}

static const char *async_wrap(void)
{
	u32 value = 0;

	/* Seven does not divide the ring's size, so batches come to lie across its end. */
	for (u32 batch = 0; batch < 3 * HCALL_RING / 7 + 1; batch++) {
		for (u32 i = 0; i < 7; i++)
			queue_limit(++value);
		hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
		CHECK(segment_limit(24 << 3 | 1) == value, "limit %x after call %x", segment_limit(24 << 3 | 1), value);
	}
	/* A full ring, and one more than fits. */
	for (u32 i = 0; i < HCALL_RING + 1; i++)
		queue_limit(++value);
	hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	CHECK(segment_limit(24 << 3 | 1) == value, "limit %x after a full ring, not %x", segment_limit(24 << 3 | 1), value);
	return NULL;
}

const struct test boot_tests[] = {
	{ "entry state", entry_state },
	{ "memory map", memory_map },
	{ "memory size", memory_size },
	{ "command line", command_line },
	{ "host values", host_values },
	{ "tsc monotonic", tsc_monotonic },
	{ "wall clock", wall_clock },
	{ "hypercall registers", hypercall_registers },
	{ "async ring", async_ring },
	{ "async before direct", async_before_direct },
	{ "async wrap", async_wrap },
	{ NULL, NULL },
};
