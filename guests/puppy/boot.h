/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the launcher told us, copied before page 0 disappears. */
#ifndef BOOT_H
#define BOOT_H

#include "types.h"

struct boot_info {
	u32 memory;		/* bytes of RAM; the device page starts there */
	u64 e820_start, e820_size;
	u32 e820_entries, e820_type;
	u32 cmdline_at;
	u32 version, subarch, loadflags;
	u32 ramdisk, ramdisk_size;
	bool cmdline_ended;	/* within the buffer */
	char cmdline[2048];
};

extern struct boot_info boot;

void boot_read(void);
/* A word of the command line: "name" alone or "name=value"; the value is copied. */
bool option_set(const char *name);
bool option_value(const char *name, char *to, size_t size);

#endif
