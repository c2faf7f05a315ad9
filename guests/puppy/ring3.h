/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Running small programs (user.S) in ring 3 of an address space. */
#ifndef RING3_H
#define RING3_H

#ifndef __ASSEMBLER__
#include "paging.h"
#include "trap.h"
#endif

#define USER_CODE   USER_VA
#define USER_STACK  (USER_VA + PAGE_SIZE)
#define USER_DATA   (USER_VA + 2 * PAGE_SIZE)

/* System call numbers, in eax. */
#define SYS_EXIT  0	/* ebx: result */
#define SYS_SUM   1	/* eax = ebx + 2 ecx + 3 edx */
#define SYS_COUNT 2	/* counts calls */

#ifndef __ASSEMBLER__

struct user_space {
	u32 *pgd;
	u32 *data;	/* the page at USER_DATA, seen by the kernel */
};

struct user_result {
	bool exited;	/* by SYS_EXIT; else last_trap says what ended it */
	u32 code;
	u32 count;	/* SYS_COUNT calls */
	u32 cs, ss;	/* at exit */
};

void ring3_init(void);
struct user_space user_space_new(void);
/* Runs a program of user.S with ebx, ecx, edx and comes back with the kernel's page table loaded. */
struct user_result user_run(const struct user_space *space, const char *program, u32 ebx, u32 ecx, u32 edx);

void user_syscall(struct trap_frame *frame);
NORETURN void user_fault(void);

#endif
#endif
