/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel on a bare PC: text on the first serial port, end by QEMU's isa-debug-exit at port 0x501, no interrupts. */
#include "boot.h"
#include "console.h"
#include "kernel.h"
#include "platform.h"

#define SERIAL     0x3f8
#define DEBUG_EXIT 0x501

#define CR0_MP 0x00000002u
#define CR0_EM 0x00000004u
#define CR0_TS 0x00000008u
#define CR0_NE 0x00000020u
#define CR0_WP 0x00010000u
#define CR0_PG 0x80000000u

extern char system_call_stub[], page_fault_stub[], trap_stack_top[];
extern u32 multiboot_info;
extern u64 gdt[];

static u64 idt[256];
/* Only the stack for traps from ring 3 is used. */
static u32 task[26];

static inline void out(u16 port, u8 value)
{
	__asm__ volatile("outb %0, %1" : : "a"(value), "Nd"(port));
}

static inline u8 in(u16 port)
{
	u8 value;

	__asm__ volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
	return value;
}

static void gate(u32 vector, const char *handler, u32 flags)
{
	u32 at = (u32)handler;

	idt[vector] = (u64)((at & 0xffff0000u) | flags) << 32 | KERNEL_CS << 16 | (at & 0xffff);
}

static void traps_init(void)
{
	struct {
		u16 limit;
		u32 base;
	} __attribute__((packed)) pointer = { sizeof(idt) - 1, (u32)idt };
	u32 at = (u32)task;

	gate(14, page_fault_stub, 0x8e00);
	gate(0x80, system_call_stub, 0xef00);
	__asm__ volatile("lidt %0" : : "m"(pointer));
	task[1] = (u32)trap_stack_top;
	task[2] = KERNEL_DS;
	gdt[TASK / 8] = (u64)(at & 0xff000000u) << 32 | 0x890000000000ull | (u64)(at & 0xffffff) << 16 | (sizeof(task) - 1);
	__asm__ volatile("ltr %w0" : : "r"(TASK));
}

static void command_line(void)
{
	const u32 *info = (const u32 *)multiboot_info;
	size_t n = 0;

	if (info[0] & 4)
		for (const char *from = (const char *)info[4]; n < sizeof(boot.cmdline) - 1 && from[n]; n++)
			boot.cmdline[n] = from[n];
	boot.cmdline[n] = '\0';
}

NORETURN void platform_start(void)
{
	u32 cr0;

	command_line();
	traps_init();
	pages_init();
	pgd_switch(kernel_pgd);
	__asm__ volatile("movl %%cr0, %0" : "=r"(cr0));
	cr0 = (cr0 & ~(CR0_EM | CR0_TS)) | CR0_MP | CR0_NE | CR0_WP | CR0_PG;
	__asm__ volatile("movl %0, %%cr0\n\tjmp 1f\n1:" : : "r"(cr0) : "memory");
	bench_main();
}

u32 fault_address(void)
{
	u32 at;

	__asm__ volatile("movl %%cr2, %0" : "=r"(at));
	return at;
}

void pgd_switch(u32 *pgd)
{
	__asm__ volatile("movl %0, %%cr3" : : "r"(pgd) : "memory");
}

void entry_set(u32 *pgd, u32 va, u32 *entry, u32 value)
{
	u32 old = *entry;

	(void)pgd;
	*(volatile u32 *)entry = value;
	/* What was not present is in no TLB. */
	if (old & PTE_P)
		__asm__ volatile("invlpg (%0)" : : "r"(va) : "memory");
}

void console_write(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		while (!(in(SERIAL + 5) & 0x20))
			;
		out(SERIAL, (u8)text[i]);
	}
}

NORETURN void platform_exit(bool good)
{
	/* QEMU ends with twice the value plus one. */
	__asm__ volatile("outw %0, %1" : : "a"((u16)(good ? 0 : 1)), "d"((u16)DEBUG_EXIT));
	for (;;)
		__asm__ volatile("cli; hlt");
}
