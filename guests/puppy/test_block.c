/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "block.h"
#include "selftest.h"

#define REGION 8u	/* sectors a test uses */

static u32 region(struct vdev *d)
{
	u64 sectors = blk_capacity(d);

	return sectors == 0 ? 1 : sectors < REGION ? (u32)sectors : REGION;
}

/* For odd pieces, but no more of them than the ring holds beside header and status. */
static u32 piece(struct vdev *d, u32 bytes, u32 wanted)
{
	u32 room = d->vq[0].num > 4 ? d->vq[0].num - 2u : 1, least = (bytes + room - 1) / room;

	return wanted < least ? least : wanted;
}

static u8 *buffer(void)
{
	return page_alloc(REGION * SECTOR / PAGE_SIZE);
}

static const char *status_is(const char *what, u32 status, u32 wanted)
{
	CHECK(status == wanted, "%s: %s (%x)", what, blk_status_text(status), status);
	return NULL;
}

static const char *ready(struct vdev *d)
{
	CHECK(d->num_vq >= 1, "no queue");
	CHECK(d->config_len >= 8, "%u config bytes", d->config_len);
	CHECK(blk_capacity(d), "no capacity");
	return NULL;
}

static const char *reading(struct vdev *d)
{
	u8 *a = buffer(), *b = buffer();
	u32 n = region(d), bytes = n * SECTOR;

	memset(a, 0x55, bytes);
	memset(b, 0xaa, bytes);
	TRY(status_is("read", blk_request(d, BLK_IN, 0, a, bytes), BLK_S_OK));
	CHECK(blk_slots[0].used_len == bytes + 1, "used length %u for %u bytes and the status", blk_slots[0].used_len, bytes);
	TRY(status_is("again", blk_request(d, BLK_IN, 0, b, bytes), BLK_S_OK));
	CHECK(!memcmp(a, b, bytes), "two reads differ");
	/* The same in small, odd pieces. */
	memset(b, 0x33, bytes);
	CHECK(blk_submit(d, 0, BLK_IN, 0, b, bytes, piece(d, bytes, 100), false), "ring full");
	vq_kick(&d->vq[0]);
	TRY(status_is("in pieces", blk_finish(d, 0), BLK_S_OK));
	CHECK(!memcmp(a, b, bytes), "read in pieces differs");
	return NULL;
}

static const char *writing(struct vdev *d)
{
	u8 *old = buffer(), *pattern = buffer(), *back = buffer();
	u32 n = region(d), bytes = n * SECTOR, state = 77, status;
	u64 at = blk_capacity(d) - n;
	const char *why = NULL;

	TRY(status_is("read", blk_request(d, BLK_IN, at, old, bytes), BLK_S_OK));
	for (u32 i = 0; i < bytes; i += 4) {
		u32 v = xorshift(&state);

		memcpy(pattern + i, &v, 4);
	}
	status = blk_request(d, BLK_OUT, at, pattern, bytes);
	if (blk_read_only(d)) {
		CHECK(status != BLK_S_OK, "a read-only disk took a write");
		TRY(status_is("read", blk_request(d, BLK_IN, at, back, bytes), BLK_S_OK));
		CHECK(!memcmp(old, back, bytes), "a read-only disk changed");
		return NULL;
	}
	TRY(status_is("write", status, BLK_S_OK));
	CHECK(blk_slots[0].used_len == 1, "used length %u of a write", blk_slots[0].used_len);
	if (blk_request(d, BLK_IN, at, back, bytes) != BLK_S_OK || memcmp(pattern, back, bytes))
		why = "reads back something else";
	/* One sector in the middle, in pieces; its neighbours must stay. */
	memset(pattern + (n / 2) * SECTOR, 0xe5, SECTOR);
	if (!why && blk_submit(d, 0, BLK_OUT, at + n / 2, pattern + (n / 2) * SECTOR, SECTOR, piece(d, SECTOR, 200), false)) {
		vq_kick(&d->vq[0]);
		if (blk_finish(d, 0) != BLK_S_OK || blk_request(d, BLK_IN, at, back, bytes) != BLK_S_OK ||
		    memcmp(pattern, back, bytes))
			why = "one sector written in pieces reads back something else";
	}
	TRY(status_is("restoring", blk_request(d, BLK_OUT, at, old, bytes), BLK_S_OK));
	TRY(status_is("read", blk_request(d, BLK_IN, at, back, bytes), BLK_S_OK));
	CHECK(!memcmp(old, back, bytes), "could not restore");
	CHECK(!why, "%s", why);
	return NULL;
}

static const char *flush(struct vdev *d)
{
	if (!vdev_has(d, BLK_F_FLUSH))
		return NULL;
	TRY(status_is("flush", blk_request(d, BLK_FLUSH, 0, NULL, 0), BLK_S_OK));
	CHECK(blk_slots[0].used_len == 1, "used length %u", blk_slots[0].used_len);
	return NULL;
}

