/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Runs the tests and counts. */
#include "command.h"
#include "console.h"
#include "selftest.h"

static u32 passed, failed;
static const char *only;
static char reason[160];

const char *fail(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vformat(reason, sizeof(reason), fmt, args);
	va_end(args);
	return reason;
}

const char *expect_trap(const char *what, void (*fn)(void *), void *arg, u32 vector, u32 error)
{
	CHECK(trap_try(fn, arg), "%s: no exception", what);
	CHECK(last_trap.vector == vector && last_trap.error == error, "%s: exception %u error %x, not %u error %x", what,
	      last_trap.vector, last_trap.error, vector, error);
	return NULL;
}

bool spin_until_changed(volatile u32 *counter, u32 before, u32 us)
{
	for (u32 i = 0; i < us / 20 + 1; i++) {
		if (*counter != before)
			return true;
		spin_us(20);
	}
	return *counter != before;
}

static void report(const char *name, const char *why)
{
	/* A failed test may leave these behind. */
	trap_hook = NULL;
	hcall(HCALL_TS, 0, 0, 0, 0);
	irq_unblock(IRQ_CLOCK);
	irq_on();
	if (why) {
		failed++;
		printf("FAIL %s: %s\n", name, why);
	} else {
		passed++;
		printf("ok %s\n", name);
	}
}

static bool selected(const char *name)
{
	return !only || !strncmp(name, only, strlen(only));
}

/* Only the clock may interrupt these, so that they can count interrupts and know who set irq_pending. */
static const char *run_alone(const struct test *t)
{
	u32 blocked = lguest_data.blocked_interrupts;
	const char *why;

	console_flush();
	lguest_data.blocked_interrupts = ~(1u << IRQ_CLOCK);
	clock_event(0);
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	why = t->run();
	clock_event(0);
	lguest_data.blocked_interrupts = blocked;
	return why;
}

static void run_tests(const struct test *t, bool alone)
{
	for (; t->name; t++) {
		u32 mark = heap_mark();

		if (!selected(t->name))
			continue;
		report(t->name, alone ? run_alone(t) : t->run());
		pgd_switch(kernel_pgd);
		heap_release(mark);
		/* Released pages may have been page tables. */
		flush_tlb(true);
	}
}

static void run_device_tests(u32 type, const struct device_test *t)
{
	struct vdev *d;

	for (u32 n = 0; (d = vdev_find(type, n)); n++)
		for (const struct device_test *each = t; each->name; each++) {
			char name[64];
			u32 mark = heap_mark();

			format(name, sizeof(name), "%s %u %s", vdev_type_name(type), n, each->name);
			if (!selected(name))
				continue;
			report(name, each->run(d));
			heap_release(mark);
		}
}

/* The window of the paging tests gets its page table before any mark, so that releasing cannot take it away. */
static void prepare_window(void)
{
	pte_of(kernel_pgd, TEST_VA, true);
}

bool cmd_self_test(int argc, char **argv)
{
	passed = failed = 0;
	only = argc ? argv[0] : NULL;
	__asm__ volatile("fninit");
	prepare_window();
	run_tests(boot_tests, true);
	run_tests(cpu_tests, true);
	run_tests(irq_tests, true);
	run_tests(paging_tests, true);
	run_tests(ring3_tests, true);
	run_tests(bus_tests, false);
	run_tests(console_tests, false);
	run_device_tests(VIRTIO_BLOCK, block_tests);
	run_device_tests(VIRTIO_RNG, rng_tests);
	run_device_tests(VIRTIO_NET, net_tests);
	printf("puppy: %u passed, %u failed\n", passed, failed);
	return failed == 0;
}
