/* SPDX-License-Identifier: GPL-2.0-or-later */
/* CPU work with a known answer. Needs nothing but the library, so it also runs outside a guest. */
#ifndef WORKLOADS_H
#define WORKLOADS_H

#include "types.h"

#define WORK_MEMORY (1u << 20)

struct workload {
	const char *name;
	u32 (*run)(u8 *memory, u32 rounds);	/* WORK_MEMORY bytes, zeroed; the checksum */
	u32 rounds;	/* about 100 to 200 million instructions; a tenth for "quick" */
};

extern const struct workload workloads[];

#endif
