/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a workload is, and what it runs on. */
#ifndef BENCH_H
#define BENCH_H

#include "lib.h"

/* Where a workload runs: most in ring 3, those that measure the kernel's own work in its ring. */
enum ring { RING_USER, RING_KERNEL };

struct bench {
	const char *group, *name;
	u32 (*run)(u8 *memory, u32 rounds);	/* NULL: puppy's workload of that name; the result is the checksum */
	u32 rounds;
	u32 memory;	/* bytes, zeroed before each run */
	enum ring ring;
};

#define MIB (1u << 20)
#define MEMORY_MOST (20 * MIB)

/* All ended by an entry without a name. system_benches is empty where there is no kernel of ours. */
extern const struct bench hot_benches[], wide_benches[], system_benches[];

/* The platform: lguest, a PC, a Linux process. */
u8 *platform_memory(void);	/* MEMORY_MOST bytes, page-aligned */
u32 platform_call(enum ring ring, u32 (*run)(u8 *memory, u32 rounds), u8 *memory, u32 rounds);
NORETURN void platform_exit(bool good);

/* Called by the platform once it is ready, with the command line in boot.cmdline. */
NORETURN void bench_main(void);

static inline u64 rdtsc(void)
{
	u64 v;

	__asm__ volatile("rdtsc" : "=A"(v));
	return v;
}

#endif
