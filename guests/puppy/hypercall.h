/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef HYPERCALL_H
#define HYPERCALL_H

#include "lguest.h"

extern struct lguest_data lguest_data;

static inline void hcall(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
	__asm__ volatile("int %0" :: "i"(HCALL_VECTOR), "a"(nr), "b"(a), "c"(b), "d"(c), "S"(d) : "memory");
}

static inline void notify(u32 gpa) { hcall(HCALL_NOTIFY, gpa, 0, 0, 0); }

/* Puts a call into the shared ring; the Host executes it before the next direct call. A full ring makes it a direct call. */
void hcall_async(u32 nr, u32 a, u32 b, u32 c, u32 d);
/* Tells the Host where lguest_data is; must come before any other hypercall. */
void hcall_init(void);

void load_gdt_entry(u32 index, u32 low, u32 high);
/* Text is printed by the Host; it reads 128 bytes, so the text is copied to a buffer of that size. */
NORETURN void shutdown(const char *text, u32 kind);
NORETURN void reboot(void);

#endif