static const char *past_end(struct vdev *d)
{
	u8 *data = buffer();
	u64 end = blk_capacity(d);

	TRY(status_is("read at the end", blk_request(d, BLK_IN, end, data, SECTOR), BLK_S_IOERR));
	TRY(status_is("read across the end", blk_request(d, BLK_IN, end - 1, data, 2 * SECTOR), BLK_S_IOERR));
	TRY(status_is("read far away", blk_request(d, BLK_IN, ~0ull >> 1, data, SECTOR), BLK_S_IOERR));
	/* Sector times 512 wraps to 0 here. */
	TRY(status_is("read beyond 64 bits", blk_request(d, BLK_IN, 1ull << 55, data, SECTOR), BLK_S_IOERR));
	TRY(status_is("read afterwards", blk_request(d, BLK_IN, 0, data, SECTOR), BLK_S_OK));
	return NULL;
}

static const char *unknown_type(struct vdev *d)
{
	u8 *data = buffer();

	TRY(status_is("type 77", blk_request(d, 77, 0, NULL, 0), BLK_S_UNSUPP));
	TRY(status_is("type 77 with data", blk_request(d, 77, 0, data, SECTOR), BLK_S_UNSUPP));
	return NULL;
}

static const char *get_id(struct vdev *d)
{
	char id[21];
	u32 status, n = 0;

	memset(id, 0, sizeof(id));
	status = blk_request(d, BLK_GET_ID, 0, id, 20);
	TRY(status_is("get id", status, BLK_S_OK));
	for (; n < 20 && id[n]; n++)
		CHECK(id[n] >= ' ' && id[n] < 0x7f, "byte %u is %x", n, (u8)id[n]);
	return NULL;
}

static const char *indirect(struct vdev *d)
{
	u8 *a = buffer(), *b = buffer();
	u32 bytes = region(d) * SECTOR;

	if (!vdev_has(d, FEATURE_INDIRECT_DESC))
		return NULL;
	TRY(status_is("direct", blk_request(d, BLK_IN, 0, a, bytes), BLK_S_OK));
	CHECK(blk_submit(d, 0, BLK_IN, 0, b, bytes, 700, true), "ring full");
	vq_kick(&d->vq[0]);
	TRY(status_is("indirect", blk_finish(d, 0), BLK_S_OK));
	CHECK(!memcmp(a, b, bytes), "data differs");
	CHECK(blk_slots[0].used_len == bytes + 1, "used length %u", blk_slots[0].used_len);
	return NULL;
}

/* As many requests as the ring and we can hold, one kick; each gets its own data. */
static const char *in_flight(struct vdev *d)
{
	u32 n = min_u32(min_u32(BLK_SLOTS, d->vq[0].num / 3), 24), sectors = region(d);
	u8 *data = page_alloc(n * SECTOR / PAGE_SIZE + 1), *single = page_alloc(1);

	for (u32 i = 0; i < n; i++)
		CHECK(blk_submit(d, i, BLK_IN, i % sectors, data + i * SECTOR, SECTOR, SECTOR, false), "ring full at %u", i);
	vq_kick(&d->vq[0]);
	for (u32 i = 0; i < n; i++)
		TRY(status_is("read", blk_finish(d, i), BLK_S_OK));
	for (u32 i = 0; i < n; i++) {
		TRY(status_is("single read", blk_request(d, BLK_IN, i % sectors, single, SECTOR), BLK_S_OK));
		CHECK(!memcmp(single, data + i * SECTOR, SECTOR), "request %u has other data", i);
	}
	return NULL;
}

static const char *wraparound(struct vdev *d)
{
	u8 *data = page_alloc(1);
	u32 free = d->vq[0].free_count;

	for (u32 i = 0; i < 3 * (u32)d->vq[0].num + 7; i++) {
		u32 status = blk_request(d, BLK_IN, i % region(d), data, SECTOR);

		CHECK(status == BLK_S_OK, "request %u: %s", i, blk_status_text(status));
	}
	CHECK(d->vq[0].free_count == free, "%u descriptors free, %u before", d->vq[0].free_count, free);
	return NULL;
}

static const char *suppression(struct vdev *d)
{
	static struct blk_header header __attribute__((aligned(8)));
	static u8 data[SECTOR], status;
	struct vbuf bufs[3] = { { &header, sizeof(header) }, { data, SECTOR }, { &status, 1 } };

	return check_suppression(&d->vq[0], bufs, 1, 2);
}

static const char *restart(struct vdev *d)
{
	u8 *data = buffer();

	vdev_reset(d);
	for (u32 i = 0; i < d->feature_len; i++)
		CHECK(!d->accepted_map[i], "reset left the accepted features");
	blk_start(d);
	TRY(status_is("read", blk_request(d, BLK_IN, 0, data, SECTOR), BLK_S_OK));
	blk_start(d);
	TRY(status_is("read after the second restart", blk_request(d, BLK_IN, 0, data, SECTOR), BLK_S_OK));
	return NULL;
}

const struct device_test block_tests[] = {
	{ "ready", ready },
	{ "read", reading },
	{ "write", writing },
	{ "flush", flush },
	{ "past end", past_end },
	{ "unknown type", unknown_type },
	{ "get id", get_id },
	{ "indirect", indirect },
	{ "in flight", in_flight },
	{ "wraparound", wraparound },
	{ "interrupt suppression", suppression },
	{ "restart", restart },
	{ NULL, NULL },
};
