/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RNG_H
#define RNG_H

#include "virtio.h"

#define RNG_TIMEOUT_MS 30000

void rng_init(void);
struct vdev *rng_find(u32 n);
/* Bytes read in one request cut into pieces, or -1. */
int rng_read(struct vdev *d, void *to, u32 len, u32 pieces);

#endif
