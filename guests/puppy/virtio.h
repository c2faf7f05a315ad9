/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lguest device page as a virtio bus, and the driver side of a split virtqueue. */
#ifndef VIRTIO_H
#define VIRTIO_H

#include "lguest.h"

#define VIRTIO_NET      1
#define VIRTIO_BLOCK    2
#define VIRTIO_CONSOLE  3
#define VIRTIO_RNG      4

#define STATUS_ACKNOWLEDGE 1
#define STATUS_DRIVER      2
#define STATUS_DRIVER_OK   4
#define STATUS_FAILED      0x80

#define FEATURE_INDIRECT_DESC 28

#define DESC_NEXT      1
#define DESC_WRITE     2
#define DESC_INDIRECT  4
#define AVAIL_NO_INTERRUPT 1
#define USED_NO_NOTIFY     1

struct vring_desc {
	u64 addr;
	u32 len;
	u16 flags;
	u16 next;
};

struct vring_avail {
	volatile u16 flags, idx;
	volatile u16 ring[];
};

struct vring_used_elem {
	volatile u32 id, len;
};

struct vring_used {
	volatile u16 flags, idx;
	struct vring_used_elem ring[];
};

struct virtqueue {
	u32 gpa;
	u16 num, irq;
	struct vring_desc *desc;
	struct vring_avail *avail;
	struct vring_used *used;
	u16 free_head, free_count, last_used;
};

#define MAX_QUEUES  8
#define MAX_DEVICES 64

struct vdev {
	u32 index, type;
	struct lguest_device_desc *desc;
	u32 num_vq, feature_len, config_len;
	const volatile u8 *features;
	volatile u8 *accepted_map;
	const volatile u8 *config;
	u32 offered, accepted;
	struct virtqueue vq[MAX_QUEUES];
};

/* One piece of a request; a request is its readable ("out") pieces first, then the writable ("in") ones. */
struct vbuf {
	void *data;
	u32 len;
};

extern struct vdev vdevs[MAX_DEVICES];
extern u32 vdev_count;

/* Reads the descriptor page; must run while that page is reachable. */
void vdev_scan(u32 page);
/* Maps every ring. */
void vdev_map_rings(void);
/* The n-th device of a type, NULL if there are not so many. */
struct vdev *vdev_find(u32 type, u32 n);
const char *vdev_type_name(u32 type);
static inline bool vdev_has(const struct vdev *d, u32 bit) { return d->accepted >> bit & 1; }

void vdev_reset(struct vdev *d);
/* Resets, accepts the wanted bits that are offered, starts the device and sets its rings up. */
void vdev_start(struct vdev *d, u32 wanted);
/* The last part of that: from the notification of this status on. */
void vdev_go(struct vdev *d, u8 status);

/* The head of the chain, or -1 when there are too few free descriptors. */
int vq_add(struct virtqueue *vq, const struct vbuf *bufs, u32 out, u32 in);
/* The same through an indirect table of out + in descriptors, which must live until the request is done. */
int vq_add_indirect(struct virtqueue *vq, struct vring_desc *table, const struct vbuf *bufs, u32 out, u32 in);
void vq_kick(struct virtqueue *vq);
bool vq_done(const struct virtqueue *vq);
/* Takes one completed chain and frees its descriptors; the head, or -1. */
int vq_take(struct virtqueue *vq, u32 *len);
/* Halts until something is done or the time is over. */
bool vq_wait(struct virtqueue *vq, u32 timeout_ms);
/* Adds, kicks and waits for one request on an otherwise idle queue: the used length, or -1. */
int vq_request(struct virtqueue *vq, const struct vbuf *bufs, u32 out, u32 in, u32 timeout_ms);

#endif
