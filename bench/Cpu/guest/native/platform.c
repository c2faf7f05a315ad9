/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The same workloads as a process of the host, without any emulation: how fast they could be, and what they must answer. */
#include "bench.h"
#include "boot.h"
#include "console.h"

#define LINUX_EXIT  1
#define LINUX_WRITE 4

/* No kernel of ours, so none of its work. */
const struct bench system_benches[] = { { NULL, NULL, NULL, 0, 0, RING_KERNEL } };

static u8 memory[MEMORY_MOST] __attribute__((aligned(4096)));

static u32 linux_call(u32 number, u32 a, u32 b, u32 c)
{
	__asm__ volatile("int $0x80" : "+a"(number) : "b"(a), "c"(b), "d"(c) : "memory");
	return number;
}

/* From the first instruction, with the stack as the kernel left it: the count of arguments and their addresses. */
__attribute__((used)) static NORETURN void start(const u32 *stack)
{
	size_t n = 0;

	for (u32 i = 1; i <= stack[0]; i++)
		for (const char *from = (const char *)stack[i]; *from && n < sizeof(boot.cmdline) - 2; from++) {
			boot.cmdline[n++] = *from;
			if (!from[1])
				boot.cmdline[n++] = ' ';
		}
	boot.cmdline[n] = '\0';
	bench_main();
}

__asm__(".globl _start\n_start:\tmovl %esp, %eax\n\tandl $-16, %esp\n\tpushl %eax\n\tpushl $0\n\tjmp start");

u8 *platform_memory(void)
{
	return memory;
}

u32 platform_call(enum ring ring, u32 (*run)(u8 *, u32), u8 *m, u32 rounds)
{
	(void)ring;
	return run(m, rounds);
}

void console_write(const char *text, size_t n)
{
	linux_call(LINUX_WRITE, 1, (u32)text, n);
}

NORETURN void platform_exit(bool good)
{
	for (;;)
		linux_call(LINUX_EXIT, good ? 0 : 1, 0, 0);
}
