/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What programs and kernels do to each other: system calls, page faults, address spaces. */
#include "kernel.h"

static u32 call_repeatedly(u8 *memory, u32 rounds)
{
	(void)memory;
	for (u32 i = 0; i < rounds; i++)
		__asm__ volatile("int $0x80" : : "a"(CALL_COUNT) : "memory");
	return rounds;
}

static u32 work_calls(u8 *memory, u32 rounds)
{
	system_calls = 0;
	return user_call(call_repeatedly, memory, rounds) ^ system_calls << 4;
}

enum { FAULT_PAGES = 64, SPACE_PAGES = 16 };

static u8 *fault_memory;
static u32 fault_count;

void page_fault(u32 address)
{
	u32 page = address - WINDOW;

	if (!fault_memory || page >= FAULT_PAGES * PAGE_SIZE) {
		printf("page fault at %08x\n", address);
		platform_exit(false);
	}
	fault_count++;
	page &= ~(PAGE_SIZE - 1);
	address = WINDOW + page;
	entry_set(kernel_pgd, address, window_entry(kernel_pgd, address), ((u32)fault_memory + page) | PTE_ALL);
}

static u32 touch(u8 *memory, u32 pages)
{
	u32 sum = 0;

	for (u32 i = 0; i < pages; i++)
		sum += (*(volatile u32 *)(memory + i * PAGE_SIZE))++;
	return sum;
}

/* Ring 3 touches pages that are not there, the handler puts them there, and afterwards they are taken away again. */
static u32 work_faults(u8 *memory, u32 rounds)
{
	static u32 *table;
	u32 sum = 0;

	if (!table) {
		table = page_take(1);
		kernel_pgd[WINDOW >> 22] = (u32)table | PTE_ALL;
		pgd_switch(kernel_pgd);
	}
	fault_memory = memory;
	fault_count = 0;
	while (rounds--) {
		sum = sum * 31 + user_call(touch, (u8 *)WINDOW, FAULT_PAGES);
		for (u32 i = 0; i < FAULT_PAGES; i++)
			entry_set(kernel_pgd, WINDOW + i * PAGE_SIZE, window_entry(kernel_pgd, WINDOW + i * PAGE_SIZE), 0);
	}
	fault_memory = NULL;
	return sum ^ fault_count << 4;
}

/* Two address spaces, sixteen pages touched in each after every switch. */
static u32 work_spaces(u8 *memory, u32 rounds)
{
	static u32 *pgd[2];
	u32 sum = 0;

	for (u32 s = 0; s < 2; s++) {
		if (!pgd[s])
			pgd[s] = page_take(2);
		memcpy(pgd[s], kernel_pgd, PAGE_SIZE);
		pgd[s][WINDOW >> 22] = ((u32)pgd[s] + PAGE_SIZE) | PTE_ALL;
		for (u32 i = 0; i < SPACE_PAGES; i++) {
			u32 *page = (u32 *)(memory + (s * SPACE_PAGES + i) * PAGE_SIZE);

			*page = s * 100 + i;
			*window_entry(pgd[s], WINDOW + i * PAGE_SIZE) = (u32)page | PTE_ALL;
		}
	}
	for (u32 r = 0; r < rounds; r++) {
		pgd_switch(pgd[r & 1]);
		for (u32 i = 0; i < SPACE_PAGES; i++)
			sum = sum * 31 + *(volatile u32 *)(WINDOW + i * PAGE_SIZE);
	}
	pgd_switch(kernel_pgd);
	return sum;
}

const struct bench system_benches[] = {
	{ "system", "calls", work_calls, 1000000, MIB, RING_KERNEL },
	{ "system", "faults", work_faults, 5000, MIB, RING_KERNEL },
	{ "system", "spaces", work_spaces, 100000, MIB, RING_KERNEL },
	{ NULL, NULL, NULL, 0, 0, RING_KERNEL },
};
