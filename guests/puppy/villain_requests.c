/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Requests that break a device's own rules, in rings that keep theirs. */
#include "block.h"
#include "lib.h"
#include "villain.h"

#define TIMEOUT_MS 30000u
#define UNTOUCHED  0xff
#define OFFSET_WRAPS (1ull << 55)

enum shape { READS, WRITES, SPLIT_HEADER, SHORT_HEADER, NO_HEADER, NO_STATUS, READABLE_STATUS, PAYLOAD_TO_READ, LONG_STATUS };

static const struct block_rule {
	const char *name;
	enum verdict verdict;
	u8 status;
	enum shape shape;
	u32 type;
	u64 sector;
	u32 len;
} block_rules[] = {
	{ "no header", REFUSED, 0, NO_HEADER, BLK_IN, 0, 512 },
	{ "header of 15 bytes", REFUSED, 0, SHORT_HEADER, BLK_IN, 0, 512 },
	{ "no status", REFUSED, 0, NO_STATUS, BLK_FLUSH, 0, 0 },
	{ "readable status", REFUSED, 0, READABLE_STATUS, BLK_FLUSH, 0, 0 },
	{ "header split byte by byte", SERVED, BLK_S_OK, SPLIT_HEADER, BLK_IN, 0, 512 },
	{ "status of 512 bytes", SERVED, BLK_S_OK, LONG_STATUS, BLK_FLUSH, 0, 0 },
	{ "read of sector 2^32", ANSWERED, BLK_S_IOERR, READS, BLK_IN, 1ull << 32, 512 },
	{ "read whose offset wraps to 0", ANSWERED, BLK_S_IOERR, READS, BLK_IN, OFFSET_WRAPS, 512 },
	{ "read of sector 2^64 - 1", ANSWERED, BLK_S_IOERR, READS, BLK_IN, ~0ull, 512 },
	{ "write of sector 2^32", ANSWERED, BLK_S_IOERR, WRITES, BLK_OUT, 1ull << 32, 512 },
	{ "write whose offset wraps to 0", ANSWERED, BLK_S_IOERR, WRITES, BLK_OUT, OFFSET_WRAPS, 512 },
	{ "write of sector 2^64 - 1", ANSWERED, BLK_S_IOERR, WRITES, BLK_OUT, ~0ull, 512 },
	{ "read of 511 bytes", ANSWERED, BLK_S_IOERR, READS, BLK_IN, 0, 511 },
	{ "write of 511 bytes", ANSWERED, BLK_S_IOERR, WRITES, BLK_OUT, 0, 511 },
	{ "type 2", ANSWERED, BLK_S_UNSUPP, READS, 2, 0, 512 },
	{ "type 11", ANSWERED, BLK_S_UNSUPP, WRITES, 11, 0, 512 },
	{ "type 2^32 - 1", ANSWERED, BLK_S_UNSUPP, READS, ~0u, 0, 512 },
	{ "flush with a payload", SERVED, BLK_S_OK, WRITES, BLK_FLUSH, 0, 512 },
	{ "flush of sector 2^64 - 1", SERVED, BLK_S_OK, READS, BLK_FLUSH, ~0ull, 0 },
	{ "serial number, 3 bytes of it", SERVED, BLK_S_OK, READS, BLK_GET_ID, 0, 3 },
	{ "serial number without room", SERVED, BLK_S_OK, READS, BLK_GET_ID, 0, 0 },
	{ "read with a readable payload beside", SERVED, BLK_S_OK, PAYLOAD_TO_READ, BLK_IN, 0, 512 },
	{ "read into a readable buffer", SERVED, BLK_S_OK, WRITES, BLK_IN, 0, 512 },
	{ "write from a writable buffer", SERVED, BLK_S_OK, READS, BLK_OUT, 0, 512 },
};

