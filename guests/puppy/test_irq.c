/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Clock, HALT, and the rules of delivery: blocked, off, protected range, with and without a hypercall. */
#include "selftest.h"

u32 noirq_spin(u32 tsc_ticks);

#define SOON_US 2000000	/* generous: the machine may be shared */

static volatile u32 *const clock_count = &irq_count[IRQ_CLOCK];

static u32 ticks(u32 us)
{
	return (tsc_khz() ? tsc_khz() : 1000000) / 1000 * us;
}

/* With interrupts off: arms the clock and waits until the Host says that it has an interrupt for us. */
static bool make_pending(void)
{
	irq_off();
	lguest_data.irq_pending = 0;
	clock_event(100000);
	for (u32 i = 0; i < SOON_US / 100; i++) {
		if (lguest_data.irq_pending == IF_BIT)
			return true;
		spin_us(100);
	}
	return false;
}

static const char *clock_arrives(void)
{
	u32 before = *clock_count;

	clock_event(1 * MS);
	CHECK(spin_until_changed(clock_count, before, SOON_US), "no interrupt");
	before = *clock_count;
	spin_us(5000);
	CHECK(*clock_count == before, "came again: it is one shot");
	clock_event(1);
	CHECK(spin_until_changed(clock_count, before, SOON_US), "no interrupt after 1 ns");
	return NULL;
}

static const char *clock_cancel(void)
{
	u32 before = *clock_count;

	clock_event(20 * MS);
	clock_event(0);
	spin_us(40000);
	CHECK(*clock_count == before, "came though cancelled");
	return NULL;
}

static const char *clock_replace(void)
{
	u32 before = *clock_count;

	clock_event(4000u * MS);
	clock_event(1 * MS);
	CHECK(spin_until_changed(clock_count, before, SOON_US), "the shorter time did not replace the longer");
	before = *clock_count;
	clock_event(50 * MS);
	clock_event(1000u * MS);
	spin_us(100000);
	CHECK(*clock_count == before, "the longer time did not replace the shorter");
	clock_event(0);
	return NULL;
}

static const char *halt_wakes(void)
{
	u32 before = *clock_count;
	u64 start = now_ns();

	irq_off();
	clock_event(3 * MS);
	halt();
	CHECK(*clock_count == before + 1, "%u interrupts", *clock_count - before);
	CHECK(lguest_data.irq_enabled & IF_BIT, "interrupts off after it");
	if (tsc_khz())
		CHECK(now_ns() - start >= 3 * MS - 1000, "after %llu ns", now_ns() - start);
	return NULL;
}

static const char *halt_pending(void)
{
	u32 before = *clock_count;

	CHECK(make_pending(), "nothing pending");
	halt();
	CHECK(*clock_count == before + 1, "%u interrupts", *clock_count - before);
	return NULL;
}

static const char *blocked(void)
{
	u32 before = *clock_count;

	irq_block(IRQ_CLOCK);
	clock_event(1000);
	spin_us(10000);
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK(*clock_count == before, "delivered though blocked");
	irq_unblock(IRQ_CLOCK);
	CHECK(spin_until_changed(clock_count, before, SOON_US), "not delivered after unblocking");
	CHECK(*clock_count == before + 1, "delivered %u times", *clock_count - before);
	return NULL;
}

static const char *blocked_says_nothing(void)
{
	irq_off();
	lguest_data.irq_pending = 0;
	irq_block(IRQ_CLOCK);
	clock_event(1000);
	spin_us(5000);
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK(!lguest_data.irq_pending, "irq_pending %x for a blocked interrupt", lguest_data.irq_pending);
	irq_unblock(IRQ_CLOCK);
	irq_on();
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	return NULL;
}

static const char *off_then_send(void)
{
	u32 before = *clock_count;

	CHECK(make_pending(), "irq_pending is %x", lguest_data.irq_pending);
	CHECK(*clock_count == before, "delivered though interrupts were off");
	lguest_data.irq_enabled = IF_BIT;
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	CHECK(*clock_count == before + 1, "not delivered by SEND_INTERRUPTS");
	return NULL;
}

static const char *off_then_poll(void)
{
	u32 before = *clock_count;

	CHECK(make_pending(), "irq_pending is %x", lguest_data.irq_pending);
	lguest_data.irq_enabled = IF_BIT;
	CHECK(spin_until_changed(clock_count, before, SOON_US), "not delivered without a hypercall");
	return NULL;
}

