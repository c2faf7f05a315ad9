/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding and running commands: from the console with line editing, or from run= on the kernel command line. */
#include "boot.h"
#include "command.h"
#include "console.h"
#include "hypercall.h"
#include "lib.h"

const struct command commands[] = {
	{ NULL, "help", "", "this list", cmd_help },
	{ NULL, "devices", "", "every device with its queues, features and config bytes", cmd_devices },
	{ "disk", "read", "SECTOR COUNT [DEV]", "read sectors: first lines in hex, and the CRC-32", cmd_disk_read },
	{ "disk", "write", "SECTOR COUNT PATTERN [DEV]", "write a pattern", cmd_disk_write },
	{ "disk", "verify", "SECTOR COUNT PATTERN [DEV]", "compare with the pattern", cmd_disk_verify },
	{ "disk", "sum", "[DEV]", "the CRC-32 of the whole disk", cmd_disk_sum },
	{ "disk", "flush", "[DEV]", "make written data durable", cmd_disk_flush },
	{ "disk", "stamp", "FIRST [COUNT] [through] [DEV]", "numbered writes at many places, telling what is durable", cmd_disk_stamp },
	{ NULL, "rng", "[BYTES] [DEV]", "random bytes", cmd_rng },
	{ "net", "ping", "IP [COUNT] [from IP] [dev DEV]", "ICMP echo, one reply after the other", cmd_net_ping },
	{ "net", "listen", "SECONDS [from IP] [dev DEV]", "answer ARP and ICMP echo", cmd_net_listen },
	{ NULL, "uptime", "", "time since boot, wall clock, interrupts", cmd_uptime },
	{ NULL, "bench", "[quick] [NAME...]", "CPU workloads with checksum and time", cmd_bench },
	{ NULL, "self-test", "[NAME]", "check Host, CPU and devices; NAME: only tests whose name starts so", cmd_self_test },
	{ NULL, "villain", "[end HOW]", "break the rules of a ring one by one (needs --on-device-fault detach)", cmd_villain },
	{ NULL, "echo", "TEXT", "print it", cmd_echo },
	{ NULL, "sleep", "MS", "halt with a clock event", cmd_sleep },
	{ "crash", "hard", "", "fault with no gate: the Host must kill us", cmd_crash_hard },
	{ NULL, "crash", "", "page fault, register dump, panic", cmd_crash },
	{ NULL, "panic", "TEXT", "end the guest with this reason", cmd_panic },
	{ NULL, "reboot", "", "ask the Host for a restart", cmd_reboot },
	{ NULL, "poweroff", "", "clean power-off", cmd_poweroff },
	{ NULL, NULL, NULL, NULL, NULL },
};

bool usage(const char *text)
{
	printf("usage: %s\n", text);
	return false;
}

char *take_option(int *argc, char **argv, const char *name)
{
	for (int i = 0; i + 1 < *argc; i++)
		if (!strcmp(argv[i], name)) {
			char *value = argv[i + 1];

			for (int k = i; k + 2 < *argc; k++)
				argv[k] = argv[k + 2];
			*argc -= 2;
			return value;
		}
	return NULL;
}

static int split(char *line, char **argv)
{
	int argc = 0;

	for (char *p = line; *p && argc < MAX_ARGS;) {
		while (*p == ' ')
			*p++ = '\0';
		if (*p)
			argv[argc++] = p;
		while (*p && *p != ' ')
			p++;
	}
	return argc;
}

/* How many words name the command: "disk read" two, "disk-read" and "help" one, 0 when it is another command. */
static int name_words(const struct command *c, int argc, char **argv)
{
	size_t group;

	if (!c->group)
		return !strcmp(argv[0], c->name);
	if (argc > 1 && !strcmp(argv[0], c->group) && !strcmp(argv[1], c->name))
		return 2;
	group = strlen(c->group);
	return !strncmp(argv[0], c->group, group) && argv[0][group] == '-' && !strcmp(argv[0] + group + 1, c->name);
}

bool run_line(char *line, char *name, size_t size)
{
	char *argv[MAX_ARGS];
	int argc = split(line, argv);

	format(name, size, "%s", argc ? argv[0] : "");
	if (!argc)
		return true;
	for (const struct command *c = commands; c->name; c++) {
		int words = name_words(c, argc, argv);

		if (!words)
			continue;
		format(name, size, "%s%s%s", c->group ? c->group : "", c->group ? " " : "", c->name);
		return c->run(argc - words, argv + words);
	}
	printf("unknown command: %s (try help)\n", argv[0]);
	return false;
}

void run_option(void)
{
	static char list[sizeof(boot.cmdline)];
	char *line = list, *end;

	if (!option_value("run", list, sizeof(list)))
		return;
	for (; line; line = end) {
		char name[64], reason[128];

		end = strchr(line, ',');
		if (end)
			*end++ = '\0';
		/* The kernel command line is split at spaces, so a list of commands cannot contain any. */
		for (char *p = line; *p; p++)
			if (*p == ':')
				*p = ' ';
		if (run_line(line, name, sizeof(name)))
			continue;
		format(reason, sizeof(reason), "puppy: %s failed", name);
		printf("%s\n", reason);
		console_flush();
		shutdown(reason, SHUTDOWN_POWEROFF);
	}
	cmd_poweroff(0, NULL);
}

static void read_line(char *line, size_t size)
{
	static char last;
	size_t n = 0;

	for (;;) {
		char c = console_getc();

		if (c == '\n' && last == '\r') {
			last = c;
			continue;
		}
		last = c;
		switch (c) {
		case '\r':
		case '\n':
			line[n] = '\0';
			printf("\n");
			return;
		case 0x7f:
		case '\b':
			if (n) {
				n--;
				printf("\b \b");
			}
			break;
		case 'U' - '@':
			for (; n; n--)
				printf("\b \b");
			break;
		default:
			if (c >= ' ' && n < size - 1) {
				line[n++] = c;
				printf("%c", c);
			}
		}
		console_push();
	}
}

NORETURN void prompt(void)
{
	for (;;) {
		char line[256], name[64];

		printf("puppy> ");
		console_push();
		read_line(line, sizeof(line));
		run_line(line, name, sizeof(name));
	}
}
