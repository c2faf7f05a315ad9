/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Exceptions: what arrived, how to expect one, how to resume after one. */
#ifndef TRAP_H
#define TRAP_H

#include "types.h"

#define TRAP_DIVIDE      0
#define TRAP_DEBUG       1
#define TRAP_BREAKPOINT  3
#define TRAP_OVERFLOW    4
#define TRAP_BOUND       5
#define TRAP_UNDEFINED   6
#define TRAP_NO_FPU      7
#define TRAP_NOT_PRESENT 11
#define TRAP_PROTECTION  13
#define TRAP_PAGE_FAULT  14

#define PF_PRESENT 1
#define PF_WRITE   2
#define PF_USER    4

/* What the stubs push, lowest address first. esp and ss are there only when the trap came from ring 3. */
struct trap_frame {
	u32 es, ds;
	u32 edi, esi, ebp, unused_esp, ebx, edx, ecx, eax;
	u32 vector, error;
	u32 eip, cs, eflags;
	u32 esp, ss;
};

struct trap_record {
	u32 vector, error, eip, cs, eflags, cr2;
	u32 irq_enabled;	/* as the handler found it */
};

extern struct trap_record last_trap;
/* Looks at an exception first; true means "handled, resume". */
extern bool (*volatile trap_hook)(struct trap_frame *frame);
/* Final words of an exception nobody expected. */
extern const char *crash_text;

void trap_init(void);
void set_gate(u32 vector, u32 handler, u32 flags);
#define GATE_INTERRUPT 0x8e00u
#define GATE_TRAP      0x8f00u
#define GATE_DPL3      0x6000u

/* 0: fn returned. 1: an exception ended it; last_trap says which. */
u32 trap_try(void (*fn)(void *), void *arg);
NORETURN void trap_unwind(void);

#endif