/* IF must be looked at, not whether the word is zero: an iret may leave other flags there. */
static const char *enabled_is_bit_nine(void)
{
	u32 before = *clock_count;

	CHECK(make_pending(), "irq_pending is %x", lguest_data.irq_pending);
	lguest_data.irq_enabled = 0x46;
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	spin_us(3000);
	CHECK(*clock_count == before, "delivered with irq_enabled 46, which has bit 9 clear");
	lguest_data.irq_enabled = 0x246;
	CHECK(spin_until_changed(clock_count, before, SOON_US), "not delivered with irq_enabled 246");
	return NULL;
}

static const char *protected_range(void)
{
	u32 before = *clock_count, inside;

	CHECK(make_pending(), "irq_pending is %x", lguest_data.irq_pending);
	inside = noirq_spin(ticks(5000));
	CHECK(inside == before, "delivered inside the range");
	CHECK(spin_until_changed(clock_count, before, SOON_US), "not delivered after leaving the range");
	return NULL;
}

static const char *no_gate(void)
{
	extern char trap_stubs[];
	u32 before = *clock_count, no_gate_count;

	set_gate(IRQ_VECTOR_BASE, 0, 0);
	clock_event(1000);
	spin_us(5000);
	no_gate_count = *clock_count;
	set_gate(IRQ_VECTOR_BASE, GPA(trap_stubs) + 16 * IRQ_VECTOR_BASE, GATE_INTERRUPT);
	CHECK(no_gate_count == before, "delivered with no gate");
	CHECK(spin_until_changed(clock_count, before, SOON_US), "not delivered when the gate came back");
	return NULL;
}

static const char *many_ticks(void)
{
	u32 before = *clock_count;

	for (u32 i = 0; i < 200; i++) {
		irq_off();
		clock_event(50000);
		halt();
	}
	CHECK(*clock_count == before + 200, "%u interrupts for 200 halts", *clock_count - before);
	return NULL;
}

/* The flags and registers of the interrupted code survive. */
static const char *transparent(void)
{
	u32 end = ticks(20000), a, b, c, flags = 0;

	clock_event(2 * MS);
	__asm__ volatile("movl $0x13572468, %%esi\n\t"
			 "movl $0x2468ace0, %%edi\n\t"
			 "rdtsc\n\t"
			 "movl %%eax, %%ebx\n"
			 "1:\trdtsc\n\t"
			 "subl %%ebx, %%eax\n\t"
			 "cmpl %4, %%eax\n\t"
			 "std; stc\n\t"		/* the flags an interrupt is likely to find */
			 "nop; nop; nop; nop; nop; nop\n\t"
			 "pushfl; popl %%ecx\n\t"
			 "andl $0x401, %%ecx\n\t"
			 "cmpl $0x401, %%ecx\n\t"
			 "jne 2f\n\t"
			 "cld\n\t"
			 "cmpl %4, %%eax\n\t"
			 "jb 1b\n"
			 "2:\tcld"
			 : "=&S"(a), "=&D"(b), "=&c"(flags), "=&a"(c) : "rm"(end) : "ebx", "edx", "memory", "cc");
	CHECK(flags == 0x401, "DF or CF lost");
	CHECK(a == 0x13572468 && b == 0x2468ace0, "esi %x edi %x", a, b);
	clock_event(0);
	return NULL;
}

const struct test irq_tests[] = {
	{ "clock arrives", clock_arrives },
	{ "clock cancel", clock_cancel },
	{ "clock replace", clock_replace },
	{ "halt wakes", halt_wakes },
	{ "halt with one pending", halt_pending },
	{ "blocked interrupt waits", blocked },
	{ "blocked sets no irq_pending", blocked_says_nothing },
	{ "off, then SEND_INTERRUPTS", off_then_send },
	{ "off, then on by a store", off_then_poll },
	{ "irq_enabled is bit 9", enabled_is_bit_nine },
	{ "protected range", protected_range },
	{ "interrupt without a gate", no_gate },
	{ "two hundred ticks", many_ticks },
	{ "interrupts are transparent", transparent },
	{ NULL, NULL },
};
