/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "hypercall.h"
#include "lib.h"
#include "paging.h"

extern char text_start[], text_end[], image_end[];

u32 *kernel_pgd;
static u32 heap_next, heap_end;
static bool paging_on;

void heap_init(u32 end)
{
	heap_next = align_up(GPA(image_end), PAGE_SIZE);
	heap_end = end & ~(PAGE_SIZE - 1);
}

u32 heap_left(void)
{
	return (heap_end - heap_next) / PAGE_SIZE;
}

void *page_alloc(u32 pages)
{
	u32 at = heap_next;

	if (pages > heap_left()) {
		printf("puppy: out of memory: %u pages wanted, %u left\n", pages, heap_left());
		shutdown("puppy: out of memory", SHUTDOWN_POWEROFF);
	}
	heap_next += pages * PAGE_SIZE;
	return memset((void *)at, 0, pages * PAGE_SIZE);
}

u32 heap_mark(void)
{
	return heap_next;
}

void heap_release(u32 mark)
{
	heap_next = mark;
}

u32 *pte_of(u32 *pgd, u32 va, bool create)
{
	u32 *pde = &pgd[va >> 22];

	if (!(*pde & PTE_P)) {
		if (!create)
			return NULL;
		*pde = GPA(page_alloc(1)) | PDE_FLAGS;
		if (paging_on)
			hcall(HCALL_SET_PGD, GPA(pgd), va >> 22, 0, 0);
	}
	return (u32 *)(*pde & ~0xfffu) + (va >> 12 & 0x3ff);
}

void map_page(u32 *pgd, u32 va, u32 pte)
{
	*(volatile u32 *)pte_of(pgd, va, true) = pte;
	if (paging_on)
		hcall(HCALL_SET_PTE, GPA(pgd), va, pte, 0);
}

void map_device(u32 gpa, u32 bytes)
{
	for (u32 page = gpa & ~(PAGE_SIZE - 1); page < gpa + bytes; page += PAGE_SIZE)
		map_page(kernel_pgd, page, page | PTE_KERNEL);
}

void paging_init(u32 ram)
{
	kernel_pgd = page_alloc(1);
	/* Page 0 stays out: what we need from the boot parameters is copied, and a NULL pointer should fault. */
	for (u32 page = PAGE_SIZE; page < ram; page += PAGE_SIZE) {
		bool read_only = page >= GPA(text_start) && page < GPA(text_end);

		*pte_of(kernel_pgd, page, true) = page | (read_only ? PTE_P | PTE_A : PTE_KERNEL);
	}
	map_device(ram, PAGE_SIZE);
	paging_on = true;
	hcall(HCALL_NEW_PGTABLE, GPA(kernel_pgd), 0, 0, 0);
}

u32 *pgd_new(void)
{
	return memcpy(page_alloc(1), kernel_pgd, PAGE_SIZE);
}

void pgd_switch(u32 *pgd)
{
	hcall(HCALL_NEW_PGTABLE, GPA(pgd), 0, 0, 0);
}

void flush_tlb(bool all)
{
	hcall(HCALL_FLUSH_TLB, all, 0, 0, 0);
}
