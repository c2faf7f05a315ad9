/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A test returns NULL when all is well, or the reason why not (from fail()). */
#ifndef SELFTEST_H
#define SELFTEST_H

#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "trap.h"
#include "virtio.h"

struct test {
	const char *name;
	const char *(*run)(void);
};

/* A test per device of a type. */
struct device_test {
	const char *name;
	const char *(*run)(struct vdev *d);
};

extern const struct test boot_tests[], cpu_tests[], irq_tests[], paging_tests[], ring3_tests[], bus_tests[],
	console_tests[];
extern const struct device_test block_tests[], rng_tests[], net_tests[];

const char *fail(const char *fmt, ...);
#define CHECK(condition, ...)                          \
	do {                                           \
		if (!(condition))                      \
			return fail(__VA_ARGS__);      \
	} while (0)
/* Passes on the reason of a helper. */
#define TRY(call)                                      \
	do {                                           \
		const char *why_ = (call);             \
		if (why_)                              \
			return why_;                   \
	} while (0)

/* Runs fn, which must be ended by this exception. */
const char *expect_trap(const char *what, void (*fn)(void *), void *arg, u32 vector, u32 error);
/* Completes one request with interrupts suppressed, then one without. */
const char *check_suppression(struct virtqueue *vq, const struct vbuf *bufs, u32 out, u32 in);
/* Waits with no hypercall until the counter differs from before; false after us microseconds. */
bool spin_until_changed(volatile u32 *counter, u32 before, u32 us);

#endif
