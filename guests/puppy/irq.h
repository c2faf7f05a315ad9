/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The software interrupt flag, interrupt counts, time, and waiting without using the CPU. */
#ifndef IRQ_H
#define IRQ_H

#include "hypercall.h"
#include "trap.h"

#define MS 1000000u	/* nanoseconds */

extern volatile u32 irq_count[IRQ_COUNT];
/* CS of the code the interrupt came into, and the TSC at its arrival. */
extern volatile u32 irq_from_cs[IRQ_COUNT];
extern volatile u64 irq_tsc[IRQ_COUNT];
/* The order in which interrupts came; wraps. */
extern volatile u8 irq_log[16];
extern volatile u32 irq_logged;

void irq_init(void);
void irq_handle(u32 irq, struct trap_frame *frame);
void irq_unblock(u32 irq);
void irq_block(u32 irq);

static inline void irq_off(void)
{
	lguest_data.irq_enabled = 0;
	barrier();
}

static inline void irq_on(void)
{
	barrier();
	lguest_data.irq_enabled = IF_BIT;
	barrier();
	/* The store alone makes no exit: ask, if the Host said that something waits. */
	if (lguest_data.irq_pending & IF_BIT)
		hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
}

/* Sleeps until an interrupt arrives; turns interrupts on as "sti; hlt" would. */
static inline void halt(void) { hcall(HCALL_HALT, 0, 0, 0, 0); }

static inline u64 rdtsc(void)
{
	u64 v;

	__asm__ volatile("rdtsc" : "=A"(v));
	return v;
}

/* One shot, replacing the one before; 0 cancels. */
static inline void clock_event(u32 ns) { hcall(HCALL_SET_CLOCKEVENT, ns, 0, 0, 0); }

void clock_init(void);
/* Monotonic nanoseconds since boot; without a TSC as fresh as the last interrupt. */
u64 now_ns(void);
u64 wall_ns(void);
u32 tsc_khz(void);

/*
 * Halts until done(arg) or the time is over (0 ms: for ever). Interrupts are off while done() looks, and HALT turns
 * them on, so a wake-up between the look and the halt is not lost. Returns what done() said last.
 */
bool wait_for(bool (*done)(void *), void *arg, u32 timeout_ms);
void sleep_ms(u32 ms);
/* Burns time with no hypercall. */
void spin_us(u32 us);

#endif
