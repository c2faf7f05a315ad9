/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "boot.h"
#include "lguest.h"
#include "lib.h"

struct boot_info boot;

/* Through a pointer the compiler knows nothing of: page 0 is memory here, not the NULL object. */
static const u8 *boot_params(void)
{
	const u8 *p = NULL;

	__asm__("" : "+r"(p));
	return p;
}

static u32 word(u32 at)
{
	u32 v;

	memcpy(&v, boot_params() + at, sizeof(v));
	return v;
}

void boot_read(void)
{
	size_t n = 0;

	boot.e820_entries = word(BOOT_E820_ENTRIES) & 0xff;
	boot.e820_start = word(BOOT_E820_MAP) | (u64)word(BOOT_E820_MAP + 4) << 32;
	boot.e820_size = word(BOOT_E820_MAP + 8) | (u64)word(BOOT_E820_MAP + 12) << 32;
	boot.e820_type = word(BOOT_E820_MAP + 16);
	boot.memory = (u32)boot.e820_size;
	boot.version = word(BOOT_VERSION) & 0xffff;
	boot.loadflags = word(BOOT_LOADFLAGS) & 0xff;
	boot.subarch = word(BOOT_SUBARCH);
	boot.ramdisk = word(BOOT_RAMDISK_IMAGE);
	boot.ramdisk_size = word(BOOT_RAMDISK_SIZE);
	boot.cmdline_at = word(BOOT_CMD_LINE_PTR);
	if (boot.cmdline_at) {
		const char *from = (const char *)boot.cmdline_at;

		for (; n < sizeof(boot.cmdline) - 1 && from[n]; n++)
			boot.cmdline[n] = from[n];
		boot.cmdline_ended = !from[n];
	}
	boot.cmdline[n] = '\0';
}

/* The text after "name" when a word of the command line starts with it; NULL otherwise. */
static const char *find(const char *name, char end1, char end2)
{
	size_t len = strlen(name);

	for (const char *p = boot.cmdline; *p;) {
		if (!strncmp(p, name, len) && (p[len] == end1 || p[len] == end2))
			return p + len;
		while (*p && *p != ' ')
			p++;
		while (*p == ' ')
			p++;
	}
	return NULL;
}

bool option_set(const char *name)
{
	return find(name, ' ', '\0') != NULL;
}

bool option_value(const char *name, char *to, size_t size)
{
	const char *p = find(name, '=', '=');
	size_t n = 0;

	if (!p)
		return false;
	for (p++; *p && *p != ' ' && n < size - 1; p++)
		to[n++] = *p;
	to[n] = '\0';
	return true;
}
