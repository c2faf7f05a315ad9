/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rng.h"

#define MAX_PIECES 16

struct vdev *rng_find(u32 n)
{
	return vdev_find(VIRTIO_RNG, n);
}

void rng_init(void)
{
	struct vdev *d;

	for (u32 n = 0; (d = rng_find(n)); n++)
		if (d->num_vq >= 1)
			vdev_start(d, 1u << FEATURE_INDIRECT_DESC);
}

int rng_read(struct vdev *d, void *to, u32 len, u32 pieces)
{
	struct vbuf bufs[MAX_PIECES];
	u32 at = 0;

	for (u32 i = 0; i < pieces; i++) {
		u32 part = i + 1 < pieces ? len / pieces : len - at;

		bufs[i] = (struct vbuf){ (char *)to + at, part };
		at += part;
	}
	return vq_request(&d->vq[0], bufs, 0, pieces, RNG_TIMEOUT_MS);
}
