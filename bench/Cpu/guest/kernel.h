/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The little kernel around the workloads: the same on lguest and on a PC but for what is declared last. */
#ifndef KERNEL_H
#define KERNEL_H

/* Flat user segments, at the same place in both GDTs. */
#define BENCH_USER_CS 0x73
#define BENCH_USER_DS 0x7b

/* System calls: 0 ends ring 3 with ebx as the result, anything else is counted. */
#define CALL_LEAVE 0
#define CALL_COUNT 1

#ifndef __ASSEMBLER__
#include "bench.h"

#define RAM        (64 * MIB)
/* Nothing is mapped here but what a workload asks for. */
#define WINDOW     0x40000000u

#define PTE_P      0x01u
#define PTE_RW     0x02u
#define PTE_USER   0x04u
#define PTE_A      0x20u
#define PTE_D      0x40u
#define PTE_ALL    (PTE_P | PTE_RW | PTE_USER | PTE_A | PTE_D)

extern volatile u32 system_calls;
extern u32 *kernel_pgd;

/* Builds page tables for all RAM, virtual = physical, open to ring 3. What is taken from pages never comes back. */
void pages_init(void);
u32 *page_take(u32 count);
/* The window's entry of pgd for va, whose page table must be there. */
u32 *window_entry(u32 *pgd, u32 va);

u32 user_call(u32 (*run)(u8 *memory, u32 rounds), u8 *memory, u32 rounds);
/* From the page-fault stub: the address that was not there. */
void page_fault(u32 address);

/* What each platform does in its own way. */
u32 fault_address(void);
void pgd_switch(u32 *pgd);
/* Stores an entry for va in the directory in use and makes the CPU see it. */
void entry_set(u32 *pgd, u32 va, u32 *entry, u32 value);
#endif
#endif
