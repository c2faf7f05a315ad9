/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Much code that runs seldom, as a booting kernel's does: generated functions, each with data of its own, called at random. */
#include "bench.h"

/* The generated part. */
extern u32 (*const wide_functions[])(u32 *data, u32 x);
extern const u32 wide_count;

#define WIDE_WORDS 64

static u32 work_wide(u8 *memory, u32 rounds)
{
	u32 x = 12345, sum = 0;

	for (u32 i = 0; i < wide_count * WIDE_WORDS; i++)
		((u32 *)memory)[i] = xorshift(&x);
	while (rounds--) {
		u32 at;

		x = x * 1664525 + 1013904223;
		at = (x >> 8) % wide_count;
		sum = sum * 31 + wide_functions[at]((u32 *)memory + at * WIDE_WORDS, x);
	}
	return sum;
}

/* Cold must come first: it is the first time that any of this code runs. */
const struct bench wide_benches[] = {
	{ "wide", "wide-cold", work_wide, 20000, MIB, RING_USER },
	{ "wide", "wide-warm", work_wide, 500000, MIB, RING_USER },
	{ NULL, NULL, NULL, 0, 0, RING_USER },
};
