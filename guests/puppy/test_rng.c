/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rng.h"
#include "selftest.h"

static const char *random_bytes(struct vdev *d)
{
	static u8 a[32], b[32], zero[32];

	memset(a, 0, sizeof(a));
	memset(b, 0, sizeof(b));
	CHECK(rng_read(d, a, 32, 1) == 32 && rng_read(d, b, 32, 1) == 32, "wrong length");
	CHECK(memcmp(a, zero, 32) && memcmp(b, zero, 32), "all zero");
	CHECK(memcmp(a, b, 32), "two reads are equal");
	return NULL;
}

static const char *pieces(struct vdev *d)
{
	static u8 data[16 * 8];

	u32 n = min_u32(16, d->vq[0].num);

	memset(data, 0, sizeof(data));
	CHECK(rng_read(d, data, 8 * n, n) == (int)(8 * n), "wrong length");
	for (u32 i = 0; i < n; i++)
		CHECK(memcmp(data + 8 * i, (u8[8]){ 0 }, 8), "descriptor %u was not filled", i);
	return NULL;
}

static const char *indirect(struct vdev *d)
{
	static struct vring_desc table[4] __attribute__((aligned(16)));
	static u8 data[32];
	struct vbuf bufs[4] = { { data, 8 }, { data + 8, 8 }, { data + 16, 8 }, { data + 24, 8 } };
	u32 len = 0;

	if (!vdev_has(d, FEATURE_INDIRECT_DESC))
		return NULL;
	memset(data, 0, sizeof(data));
	vq_add_indirect(&d->vq[0], table, bufs, 0, 4);
	vq_kick(&d->vq[0]);
	CHECK(vq_wait(&d->vq[0], RNG_TIMEOUT_MS), "not done");
	vq_take(&d->vq[0], &len);
	CHECK(len == 32, "used length %u", len);
	CHECK(memcmp(data + 24, (u8[8]){ 0 }, 8), "the last piece was not filled");
	return NULL;
}

static const char *in_flight(struct vdev *d)
{
	static u32 words[64];
	struct virtqueue *vq = &d->vq[0];
	u32 n = min_u32(64, vq->num), done = 0, len;

	memset(words, 0, sizeof(words));
	for (u32 i = 0; i < n; i++) {
		struct vbuf buf = { &words[i], 4 };

		CHECK(vq_add(vq, &buf, 0, 1) >= 0, "ring full at %u", i);
	}
	vq_kick(vq);
	while (done < n) {
		CHECK(vq_wait(vq, RNG_TIMEOUT_MS), "%u of %u done", done, n);
		while (vq_take(vq, &len) >= 0) {
			CHECK(len == 4, "used length %u", len);
			done++;
		}
	}
	len = 0;
	for (u32 i = 0; i < n; i++)
		len += !words[i];
	CHECK(len < 3, "%u words were not filled", len);
	return NULL;
}

static const char *wraparound(struct vdev *d)
{
	u32 word, free = d->vq[0].free_count;

	for (u32 i = 0; i < 3 * (u32)d->vq[0].num + 5; i++)
		CHECK(rng_read(d, &word, 4, 1) == 4, "request %u failed", i);
	CHECK(d->vq[0].free_count == free, "%u descriptors free, %u before", d->vq[0].free_count, free);
	return NULL;
}

static const char *suppression(struct vdev *d)
{
	static u8 byte;
	struct vbuf buf = { &byte, 1 };

	return check_suppression(&d->vq[0], &buf, 0, 1);
}

static const char *restart(struct vdev *d)
{
	u32 word;

	vdev_start(d, 1u << FEATURE_INDIRECT_DESC);
	CHECK(rng_read(d, &word, 4, 1) == 4, "no answer after a restart");
	return NULL;
}

const struct device_test rng_tests[] = {
	{ "random", random_bytes },
	{ "pieces", pieces },
	{ "indirect", indirect },
	{ "in flight", in_flight },
	{ "wraparound", wraparound },
	{ "interrupt suppression", suppression },
	{ "restart", restart },
	{ NULL, NULL },
};
