/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the first C line to the prompt. */
#include "block.h"
#include "boot.h"
#include "command.h"
#include "console.h"
#include "irq.h"
#include "lib.h"
#include "net.h"
#include "paging.h"
#include "ring3.h"
#include "rng.h"
#include "virtio.h"

static void check_memory(void)
{
	if (boot.e820_entries != 1 || boot.e820_size < 2u << 20 || boot.e820_size >= MEMORY_LIMIT) {
		printf("puppy: %llu bytes of memory in %u ranges: need one of 2 to %u MiB\n", boot.e820_size,
		       boot.e820_entries, MEMORY_LIMIT >> 20);
		shutdown("puppy: unusable memory map", SHUTDOWN_POWEROFF);
	}
}

NORETURN void puppy_main(void)
{
	u32 end;

	hcall_init();
	clock_init();
	boot_read();
	/* Before anything can go wrong; a fault without gates is the end with no words. */
	trap_init();
	check_memory();
	end = boot.memory;
	if (boot.ramdisk_size && boot.ramdisk < end)
		end = boot.ramdisk;
	heap_init(end);
	vdev_scan(boot.memory);
	paging_init(boot.memory);
	vdev_map_rings();
	ring3_init();
	irq_init();
	console_init();
	blk_init();
	rng_init();
	net_init();

	if (!option_set("quiet"))
		printf("puppy, a test guest: %u MiB, %u device%s, TSC %u kHz\n", boot.memory >> 20, vdev_count,
		       vdev_count == 1 ? "" : "s", tsc_khz());
	run_option();
	prompt();
}
