/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef COMMAND_H
#define COMMAND_H

#include "types.h"

#define MAX_ARGS 16

struct command {
	const char *group, *name;	/* "disk" "read"; a command without a group has group NULL */
	const char *arguments, *help;
	bool (*run)(int argc, char **argv);	/* arguments only; false: failed, and has said why */
};

extern const struct command commands[];

/* Runs one line; name receives the command's name for messages. */
bool run_line(char *line, char *name, size_t size);
/* Runs the list of run= and ends the guest; returns only if there is no run=. */
void run_option(void);
NORETURN void prompt(void);

/* Prints a usage error. */
bool usage(const char *text);
/* The value after a word such as "dev" or "from", which is then taken out of the arguments; NULL if not there. */
char *take_option(int *argc, char **argv, const char *name);

bool cmd_help(int argc, char **argv);
bool cmd_devices(int argc, char **argv);
bool cmd_uptime(int argc, char **argv);
bool cmd_echo(int argc, char **argv);
bool cmd_sleep(int argc, char **argv);
bool cmd_crash(int argc, char **argv);
bool cmd_crash_hard(int argc, char **argv);
bool cmd_panic(int argc, char **argv);
bool cmd_poweroff(int argc, char **argv);
bool cmd_reboot(int argc, char **argv);
bool cmd_disk_read(int argc, char **argv);
bool cmd_disk_write(int argc, char **argv);
bool cmd_disk_verify(int argc, char **argv);
bool cmd_disk_sum(int argc, char **argv);
bool cmd_disk_flush(int argc, char **argv);
bool cmd_disk_stamp(int argc, char **argv);
bool cmd_rng(int argc, char **argv);
bool cmd_net_ping(int argc, char **argv);
bool cmd_net_listen(int argc, char **argv);
bool cmd_bench(int argc, char **argv);
bool cmd_self_test(int argc, char **argv);
bool cmd_villain(int argc, char **argv);

#endif
