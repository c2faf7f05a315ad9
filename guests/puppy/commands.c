/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The commands that need no file of their own. */
#include "boot.h"
#include "command.h"
#include "console.h"
#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "rng.h"
#include "virtio.h"



bool cmd_help(int argc, char **argv)
{
	(void)argc, (void)argv;
	for (const struct command *c = commands; c->name; c++) {
		char left[64];

		format(left, sizeof(left), "%s%s%s %s", c->group ? c->group : "", c->group ? " " : "", c->name, c->arguments);
		printf("%-40s %s\n", left, c->help);
	}
	return true;
}

bool cmd_devices(int argc, char **argv)
{
	(void)argc, (void)argv;
	if (!vdev_count)
		printf("no devices\n");
	for (u32 i = 0; i < vdev_count; i++) {
		struct vdev *d = &vdevs[i];

		printf("%u %s (type %u) at %08x status %02x", i, vdev_type_name(d->type), d->type, GPA(d->desc), d->desc->status);
		printf(" features %08x accepted %08x\n", d->offered, d->accepted);
		for (u32 q = 0; q < d->num_vq && q < MAX_QUEUES; q++)
			printf("  queue %u: irq %u, %u entries at %08x, %u interrupts\n", q, d->vq[q].irq, d->vq[q].num, d->vq[q].gpa,
			       d->vq[q].irq < IRQ_COUNT ? irq_count[d->vq[q].irq] : 0);
		if (d->config_len) {
			printf("  config:");
			for (u32 k = 0; k < d->config_len; k++)
				printf(" %02x", d->config[k]);
			printf("\n");
		}
	}
	return true;
}

bool cmd_uptime(int argc, char **argv)
{
	u64 ms = now_ns() / MS;

	(void)argc, (void)argv;
	printf("up %llu.%03llu s, wall clock %u.%09u, TSC %u kHz, %u clock interrupts, %u KiB free\n", ms / 1000, ms % 1000,
	       lguest_data.time_sec, lguest_data.time_nsec, tsc_khz(), irq_count[IRQ_CLOCK], heap_left() * 4);
	return true;
}

static void join(char *to, size_t size, int argc, char **argv)
{
	size_t n = 0;

	to[0] = '\0';
	for (int i = 0; i < argc; i++)
		n += format(to + n, size - n, i ? " %s" : "%s", argv[i]);
}

bool cmd_echo(int argc, char **argv)
{
	char text[256];

	join(text, sizeof(text), argc, argv);
	printf("%s\n", text);
	return true;
}

bool cmd_sleep(int argc, char **argv)
{
	u32 ms;

	if (argc != 1 || !parse_u32(argv[0], &ms))
		return usage("sleep MS");
	sleep_ms(ms);
	return true;
}

bool cmd_rng(int argc, char **argv)
{
	u32 n = 16, dev = 0;
	u8 bytes[256];
	struct vdev *d;

	if (argc > 2 || (argc > 0 && (!parse_u32(argv[0], &n) || !n)) || (argc > 1 && !parse_u32(argv[1], &dev)))
		return usage("rng [BYTES] [DEV]");
	d = rng_find(dev);
	if (!d || d->num_vq < 1) {
		printf("no rng device%s\n", dev ? " of that number" : "");
		return false;
	}
	while (n) {
		int got = rng_read(d, bytes, min_u32(n, sizeof(bytes)), 1);

		if (got <= 0 || (u32)got > min_u32(n, sizeof(bytes))) {
			printf("rng: %s\n", got < 0 ? "no answer" : "wrong length");
			return false;
		}
		for (int i = 0; i < got; i += 32) {
			for (int k = i; k < got && k < i + 32; k++)
				printf("%02x", bytes[k]);
			printf("\n");
		}
		n -= (u32)got;
	}
	return true;
}

static void wild_store(void)
{
	/* Nothing is ever mapped between the windows and the Host's reserve. */
	*(volatile u32 *)0xbf000000u = 1;
}

bool cmd_crash(int argc, char **argv)
{
	(void)argc, (void)argv;
	crash_text = "puppy: crash requested";
	wild_store();
	printf("crash: the store did not fault\n");
	return false;
}

bool cmd_crash_hard(int argc, char **argv)
{
	(void)argc, (void)argv;
	console_flush();
	hcall(HCALL_LOAD_IDT_ENTRY, TRAP_PAGE_FAULT, 0, 0, 0);
	((void (*)(void))0xbf000000u)();
	return false;
}

bool cmd_panic(int argc, char **argv)
{
	char text[128];

	join(text, sizeof(text), argc, argv);
	console_flush();
	shutdown(argc ? text : "puppy: panic", SHUTDOWN_POWEROFF);
}

bool cmd_poweroff(int argc, char **argv)
{
	(void)argc, (void)argv;
	console_flush();
	/* The Host knows a clean power-off by exactly this text. */
	shutdown("Power down", SHUTDOWN_POWEROFF);
}

bool cmd_reboot(int argc, char **argv)
{
	(void)argc, (void)argv;
	console_flush();
	reboot();
}
