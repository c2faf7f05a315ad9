/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Runs i386 programs until a signal stops them and writes the state they are in then. Standard input has the programs' paths, one a
 * line; for each there is one record on standard output, as ImageHost.cs reads it.
 */
#define _GNU_SOURCE
#include <elf.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/personality.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define DATA_START 0x100000
#define DATA_BYTES 0x2000
#define NT_I386_FXSAVE 0x46e62b7f

struct record {
	uint32_t signal;	/* 0: it ended, or could not be started */
	uint32_t registers[17];	/* as the kernel has them for i386 */
	uint8_t fpu[512];	/* as FXSAVE has it */
	uint8_t data[DATA_BYTES];
};

static int get(pid_t child, int set, void *to, size_t bytes)
{
	struct iovec area = { to, bytes };

	return ptrace(PTRACE_GETREGSET, child, (void *)(long)set, &area);
}

static void run(const char *path, struct record *record)
{
	struct iovec local = { record->data, DATA_BYTES }, remote = { (void *)DATA_START, DATA_BYTES };
	int status;
	pid_t child = fork();

	memset(record, 0, sizeof(*record));
	if (child == 0) {
		char *const arguments[] = { (char *)path, NULL }, *const environment[] = { NULL };

		personality(ADDR_NO_RANDOMIZE);
		alarm(5);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execve(path, arguments, environment);
		_exit(1);
	}
	if (child < 0 || waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return;
	/* It stands at its first instruction. */
	ptrace(PTRACE_CONT, child, NULL, NULL);
	if (waitpid(child, &status, 0) != child || !WIFSTOPPED(status))
		return;
	if (get(child, NT_PRSTATUS, record->registers, sizeof(record->registers)) == 0
	    && get(child, NT_I386_FXSAVE, record->fpu, sizeof(record->fpu)) == 0
	    && process_vm_readv(child, &local, 1, &remote, 1, 0) == DATA_BYTES)
		record->signal = WSTOPSIG(status);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}

int main(void)
{
	static struct record record;
	static char path[4096];

	while (fgets(path, sizeof(path), stdin)) {
		path[strcspn(path, "\n")] = '\0';
		run(path, &record);
		if (fwrite(&record, sizeof(record), 1, stdout) != 1)
			return 1;
	}
	return fflush(stdout) != 0;
}
