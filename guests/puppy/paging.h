/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Pages and page tables (non-PAE, 4 KiB). */
#ifndef PAGING_H
#define PAGING_H

#include "types.h"

#define PTE_P      0x01u
#define PTE_RW     0x02u
#define PTE_USER   0x04u
#define PTE_A      0x20u
#define PTE_D      0x40u
/* The most a directory entry may carry; the page's own entry decides. */
#define PDE_FLAGS  0x67u
#define PTE_KERNEL (PTE_P | PTE_RW | PTE_A | PTE_D)

/* RAM and devices must lie below; above are windows for tests and ring 3. */
#define MEMORY_LIMIT 0xb0000000u
#define TEST_VA      0xb0000000u
#define USER_VA      0xb0800000u

extern u32 *kernel_pgd;

void heap_init(u32 end);
/* Zeroed, page-aligned; ends the guest when there is none. Freed only by going back to a mark. */
void *page_alloc(u32 pages);
u32 heap_mark(void);
void heap_release(u32 mark);
u32 heap_left(void);

/* Leaves the linear mode of the first instructions. Device pages are added with map_device before or after. */
void paging_init(u32 ram);
void map_device(u32 gpa, u32 bytes);

/* The entry for va; NULL where there is no page table, unless create. */
u32 *pte_of(u32 *pgd, u32 va, bool create);
/* Stores an entry and tells the Host. */
void map_page(u32 *pgd, u32 va, u32 pte);
/* A directory sharing the kernel's tables. */
u32 *pgd_new(void);
void pgd_switch(u32 *pgd);
void flush_tlb(bool all);

#endif
