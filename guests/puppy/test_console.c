/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"
#include "selftest.h"

#define RX 0
#define TX 1

static const char *queues(void)
{
	struct vdev *d = console_device();

	if (!d)
		return NULL;
	CHECK(d->vq[RX].free_count < d->vq[RX].num, "no buffer for input posted");
	CHECK((u16)(d->vq[RX].avail->idx - d->vq[RX].used->idx) <= d->vq[RX].num, "more input done than posted");
	return NULL;
}

/* A line in several pieces of odd sizes, one of them a single byte. */
static const char *chain(void)
{
	static char text[] = "# a line in five descriptors\n";
	struct vbuf bufs[5] = { { text, 1 }, { text + 1, 6 }, { text + 7, 3 }, { text + 10, 12 }, { text + 22, sizeof(text) - 23 } };
	struct vdev *d = console_device();
	int len;

	if (!d)
		return NULL;
	console_flush();
	len = vq_request(&d->vq[TX], bufs, 5, 0, 5000);
	CHECK(len == 0, "used length %d", len);
	return NULL;
}

static const char *indirect(void)
{
	static struct vring_desc table[3] __attribute__((aligned(16)));
	static char text[] = "# a line through an indirect table\n";
	struct vbuf bufs[3] = { { text, 7 }, { text + 7, 9 }, { text + 16, sizeof(text) - 17 } };
	struct vdev *d = console_device();

	if (!d || !vdev_has(d, FEATURE_INDIRECT_DESC))
		return NULL;
	console_flush();
	vq_add_indirect(&d->vq[TX], table, bufs, 3, 0);
	vq_kick(&d->vq[TX]);
	CHECK(vq_wait(&d->vq[TX], 5000), "not done");
	vq_take(&d->vq[TX], NULL);
	return NULL;
}

/* The driver of Linux spins with interrupts off until its output is taken. */
static const char *busy_wait(void)
{
	static char text[] = "# a line waited for with interrupts off\n";
	struct vbuf buf = { text, sizeof(text) - 1 };
	struct vdev *d = console_device();
	bool done;

	if (!d)
		return NULL;
	console_flush();
	irq_off();
	vq_add(&d->vq[TX], &buf, 1, 0);
	vq_kick(&d->vq[TX]);
	for (u32 i = 0; !vq_done(&d->vq[TX]) && i < 50000; i++)
		spin_us(100);
	done = vq_take(&d->vq[TX], NULL) >= 0;
	irq_on();
	CHECK(done, "not taken in 5 s");
	return NULL;
}

static const char *suppression(void)
{
	static char text[] = "#\n";
	struct vbuf buf = { text, sizeof(text) - 1 };
	struct vdev *d = console_device();

	if (!d)
		return NULL;
	console_flush();
	return check_suppression(&d->vq[TX], &buf, 1, 0);
}

static const char *restart(void)
{
	struct vdev *d = console_device();

	if (!d)
		return NULL;
	console_restart();
	CHECK(console_device() == d, "the console is gone");
	printf("# console restarted\n");
	console_flush();
	CHECK(console_device() == d, "no output after a restart");
	return NULL;
}

const struct test console_tests[] = {
	{ "console queues", queues },
	{ "console chain", chain },
	{ "console indirect", indirect },
	{ "console busy wait", busy_wait },
	{ "console interrupt suppression", suppression },
	{ "console restart", restart },
	{ NULL, NULL },
};