static bool block_rule(struct vdev *d, const struct block_rule *rule)
{
	static struct blk_header header;
	static volatile u8 status[512];
	struct virtqueue *vq = &d->vq[0];
	struct vbuf bufs[20];
	u32 n = 0, out, last = rule->shape == LONG_STATUS ? sizeof(status) : 1;

	header = (struct blk_header){ rule->type, 0, rule->sector };
	for (u32 i = 0; i < sizeof(status); i++)
		status[i] = UNTOUCHED;
	if (rule->shape == SPLIT_HEADER)
		for (u32 i = 0; i < sizeof(header); i++)
			bufs[n++] = (struct vbuf){ (u8 *)&header + i, 1 };
	else if (rule->shape != NO_HEADER)
		bufs[n++] = (struct vbuf){ &header, rule->shape == SHORT_HEADER ? 15 : 16 };
	out = n;
	if (rule->shape == PAYLOAD_TO_READ) {
		bufs[n++] = (struct vbuf){ villain_buffer, rule->len };
		out++;
	}
	if (rule->len) {
		bufs[n++] = (struct vbuf){ villain_buffer, rule->len };
		out += rule->shape == WRITES;
	}
	if (rule->shape != NO_STATUS) {
		bufs[n++] = (struct vbuf){ (void *)status, last };
		out += rule->shape == READABLE_STATUS;
	}
	if (rule->verdict == REFUSED) {
		vq_add(vq, bufs, out, n - out);
		return villain_refused(vq);
	}
	return vq_request(vq, bufs, out, n - out, TIMEOUT_MS) >= 1 && status[last - 1] == rule->status;
}

static const struct rule {
	u32 type, q;
	const char *name;
	enum verdict verdict;
	u32 readable, writable;	/* bytes */
} rules[] = {
	{ VIRTIO_RNG, 0, "readable buffer", REFUSED, 16, 0 },
	{ VIRTIO_RNG, 0, "readable buffer before a writable one", REFUSED, 16, 16 },
	{ VIRTIO_RNG, 0, "room of 0 bytes", ANSWERED, 0, 0 },
	{ VIRTIO_NET, 0, "readable buffer to receive", REFUSED, 16, 0 },
	{ VIRTIO_NET, 0, "room of 9 bytes", REFUSED, 0, 9 },
	{ VIRTIO_NET, 1, "writable buffer to send", REFUSED, 0, 16 },
	{ VIRTIO_NET, 1, "header of 9 bytes", ANSWERED, 9, 0 },
	{ VIRTIO_NET, 1, "header without a frame", ANSWERED, 10, 0 },
	{ VIRTIO_NET, 1, "frame of 256 KiB with our code for a header", ANSWERED, 256 * 1024, 0 },
	{ VIRTIO_CONSOLE, 0, "readable buffer to receive", REFUSED, 16, 0 },
	{ VIRTIO_CONSOLE, 0, "room of 0 bytes", ANSWERED, 0, 0 },
	{ VIRTIO_CONSOLE, 1, "writable buffer to print", REFUSED, 0, 16 },
	{ VIRTIO_CONSOLE, 1, "writable buffer behind a readable one", REFUSED, 16, 16 },
};

static bool rule(struct vdev *d, const struct rule *r)
{
	struct virtqueue *vq = &d->vq[r->q];
	/* Any memory will do for what is only read, and our code is long. */
	struct vbuf bufs[2] = { { (void *)0x100000, r->readable }, { villain_buffer, r->writable } };
	u32 out = r->readable > 0, in = r->writable > 0 || !out;

	if (r->verdict == REFUSED) {
		vq_add(vq, bufs + !out, out, in);
		return villain_refused(vq);
	}
	return vq_request(vq, bufs + !out, out, in, TIMEOUT_MS) == 0;
}

bool villain_requests(struct vdev *d)
{
	bool good = true;

	for (u32 i = 0; d->type == VIRTIO_BLOCK && i < sizeof(block_rules) / sizeof(*block_rules); i++) {
		if (!villain_serves(d))
			return false;
		good = villain_tell(d, block_rules[i].name, block_rules[i].verdict, block_rule(d, &block_rules[i])) && good;
	}
	for (u32 i = 0; i < sizeof(rules) / sizeof(*rules); i++) {
		if (rules[i].type != d->type)
			continue;
		if (!villain_serves(d))
			return false;
		good = villain_tell(d, rules[i].name, rules[i].verdict, rule(d, &rules[i])) && good;
	}
	return good;
}
