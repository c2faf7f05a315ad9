/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages, the call into ring 3 and demand paging of the window. */
#include "kernel.h"

extern char image_end[];

u32 *kernel_pgd;
static u32 next_page;
static u8 *memory;

u32 *page_take(u32 count)
{
	u32 at = next_page;

	next_page += count * PAGE_SIZE;
	if (next_page > RAM) {
		printf("out of memory\n");
		platform_exit(false);
	}
	return memset((void *)at, 0, count * PAGE_SIZE);
}

void pages_init(void)
{
	next_page = align_up((u32)image_end, PAGE_SIZE);
	kernel_pgd = page_take(1);
	for (u32 page = 0; page < RAM; page += PAGE_SIZE) {
		u32 *pde = &kernel_pgd[page >> 22];

		if (!*pde)
			*pde = (u32)page_take(1) | PTE_ALL;
		((u32 *)(*pde & ~0xfffu))[page >> 12 & 0x3ff] = page | PTE_ALL;
	}
	memory = (u8 *)page_take(MEMORY_MOST / PAGE_SIZE);
}

u32 *window_entry(u32 *pgd, u32 va)
{
	return (u32 *)(pgd[va >> 22] & ~0xfffu) + (va >> 12 & 0x3ff);
}

u8 *platform_memory(void)
{
	return memory;
}

u32 platform_call(enum ring ring, u32 (*run)(u8 *, u32), u8 *m, u32 rounds)
{
	return ring == RING_USER ? user_call(run, m, rounds) : run(m, rounds);
}
