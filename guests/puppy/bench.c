/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the workloads, and measures what only a guest has: hypercalls, traps, system calls, address spaces. */
#include "command.h"
#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "ring3.h"
#include "workloads.h"

extern char user_calls[];

static u32 privileged_hypercalls(u8 *m, u32 rounds)
{
	(void)m;
	for (u32 i = 0; i < rounds; i++)
		hcall(HCALL_FLUSH_ASYNC, 0, 0, 0, 0);
	return rounds;
}

static bool skip_breakpoint(struct trap_frame *frame)
{
	frame->eax++;
	return frame->vector == TRAP_BREAKPOINT;
}

static u32 privileged_traps(u8 *m, u32 rounds)
{
	u32 count = 0;

	(void)m;
	trap_hook = skip_breakpoint;
	for (u32 i = 0; i < rounds; i++)
		__asm__ volatile("int3" : "+a"(count) :: "memory");
	trap_hook = NULL;
	return count;
}

static u32 privileged_syscalls(u8 *m, u32 rounds)
{
	struct user_space space = user_space_new();
	struct user_result r = user_run(&space, user_calls, rounds, 0, 0);

	(void)m;
	return r.exited ? r.code ^ r.count : 0;
}

/* Two address spaces, sixteen pages touched in each after every switch. */
static u32 privileged_spaces(u8 *m, u32 rounds)
{
	u32 *pgd[2], sum = 0;

	for (u32 s = 0; s < 2; s++) {
		pgd[s] = pgd_new();
		pgd[s][TEST_VA >> 22] = 0;
		for (u32 i = 0; i < 16; i++) {
			u32 *page = (u32 *)(m + (s * 16 + i) * PAGE_SIZE);

			*page = s * 100 + i;
			map_page(pgd[s], TEST_VA + i * PAGE_SIZE, GPA(page) | PTE_P | PTE_RW);
		}
	}
	for (u32 r = 0; r < rounds; r++) {
		pgd_switch(pgd[r & 1]);
		for (u32 i = 0; i < 16; i++)
			sum = sum * 31 + *(volatile u32 *)(TEST_VA + i * PAGE_SIZE);
	}
	pgd_switch(kernel_pgd);
	return sum;
}

static const struct workload privileged[] = {
	{ "hypercalls", privileged_hypercalls, 1000000 },
	{ "traps", privileged_traps, 300000 },
	{ "syscalls", privileged_syscalls, 1000000 },
	{ "spaces", privileged_spaces, 100000 },
	{ NULL, NULL, 0 },
};

static u32 run_some(const struct workload *w, bool quick, int argc, char **argv)
{
	u32 ran = 0;

	for (; w->name; w++) {
		u32 mark, checksum;
		bool wanted = argc == 0;
		u64 start, us;
		u8 *memory;

		for (int i = 0; i < argc; i++)
			wanted |= !strcmp(argv[i], w->name);
		if (!wanted)
			continue;
		mark = heap_mark();
		memory = page_alloc(WORK_MEMORY / PAGE_SIZE);
		start = now_ns();
		checksum = w->run(memory, quick ? w->rounds / 10 : w->rounds);
		us = (now_ns() - start) / 1000;
		heap_release(mark);
		/* The pages may become page tables of someone else. */
		flush_tlb(true);
		printf("bench %-10s %08x %6llu.%03llu ms\n", w->name, checksum, us / 1000, us % 1000);
		ran++;
	}
	return ran;
}

bool cmd_bench(int argc, char **argv)
{
	bool quick = argc && !strcmp(argv[0], "quick");
	u32 ran;

	if (quick)
		argc--, argv++;
	__asm__ volatile("fninit");
	ran = run_some(workloads, quick, argc, argv) + run_some(privileged, quick, argc, argv);
	if (!ran)
		printf("bench: no such workload\n");
	return ran != 0;
}
