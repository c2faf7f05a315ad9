/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block.h"
#include "irq.h"
#include "lib.h"

#define TIMEOUT_MS 30000

struct blk_slot blk_slots[BLK_SLOTS];

struct vdev *blk_find(u32 n)
{
	return vdev_find(VIRTIO_BLOCK, n);
}

static void start(struct vdev *d, u32 wanted)
{
	/* Whatever was under way is gone. */
	for (u32 i = 0; i < BLK_SLOTS; i++)
		blk_slots[i].head = -1;
	vdev_start(d, wanted | 1u << BLK_F_SEG_MAX | 1u << BLK_F_RO | 1u << FEATURE_INDIRECT_DESC);
}

void blk_start(struct vdev *d)
{
	start(d, 1u << BLK_F_FLUSH);
}

void blk_start_through(struct vdev *d)
{
	start(d, 0);
}

void blk_init(void)
{
	struct vdev *d;

	for (u32 n = 0; (d = blk_find(n)); n++)
		if (d->num_vq >= 1)
			blk_start(d);
}

u64 blk_capacity(const struct vdev *d)
{
	u64 sectors = 0;

	for (u32 i = 0; i < 8 && i < d->config_len; i++)
		sectors |= (u64)d->config[i] << 8 * i;
	return sectors;
}

bool blk_read_only(const struct vdev *d)
{
	return d->offered >> BLK_F_RO & 1;
}

bool blk_submit(struct vdev *d, u32 slot, u32 type, u64 sector, void *data, u32 len, u32 piece, bool indirect)
{
	struct blk_slot *s = &blk_slots[slot];
	struct vbuf bufs[BLK_PIECES + 2];
	u32 n = 0, pieces, out;

	s->header = (struct blk_header){ type, 0, sector };
	s->status = BLK_S_UNTOUCHED;
	s->done = false;
	bufs[n++] = (struct vbuf){ &s->header, sizeof(s->header) };
	for (u32 at = 0; at < len; n++) {
		u32 part = n < BLK_PIECES ? min_u32(piece, len - at) : len - at;

		bufs[n] = (struct vbuf){ (u8 *)data + at, part };
		at += part;
	}
	pieces = n - 1;
	bufs[n++] = (struct vbuf){ (void *)&s->status, 1 };
	out = type == BLK_OUT ? 1 + pieces : 1;
	s->head = indirect ? vq_add_indirect(&d->vq[0], s->table, bufs, out, n - out) : vq_add(&d->vq[0], bufs, out, n - out);
	return s->head >= 0;
}

/* Completions may come in any order: mark whichever came. */
bool blk_collect(struct vdev *d)
{
	bool any = false;
	u32 len;
	int head;

	while ((head = vq_take(&d->vq[0], &len)) >= 0)
		for (u32 i = 0; i < BLK_SLOTS; i++)
			if (blk_slots[i].head == head && !blk_slots[i].done) {
				blk_slots[i].done = any = true;
				blk_slots[i].used_len = len;
				blk_slots[i].head = -1;
			}
	return any;
}

static bool collect_any(void *d)
{
	return blk_collect(d);
}

bool blk_wait(struct vdev *d)
{
	return wait_for(collect_any, d, TIMEOUT_MS);
}

struct waiting {
	struct vdev *d;
	struct blk_slot *slot;
};

static bool collect(void *arg)
{
	struct waiting *w = arg;

	blk_collect(w->d);
	return w->slot->done;
}

u32 blk_finish(struct vdev *d, u32 slot)
{
	struct waiting w = { d, &blk_slots[slot] };

	return wait_for(collect, &w, TIMEOUT_MS) ? blk_slots[slot].status : BLK_S_TIMEOUT;
}

u32 blk_request(struct vdev *d, u32 type, u64 sector, void *data, u32 len)
{
	/* Several descriptors for a large request, if the ring is not too short for them. */
	if (!blk_submit(d, 0, type, sector, data, len, d->vq[0].num > BLK_PIECES ? 16384 : len, false))
		return BLK_S_TIMEOUT;
	vq_kick(&d->vq[0]);
	return blk_finish(d, 0);
}

const char *blk_status_text(u32 status)
{
	switch (status) {
	case BLK_S_OK: return "ok";
	case BLK_S_IOERR: return "I/O error";
	case BLK_S_UNSUPP: return "unsupported";
	case BLK_S_UNTOUCHED: return "status not written";
	case BLK_S_TIMEOUT: return "no answer";
	default: return "unknown status";
	}
}
