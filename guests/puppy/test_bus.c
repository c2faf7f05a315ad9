/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device page as a whole, and rules of virtqueues that hold for any device. */
#include "boot.h"
#include "rng.h"
#include "selftest.h"

const char *check_suppression(struct virtqueue *vq, const struct vbuf *bufs, u32 out, u32 in)
{
	u32 before;

	spin_us(3000);	/* an interrupt of the request before may still be on its way */
	before = irq_count[vq->irq];
	vq->avail->flags = AVAIL_NO_INTERRUPT;
	CHECK(vq_add(vq, bufs, out, in) >= 0, "ring full");
	vq_kick(vq);
	for (u32 i = 0; !vq_done(vq) && i < 50000; i++)
		spin_us(100);
	CHECK(vq_take(vq, NULL) >= 0, "not done without interrupts");
	spin_us(5000);
	vq->avail->flags = 0;
	spin_us(3000);
	CHECK(irq_count[vq->irq] == before, "interrupt though suppressed");
	CHECK(vq_add(vq, bufs, out, in) >= 0, "ring full");
	vq_kick(vq);
	CHECK(spin_until_changed(&irq_count[vq->irq], before, 5000000), "no interrupt when wanted again");
	CHECK(vq_take(vq, NULL) >= 0, "interrupt before the used ring changed");
	return NULL;
}

static const char *device_page(void)
{
	u32 irqs = 1u << IRQ_CLOCK;

	CHECK(vdev_count < MAX_DEVICES, "more than %u devices", MAX_DEVICES);
	for (u32 i = 0; i < vdev_count; i++) {
		struct vdev *d = &vdevs[i];
		u32 end = GPA(d->config) + d->config_len;

		CHECK(end <= boot.memory + PAGE_SIZE, "device %u ends at %x", i, end);
		for (u32 q = 0; q < d->num_vq && q < MAX_QUEUES; q++) {
			struct virtqueue *vq = &d->vq[q];

			CHECK(vq->irq < IRQ_COUNT && !(irqs >> vq->irq & 1), "device %u queue %u: irq %u", i, q, vq->irq);
			irqs |= 1u << vq->irq;
			CHECK(vq->num && !(vq->num & (vq->num - 1)), "device %u queue %u: %u entries", i, q, vq->num);
			CHECK(vq->gpa > boot.memory, "device %u queue %u: ring at %x", i, q, vq->gpa);
		}
	}
	return NULL;
}

static const char *features(void)
{
	for (u32 i = 0; i < vdev_count; i++) {
		struct vdev *d = &vdevs[i];
		u32 written = 0;

		if (d->desc->status != (STATUS_ACKNOWLEDGE | STATUS_DRIVER | STATUS_DRIVER_OK))
			continue;
		for (u32 k = 0; k < d->feature_len && k < 4; k++)
			written |= (u32)d->accepted_map[k] << 8 * k;
		CHECK(written == d->accepted, "device %u: accepted bits read %x, not %x", i, written, d->accepted);
	}
	return NULL;
}

/* With two interrupts waiting, the lower number comes first. */
static const char *priority(void)
{
	struct vdev *d = rng_find(0);
	u8 byte;
	struct vbuf buf = { &byte, 1 };
	u32 logged;

	if (!d || d->num_vq < 1)
		return NULL;
	irq_off();
	CHECK(vq_add(&d->vq[0], &buf, 0, 1) >= 0, "ring full");
	vq_kick(&d->vq[0]);
	for (u32 i = 0; !vq_done(&d->vq[0]) && i < 50000; i++)
		spin_us(100);
	clock_event(1000);
	spin_us(10000);
	logged = irq_logged;
	lguest_data.irq_enabled = IF_BIT;
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	hcall(HCALL_SEND_INTERRUPTS, 0, 0, 0, 0);
	vq_take(&d->vq[0], NULL);
	CHECK(irq_logged - logged >= 2, "%u interrupts of two", irq_logged - logged);
	CHECK(irq_log[logged % 16] == IRQ_CLOCK, "irq %u came first", irq_log[logged % 16]);
	return NULL;
}

const struct test bus_tests[] = {
	{ "device page", device_page },
	{ "accepted features", features },
	{ "interrupt priority", priority },
	{ NULL, NULL },
};
