/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Talking to the Host: the shared structure, the async ring, ending the guest. */
#include "hypercall.h"
#include "lib.h"

extern char noirq_start[], noirq_end[];

/* Non-zero initial values are part of the ABI: a zero status byte would be an outstanding call. */
struct lguest_data lguest_data = {
	.blocked_interrupts = ~0u,
	.hcall_status = { [0 ... HCALL_RING - 1] = HCALL_DONE },
	.noirq_start = 0,
	.noirq_end = 0,
	.kernel_address = KERNEL_ADDRESS,
	.syscall_vec = SYSCALL_VECTOR,
};

static u32 next_slot;

void hcall_init(void)
{
	lguest_data.noirq_start = GPA(noirq_start);
	lguest_data.noirq_end = GPA(noirq_end);
	hcall(HCALL_LGUEST_INIT, GPA(&lguest_data), 0, 0, 0);
}

void hcall_async(u32 nr, u32 a, u32 b, u32 c, u32 d)
{
	if (lguest_data.hcall_status[next_slot] != HCALL_DONE) {
		hcall(nr, a, b, c, d);
		return;
	}
	lguest_data.hcalls[next_slot] = (struct hcall_args){ nr, a, b, c, d };
	barrier();
	lguest_data.hcall_status[next_slot] = 0;
	next_slot = (next_slot + 1) % HCALL_RING;
}

void load_gdt_entry(u32 index, u32 low, u32 high)
{
	hcall(HCALL_LOAD_GDT_ENTRY, index, low, high, 0);
}

NORETURN void shutdown(const char *text, u32 kind)
{
	static char buffer[128];

	format(buffer, sizeof(buffer), "%s", text);
	for (;;)
		hcall(HCALL_SHUTDOWN, GPA(buffer), kind, 0, 0);
}

NORETURN void reboot(void)
{
	/* Linux passes __pa(NULL) here: an address no guest owns. A restart must not depend on the text. */
	for (;;)
		hcall(HCALL_SHUTDOWN, 0x40000000, SHUTDOWN_RESTART, 0, 0);
}
