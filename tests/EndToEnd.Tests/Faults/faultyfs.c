/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * faultyfs FOLDER FILE FAULTS COMMAND...
 *
 * Runs a command that sees a file system of ours on FOLDER, which nobody else sees: one file, "disk", kept in FILE. While
 * FAULTS/read, FAULTS/write or FAULTS/fsync exists, that operation fails with the error number the file holds (as text), and is not
 * made. While FAULTS/short exists, reads find the end of the file behind as many bytes. The command takes the place of this program;
 * the server of the file system ends with it.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fuse.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define ROOT FUSE_ROOT_ID
#define DISK 2
#define LARGEST (128 * 1024)

static const char *faults;
static int backing, channel;

static _Noreturn void die(const char *what)
{
	perror(what);
	exit(111);
}

/* The error that operation is to fail with, or 0. */
static int fault(const char *operation)
{
	char path[4096], text[16] = "";
	int f;

	snprintf(path, sizeof(path), "%s/%s", faults, operation);
	f = open(path, O_RDONLY | O_CLOEXEC);
	if (f < 0)
		return 0;
	if (read(f, text, sizeof(text) - 1) < 0)
		die(path);
	close(f);
	return atoi(text);
}

static void answer(unsigned long long unique, int error, const void *body, size_t size)
{
	struct fuse_out_header head = { .len = sizeof(head) + (error ? 0 : size), .error = -error, .unique = unique };
	struct iovec parts[] = { { &head, sizeof(head) }, { (void *)body, error ? 0 : size } };

	if (writev(channel, parts, 2) < 0 && errno != ENOENT)
		die("answer");
}

static struct fuse_attr attributes(unsigned long long node)
{
	struct fuse_attr a = { .ino = node, .mode = S_IFDIR | 0755, .nlink = 2, .blksize = 4096 };
	struct stat s;

	if (node == DISK) {
		if (fstat(backing, &s))
			die("fstat");
		a.mode = S_IFREG | 0600;
		a.nlink = 1;
		a.size = s.st_size;
		a.blocks = s.st_blocks;
	}
	return a;
}

static _Noreturn void serve(void)
{
	static char request[LARGEST + 4096], data[LARGEST];
	const struct fuse_in_header *head = (void *)request;
	const void *body = head + 1;
	ssize_t n;

	for (;;) {
		n = read(channel, request, sizeof(request));
		if (n < 0) {
			if (errno == EINTR || errno == ENOENT || errno == EAGAIN)
				continue;
			exit(0); /* unmounted */
		}
		switch (head->opcode) {
		case FUSE_INIT: {
			struct fuse_init_out out = { .major = FUSE_KERNEL_VERSION, .minor = FUSE_KERNEL_MINOR_VERSION,
				.max_readahead = 0, .flags = FUSE_BIG_WRITES, .max_write = LARGEST };

			answer(head->unique, 0, &out, sizeof(out));
			break;
		}
		case FUSE_LOOKUP: {
			struct fuse_entry_out out = { .nodeid = DISK, .attr = attributes(DISK) };

			answer(head->unique, strcmp(body, "disk") ? ENOENT : 0, &out, sizeof(out));
			break;
		}
		case FUSE_GETATTR: {
			struct fuse_attr_out out = { .attr = attributes(head->nodeid) };

			answer(head->unique, 0, &out, sizeof(out));
			break;
		}
		case FUSE_OPEN:
		case FUSE_OPENDIR: {
			/* Past the kernel's cache: every read and write comes here. */
			struct fuse_open_out out = { .open_flags = FOPEN_DIRECT_IO };

			answer(head->unique, 0, &out, sizeof(out));
			break;
		}
		case FUSE_READ: {
			const struct fuse_read_in *in = body;
			int error = fault("read");
			size_t end = (size_t)fault("short"), size = in->size;

			if (end && in->offset + size > end)
				size = in->offset < end ? end - in->offset : 0;
			n = error ? 0 : pread(backing, data, size, (off_t)in->offset);
			answer(head->unique, n < 0 ? errno : error, data, n < 0 ? 0 : (size_t)n);
			break;
		}
		case FUSE_WRITE: {
			const struct fuse_write_in *in = body;
			int error = fault("write");
			struct fuse_write_out out = { 0 };

			n = error ? 0 : pwrite(backing, in + 1, in->size, (off_t)in->offset);
			out.size = n < 0 ? 0 : (unsigned)n;
			answer(head->unique, n < 0 ? errno : error, &out, sizeof(out));
			break;
		}
		case FUSE_FSYNC:
			answer(head->unique, fault("fsync"), NULL, 0);
			break;
		case FUSE_FLUSH:
		case FUSE_RELEASE:
		case FUSE_RELEASEDIR:
			answer(head->unique, 0, NULL, 0);
			break;
		case FUSE_FORGET:
		case FUSE_BATCH_FORGET:
		case FUSE_INTERRUPT:
			break;
		default:
			answer(head->unique, ENOSYS, NULL, 0);
		}
	}
}

int main(int argc, char **argv)
{
	char options[100];

	if (argc < 5)
		return 111;
	faults = argv[3];
	backing = open(argv[2], O_RDWR | O_CLOEXEC);
	if (backing < 0)
		die(argv[2]);
	channel = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	if (channel < 0)
		die("/dev/fuse");
	if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL))
		die("mount namespace");
	snprintf(options, sizeof(options), "fd=%d,rootmode=40000,user_id=%d,group_id=%d", channel, getuid(), getgid());
	if (mount("faultyfs", argv[1], "fuse", MS_NODEV | MS_NOSUID, options))
		die("mount");
	switch (fork()) {
	case -1:
		die("fork");
	case 0:
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Whoever waits for the end of these must not wait for us. */
		for (int i = 0; i < 3; i++)
			close(i);
		serve();
	}
	execvp(argv[4], argv + 4);
	die(argv[4]);
}
