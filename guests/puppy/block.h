/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BLOCK_H
#define BLOCK_H

#include "virtio.h"

#define SECTOR 512u

#define BLK_IN      0
#define BLK_OUT     1
#define BLK_FLUSH   4
#define BLK_GET_ID  8

#define BLK_S_OK      0
#define BLK_S_IOERR   1
#define BLK_S_UNSUPP  2
/* Our own: what we put there before the request, and what we say when nothing came. */
#define BLK_S_UNTOUCHED 0xff
#define BLK_S_TIMEOUT   0x100

#define BLK_F_SEG_MAX  2
#define BLK_F_RO       5
#define BLK_F_FLUSH    9

/* Requests a test may have under way at once, and data pieces of one request. */
#define BLK_SLOTS  32
#define BLK_PIECES 8

struct blk_header {
	u32 type, ioprio;
	u64 sector;
};

struct blk_slot {
	struct blk_header header __attribute__((aligned(8)));
	struct vring_desc table[BLK_PIECES + 2] __attribute__((aligned(16)));
	volatile u8 status;
	int head;
	bool done;
	u32 used_len;
};

extern struct blk_slot blk_slots[BLK_SLOTS];

void blk_init(void);
struct vdev *blk_find(u32 n);
void blk_start(struct vdev *d);
/* The same without the flush: what is written is to be durable when it is answered. */
void blk_start_through(struct vdev *d);
u64 blk_capacity(const struct vdev *d);
bool blk_read_only(const struct vdev *d);

/* Starts a request in a slot, its data cut into pieces of at most piece bytes; false when the ring is full. */
bool blk_submit(struct vdev *d, u32 slot, u32 type, u64 sector, void *data, u32 len, u32 piece, bool indirect);
/* Marks what has been answered as done; true if there was any. */
bool blk_collect(struct vdev *d);
/* Waits until something is answered; false after a long time. */
bool blk_wait(struct vdev *d);
/* Waits until the slot's request is done: its status, or BLK_S_TIMEOUT. */
u32 blk_finish(struct vdev *d, u32 slot);
/* Both, in slot 0. */
u32 blk_request(struct vdev *d, u32 type, u64 sector, void *data, u32 len);
const char *blk_status_text(u32 status);

#endif
