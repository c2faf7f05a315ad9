/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "irq.h"

volatile u32 irq_count[IRQ_COUNT];
volatile u32 irq_from_cs[IRQ_COUNT];
volatile u64 irq_tsc[IRQ_COUNT];
volatile u8 irq_log[16];
volatile u32 irq_logged;

/* Handlers only count: whoever waits looks at the ring or the clock itself after waking up. */
void irq_handle(u32 irq, struct trap_frame *frame)
{
	irq_count[irq]++;
	irq_from_cs[irq] = frame->cs;
	irq_tsc[irq] = rdtsc();
	irq_log[irq_logged++ % sizeof(irq_log)] = (u8)irq;
}

void irq_init(void)
{
	lguest_data.blocked_interrupts = ~0u;
	irq_unblock(IRQ_CLOCK);
	irq_on();
}

void irq_unblock(u32 irq)
{
	barrier();
	lguest_data.blocked_interrupts &= ~(1u << irq);
	barrier();
}

void irq_block(u32 irq)
{
	barrier();
	lguest_data.blocked_interrupts |= 1u << irq;
	barrier();
}
