/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Drivers that break the rules: what the parts of villain share. */
#ifndef VILLAIN_H
#define VILLAIN_H

#include "virtio.h"

#define VILLAIN_BUFFER 512u

enum verdict {
	REFUSED,	/* the device stops, and serves after a reset */
	ANSWERED,	/* the request comes back with an error, or with nothing done */
	SERVED,		/* as if nothing were wrong */
};

extern u8 villain_buffer[VILLAIN_BUFFER];

/* A request that keeps the rules, of a device that runs; false if it is not answered right. */
bool villain_asks(struct vdev *d);
/* The same behind a reset and a start. */
bool villain_serves(struct vdev *d);
/* The queue for such requests. */
struct virtqueue *villain_queue(struct vdev *d);
/* The device looks at the ring and refuses it. False if it answers, or never looks. */
bool villain_refused(struct virtqueue *vq);
/* Prints and counts a case; good: it came as it must. */
bool villain_tell(struct vdev *d, const char *name, enum verdict verdict, bool good);
/* The first address behind memory. */
u32 villain_limit(void);
void villain_make_available(struct virtqueue *vq, u16 head);

bool villain_requests(struct vdev *d);
bool villain_bus(struct vdev *d);
/* What the Host has no answer to but the end. Returns if it went on. */
void villain_end(const char *how);

#endif
