/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel as an lguest guest: page tables and gates by hypercall, text by NOTIFY, no devices, no interrupts. */
#include "boot.h"
#include "console.h"
#include "hypercall.h"
#include "kernel.h"
#include "trap.h"

extern char system_call_stub[], page_fault_stub[], trap_stack_top[];

/* The range without interrupts that the Host wants to know; we never enable any. */
char noirq_start[1], noirq_end[1];

static void gate(u32 vector, const char *handler, u32 flags)
{
	u32 at = (u32)handler;

	hcall(HCALL_LOAD_IDT_ENTRY, vector, (KERNEL_CS & ~3u) << 16 | (at & 0xffff), (at & 0xffff0000u) | flags, 0);
}

NORETURN void platform_start(void)
{
	hcall_init();
	boot_read();
	if (boot.memory < RAM)
		shutdown("the guest needs 64 MiB", SHUTDOWN_POWEROFF);
	gate(TRAP_PAGE_FAULT, page_fault_stub, GATE_INTERRUPT);
	gate(SYSCALL_VECTOR, system_call_stub, GATE_TRAP | GATE_DPL3);
	load_gdt_entry(GDT_USER_CS, 0x0000ffff, 0x00cffa00);
	load_gdt_entry(GDT_USER_DS, 0x0000ffff, 0x00cff200);
	hcall(HCALL_SET_STACK, KERNEL_DS, (u32)trap_stack_top, 2, 0);
	pages_init();
	pgd_switch(kernel_pgd);
	bench_main();
}

u32 fault_address(void)
{
	return lguest_data.cr2;
}

void pgd_switch(u32 *pgd)
{
	hcall(HCALL_NEW_PGTABLE, (u32)pgd, 0, 0, 0);
}

void entry_set(u32 *pgd, u32 va, u32 *entry, u32 value)
{
	*(volatile u32 *)entry = value;
	hcall(HCALL_SET_PTE, (u32)pgd, va, value, 0);
}

void console_write(const char *text, size_t n)
{
	static char line[256];

	if (n > sizeof(line) - 1)
		n = sizeof(line) - 1;
	memcpy(line, text, n);
	line[n] = '\0';
	notify((u32)line);
}

NORETURN void platform_exit(bool good)
{
	shutdown(good ? "Power down" : "bench failed", SHUTDOWN_POWEROFF);
}
