/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Gates, and what to do with an exception: hook, expected, ring 3's end, or the end of us. */
#include "console.h"
#include "hypercall.h"
#include "irq.h"
#include "lib.h"
#include "ring3.h"
#include "trap.h"

extern char trap_stubs[], syscall_stub[];
extern u32 trap_try_esp;

struct trap_record last_trap;
bool (*volatile trap_hook)(struct trap_frame *frame);
const char *crash_text;

void set_gate(u32 vector, u32 handler, u32 flags)
{
	hcall(HCALL_LOAD_IDT_ENTRY, vector, (KERNEL_CS & ~3u) << 16 | (handler & 0xffff),
	      flags ? (handler & 0xffff0000u) | flags : 0, 0);
}

void trap_init(void)
{
	for (u32 v = 0; v < 20; v++) {
		u32 flags = GATE_INTERRUPT;

		/* A trap gate for single steps: then even a Host that leaves TF set in the handler cannot step us for ever. */
		if (v == TRAP_DEBUG)
			flags = GATE_TRAP;
		if (v == TRAP_BREAKPOINT || v == TRAP_OVERFLOW)
			flags |= GATE_DPL3;
		set_gate(v, GPA(trap_stubs) + 16 * v, flags);
	}
	for (u32 irq = 0; irq < IRQ_COUNT; irq++)
		set_gate(IRQ_VECTOR_BASE + irq, GPA(trap_stubs) + 16 * (IRQ_VECTOR_BASE + irq), GATE_INTERRUPT);
	set_gate(SYSCALL_VECTOR, GPA(syscall_stub), GATE_TRAP | GATE_DPL3);
}

static NORETURN void trap_fatal(const struct trap_frame *f, u32 cr2)
{
	bool user = (f->cs & 3) == 3;
	static bool dying;
	char text[96];

	format(text, sizeof(text), "puppy: trap %u at %08x (%x)", f->vector, f->eip, f->vector == TRAP_PAGE_FAULT ? cr2 : f->error);
	if (dying)
		shutdown(text, SHUTDOWN_POWEROFF);
	dying = true;
	console_emergency();
	printf("\ntrap %u error %x at %04x:%08x eflags %08x cr2 %08x\n", f->vector, f->error, f->cs, f->eip, f->eflags, cr2);
	printf("eax %08x ebx %08x ecx %08x edx %08x\n", f->eax, f->ebx, f->ecx, f->edx);
	printf("esi %08x edi %08x ebp %08x esp %08x\n", f->esi, f->edi, f->ebp, user ? f->esp : GPA(&f->esp));
	printf("irq_enabled %x blocked %08x irq_pending %x\n", lguest_data.irq_enabled, lguest_data.blocked_interrupts,
	       lguest_data.irq_pending);
	console_flush();
	shutdown(crash_text ? crash_text : text, SHUTDOWN_POWEROFF);
}

void trap_dispatch(struct trap_frame *f)
{
	u32 cr2 = lguest_data.cr2, irq_enabled = lguest_data.irq_enabled;
	bool user = (f->cs & 3) == 3;

	if (f->vector >= IRQ_VECTOR_BASE && f->vector < IRQ_VECTOR_BASE + IRQ_COUNT) {
		irq_handle(f->vector - IRQ_VECTOR_BASE, f);
		return;
	}
	if (f->vector == SYSCALL_VECTOR && user) {
		user_syscall(f);
		return;
	}
	last_trap = (struct trap_record){ f->vector, f->error, f->eip, f->cs, f->eflags, cr2, irq_enabled };
	if (trap_hook && trap_hook(f))
		return;
	if (user)
		user_fault();
	if (!trap_try_esp)
		trap_fatal(f, cr2);
	/* We do not go back through iret, so the interrupt flag has to be put back here. */
	lguest_data.irq_enabled = f->eflags & IF_BIT;
	trap_unwind();
}
