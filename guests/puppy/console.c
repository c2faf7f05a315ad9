/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "console.h"
#include "irq.h"
#include "lib.h"
#include "virtio.h"

#define RX 0
#define TX 1
#define TX_SLOTS 16
#define TX_SIZE  256
#define RX_SLOTS 8
#define RX_SIZE  64
#define TX_TIMEOUT_MS 10000

static struct vdev *console;
static bool emergency;

/* One line under construction, and lines the Host has not finished with. head is -1 when the slot is ours. */
static struct {
	char text[TX_SIZE];
	int head;
} tx[TX_SLOTS];
static u32 tx_slot, tx_fill;

static struct {
	char text[RX_SIZE];
	int head;
} rx[RX_SLOTS];

static char input[1024];
static u32 input_read, input_write;

struct vdev *console_device(void)
{
	return console;
}

void console_emergency(void)
{
	emergency = true;
}

static void tx_reclaim(void)
{
	int head;

	while ((head = vq_take(&console->vq[TX], NULL)) >= 0)
		for (u32 i = 0; i < TX_SLOTS; i++)
			if (tx[i].head == head)
				tx[i].head = -1;
}

static bool tx_slot_free(void *slot)
{
	tx_reclaim();
	return tx[*(u32 *)slot].head < 0;
}

/* Waits for the slot; a Host that does not answer loses the console, not the guest. */
static bool tx_wait(u32 slot)
{
	u64 end = rdtsc() + 4000000000u;

	if (!emergency)
		return wait_for(tx_slot_free, &slot, TX_TIMEOUT_MS);
	while (!tx_slot_free(&slot)) {
		if (rdtsc() > end)
			return false;
		/* Linux spins like this with interrupts off, so a Host must serve the queue meanwhile. */
		__asm__ volatile("pause");
	}
	return true;
}

static void early_write(const char *text, size_t n)
{
	static char buffer[TX_SIZE + 1];

	memcpy(buffer, text, n);
	buffer[n] = '\0';
	notify(GPA(buffer));
}

void console_push(void)
{
	struct vbuf buf = { tx[tx_slot].text, tx_fill };

	if (!tx_fill)
		return;
	if (console) {
		tx[tx_slot].head = vq_add(&console->vq[TX], &buf, 1, 0);
		vq_kick(&console->vq[TX]);
		/* With a short ring there may be fewer descriptors than slots. */
		for (u32 i = 0; tx[tx_slot].head < 0 && i < TX_SLOTS; i++) {
			if (!tx_wait(i))
				break;
			tx[tx_slot].head = vq_add(&console->vq[TX], &buf, 1, 0);
			vq_kick(&console->vq[TX]);
		}
		tx_slot = (tx_slot + 1) % TX_SLOTS;
		if (!tx_wait(tx_slot)) {
			console = NULL;
			early_write("puppy: the console does not answer\n", 35);
		}
	} else {
		early_write(buf.data, buf.len);
	}
	tx_fill = 0;
}

void console_write(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		tx[tx_slot].text[tx_fill++] = text[i];
		if (text[i] == '\n' || tx_fill == TX_SIZE)
			console_push();
	}
}

void console_flush(void)
{
	console_push();
	for (u32 i = 0; console && i < TX_SLOTS; i++)
		tx_wait(i);
}

static void rx_post(u32 slot)
{
	struct vbuf buf = { rx[slot].text, RX_SIZE };

	rx[slot].head = vq_add(&console->vq[RX], &buf, 0, 1);
}

static bool rx_collect(void *unused)
{
	u32 len;
	int head;

	(void)unused;
	while (console && (head = vq_take(&console->vq[RX], &len)) >= 0) {
		u32 slot = 0;

		while (slot < RX_SLOTS - 1 && rx[slot].head != head)
			slot++;
		for (u32 i = 0; i < len && i < RX_SIZE; i++)
			if (input_write - input_read < sizeof(input))
				input[input_write++ % sizeof(input)] = rx[slot].text[i];
		rx[slot].head = -1;
		/* An empty buffer means the end of input; giving it back would only get another one. */
		if (len) {
			rx_post(slot);
			vq_kick(&console->vq[RX]);
		}
	}
	return input_read != input_write;
}

char console_getc(void)
{
	wait_for(rx_collect, NULL, 0);
	return input[input_read++ % sizeof(input)];
}

static void console_start(struct vdev *d)
{
	vdev_start(d, 1u << FEATURE_INDIRECT_DESC);
	console = d;
	for (u32 i = 0; i < TX_SLOTS; i++)
		tx[i].head = -1;
	for (u32 i = 0; i < RX_SLOTS; i++)
		rx_post(i);
	vq_kick(&d->vq[RX]);
}

void console_init(void)
{
	struct vdev *d = vdev_find(VIRTIO_CONSOLE, 0);

	for (u32 i = 0; i < TX_SLOTS; i++)
		tx[i].head = -1;
	if (!d || d->num_vq < 2)
		return;
	console_start(d);
}

void console_leave(void)
{
	console_flush();
	console = NULL;
}

void console_restart(void)
{
	console_flush();
	if (console)
		console_start(console);
}
