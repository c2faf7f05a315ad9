/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The device page: finding devices and taking them through reset, negotiation and start. */
#include "irq.h"
#include "lib.h"
#include "paging.h"
#include "virtio.h"

struct vdev vdevs[MAX_DEVICES];
u32 vdev_count;

/* Where the used ring starts: after the available ring with its used_event word, on the next page. */
static u32 used_offset(u32 num)
{
	return align_up(16 * num + 2 * (3 + num), VRING_ALIGN);
}

static u32 ring_bytes(u32 num)
{
	return used_offset(num) + 6 + 8 * num;
}

static u32 read_bitmap(const volatile u8 *map, u32 len)
{
	u32 bits = 0;

	for (u32 i = 0; i < len && i < 4; i++)
		bits |= (u32)map[i] << 8 * i;
	return bits;
}

void vdev_scan(u32 page)
{
	u32 at = page;

	while (at + sizeof(struct lguest_device_desc) <= page + PAGE_SIZE && vdev_count < MAX_DEVICES) {
		struct vdev *d = &vdevs[vdev_count];
		struct lguest_vqconfig *queues;
		u32 type;

		d->desc = (struct lguest_device_desc *)at;
		type = d->desc->type;
		if (!type)
			break;
		d->index = vdev_count++;
		d->type = type;
		d->num_vq = d->desc->num_vq;
		d->feature_len = d->desc->feature_len;
		d->config_len = d->desc->config_len;
		queues = (struct lguest_vqconfig *)(d->desc + 1);
		d->features = (const volatile u8 *)(queues + d->num_vq);
		d->accepted_map = (volatile u8 *)d->features + d->feature_len;
		d->config = d->accepted_map + d->feature_len;
		d->offered = read_bitmap(d->features, d->feature_len);
		for (u32 i = 0; i < d->num_vq && i < MAX_QUEUES; i++) {
			struct virtqueue *vq = &d->vq[i];

			vq->gpa = queues[i].pfn * PAGE_SIZE;
			vq->num = queues[i].num;
			vq->irq = queues[i].irq;
			vq->desc = (struct vring_desc *)vq->gpa;
			vq->avail = (struct vring_avail *)(vq->gpa + 16 * vq->num);
			vq->used = (struct vring_used *)(vq->gpa + used_offset(vq->num));
		}
		at = GPA(d->config) + d->config_len;
	}
}

static u32 queue_count(const struct vdev *d)
{
	return min_u32(d->num_vq, MAX_QUEUES);
}

void vdev_map_rings(void)
{
	for (u32 i = 0; i < vdev_count; i++)
		for (u32 q = 0; q < queue_count(&vdevs[i]); q++)
			map_device(vdevs[i].vq[q].gpa, ring_bytes(vdevs[i].vq[q].num));
}

struct vdev *vdev_find(u32 type, u32 n)
{
	for (u32 i = 0; i < vdev_count; i++)
		if (vdevs[i].type == type && n-- == 0)
			return &vdevs[i];
	return NULL;
}

const char *vdev_type_name(u32 type)
{
	switch (type) {
	case VIRTIO_NET: return "net";
	case VIRTIO_BLOCK: return "block";
	case VIRTIO_CONSOLE: return "console";
	case VIRTIO_RNG: return "rng";
	default: return "unknown";
	}
}

static void ring_init(struct virtqueue *vq)
{
	for (u32 i = 0; i < vq->num; i++)
		vq->desc[i].next = (u16)(i + 1);
	vq->free_head = 0;
	vq->free_count = vq->num;
	vq->last_used = 0;
	irq_unblock(vq->irq);
}

void vdev_reset(struct vdev *d)
{
	d->desc->status = 0;
	notify(GPA(d->desc));
	d->accepted = 0;
}

void vdev_go(struct vdev *d, u8 status)
{
	/* The one notification with a status: the Host starts the queues. Reset cleared the rings, so they are written after it. */
	d->desc->status = status;
	notify(GPA(d->desc));
	for (u32 q = 0; q < queue_count(d); q++)
		ring_init(&d->vq[q]);
	d->desc->status = status | STATUS_DRIVER_OK;
}

void vdev_start(struct vdev *d, u32 wanted)
{
	vdev_reset(d);
	d->accepted = d->offered & wanted;
	for (u32 i = 0; i < d->feature_len; i++)
		d->accepted_map[i] = i < 4 ? (u8)(d->accepted >> 8 * i) : 0;
	vdev_go(d, STATUS_ACKNOWLEDGE | STATUS_DRIVER);
}
